//! A data set as the kernels take it: rows of equal length, kept in their narrowest form.

use crate::Real;

/// Records on the host, one per row, row-major.
///
/// Images stay bytes until [`gather_rows`](crate::Backend::gather_rows) copies them into a
/// minibatch, so that MNIST takes 47 MB and not 188 MB.
#[derive(Clone, Debug, PartialEq)]
pub struct Records {
    rows: usize,
    cols: usize,
    values: Values,
}

/// The values of [`Records`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Values {
    /// One byte per value; the value itself is `byte · scale + offset`.
    Bytes {
        /// The bytes, `rows × cols`, row-major.
        data: Vec<u8>,
        /// From bytes to values.
        scale: ByteScale,
    },
    /// The values themselves, `rows × cols`, row-major.
    Floats(Vec<f32>),
}

/// The affine map from bytes to values.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ByteScale {
    /// One map for all records.
    Uniform(Affine),
    /// One map for each record, as global contrast normalisation asks for.
    PerRow(Vec<Affine>),
}

/// The form in which [`Records`] are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RecordFormat {
    /// Bytes under one affine map.
    Bytes,
    /// Bytes under one affine map per record.
    BytesPerRow,
    /// Floats.
    Floats,
}

/// Values that make no [`Records`].
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum RecordsError {
    /// The values do not fill their last row.
    #[error("records: {len} values are no whole number of rows of {cols}")]
    Length { len: usize, cols: usize },
    /// There is not one affine map for each row.
    #[error("records: found {found} scales, expected {rows}, one for each record")]
    Scales { found: usize, rows: usize },
    /// A value is NaN or infinite, or an affine map makes one so.
    #[error("records: record {row}, column {col}: found {found}, expected a finite number")]
    NotFinite { row: usize, col: usize, found: f32 },
}

/// `x ↦ x · scale + offset`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// Factor.
    pub scale: f32,
    /// Summand.
    pub offset: f32,
}

impl Affine {
    /// Bytes 0..=255 to pixels in `[0, 1]`.
    pub const PIXELS: Self = Self {
        scale: 1.0 / 255.0,
        offset: 0.0,
    };
}

impl Records {
    /// Records of `cols` values each, for a caller who knows that they are: see
    /// [`Records::try_new`], which returns the error.
    ///
    /// # Panics
    /// If the number of values is not a multiple of `cols`, a [`ByteScale::PerRow`] does not have
    /// one map per row, or a value is not finite.
    #[must_use]
    #[track_caller]
    pub fn new(cols: usize, values: Values) -> Self {
        Self::try_new(cols, values).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Records of `cols` values each.
    ///
    /// # Errors
    /// If the number of values is not a multiple of `cols`, a [`ByteScale::PerRow`] does not have
    /// one map per row, or a value is not finite.
    pub fn try_new(cols: usize, values: Values) -> Result<Self, RecordsError> {
        let len = values.len();
        if cols == 0 || !len.is_multiple_of(cols) {
            return Err(RecordsError::Length { len, cols });
        }
        let rows = len / cols;
        if let Values::Bytes {
            scale: ByteScale::PerRow(maps),
            ..
        } = &values
            && maps.len() != rows
        {
            let found = maps.len();
            return Err(RecordsError::Scales { found, rows });
        }
        match values.first_not_finite(cols) {
            None => Ok(Self { rows, cols, values }),
            Some((index, found)) => Err(RecordsError::NotFinite {
                row: index / cols,
                col: index % cols,
                found,
            }),
        }
    }

    /// Number of records.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Values per record.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The stored form.
    #[must_use]
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// The form in which they are kept.
    #[must_use]
    pub fn format(&self) -> RecordFormat {
        match &self.values {
            Values::Floats(_) => RecordFormat::Floats,
            Values::Bytes { scale, .. } => match scale {
                ByteScale::Uniform(_) => RecordFormat::Bytes,
                ByteScale::PerRow(_) => RecordFormat::BytesPerRow,
            },
        }
    }

    /// Copies record `row` into `out` as values, which are computed in f32 whatever `T` is.
    ///
    /// # Panics
    /// If `row` is out of range or `out` is not `cols` long.
    #[inline]
    #[track_caller]
    pub fn copy_row<T: Real>(&self, row: usize, out: &mut [T]) {
        assert_eq!(out.len(), self.cols, "records: row length");
        let range = row * self.cols..(row + 1) * self.cols;
        match &self.values {
            Values::Floats(data) => {
                let values = out.iter_mut().zip(&data[range]);
                values.for_each(|(value, &x)| *value = T::from_f64(f64::from(x)));
            }
            Values::Bytes { data, scale } => {
                let Affine { scale, offset } = match scale {
                    ByteScale::Uniform(map) => *map,
                    ByteScale::PerRow(maps) => maps[row],
                };
                for (value, &byte) in out.iter_mut().zip(&data[range]) {
                    *value = T::from_f64(f64::from(f32::from(byte) * scale + offset));
                }
            }
        }
    }

    /// The records `range` as records of their own.
    ///
    /// # Panics
    /// If `range` is out of range.
    #[must_use]
    #[track_caller]
    pub fn slice(&self, range: std::ops::Range<usize>) -> Self {
        let (range_len, flat) = (range.len(), range.start * self.cols..range.end * self.cols);
        let values = match &self.values {
            Values::Floats(data) => Values::Floats(data[flat].to_vec()),
            Values::Bytes { data, scale } => Values::Bytes {
                data: data[flat].to_vec(),
                scale: match scale {
                    ByteScale::Uniform(map) => ByteScale::Uniform(*map),
                    ByteScale::PerRow(maps) => ByteScale::PerRow(maps[range].to_vec()),
                },
            },
        };
        Self {
            rows: range_len,
            cols: self.cols,
            values,
        }
    }
}

impl Values {
    /// Number of values.
    fn len(&self) -> usize {
        match self {
            Self::Bytes { data, .. } => data.len(),
            Self::Floats(data) => data.len(),
        }
    }

