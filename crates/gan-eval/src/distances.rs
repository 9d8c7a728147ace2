//! Squared distances between two sets of points, a block at a time.

use gan_kernels::{Backend, BackendError, Real};

use crate::Points;
use crate::affine::{Affine, write_centred};

/// Columns up to which differences are squared one by one: a product would gain nothing, and in few
/// columns neighbours are so near that its rounding would show.
const FEW_COLS: usize = 16;
/// Queries of one product.
const QUERIES: usize = 256;
/// Reference points of one product; with [`QUERIES`] a block is 4 MB of f32.
const REFERENCES: usize = 4096;

/// Calls `visit(i, first, distances)` with `distances[t] = ‖queries[i] − references[first + t]‖²`
/// until every pair has had its turn.
///
/// The N × M matrix never exists: blocks of ‖x‖² + ‖r‖² − 2·x·r come from
/// [`linear_fwd`](Backend::linear_fwd), with W = −2·Rᵀ and b = ‖r‖², after the mean of the reference
/// points is taken from both.
/// Blocks of reference points come in order, and within one block the queries.
///
/// # Numerics
/// On MNIST in f32 a distance is within 1e-5 of the median one of the f64 oracle; never below zero.
/// Up to 16 columns, exact but for f64's rounding.
#[track_caller]
pub(crate) fn squared_distances<B: Backend>(
    backend: &B,
    queries: Points<'_>,
    references: Points<'_>,
    mut visit: impl FnMut(usize, usize, &[f64]),
) -> Result<(), BackendError> {
    queries.check_cols("squared_distances", references);
    if references.cols() <= FEW_COLS {
        one_by_one(queries, references, visit);
        return Ok(());
    }
    let mean = references.mean();
    let mut x = backend.matrix(QUERIES, queries.cols());
    for first in (0..references.rows()).step_by(REFERENCES) {
        let count = REFERENCES.min(references.rows() - first);
        let block = references.slice(first..first + count);
        // The queries are rounded as well once the mean is off.
        let rounded = |r: f32, mean: f64| B::Elem::from_f64(f64::from(r) - mean).to_f64();
        let affine = Affine::to_points(backend, block, &mean, rounded);
        let mut y = backend.matrix(QUERIES, count);
        let mut distances = vec![0.0; count];
        for query in (0..queries.rows()).step_by(QUERIES) {
            let rows = QUERIES.min(queries.rows() - query);
            let chunk = queries.slice(query..query + rows);
            let squares = write_centred(backend, &mut x, chunk, &mean);
            let products = affine.apply(&x, rows, &mut y)?;
            for (row, products) in products.chunks_exact(count).enumerate() {
                for (distance, product) in distances.iter_mut().zip(products) {
                    let squared = squares[row] + product.to_f64();
                    // NaN stays NaN, which `max` would turn into a perfect match.
                    *distance = if squared < 0.0 { 0.0 } else { squared };
                }
                visit(query + row, first, &distances);
            }
        }
    }
    Ok(())
}

/// ‖x − r‖², exact but for f64's rounding.
#[track_caller]
pub(crate) fn squared_distance(x: &[f32], r: &[f32]) -> f64 {
    assert_eq!(x.len(), r.len(), "squared_distance: values");
    let pairs = x.iter().zip(r);
    pairs
        .map(|(&x, &r)| (f64::from(x) - f64::from(r)).powi(2))
        .sum()
}

fn one_by_one(
    queries: Points<'_>,
    references: Points<'_>,
    mut visit: impl FnMut(usize, usize, &[f64]),
) {
    let mut distances = vec![0.0; REFERENCES];
    for first in (0..references.rows()).step_by(REFERENCES) {
        let block = references.slice(first..(first + REFERENCES).min(references.rows()));
        for (query, x) in queries.iter().enumerate() {
            for (distance, r) in distances.iter_mut().zip(block.iter()) {
                *distance = squared_distance(x, r);
            }
            visit(query, first, &distances[..block.rows()]);
        }
    }
}

