//! Other frameworks on the same game, in turn with this library's trainer.
//!
//! Each peer is a program of `benches/peers` that starts from the folder [`crate::start`] writes.
//! Before it is timed it must reproduce this library's losses: a peer that is fast at another game
//! does not count.

mod parzen;
mod process;
mod processors;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::{game, start, timing::Times};
pub use parzen::measure_parzen;
use process::{Hello, Peer};

/// Iterations of one side before it is the other's turn, after one that is not counted.
const TURN: usize = 8;
/// Pairs of turns of which ratios are taken.
const PAIRS: usize = 12;
/// Largest relative difference of losses in f32: five iterations differ by about 1e-7, and two
/// games that differ in one dropout mask by more than 1e-4.
const TOLERANCE: f64 = 1e-5;
/// The same where factors of products are rounded to 7 or 10 bits.
const LOOSE_TOLERANCE: f64 = 2e-2;

/// One peer beside this library.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct PeerRow {
    /// The framework.
    pub name: String,
    /// How it is used.
    pub variant: String,
    /// Of what its speed depends on; empty if it did not run.
    pub versions: BTreeMap<String, String>,
    /// Threads of either side.
    pub threads: usize,
    /// Of the factors of products, on either side.
    pub precision: String,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a comparison.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing, and why, in one line.
    Skipped(String),
    /// Times per iteration, taken in turns.
    Measured {
        /// Milliseconds of this library, the median of the turns.
        ours_ms: f64,
        /// Half the distance between the quartiles over the median.
        ours_spread: f64,
        /// Milliseconds of the peer.
        theirs_ms: f64,
        /// Its spread.
        theirs_spread: f64,
        /// Theirs over ours, the median of the pairs.
        ratio: f64,
        /// Largest relative difference of the losses that were checked.
        loss_gap: f64,
    },
}

/// One use of one framework.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    variant: &'static str,
    program: Program,
}

#[derive(Clone, Copy)]
enum Program {
    /// A script of `benches/peers`.
    Python(&'static str),
    /// The package `benches/peers/rust`.
    Rust,
}

const fn kind(name: &'static str, variant: &'static str, program: Program) -> Kind {
    Kind {
        name,
        variant,
        program,
    }
}

const TORCH: Program = Program::Python("torch_mnist.py");
const JAX: Program = Program::Python("jax_mnist.py");
const ON_PROCESSORS: [Kind; 7] = [
    kind("PyTorch", "eager", TORCH),
    kind("PyTorch", "onednn", TORCH),
    kind("PyTorch", "manual", TORCH),
    kind("PyTorch", "compile", TORCH),
    kind("JAX", "scan", JAX),
    kind("burn", "flex", Program::Rust),
    kind("candle", "cpu", Program::Rust),
];
const ON_DEVICES: [Kind; 6] = [
    kind("PyTorch", "eager", TORCH),
    kind("PyTorch", "manual", TORCH),
    kind("PyTorch", "compile", TORCH),
    kind("PyTorch", "graph", TORCH),
    kind("PyTorch", "compile-graph", TORCH),
    kind("JAX", "scan", JAX),
];

/// The MNIST game by this library and by each peer in turn, for at least `budget` and twelve pairs
/// of turns a peer.
///
/// `root` is the repository; `device` is `cpu` or a GPU as `gan_kernels::cube::DeviceName` names
/// it, for which this package needs the feature of that name.
/// Both sides run on `native_threads` processors, the same ones, where the system can hold them
/// there.
///
/// # Errors
/// If this library cannot run; what a peer cannot do is its row's [`Outcome::Skipped`].
pub fn measure(
    native_threads: usize,
    precision: &str,
    device: &str,
    budget: Duration,
    root: &Path,
) -> Result<Vec<PeerRow>> {
    let kinds: &[Kind] = if device == "cpu" {
        &ON_PROCESSORS
    } else {
        &ON_DEVICES
    };
    let place = Place::new(root, native_threads)?;
    let folder = place.folder("start")?;
    let losses: Vec<Vec<f64>> = start::write(&folder)?.iter().map(Vec::from).collect();
    let unbuilt = kinds
        .iter()
        .any(|kind| matches!(kind.program, Program::Rust))
        .then(|| place.build_rust().err())
        .flatten();
    let tolerance = if precision == "f32" {
        TOLERANCE
    } else {
        LOOSE_TOLERANCE
    };
    on_processors(native_threads, || {
        let mut ours = Ours::new(native_threads, precision, device)?;
        let mut rows = Vec::new();
        for kind in kinds {
            let reason = match (kind.program, &unbuilt) {
                (Program::Rust, Some(error)) => Some(skipped(error)),
                (Program::Python(_), _) => place.without_python(),
                _ => None,
            };
            if let Some(reason) = reason {
                rows.push(row(kind, native_threads, precision, reason));
                continue;
            }
            let mut command = place.command(kind);
            command
                .args(["--start".as_ref(), folder.as_os_str()])
                .args(["--variant", kind.variant])
                .args(["--threads", &native_threads.to_string()])
                .args(["--precision", precision])
                .args(["--device", device]);
            let contest = Contest {
                expected: &losses,
                tolerance,
                turn: TURN,
                settle: 1,
                pairs: PAIRS,
                budget,
            };
            let log = place.log(kind)?;
            let mut run = |count| ours.run(count);
            rows.push(contest.row(
                kind,
                native_threads,
                precision,
                &mut command,
                &log,
                &mut run,
            ));
        }
        Ok(rows)
    })
}

/// What a framework's product of two 4096 × 4096 f32 matrices reaches.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ProductRate {
    /// The framework, and the library it calls where that is another.
    pub name: String,
    /// Its version.
    pub version: String,
    /// FLOP per second, the best of several; or why there is none.
    pub flops: Result<f64, String>,
}

