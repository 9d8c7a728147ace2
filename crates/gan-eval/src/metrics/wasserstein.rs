//! Sliced Wasserstein distance: how far mass has to move, along many directions.

use gan_kernels::{Backend, BackendError, Real};
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::affine::{Affine, write_centred};
use crate::draws::Draw;
use crate::evaluation::{Evaluation, PAIRS};
use crate::verdict::Evidence;
use crate::{EvalError, Points, Row, Section};

/// Directions that are enough for a standard error of a few percent.
const DIRECTIONS: usize = 512;
/// Directions projected on together.
const TOGETHER: usize = 64;
/// Points projected together.
const CHUNK: usize = 1024;

/// The metric `wasserstein`.
pub(super) fn section<B: Backend>(
    evaluation: &mut Evaluation<'_, B>,
    _: &mut Evidence,
) -> Result<Section, EvalError> {
    evaluation.progress("projections", 0.0);
    let name = "wasserstein";
    let [found, real] = evaluation.compare(name, name, PAIRS, |backend, records, samples| {
        sliced_wasserstein(backend, records, samples, DIRECTIONS, 0)
    })?;
    let title = format!(
        "Sliced Wasserstein distance of {} and as many samples ({}; {DIRECTIONS} directions)",
        evaluation.reference.test_records(found.records),
        evaluation.reference.units
    );
    let rows = vec![
        Row::model("samples", "samples", found.distance)
            .with_standard_error(found.standard_error)
            .with_ideal("that of training records"),
        Row::training_records(real.distance).with_standard_error(real.standard_error),
    ];
    Ok(Section::new(name, title, rows))
}

/// The result of [`sliced_wasserstein`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SlicedWasserstein {
    /// Number of records.
    records: usize,
    /// √(mean over directions of W₂²), in the units of the points; 0 is ideal.
    distance: f64,
    /// Standard error of `distance` from the choice of directions.
    standard_error: f64,
}

/// `√(E_θ W₂²(θᵀx, θᵀy))` over directions θ uniform on the unit sphere, with
/// `W₂² = ∫₀¹ (F⁻¹(u) − G⁻¹(u))² du` of the projections' empirical quantiles.
///
/// Needs no bandwidth and no training; the numbers of rows may differ.
/// Draws of equal distributions are not at 0 but at what the number of rows leaves, so it is to be
/// read beside that of two sets of records.
///
/// # Source
/// Rabin et al. 2011; Bonneel et al. 2015.
#[track_caller]
pub(super) fn sliced_wasserstein<B: Backend>(
    backend: &B,
    records: Points<'_>,
    samples: Points<'_>,
    directions: usize,
    seed: u64,
) -> Result<SlicedWasserstein, BackendError> {
    records.check_cols("sliced_wasserstein", samples);
    let sizes = [records.rows(), samples.rows(), directions];
    assert!(
        !sizes.contains(&0),
        "sliced_wasserstein: {sizes:?} records, samples, directions"
    );
    let mean = records.mean();
    let mut squares = Vec::with_capacity(directions);
    for first in (0..directions).step_by(TOGETHER) {
        let count = TOGETHER.min(directions - first);
        let thetas = unit_vectors(records.cols(), first, count, seed);
        let mut a = projected(backend, records, &mean, &thetas, count)?;
        let mut b = projected(backend, samples, &mean, &thetas, count)?;
        let pairs = a.iter_mut().zip(&mut b);
        squares.extend(pairs.map(|(a, b)| {
            a.sort_unstable_by(f64::total_cmp);
            b.sort_unstable_by(f64::total_cmp);
            squared_wasserstein(a, b)
        }));
    }
    let count = squares.len() as f64;
    let mean = squares.iter().sum::<f64>() / count;
    let variance = squares.iter().map(|w| (w - mean).powi(2)).sum::<f64>() / count;
    let distance = mean.sqrt();
    Ok(SlicedWasserstein {
        records: records.rows(),
        distance,
        // Of √m̂, by the delta method.
        standard_error: if distance > 0.0 {
            (variance / count).sqrt() / (2.0 * distance)
        } else {
            0.0
        },
    })
}

/// Directions `first .. first + count` of `seed`, one per row.
fn unit_vectors(cols: usize, first: usize, count: usize, seed: u64) -> Vec<f64> {
    let vector = |step| {
        let mut rng = Draw::Direction.address(seed, step).rng();
        let normal: Vec<f64> = (0..cols).map(|_| StandardNormal.sample(&mut rng)).collect();
        let length = normal.iter().map(|x: &f64| x * x).sum::<f64>().sqrt();
        normal.into_iter().map(move |x| x / length)
    };
    (first..first + count).flat_map(vector).collect()
}

