//! The division of the records into those that train, validate and test.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::config::DataConfig;
use crate::error::DataProblem;

/// Ranges of records, in this order and without overlap.
///
/// Records between two ranges belong to no split; there are some only if the configuration asks for
/// fewer records than the file has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Splits {
    /// Records to train on; never empty.
    pub train: Range<usize>,
    /// Records to choose settings on, such as the Parzen window's width; may be empty.
    pub valid: Range<usize>,
    /// Records to report on; may be empty.
    pub test: Range<usize>,
}

/// The authors' MNIST and CIFAR-10 validation sets.
const VALID: usize = 10_000;

impl Splits {
    /// The records that ranks and shares of a mixed table are of: those that train and, unless others
    /// stand between, those that validate.
    ///
    /// What samples are compared with is how columns go together, and a tenth of a small table is
    /// much of its levels.
    #[must_use]
    pub fn encoded(&self) -> Range<usize> {
        match self.train.end == self.valid.start {
            true => self.train.start..self.valid.end,
            false => self.train.clone(),
        }
    }

    /// The splits of `rows` records, the last `test_rows` of which came as a test set, if any did.
    pub(crate) fn new(
        rows: usize,
        test_rows: Option<usize>,
        config: &DataConfig,
    ) -> Result<Self, DataProblem> {
        let (pool, test_start, test) = match test_rows {
            Some(given) => (rows - given, rows - given, config.test.unwrap_or(given)),
            None => {
                let test = config.test.unwrap_or(Self::tenth(rows, config.train));
                (rows.saturating_sub(test), rows.saturating_sub(test), test)
            }
        };
        let default_valid = match test_rows {
            Some(_) if pool >= 5 * VALID => VALID.min(pool - config.train.unwrap_or(0).min(pool)),
            Some(_) => Self::tenth(pool, config.train),
            None => Self::tenth(rows, config.train).min(pool.saturating_sub(1)),
        };
        let valid = config.valid.unwrap_or(default_valid);
        let train = config.train.unwrap_or(pool.saturating_sub(valid));
        let fits = train >= 1
            && train.checked_add(valid).is_some_and(|both| both <= pool)
            && test <= rows - test_start;
        if !fits {
            return Err(DataProblem::Splits {
                found: format!("{train}, {valid}, {test}"),
                expected: match test_rows {
                    Some(given) => format!("{pool} and {given} in the two files"),
                    None => format!("{rows} in all"),
                },
            });
        }
        Ok(Self {
            train: 0..train,
            valid: pool - valid..pool,
            test: test_start..test_start + test,
        })
    }

    /// A tenth of `rows`, or half of what an explicit `train` leaves if that is less.
    fn tenth(rows: usize, train: Option<usize>) -> usize {
        let left = train.map_or(rows, |train| rows.saturating_sub(train) / 2);
        (rows / 10).min(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn splits(rows: usize, test_rows: Option<usize>, sizes: Sizes) -> Result<Splits, DataProblem> {
        let [train, valid, test] = sizes;
        let config = DataConfig {
            train,
            valid,
            test,
            ..DataConfig::default()
        };
        Splits::new(rows, test_rows, &config)
    }

    /// What the configuration asks for, to train, to validate and to test.
    type Sizes = [Option<usize>; 3];

    const ALL: Sizes = [None; 3];

    /// The number of records, that of the test file, what is asked for, and the splits.
    type Case = (usize, Option<usize>, Sizes, [Range<usize>; 3]);

    fn check(cases: impl IntoIterator<Item = Case>) {
        for (rows, test_rows, sizes, [train, valid, test]) in cases {
            let expected = Splits { train, valid, test };
            assert_eq!(splits(rows, test_rows, sizes).unwrap(), expected);
        }
    }

    #[test]
    #[rustfmt::skip]
    fn splits_of_mnist_are_the_authors() {
        check([
            (70_000, Some(10_000), ALL, [0..50_000, 50_000..60_000, 60_000..70_000]),
            (60_000, Some(10_000), ALL, [0..40_000, 40_000..50_000, 50_000..60_000]),
        ]);
    }

    #[test]
    fn splits_of_a_lone_file_are_eight_one_one() {
        check([
            (1009, None, ALL, [0..809, 809..909, 909..1009]),
            (1, None, ALL, [0..1, 1..1, 1..1]),
        ]);
    }

    #[test]
    #[rustfmt::skip]
    fn splits_given_take_the_first_to_train_and_leave_a_gap() {
        check([
            (100, None, [Some(7), None, Some(5)], [0..7, 85..95, 95..100]),
            (70_000, Some(10_000), [Some(100), None, Some(9)],
                [0..100, 50_000..60_000, 60_000..60_009]),
            (70_000, Some(10_000), [Some(60_000), None, None],
                [0..60_000, 60_000..60_000, 60_000..70_000]),
            (100, None, [Some(100), None, None], [0..100, 100..100, 100..100]),
        ]);
    }

    #[test]
    fn splits_beyond_the_records_are_refused() {
        for sizes in [
            [Some(101), None, None],
            [None, Some(101), None],
            [None, None, Some(101)],
            [Some(50), Some(30), Some(21)],
            [Some(usize::MAX); 3],
            [Some(0), None, None],
            [None, Some(0), Some(100)],
        ] {
            let error = splits(100, None, sizes).unwrap_err();
            assert!(error.to_string().starts_with("splits of"), "{error}");
            assert!(splits(100, Some(10), sizes).is_err(), "{sizes:?}");
        }
    }
}
