//! A data set as the kernels take it: rows of equal length, kept in their narrowest form.

use crate::{Computed, Real};

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
    /// Rows of bytes that are computed whenever they are asked for.
    ComputedBytes {
        /// The bytes.
        rows: Computed<u8>,
        /// From bytes to values.
        scale: ByteScale,
    },
    /// Rows of values that are computed whenever they are asked for; that they are finite is for
    /// the function that computes them to see to.
    Computed(Computed<f32>),
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

    /// The value of a byte.
    #[inline]
    fn of(self, byte: u8) -> f32 {
        f32::from(byte) * self.scale + self.offset
    }
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
        let rows = values.rows(cols)?;
        if let Some(ByteScale::PerRow(maps)) = values.scale()
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
        match self.values.scale() {
            None => RecordFormat::Floats,
            Some(ByteScale::Uniform(_)) => RecordFormat::Bytes,
            Some(ByteScale::PerRow(_)) => RecordFormat::BytesPerRow,
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
            Values::Floats(data) => copy_floats(&data[range], out),
            Values::Bytes { data, scale } => scale.copy_row(row, &data[range], out),
            Values::ComputedBytes { rows, scale } => {
                rows.with_row(row, self.cols, |bytes| scale.copy_row(row, bytes, out));
            }
            Values::Computed(rows) => match T::as_singles(out) {
                Some(out) => rows.write_row(row, out),
                None => {
                    let mut values = vec![0.0; self.cols];
                    rows.write_row(row, &mut values);
                    copy_floats(&values, out);
                }
            },
        }
    }

    /// Copies the records `rows` into `out`, one after the other, as [`Self::copy_row`] does: those that
    /// are computed from a file are read in the file's order.
    ///
    /// # Panics
    /// If there is no such record, or `out` has not one value for each column of each.
    #[track_caller]
    pub fn copy_rows(&self, rows: &[usize], out: &mut [f32]) {
        assert_eq!(out.len(), rows.len() * self.cols, "records: values of rows");
        let outs = out.chunks_exact_mut(self.cols);
        match &self.values {
            Values::Computed(computed) => computed.write_rows(rows, self.cols, out),
            Values::ComputedBytes {
                rows: computed,
                scale,
            } => {
                let mut bytes = vec![0; rows.len() * self.cols];
                computed.write_rows(rows, self.cols, &mut bytes);
                let rows = rows.iter().zip(bytes.chunks_exact(self.cols));
                for ((&row, bytes), out) in rows.zip(outs) {
                    scale.copy_row(row, bytes, out);
                }
            }
            Values::Bytes { .. } | Values::Floats(_) => {
                let rows = rows.iter().zip(outs);
                rows.for_each(|(&row, out)| self.copy_row(row, out));
            }
        }
    }

    /// Calls `with` on parts of the records `range`, in order, as records in memory: it is told which
    /// of those it is given are meant. Records in memory are one part.
    ///
    /// # Panics
    /// If `range` is out of range.
    #[track_caller]
    pub fn each_part(
        &self,
        range: std::ops::Range<usize>,
        mut with: impl FnMut(&Self, std::ops::Range<usize>),
    ) {
        let cols = self.cols;
        let mut first = range.start;
        match &self.values {
            Values::Bytes { .. } | Values::Floats(_) => with(self, range),
            Values::Computed(computed) => {
                computed.slice(range).all_parts(cols, |data| {
                    let rows = data.len() / cols;
                    let values = Values::Floats(std::mem::take(data));
                    let part = Self { rows, cols, values };
                    with(&part, 0..rows);
                    if let Values::Floats(values) = part.values {
                        *data = values;
                    }
                    true
                });
            }
            Values::ComputedBytes {
                rows: computed,
                scale,
            } => {
                computed.slice(range).all_parts(cols, |bytes| {
                    let rows = bytes.len() / cols;
                    let scale = scale.slice(first..first + rows);
                    first += rows;
                    let data = std::mem::take(bytes);
                    let values = Values::Bytes { data, scale };
                    let part = Self { rows, cols, values };
                    with(&part, 0..rows);
                    if let Values::Bytes { data, .. } = part.values {
                        *bytes = data;
                    }
                    true
                });
            }
        }
    }

    /// Copies the values at `places` of record `row` into `out`, as [`Self::copy_row`] does.
    #[track_caller]
    pub(crate) fn copy_places<T: Real>(&self, row: usize, places: &[usize], out: &mut [T]) {
        let first = row * self.cols;
        let mut copy = |value: &dyn Fn(usize) -> f32| {
            let pairs = out.iter_mut().zip(places);
            pairs.for_each(|(out, &place)| *out = T::from_f64(value(place).into()));
        };
        match &self.values {
            Values::Floats(data) => copy(&|place| data[first + place]),
            Values::Bytes { data, scale } => {
                let map = scale.map(row);
                copy(&|place| map.of(data[first + place]));
            }
            Values::ComputedBytes { rows, scale } => {
                let map = scale.map(row);
                rows.with_row(row, self.cols, |bytes| copy(&|place| map.of(bytes[place])));
            }
            Values::Computed(rows) => {
                rows.with_row(row, self.cols, |values| copy(&|place| values[place]));
            }
        }
    }

    /// The records `range` as records of their own: a copy of what is in memory, and nothing of what
    /// is computed.
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
                scale: scale.slice(range),
            },
            Values::ComputedBytes { rows, scale } => Values::ComputedBytes {
                rows: rows.slice(range.clone()),
                scale: scale.slice(range),
            },
            Values::Computed(rows) => Values::Computed(rows.slice(range)),
        };
        Self {
            rows: range_len,
            cols: self.cols,
            values,
        }
    }
}

