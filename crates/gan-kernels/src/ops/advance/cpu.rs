//! The CPU's [`Advance`].

use super::Advance;
use crate::Real;
use crate::native::Native;

#[track_caller]
pub(crate) fn run<T: Real>(_native: &Native<T>, op: Advance<'_, Native<T>>) {
    let (slots, scheduled) = (op.state.rates.len(), op.schedule.slots.len());
    assert!(
        slots == scheduled,
        "advance: state has {slots} slots, expected {scheduled} as in the schedule"
    );
    op.state.step += 1;
    for slot in 0..op.state.rates.len() {
        op.state.rates[slot] = op.schedule.rates(op.state.step, slot);
    }
}
