//! The GPU's [`Interpolate`]: a cube for each row.

use cubecl::prelude::*;

use super::Interpolate;
use crate::cube::Cube;
use crate::cube::launch::launch;
use crate::cube::operand::{Operand, Vec4, load, now, store, vectors};
use crate::cube::philox::{unit_open, word};

/// Units of a cube.
const UNITS: usize = 64;

#[track_caller]
pub(crate) fn run(cube: &Cube, op: Interpolate<'_, Cube>) {
    let (m, _) = op.check();
    launch!(interpolate(
        vectors(op.a), vectors(op.b), vectors(op.y.as_rows()), now(op.state), op.stream.word()
    ) on cube, [m, UNITS]);
}

#[cube(launch_unchecked)]
fn interpolate(
    a: &Operand<Vec4>,
    b: &Operand<Vec4>,
    y: &mut Operand<Vec4>,
    state: &[u32],
    stream: u32,
) {
    let row = CUBE_POS;
    if row >= y.rows as usize {
        terminate!();
    }
    let columns4 = (y.columns as usize).div_ceil(4);
    let epsilon = Vec4::new(unit_open(word(state, stream, row as u32)));
    let mut column4 = UNIT_POS as usize;
    while column4 < columns4 {
        let b = load(b, row, column4);
        let v = b + epsilon * (load(a, row, column4) - b);
        store(y, row, column4, v);
        column4 += UNITS;
    }
}
