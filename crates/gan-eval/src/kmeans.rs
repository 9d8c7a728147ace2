//! Lloyd's algorithm, its distances by the device's products.

use gan_kernels::{Backend, Real};

use crate::affine::{Affine, centred};
use crate::{EvalError, Points};

/// Distances, or values of points, on the device at once: rows enough for a product, and 16 MB to
/// read back.
const AT_ONCE: usize = 1 << 22;

/// Centroids of `points` after `iterations` of Lloyd's algorithm from `initial`, row-major.
///
/// A centroid that no point is nearest to stays where it is.
/// `progress` is called with the share of the work that is done.
///
/// # Numerics
/// Compares ‖c‖² − 2·x·c, which is ‖x − c‖² but for ‖x‖², after the mean is taken from both.
/// # Source
/// Lloyd, *Least squares quantization in PCM*, 1982.
#[track_caller]
pub(crate) fn kmeans<B: Backend>(
    backend: &B,
    points: Points<'_>,
    initial: Points<'_>,
    iterations: usize,
    progress: &mut dyn FnMut(f64),
) -> Result<Vec<f32>, EvalError> {
    let cols = points.cols();
    assert_eq!(initial.cols(), cols, "kmeans: columns");
    assert!(initial.rows() > 0, "kmeans: no initial centroid");
    let mean = points.mean();
    let mut centroids = initial.values().to_vec();
    for iteration in 0..iterations {
        let share = |done: f64| (iteration as f64 + done) / iterations as f64;
        let current = Points::new(&centroids, cols);
        let nearest = nearest(backend, points, current, &mean, &mut |done| {
            progress(share(done));
        })?;
        centroids = means(points, current, &nearest);
    }
    Ok(centroids)
}

/// For each point the index of its nearest centroid, the first of several.
fn nearest<B: Backend>(
    backend: &B,
    points: Points<'_>,
    centroids: Points<'_>,
    mean: &[f64],
    progress: &mut dyn FnMut(f64),
) -> Result<Vec<usize>, EvalError> {
    let cols = points.cols();
    let count = centroids.rows();
    let affine = Affine::to_points(backend, centroids, mean, |c, mean| f64::from(c) - mean);
    let rows = (AT_ONCE / count.max(cols)).clamp(1, points.rows().max(1));
    let mut y = backend.matrix(rows, count);
    let mut found = Vec::with_capacity(points.rows());
    for chunk in points.values().chunks(rows * cols) {
        let x = centred(backend, Points::new(chunk, cols), mean);
        let distances = affine.apply(&x, x.row_count(), &mut y)?;
        found.extend(distances.chunks_exact(count).map(smallest));
        progress(found.len() as f64 / points.rows() as f64);
    }
    Ok(found)
}

/// Index of the smallest value, the first of several.
fn smallest<T: Real>(values: &[T]) -> usize {
    (0..values.len()).fold(
        0,
        |best, at| if values[at] < values[best] { at } else { best },
    )
}

/// The mean of the points nearest to each centroid.
fn means(points: Points<'_>, old: Points<'_>, nearest: &[usize]) -> Vec<f32> {
    let cols = points.cols();
    let mut sums = vec![0.0f64; old.values().len()];
    let mut counts = vec![0usize; old.rows()];
    for (row, &index) in points.iter().zip(nearest) {
        counts[index] += 1;
        for (sum, &x) in sums[index * cols..].iter_mut().zip(row) {
            *sum += f64::from(x);
        }
    }
    let value = |(at, (&old, sum)): (usize, (&f32, &f64))| match counts[at / cols] {
        0 => old,
        count => (sum / count as f64) as f32,
    };
    let values = old.values().iter().zip(&sums).enumerate();
    values.map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gan_kernels::Native;

    /// Three heaps of points on a line in two dimensions, far from the origin.
    fn heaps() -> Vec<f32> {
        let heap = |centre: f32| (0..7).flat_map(move |i| [centre + 0.01 * i as f32, 1e3]);
        [10.0, 20.0, 40.0].into_iter().flat_map(heap).collect()
    }

    #[test]
    fn kmeans_finds_heaps_and_leaves_an_empty_centroid() {
        let backend = Native::<f32>::new(Some(1)).unwrap();
        let points = heaps();
        let points = Points::new(&points, 2);
        let initial = [11.0, 1e3, 25.0, 1e3, 35.0, 1e3, -900.0, 1e3];
        let mut shares = Vec::new();
        let initial = Points::new(&initial, 2);
        let found = kmeans(&backend, points, initial, 5, &mut |share| {
            shares.push(share)
        })
        .unwrap();
        let expected = [[10.03, 1e3], [20.03, 1e3], [40.03, 1e3], [-900.0, 1e3]];
        for (found, expected) in found.chunks(2).zip(expected) {
            let distance = (found[0] - expected[0]).hypot(found[1] - expected[1]);
            assert!(distance < 1e-3, "{found:?}, expected {expected:?}");
        }
        assert_eq!(shares.last(), Some(&1.0));
        assert!(shares.is_sorted());
    }
}