    /// Place and value of the first that is NaN or infinite.
    ///
    /// Of bytes it is the first value under a map that can make one, whatever its byte is.
    fn first_not_finite(&self, cols: usize) -> Option<(usize, f32)> {
        let limit = |map: &Affine| {
            let ends = [map.offset, f32::from(u8::MAX) * map.scale + map.offset];
            ends.into_iter().find(|value| !value.is_finite())
        };
        match self {
            Self::Floats(data) => {
                let index = data.iter().position(|value| !value.is_finite())?;
                Some((index, data[index]))
            }
            Self::Bytes { scale, .. } => match scale {
                ByteScale::Uniform(map) => Some((0, limit(map)?)),
                ByteScale::PerRow(maps) => maps
                    .iter()
                    .enumerate()
                    .find_map(|(row, map)| Some((row * cols, limit(map)?))),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn try_new_says_what_is_wrong_where_the_data_come_in() {
        let pixels = |count: usize, scale| Values::Bytes {
            data: vec![0; count],
            scale,
        };
        let map = |scale, offset| Affine { scale, offset };
        let per_row = |last| ByteScale::PerRow(vec![Affine::PIXELS, last]);
        let floats = |values: &[f32]| Values::Floats(values.to_vec());
        for (cols, values, expected) in [
            (0, floats(&[]), "0 values are no whole number of rows of 0"),
            (
                2,
                floats(&[1.0; 3]),
                "3 values are no whole number of rows of 2",
            ),
            (
                2,
                floats(&[0.0, 1.0, 2.0, f32::NAN]),
                "record 1, column 1: found NaN",
            ),
            (
                3,
                floats(&[0.0, f32::INFINITY, 2.0]),
                "record 0, column 1: found inf",
            ),
            (
                1,
                pixels(3, per_row(Affine::PIXELS)),
                "found 2 scales, expected 3",
            ),
            (
                2,
                pixels(4, per_row(map(f32::NAN, 0.0))),
                "record 1, column 0: found NaN",
            ),
            (
                2,
                pixels(4, ByteScale::Uniform(map(f32::MAX, 0.0))),
                "column 0: found inf",
            ),
        ] {
            let error = Records::try_new(cols, values).unwrap_err().to_string();
            assert!(error.contains(expected), "{error:?}, not {expected:?}");
        }
        let whole = Records::try_new(2, floats(&[1.0, 2.0, 3.0, 4.0])).unwrap();
        assert_eq!((whole.rows(), whole.cols()), (2, 2));
        assert_eq!(whole.slice(1..2), Records::new(2, floats(&[3.0, 4.0])));
    }
}
