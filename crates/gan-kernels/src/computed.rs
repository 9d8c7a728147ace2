//! Rows that are not kept but computed whenever they are asked for.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Writes a row of that number.
type WriteRow<T> = dyn Fn(usize, &mut [T]) + Send + Sync;

/// Writes the rows of those numbers, one after the other.
type WriteRows<T> = dyn Fn(&[usize], &mut [T], Pass) + Send + Sync;

/// How far a pass over many rows is: so many were written `before` those that are asked for, `of` all
/// of the pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pass {
    /// Rows written before.
    pub before: usize,
    /// Rows of the whole pass.
    pub of: usize,
}

/// How several rows are computed together, and how many of them at most.
struct Together<T> {
    write: Box<WriteRows<T>>,
    most: Box<dyn Fn() -> usize + Send + Sync>,
}

/// Values of the rows that a pass computes at a time where nothing else is said.
const SOME_VALUES: usize = 1 << 16;

/// Rows that a function writes whenever they are asked for: those of a file that is larger than the
/// memory, or of a table whose codes take fewer bytes than the values that the players see.
///
/// Two are equal if they are the same range of what one call of [`Computed::new`] made.
#[derive(Clone)]
pub struct Computed<T> {
    write: Arc<WriteRow<T>>,
    together: Option<Arc<Together<T>>>,
    range: Range<usize>,
}

impl<T> Computed<T> {
    /// `rows` rows; `write` overwrites all values of the row of that number, the same ones every
    /// time, in any order of rows and on any thread.
    #[must_use]
    pub fn new(rows: usize, write: impl Fn(usize, &mut [T]) + Send + Sync + 'static) -> Self {
        Self {
            write: Arc::new(write),
            together: None,
            range: 0..rows,
        }
    }

    /// The same rows, of which `write` writes several faster than one after the other, to the same
    /// bits: rows of a file, in the file's order. A pass asks it for as many at a time as `most` says
    /// when the pass begins.
    #[must_use]
    pub fn together(
        self,
        most: impl Fn() -> usize + Send + Sync + 'static,
        write: impl Fn(&[usize], &mut [T], Pass) + Send + Sync + 'static,
    ) -> Self {
        let (most, write) = (Box::new(most), Box::new(write));
        let together = Some(Arc::new(Together { write, most }));
        Self { together, ..self }
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
            together: self.together.clone(),
            range: start + range.start..start + range.end,
        }
    }

    /// Overwrites `out` with the rows of the numbers `rows`, each of `cols` values.
    ///
    /// # Panics
    /// If there is no such row, or `out` has not as many values.
    #[track_caller]
    pub fn write_rows(&self, rows: &[usize], cols: usize, out: &mut [T]) {
        let of = rows.len();
        self.write_some(rows, cols, out, Pass { before: 0, of });
    }

    #[track_caller]
    fn write_some(&self, rows: &[usize], cols: usize, out: &mut [T], pass: Pass) {
        assert_eq!(out.len(), rows.len() * cols, "records: values of rows");
        match &self.together {
            None => {
                let outs = out.chunks_exact_mut(cols.max(1));
                rows.iter()
                    .zip(outs)
                    .for_each(|(&row, out)| self.write_row(row, out));
            }
            Some(together) => {
                let all = self.rows();
                let in_whole = |&row: &usize| {
                    assert!(row < all, "records: row {row} of {all}");
                    self.range.start + row
                };
                let rows: Vec<_> = rows.iter().map(in_whole).collect();
                (together.write)(&rows, out, pass);
            }
        }
    }

    /// Calls `is` on all rows of `cols` values in order, some whole rows at a time, until it is false;
    /// true if it never is. It may borrow the memory of a part, and should put it back.
    pub fn all_parts(&self, cols: usize, mut is: impl FnMut(&mut Vec<T>) -> bool) -> bool
    where
        T: Clone + Default,
    {
        let of = self.rows();
        let most = match &self.together {
            Some(together) => (together.most)(),
            None => SOME_VALUES / cols.max(1),
        };
        let most = most.clamp(1, of.max(1));
        let (mut rows, mut part) = (Vec::new(), Vec::new());
        (0..of).step_by(most).all(|before| {
            rows.clear();
            rows.extend(before..of.min(before + most));
            part.resize(rows.len() * cols, T::default());
            self.write_some(&rows, cols, &mut part, Pass { before, of });
            is(&mut part)
        })
    }

    /// All values, for rows of `cols` of them.
    #[cfg(feature = "cube")]
    pub(crate) fn all(&self, cols: usize) -> Vec<T>
    where
        T: Clone + Default,
    {
        let rows: Vec<_> = (0..self.rows()).collect();
        let mut values = vec![T::default(); rows.len() * cols];
        self.write_rows(&rows, cols, &mut values);
        values
    }
}

/// A buffer for a row in each thread.
macro_rules! with_row {
    ($Value:ty) => {
        impl Computed<$Value> {
            /// Calls `with` on row `row` of `cols` values; allocates nothing but for the first row of
            /// a thread.
            #[track_caller]
            pub(crate) fn with_row(&self, row: usize, cols: usize, with: impl FnOnce(&[$Value])) {
                thread_local! {
                    static VALUES: RefCell<Vec<$Value>> = const { RefCell::new(Vec::new()) };
                }
                // Taken, so that a function which reads other records finds a buffer as well.
                let mut values = VALUES.take();
                values.resize(cols, <$Value>::default());
                self.write_row(row, &mut values);
                with(&values);
                VALUES.set(values);
            }
        }
    };
}
with_row!(u8);
with_row!(f32);

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
