//! Rows of numbers: all that a metric needs to know of records or samples.

use gan_kernels::{Backend, Matrix, Real, Records};

use crate::EvalError;

/// Squared distances from this on are not told apart by the kernels.
const LARGEST_SQUARE: f64 = 1e29;

/// Points in the players' units, row-major.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Points<'a> {
    values: &'a [f32],
    cols: usize,
}

impl<'a> Points<'a> {
    /// Rows of `cols` values.
    ///
    /// # Panics
    /// If there is no whole number of rows.
    #[must_use]
    #[track_caller]
    pub fn new(values: &'a [f32], cols: usize) -> Self {
        assert!(
            cols > 0 && values.len().is_multiple_of(cols),
            "points: {} values are no whole number of rows of {cols}",
            values.len()
        );
        Self { values, cols }
    }

    /// Number of points.
    #[must_use]
    pub fn rows(self) -> usize {
        self.values.len() / self.cols
    }

    /// Values per point.
    #[must_use]
    pub fn cols(self) -> usize {
        self.cols
    }

    /// All values.
    #[must_use]
    pub fn values(self) -> &'a [f32] {
        self.values
    }

    /// One point.
    ///
    /// # Panics
    /// If there are fewer.
    #[must_use]
    #[track_caller]
    pub fn row(self, row: usize) -> &'a [f32] {
        &self.values[row * self.cols..][..self.cols]
    }

    /// Each point in turn.
    pub fn iter(self) -> std::slice::ChunksExact<'a, f32> {
        self.values.chunks_exact(self.cols)
    }

    /// The first `count` points, or all if there are fewer.
    #[must_use]
    pub fn first(self, count: usize) -> Self {
        Self {
            values: &self.values[..count.min(self.rows()) * self.cols],
            cols: self.cols,
        }
    }

    /// Points `range` on their own.
    #[track_caller]
    pub(crate) fn slice(self, range: std::ops::Range<usize>) -> Self {
        Self {
            values: &self.values[range.start * self.cols..range.end * self.cols],
            cols: self.cols,
        }
    }

    /// Panics with the name of `metric` unless `other` has as many columns.
    #[track_caller]
    pub(crate) fn check_cols(self, metric: &str, other: Points<'_>) {
        assert!(
            self.cols == other.cols,
            "{metric}: rows of {} and of {} columns",
            self.cols,
            other.cols
        );
    }

    /// Panics with the name of `metric` unless `other` has as many rows and columns.
    #[track_caller]
    pub(crate) fn check_shape(self, metric: &str, other: Points<'_>) {
        let shape = |points: Points<'_>| [points.rows(), points.cols()];
        assert_eq!(shape(self), shape(other), "{metric}: rows and columns");
    }

    /// The mean of each column.
    pub(crate) fn mean(self) -> Vec<f64> {
        let mut mean = vec![0.0; self.cols];
        for row in self.iter() {
            for (mean, &value) in mean.iter_mut().zip(row) {
                *mean += f64::from(value);
            }
        }
        let count = self.rows().max(1) as f64;
        mean.iter_mut().for_each(|mean| *mean /= count);
        mean
    }

    /// Root of the mean variance of the columns.
    pub(crate) fn spread(self) -> f64 {
        let mean = self.mean();
        let values = self.values.iter().zip(mean.iter().cycle());
        let squares = values.map(|(&x, mean)| (f64::from(x) - mean).powi(2));
        (squares.sum::<f64>() / self.values.len() as f64).sqrt()
    }

    /// Checks that squared distances between such points fit into 32 bits; `what` names the points
    /// in the error.
    ///
    /// # Errors
    /// [`EvalError::OutOfRange`] with the first row that has a value too large or no number.
    pub fn check_range(self, what: &'static str) -> Result<(), EvalError> {
        let limit = (LARGEST_SQUARE / (4.0 * self.cols as f64)).sqrt() as f32;
        // NaN is not below anything.
        let wrong = |value: &f32| value.is_nan() || value.abs() >= limit;
        match self.values.iter().position(wrong) {
            None => Ok(()),
            Some(index) => Err(EvalError::OutOfRange {
                what,
                row: index / self.cols + 1,
                found: self.values[index],
                limit,
            }),
        }
    }

    /// The points on a device.
    pub(crate) fn upload<B: Backend>(self, backend: &B) -> Matrix<B> {
        let mut matrix = backend.matrix(self.rows(), self.cols);
        let values: Vec<_> = self
            .values
            .iter()
            .map(|&x| Real::from_f64(x.into()))
            .collect();
        backend.write(&mut matrix, &values);
        matrix
    }
}

/// Points that own their values.
#[derive(Clone, Debug)]
pub(crate) struct OwnedPoints {
    values: Vec<f32>,
    cols: usize,
}

impl OwnedPoints {
    pub(crate) fn new(values: Vec<f32>, cols: usize) -> Self {
        Self { values, cols }
    }

    pub(crate) fn view(&self) -> Points<'_> {
        Points::new(&self.values, self.cols)
    }
}

/// The records at `indices` as values, row-major.
///
/// # Panics
/// If an index is out of range.
#[must_use]
#[track_caller]
pub fn gather(records: &Records, indices: impl Iterator<Item = usize>) -> Vec<f32> {
    let rows: Vec<_> = indices.collect();
    let mut values = vec![0.0; rows.len() * records.cols()];
    records.copy_rows(&rows, &mut values);
    values
}
