//! The paper's evaluation: Parzen-window log-likelihood by the authors' protocol.

use gan_kernels::{Backend, Matrix, Parzen, Rows};
use serde::{Deserialize, Serialize};

use crate::{EvalError, Points};

/// Validation records that σ is chosen on.
const RECORDS_FOR_SIGMA: usize = 1000;
/// Test records between two reports of progress.
const CHUNK: usize = 1000;
/// The authors' grid has so many steps to a decade, and so does what it is extended by.
const STEPS_PER_DECADE: i32 = 9;
/// A grid ends where σ is this small or this large beside the spread of the data: below, 32 bits
/// no longer tell distances from rounding, and above, every window covers all of the data.
const REACH: [f64; 2] = [1e-3, 10.0];

/// The choice of σ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bandwidth {
    /// A given σ.
    Fixed(f64),
    /// The best of [`authors_sigmas`], which are made for pixels in `[0, 1]`.
    Authors,
    /// The best of [`authors_sigmas`]; if that is the first or the last, of a decade more, and so
    /// on as far as the spread of the data makes sense of it.
    Growing,
}

/// Ten widths from 0.1 to 1, evenly on a logarithmic scale.
#[must_use]
pub fn authors_sigmas() -> Vec<f64> {
    (0..=STEPS_PER_DECADE).map(sigma_at).collect()
}

/// σ at a step of the grid; 0 is 0.1 and [`STEPS_PER_DECADE`] is 1.
fn sigma_at(step: i32) -> f64 {
    10f64.powf(-1.0 + f64::from(step) / f64::from(STEPS_PER_DECADE))
}

/// The log-likelihood under one set of samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LogLikelihood {
    /// Mean of log p(x) over the test records, in nats.
    pub(crate) mean: f64,
    /// Standard deviation of log p(x) over √records, in nats.
    pub(crate) standard_error: f64,
    /// Width of the window, in the units of the points.
    pub(crate) sigma: f64,
    /// The ends of the grid that σ is from, unless it was given.
    pub(crate) grid: Option<[f64; 2]>,
}

impl LogLikelihood {
    /// True if σ is the first or the last of its grid, so that the best may lie beyond.
    pub(crate) fn at_edge(&self) -> bool {
        self.grid.is_some_and(|ends| ends.contains(&self.sigma))
    }
}

/// `log p(x) = log mean_s N(x; s, σ²I)` averaged over test records, σ chosen on validation records.
///
/// Both sets are on the device once and serve for any number of sets of samples, so that a model
/// and its controls are measured alike.
///
/// # Source
/// Goodfellow et al. 2014 §5 and the authors' `parzen_ll.py`: σ from `logspace(−1, 0, 10)` by the
/// best mean on the first 1,000 validation records; standard error std/√n.
pub(crate) struct ParzenProtocol<'a, B: Backend> {
    backend: &'a B,
    valid: Matrix<B>,
    test: Matrix<B>,
    bandwidth: Bandwidth,
    /// Root of the mean variance of the validation records' columns.
    spread: f64,
}

impl<'a, B: Backend> ParzenProtocol<'a, B> {
    /// To measure samples against `test`, with σ chosen on the first records of `valid`.
    #[track_caller]
    pub(crate) fn new(
        backend: &'a B,
        valid: Points<'_>,
        test: Points<'_>,
        bandwidth: Bandwidth,
    ) -> Self {
        let valid = valid.first(RECORDS_FOR_SIGMA);
        assert!(valid.rows() > 0 && test.rows() > 0, "parzen: no records");
        assert_eq!(valid.cols(), test.cols(), "parzen: columns");
        if let Bandwidth::Fixed(sigma) = bandwidth {
            assert!(sigma > 0.0, "parzen: found sigma {sigma}, expected > 0");
        }
        Self {
            backend,
            spread: valid.spread(),
            valid: valid.upload(backend),
            test: test.upload(backend),
            bandwidth,
        }
    }

    /// Number of validation records that σ is chosen on.
    pub(crate) fn records_for_sigma(&self) -> usize {
        self.valid.row_count()
    }

