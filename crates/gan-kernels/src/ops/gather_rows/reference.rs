//! What [`GatherRows`](super::GatherRows) computes, as plain loops in f64.

use crate::StepState;
use crate::ops::Dropout;
use crate::ops::reference::{Table, dropout_factor};
use crate::random::Permutation;

/// The m records of minibatch `minibatch` of the `minibatches` that the state's iteration takes.
pub(crate) fn gather_rows(
    records: &Table,
    m: usize,
    [minibatches, minibatch]: [usize; 2],
    dropout: Option<Dropout>,
    state: &StepState,
) -> Table {
    let mut y = Table::zeros(m, records.cols);
    for i in 0..m {
        // Positions count on from epoch to epoch, each of which has a permutation of its own.
        let position = (state.step as usize * minibatches + minibatch) * m + i;
        let (epoch, within) = (position / records.rows, position % records.rows);
        let record = Permutation::new(state.seed, epoch as u64, records.rows).at(within);
        for j in 0..records.cols {
            let mask = dropout_factor(dropout, state, (i, j), records.cols);
            y[(i, j)] = records[(record, j)] * mask;
        }
    }
    y
}
