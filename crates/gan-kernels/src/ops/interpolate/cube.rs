//! The GPU's [`Interpolate`]: a cube for each row.

use cubecl::prelude::*;

use super::Interpolate;
use crate::cube::Cube;
use crate::cube::launch::{grid, now, place, vectors};
use crate::cube::philox::{unit_open, word};
use crate::cube::tile::{Place, Vec4, within};

/// Units of a cube.
const UNITS: usize = 64;

#[track_caller]
pub(crate) fn run(cube: &Cube, op: Interpolate<'_, Cube>) {
    let (m, n) = op.check();
    cube.launch("interpolate", |client| {
        // SAFETY: the kernel tests every index against the operands' shapes.
        unsafe {
            between::launch_unchecked(
                client,
                grid(m),
                CubeDim::new_1d(UNITS as u32),
                vectors(op.a.matrix),
                vectors(op.b.matrix),
                vectors(op.y.matrix),
                now(op.state),
                place(&op.a, n),
                place(&op.b, n),
                place(&op.y.as_rows(), n),
                m as u32,
                op.stream.word(),
            );
        }
    });
}

#[cube(launch_unchecked)]
fn between(
    a: &[Vec4],
    b: &[Vec4],
    y: &mut [Vec4],
    state: &[u32],
    a_place: &Place,
    b_place: &Place,
    y_place: &Place,
    rows: u32,
    stream: u32,
) {
    let row = CUBE_POS;
    if row >= rows as usize {
        terminate!();
    }
    let columns = y_place.free as usize;
    let columns4 = columns.div_ceil(4);
    let epsilon = Vec4::new(unit_open(word(state, stream, row as u32)));
    let a_first = a_place.first as usize + row * a_place.stride as usize;
    let b_first = b_place.first as usize + row * b_place.stride as usize;
    let y_first = y_place.first as usize + row * y_place.stride as usize;
    let mut column4 = UNIT_POS as usize;
    while column4 < columns4 {
        let b = b[b_first + column4];
        let v = b + epsilon * (a[a_first + column4] - b);
        y[y_first + column4] = within(v, column4, columns);
        column4 += UNITS;
    }
}
