//! The Parzen estimate by this library and by others, in turn.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use gan_eval::authors_sigmas;
use gan_kernels::Native;

use super::environment::{Environment, on_processors};
use super::{Contest, Peer, Program, peer};
use crate::game::{PIXELS, noise};
use crate::results::Comparison;
use crate::start::write_array;
use crate::tasks::Window;
use crate::timing::{Effort, turn};

/// Points, and samples.
const COUNT: usize = 10_000;
/// Points and samples whose estimates are compared before anything is timed.
const CHECKED: usize = 500;
/// Estimates in f32 at these distances differ by about 1e-6 of themselves.
const TOLERANCE: f64 = 1e-5;
/// A run takes seconds.
const PAIRS: usize = 5;

const SCRIPT: Program = Program::Python("parzen.py");
const ONE: &str = "1 sigma";
const TEN: &str = "10 sigmas";
const PEERS: [Peer; 6] = [
    peer("NumPy", ONE, SCRIPT),
    peer("NumPy", TEN, SCRIPT),
    peer("PyTorch", ONE, SCRIPT),
    peer("PyTorch", TEN, SCRIPT),
    peer("JAX", ONE, SCRIPT),
    peer("JAX", TEN, SCRIPT),
];

/// log p(x) of 10,000 points under Gaussians on 10,000 samples of 784 values each, with one σ and
/// with ten, by this library's fused operation and by each peer in turn, for at least `budget` and
/// five pairs a peer; what a peer cannot do is its `Outcome::Skipped`.
pub(crate) fn measure_parzen(
    threads: usize,
    budget: Duration,
    root: &Path,
) -> Result<Vec<Comparison>> {
    let environment = Environment::new(root, threads)?;
    let folder = environment.folder("parzen")?;
    let bytes = noise(2 * COUNT * PIXELS).into_iter();
    let values: Vec<f32> = bytes.map(|byte| f32::from(byte) / 255.0).collect();
    let (points, samples) = values.split_at(COUNT * PIXELS);
    let sigmas = authors_sigmas();
    write_array(&folder, "points", &[COUNT, PIXELS], points)?;
    write_array(&folder, "samples", &[COUNT, PIXELS], samples)?;
    write_array(&folder, "sigmas", &[sigmas.len()], &sigmas)?;
    write_array(&folder, "checked", &[1], &[CHECKED as i64])?;
    let contest = Contest {
        threads,
        precision: "f32",
        tolerance: TOLERANCE,
        turn: 1,
        settle: 0,
        effort: Effort {
            budget,
            rounds: PAIRS,
            warm_up: 1,
        },
        until: None,
    };
    on_processors(threads, || {
        let window = Window::new(Native::<f32>::new(Some(threads))?, &values);
        let row = |peer: &Peer| {
            let sigmas = match peer.variant {
                ONE => &sigmas[2..3],
                _ => &sigmas[..],
            };
            let variant = format!("{}-{}", peer.name, sigmas.len()).to_lowercase();
            let command = environment.command(SCRIPT).map(|mut command| {
                command
                    .args(["--start".as_ref(), folder.as_os_str()])
                    .args(["--variant", &variant])
                    .args(["--threads", &threads.to_string()]);
                command
            });
            let log = environment.log(&format!("{}-{}", peer.name, peer.variant))?;
            let expected = means(&window, CHECKED, sigmas)?;
            // The processor's operations do not fail.
            let ours = turn(|| drop(std::hint::black_box(window.all_logs(sigmas))));
            Ok(contest.with(peer, command, &log, &expected, ours))
        };
        PEERS.iter().map(row).collect()
    })
}

/// The mean of log p(x) over the first `count` points under as many samples for each σ, as the one
/// row that a peer answers.
fn means(window: &Window<Native<f32>>, count: usize, sigmas: &[f64]) -> Result<Vec<Vec<f64>>> {
    let logs = window.logs(count, count, sigmas)?;
    let mean = |logs: &[f64]| logs.iter().sum::<f64>() / count as f64;
    Ok(vec![logs.chunks_exact(count).map(mean).collect()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimate_of_points_that_are_samples_is_the_gaussians_height() {
        let native = Native::new(Some(1)).unwrap();
        // Two points so far apart that each sees its own sample alone.
        let values: Vec<f32> = [0.0, 1.0].into_iter().flat_map(|v| [v; PIXELS]).collect();
        let window = Window::new(native, &values.repeat(2));
        let sigmas = [0.1, 0.2];
        let found = means(&window, 2, &sigmas).unwrap();
        for (mean, sigma) in found[0].iter().zip(sigmas) {
            let normal = PIXELS as f64 * (sigma * std::f64::consts::TAU.sqrt()).ln();
            let expected = -normal - 2f64.ln();
            assert!((mean - expected).abs() < 1e-3, "{mean} and {expected}");
        }
    }
}
