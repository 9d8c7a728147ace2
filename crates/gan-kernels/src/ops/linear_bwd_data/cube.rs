//! The GPU's [`LinearBwdData`]: a product's tile, taken back through the layer below.

use cubecl::prelude::*;

use super::LinearBwdData;
use crate::ActivationKind;
use crate::cube::Cube;
use crate::cube::launch::{buffer, floats, grid, mask, now, phi_of, place, place_all, vectors};
use crate::cube::philox::{Mask, mask1, mask4};
use crate::cube::tile::{ALIGNMENT, Along, Place, Product, Vec4, element, product, within};

#[track_caller]
pub(crate) fn run(cube: &Cube, op: LinearBwdData<'_, Cube>) {
    let (m, k, n) = op.check();
    if op.below.winners.is_some() {
        return run_maxout(cube, op);
    }
    let p = cube.product(Along::Depth, Along::Depth, |tile| tile.cover(m, k));
    let (phi, slope) = phi_of(op.below.act);
    let cubes = p.tile.cover(m, k);
    cube.launch("linear_bwd_data", |client| {
        // SAFETY: the kernel tests every index against the operands' shapes.
        unsafe {
            elementwise::launch_unchecked(
                client,
                grid(cubes),
                CubeDim::new_1d(p.tile.units() as u32),
                vectors(op.dz.matrix),
                vectors(op.w),
                vectors(op.below.y.matrix),
                vectors(op.dz_below.matrix),
                now(op.state),
                place(&op.dz, m),
                place_all(op.w, k),
                place(&op.below.y, k),
                place(&op.dz_below.as_rows(), k),
                n as u32,
                slope,
                mask(op.below.dropout),
                p,
                phi,
                op.below.dropout.is_some(),
            );
        }
    });
}

#[cube(launch_unchecked)]
fn elementwise(
    dz: &[Vec4],
    w: &[Vec4],
    y: &[Vec4],
    dz_below: &mut [Vec4],
    state: &[u32],
    dz_place: &Place,
    w_place: &Place,
    y_place: &Place,
    below_place: &Place,
    depth: u32,
    slope: f32,
    mask: &Mask,
    #[comptime] p: Product,
    #[comptime] phi: ActivationKind,
    #[comptime] dropout: bool,
) {
    let t = comptime!(p.tile);
    let rows = dz_place.free as usize;
    let columns = w_place.free as usize;
    let columns4 = columns.div_ceil(4);
    let across = columns.div_ceil(t.bn);
    let row0 = CUBE_POS / across * t.bm;
    let col0 = CUBE_POS % across * t.bn;
    if row0 >= rows {
        terminate!();
    }
    let mut stage = Shared::<[Vec4]>::new_aligned_slice(comptime!(p.stage()), ALIGNMENT);
    product(dz, w, &mut stage, dz_place, w_place, depth, row0, col0, p);
    for pass in 0..comptime!((t.bm * t.bn / 4).div_ceil(t.units())) {
        let e = UNIT_POS as usize + pass * comptime!(t.units());
        let row = row0 + e / comptime!(t.bn / 4);
        let column4 = col0 / 4 + e % comptime!(t.bn / 4);
        if row < rows && column4 < columns4 && e < comptime!(t.bm * t.bn / 4) {
            let mut g = stage[e];
            let mut inverse_scale = 1.0f32;
            if comptime!(dropout) {
                g *= mask4(state, mask, row, column4, columns4);
                inverse_scale = 1.0f32 / mask.scale;
            }
            let at = y_place.first as usize + row * y_place.stride as usize + column4;
            g = slope_from_output(g, y[at], slope, inverse_scale, phi);
            let at = below_place.first as usize + row * below_place.stride as usize + column4;
            dz_below[at] = within(g, column4, columns);
        }
    }
}

