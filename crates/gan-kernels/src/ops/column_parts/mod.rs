//! The parameters of a layer as parts of columns, which different processes own.

pub mod cases;
pub(crate) mod cpu;
#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod reference;

use std::ops::Range;

use super::check_shape;
use crate::{Backend, Matrix};

/// W over b, cut between columns into parts that lie one under another, or joined of them.
///
/// P parts of W, k × n, and b, 1 × n, are a matrix of P·(k + 1) × ⌈n / P⌉: part p has the columns from
/// p·⌈n / P⌉ on, and zeros where there are none left.
///
/// # Panics
/// If the shapes disagree.
/// # Numerics
/// Exact.
pub enum ColumnParts<'a, B: Backend> {
    /// Overwrites the parts.
    Cut {
        /// W, k × n.
        w: &'a Matrix<B>,
        /// b, 1 × n.
        b: &'a Matrix<B>,
        /// The parts.
        parts: &'a mut Matrix<B>,
    },
    /// Overwrites W and b.
    Join {
        /// The parts.
        parts: &'a Matrix<B>,
        /// W, k × n.
        w: &'a mut Matrix<B>,
        /// b, 1 × n.
        b: &'a mut Matrix<B>,
    },
}

impl<B: Backend> ColumnParts<'_, B> {
    /// Checks all operands; returns k, n and the number of parts.
    #[track_caller]
    pub(crate) fn check(&self) -> (usize, usize, usize) {
        let (w, b, parts) = match self {
            Self::Cut { w, b, parts } => (w.shape(), b.shape(), parts.shape()),
            Self::Join { parts, w, b } => (w.shape(), b.shape(), parts.shape()),
        };
        let (k, n) = w;
        check_shape("column_parts", "b", b, (1, n));
        let count = parts.0.div_ceil(k + 1).max(1);
        let expected = (count * (k + 1), n.div_ceil(count));
        check_shape("column_parts", "parts", parts, expected);
        (k, n, count)
    }
}

/// The columns of a part of so many columns, of `n`.
pub(crate) fn columns(part: usize, cols: usize, n: usize) -> Range<usize> {
    (part * cols).min(n)..((part + 1) * cols).min(n)
}
