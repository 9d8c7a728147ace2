//! Other frameworks on the same work, in turn with this library.
//!
//! Each peer is a program of `benches/peers` that starts from the folder [`crate::start`] writes.
//! Before it is timed it must reproduce this library's losses: a peer that is fast at another game
//! does not count.

mod contest;
mod environment;
mod parzen;
mod process;
mod processors;
mod products;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use gan_kernels::Backend;
use serde::Deserialize;

use crate::results::{Comparison, Outcome};
use crate::timing::{Effort, Turn};
use crate::{game, start};
use contest::Contest;
use environment::Environment;
pub(crate) use parzen::measure_parzen;
use processors::on_processors;
pub(crate) use products::TorchProducts;

/// Iterations of one side before it is the other's turn, after one that does not count and brings
/// back caches and threads.
const TURN: usize = 8;
/// Pairs of turns that ratios are taken of.
const PAIRS: usize = 12;
/// Largest relative difference of losses in f32: five iterations of the same game differ by about
/// 1e-7, of one with other masks by 2e-3, of one without the schedules by 4e-4.
const TOLERANCE: f64 = 1e-5;
/// The same where factors of products are rounded, in tf32x3 as well, whose sums tensor cores make
/// in their own way.
const LOOSE_TOLERANCE: f64 = 5e-3;

/// The precision that others are asked for where ours computes in `precision`: they have nothing
/// between f32 and tf32.
fn theirs(precision: &str) -> &str {
    if precision == "tf32x3" {
        "f32"
    } else {
        precision
    }
}

/// The reason to skip a peer that comes too late.
pub(crate) const NO_TIME: &str = "no time was left for it";

/// Whether the time is over, where there is a limit.
pub(crate) fn is_over(until: Option<Instant>) -> bool {
    until.is_some_and(|until| Instant::now() >= until)
}

/// One use of one framework.
#[derive(Clone, Copy)]
struct Peer {
    name: &'static str,
    variant: &'static str,
    program: Program,
}

#[derive(Clone, Copy, PartialEq)]
enum Program {
    /// A script of `benches/peers`.
    Python(&'static str),
    /// The package `benches/peers/rust`.
    Rust,
}

const TORCH: Program = Program::Python("torch_mnist.py");
const JAX: Program = Program::Python("jax_mnist.py");
const ON_PROCESSORS: [Peer; 7] = [
    peer("PyTorch", "eager", TORCH),
    peer("PyTorch", "onednn", TORCH),
    peer("PyTorch", "manual", TORCH),
    peer("PyTorch", "compile", TORCH),
    peer("JAX", "scan", JAX),
    peer("burn", "flex", Program::Rust),
    peer("candle", "cpu", Program::Rust),
];
/// The fastest first, as time may run out.
const ON_GPUS: [Peer; 6] = [
    peer("PyTorch", "graph", TORCH),
    peer("PyTorch", "compile-graph", TORCH),
    peer("JAX", "scan", JAX),
    peer("PyTorch", "manual", TORCH),
    peer("PyTorch", "compile", TORCH),
    peer("PyTorch", "eager", TORCH),
];

const fn peer(name: &'static str, variant: &'static str, program: Program) -> Peer {
    Peer {
        name,
        variant,
        program,
    }
}

impl Peer {
    fn comparison(&self, threads: usize, precision: &str, outcome: Outcome) -> Comparison {
        Comparison {
            name: self.name.into(),
            variant: self.variant.into(),
            versions: BTreeMap::new(),
            threads,
            precision: precision.into(),
            outcome,
        }
    }
}

/// The MNIST game by this library and by each peer in turn, for at least `budget` and twelve pairs
/// of turns a peer; peers that have not answered `until` then are skipped.
///
/// `root` is the repository; `device` is `cpu` or a GPU as `gan_kernels::cube::DeviceName` names
/// it, for which this package needs the feature of that name.
/// On the CPU both sides run on `threads` processors, the same ones, where the system can hold them
/// there; on a GPU neither is kept to some, since what drives a device has threads of its own.
pub(crate) fn measure(
    threads: usize,
    precision: &str,
    device: &str,
    budget: Duration,
    until: Option<Instant>,
    root: &Path,
) -> Result<Vec<Comparison>> {
    let is_cpu = device == "cpu";
    let peers: &[Peer] = if is_cpu { &ON_PROCESSORS } else { &ON_GPUS };
    let skip_all = |reason: &dyn Fn(&Peer) -> String| {
        let skip =
            |peer: &Peer| peer.comparison(threads, precision, Outcome::Skipped(reason(peer)));
        Ok(peers.iter().map(skip).collect())
    };
    // Before a game is played, which takes seconds, and minutes where it is not optimised.
    let runtime = device.split(':').next().unwrap_or_default();
    if !["cpu", "cuda", "hip"].contains(&runtime) {
        return skip_all(&|peer| format!("{} has no device {runtime}", peer.name));
    }
    if is_over(until) {
        return skip_all(&|_| NO_TIME.into());
    }
    let environment = Environment::new(root, threads)?;
    let folder = environment.folder("start")?;
    let losses: Vec<Vec<f64>> = start::write(&folder)?.iter().map(Vec::from).collect();
    let has_rust = peers.iter().any(|peer| peer.program == Program::Rust);
    let unbuilt = has_rust.then(|| environment.build_rust().err()).flatten();
    let contest = Contest {
        expected: &losses,
        tolerance: if precision == "f32" {
            TOLERANCE
        } else {
            LOOSE_TOLERANCE
        },
        turn: TURN,
        settle: 1,
        effort: Effort {
            budget,
            rounds: PAIRS,
            warm_up: 1,
        },
        until,
    };
    let contests = || {
        let mut ours = OwnGame::new(threads, precision, device)?;
        let mut rows = Vec::new();
        for peer in peers {
            let reason = match (peer.program, &unbuilt) {
                _ if is_over(until) => Some(Outcome::Skipped(NO_TIME.into())),
                (Program::Rust, Some(error)) => Some(Outcome::skipped(error)),
                (Program::Python(_), _) => environment.without_python().map(Outcome::Skipped),
                _ => None,
            };
            if let Some(reason) = reason {
                rows.push(peer.comparison(threads, precision, reason));
                continue;
            }
            let mut command = environment.command(peer);
            command
                .args(["--start".as_ref(), folder.as_os_str()])
                .args(["--variant", peer.variant])
                .args(["--threads", &threads.to_string()])
                .args(["--precision", theirs(precision)])
                // PyTorch calls AMD's devices by the same name.
                .args(["--device", &device.replacen("hip", "cuda", 1)]);
            let log = environment.log(peer)?;
            let row = peer.comparison(threads, precision, Outcome::Skipped(String::new()));
            rows.push(contest.run(row, &mut command, &log, ours.turn()));
        }
        Ok(rows)
    };
    if is_cpu {
        on_processors(threads, contests)
    } else {
        contests()
    }
}

/// The game by this library.
struct OwnGame {
    step: Box<dyn FnMut(usize) -> Result<()>>,
}

impl OwnGame {
    fn new(threads: usize, precision: &str, device: &str) -> Result<Self> {
        if device == "cpu" {
            return Self::on(game::native(threads, precision)?);
        }
        Self::on_gpu(precision, device)
    }

