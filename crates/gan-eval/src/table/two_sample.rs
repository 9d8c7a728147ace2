//! Classifier two-sample test: how well boosting tells real from synthetic rows that it has not
//! seen.

use super::bins::{Binned, Binning};
use super::boosting::{Boosting, Loss};
use super::{SEED, Table, mean, threads};
use crate::draws::Draw;

/// Rows of each kind at most.
const ROWS: usize = 10_000;
/// Trees of a classifier.
const ROUNDS: usize = 100;
/// Folds of a cross-validation.
const FOLDS: usize = 5;
/// Trees in the quick test.
const QUICK_ROUNDS: usize = 20;
/// Folds in the quick test.
const QUICK_FOLDS: usize = 3;

/// Area under the ROC curve of a classifier that tells `real` rows from `samples`, cross-validated,
/// over as many rows of each as the smaller table has: 1/2 for equal distributions, 1 where each
/// row is told right.
///
/// NaN where there are too few rows to put one of each into every fold.
pub(super) fn told_apart(real: &Table<'_>, samples: &Table<'_>, threads: usize) -> f64 {
    let rows = real.rows().min(samples.rows()).min(ROWS);
    let [real, samples] = [real.drawn(rows, 1), samples.drawn(rows, 2)];
    let repetitions = match 2 * rows {
        0..=600 => 5,
        601..=3000 => 2,
        _ => 1,
    };
    let pool = Pool::new(&real, &samples);
    pool.cross_validated(FOLDS, repetitions, ROUNDS, threads)
}

/// How well samples are told from real rows, quickly and again and again: for the training loop, to
/// stop and to choose the best step.
///
/// The number is that of the two-sample test of an evaluation on fewer rows, by a classifier of
/// fewer trees.
/// Rows, folds and trees are the same in every call, so that two scores differ by their samples
/// alone.
///
/// ```
/// use gan_eval::table::{Column, Kind, Table, TellingApart};
///
/// let columns = [Column {
///     name: "x".into(),
///     kind: Kind::Number { decimals: None },
/// }];
/// let rows = |from: f64| -> Vec<f64> { (0..300).map(|i| from + f64::from(i % 60)).collect() };
/// let test = TellingApart::new(&Table::new(&columns, &rows(0.0)));
/// let good = test.score(&Table::new(&columns, &rows(0.0)));
/// let bad = test.score(&Table::new(&columns, &rows(40.0)));
/// assert!(good < 0.55 && bad > 0.8);
/// ```
#[derive(Clone, Debug)]
pub struct TellingApart<'a> {
    real: Table<'a>,
}

impl<'a> TellingApart<'a> {
    /// Rows of each kind in a test, at most.
    pub const MOST_ROWS: usize = 2_000;

    /// A test against the rows of `real`, or [`TellingApart::MOST_ROWS`] of them.
    #[must_use]
    pub fn new(real: &Table<'a>) -> Self {
        Self {
            real: real.drawn(Self::MOST_ROWS, 1),
        }
    }

    /// Number of samples that the test can use: the number of rows that it compares them with.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.real.rows()
    }

    /// Area under the ROC curve, as in an evaluation; 1/2 is ideal, and NaN says that there are
    /// fewer than six rows.
    #[must_use]
    pub fn score(&self, samples: &Table<'_>) -> f64 {
        let rows = self.rows().min(samples.rows());
        let [real, samples] = [self.real.drawn(rows, 3), samples.drawn(rows, 4)];
        let repetitions = (Self::MOST_ROWS / rows.max(1)).clamp(1, 4);
        let pool = Pool::new(&real, &samples);
        pool.cross_validated(QUICK_FOLDS, repetitions, QUICK_ROUNDS, 1)
    }
}

/// As many real rows as samples, real ones first.
struct Pool {
    binning: Binning,
    table: Binned,
    real: usize,
    rows: usize,
}

impl Pool {
    fn new(real: &Table<'_>, samples: &Table<'_>) -> Self {
        let both = real.joined(samples);
        // The bins are those of both: a sample between two values that real rows have is another.
        let binning = Binning::of(&both);
        Self {
            table: binning.bin(&both, None),
            binning,
            real: real.rows(),
            rows: both.rows(),
        }
    }

