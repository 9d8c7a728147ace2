//! Maximum mean discrepancy: are two samples of one distribution?

use gan_kernels::{Backend, BackendError, Real};
use serde::{Deserialize, Serialize};

use crate::affine::Affine;
use crate::distances::{median, squared_distances};
use crate::draws::Draw;
use crate::evaluation::Evaluation;
use crate::verdict::Evidence;
use crate::{EvalError, Points, Row, Section};

/// Widths of the kernels, in medians of the distance between two of the pooled points.
const BANDWIDTHS: [f64; 4] = [0.5, 1.0, 2.0, 4.0];

/// Records and samples in the kernel matrix, of each: a second of work.
pub(crate) const KERNEL: usize = 1_000;
/// Permutations of an evaluation: the smallest p-value is 1 in 501.
pub(crate) const PERMUTATIONS: usize = 500;
/// Permutations that are labelled and summed together.
const TOGETHER: usize = 64;

/// The metric `mmd`.
pub(super) fn section<B: Backend>(
    evaluation: &mut Evaluation<'_, B>,
    evidence: &mut Evidence,
) -> Result<Section, EvalError> {
    evaluation.progress("kernel of every pair", 0.0);
    let [found, real] = evaluation.compare("mmd", "mmd", KERNEL, |backend, records, samples| {
        mmd(backend, records, samples, PERMUTATIONS, 0)
    })?;
    evidence.mmd = Some(found);
    let title = format!(
        "MMD² of {} and as many samples (kernels at 1/2, 1, 2 and 4 times the median distance, \
         {PERMUTATIONS} permutations)",
        evaluation.reference.test_records(found.records)
    );
    let row = |row: Row, found: &Mmd| {
        row.with_p_value(found.p_value)
            .with_detail("95 % of equal below", found.null_95)
    };
    let samples = Row::model("samples", "samples", found.squared).with_ideal("0");
    let rows = vec![
        row(samples, &found),
        row(Row::training_records(real.squared), &real),
    ];
    Ok(Section::new("mmd", title, rows))
}

/// The result of [`mmd`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mmd {
    /// Number of records.
    pub(crate) records: usize,
    /// Unbiased estimate of MMD²; 0 is ideal, and it may be below.
    pub(crate) squared: f64,
    /// Share of permutations whose MMD² is at least this, the identity among them: small where
    /// records and samples differ.
    pub(crate) p_value: f64,
    /// MMD² that one permutation in twenty exceeds.
    pub(crate) null_95: f64,
    /// Median distance between two of the pooled points, in their units.
    pub(crate) median_distance: f64,
}

/// `MMD² = mean k(x, x′) + mean k(y, y′) − 2 mean k(x, y)` over pairs of different points, where
/// k is the mean of exp(−‖x − y‖²/2h²) over [`BANDWIDTHS`] h, and its permutation test.
///
/// Under the null hypothesis the labels *record* and *sample* are exchangeable, so each permutation
/// of them gives a draw of MMD² from its distribution.
/// Holds the kernel matrix of the pooled points: for 1,000 and 1,000 it is 16 MB in f32, and 500
/// permutations are 4 GFLOP; larger sets are for the caller to cut.
///
/// # Numerics
/// The mean of the kernel is taken off before sums are taken in the back end's precision, which
/// cancels in MMD²; `squared` itself is in f64 but for the rounding of the distances.
/// # Source
/// Gretton et al. 2012, lemma 6 (unbiased estimate) and §5 (permutations).
#[track_caller]
pub(crate) fn mmd<B: Backend>(
    backend: &B,
    records: Points<'_>,
    samples: Points<'_>,
    permutations: usize,
    seed: u64,
) -> Result<Mmd, BackendError> {
    records.check_cols("mmd", samples);
    let (n, m) = (records.rows(), samples.rows());
    assert!(n >= 2 && m >= 2, "mmd: {n} records and {m} samples");
    let kernel = Kernel::of_pooled(backend, records, samples)?;
    let identity: Vec<usize> = (0..n + m).collect();
    let squared = kernel.estimate(kernel.within(&identity[..n]), &identity[..n]);
    let mut null = kernel.permuted(backend, n, permutations, seed)?;
    let at_least = null.iter().filter(|&&permuted| permuted >= squared).count();
    null.sort_by(f64::total_cmp);
    Ok(Mmd {
        records: n,
        squared,
        p_value: (1 + at_least) as f64 / (1 + permutations) as f64,
        null_95: *null.get(permutations * 19 / 20).unwrap_or(&f64::NAN),
        median_distance: kernel.median_distance,
    })
}

