//! Records and samples as the metrics take them.

/// Rows of equal length on the host, row-major.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Points<'a> {
    values: &'a [f32],
    cols: usize,
}

impl<'a> Points<'a> {
    /// `values` as rows of `cols`.
    ///
    /// # Panics
    /// If that is no whole number of rows.
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

    /// Number of rows.
    #[must_use]
    pub fn count(&self) -> usize {
        self.values.len() / self.cols
    }

    /// Values per row.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// All values, row-major.
    #[must_use]
    pub fn values(&self) -> &'a [f32] {
        self.values
    }

    /// Row `index`.
    ///
    /// # Panics
    /// If there are fewer rows.
    #[must_use]
    #[track_caller]
    pub fn row(&self, index: usize) -> &'a [f32] {
        &self.values[index * self.cols..(index + 1) * self.cols]
    }

    /// Rows, one after the other.
    pub fn rows(&self) -> std::slice::ChunksExact<'a, f32> {
        self.values.chunks_exact(self.cols)
    }

    /// Rows `range` as points of their own.
    ///
    /// # Panics
    /// If `range` is out of range.
    #[must_use]
    #[track_caller]
    pub fn slice(&self, range: std::ops::Range<usize>) -> Self {
        Self::new(
            &self.values[range.start * self.cols..range.end * self.cols],
            self.cols,
        )
    }

    /// The first `count` rows, or all if there are fewer.
    #[must_use]
    pub fn first(&self, count: usize) -> Self {
        self.slice(0..count.min(self.count()))
    }

    /// Mean of each column, in f64.
    pub(crate) fn mean(&self) -> Vec<f64> {
        let mut mean = vec![0.0; self.cols];
        for row in self.rows() {
            mean.iter_mut()
                .zip(row)
                .for_each(|(mean, &x)| *mean += f64::from(x));
        }
        let count = self.count().max(1) as f64;
        mean.iter_mut().for_each(|mean| *mean /= count);
        mean
    }

    /// Panics unless `other` has rows of the same length.
    #[track_caller]
    pub(crate) fn check_cols(&self, metric: &str, other: &Points<'_>) {
        assert!(
            self.cols == other.cols,
            "{metric}: rows of {} and of {} columns",
            self.cols,
            other.cols
        );
    }
}
