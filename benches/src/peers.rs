//! Other frameworks on the same game, in turn with this library's trainer.
//!
//! Each peer is a program of `benches/peers` that starts from the folder [`crate::start`] writes.
//! Before it is timed it must reproduce this library's losses: a peer that is fast at another game
//! does not count.

mod contest;
mod parzen;
mod place;
mod process;
mod processors;
mod products;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::products::one_line;
use crate::{game, start};
use contest::Contest;
pub use parzen::measure_parzen;
use place::Place;
pub use products::TorchProducts;

/// Iterations of one side before it is the other's turn, after one that is not counted.
const TURN: usize = 8;
/// Pairs of turns of which ratios are taken.
const PAIRS: usize = 12;
/// Largest relative difference of losses in f32: five iterations of the same game differ by about
/// 1e-7, of one with other masks by 2e-3, of one without the schedules by 4e-4.
const TOLERANCE: f64 = 1e-5;
/// The same where factors of products are rounded, in tf32x3 as well, whose sums tensor cores make
/// in their own way.
const LOOSE_TOLERANCE: f64 = 5e-3;

/// What others are asked for where ours computes in `precision`: they have no way between.
fn theirs(precision: &str) -> &str {
    if precision == "tf32x3" {
        "f32"
    } else {
        precision
    }
}

/// Why a peer is skipped that comes too late.
pub(crate) const NO_TIME: &str = "no time was left for it";

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
/// The fastest first, as time may run out.
const ON_DEVICES: [Kind; 6] = [
    kind("PyTorch", "graph", TORCH),
    kind("PyTorch", "compile-graph", TORCH),
    kind("JAX", "scan", JAX),
    kind("PyTorch", "manual", TORCH),
    kind("PyTorch", "compile", TORCH),
    kind("PyTorch", "eager", TORCH),
];

/// The MNIST game by this library and by each peer in turn, for at least `budget` and twelve pairs
/// of turns a peer; peers that have not answered `until` then are skipped.
///
/// `root` is the repository; `device` is `cpu` or a GPU as `gan_kernels::cube::DeviceName` names
/// it, for which this package needs the feature of that name.
/// On the CPU both sides run on `native_threads` processors, the same ones, where the system can
/// hold them there; on a GPU neither is kept to some, since what drives a device has threads of its
/// own.
///
/// # Errors
/// If this library cannot run; what a peer cannot do is its row's [`Outcome::Skipped`].
pub fn measure(
    native_threads: usize,
    precision: &str,
    device: &str,
    budget: Duration,
    until: Option<Instant>,
    root: &Path,
) -> Result<Vec<PeerRow>> {
    let kinds: &[Kind] = if device == "cpu" {
        &ON_PROCESSORS
    } else {
        &ON_DEVICES
    };
    let skip_all = |reason: &dyn Fn(&Kind) -> String| {
        let skip = |kind| {
            let outcome = Outcome::Skipped(reason(kind));
            row(kind, native_threads, precision, outcome)
        };
        Ok(kinds.iter().map(skip).collect())
    };
    // Before a game is played, which takes seconds, and minutes where it is not optimised.
    let runtime = device.split(':').next().unwrap_or_default();
    if !["cpu", "cuda", "hip"].contains(&runtime) {
        return skip_all(&|kind| format!("{} has no device {runtime}", kind.name));
    }
    let is_over = || until.is_some_and(|until| Instant::now() >= until);
    if is_over() {
        return skip_all(&|_| NO_TIME.into());
    }
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
    let contests = || {
        let mut ours = Ours::new(native_threads, precision, device)?;
        let mut rows = Vec::new();
        for kind in kinds {
            let reason = match (kind.program, &unbuilt) {
                _ if is_over() => Some(Outcome::Skipped(NO_TIME.into())),
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
                .args(["--precision", theirs(precision)])
                // PyTorch calls AMD's devices by the same name.
                .args(["--device", &device.replacen("hip", "cuda", 1)]);
            let contest = Contest {
                expected: &losses,
                tolerance,
                turn: TURN,
                settle: 1,
                pairs: PAIRS,
                budget,
                until,
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
    };
    if device == "cpu" {
        on_processors(native_threads, contests)
    } else {
        contests()
    }
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
            return Self::on(game::native(threads, precision)?);
        }
        Self::on_device(precision, device)
    }

    #[cfg(feature = "gpu")]
    fn on_device(precision: &str, device: &str) -> Result<Self> {
        use gan_kernels::cube::{Cube, DeviceName, Precision};
        let name: DeviceName = device.parse().map_err(anyhow::Error::msg)?;
        let precision: Precision = precision.parse().map_err(anyhow::Error::msg)?;
        Self::on(Cube::open(name, precision)?)
    }

    #[cfg(not(feature = "gpu"))]
    fn on_device(_: &str, device: &str) -> Result<Self> {
        anyhow::bail!(
            "no device {device}: this build is without GPUs; build with `--features cuda`"
        )
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
    Outcome::Skipped(one_line(error))
}

#[cfg(test)]
mod tests;