    #[cfg(feature = "gpu")]
    fn on_gpu(precision: &str, device: &str) -> Result<Self> {
        use gan_kernels::cube::{Cube, DeviceName, Precision};
        let name: DeviceName = device.parse().map_err(anyhow::Error::msg)?;
        let precision: Precision = precision.parse().map_err(anyhow::Error::msg)?;
        Self::on(Cube::open(name, precision)?)
    }

    #[cfg(not(feature = "gpu"))]
    fn on_gpu(_: &str, device: &str) -> Result<Self> {
        anyhow::bail!(
            "no device {device}: this build is without GPUs; build with `--features cuda`"
        )
    }

    fn on<B: Backend + 'static>(backend: B) -> Result<Self> {
        let mut trainer = game::mnist_trainer(backend)?;
        let step = Box::new(move |count| {
            (0..count).for_each(|_| trainer.step());
            // Waits for a device, which has only been told what to do so far.
            Ok(trainer.check()?)
        });
        Ok(Self { step })
    }

    /// A turn of [`TURN`] iterations.
    fn turn(&mut self) -> Turn<'_> {
        Box::new(|| {
            (self.step)(1)?;
            let start = Instant::now();
            (self.step)(TURN)?;
            Ok(start.elapsed().as_secs_f64() / TURN as f64)
        })
    }
}

/// The rate of a framework's product of two 4096 × 4096 f32 matrices.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(crate) struct ProductRate {
    /// The framework, and the library it calls where that is another.
    pub name: String,
    /// Its version.
    pub version: String,
    /// FLOP per second, the best of several.
    pub flops: Option<f64>,
    /// The reason where there is no rate.
    pub skip: Option<String>,
}

/// Rates of the product that PyTorch, NumPy and JAX reach with `threads` threads, on as many
/// processors.
pub(crate) fn product_rates(threads: usize, root: &Path) -> Result<Vec<ProductRate>> {
    let environment = Environment::new(root, threads)?;
    let rate = |library: &str| {
        let output = environment
            .python("products.py")
            .args([library, &threads.to_string()])
            .output()
            .context("no Python; `sh benches/peers/setup.sh` installs it")?;
        serde_json::from_slice(&output.stdout).with_context(|| {
            let words = String::from_utf8_lossy(&output.stderr);
            format!("products.py {library}: {}", words.trim())
        })
    };
    // Each in a process of its own: their pools of threads would meet in one.
    on_processors(threads, || {
        ["torch", "numpy", "jax"].into_iter().map(rate).collect()
    })
}
