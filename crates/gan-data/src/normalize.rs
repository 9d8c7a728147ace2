//! From the values of a file to the units that the players see, and back.

use std::ops::Range;

use gan_kernels::{Affine, ByteScale, Head, Records, Values};
use serde::{Deserialize, Serialize};

use crate::columns::Encoding;
use crate::config::Normalize;
use crate::error::{DataProblem, listed};
use crate::mapped::Form;
use crate::record::Raw;

/// L2 norm of an image after global contrast normalisation, the authors' `scale` for CIFAR-10.
const GCN_NORM: f64 = 55.0;

/// Images whose contrast is below this are left undivided, as pylearn2's `min_divisor`.
const GCN_MIN_DIVISOR: f64 = 1e-8;

/// The way back from what a generator makes to the units of the data.
///
/// Kept in checkpoints, so that sampling does not need the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Transform {
    /// The players see the user's units.
    Identity,
    /// Pixels in `[0, 1]` back to bytes in `[0, 255]`.
    Pixels,
    /// Standardised columns back to `value · std + mean`.
    Standardize {
        /// Mean of each column over the training records.
        mean: Vec<f64>,
        /// Standard deviation of each column over the training records; 1 for a constant column.
        std: Vec<f64>,
        /// Smallest and largest value of each column of a file over the training records, beyond
        /// which no record is written; empty where there is no such bound.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        limits: Vec<[f64; 2]>,
    },
    /// The columns of a mixed table, which have another number of values for the players than for the
    /// user.
    Columns(Encoding),
    /// Global contrast normalisation to pictures in `[0, 255]`.
    ///
    /// Each image's own brightness and contrast are gone, so a generated one gets the averages of
    /// the training images.
    Gcn {
        /// L2 norm of a normalised image.
        norm: f64,
        /// Average L2 norm of a training image less its mean, in bytes.
        contrast: f64,
        /// Average byte of the training images.
        brightness: f64,
    },
}

impl Transform {
    /// Values that the user has of a record that the players have `cols` values of.
    #[must_use]
    pub fn user_cols(&self, cols: usize) -> usize {
        match self {
            Self::Columns(encoding) => encoding.columns().len(),
            _ => cols,
        }
    }

    /// The encoding of a mixed table's records.
    #[must_use]
    pub fn encoding(&self) -> Option<&Encoding> {
        match self {
            Self::Columns(encoding) => Some(encoding),
            _ => None,
        }
    }

    /// How the values of a record are grouped into columns; none where each is a column of its own.
    #[must_use]
    pub fn heads(&self) -> Vec<Head> {
        match self {
            Self::Columns(encoding) => encoding.heads(),
            _ => Vec::new(),
        }
    }

    /// One generated record in the user's units, in 64 bits: where a column is far from 0, 32 would
    /// not hold its differences.
    ///
    /// Image bytes are limited to `[0, 255]`, not rounded.
    ///
    /// # Panics
    /// If the record does not have one value per standardised column, or per level and scalar.
    #[must_use]
    #[track_caller]
    pub fn user_row(&self, row: &[f32]) -> Vec<f64> {
        let values = row.iter().map(|&value| f64::from(value));
        let to_bytes = |scale: f64, offset: f64| {
            let bytes = values
                .clone()
                .map(|value| (value * scale + offset).clamp(0.0, 255.0));
            bytes.collect()
        };
        match self {
            Self::Columns(encoding) => encoding.user_row(row),
            Self::Identity => values.collect(),
            Self::Pixels => to_bytes(255.0, 0.0),
            Self::Gcn {
                norm,
                contrast,
                brightness,
            } => to_bytes(contrast / norm, *brightness),
            Self::Standardize { mean, std, limits } => {
                assert!(row.len() == mean.len(), "transform: one value per column");
                let scaled = values.zip(mean.iter().zip(std));
                let user = scaled.map(|(value, (mean, std))| value * std + mean);
                let limited = user.enumerate().map(|(col, value)| match limits.get(col) {
                    Some(&[low, high]) => value.clamp(low, high),
                    None => value,
                });
                limited.collect()
            }
        }
    }

    /// Generated records of `cols` values in the user's units, row by row, as far as 32 bits hold them:
    /// for pictures.
    ///
    /// # Panics
    /// As [`Self::user_row`].
    #[must_use]
    #[track_caller]
    pub fn user_values(&self, rows: &[f32], cols: usize) -> Vec<f32> {
        let mut values = Vec::with_capacity(rows.len() / cols * self.user_cols(cols));
        for row in rows.chunks_exact(cols) {
            values.extend(self.user_row(row).into_iter().map(|value| value as f32));
        }
        values
    }