/// The kernel between all pooled points, less its mean, zero on the diagonal.
struct Kernel {
    size: usize,
    values: Vec<f32>,
    row_sums: Vec<f64>,
    total: f64,
    median_distance: f64,
}

impl Kernel {
    fn of_pooled<B: Backend>(
        backend: &B,
        records: Points<'_>,
        samples: Points<'_>,
    ) -> Result<Self, BackendError> {
        let pooled = [records.values(), samples.values()].concat();
        let pooled = Points::new(&pooled, records.cols());
        let size = pooled.rows();
        let mut values = vec![0.0_f32; size * size];
        squared_distances(backend, pooled, pooled, |row, first, distances| {
            for (out, &d) in values[row * size + first..].iter_mut().zip(distances) {
                *out = d as f32;
            }
        })?;
        let above = (0..size).flat_map(|row| &values[row * size + row + 1..(row + 1) * size]);
        let median_distance = median(above.map(|&squared| f64::from(squared)).collect()).sqrt();
        Ok(Self::of_distances(size, values, median_distance))
    }

    /// From squared distances, symmetric by their upper triangle.
    fn of_distances(size: usize, mut values: Vec<f32>, median_distance: f64) -> Self {
        // All points equal: any width will do.
        let median = if median_distance > 0.0 {
            median_distance
        } else {
            1.0
        };
        let factors = BANDWIDTHS.map(|width| -0.5 / (width * median).powi(2));
        let mut sum = 0.0;
        for row in 0..size {
            for col in row + 1..size {
                let squared = f64::from(values[row * size + col]);
                let mixture: f64 = factors.iter().map(|factor| (squared * factor).exp()).sum();
                let value = mixture / BANDWIDTHS.len() as f64;
                values[row * size + col] = value as f32;
                sum += value;
            }
        }
        let mean = sum / (size * (size - 1) / 2) as f64;
        let mut row_sums = vec![0.0; size];
        for row in 0..size {
            values[row * size + row] = 0.0;
            for col in row + 1..size {
                let value = f64::from(values[row * size + col]) - mean;
                values[row * size + col] = value as f32;
                values[col * size + row] = value as f32;
                row_sums[row] += value;
                row_sums[col] += value;
            }
        }
        let total = row_sums.iter().sum();
        Self {
            size,
            values,
            row_sums,
            total,
            median_distance,
        }
    }

    /// Σ of the kernel over ordered pairs of different points of `chosen`.
    fn within(&self, chosen: &[usize]) -> f64 {
        let row = |i: usize| &self.values[i * self.size..(i + 1) * self.size];
        chosen
            .iter()
            .map(|&i| chosen.iter().map(|&j| f64::from(row(i)[j])).sum::<f64>())
            .sum()
    }

    /// MMD² with `chosen` called records, of which [`Kernel::within`] is known.
    fn estimate(&self, within: f64, chosen: &[usize]) -> f64 {
        let all: f64 = chosen.iter().map(|&i| self.row_sums[i]).sum();
        let between = all - within;
        let others = self.total - 2.0 * between - within;
        let (n, m) = (chosen.len() as f64, (self.size - chosen.len()) as f64);
        within / (n * (n - 1.0)) + others / (m * (m - 1.0)) - 2.0 * between / (n * m)
    }

