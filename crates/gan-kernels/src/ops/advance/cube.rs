//! The GPU's [`Advance`]: the next step's rates, which lie there in advance.

use cubecl::prelude::*;

use super::Advance;
use crate::cube::launch::launch;
use crate::cube::operand::{buffer, now};
use crate::cube::philox::{RATES, STEP};
use crate::cube::{Cube, RATE_WORDS, TABLE_HEAD};

#[track_caller]
pub(crate) fn run(cube: &Cube, op: Advance<'_, Cube>) {
    let (slots, scheduled) = (op.state.slots, op.schedule.slots.len());
    assert!(
        slots == scheduled,
        "advance: state has {slots} slots, expected {scheduled} as in the schedule"
    );
    op.state.give_rates(cube, op.schedule, 1);
    launch!(advance(
        now(op.state), buffer(&op.state.table, op.state.table_len()), (slots * RATE_WORDS) as u32
    ) on cube, [1, 32]);
    op.state.step += 1;
}

#[cube(launch_unchecked)]
fn advance(now: &mut [u32], table: &[u32], words: u32) {
    let low = now[STEP] + 1;
    let high = select(low == 0, now[STEP + 1] + 1, now[STEP + 1]);
    // Every unit must have read the step before one of them writes it.
    sync_cube();
    if UNIT_POS == 0 {
        now[STEP] = low;
        now[STEP + 1] = high;
    }
    let words = words as usize;
    let row = (low - table[0]) as usize * words + TABLE_HEAD;
    let mut word = UNIT_POS as usize;
    while word < words {
        now[RATES + word] = table[row + word];
        word += CUBE_DIM as usize;
    }
}