/// Rates of the product that PyTorch, NumPy and JAX reach with `threads` threads, on as many
/// processors.
///
/// # Errors
/// If the environment of Python is missing or its script fails.
pub fn product_rates(threads: usize, root: &Path) -> Result<Vec<ProductRate>> {
    #[derive(Deserialize)]
    struct Line {
        name: String,
        version: String,
        flops: Option<f64>,
        skip: Option<String>,
    }
    let place = Place::new(root, threads)?;
    on_processors(threads, || {
        let mut rates = Vec::new();
        // Each in a process of its own: their pools of threads would meet in one.
        for library in ["torch", "numpy", "jax"] {
            let output = place
                .python("products.py")
                .args([library, &threads.to_string()])
                .output()
                .context("no Python; `sh benches/peers/setup.sh` installs it")?;
            let text = String::from_utf8_lossy(&output.stdout);
            let line: Line = serde_json::from_str(text.trim()).with_context(|| {
                let words = String::from_utf8_lossy(&output.stderr);
                format!("products.py {library}: {}", words.trim())
            })?;
            let Line { name, version, .. } = line;
            let flops = line.flops.ok_or_else(|| line.skip.unwrap_or_default());
            rates.push(ProductRate {
                name,
                version,
                flops,
            });
        }
        Ok(rates)
    })
}

/// Runs `body` in a thread that is kept to `count` processors, with all that it starts.
fn on_processors<T: Send>(count: usize, body: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            processors::keep_to(count)?;
            body()
        });
        match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// This library's side.
struct Ours {
    step: Box<dyn FnMut(usize) -> Result<()>>,
}

impl Ours {
    fn new(threads: usize, precision: &str, device: &str) -> Result<Self> {
        if device == "cpu" {
            ensure!(
                precision == "f32",
                "precision {precision} is not offered on cpu, expected f32"
            );
            return Self::on(gan_kernels::Native::<f32>::new(Some(threads))?);
        }
        Self::on_device(precision, device)
    }

    #[cfg(feature = "gpu")]
    fn on_device(precision: &str, device: &str) -> Result<Self> {
        let name = device.parse().map_err(anyhow::Error::msg)?;
        let precision = precision.parse().map_err(anyhow::Error::msg)?;
        Self::on(gan_kernels::cube::Cube::open(name, precision)?)
    }