    /// A record of the user's units as the players would see it; bytes but for their contrast.
    ///
    /// # Panics
    /// If the record does not have one value per column.
    #[must_use]
    #[track_caller]
    pub fn player_row(&self, row: &[f64]) -> Vec<f32> {
        match self {
            Self::Columns(encoding) => encoding.player_row(row),
            Self::Standardize { mean, std, .. } => {
                assert!(row.len() == mean.len(), "transform: one value per column");
                let scaled = row.iter().zip(mean.iter().zip(std));
                scaled
                    .map(|(value, (mean, std))| ((value - mean) / std) as f32)
                    .collect()
            }
            Self::Pixels => row.iter().map(|value| (value / 255.0) as f32).collect(),
            Self::Gcn {
                norm,
                contrast,
                brightness,
            } => {
                let scaled = row
                    .iter()
                    .map(|value| ((value - brightness) * norm / contrast) as f32);
                scaled.collect()
            }
            Self::Identity => row.iter().map(|&value| value as f32).collect(),
        }
    }
}

/// Applies `how`, which is not [`Normalize::Auto`], with statistics of the `train` rows: records in
/// the players' units, the way back, and remarks for the user.
pub(crate) fn normalize(
    raw: Raw,
    cols: usize,
    how: Normalize,
    train: Range<usize>,
) -> Result<(Records, Transform, Vec<String>), DataProblem> {
    let mut notes = Vec::new();
    let (values, transform) = match (how, raw) {
        (Normalize::Standardize, raw) => {
            let columns = Columns::fit(&raw, cols, train);
            notes.extend(columns.note());
            let values = columns.standardized(raw);
            // A record far outside the training records' range may leave that of 32 bits.
            values.check_finite(cols)?;
            let Columns { mean, std, .. } = columns;
            let limits = Vec::new();
            let transform = Transform::Standardize { mean, std, limits };
            (unchanged(values), transform)
        }
        (Normalize::Columns, _) => return Err(DataProblem::Normalize(how)),
        (Normalize::Pixels | Normalize::Gcn, raw) if raw.form() != Form::Bytes => {
            return Err(DataProblem::Normalize(how));
        }
        (Normalize::Pixels, raw) => {
            let scale = ByteScale::Uniform(Affine::PIXELS);
            (kept(raw, scale), Transform::Pixels)
        }
        (Normalize::Gcn, raw) => contrast_normalized(raw, cols, train),
        (_, raw) => (unchanged(raw), Transform::Identity),
    };
    Ok((Records::new(cols, values), transform, notes))
}

/// Smallest and largest value of each column over `rows`, and whether all of them are whole numbers.
pub(crate) fn limits(raw: &Raw, cols: usize, rows: Range<usize>) -> (Vec<[f64; 2]>, Vec<bool>) {
    let mut limits = vec![[f64::INFINITY, f64::NEG_INFINITY]; cols];
    let mut whole = vec![true; cols];
    raw.all_rows(cols, rows, |row| {
        let columns = limits.iter_mut().zip(&mut whole);
        for (&value, ([low, high], whole)) in row.iter().zip(columns) {
            (*low, *high) = (low.min(value), high.max(value));
            *whole &= value.fract() == 0.0;
        }
        true
    });
    (limits, whole)
}

/// The values as they are, 64-bit floats rounded to 32.
fn unchanged(raw: Raw) -> Values {
    let (scale, offset) = (1.0, 0.0);
    kept(raw, ByteScale::Uniform(Affine { scale, offset }))
}

/// The values as the kernels keep them: `scale` of bytes, others as they are.
fn kept(raw: Raw, scale: ByteScale) -> Values {
    match raw {
        Raw::Bytes(data) => Values::Bytes { data, scale },
        Raw::Singles(data) => Values::Floats(data),
        Raw::Doubles(data) => Values::Floats(data.into_iter().map(|value| value as f32).collect()),
        Raw::Mapped(mapped) if mapped.form == Form::Bytes => Values::ComputedBytes {
            rows: mapped.bytes(),
            scale,
        },
        Raw::Mapped(mapped) => Values::Computed(mapped.singles()),
    }
}

