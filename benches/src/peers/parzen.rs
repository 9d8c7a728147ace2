//! The Parzen estimate by this library and by others, in turn.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use gan_kernels::{Backend, Matrix, Native, Parzen};

use super::contest::Contest;
use super::place::Place;
use super::{Kind, PeerRow, Program, kind, on_processors, row};
use crate::game::{PIXELS, noise_images};
use crate::start::write_array;

/// Points, and samples.
const COUNT: usize = 10_000;
/// Points and samples of which the estimates are compared before anything is timed.
const CHECKED: usize = 500;
/// Estimates in f32 at these distances differ by about 1e-6 of themselves.
const TOLERANCE: f64 = 1e-5;
/// A run takes seconds.
const PAIRS: usize = 5;

const SCRIPT: Program = Program::Python("parzen.py");
const ONE: &str = "1 sigma";
const TEN: &str = "10 sigmas";
const KINDS: [Kind; 6] = [
    kind("NumPy", ONE, SCRIPT),
    kind("NumPy", TEN, SCRIPT),
    kind("PyTorch", ONE, SCRIPT),
    kind("PyTorch", TEN, SCRIPT),
    kind("JAX", ONE, SCRIPT),
    kind("JAX", TEN, SCRIPT),
];

/// log p(x) of 10,000 points under Gaussians on 10,000 samples of 784 values each, with one σ and
/// with ten, by this library's fused operation and by each peer in turn, for at least `budget` and
/// five pairs a peer.
///
/// # Errors
/// If this library cannot run; what a peer cannot do is its row's
/// [`Outcome::Skipped`](super::Outcome::Skipped).
pub fn measure_parzen(threads: usize, budget: Duration, root: &Path) -> Result<Vec<PeerRow>> {
    let place = Place::new(root, threads)?;
    let folder = place.folder("parzen")?;
    let values: Vec<f32> = noise_images()[..2 * COUNT * PIXELS]
        .iter()
        .map(|&byte| f32::from(byte) / 255.0)
        .collect();
    let (points, samples) = values.split_at(COUNT * PIXELS);
    // As the authors' protocol has them.
    let sigmas: Vec<f64> = (0..10)
        .map(|i| 10f64.powf(f64::from(i) / 9.0 - 1.0))
        .collect();
    write_array(&folder, "points", &[COUNT, PIXELS], points)?;
    write_array(&folder, "samples", &[COUNT, PIXELS], samples)?;
    write_array(&folder, "sigmas", &[sigmas.len()], &sigmas)?;
    write_array(&folder, "checked", &[1], &[CHECKED as i64])?;
    on_processors(threads, || {
        let native = Native::<f32>::new(Some(threads))?;
        let ours = Estimate::new(&native, points, samples);
        let mut rows = Vec::new();
        for kind in &KINDS {
            if let Some(reason) = place.without_python() {
                rows.push(row(kind, threads, "f32", reason));
                continue;
            }
            let sigmas = if kind.variant == ONE {
                &sigmas[2..3]
            } else {
                &sigmas[..]
            };
            let variant = format!("{}-{}", kind.name, sigmas.len()).to_lowercase();
            let mut command = place.command(kind);
            command
                .args(["--start".as_ref(), folder.as_os_str()])
                .args(["--variant", &variant])
                .args(["--threads", &threads.to_string()]);
            let contest = Contest {
                expected: &ours.means(CHECKED, sigmas)?,
                tolerance: TOLERANCE,
                turn: 1,
                settle: 0,
                pairs: PAIRS,
                budget,
                until: None,
            };
            let log = place.log(kind)?;
            let mut run = |count| ours.time(count, sigmas);
            rows.push(contest.row(kind, threads, "f32", &mut command, &log, &mut run));
        }
        Ok(rows)
    })
}

/// This library's side.
struct Estimate<'a> {
    native: &'a Native<f32>,
    points: Matrix<Native<f32>>,
    samples: Matrix<Native<f32>>,
}

impl<'a> Estimate<'a> {
    fn new(native: &'a Native<f32>, points: &[f32], samples: &[f32]) -> Self {
        let matrix = |values: &[f32]| {
            let mut matrix = native.matrix(values.len() / PIXELS, PIXELS);
            native.write(&mut matrix, values);
            matrix
        };
        Self {
            native,
            points: matrix(points),
            samples: matrix(samples),
        }
    }

    /// log p(x) of the first `count` points under the first `count` samples, σ by σ.
    fn logs(&self, count: usize, sigmas: &[f64]) -> Result<Vec<f64>> {
        Ok(self.native.parzen(Parzen {
            points: self.points.rows(0, count),
            samples: self.samples.rows(0, count),
            sigmas,
        })?)
    }

    /// Its mean for each σ, as the one row that a peer answers.
    fn means(&self, count: usize, sigmas: &[f64]) -> Result<Vec<Vec<f64>>> {
        let logs = self.logs(count, sigmas)?;
        let mean = |logs: &[f64]| logs.iter().sum::<f64>() / count as f64;
        Ok(vec![logs.chunks_exact(count).map(mean).collect()])
    }

    /// Milliseconds of one run, the mean of `count`.
    fn time(&self, count: usize, sigmas: &[f64]) -> Result<f64> {
        let start = Instant::now();
        for _ in 0..count {
            std::hint::black_box(self.logs(self.points.row_count(), sigmas)?);
        }
        Ok(start.elapsed().as_secs_f64() * 1e3 / count as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimate_of_points_that_are_samples_is_the_gaussians_height() {
        let native = Native::new(Some(1)).unwrap();
        // Two points so far apart that each sees its own sample alone.
        let values: Vec<f32> = [0.0, 1.0].into_iter().flat_map(|v| [v; PIXELS]).collect();
        let estimate = Estimate::new(&native, &values, &values);
        let sigmas = [0.1, 0.2];
        let found = estimate.means(2, &sigmas).unwrap();
        for (mean, sigma) in found[0].iter().zip(sigmas) {
            let normal = PIXELS as f64 * (sigma * std::f64::consts::TAU.sqrt()).ln();
            let expected = -normal - 2f64.ln();
            assert!((mean - expected).abs() < 1e-3, "{mean} and {expected}");
        }
    }
}
