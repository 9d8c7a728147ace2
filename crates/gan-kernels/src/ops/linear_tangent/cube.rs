//! The GPU's [`LinearTangent`]: a product's tile, and the slope where the layer was.

use cubecl::prelude::*;

use super::LinearTangent;
use crate::ActivationKind;
use crate::cube::Cube;
use crate::cube::launch::{buffer, floats, grid, phi_of, place, place_all, vectors};
use crate::cube::tile::{ALIGNMENT, Along, Place, Product, Vec4, element, product, within};
use crate::ops::linear_bwd_data::cube::slope_from_output;

#[track_caller]
pub(crate) fn run(cube: &Cube, op: LinearTangent<'_, Cube>) {
    let (m, columns, k) = op.check();
    if op.winners.is_some() {
        return run_maxout(cube, op);
    }
    let p = cube.product(Along::Depth, Along::Free, |tile| tile.cover(m, columns));
    let (phi, slope) = phi_of(op.act);
    let cubes = p.tile.cover(m, columns);
    cube.launch("linear_tangent", |client| {
        // SAFETY: the kernel tests every index against the operands' shapes.
        unsafe {
            elementwise::launch_unchecked(
                client,
                grid(cubes),
                CubeDim::new_1d(p.tile.units() as u32),
                vectors(op.c.matrix),
                vectors(op.w),
                floats(op.s.matrix),
                vectors(op.b),
                vectors(op.y.matrix),
                vectors(op.c_above.matrix),
                place(&op.c, m),
                place_all(op.w, columns),
                place(&op.s, 1),
                place(&op.y, columns),
                place(&op.c_above.as_rows(), columns),
                k as u32,
                slope,
                p,
                phi,
            );
        }
    });
}

#[cube(launch_unchecked)]
fn elementwise(
    c: &[Vec4],
    w: &[Vec4],
    s: &[f32],
    b: &[Vec4],
    y: &[Vec4],
    c_above: &mut [Vec4],
    c_place: &Place,
    w_place: &Place,
    s_place: &Place,
    y_place: &Place,
    above_place: &Place,
    depth: u32,
    slope: f32,
    #[comptime] p: Product,
    #[comptime] phi: ActivationKind,
) {
    let t = comptime!(p.tile);
    let rows = c_place.free as usize;
    let columns = w_place.free as usize;
    let columns4 = columns.div_ceil(4);
    let across = columns.div_ceil(t.bn);
    let row0 = CUBE_POS / across * t.bm;
    let col0 = CUBE_POS % across * t.bn;
    if row0 >= rows {
        terminate!();
    }
    let mut stage = Shared::<[Vec4]>::new_aligned_slice(comptime!(p.stage()), ALIGNMENT);
    product(c, w, &mut stage, c_place, w_place, depth, row0, col0, p);
    for pass in 0..comptime!((t.bm * t.bn / 4).div_ceil(t.units())) {
        let e = UNIT_POS as usize + pass * comptime!(t.units());
        let row = row0 + e / comptime!(t.bn / 4);
        let column4 = col0 / 4 + e % comptime!(t.bn / 4);
        if row < rows && column4 < columns4 && e < comptime!(t.bm * t.bn / 4) {
            let s = s[(s_place.first as usize + row * s_place.stride as usize) * 4];
            let v = stage[e] + Vec4::new(s) * b[column4];
            let at = y_place.first as usize + row * y_place.stride as usize + column4;
            let v = slope_from_output(v, y[at], slope, 1.0f32, phi);
            let at = above_place.first as usize + row * above_place.stride as usize + column4;
            c_above[at] = within(v, column4, columns);
        }
    }
}

fn run_maxout(cube: &Cube, op: LinearTangent<'_, Cube>) {
    let (m, columns, k) = op.check();
    let Some(winners) = &op.winners else {
        return;
    };
    let p = cube.product(Along::Depth, Along::Free, |tile| tile.cover(m, columns));
    let cubes = p.tile.cover(m, columns);
    let units = columns / op.act.pieces();
    let winner_words = winners.winners.rows * winners.winners.cols;
    cube.launch("linear_tangent_maxout", |client| {
        // SAFETY: the kernel tests every index against the operands' shapes.
        unsafe {
            maxout::launch_unchecked(
                client,
                grid(cubes),
                CubeDim::new_1d(p.tile.units() as u32),
                vectors(op.c.matrix),
                vectors(op.w),
                floats(op.s.matrix),
                floats(op.b),
                buffer(&winners.winners.bytes, winner_words),
                floats(op.c_above.matrix),
                place(&op.c, m),
                place_all(op.w, columns),
                place(&op.s, 1),
                place(&op.c_above.as_rows(), units),
                k as u32,
                (winners.first * units) as u32,
                op.act.pieces() as u32,
                p,
            );
        }
    });
}

/// Each unit's winner is in one tile, which writes it; the other pieces go nowhere.
#[cube(launch_unchecked)]
fn maxout(
    c: &[Vec4],
    w: &[Vec4],
    s: &[f32],
    b: &[f32],
    winners: &[u32],
    c_above: &mut [f32],
    c_place: &Place,
    w_place: &Place,
    s_place: &Place,
    above_place: &Place,
    depth: u32,
    winners_first: u32,
    pieces: u32,
    #[comptime] p: Product,
) {
    let t = comptime!(p.tile);
    let rows = c_place.free as usize;
    let columns = w_place.free as usize;
    let units = above_place.free as usize;
    let pieces = pieces as usize;
    let across = columns.div_ceil(t.bn);
    let row0 = CUBE_POS / across * t.bm;
    let col0 = CUBE_POS % across * t.bn;
    if row0 >= rows {
        terminate!();
    }
    let mut stage = Shared::<[Vec4]>::new_aligned_slice(comptime!(p.stage()), ALIGNMENT);
    product(c, w, &mut stage, c_place, w_place, depth, row0, col0, p);
    for pass in 0..comptime!((t.bm * t.bn).div_ceil(t.units())) {
        let e = UNIT_POS as usize + pass * comptime!(t.units());
        let row = row0 + e / t.bn;
        let column = col0 + e % t.bn;
        if row < rows && column < columns && e < comptime!(t.bm * t.bn) {
            let unit = column / pieces;
            let winner = winners[winners_first as usize + row * units + unit] as usize;
            if column % pieces == winner {
                let s = s[(s_place.first as usize + row * s_place.stride as usize) * 4];
                let at = above_place.first as usize + row * above_place.stride as usize;
                c_above[at * 4 + unit] = element(&stage, e) + s * b[column];
            }
        }
    }
}