    /// The mean over all folds of the area under the ROC curve on a fold by a classifier of the
    /// others.
    fn cross_validated(
        &self,
        folds: usize,
        repetitions: usize,
        rounds: usize,
        threads: usize,
    ) -> f64 {
        if self.real < folds || self.rows - self.real < folds {
            return f64::NAN;
        }
        let targets: Vec<f64> = (0..self.rows)
            .map(|row| f64::from(u8::from(row < self.real)))
            .collect();
        let found = threads::each(threads, folds * repetitions, |task| {
            let (repetition, fold) = (task / folds, task % folds);
            let (mut train, mut test) = (Vec::new(), Vec::new());
            for (first, count) in [(0, self.real), (self.real, self.rows - self.real)] {
                let order = Draw::Folds.order(SEED, 2 * repetition + usize::from(first > 0), count);
                for (place, row) in order.into_iter().enumerate() {
                    let part = if place % folds == fold {
                        &mut test
                    } else {
                        &mut train
                    };
                    part.push(first + row);
                }
            }
            // The order of a leaf's sums should not depend on the order of folds.
            train.sort_unstable();
            let (binning, table) = (&self.binning, &self.table);
            let model = Boosting::fit(binning, table, &train, &targets, Loss::Logistic, rounds);
            let is_real: Vec<bool> = test.iter().map(|&row| row < self.real).collect();
            auc(&model.predict(table, &test), &is_real)
        });
        mean(found.into_iter())
    }
}

/// Area under the ROC curve: the probability that a positive's score is above a negative's, where
/// equal scores count half (Mann and Whitney); NaN where there is no pair.
pub(super) fn auc(scores: &[f64], positive: &[bool]) -> f64 {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let (mut below, mut pairs) = (0.0, 0.0);
    for equal in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let positives = equal.iter().filter(|&&at| positive[at]).count() as f64;
        let negatives = equal.len() as f64 - positives;
        pairs += positives * (below + negatives / 2.0);
        below += negatives;
    }
    let positives = scores.len() as f64 - below;
    pairs / (positives * below)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{columns, rows};
    use super::*;
    use crate::testing::close;

    #[test]
    fn auc_counts_pairs_in_order() {
        let positive = [false, true, false, true];
        close(auc(&[0.1, 0.4, 0.35, 0.8], &positive), 1.0, 1e-12);
        close(auc(&[0.1, 0.3, 0.35, 0.8], &positive), 0.75, 1e-12);
        close(auc(&[1.0; 4], &positive), 0.5, 1e-12);
        assert!(auc(&[1.0, 2.0], &[true, true]).is_nan());
    }

    #[test]
    fn equal_distributions_are_not_told_apart_and_shuffled_columns_are() {
        let columns = columns();
        let [real, other] = [1, 2].map(|seed| rows(800, seed));
        let [real, other] = [real, other].map(|values| Table::new(&columns, &values));
        let quick = TellingApart::new(&real);
        close(told_apart(&real, &other, 2), 0.5, 0.05);
        close(quick.score(&other), 0.5, 0.05);
        let shuffled = real.shuffled();
        let found = [told_apart(&real, &shuffled, 2), quick.score(&shuffled)];
        assert!(found.iter().all(|auc| *auc > 0.85), "{found:?}");
        assert_eq!(found[0], told_apart(&real, &shuffled, 1));
        assert_eq!(found[1], quick.score(&shuffled));
    }

    #[test]
    fn values_between_those_of_real_rows_are_told() {
        let columns = &columns()[..1];
        let tens = |off: f64| (0..400).map(move |row| 10.0 * f64::from(row % 20) + off);
        let table = |values: Vec<f64>| Table::new(columns, &values);
        let (real, samples) = (table(tens(0.0).collect()), table(tens(2.0).collect()));
        let found = [
            told_apart(&real, &samples, 1),
            TellingApart::new(&real).score(&samples),
        ];
        assert!(found.iter().all(|auc| *auc > 0.9), "{found:?}");
    }

    #[test]
    fn few_rows_are_no_test() {
        let columns = columns();
        let table = Table::new(&columns, &rows(2, 1));
        assert!(told_apart(&table, &table, 1).is_nan());
        assert!(TellingApart::new(&table).score(&table).is_nan());
    }
}
