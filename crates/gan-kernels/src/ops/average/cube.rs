//! The GPU's [`Average`]: a unit for each vector, padding and all.

use cubecl::prelude::*;

use super::Average;
use crate::cube::Cube;
use crate::cube::launch::{grid, vectors};
use crate::cube::tile::Vec4;

/// Units of a cube.
const UNITS: usize = 256;

#[track_caller]
pub(crate) fn run(cube: &Cube, op: Average<'_, Cube>) {
    op.check();
    let count = op.w.rows * op.w.stride / 4;
    cube.launch("average", |client| {
        // SAFETY: the kernel tests its index against the number of vectors.
        unsafe {
            approach::launch_unchecked(
                client,
                grid(count.div_ceil(UNITS)),
                CubeDim::new_1d(UNITS as u32),
                vectors(op.w),
                vectors(op.average),
                count as u32,
                (1.0 - op.decay) as f32,
            );
        }
    });
}

#[cube(launch_unchecked)]
fn approach(w: &[Vec4], average: &mut [Vec4], count: u32, step: f32) {
    let at = CUBE_POS * UNITS + UNIT_POS as usize;
    if at < count as usize {
        let before = average[at];
        average[at] = before + Vec4::new(step) * (w[at] - before);
    }
}
