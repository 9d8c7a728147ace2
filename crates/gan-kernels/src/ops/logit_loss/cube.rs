//! The GPU's [`LogitLoss`]: the units of a warp for each row, of which one works.
//!
//! The grid is that of [`LinearLogitLoss`](crate::LinearLogitLoss), so that both add to the same
//! sums.

use cubecl::prelude::*;

use super::{LogitLoss, Objective};
use crate::cube::Cube;
use crate::cube::launch::launch;
use crate::cube::objective::{
    Factors, Monitors, ROWS, UNITS, add_to_monitors, factors, monitors, new_terms, row_objective,
};
use crate::cube::operand::{Operand, elements, row_start};
use crate::cube::sums::row_and_lane;

#[track_caller]
pub(crate) fn run(cube: &Cube, op: LogitLoss<'_, Cube>) {
    let m = op.check();
    let monitors = monitors(cube, op.monitors, op.state, m);
    launch!(logit_loss(
        cube,
        [m.div_ceil(ROWS), UNITS],
        elements(op.logits),
        elements(op.dz.as_rows()),
        monitors,
        factors(op.objective, op.weight, m),
        op.objective
    ));
}

#[cube(launch_unchecked)]
fn logit_loss(
    logits: &Operand<f32>,
    dz: &mut Operand<f32>,
    monitors: &mut Monitors,
    factors: &Factors,
    #[comptime] objective: Objective,
) {
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
            if comptime!(objective.pairs()) {
                let partner = (row + factors.data as usize) % rows;
                other = logits.values[row_start(logits, partner)];
            }
        }
        let g = row_objective(&mut terms, l, other, row, row < rows, factors, objective);
        if row < rows {
            let at = row_start(&*dz, row);
            dz.values[at] = g;
        }
    }
    sync_cube();
    add_to_monitors(monitors, &terms, factors, objective);
}
