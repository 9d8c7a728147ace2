//! The GPU's [`FillLatent`]: a cube for each row.

use cubecl::prelude::*;

use super::{FillLatent, Prior};
use crate::cube::Cube;
use crate::cube::launch::{cube_sum, grid, now, place, vectors};
use crate::cube::math::{cos_sin_turn, ln};
use crate::cube::philox::{block, unit_open};
use crate::cube::tile::{Place, Vec4, within};

/// Units of a cube.
const UNITS: usize = 32;

#[track_caller]
pub(crate) fn run(cube: &Cube, op: FillLatent<'_, Cube>) {
    let (m, n) = op.z.shape();
    let blocks = (op.first_row + m) as u64 * n.div_ceil(4) as u64;
    assert!(
        blocks <= 1 << 32,
        "fill_latent: row {} lies beyond the address space",
        op.first_row + m
    );
    cube.launch("fill_latent", |client| {
        // SAFETY: the kernel tests every index against the shape of z.
        unsafe {
            fill::launch_unchecked(
                client,
                grid(m),
                CubeDim::new_1d(UNITS as u32),
                vectors(op.z.matrix),
                now(op.state),
                place(&op.z.as_rows(), n),
                m as u32,
                op.stream.word(),
                op.first_row as u32,
                op.prior,
            );
        }
    });
}

#[cube(launch_unchecked)]
fn fill(
    z: &mut [Vec4],
    state: &[u32],
    place: &Place,
    rows: u32,
    stream: u32,
    first_row: u32,
    #[comptime] prior: Prior,
) {
    let row = CUBE_POS;
    if row >= rows as usize {
        terminate!();
    }
    let columns = place.free as usize;
    let columns4 = columns.div_ceil(4);
    let first = place.first as usize + row * place.stride as usize;
    let first_block = (first_row + row as u32) * columns4 as u32;
    let mut square = 0.0f32;
    for pass in 0..columns4.div_ceil(UNITS) {
        let column4 = pass * UNITS + UNIT_POS as usize;
        if column4 < columns4 {
            let words = block(state, stream, first_block + column4 as u32);
            let v = within(values(words, prior), column4, columns);
            z[first + column4] = v;
            let vv = v * v;
            square += (vv.extract(0usize) + vv.extract(1usize))
                + (vv.extract(2usize) + vv.extract(3usize));
        }
    }
    if comptime!(prior == Prior::Spherical) {
        let mut scratch = Shared::<[f32]>::new_slice(UNITS);
        let length = cube_sum(&mut scratch, square, UNITS).sqrt();
        for pass in 0..columns4.div_ceil(UNITS) {
            let column4 = pass * UNITS + UNIT_POS as usize;
            if column4 < columns4 {
                let v = z[first + column4];
                z[first + column4] = v / Vec4::new(length);
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