/// Share of the distances `own` that are below their counterparts in `others`; a tie counts half.
pub(crate) fn share_closer(
    own: impl Iterator<Item = f64>,
    others: impl ExactSizeIterator<Item = f64>,
) -> f64 {
    let count = others.len() as f64;
    let closer = own.zip(others).map(|(own, other)| {
        f64::from(u8::from(own < other)) + 0.5 * f64::from(u8::from(own == other))
    });
    closer.sum::<f64>() / count
}

/// A point among others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbour {
    /// Index of the reference point.
    pub index: usize,
    /// ‖x − r‖², exact but for f64's rounding.
    pub squared_distance: f64,
}

/// The nearest reference points of each query.
#[derive(Clone, Debug)]
pub struct Nearest {
    k: usize,
    found: Vec<Neighbour>,
}

impl Nearest {
    /// The neighbours of query `index`, nearest first.
    ///
    /// # Panics
    /// If there are fewer queries.
    #[must_use]
    #[track_caller]
    pub fn of(&self, index: usize) -> &[Neighbour] {
        &self.found[index * self.k..(index + 1) * self.k]
    }

    /// Distance (not squared) of the farthest kept, per query: with k neighbours, the k-th.
    pub(crate) fn radii(&self) -> impl Iterator<Item = f64> {
        let farthest = self.found.iter().skip(self.k - 1).step_by(self.k);
        farthest.map(|neighbour| neighbour.squared_distance.sqrt())
    }

    /// Distance (not squared) of the nearest, per query.
    pub fn distances(&self) -> impl Iterator<Item = f64> {
        let nearest = self.found.iter().step_by(self.k);
        nearest.map(|neighbour| neighbour.squared_distance.sqrt())
    }
}

/// The `k` points of `references` nearest to each of `queries`.
///
/// # Panics
/// If the columns disagree, or `k` is zero or more than there are reference points.
/// # Errors
/// If the device fails.
#[track_caller]
pub fn nearest<B: Backend>(
    backend: &B,
    queries: Points<'_>,
    references: Points<'_>,
    k: usize,
) -> Result<Nearest, BackendError> {
    search(backend, queries, references, k, |_, _| false)
}

/// The `k` other points nearest to each of `points`.
#[track_caller]
pub(crate) fn nearest_others<B: Backend>(
    backend: &B,
    points: Points<'_>,
    k: usize,
) -> Result<Nearest, BackendError> {
    let rows = points.rows();
    assert!(k < rows, "nearest_others: {k} others of {rows} points");
    search(backend, points, points, k, |query, index| query == index)
}

#[track_caller]
fn search<B: Backend>(
    backend: &B,
    queries: Points<'_>,
    references: Points<'_>,
    k: usize,
    skip: impl Fn(usize, usize) -> bool,
) -> Result<Nearest, BackendError> {
    let rows = references.rows();
    assert!((1..=rows).contains(&k), "nearest: {k} of {rows} points");
    // A point that is not a number is infinitely far, and its neighbours are the first points.
    let none = Neighbour {
        index: 0,
        squared_distance: f64::INFINITY,
    };
    let mut found = vec![none; queries.rows() * k];
    squared_distances(backend, queries, references, |query, first, distances| {
        let nearest = &mut found[query * k..(query + 1) * k];
        let mut farthest = nearest[k - 1].squared_distance;
        for (index, &squared_distance) in distances.iter().enumerate() {
            if squared_distance < farthest && !skip(query, first + index) {
                let neighbour = Neighbour {
                    index: first + index,
                    squared_distance,
                };
                insert(nearest, neighbour);
                farthest = nearest[k - 1].squared_distance;
            }
        }
    })?;
    for (x, nearest) in queries.iter().zip(found.chunks_exact_mut(k)) {
        refine(x, references, nearest);
    }
    Ok(Nearest { k, found })
}

/// Puts `neighbour` in its place; the farthest falls out.
fn insert(nearest: &mut [Neighbour], neighbour: Neighbour) {
    let place = nearest.partition_point(|n| n.squared_distance <= neighbour.squared_distance);
    nearest[place..].rotate_right(1);
    nearest[place] = neighbour;
}

