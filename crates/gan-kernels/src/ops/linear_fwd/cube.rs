//! The GPU's [`LinearFwd`]: a product's tile, and bias, φ and dropout before it is written.

use cubecl::prelude::*;

use super::LinearFwd;
use crate::cube::Cube;
use crate::cube::launch::{buffer, floats, grid, mask, now, phi_of, place, place_all, vectors};
use crate::cube::math::{sigmoid, tanh};
use crate::cube::philox::{Mask, mask1, mask4};
use crate::cube::tile::{ALIGNMENT, Along, Place, Product, Tile, Vec4, element, product, within};
use crate::{Activation, ActivationKind};

#[track_caller]
pub(crate) fn run(cube: &Cube, op: LinearFwd<'_, Cube>) {
    let (m, columns, k) = op.check();
    if let Activation::Maxout { pieces } = op.act {
        return run_maxout(cube, op, pieces);
    }
    let p = cube.product(Along::Depth, Along::Free, |tile| tile.cover(m, columns));
    let (phi, slope) = phi_of(op.act);
    let cubes = p.tile.cover(m, columns);
    cube.launch("linear_fwd", |client| {
        // SAFETY: the kernel tests every index against the operands' shapes.
        unsafe {
            linear::launch_unchecked(
                client,
                grid(cubes),
                CubeDim::new_1d(p.tile.units() as u32),
                vectors(op.x.matrix),
                vectors(op.w),
                vectors(op.b),
                vectors(op.y.matrix),
                now(op.state),
                place(&op.x, m),
                place_all(op.w, columns),
                place(&op.y.as_rows(), columns),
                k as u32,
                slope,
                mask(op.dropout),
                p,
                phi,
                op.dropout.is_some(),
            );
        }
    });
}

#[cube(launch_unchecked)]
fn linear(
    x: &[Vec4],
    w: &[Vec4],
    b: &[Vec4],
    y: &mut [Vec4],
    state: &[u32],
    x_place: &Place,
    w_place: &Place,
    y_place: &Place,
    depth: u32,
    slope: f32,
    mask: &Mask,
    #[comptime] p: Product,
    #[comptime] phi: ActivationKind,
    #[comptime] dropout: bool,
) {
    let t = comptime!(p.tile);
    let rows = x_place.free as usize;
    let columns = w_place.free as usize;
    let columns4 = columns.div_ceil(4);
    let across = columns.div_ceil(t.bn);
    let row0 = CUBE_POS / across * t.bm;
    let col0 = CUBE_POS % across * t.bn;
    if row0 >= rows {
        terminate!();
    }
    let mut stage = Shared::<[Vec4]>::new_aligned_slice(comptime!(p.stage()), ALIGNMENT);
    product(x, w, &mut stage, x_place, w_place, depth, row0, col0, p);
    for pass in 0..comptime!((t.bm * t.bn / 4).div_ceil(t.units())) {
        let e = UNIT_POS as usize + pass * comptime!(t.units());
        let row = row0 + e / comptime!(t.bn / 4);
        let column4 = col0 / 4 + e % comptime!(t.bn / 4);
        if row < rows && column4 < columns4 && e < comptime!(t.bm * t.bn / 4) {
            let mut v = activate(stage[e] + b[column4], slope, phi);
            if comptime!(dropout) {
                v *= mask4(state, mask, row, column4, columns4);
            }
            let at = y_place.first as usize + row * y_place.stride as usize + column4;
            y[at] = within(v, column4, columns);
        }
    }
}

/// φ.
#[cube]
fn activate(z: Vec4, slope: f32, #[comptime] phi: ActivationKind) -> Vec4 {
    let mut y = z;
    if comptime!(phi != ActivationKind::Identity) {
        #[unroll]
        for lane in 0..4usize {
            let z = z.extract(lane);
            let value = match phi {
                ActivationKind::Identity | ActivationKind::Maxout => z,
                // NaN stays NaN, so that a run that has diverged shows it.
                ActivationKind::Relu => select(z < 0.0f32, 0.0f32, z),
                ActivationKind::LeakyRelu => select(z > 0.0f32, z, z * slope),
                ActivationKind::Sigmoid => sigmoid(z),
                ActivationKind::Tanh => tanh(z),
            };
            y.insert(lane, value);
        }
    }
    y
}

/// Units of `pieces` columns that a tile of `bn` columns takes, and how many tiles one after the
/// other hold all pieces of one unit where it takes none.
fn units_per_tile(pieces: usize, bn: usize) -> (usize, usize) {
    // Four units begin at a multiple of four columns, whatever the number of pieces.
    match bn / pieces / 4 * 4 {
        // One unit begins anywhere: its tile is moved left to a multiple of four.
        0 => (1, (pieces + 3).div_ceil(bn)),
        units => (units, 1),
    }
}

