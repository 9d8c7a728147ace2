//! The records that a game is trained on.

use std::ops::Range;

use gan_kernels::{Head, HeadSpan, Mean, Records, RecordsError, Values};

use crate::config::{ConfigError, GameConfig};

/// The records that a game is trained on.
#[derive(Clone, Debug)]
pub struct TrainingData {
    /// The training records alone.
    pub records: Records,
    /// Their mean, one value per column, from which the bias of G's last layer may start.
    pub mean: Vec<f32>,
    /// The heads of their columns, if they are mixed; otherwise none.
    pub heads: Vec<Head>,
    /// The values of each of their columns that is a condition, in ascending order: levels, of which
    /// one is 1 and the others are 0.
    pub given: Vec<Range<usize>>,
}

impl TrainingData {
    /// `records`, with their mean, which is taken in f64.
    #[must_use]
    pub fn new(records: Records) -> Self {
        // Without a record there is no mean, and no game either: `Trainer::new` says so.
        let mut mean = Mean::new(records.cols());
        records.each_part(0..records.rows(), |part, rows| mean.add(part, rows));
        let mean = mean.get();
        Self {
            records,
            mean,
            heads: Vec::new(),
            given: Vec::new(),
        }
    }

    /// Records of `cols` values each, row-major, with their mean.
    ///
    /// # Errors
    /// If `rows` are no whole number of records, or a value is not finite.
    pub fn from_rows(cols: usize, rows: Vec<f32>) -> Result<Self, RecordsError> {
        Records::try_new(cols, Values::Floats(rows)).map(Self::new)
    }

    /// Checks that there are records, one finite mean for each of their columns, and heads if and
    /// only if `config` has them.
    pub(crate) fn validate(&self, config: &GameConfig) -> Result<(), ConfigError> {
        let value = |key: &str, found: String, expected: String| ConfigError::Value {
            key: key.into(),
            found,
            expected,
        };
        if self.records.rows() == 0 {
            return Err(ConfigError::Missing {
                key: "data".into(),
                expected: "at least one training record".into(),
            });
        }
        let (found, cols) = (self.mean.len(), self.records.cols());
        if found != cols {
            let expected = format!("{cols}, one for each value of a record");
            return Err(value("data.mean", format!("{found} values"), expected));
        }
        let heads = "generator.heads";
        match config.generator.heads {
            None if !self.heads.is_empty() => {
                return Err(ConfigError::Missing {
                    key: heads.into(),
                    expected: "heads, since the records are of mixed columns".into(),
                });
            }
            Some(_) => check_heads(&self.heads, cols)
                .map_err(|found| value(heads, found, format!("heads of {cols} values in all")))?,
            None => {}
        }
        self.validate_conditions(config)?;
        match self.mean.iter().find(|mean| !mean.is_finite()) {
            None => Ok(()),
            Some(mean) => {
                let expected = "finite numbers".into();
                Err(value("data.mean", mean.to_string(), expected))
            }
        }
    }
}

impl TrainingData {
    /// Checks that there are as many conditions as `config` names, and that they are columns of
    /// levels.
    fn validate_conditions(&self, config: &GameConfig) -> Result<(), ConfigError> {
        let names = config.game.condition.len();
        let error = |found, expected: &str| {
            Err(ConfigError::Value {
                key: "game.condition".into(),
                found,
                expected: expected.into(),
            })
        };
        if self.given.len() != names {
            let found = format!("{names} names for {} conditions", self.given.len());
            return error(found, "one name for each condition of the records");
        }
        let is_head = |given: &Range<usize>| {
            let is_it = |span: HeadSpan| span.scalar.is_none() && span.levels == *given;
            self.heads.is_empty() || Head::spans(&self.heads).any(is_it)
        };
        let mut end = 0;
        for given in &self.given {
            let is_column = given.start >= end && given.len() >= 2;
            if !is_column || given.end > self.records.cols() || !is_head(given) {
                let found = format!("values {given:?} as a condition");
                return error(found, "columns of two levels or more, in ascending order");
            }
            end = given.end;
        }
        Ok(())
    }
}

/// Checks that heads are those of records of `cols` values; if not, says what they are.
pub(crate) fn check_heads(heads: &[Head], cols: usize) -> Result<(), String> {
    let mut width = 0_usize;
    for head in heads {
        if head.levels == 1 || (head.levels == 0 && !head.scalar) {
            return Err(format!("a head of {} levels", head.levels));
        }
        width = width
            .saturating_add(head.levels)
            .saturating_add(head.scalar.into());
    }
    match width == cols {
        true => Ok(()),
        false => Err(format!("records with heads of {width} values")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gan_kernels::{Affine, ByteScale};

    #[test]
    fn mean_is_of_columns_whatever_form_the_records_have() {
        let rows = vec![1.0, 2.0, 3.0, 0.0, -2.0, 7.0];
        assert_eq!(
            TrainingData::from_rows(3, rows).unwrap().mean,
            [0.5, 0.0, 5.0]
        );
        let scale = ByteScale::Uniform(Affine {
            scale: 0.5,
            offset: -1.0,
        });
        let data = vec![0, 4, 2, 8];
        let bytes = Records::new(2, Values::Bytes { data, scale });
        assert_eq!(TrainingData::new(bytes).mean, [-0.5, 2.0]);
    }

    #[test]
    fn rows_that_are_no_records_are_an_error() {
        for (cols, rows, expected) in [
            (2, vec![0.0; 3], "no whole number of rows of 2"),
            (0, vec![0.0; 3], "no whole number of rows of 0"),
            (
                2,
                vec![0.0, 1.0, f32::NAN, 1.0],
                "record 1, column 0: found NaN",
            ),
        ] {
            let error = TrainingData::from_rows(cols, rows)
                .err()
                .unwrap()
                .to_string();
            assert!(error.contains(expected), "{error:?}, not {expected:?}");
        }
    }

    #[test]
    fn a_mean_that_does_not_fit_is_an_error_of_the_configuration() {
        for (rows, mean, expected) in [
            (4, vec![0.5; 2], None),
            (
                4,
                vec![0.5; 3],
                Some("data.mean: found 3 values, expected 2, one for each"),
            ),
            (4, Vec::new(), Some("data.mean: found 0 values")),
            (
                4,
                vec![0.5, f32::NAN],
                Some("data.mean: found NaN, expected finite numbers"),
            ),
            (
                0,
                vec![0.5; 2],
                Some("data: missing, expected at least one training record"),
            ),
        ] {
            let records = Records::new(2, Values::Floats(vec![0.5; 2 * rows]));
            let found = TrainingData {
                records,
                mean,
                heads: Vec::new(),
                given: Vec::new(),
            }
            .validate(&crate::train::test_game());
            let found = found.err().map(|error| error.to_string());
            match (found, expected) {
                (None, None) => {}
                (Some(found), Some(expected)) => assert!(found.starts_with(expected), "{found}"),
                (found, expected) => panic!("{found:?}, not {expected:?}"),
            }
        }
    }
}