/// `g ⊙ φ′`, with φ′ from φ's output `y · inverse_scale`.
#[cube]
pub(crate) fn slope_from_output(
    g: Vec4,
    y: Vec4,
    slope: f32,
    inverse_scale: f32,
    #[comptime] phi: ActivationKind,
) -> Vec4 {
    let mut dz = g;
    if comptime!(phi != ActivationKind::Identity) {
        #[unroll]
        for lane in 0..4usize {
            let g = g.extract(lane);
            let y = y.extract(lane);
            let value = match phi {
                ActivationKind::Identity | ActivationKind::Maxout => g,
                ActivationKind::Relu => select(y > 0.0f32, g, 0.0f32),
                ActivationKind::LeakyRelu => select(y > 0.0f32, g, g * slope),
                ActivationKind::Sigmoid => {
                    let y = y * inverse_scale;
                    g * y * (1.0f32 - y)
                }
                ActivationKind::Tanh => {
                    let y = y * inverse_scale;
                    g * (1.0f32 - y * y)
                }
            };
            dz.insert(lane, value);
        }
    }
    dz
}

fn run_maxout(cube: &Cube, op: LinearBwdData<'_, Cube>) {
    let (m, k, n) = op.check();
    let Some(winners) = &op.below.winners else {
        return;
    };
    let p = cube.product(Along::Depth, Along::Depth, |tile| tile.cover(m, k));
    let cubes = p.tile.cover(m, k);
    let winner_words = winners.winners.rows * winners.winners.cols;
    cube.launch("linear_bwd_data_maxout", |client| {
        // SAFETY: the kernel tests every index against the operands' shapes.
        unsafe {
            maxout::launch_unchecked(
                client,
                grid(cubes),
                CubeDim::new_1d(p.tile.units() as u32),
                vectors(op.dz.matrix),
                vectors(op.w),
                buffer(&winners.winners.bytes, winner_words),
                floats(op.dz_below.matrix),
                now(op.state),
                place(&op.dz, m),
                place_all(op.w, k),
                place(&op.dz_below.as_rows(), k),
                n as u32,
                (winners.first * k) as u32,
                op.below.act.pieces() as u32,
                mask(op.below.dropout),
                p,
                op.below.dropout.is_some(),
            );
        }
    });
}

#[cube(launch_unchecked)]
fn maxout(
    dz: &[Vec4],
    w: &[Vec4],
    winners: &[u32],
    dz_below: &mut [f32],
    state: &[u32],
    dz_place: &Place,
    w_place: &Place,
    below_place: &Place,
    depth: u32,
    winners_first: u32,
    pieces: u32,
    mask: &Mask,
    #[comptime] p: Product,
    #[comptime] dropout: bool,
) {
    let t = comptime!(p.tile);
    let rows = dz_place.free as usize;
    let units = w_place.free as usize;
    let pieces = pieces as usize;
    let across = units.div_ceil(t.bn);
    let row0 = CUBE_POS / across * t.bm;
    let unit0 = CUBE_POS % across * t.bn;
    if row0 >= rows {
        terminate!();
    }
    let mut stage = Shared::<[Vec4]>::new_aligned_slice(comptime!(p.stage()), ALIGNMENT);
    product(dz, w, &mut stage, dz_place, w_place, depth, row0, unit0, p);
    for pass in 0..comptime!((t.bm * t.bn).div_ceil(t.units())) {
        let e = UNIT_POS as usize + pass * comptime!(t.units());
        let row = row0 + e / t.bn;
        let unit = unit0 + e % t.bn;
        if row < rows && unit < units && e < comptime!(t.bm * t.bn) {
            let mut g = element(&stage, e);
            if comptime!(dropout) {
                g *= mask1(state, mask, row, unit, units.div_ceil(4));
            }
            let winner = winners[winners_first as usize + row * units + unit] as usize;
            let first = below_place.first as usize + row * below_place.stride as usize;
            let at = first * 4 + unit * pieces;
            for piece in 0..pieces {
                dz_below[at + piece] = select(piece == winner, g, 0.0f32);
            }
        }
    }
}