    #[cfg(not(feature = "gpu"))]
    fn on_device(_: &str, device: &str) -> Result<Self> {
        bail!("no device {device}: this build is without GPUs\nhint: build with `--features cuda`")
    }

    fn on<B: gan_kernels::Backend + 'static>(backend: B) -> Result<Self> {
        let mut trainer = game::mnist_trainer_on(backend)?;
        let step = Box::new(move |count| {
            (0..count).for_each(|_| trainer.step());
            // Waits for a device, which has only been told what to do so far.
            Ok(trainer.check()?)
        });
        Ok(Self { step })
    }

    /// Milliseconds per iteration, the mean of `count`.
    fn run(&mut self, count: usize) -> Result<f64> {
        let start = Instant::now();
        (self.step)(count)?;
        Ok(start.elapsed().as_secs_f64() * 1e3 / count as f64)
    }
}

/// How a peer is checked and timed.
struct Contest<'a> {
    expected: &'a [Vec<f64>],
    tolerance: f64,
    /// Iterations that are counted before it is the other's turn.
    turn: usize,
    /// Iterations before them, which bring caches and threads back.
    settle: usize,
    pairs: usize,
    budget: Duration,
}

impl Contest<'_> {
    /// The row of the peer that `command` starts, whose stderr goes to `log`.
    fn row(
        &self,
        kind: &Kind,
        threads: usize,
        precision: &str,
        command: &mut Command,
        log: &Path,
        ours: &mut dyn FnMut(usize) -> Result<f64>,
    ) -> PeerRow {
        let mut row = row(kind, threads, precision, Outcome::Skipped(String::new()));
        let started = Peer::start(command, log);
        row.outcome = match started {
            Err(error) => skipped(&error),
            Ok((_, Hello::Skip { skip })) => Outcome::Skipped(skip),
            Ok((mut peer, Hello::Ready { versions, .. })) => {
                row.versions = versions;
                self.meet(&mut peer, ours)
                    .unwrap_or_else(|error| skipped(&error))
            }
        };
        row
    }

    fn meet(&self, peer: &mut Peer, ours: &mut dyn FnMut(usize) -> Result<f64>) -> Result<Outcome> {
        let loss_gap = gap(&peer.check()?, self.expected)?;
        ensure!(
            loss_gap <= self.tolerance,
            "computes another game: losses differ by {loss_gap:.1e}, expected at most {:.0e}",
            self.tolerance
        );
        let turn = |run: &mut dyn FnMut(usize) -> Result<f64>| {
            if self.settle > 0 {
                run(self.settle)?;
            }
            run(self.turn)
        };
        // Not counted: compilers, buffers that grow, pages that are touched.
        turn(ours)?;
        turn(&mut |count| peer.run(count))?;
        let (mut a, mut b, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        let start = Instant::now();
        while a.len() < self.pairs || start.elapsed() < self.budget {
            let pair = (turn(ours)?, turn(&mut |count| peer.run(count))?);
            a.push(pair.0);
            b.push(pair.1);
            ratios.push(pair.1 / pair.0);
        }
        let [ours, theirs, ratios] = [a, b, ratios].map(Times::new);
        Ok(Outcome::Measured {
            ours_ms: ours.median(),
            ours_spread: ours.spread(),
            theirs_ms: theirs.median(),
            theirs_spread: theirs.spread(),
            ratio: ratios.median(),
            loss_gap,
        })
    }
}

/// Largest relative difference.
fn gap(found: &[Vec<f64>], expected: &[Vec<f64>]) -> Result<f64> {
    let lengths = |rows: &[Vec<f64>]| rows.iter().map(Vec::len).collect::<Vec<_>>();
    ensure!(
        lengths(found) == lengths(expected),
        "found {found:?} as losses, expected {} rows of {}",
        expected.len(),
        expected.first().map_or(0, Vec::len)
    );
    let pairs = found.iter().flatten().zip(expected.iter().flatten());
    let gaps = pairs.map(|(found, expected)| (found / expected - 1.0).abs());
    // Not `f64::max`, which would hide a NaN.
    Ok(gaps.fold(0.0, |a, b| if b <= a || a.is_nan() { a } else { b }))
}

