//! The GPU's [`LogitLoss`]: the units of a warp for each row, of which one works.
//!
//! The grid is that of [`LinearLogitLoss`](crate::LinearLogitLoss), so that both add to the same
//! sums.

use cubecl::prelude::*;

use super::LogitLoss;
use crate::cube::Cube;
use crate::cube::launch::launch;
use crate::cube::objective::{Loss, ROWS, UNITS, add_to_monitors, loss, new_terms, row_objective};
use crate::cube::operand::{Operand, elements, row_start};
use crate::cube::sums::row_and_lane;

#[track_caller]
pub(crate) fn run(cube: &Cube, op: LogitLoss<'_, Cube>) {
    let m = op.check();
    let loss = loss(cube, op.objective, op.weight, m, op.monitors, op.state);
    launch!(logit_loss(
        elements(op.logits), elements(op.dz.as_rows()), loss
    ) on cube, [m.div_ceil(ROWS), UNITS]);
}

#[cube(launch_unchecked)]
fn logit_loss(logits: &Operand<f32>, dz: &mut Operand<f32>, loss: &mut Loss) {
    let rows = logits.rows as usize;
    let (row, lane) = row_and_lane(ROWS);
    if CUBE_POS * ROWS >= rows {
        terminate!();
    }
    let mut terms = new_terms();
    if lane == 0 {
        let mut l = 0.0f32;
        let mut other = 0.0f32;
        if row < rows {
            l = logits.values[row_start(logits, row)];
            if comptime!(loss.objective.pairs()) {
                let partner = (row + loss.data as usize) % rows;
                other = logits.values[row_start(logits, partner)];
            }
        }
        let g = row_objective(&*loss, &mut terms, l, other, row, row < rows);
        if row < rows {
            let at = row_start(&*dz, row);
            dz.values[at] = g;
        }
    }
    sync_cube();
    add_to_monitors(loss, &terms);
}
