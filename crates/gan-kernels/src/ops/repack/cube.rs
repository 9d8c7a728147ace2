//! The GPU's [`Repack`]: a unit for each vector of Y.

use cubecl::prelude::*;

use super::Repack;
use crate::cube::Cube;
use crate::cube::launch::launch;
use crate::cube::operand::{Operand, Vec4, elements, row_start, store, vectors};

/// Units of a cube.
const UNITS: usize = 256;

#[track_caller]
pub(crate) fn run(cube: &Cube, op: Repack<'_, Cube>) {
    if op.check() == 0 {
        return;
    }
    let (m, columns) = op.y.shape();
    let cubes = (m * columns.div_ceil(4)).div_ceil(UNITS);
    launch!(repack(elements(op.x), vectors(op.y.as_rows())) on cube, [cubes, UNITS]);
}

#[cube(launch_unchecked)]
fn repack(x: &Operand<f32>, y: &mut Operand<Vec4>) {
    let (from, columns) = (x.columns as usize, y.columns as usize);
    let columns4 = columns.div_ceil(4);
    let index = CUBE_POS * UNITS + UNIT_POS as usize;
    let row = index / columns4;
    let column4 = index % columns4;
    if row < y.rows as usize {
        let mut v = Vec4::new(0.0f32);
        #[unroll]
        for lane in 0..4usize {
            let column = column4 * 4 + lane;
            if column < columns {
                let value = row * columns + column;
                v.insert(lane, x.values[row_start(x, value / from) + value % from]);
            }
        }
        store(y, row, column4, v);
    }
}
