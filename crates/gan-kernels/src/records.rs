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
    /// Records of `cols` values each.
    ///
    /// # Panics
    /// If the number of values is not a multiple of `cols`, or a [`ByteScale::PerRow`] does not
    /// have one map per row.
    #[must_use]
    #[track_caller]
    pub fn new(cols: usize, values: Values) -> Self {
        let len = match &values {
            Values::Bytes { data, .. } => data.len(),
            Values::Floats(data) => data.len(),
        };
        assert!(
            cols > 0 && len.is_multiple_of(cols),
            "records: {len} values are no whole number of rows of {cols}"
        );
        let rows = len / cols;
        if let Values::Bytes {
            scale: ByteScale::PerRow(maps),
            ..
        } = &values
        {
            assert_eq!(maps.len(), rows, "records: one scale per row is needed");
        }
        Self { rows, cols, values }
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
        let flat = range.start * self.cols..range.end * self.cols;
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
        Self::new(self.cols, values)
    }
}
