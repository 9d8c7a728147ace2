//! The GPU's [`Repack`]: a unit for each vector of Y.

use cubecl::prelude::*;

use super::Repack;
use crate::cube::Cube;
use crate::cube::launch::{floats, grid, place, vectors};
use crate::cube::tile::{Place, Vec4};

/// Units of a cube.
const UNITS: usize = 256;

#[track_caller]
pub(crate) fn run(cube: &Cube, op: Repack<'_, Cube>) {
    if op.check() == 0 {
        return;
    }
    let (n, (m, columns)) = (op.x.shape().1, op.y.shape());
    let cubes = (m * columns.div_ceil(4)).div_ceil(UNITS);
    cube.launch("repack", |client| {
        // SAFETY: the kernel tests every index against the operands' shapes.
        unsafe {
            repack::launch_unchecked(
                client,
                grid(cubes),
                CubeDim::new_1d(UNITS as u32),
                floats(op.x.matrix),
                vectors(op.y.matrix),
                place(&op.x, n),
                place(&op.y.as_rows(), columns),
                m as u32,
            );
        }
    });
}

#[cube(launch_unchecked)]
fn repack(x: &[f32], y: &mut [Vec4], x_place: &Place, y_place: &Place, rows: u32) {
    let from = x_place.free as usize;
    let columns = y_place.free as usize;
    let columns4 = columns.div_ceil(4);
    let index = CUBE_POS * UNITS + UNIT_POS as usize;
    let row = index / columns4;
    let column4 = index % columns4;
    if row < rows as usize {
        let mut v = Vec4::new(0.0f32);
        #[unroll]
        for lane in 0..4usize {
            let column = column4 * 4 + lane;
            if column < columns {
                let value = row * columns + column;
                let at = x_place.first as usize + value / from * x_place.stride as usize;
                v.insert(lane, x[at * 4 + value % from]);
            }
        }
        y[y_place.first as usize + row * y_place.stride as usize + column4] = v;
    }
}
