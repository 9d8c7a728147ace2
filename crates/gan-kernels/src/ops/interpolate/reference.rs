//! What [`Interpolate`](super::Interpolate) computes, as plain loops in f64.

use crate::StepState;
use crate::ops::reference::Table;
use crate::random::{Stream, unit_open};

/// `ε ⊙ A + (1 − ε) ⊙ B`, m × n, with one ε a row.
pub(crate) fn interpolate(a: &Table, b: &Table, stream: Stream, state: &StepState) -> Table {
    let address = state.address(stream);
    let mut y = Table::zeros(a.rows, a.cols);
    for i in 0..a.rows {
        let epsilon = f64::from(unit_open(address.word(i as u64)));
        for j in 0..a.cols {
            y[(i, j)] = epsilon * a[(i, j)] + (1.0 - epsilon) * b[(i, j)];
        }
    }
    y
}
