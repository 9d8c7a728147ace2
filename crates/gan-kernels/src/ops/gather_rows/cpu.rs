//! The CPU's [`GatherRows`].

use super::GatherRows;
use crate::Real;
use crate::native::{Mask, Native};
use crate::random::Permutation;

#[track_caller]
pub(crate) fn run<T: Real>(native: &Native<T>, mut op: GatherRows<'_, Native<T>>) {
    let (records, state) = (op.records, op.state);
    op.check(records.rows(), records.cols());
    let (m, n) = op.y.shape();
    let mask = op.dropout.map(|dropout| Mask::new(dropout, state, n));
    let minibatches = op.minibatches_per_step as u64;
    let position = (state.step * minibatches + op.minibatch as u64) * m as u64;
    let count = records.rows();
    native.each_row(&mut op.y, |row, y| {
        let position = position + row as u64;
        let (epoch, within) = (position / count as u64, position % count as u64);
        let record = Permutation::new(state.seed, epoch, count).at(within as usize);
        records.copy_row(record, y);
        if let Some(mask) = &mask {
            mask.apply(row, 0, y);
        }
    });
}