/// The projections of all points on each direction.
fn projected<B: Backend>(
    backend: &B,
    points: Points<'_>,
    mean: &[f64],
    thetas: &[f64],
    count: usize,
) -> Result<Vec<Vec<f64>>, BackendError> {
    let cols = points.cols();
    let weights: Vec<B::Elem> = (0..cols * count)
        .map(|at| B::Elem::from_f64(thetas[at % count * cols + at / count]))
        .collect();
    let affine = Affine::new(backend, &weights, &vec![B::Elem::ZERO; count]);
    let mut x = backend.matrix(CHUNK, cols);
    let mut y = backend.matrix(CHUNK, count);
    let mut projections = vec![Vec::with_capacity(points.rows()); count];
    for first in (0..points.rows()).step_by(CHUNK) {
        let rows = CHUNK.min(points.rows() - first);
        write_centred(backend, &mut x, points.slice(first..first + rows), mean);
        for row in affine.apply(&x, rows, &mut y)?.chunks_exact(count) {
            let places = projections.iter_mut().zip(row);
            places.for_each(|(place, value)| place.push(value.to_f64()));
        }
    }
    Ok(projections)
}

/// W₂² between the empirical distributions of two sorted lists.
///
/// Both quantile functions are steps; between two of their edges the difference is constant.
fn squared_wasserstein(a: &[f64], b: &[f64]) -> f64 {
    let (n, m) = (a.len() as u64, b.len() as u64);
    let (mut i, mut j, mut at, mut sum) = (0, 0, 0, 0.0);
    // In units of 1/(n·m), so that edges are integers and meet exactly.
    while at < n * m {
        let edge = ((i + 1) * m).min((j + 1) * n);
        sum += (edge - at) as f64 * (a[i as usize] - b[j as usize]).powi(2);
        at = edge;
        i += u64::from(edge == (i + 1) * m);
        j += u64::from(edge == (j + 1) * n);
    }
    sum / (n * m) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{backend, close, drawn_modes, normal};

    #[track_caller]
    fn measure(records: &[f32], samples: &[f32], cols: usize) -> SlicedWasserstein {
        let (records, samples) = (Points::new(records, cols), Points::new(samples, cols));
        sliced_wasserstein(&backend(), records, samples, DIRECTIONS, 5).unwrap()
    }

    #[test]
    fn squared_wasserstein_of_unequal_sizes_by_hand() {
        // Quantiles of {0, 6} and {1, 2, 3}: on thirds and halves 0|1, 0|2, 6|2, 6|3.
        let found = squared_wasserstein(&[0.0, 6.0], &[1.0, 2.0, 3.0]);
        close(found, 1.0 / 3.0 + 4.0 / 6.0 + 16.0 / 6.0 + 9.0 / 3.0, 1e-12);
        assert_eq!(squared_wasserstein(&[0.0, 1.0], &[0.0, 0.0, 1.0, 1.0]), 0.0);
    }

    #[test]
    fn sliced_wasserstein_of_a_shift_is_its_length_over_root_dimension() {
        let cols = 18;
        let points = normal(400, cols, 1, 0.0);
        let mut shifted = points.clone();
        let column = shifted.iter_mut().skip(4).step_by(cols);
        column.for_each(|x| *x += 3.0);
        let found = measure(&points, &shifted, cols);
        let expected = 3.0 / (cols as f64).sqrt();
        close(found.distance, expected, 3.0 * found.standard_error);
        assert!(found.standard_error < 0.05 * expected, "{found:?}");
        assert_eq!(measure(&points, &points, cols).distance, 0.0);
    }

    #[test]
    fn sliced_wasserstein_of_wider_gaussians_is_the_difference_of_deviations() {
        let wide: Vec<f32> = normal(5000, 6, 2, 0.0).iter().map(|x| 2.5 * x).collect();
        let found = measure(&normal(4000, 6, 1, 0.0), &wide, 6);
        close(found.distance, 1.5, 0.05);
    }

    #[test]
    fn sliced_wasserstein_notices_a_dropped_mode() {
        let [records, others] = [1, 2].map(|seed| drawn_modes("ring8", 2000, seed, |_| true).0);
        let dropped = drawn_modes("ring8", 2000, 3, |mode| mode != 3).0;
        let floor = measure(&records, &others, 2);
        assert!(measure(&records, &dropped, 2).distance > 2.0 * floor.distance);
    }
}
