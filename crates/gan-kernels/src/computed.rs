//! Rows that are not kept but computed whenever they are asked for.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Writes a row of that number.
type WriteRow<T> = dyn Fn(usize, &mut [T]) + Send + Sync;

/// Rows that a function writes whenever they are asked for: those of a file that is larger than the
/// memory, or of a table whose codes take fewer bytes than the values that the players see.
///
/// Two are equal if they are the same range of what one call of [`Computed::new`] made.
#[derive(Clone)]
pub struct Computed<T> {
    write: Arc<WriteRow<T>>,
    range: Range<usize>,
}

impl<T> Computed<T> {
    /// `rows` rows; `write` overwrites all values of the row of that number, the same ones every
    /// time, in any order of rows and on any thread.
    #[must_use]
    pub fn new(rows: usize, write: impl Fn(usize, &mut [T]) + Send + Sync + 'static) -> Self {
        Self {
            write: Arc::new(write),
            range: 0..rows,
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.range.len()
    }

    /// Overwrites `out` with the values of row `row`.
    ///
    /// # Panics
    /// If `row` is out of range.
    #[track_caller]
    pub fn write_row(&self, row: usize, out: &mut [T]) {
        assert!(row < self.rows(), "records: row {row} of {}", self.rows());
        (self.write)(self.range.start + row, out);
    }

    /// The rows `range` of these.
    ///
    /// # Panics
    /// If `range` is out of range.
    #[must_use]
    #[track_caller]
    pub fn slice(&self, range: Range<usize>) -> Self {
        let is_part = range.start <= range.end && range.end <= self.rows();
        assert!(is_part, "records: rows {range:?} of {}", self.rows());
        let start = self.range.start;
        Self {
            write: Arc::clone(&self.write),
            range: start + range.start..start + range.end,
        }
    }

    /// All values, for rows of `cols` of them.
    #[cfg(feature = "cube")]
    pub(crate) fn all(&self, cols: usize) -> Vec<T>
    where
        T: Clone + Default,
    {
        let mut values = vec![T::default(); self.rows() * cols];
        let rows = values.chunks_exact_mut(cols.max(1)).enumerate();
        rows.for_each(|(row, out)| self.write_row(row, out));
        values
    }
}

impl Computed<u8> {
    /// Calls `with` on row `row` of `cols` bytes; allocates nothing but for the first row of a thread.
    #[track_caller]
    pub(crate) fn with_row(&self, row: usize, cols: usize, with: impl FnOnce(&[u8])) {
        thread_local! {
            static BYTES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        // Taken, so that a function which reads other records finds a buffer as well.
        let mut bytes = BYTES.take();
        bytes.resize(cols, 0);
        self.write_row(row, &mut bytes);
        with(&bytes);
        BYTES.set(bytes);
    }
}

impl<T> PartialEq for Computed<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.write, &other.write) && self.range == other.range
    }
}

impl<T> fmt::Debug for Computed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Computed({:?})", self.range)
    }
}
