//! Other frameworks on the same work, in turn with this library.
//!
//! Each peer is a program of `benches/peers` that starts from the folder [`crate::start`] writes.
//! Before it is timed it must reproduce this library's losses: a peer that is fast at another game
//! does not count.

mod environment;
mod parzen;
mod process;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use gan_kernels::Backend;
use serde::Deserialize;

use crate::results::{Comparison, Outcome};
use crate::timing::{Effort, Turn};
use crate::{game, start};
pub(crate) use environment::Environment;
use environment::on_processors;
pub(crate) use parzen::measure_parzen;
pub(crate) use process::Process;

/// Iterations of one side before it is the other's turn, after one that does not count and brings
/// back caches and threads.
const TURN: usize = 8;
/// The same on a GPU, where the wait at the end of a turn must not count.
const TURN_ON_GPU: usize = 500;
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
pub(crate) fn theirs(precision: &str) -> &str {
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

/// How peers are checked and timed.
struct Contest<'a> {
    threads: usize,
    precision: &'a str,
    tolerance: f64,
    /// Iterations of a turn.
    turn: usize,
    /// Iterations before them that do not count.
    settle: usize,
    effort: Effort,
    /// When a peer must have answered, if that matters.
    until: Option<Instant>,
}

impl Contest<'_> {
    /// The peer's losses against the `expected` ones, then its times in turn with `ours`; it is
    /// started by `command`, and its standard error goes to `log`.
    fn with(
        &self,
        peer: &Peer,
        command: Result<Command>,
        log: &Path,
        expected: &[Vec<f64>],
        ours: Turn<'_>,
    ) -> Comparison {
        let mut row = self.skipped(peer, NO_TIME);
        if !is_over(self.until) {
            let process = command.and_then(|mut it| Process::start(&mut it, log, self.until));
            let outcome = process.and_then(|mut process| {
                row.versions.clone_from(&process.versions);
                self.meet(&mut process, expected, ours)
            });
            row.outcome = outcome.unwrap_or_else(|error| Outcome::skipped(&error));
        }
        row
    }

    fn skipped(&self, peer: &Peer, reason: &str) -> Comparison {
        Comparison::skipped(
            peer.name,
            peer.variant,
            self.threads,
            self.precision,
            reason,
        )
    }

    fn meet(&self, peer: &mut Process, expected: &[Vec<f64>], ours: Turn<'_>) -> Result<Outcome> {
        let gap = gap(&peer.check()?, expected)?;
        ensure!(
            gap <= self.tolerance,
            "computes another game: losses differ by {gap:.1e}, expected at most {:.0e}",
            self.tolerance
        );
        let theirs: Turn<'_> = Box::new(|| {
            if self.settle > 0 {
                peer.run(self.settle)?;
            }
            peer.run(self.turn)
        });
        let (own, mut others) = self.effort.in_turn(ours, vec![Ok(theirs)])?;
        let other = others.pop().context("no other side")?;
        Ok(Outcome::of(&own, other, Some(gap)))
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

/// The MNIST game by this library and by each peer in turn, for at least `budget` and twelve pairs
/// of turns a peer; peers that have not answered `until` then are skipped.
///
/// `root` is the repository; `device` is `cpu` or a GPU as `gan_kernels::cube::DeviceName` names
/// it, for which this package needs the feature of that name.
/// On the CPU both sides run on `threads` processors, the same ones, where the system can hold them
/// there; on a GPU neither is kept to some, since what drives a device has threads of its own.
///
/// Fails if this library cannot run; what a peer cannot do is its [`Outcome::Skipped`].
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
    let contest = Contest {
        threads,
        precision,
        tolerance: if precision == "f32" {
            TOLERANCE
        } else {
            LOOSE_TOLERANCE
        },
        turn: if is_cpu { TURN } else { TURN_ON_GPU },
        settle: 1,
        effort: Effort {
            budget,
            rounds: PAIRS,
            warm_up: 1,
        },
        until,
    };
    let skip_all = |reason: &dyn Fn(&Peer) -> String| {
        let skipped = peers
            .iter()
            .map(|peer| contest.skipped(peer, &reason(peer)));
        Ok(skipped.collect())
    };
    // Before a game is played, which takes seconds, and minutes where it is not optimised.
    let runtime = device.split(':').next().unwrap_or_default();
    if !["cpu", "cuda", "hip"].contains(&runtime) {
        return skip_all(&|peer| format!("{} has no device {runtime}", peer.name));
    }
    if is_over(until) {
        return skip_all(&|_| NO_TIME.into());
    }
    let mut environment = Environment::new(root, threads)?;
    let folder = environment.folder("start")?;
    let losses: Vec<Vec<f64>> = start::write(&folder)?.iter().map(Vec::from).collect();
    if is_cpu {
        environment.build_rust();
    }
    let contests = || {
        let mut step = own_game(threads, precision, device)?;
        let row = |peer: &Peer| {
            let command = environment.command(peer.program).map(|mut command| {
                command
                    .args(["--start".as_ref(), folder.as_os_str()])
                    .args(["--variant", peer.variant])
                    .args(["--threads", &threads.to_string()])
                    .args(["--precision", theirs(precision)])
                    // PyTorch calls AMD's devices by the same name.
                    .args(["--device", &device.replacen("hip", "cuda", 1)]);
                command
            });
            let ours = Box::new(|| {
                step(1)?;
                let start = Instant::now();
                step(contest.turn)?;
                Ok(start.elapsed().as_secs_f64() / contest.turn as f64)
            });
            let log = environment.log(&format!("{}-{}", peer.name, peer.variant))?;
            Ok(contest.with(peer, command, &log, &losses, ours))
        };
        peers.iter().map(row).collect()
    };
    if is_cpu {
        on_processors(threads, contests)
    } else {
        contests()
    }
}

/// So many iterations of the game by this library, to their end.
type Steps = Box<dyn FnMut(usize) -> Result<()>>;

fn own_game(threads: usize, precision: &str, device: &str) -> Result<Steps> {
    if device == "cpu" {
        return steps(game::native(threads, precision)?);
    }
    own_game_on_gpu(precision, device)
}

#[cfg(feature = "gpu")]
fn own_game_on_gpu(precision: &str, device: &str) -> Result<Steps> {
    use gan_kernels::cube::{Cube, DeviceName, Precision};
    let name: DeviceName = device.parse().map_err(anyhow::Error::msg)?;
    let precision: Precision = precision.parse().map_err(anyhow::Error::msg)?;
    steps(Cube::open(name, precision)?)
}

#[cfg(not(feature = "gpu"))]
fn own_game_on_gpu(_: &str, device: &str) -> Result<Steps> {
    anyhow::bail!("no device {device}: this build is without GPUs; build with `--features cuda`")
}

fn steps<B: Backend + 'static>(backend: B) -> Result<Steps> {
    let mut trainer = game::mnist_trainer(backend)?;
    Ok(Box::new(move |count| {
        (0..count).for_each(|_| trainer.step());
        // Waits for a device, which has only been told what to do so far.
        Ok(trainer.check()?)
    }))
}

/// The rate of a framework's product of two 4096 × 4096 f32 matrices.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(crate) struct ProductRate {
    /// The framework, and the library it calls where that is another.
    pub name: String,
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
            .command(Program::Python("products.py"))?
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