/// The mean of each column of records that are added in order.
#[derive(Clone, Debug)]
pub struct Mean {
    sums: Vec<f64>,
    row: Vec<f32>,
    count: usize,
}

impl Mean {
    /// Of no record of `cols` values yet.
    #[must_use]
    pub fn new(cols: usize) -> Self {
        Self {
            sums: vec![0.0; cols],
            row: vec![0.0; cols],
            count: 0,
        }
    }

    /// Adds the records `rows` of these.
    ///
    /// # Panics
    /// If there are no such records, or they have another number of values.
    pub fn add(&mut self, records: &Records, rows: std::ops::Range<usize>) {
        self.count += rows.len();
        for row in rows {
            records.copy_row(row, &mut self.row);
            let columns = self.sums.iter_mut().zip(&self.row);
            columns.for_each(|(sum, &value)| *sum += f64::from(value));
        }
    }

    /// The means; 0 of no record.
    #[must_use]
    pub fn get(self) -> Vec<f32> {
        let count = self.count.max(1) as f64;
        self.sums
            .into_iter()
            .map(|sum| (sum / count) as f32)
            .collect()
    }
}

/// Copies floats as values of `T`.
fn copy_floats<T: Real>(floats: &[f32], out: &mut [T]) {
    let values = out.iter_mut().zip(floats);
    values.for_each(|(value, &x)| *value = T::from_f64(f64::from(x)));
}

impl ByteScale {
    /// Copies the bytes of record `row` as values.
    fn copy_row<T: Real>(&self, row: usize, bytes: &[u8], out: &mut [T]) {
        let map = self.map(row);
        for (value, &byte) in out.iter_mut().zip(bytes) {
            *value = T::from_f64(f64::from(map.of(byte)));
        }
    }

    /// The map of record `row`.
    fn map(&self, row: usize) -> Affine {
        match self {
            Self::Uniform(map) => *map,
            Self::PerRow(maps) => maps[row],
        }
    }

    /// The maps of the records `range`.
    fn slice(&self, range: std::ops::Range<usize>) -> Self {
        match self {
            Self::Uniform(map) => Self::Uniform(*map),
            Self::PerRow(maps) => Self::PerRow(maps[range].to_vec()),
        }
    }

    /// The first record whose map can make a value that is not finite, and such a value.
    fn first_not_finite(&self) -> Option<(usize, f32)> {
        let maps = match self {
            Self::Uniform(map) => std::slice::from_ref(map),
            Self::PerRow(maps) => maps,
        };
        maps.iter().enumerate().find_map(|(row, map)| {
            let ends = [map.offset, f32::from(u8::MAX) * map.scale + map.offset];
            Some((row, ends.into_iter().find(|value| !value.is_finite())?))
        })
    }
}

impl Values {
    /// Number of records of `cols` values.
    fn rows(&self, cols: usize) -> Result<usize, RecordsError> {
        let len = match self {
            Self::Bytes { data, .. } => data.len(),
            Self::Floats(data) => data.len(),
            Self::ComputedBytes { rows, .. } => rows.rows().saturating_mul(cols),
            Self::Computed(rows) => rows.rows().saturating_mul(cols),
        };
        match cols > 0 && len.is_multiple_of(cols) {
            true => Ok(len / cols),
            false => Err(RecordsError::Length { len, cols }),
        }
    }

