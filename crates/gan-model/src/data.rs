//! The records that a game is trained on.

use gan_kernels::{Records, RecordsError, Values};

use crate::config::ConfigError;

/// The records that a game is trained on.
pub struct TrainingData {
    /// The training records alone.
    pub records: Records,
    /// Their mean, one value per column, from which the bias of G's last layer may start.
    pub mean: Vec<f32>,
}

impl TrainingData {
    /// `records`, with their mean, which is taken in f64.
    #[must_use]
    pub fn new(records: Records) -> Self {
        let mut row = vec![0.0_f32; records.cols()];
        let mut sums = vec![0.0_f64; records.cols()];
        for index in 0..records.rows() {
            records.copy_row(index, &mut row);
            let pairs = sums.iter_mut().zip(&row);
            pairs.for_each(|(sum, &value)| *sum += f64::from(value));
        }
        // Without a record there is no mean, and no game either: `Trainer::new` says so.
        let count = records.rows().max(1) as f64;
        let mean = sums.into_iter().map(|sum| (sum / count) as f32).collect();
        Self { records, mean }
    }

    /// Records of `cols` values each, row-major, with their mean.
    ///
    /// # Errors
    /// If `rows` are no whole number of records, or a value is not finite.
    pub fn from_rows(cols: usize, rows: Vec<f32>) -> Result<Self, RecordsError> {
        Records::try_new(cols, Values::Floats(rows)).map(Self::new)
    }

    /// Checks that there are records, and one finite mean for each of their columns.
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
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
        match self.mean.iter().find(|mean| !mean.is_finite()) {
            None => Ok(()),
            Some(mean) => {
                let expected = "finite numbers".into();
                Err(value("data.mean", mean.to_string(), expected))
            }
        }
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
            let found = TrainingData { records, mean }.validate();
            let found = found.err().map(|error| error.to_string());
            match (found, expected) {
                (None, None) => {}
                (Some(found), Some(expected)) => assert!(found.starts_with(expected), "{found}"),
                (found, expected) => panic!("{found:?}, not {expected:?}"),
            }
        }
    }
}
