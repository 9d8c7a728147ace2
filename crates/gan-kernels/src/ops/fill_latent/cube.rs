//! The GPU's [`FillLatent`]: a cube for each row.

use cubecl::prelude::*;

use super::{FillLatent, Prior};
use crate::cube::Cube;
use crate::cube::launch::launch;
use crate::cube::math::{cos_sin_turn, ln};
use crate::cube::operand::{Operand, Vec4, load, now, store, vectors, within};
use crate::cube::philox::{block, unit_open};
use crate::cube::sums::{cube_sum, lane_sum};

/// Units of a cube.
const UNITS: usize = 32;

#[track_caller]
pub(crate) fn run(cube: &Cube, op: FillLatent<'_, Cube>) {
    let (m, _) = op.check();
    launch!(fill_latent(
        vectors(op.z.as_rows()), now(op.state), op.stream.word(), op.first_row as u32, op.prior
    ) on cube, [m, UNITS]);
}

#[cube(launch_unchecked)]
fn fill_latent(
    z: &mut Operand<Vec4>,
    state: &[u32],
    stream: u32,
    first_row: u32,
    #[comptime] prior: Prior,
) {
    let row = CUBE_POS;
    if row >= z.rows as usize {
        terminate!();
    }
    let columns = z.columns as usize;
    let columns4 = columns.div_ceil(4);
    let first_block = (first_row + row as u32) * columns4 as u32;
    let mut square = 0.0f32;
    for pass in 0..columns4.div_ceil(UNITS) {
        let column4 = pass * UNITS + UNIT_POS as usize;
        if column4 < columns4 {
            let words = block(state, stream, first_block + column4 as u32);
            let v = within(values(words, prior), column4, columns);
            store(z, row, column4, v);
            square += lane_sum(v * v);
        }
    }
    if comptime!(prior == Prior::Spherical) {
        let mut scratch = Shared::<[f32]>::new_slice(UNITS);
        let length = cube_sum(&mut scratch, square, UNITS).sqrt();
        for pass in 0..columns4.div_ceil(UNITS) {
            let column4 = pass * UNITS + UNIT_POS as usize;
            if column4 < columns4 {
                let v = load(&*z, row, column4) / Vec4::new(length);
                store(z, row, column4, v);
            }
        }
    }
}

/// Four latents from four words.
#[cube]
fn values(words: Vector<u32, Const<4>>, #[comptime] prior: Prior) -> Vec4 {
    let mut z = Vec4::empty();
    if comptime!(prior == Prior::Uniform) {
        #[unroll]
        for lane in 0..4usize {
            let centred = 2.0f32 * unit_open(words.extract(lane)) - 1.0f32;
            z.insert(lane, centred * 1.732_050_8f32);
        }
    } else {
        #[unroll]
        for pair in 0..2usize {
            let u = unit_open(words.extract(comptime!(2 * pair)));
            let v = unit_open(words.extract(comptime!(2 * pair + 1)));
            let radius = (-2.0f32 * ln(u)).sqrt();
            let (cos, sin) = cos_sin_turn(v);
            z.insert(comptime!(2 * pair), radius * cos);
            z.insert(comptime!(2 * pair + 1), radius * sin);
        }
    }
    z
}