fn row(kind: &Kind, threads: usize, precision: &str, outcome: Outcome) -> PeerRow {
    PeerRow {
        name: kind.name.into(),
        variant: kind.variant.into(),
        versions: BTreeMap::new(),
        threads,
        precision: precision.into(),
        outcome,
    }
}

fn skipped(error: &anyhow::Error) -> Outcome {
    let text = format!("{error:#}");
    Outcome::Skipped(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Where the peers are, and how they are started.
struct Place {
    root: PathBuf,
    threads: usize,
}

impl Place {
    fn new(root: &Path, threads: usize) -> Result<Self> {
        let root = root
            .canonicalize()
            .with_context(|| root.display().to_string())?;
        Ok(Self { root, threads })
    }

    /// A folder under `target/peers`, made if it is not there.
    fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.root.join("target/peers").join(name);
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        Ok(folder)
    }

    fn log(&self, kind: &Kind) -> Result<PathBuf> {
        let name = format!("{}-{}.log", kind.name, kind.variant).replace(' ', "-");
        Ok(self.folder("logs")?.join(name))
    }

    fn interpreter(&self) -> PathBuf {
        let given = std::env::var_os("PEERS_VENV").map(PathBuf::from);
        let folder = given.unwrap_or_else(|| self.root.join("target/peers/venv"));
        folder.join("bin/python")
    }

    /// What to do where Python is not there.
    fn without_python(&self) -> Option<Outcome> {
        let python = self.interpreter();
        let reason = || {
            let python = python.display();
            format!("{python} is missing; `sh benches/peers/setup.sh` installs it")
        };
        (!python.exists()).then(|| Outcome::Skipped(reason()))
    }

    fn python(&self, script: &str) -> Command {
        let mut command = Command::new(self.interpreter());
        command.arg(self.root.join("benches/peers").join(script));
        self.prepare(&mut command);
        command
    }

    fn command(&self, kind: &Kind) -> Command {
        match kind.program {
            Program::Python(script) => self.python(script),
            Program::Rust => {
                let mut command = Command::new(self.root.join("target/peers/rust/release/peers"));
                self.prepare(&mut command);
                command
            }
        }
    }

    /// Threads, and memory that is kept from one iteration to the next.
    fn prepare(&self, command: &mut Command) {
        let threads = self.threads.to_string();
        for name in [
            "OMP_NUM_THREADS",
            "MKL_NUM_THREADS",
            "OPENBLAS_NUM_THREADS",
            "RAYON_NUM_THREADS",
        ] {
            command.env(name, &threads);
        }
        // glibc would give large tensors back to the system, and touch their pages anew.
        for name in [
            "MALLOC_MMAP_THRESHOLD_",
            "MALLOC_TRIM_THRESHOLD_",
            "MALLOC_TOP_PAD_",
        ] {
            command.env(name, "268435456");
        }
        // Idle threads of OpenBLAS spin for 2²⁰ cycles in place of 2²⁶, which would meet our turn.
        command.env("OPENBLAS_THREAD_TIMEOUT", "20");
        // What a machine's environment says about old processors is not for a fair comparison.
        command.env_remove("OPENBLAS_CORETYPE");
        command.env_remove("OPENBLAS_L2_SIZE");
    }

    /// Builds burn's and candle's peer, for this processor.
    fn build_rust(&self) -> Result<()> {
        let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["build", "--release", "--locked", "--manifest-path"])
            .arg(self.root.join("benches/peers/rust/Cargo.toml"))
            .arg("--target-dir")
            .arg(self.root.join("target/peers/rust"))
            .env("RUSTFLAGS", "-C target-cpu=native")
            .output()
            .context("cannot start cargo")?;
        if output.status.success() {
            return Ok(());
        }
        let words = String::from_utf8_lossy(&output.stderr);
        let error = words.lines().find(|line| line.starts_with("error"));
        bail!(
            "benches/peers/rust does not build: {}",
            error.unwrap_or("cargo failed")
        )
    }
}

#[cfg(test)]
mod tests;
