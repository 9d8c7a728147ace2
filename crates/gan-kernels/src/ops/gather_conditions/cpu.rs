//! The CPU's [`GatherConditions`].

use super::GatherConditions;
use crate::Real;
use crate::native::{Native, Visits};

#[track_caller]
pub(crate) fn run<T: Real>(native: &Native<T>, mut op: GatherConditions<'_, Native<T>>) {
    let (records, state) = (op.records, op.state);
    let (_, n) = op.check(records.rows(), records.cols());
    let (z, places) = (op.z, &op.given.places);
    let visits = Visits::new(state.seed, records.rows(), op.groups);
    let first = state.step * op.rows_per_step as u64 + op.first_row as u64;
    native.each_row(&mut op.y, |row, y| {
        let (latent, conditions) = y.split_at_mut(n);
        latent.copy_from_slice(z.row(row));
        records.copy_places(visits.record(first + row as u64), places, conditions);
    });
}
