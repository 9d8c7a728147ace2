//! The CPU's [`Parzen`]: one product whose epilogue is an online log-sum-exp.

use std::ops::Range;

use super::Parzen;
use crate::native::{Epilogue, Native, Operand, Product, SharedRows, TaskInfo, run as product};
use crate::{BackendError, Real, Rows};

#[track_caller]
pub(crate) fn run<T: Real>(
    native: &Native<T>,
    op: Parzen<'_, Native<T>>,
) -> Result<Vec<f64>, BackendError> {
    let (n, m, d) = op.check();
    let mean = mean(op.samples, m, d);
    let (points, point_squares) = centred(native, op.points, n, &mean);
    let (samples, sample_squares) = centred(native, op.samples, m, &mean);
    let mut result = vec![0.0; op.sigmas.len() * n];
    let epilogue = LogSumExp {
        point_squares: &point_squares,
        sample_squares: &sample_squares,
        // exp(−‖x−s‖² · factor).
        factors: &op
            .sigmas
            .iter()
            .map(|s| T::from_f64(0.5 / (s * s)))
            .collect::<Vec<_>>(),
        constants: &op
            .sigmas
            .iter()
            .map(|s| -(m as f64).ln() - d as f64 * (s * std::f64::consts::TAU.sqrt()).ln())
            .collect::<Vec<_>>(),
        result: SharedRows::new(&mut result, n),
    };
    // Samples are the rows, so that a task sees all samples of its points.
    let a = Operand::plain(&samples, d);
    let b = Operand::plain(&points, d).transposed();
    product(native, &Product { a, b, m, n, k: d }, &epilogue);
    Ok(result)
}

fn mean<T: Real>(samples: Rows<'_, Native<T>>, m: usize, d: usize) -> Vec<f64> {
    let mut mean = vec![0.0; d];
    for row in 0..m {
        mean.iter_mut()
            .zip(samples.row(row))
            .for_each(|(mean, x)| *mean += x.to_f64());
    }
    mean.iter_mut().for_each(|mean| *mean /= m as f64);
    mean
}

/// The rows without the mean, and their squared lengths.
fn centred<T: Real>(
    native: &Native<T>,
    rows: Rows<'_, Native<T>>,
    count: usize,
    mean: &[f64],
) -> (Vec<T>, Vec<T>) {
    let mut centred = vec![T::ZERO; count * mean.len()];
    let mut squares = vec![T::ZERO; count];
    let (each, square_of) = (
        SharedRows::new(&mut centred, mean.len()),
        SharedRows::new(&mut squares, 1),
    );
    native.over_rows(count, count * mean.len(), |row| {
        let mut square = 0.0;
        // SAFETY: each row is written by one task, and so is its square.
        let (centred, square_of) = unsafe { (each.row(row), square_of.row(row)) };
        for ((centred, x), mean) in centred.iter_mut().zip(rows.row(row)).zip(mean) {
            *centred = T::from_f64(x.to_f64() - mean);
            square += centred.to_f64() * centred.to_f64();
        }
        square_of[0] = T::from_f64(square);
    });
    (centred, squares)
}

struct LogSumExp<'a, T> {
    point_squares: &'a [T],
    sample_squares: &'a [T],
    factors: &'a [T],
    constants: &'a [f64],
    result: SharedRows<'a, f64>,
}

/// State of a task: for each column the smallest distance so far, then for each σ the sum of
/// exp(−(distance − smallest) · factor).
impl<T: Real> Epilogue<T> for LogSumExp<'_, T> {
    fn rows_together(&self) -> bool {
        true
    }

    /// Distances are small differences of large sums: on MNIST, f32 sums of all 784 terms in a row
    /// are off by 2e-3 nats at σ = 0.1667, and on the same side.
    fn depth_at_most(&self) -> usize {
        128
    }

    /// Likewise.
    fn exact(&self) -> bool {
        true
    }

    fn state_per_column(&self) -> usize {
        1 + self.factors.len()
    }

    #[inline(always)]
    fn begin(&self, _task: &TaskInfo, state: &mut [T]) {
        let (smallest, sums) = state.split_at_mut(state.len() / (1 + self.factors.len()));
        // Large, but no factor turns it into infinity.
        smallest.fill(T::from_f64(1e30));
        sums.fill(T::ZERO);
    }

    #[inline(always)]
    fn apply(
        &self,
        rows: Range<usize>,
        cols: Range<usize>,
        tile: &mut [T],
        stride: usize,
        state: &mut [T],
    ) {
        let width = state.len() / (1 + self.factors.len());
        let (smallest, sums) = state.split_at_mut(width);
        let smallest = &mut smallest[..cols.len()];
        let two = T::from_f64(2.0);
        let point_squares = &self.point_squares[cols.clone()];
        // Products become squared distances in place.
        for (tile, &sample) in tile
            .chunks_exact_mut(stride)
            .zip(&self.sample_squares[rows.clone()])
        {
            for (x, &point) in tile.iter_mut().zip(point_squares) {
                let distance = point + sample - two * *x;
                // NaN stays NaN: a sample that is no number must not pass for a perfect one.
                *x = if distance < T::ZERO {
                    T::ZERO
                } else {
                    distance
                };
            }
        }
        for (col, smallest) in smallest.iter_mut().enumerate() {
            let column = tile[col..].iter().step_by(stride).take(rows.len());
            let nearest = column.fold(*smallest, |a, &b| if b < a { b } else { a });
            if nearest < *smallest {
                for (sums, &factor) in sums.chunks_exact_mut(width).zip(self.factors) {
                    sums[col] *= ((nearest - *smallest) * factor).exp();
                }
                *smallest = nearest;
            }
        }
        for (sums, &factor) in sums.chunks_exact_mut(width).zip(self.factors) {
            for tile in tile.chunks_exact(stride).take(rows.len()) {
                for ((sum, &distance), &smallest) in sums.iter_mut().zip(tile).zip(&*smallest) {
                    *sum += ((smallest - distance) * factor).exp();
                }
            }
        }
    }

    #[inline(always)]
    fn finish(&self, task: &TaskInfo, state: &mut [T]) {
        let width = state.len() / (1 + self.factors.len());
        let (smallest, sums) = state.split_at(width);
        for (sigma, (sums, &factor)) in sums.chunks_exact(width).zip(self.factors).enumerate() {
            // SAFETY: each task owns its points.
            let result = unsafe { self.result.part(sigma, task.cols.start, task.cols.len()) };
            for ((result, &sum), &smallest) in result.iter_mut().zip(sums).zip(smallest) {
                *result = sum.to_f64().ln() - (smallest * factor).to_f64() + self.constants[sigma];
            }
        }
    }
}