    /// From bytes to values, where they are bytes.
    pub(crate) fn scale(&self) -> Option<&ByteScale> {
        match self {
            Self::Bytes { scale, .. } | Self::ComputedBytes { scale, .. } => Some(scale),
            Self::Floats(_) | Self::Computed(_) => None,
        }
    }

    /// Place and value of the first that is NaN or infinite.
    ///
    /// Of bytes it is the first value under a map that can make one, whatever its byte is.
    fn first_not_finite(&self, cols: usize) -> Option<(usize, f32)> {
        if let Self::Floats(data) = self {
            let index = data.iter().position(|value| !value.is_finite())?;
            return Some((index, data[index]));
        }
        let (row, value) = self.scale()?.first_not_finite()?;
        Some((row * cols, value))
    }
}

#[cfg(test)]
mod tests {
    use std::panic::AssertUnwindSafe;

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

    #[test]
    fn computed_rows_are_the_records_that_held_ones_are() {
        let (rows, cols) = (7, 5);
        let byte = |row: usize, col: usize| (row * 37 + col * 11) as u8;
        let float = |row: usize, col: usize| (row as f32 - 2.5) / (col + 1) as f32;
        let bytes = Computed::new(rows, move |row, out: &mut [u8]| {
            (0..cols).for_each(|col| out[col] = byte(row, col));
        });
        let floats = Computed::new(rows, move |row, out: &mut [f32]| {
            (0..cols).for_each(|col| out[col] = float(row, col));
        });
        let places = || (0..rows * cols).map(|at| (at / cols, at % cols));
        let held: Vec<u8> = places().map(|(row, col)| byte(row, col)).collect();
        let each = (0..rows).map(|row| Affine {
            scale: 0.1 / (row + 1) as f32,
            offset: row as f32,
        });
        let scales = [
            ByteScale::Uniform(Affine::PIXELS),
            ByteScale::PerRow(each.collect()),
        ];
        let mut pairs = vec![(
            Values::Computed(floats),
            Values::Floats(places().map(|(row, col)| float(row, col)).collect()),
        )];
        pairs.extend(scales.map(|scale| {
            let (rows, data) = (bytes.clone(), held.clone());
            let computed = Values::ComputedBytes {
                rows,
                scale: scale.clone(),
            };
            (computed, Values::Bytes { data, scale })
        }));
        for (computed, held) in pairs {
            let [computed, held] = [computed, held].map(|values| Records::new(cols, values));
            assert_eq!(computed.format(), held.format());
            let part = |records: &Records| records.slice(1..6).slice(2..5);
            for [computed, held] in [
                [computed.clone(), held.clone()],
                [part(&computed), part(&held)],
            ] {
                assert_eq!(computed.rows(), held.rows());
                for row in 0..held.rows() {
                    let (mut found, mut expected) = ([[0.0f32; 5]; 2], [[0.0f64; 5]; 2]);
                    computed.copy_row(row, &mut found[0]);
                    held.copy_row(row, &mut found[1]);
                    assert_eq!(found[0], found[1], "{computed:?}, row {row}");
                    let (places, mut some) = ([1, 4], [[0.0f32; 2]; 2]);
                    computed.copy_places(row, &places, &mut some[0]);
                    held.copy_places(row, &places, &mut some[1]);
                    assert_eq!(some, [places.map(|place| found[1][place]); 2]);
                    computed.copy_row(row, &mut expected[0]);
                    held.copy_row(row, &mut expected[1]);
                    assert_eq!(expected[0], expected[1], "{computed:?}, row {row}");
                }
            }
            assert_eq!(part(&computed), part(&computed.clone()));
            assert_ne!(computed.slice(1..2), computed.slice(2..3));
            let beyond = std::panic::catch_unwind(AssertUnwindSafe(|| part(&computed).slice(2..4)));
            assert!(beyond.is_err(), "{computed:?}");
        }
        let scale = ByteScale::PerRow(vec![Affine::PIXELS; 3]);
        let error = Records::try_new(cols, Values::ComputedBytes { rows: bytes, scale });
        assert!(matches!(
            error,
            Err(RecordsError::Scales { found: 3, rows: 7 })
        ));
    }
}