/// Mean and standard deviation of each column, and the columns that are constant.
struct Columns {
    mean: Vec<f64>,
    std: Vec<f64>,
    constant: Vec<usize>,
}

impl Columns {
    /// Two passes in f64: the one-pass formula cancels where the mean is large beside the spread.
    fn fit(raw: &Raw, cols: usize, rows: Range<usize>) -> Self {
        let count = rows.len() as f64;
        let mut mean = vec![0.0; cols];
        raw.all_rows(cols, rows.clone(), |row| {
            let columns = mean.iter_mut().zip(row);
            columns.for_each(|(mean, value)| *mean += value / count);
            true
        });
        let mut std = vec![0.0; cols];
        let mut constant = vec![true; cols];
        let first: Vec<_> = (0..cols)
            .map(|col| raw.at(rows.start * cols + col))
            .collect();
        raw.all_rows(cols, rows, |row| {
            for (col, &value) in row.iter().enumerate() {
                std[col] += (value - mean[col]).powi(2) / count;
                // Compared exactly: the rounded mean of a constant column need not be its value.
                constant[col] &= value == first[col];
            }
            true
        });
        for col in 0..cols {
            // Differences whose squares vanish are none either.
            constant[col] |= std[col] == 0.0;
            if constant[col] {
                (mean[col], std[col]) = (first[col], 1.0);
            } else {
                std[col] = std[col].sqrt();
            }
        }
        let constant = (0..cols).filter(|&col| constant[col]).collect();
        Self {
            mean,
            std,
            constant,
        }
    }

    /// Each value mapped by `value ↦ (value − mean) / std` of its column.
    fn standardized(&self, raw: Raw) -> Raw {
        let cols = self.mean.len();
        if let Raw::Mapped(mapped) = raw {
            return Raw::Mapped(mapped.standardized(self.mean.clone(), self.std.clone()));
        }
        let mut values = Vec::with_capacity(raw.len());
        raw.all_rows(cols, 0..raw.len() / cols, |row| {
            let scales = self.mean.iter().zip(&self.std);
            values.extend(
                row.iter()
                    .zip(scales)
                    .map(|(value, (mean, std))| ((value - mean) / std) as f32),
            );
            true
        });
        Raw::Singles(values)
    }

    fn note(&self) -> Option<String> {
        let names = self.constant.iter().map(|col| (col + 1).to_string());
        let names: Vec<_> = names.collect();
        let (column, is) = match names.len() {
            0 => return None,
            1 => ("column", "is"),
            _ => ("columns", "are"),
        };
        Some(format!(
            "{column} {} {is} constant over the training records and only centred",
            listed(&names)?
        ))
    }
}

/// pylearn2's `global_contrast_normalize`, kept as one affine map per image so that bytes stay bytes.
fn contrast_normalized(raw: Raw, cols: usize, train: Range<usize>) -> (Values, Transform) {
    let (count, rows) = (train.len() as f64, raw.len() / cols);
    let (mut contrast, mut brightness) = (0.0, 0.0);
    let mut maps = Vec::with_capacity(rows);
    raw.all_rows(cols, 0..rows, |image| {
        let (mean, norm) = mean_and_norm(image);
        if train.contains(&maps.len()) {
            contrast += norm / count;
            brightness += mean / count;
        }
        let divisor = match norm / GCN_NORM {
            small if small < GCN_MIN_DIVISOR => 1.0,
            divisor => divisor,
        };
        maps.push(Affine {
            scale: (1.0 / divisor) as f32,
            offset: (-mean / divisor) as f32,
        });
        true
    });
    let transform = Transform::Gcn {
        norm: GCN_NORM,
        contrast,
        brightness,
    };
    (kept(raw, ByteScale::PerRow(maps)), transform)
}

