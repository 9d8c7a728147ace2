//! Sets of records and samples that metrics compare: as many of each, and no more than a minute
//! allows.

use gan_eval::Points;
use gan_kernels::Backend;
use gan_kernels::random::Permutation;

use super::Subject;
use crate::problem::Problem;

/// Fewer records than this compare with nothing.
pub(super) const FEWEST: usize = 20;

/// Sets of records, each drawn from its split without replacement.
///
/// Files have an order (MNIST's test file begins with its cleaner half), so that the first records
/// are no fair sample.
pub(super) struct Sets {
    cols: usize,
    train: Vec<f32>,
    valid: Vec<f32>,
    test: Vec<f32>,
}

impl Sets {
    /// Up to `most` records of each split.
    pub(super) fn new<B: Backend>(subject: &Subject<'_, B>, most: usize) -> Self {
        let data = subject.data;
        let draw = |points: Points<'_>| drawn(points, most.min(points.rows()));
        Self {
            cols: data.cols(),
            train: draw(data.train()),
            valid: draw(data.valid()),
            test: draw(data.test()),
        }
    }

    /// Training records.
    pub(super) fn train(&self) -> Points<'_> {
        Points::new(&self.train, self.cols)
    }

    /// Records that are held out from the same pool as the training records.
    pub(super) fn valid(&self) -> Points<'_> {
        Points::new(&self.valid, self.cols)
    }

    /// Records to report on.
    pub(super) fn test(&self) -> Points<'_> {
        Points::new(&self.test, self.cols)
    }
}

/// `count` of `points` in random order: the same at every evaluation of the same data.
fn drawn(points: Points<'_>, count: usize) -> Vec<f32> {
    if count == 0 {
        return Vec::new();
    }
    let order = Permutation::new(0, 0, points.rows());
    (0..count)
        .flat_map(|index| points.row(order.at(index)))
        .copied()
        .collect()
}

/// As many of both as the smaller set has, up to `most`.
///
/// # Errors
/// If that is too few.
pub(super) fn equal<'a>(
    metric: &str,
    records: Points<'a>,
    samples: Points<'a>,
    most: usize,
) -> Result<[Points<'a>; 2], Problem> {
    let count = records.rows().min(samples.rows()).min(most);
    if count < FEWEST {
        return Err(Problem::failed(format!(
            "--metrics {metric}: found {} held-out records and {} samples, expected {FEWEST} or \
             more of each",
            records.rows(),
            samples.rows()
        ))
        .hint("hold more out with data.test, or draw more with --samples"));
    }
    Ok([records.first(count), samples.first(count)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_records_are_different_and_not_in_the_order_of_the_file() {
        let values: Vec<f32> = (0..200).map(|i| i as f32).collect();
        let points = Points::new(&values, 1);
        let mut few = drawn(points, 50);
        assert!(few.iter().any(|&x| x > 150.0) && few.windows(2).any(|pair| pair[0] > pair[1]));
        few.sort_by(f32::total_cmp);
        few.dedup();
        assert_eq!(few.len(), 50);
        assert_eq!(drawn(points, 50)[..20], drawn(points, 20));
        assert!(drawn(points, 0).is_empty());
    }

    #[test]
    fn equal_sets_are_cut_to_the_smaller_and_not_below_the_fewest() {
        let (many, few) = ([0.0_f32; 120], [1.0_f32; 90]);
        let (many, few) = (Points::new(&many, 3), Points::new(&few, 3));
        let [records, samples] = equal("prdc", many, few, 25).unwrap();
        assert_eq!((records.rows(), samples.rows()), (25, 25));
        assert_eq!(equal("prdc", few, many, 99).unwrap()[1].rows(), 30);
        let error = equal("prdc", few.first(19), many, 99).unwrap_err();
        assert!(
            error.to_string().contains("found 19 held-out records"),
            "{error}"
        );
    }
}