    /// The log-likelihood of the test records under Gaussians on `samples`.
    ///
    /// `progress` is called with the share of the work that is done.
    ///
    /// # Errors
    /// If the device fails, or values have squares that it cannot hold.
    #[track_caller]
    pub(crate) fn score(
        &self,
        samples: Points<'_>,
        progress: &mut dyn FnMut(f64),
    ) -> Result<LogLikelihood, EvalError> {
        samples.check_range("samples")?;
        let samples = samples.upload(self.backend);
        let (valid, test) = (self.valid.row_count(), self.test.row_count());
        let all = (valid + test) as f64;
        let (sigma, grid) = match self.bandwidth {
            Bandwidth::Fixed(sigma) => (sigma, None),
            Bandwidth::Authors | Bandwidth::Growing => {
                let (sigma, grid) = self.choose_sigma(samples.all())?;
                (sigma, Some(grid))
            }
        };
        progress(valid as f64 / all);
        let mut logs = Vec::with_capacity(test);
        for first in (0..test).step_by(CHUNK) {
            let count = CHUNK.min(test - first);
            logs.extend(self.backend.parzen(Parzen {
                points: self.test.rows(first, count),
                samples: samples.all(),
                sigmas: &[sigma],
            })?);
            progress((valid + first + count) as f64 / all);
        }
        let (mean, standard_error) = mean_and_standard_error(&logs);
        if !(mean.is_finite() && standard_error.is_finite()) {
            return Err(EvalError::Overflow { found: mean, sigma });
        }
        Ok(LogLikelihood {
            mean,
            standard_error,
            sigma,
            grid,
        })
    }

    /// The σ with the best mean on the validation records, and the ends of the grid it is from.
    fn choose_sigma(&self, samples: Rows<'_, B>) -> Result<(f64, [f64; 2]), EvalError> {
        let mut steps: Vec<i32> = (0..=STEPS_PER_DECADE).collect();
        let mut means = self.means(samples, &steps)?;
        loop {
            let best = (0..steps.len())
                .max_by(|&a, &b| means[a].total_cmp(&means[b]))
                .unwrap_or(0);
            let (first, last) = (steps[0], steps[steps.len() - 1]);
            let more: Vec<i32> = match best {
                _ if self.bandwidth != Bandwidth::Growing => Vec::new(),
                0 if sigma_at(first) > REACH[0] * self.spread && self.spread > 0.0 => {
                    (first - STEPS_PER_DECADE..first).collect()
                }
                end if end + 1 == steps.len() && sigma_at(last) < REACH[1] * self.spread => {
                    (last + 1..=last + STEPS_PER_DECADE).collect()
                }
                _ => Vec::new(),
            };
            if more.is_empty() {
                return Ok((sigma_at(steps[best]), [sigma_at(first), sigma_at(last)]));
            }
            let found = self.means(samples, &more)?;
            let at = if best == 0 { 0 } else { steps.len() };
            steps.splice(at..at, more);
            means.splice(at..at, found);
        }
    }

    /// Mean log-likelihood of the validation records at each step of the grid.
    fn means(&self, samples: Rows<'_, B>, steps: &[i32]) -> Result<Vec<f64>, EvalError> {
        let sigmas: Vec<f64> = steps.iter().map(|&step| sigma_at(step)).collect();
        let logs = self.backend.parzen(Parzen {
            points: self.valid.all(),
            samples,
            sigmas: &sigmas,
        })?;
        let means: Vec<f64> = logs
            .chunks_exact(self.valid.row_count())
            .map(|logs| mean_and_standard_error(logs).0)
            .collect();
        match means.iter().position(|mean| !mean.is_finite()) {
            None => Ok(means),
            Some(at) => Err(EvalError::Overflow {
                found: means[at],
                sigma: sigmas[at],
            }),
        }
    }
}

/// Mean and std/√n, with n and not n − 1 below the variance, as the authors' code has it.
#[must_use]
pub fn mean_and_standard_error(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
    (mean, (variance / count).sqrt())
}

#[cfg(test)]
mod tests;
