//! What the references of the operations share: matrices in f64, and dropout's factor.
//!
//! Each `reference.rs` states its operation as plain loops in f64, to be read first; both back
//! ends are held to it. It shares no code with them, apart from
//! [`Activation::define`](crate::Activation::define) and the words of [`random`](crate::random),
//! which published vectors pin.

use std::ops::{Index, IndexMut};

use super::Dropout;
use crate::StepState;

/// A row-major matrix of f64, indexed by row and column.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) values: Vec<f64>,
}

impl Table {
    /// `rows × cols` zeros.
    pub(crate) fn zeros(rows: usize, cols: usize) -> Self {
        Self::new(rows, cols, vec![0.0; rows * cols])
    }

    /// `rows × cols` values, row-major.
    pub(crate) fn new(rows: usize, cols: usize, values: Vec<f64>) -> Self {
        Self { rows, cols, values }
    }

    pub(crate) fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.cols..][..self.cols]
    }

    pub(crate) fn row_mut(&mut self, row: usize) -> &mut [f64] {
        &mut self.values[row * self.cols..][..self.cols]
    }
}

impl Index<(usize, usize)> for Table {
    type Output = f64;

    fn index(&self, (row, col): (usize, usize)) -> &f64 {
        &self.values[row * self.cols + col]
    }
}

impl IndexMut<(usize, usize)> for Table {
    fn index_mut(&mut self, (row, col): (usize, usize)) -> &mut f64 {
        &mut self.values[row * self.cols + col]
    }
}

/// The factor of an element of an operand with `cols` columns: `scale` with probability `keep`,
/// else 0, and 1 without dropout.
pub(crate) fn dropout_factor(
    dropout: Option<Dropout>,
    state: &StepState,
    (row, col): (usize, usize),
    cols: usize,
) -> f64 {
    let Some(dropout) = dropout else {
        return 1.0;
    };
    let address = state.address(dropout.stream);
    // A row begins at a multiple of four words.
    let row_words = cols.div_ceil(4) * 4;
    let word = address.word(((dropout.first_row + row) * row_words + col) as u64);
    if f64::from(word) < (dropout.keep * 2.0_f64.powi(32)).floor() {
        dropout.scale
    } else {
        0.0
    }
}
