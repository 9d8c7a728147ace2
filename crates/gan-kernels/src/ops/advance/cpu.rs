//! The CPU's [`Advance`].

use super::Advance;
use crate::Real;
use crate::native::Native;

pub(crate) fn run<T: Real>(op: Advance<'_, Native<T>>) {
    op.state.step += 1;
    for slot in 0..op.state.rates.len() {
        op.state.rates[slot] = op.schedule.rates(op.state.step, slot);
    }
}