/// Mean byte of an image, and L2 norm of the image less its mean; the sums are exact integers.
fn mean_and_norm(image: &[f64]) -> (f64, f64) {
    let sum: u64 = image.iter().map(|&byte| byte as u64).sum();
    let squares: u64 = image.iter().map(|&byte| (byte as u64).pow(2)).sum();
    let (n, sum, squares) = (image.len() as u128, u128::from(sum), u128::from(squares));
    // n·Σx² − (Σx)² is an integer, so a flat image has norm exactly 0.
    let scatter = (n * squares - sum * sum) as f64 / n as f64;
    (sum as f64 / n as f64, scatter.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(raw: Raw, cols: usize, how: Normalize, rows: usize) -> (Records, Transform) {
        let (records, transform, _) = normalize(raw, cols, how, 0..rows).unwrap();
        (records, transform)
    }

    /// Brings `row` to the user's units, as far as 32 bits hold them.
    fn invert(transform: &Transform, row: &mut [f32]) {
        let user = transform.user_row(row);
        row.iter_mut()
            .zip(user)
            .for_each(|(value, user)| *value = user as f32);
    }

    fn row(records: &Records, row: usize) -> Vec<f32> {
        let mut out = vec![0.0; records.cols()];
        records.copy_row(row, &mut out);
        out
    }

    #[test]
    fn standardize_fits_the_training_rows_and_is_undone() {
        // Column 0 over rows 0..2: mean 2, std 1. Column 1: constant 0.1, whose mean rounds.
        let raw = Raw::Doubles(vec![1.0, 0.1, 3.0, 0.1, 9.0, 0.1]);
        let (records, transform, notes) = normalize(raw, 2, Normalize::Standardize, 0..2).unwrap();
        assert_eq!(row(&records, 0), [-1.0, 0.0]);
        assert_eq!(row(&records, 2), [7.0, 0.0]);
        assert!(notes[0].starts_with("column 2 is constant"), "{notes:?}");
        let mut back = row(&records, 2);
        invert(&transform, &mut back);
        assert_eq!(back, [9.0, 0.1]);
    }

    #[test]
    fn standardize_keeps_small_differences_of_large_numbers() {
        let raw = Raw::Doubles(vec![1.7e9, 1.7e9 + 2.0]);
        let (records, _) = apply(raw, 1, Normalize::Standardize, 2);
        assert_eq!(row(&records, 0), [-1.0]);
        assert_eq!(row(&records, 1), [1.0]);
    }

    #[test]
    fn standardize_of_a_record_far_outside_the_training_range_is_refused() {
        let raw = Raw::Doubles(vec![0.0, 1e-30, 1e38]);
        let result = normalize(raw, 1, Normalize::Standardize, 0..2);
        let error = result.map(|_| ()).unwrap_err().to_string();
        assert!(error.starts_with("row 3, column 1: found inf"), "{error}");
    }

    #[test]
    fn gcn_rows_have_mean_0_and_norm_55() {
        let data = (0..3 * 35).map(|i| (i * i % 251) as u8).collect();
        let (records, _) = apply(Raw::Bytes(data), 35, Normalize::Gcn, 3);
        for index in 0..3 {
            let values = row(&records, index);
            let norm = values.iter().map(|v| v * v).sum::<f32>().sqrt();
            assert!((norm - 55.0).abs() < 1e-3, "{norm}");
            assert!(values.iter().sum::<f32>().abs() < 1e-3);
        }
    }

    #[test]
    fn gcn_of_a_flat_image_is_zero() {
        let (records, transform) = apply(Raw::Bytes(vec![77; 10]), 5, Normalize::Gcn, 2);
        assert_eq!(row(&records, 1), [0.0; 5]);
        let mut back = [0.0; 5];
        invert(&transform, &mut back);
        assert_eq!(back, [77.0; 5]);
    }

    #[test]
    fn gcn_of_a_single_image_is_undone_by_its_own_averages() {
        let image = [10, 200, 30, 90, 255];
        let (records, transform) = apply(Raw::Bytes(image.to_vec()), 5, Normalize::Gcn, 1);
        let mut back = row(&records, 0);
        invert(&transform, &mut back);
        for (back, byte) in back.iter().zip(image) {
            assert!((back - f32::from(byte)).abs() < 1e-3, "{back} {byte}");
        }
    }

    #[test]
    fn pixels_go_to_one_and_back_within_bytes() {
        let (records, transform) = apply(Raw::Bytes(vec![0, 51, 255]), 3, Normalize::Pixels, 1);
        let mut values = row(&records, 0);
        assert_eq!(values[2], 1.0);
        values[0] = -0.5;
        invert(&transform, &mut values);
        assert_eq!(values[0], 0.0);
        assert!((values[1] - 51.0).abs() < 1e-4 && values[2] == 255.0);
    }

    #[test]
    fn pixels_of_floats_are_refused() {
        let raw = Raw::Singles(vec![0.5]);
        let result = normalize(raw, 1, Normalize::Pixels, 0..1);
        assert!(matches!(result, Err(DataProblem::Normalize(_))));
    }
}
