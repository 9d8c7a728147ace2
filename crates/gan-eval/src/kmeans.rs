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
/// Most centroids soon stay where they are. A point is then compared with those that have moved alone,
/// unless its own has moved away from it: all that stayed were no nearer before. The result is that
/// of comparing all.
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
    let mut nearest = Vec::new();
    let mut moved: Vec<usize> = (0..initial.rows()).collect();
    for iteration in 0..iterations {
        let share = |done: f64| (iteration as f64 + done) / iterations as f64;
        let search = Search {
            backend,
            points,
            centroids: Points::new(&centroids, cols),
            mean: &mean,
        };
        search.update(&mut nearest, &moved, &mut |done| progress(share(done)))?;
        let new = means(points, search.centroids, &nearest);
        let rows = centroids.chunks_exact(cols).zip(new.chunks_exact(cols));
        let changed = rows.enumerate().filter(|(_, (old, new))| old != new);
        moved = changed.map(|(at, _)| at).collect();
        centroids = new;
    }
    progress(1.0);
    Ok(centroids)
}

/// The nearest centroid of a point, the first of several.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Own<T> {
    index: usize,
    /// ‖c‖² − 2·x·c.
    value: T,
}

impl<T: Real> Own<T> {
    /// The nearer of two, the first if neither is.
    fn or(self, other: Self) -> Self {
        let is_nearer =
            other.value < self.value || (other.value == self.value && other.index < self.index);
        if is_nearer { other } else { self }
    }
}

/// Points and the centroids of one iteration.
struct Search<'a, B: Backend> {
    backend: &'a B,
    points: Points<'a>,
    centroids: Points<'a>,
    mean: &'a [f64],
}

impl<B: Backend> Search<'_, B> {
    /// Brings `nearest`, which is empty or that of the iteration before, to these centroids, of which
    /// those in `moved` are not where they were.
    fn update(
        &self,
        nearest: &mut Vec<Own<B::Elem>>,
        moved: &[usize],
        progress: &mut dyn FnMut(f64),
    ) -> Result<(), EvalError> {
        let (count, all) = (self.points.rows(), self.centroids.rows());
        // Places of the centroids that have moved among `moved`.
        let mut place = vec![None; all];
        for (at, &index) in moved.iter().enumerate() {
            place[index] = Some(at);
        }
        let stayed: Vec<usize> = (0..all).filter(|&index| place[index].is_none()).collect();
        let is_first = nearest.is_empty();
        // Points whose own centroid has moved away from them.
        let mut left = Vec::new();
        let every: Vec<usize> = (0..count).collect();
        let share = moved.len() as f64 / all as f64;
        self.distances(&every, moved, &mut |point, values| {
            let best = smallest(values, moved);
            if is_first {
                nearest.push(best);
            } else {
                let own = nearest[point];
                let own = match place[own.index].map(|at| values[at]) {
                    None => own,
                    Some(value) => {
                        if value > own.value {
                            left.push(point);
                        }
                        Own { value, ..own }
                    }
                };
                nearest[point] = own.or(best);
            }
            progress(share * (point + 1) as f64 / count as f64);
        })?;
        let mut done = 0;
        self.distances(&left, &stayed, &mut |point, values| {
            nearest[point] = nearest[point].or(smallest(values, &stayed));
            done += 1;
            progress(share + (1.0 - share) * done as f64 / left.len() as f64);
        })
    }

    /// Calls `visit` with each of the points at `rows` and its values at the centroids `which`.
    fn distances(
        &self,
        rows: &[usize],
        which: &[usize],
        visit: &mut dyn FnMut(usize, &[B::Elem]),
    ) -> Result<(), EvalError> {
        if rows.is_empty() || which.is_empty() {
            return Ok(());
        }
        let cols = self.points.cols();
        let chosen = gather(self.centroids, which);
        let chosen = Points::new(&chosen, cols);
        let difference = |c, mean: f64| f64::from(c) - mean;
        let affine = Affine::to_points(self.backend, chosen, self.mean, difference);
        let at_once = (AT_ONCE / which.len().max(cols)).clamp(1, rows.len());
        let mut y = self.backend.matrix(at_once, which.len());
        for rows in rows.chunks(at_once) {
            let chunk = gather(self.points, rows);
            let x = centred(self.backend, Points::new(&chunk, cols), self.mean);
            let values = affine.apply(&x, x.row_count(), &mut y)?;
            for (point, values) in rows.iter().zip(values.chunks_exact(which.len())) {
                visit(*point, values);
            }
        }
        Ok(())
    }
}

/// The rows of `points` at `rows`.
fn gather(points: Points<'_>, rows: &[usize]) -> Vec<f32> {
    let rows = rows.iter().flat_map(|&row| points.row(row));
    rows.copied().collect()
}

/// The smallest of `values` and its index, which `indices` has beside it; the first of several.
fn smallest<T: Real>(values: &[T], indices: &[usize]) -> Own<T> {
    let best = (0..values.len()).fold(
        0,
        |best, at| if values[at] < values[best] { at } else { best },
    );
    Own {
        index: indices[best],
        value: values[best],
    }
}

/// The mean of the points nearest to each centroid.
fn means<T>(points: Points<'_>, old: Points<'_>, nearest: &[Own<T>]) -> Vec<f32> {
    let cols = points.cols();
    let mut sums = vec![0.0f64; old.values().len()];
    let mut counts = vec![0usize; old.rows()];
    for (row, &Own { index, .. }) in points.iter().zip(nearest) {
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

    /// Every point compared with every centroid, in each iteration.
    fn of_all_pairs(points: Points<'_>, initial: Points<'_>, iterations: usize) -> Vec<f32> {
        let backend = Native::<f32>::new(Some(1)).unwrap();
        let (cols, mean) = (points.cols(), points.mean());
        let mut centroids = initial.values().to_vec();
        for _ in 0..iterations {
            let search = Search {
                backend: &backend,
                points,
                centroids: Points::new(&centroids, cols),
                mean: &mean,
            };
            let all: Vec<usize> = (0..initial.rows()).collect();
            let mut nearest = Vec::new();
            search.update(&mut nearest, &all, &mut |_| {}).unwrap();
            centroids = means(points, search.centroids, &nearest);
        }
        centroids
    }

    #[test]
    fn centroids_are_those_of_comparing_all_pairs() {
        let backend = Native::<f32>::new(Some(1)).unwrap();
        let mut state = 1_u64;
        let mut draw = |_: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 40) as f32 / (1 << 24) as f32
        };
        for (rows, cols, count) in [(400, 2, 37), (600, 31, 120), (90, 5, 90)] {
            // On a grid as well, where many distances are equal.
            for coarse in [1e-6, 0.25] {
                let values: Vec<f32> = (0..rows * cols).map(&mut draw).collect();
                let values: Vec<f32> = values
                    .iter()
                    .map(|value| (value / coarse).round() * coarse)
                    .collect();
                let points = Points::new(&values, cols);
                let initial = points.first(count);
                for iterations in [1, 2, 5, 12, 40] {
                    let found = kmeans(&backend, points, initial, iterations, &mut |_| {}).unwrap();
                    let expected = of_all_pairs(points, initial, iterations);
                    assert_eq!(found, expected, "{rows}×{cols}, {count}, {iterations}");
                }
            }
        }
    }
}
