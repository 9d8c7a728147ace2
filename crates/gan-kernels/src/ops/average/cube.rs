//! The GPU's [`Average`]: a unit for each vector, padding and all.

use cubecl::prelude::*;

use super::Average;
use crate::cube::Cube;
use crate::cube::launch::launch;
use crate::cube::operand::{Operand, Vec4, vectors};

/// Units of a cube.
const UNITS: usize = 256;

#[track_caller]
pub(crate) fn run(cube: &Cube, op: Average<'_, Cube>) {
    op.check();
    let count = op.w.rows * op.w.stride / 4;
    launch!(average(
        vectors(op.w.all()), vectors(op.average.all()), (1.0 - op.decay) as f32
    ) on cube, [count.div_ceil(UNITS), UNITS]);
}

#[cube(launch_unchecked)]
fn average(w: &Operand<Vec4>, average: &mut Operand<Vec4>, step: f32) {
    let at = CUBE_POS * UNITS + UNIT_POS as usize;
    if at < (w.rows * w.stride) as usize {
        let before = average.values[at];
        average.values[at] = before + Vec4::new(step) * (w.values[at] - before);
    }
}