/// A product's distances are good to find neighbours by; the few found get exact ones, so that a
/// copy is at distance zero.
fn refine(x: &[f32], references: Points<'_>, nearest: &mut [Neighbour]) {
    for neighbour in &mut *nearest {
        if neighbour.squared_distance.is_finite() {
            neighbour.squared_distance = squared_distance(x, references.row(neighbour.index));
        }
    }
    nearest.sort_by(|a, b| a.squared_distance.total_cmp(&b.squared_distance));
}

/// The middle value, the upper of two; NaN of nothing.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{backend, normal};
    use gan_kernels::Native;

    /// Every distance by the definition.
    fn definition(queries: Points<'_>, references: Points<'_>) -> Vec<f64> {
        let rows = queries.iter();
        rows.flat_map(|x| references.iter().map(move |r| squared_distance(x, r)))
            .collect()
    }

    fn blocks<B: Backend>(backend: &B, queries: Points<'_>, references: Points<'_>) -> Vec<f64> {
        let mut all = vec![f64::NAN; queries.rows() * references.rows()];
        squared_distances(backend, queries, references, |query, first, distances| {
            all[query * references.rows() + first..][..distances.len()].copy_from_slice(distances);
        })
        .unwrap();
        all
    }

    #[test]
    fn squared_distances_of_far_clouds_match_the_definition() {
        // Off the origin, so that without centring f32 would lose what is left of the difference.
        let (queries, references) = (normal(261, 37, 1, 50.0), normal(4103, 37, 2, 50.0));
        let (queries, references) = (Points::new(&queries, 37), Points::new(&references, 37));
        let expected = definition(queries, references);
        let found = blocks(&backend(), queries, references);
        let worst = |found: &[f64]| {
            let off = found.iter().zip(&expected).map(|(a, b)| (a - b).abs() / b);
            off.fold(0.0, f64::max)
        };
        assert!(worst(&found) < 2e-5, "{}", worst(&found));
        let oracle = Native::<f64>::new(Some(1)).unwrap();
        let found = blocks(&oracle, queries, references);
        assert!(worst(&found) < 1e-12, "{}", worst(&found));
    }

    #[test]
    fn squared_distances_in_few_columns_are_exact() {
        let (queries, references) = (normal(7, 3, 1, 1e3), normal(5, 3, 2, 1e3));
        let (queries, references) = (Points::new(&queries, 3), Points::new(&references, 3));
        let found = blocks(&backend(), queries, references);
        assert_eq!(found, definition(queries, references));
    }

    #[test]
    fn nearest_others_leave_the_point_itself_out_and_find_its_copy() {
        let mut values = normal(300, 20, 3, 0.0);
        values.copy_within(0..20, 20 * 299);
        let points = Points::new(&values, 20);
        let found = nearest_others(&backend(), points, 3).unwrap();
        assert_eq!(found.of(0)[0].index, 299);
        assert_eq!(found.of(0)[0].squared_distance, 0.0);
        for query in 0..300 {
            let to = |other| squared_distance(points.row(query), points.row(other));
            let others = (0..300).filter(|&other| other != query);
            let mut all: Vec<f64> = others.map(to).collect();
            all.sort_by(f64::total_cmp);
            let distances: Vec<f64> = found.of(query).iter().map(|n| n.squared_distance).collect();
            assert_eq!(distances, all[..3], "{query}");
        }
    }

    #[test]
    fn nearest_of_what_is_no_number_is_infinitely_far() {
        let mut values = normal(40, 20, 3, 0.0);
        values[7] = f32::NAN;
        let references = normal(30, 20, 4, 0.0);
        let [x, r] = [&values, &references].map(|values| Points::new(values, 20));
        let found = nearest(&backend(), x, r, 2).unwrap();
        assert_eq!(found.of(0)[0].squared_distance, f64::INFINITY);
        assert!(found.of(1)[1].squared_distance.is_finite());
    }
}