    /// MMD² of each of `permutations` random choices of `n` records: with S their indicators in
    /// columns, K·S on the back end.
    fn permuted<B: Backend>(
        &self,
        backend: &B,
        n: usize,
        permutations: usize,
        seed: u64,
    ) -> Result<Vec<f64>, BackendError> {
        let mut kernel = backend.matrix(self.size, self.size);
        let values = self.values.iter().map(|&k| Real::from_f64(k.into()));
        backend.write(&mut kernel, &values.collect::<Vec<_>>());
        let mut sums = backend.matrix(self.size, TOGETHER);
        let mut null = Vec::with_capacity(permutations);
        for first in (0..permutations).step_by(TOGETHER) {
            let count = TOGETHER.min(permutations - first);
            let mut marks = vec![B::Elem::ZERO; self.size * TOGETHER];
            let choices: Vec<Vec<usize>> = (first..first + count)
                .map(|step| {
                    let mut order = Draw::Permutation.order(seed, step, self.size);
                    order.truncate(n);
                    order
                })
                .collect();
            for (col, chosen) in choices.iter().enumerate() {
                for &i in chosen {
                    marks[i * TOGETHER + col] = B::Elem::ONE;
                }
            }
            let indicators = Affine::new(backend, &marks, &[B::Elem::ZERO; TOGETHER]);
            let sums = indicators.apply(&kernel, self.size, &mut sums)?;
            for (col, chosen) in choices.iter().enumerate() {
                let within = chosen.iter().map(|&i| sums[i * TOGETHER + col].to_f64());
                null.push(self.estimate(within.sum(), chosen));
            }
        }
        Ok(null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distances::squared_distance;
    use crate::testing::{backend, blurred, close, drawn, drawn_modes, normal};
    use gan_kernels::Native;

    #[track_caller]
    fn measure(records: &[f32], samples: &[f32], cols: usize) -> Mmd {
        let (records, samples) = (Points::new(records, cols), Points::new(samples, cols));
        mmd(&backend(), records, samples, 199, 5).unwrap()
    }

    /// The double sum, in f64.
    fn double_sum(records: Points<'_>, samples: Points<'_>, median: f64) -> f64 {
        let kernel = |a: &[f32], b: &[f32]| {
            let squared = squared_distance(a, b);
            let bells = BANDWIDTHS.map(|h| (-squared / (2.0 * (h * median).powi(2))).exp());
            bells.iter().sum::<f64>() / 4.0
        };
        let within = |points: Points<'_>| {
            let count = points.rows();
            let mut sum = 0.0;
            for i in 0..count {
                for j in (0..count).filter(|&j| j != i) {
                    sum += kernel(points.row(i), points.row(j));
                }
            }
            sum / (count * (count - 1)) as f64
        };
        let between = |x| samples.iter().map(move |y| kernel(x, y));
        let cross: f64 = records.iter().flat_map(between).sum();
        within(records) + within(samples) - 2.0 * cross / (records.rows() * samples.rows()) as f64
    }

    #[test]
    fn mmd_equals_the_double_sum_with_unequal_sizes() {
        for cols in [3, 31] {
            let (records, samples) = (normal(83, cols, 1, 0.0), normal(61, cols, 2, 0.2));
            let (x, y) = (Points::new(&records, cols), Points::new(&samples, cols));
            let found = measure(&records, &samples, cols);
            let expected = double_sum(x, y, found.median_distance);
            close(found.squared, expected, 1e-7);
            // Permutations in f32 rank as they do in f64.
            let oracle = Native::<f64>::new(Some(1)).unwrap();
            let exact = mmd(&oracle, x, y, 199, 5).unwrap();
            close(exact.p_value, found.p_value, 0.006);
            close(exact.null_95, found.null_95, 1e-7);
        }
    }

    #[test]
    fn mmd_with_the_labels_as_they_are_is_its_own_permutation() {
        let values = normal(50, 20, 1, 0.0);
        let points = Points::new(&values, 20);
        let (records, samples) = (points.slice(0..20), points.slice(20..50));
        let kernel = Kernel::of_pooled(&backend(), records, samples).unwrap();
        let chosen = [3, 9, 41];
        let row = |&i: &usize| chosen.map(|j| f64::from(kernel.values[i * 50 + j]));
        let definition: f64 = chosen.iter().flat_map(row).sum();
        close(kernel.within(&chosen), definition, 1e-9);
    }

    #[test]
    fn p_value_of_equal_distributions_is_uniform() {
        let p_value = |seed| {
            let [a, b] = [100, 200].map(|first: u64| normal(60, 4, first + seed, 0.0));
            measure(&a, &b, 4).p_value
        };
        let small = (0..40).filter(|&seed| p_value(seed) <= 0.25).count();
        // Binomial(40, 1/4): 10 expected, deviation 2.7.
        assert!((2..=19).contains(&small), "{small}");
    }

    #[test]
    fn mmd_notices_a_shift_a_dropped_mode_and_blur_but_not_copies() {
        let records = normal(500, 20, 1, 0.0);
        assert!(measure(&records, &normal(500, 20, 2, 0.3), 20).p_value < 0.01);
        assert!(measure(&records, &records, 20).p_value > 0.9);
        let ring = drawn_modes("ring8", 500, 1, |_| true).0;
        let dropped = drawn_modes("ring8", 500, 2, |mode| mode != 3).0;
        assert!(measure(&ring, &dropped, 2).p_value < 0.01);
        let digits = drawn("digits", 300, 1).0;
        let blur = blurred(&drawn("digits", 600, 2).0, 784, 2);
        assert!(measure(&digits, &blur, 784).p_value < 0.01);
    }

    #[test]
    fn mmd_of_points_that_are_all_equal_is_zero() {
        let found = measure(&[1.0; 40], &[1.0; 30], 2);
        assert_eq!((found.squared, found.p_value), (0.0, 1.0));
    }
}
