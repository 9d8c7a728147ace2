//! The CPU's [`GatherRows`].

use super::GatherRows;
use crate::Real;
use crate::native::{Mask, Native, Visits};

#[track_caller]
pub(crate) fn run<T: Real>(native: &Native<T>, mut op: GatherRows<'_, Native<T>>) {
    let (records, state) = (op.records, op.state);
    op.check(records.rows(), records.cols());
    let (_, n) = op.y.shape();
    let mask = op.dropout.map(|dropout| Mask::new(dropout, state, n));
    let position = state.step * op.rows_per_step as u64 + op.first_row as u64;
    let visits = Visits::new(state.seed, records.rows(), op.groups);
    native.each_row(&mut op.y, |row, y| {
        records.copy_row(visits.record(position + row as u64), y);
        if let Some(mask) = &mask {
            mask.apply(row, 0, y);
        }
    });
}
