//! The GPU's [`SquaredError`]: the units of a warp for each row.

use cubecl::prelude::*;

use super::SquaredError;
use crate::Monitor;
use crate::cube::epilogue::{ElementwiseLayer, elementwise_layer, no_mask, through_layer};
use crate::cube::launch::launch;
use crate::cube::objective::{ROWS, UNITS, over_rows};
use crate::cube::operand::{Operand, Vec4, buffer, load, store, vectors, within};
use crate::cube::sums::{PER_ROW, add_to_pair, lane_sum, row_and_lane, row_sum};
use crate::cube::{Cube, Summed};

#[track_caller]
pub(crate) fn run(cube: &Cube, op: SquaredError<'_, Cube>) {
    let (m, n) = op.check();
    let cubes = m.div_ceil(ROWS);
    let sums = op.monitors.partial(cube, Summed::All, cubes);
    // Taken on the host: not every device divides to the last digit.
    let share = 1.0 / (m * n) as f64;
    launch!(squared_error(
        elementwise_layer(op.y, op.act, no_mask()), vectors(op.targets), vectors(op.dz.as_rows()),
        buffer(&sums, cubes * Summed::All.words()), share as f32
    ) on cube, [cubes, UNITS]);
}

#[cube(launch_unchecked)]
fn squared_error(
    layer: &ElementwiseLayer,
    targets: &Operand<Vec4>,
    dz: &mut Operand<Vec4>,
    sums: &mut [f32],
    share: f32,
) {
    let (rows, columns) = (targets.rows as usize, targets.columns as usize);
    let columns4 = columns.div_ceil(4);
    let (row, lane) = row_and_lane(ROWS);
    if CUBE_POS * ROWS >= rows {
        terminate!();
    }
    let mut scratch = Shared::<[f32]>::new_slice(UNITS);
    let mut squares = Shared::<[f32]>::new_slice(ROWS);

    let mut square = 0.0f32;
    if row < rows {
        let twice = Vec4::new(2.0f32 * share);
        let mut column4 = lane;
        while column4 < columns4 {
            let off = load(&layer.y, row, column4) - load(targets, row, column4);
            let off = within(off, column4, columns);
            square += lane_sum(off * off);
            let g = through_layer(twice * off, layer, row, column4);
            store(dz, row, column4, g);
            column4 += PER_ROW;
        }
    }
    let square = row_sum(&mut scratch, square, lane);
    if lane == 0 {
        squares[row % ROWS] = square;
    }
    sync_cube();
    if UNIT_POS == 0 {
        let at = CUBE_POS * Summed::All.words() + SUM;
        add_to_pair(sums, at, share * over_rows(&squares, 0usize));
    }
}

/// Where the monitor lies among a cube's sums.
const SUM: usize = 2 * Monitor::SquaredError as usize;