fn run_maxout(cube: &Cube, mut op: LinearFwd<'_, Cube>, pieces: usize) {
    let (m, columns, k) = op.check();
    let units = columns / pieces;
    let cubes = |tile: &Tile| {
        let (per_tile, chunks) = units_per_tile(pieces, tile.bn);
        (m.div_ceil(tile.bm) * units.div_ceil(per_tile), chunks)
    };
    let p = cube.product(Along::Depth, Along::Free, |tile| {
        let (cubes, chunks) = cubes(tile);
        cubes * chunks
    });
    let (per_tile, chunks) = units_per_tile(pieces, p.tile.bn);
    let (cubes, _) = cubes(&p.tile);
    let Some(winners) = op.winners.take() else {
        return;
    };
    let winner_words = winners.winners.rows * winners.winners.cols;
    cube.launch("linear_fwd_maxout", |client| {
        // SAFETY: the kernel tests every index against the operands' shapes.
        unsafe {
            maxout::launch_unchecked(
                client,
                grid(cubes),
                CubeDim::new_1d(p.tile.units() as u32),
                vectors(op.x.matrix),
                vectors(op.w),
                floats(op.b),
                floats(op.y.matrix),
                buffer(&winners.winners.bytes, winner_words),
                now(op.state),
                place(&op.x, m),
                place_all(op.w, columns),
                place(&op.y.as_rows(), units),
                k as u32,
                (winners.first * units) as u32,
                mask(op.dropout),
                p,
                pieces,
                per_tile,
                chunks,
                op.dropout.is_some(),
            );
        }
    });
}

#[cube(launch_unchecked)]
fn maxout(
    x: &[Vec4],
    w: &[Vec4],
    b: &[f32],
    y: &mut [f32],
    winners: &mut [u32],
    state: &[u32],
    x_place: &Place,
    w_place: &Place,
    y_place: &Place,
    depth: u32,
    winners_first: u32,
    mask: &Mask,
    #[comptime] p: Product,
    #[comptime] pieces: usize,
    #[comptime] per_tile: usize,
    #[comptime] chunks: usize,
    #[comptime] dropout: bool,
) {
    let t = comptime!(p.tile);
    let rows = x_place.free as usize;
    let units = y_place.free as usize;
    let across = units.div_ceil(per_tile);
    let row0 = CUBE_POS / across * t.bm;
    let unit0 = CUBE_POS % across * per_tile;
    if row0 >= rows {
        terminate!();
    }
    let mut stage = Shared::<[Vec4]>::new_aligned_slice(comptime!(p.stage()), ALIGNMENT);
    let passes = comptime!((t.bm * per_tile).div_ceil(t.units()));
    // The largest piece so far of each of this unit's elements, and which it is.
    let mut largest = Array::<f32>::new(passes);
    let mut winner = Array::<u32>::new(passes);
    for chunk in 0..chunks {
        let col0 = unit0 * pieces / 4 * 4 + chunk * t.bn;
        product(x, w, &mut stage, x_place, w_place, depth, row0, col0, p);
        #[unroll]
        for pass in 0..passes {
            let e = UNIT_POS as usize + pass * comptime!(t.units());
            let unit = unit0 + e % per_tile;
            if e < comptime!(t.bm * per_tile) && unit < units {
                for piece in 0..pieces {
                    let column = unit * pieces + piece;
                    if column >= col0 && column < col0 + t.bn {
                        let in_tile = e / per_tile * t.bn + (column - col0);
                        let z = element(&stage, in_tile) + b[column];
                        if piece == 0 || z > largest[pass] {
                            largest[pass] = z;
                            winner[pass] = piece as u32;
                        }
                    }
                }
            }
        }
        sync_cube();
    }
    #[unroll]
    for pass in 0..passes {
        let e = UNIT_POS as usize + pass * comptime!(t.units());
        let row = row0 + e / per_tile;
        let unit = unit0 + e % per_tile;
        if e < comptime!(t.bm * per_tile) && unit < units && row < rows {
            let mut value = largest[pass];
            if comptime!(dropout) {
                value *= mask1(state, mask, row, unit, units.div_ceil(4));
            }
            y[(y_place.first as usize + row * y_place.stride as usize) * 4 + unit] = value;
            winners[winners_first as usize + row * units + unit] = winner[pass];
        }
    }
}
