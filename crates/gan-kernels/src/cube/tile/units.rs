//! A tile by each unit's own arithmetic.

use cubecl::prelude::*;

use super::{Along, Place, Product, Side, Tile, Vec4, Walk, fetch, put, slot};

/// The tile into `stage`, where its factors lay; it ends with a barrier.
#[cube]
#[allow(clippy::too_many_arguments)]
pub(super) fn by_units(
    a: &[Vec4],
    b: &[Vec4],
    extra: &[Vec4],
    extra_place: &Place,
    a_walk: &mut Walk,
    b_walk: &mut Walk,
    stage: &mut [Vec4],
    depth: usize,
    #[comptime] p: Product,
) {
    let t = comptime!(p.tile);
    let (a_side, b_side) = comptime!((p.a(), p.b()));
    let per_row = comptime!(t.bn / t.tn);
    let unit = UNIT_POS as usize;
    let group = unit / comptime!(t.group());
    let in_group = unit % comptime!(t.group());
    let tx = in_group % per_row;
    let ty = in_group / per_row;

    let mut acc = Array::<f32>::new(comptime!(t.tm * t.tn));
    #[unroll]
    for i in 0..comptime!(t.tm * t.tn) {
        acc[i] = 0.0f32;
    }
    fetch(a, extra, extra_place, a_walk, 0usize, depth, a_side);
    fetch(b, extra, extra_place, b_walk, 0usize, depth, b_side);
    for step in 0..depth.div_ceil(t.step) {
        let a_at = step % t.buffers * comptime!(a_side.room() + b_side.room());
        let b_at = a_at + comptime!(a_side.room());
        put::<f32>(&*a_walk, stage, a_at, a_side, p);
        put::<f32>(&*b_walk, stage, b_at, b_side, p);
        sync_cube();
        // Behind the last step it reads nothing.
        fetch(a, extra, extra_place, a_walk, step + 1, depth, a_side);
        fetch(b, extra, extra_place, b_walk, step + 1, depth, b_side);
        for four in 0..comptime!(t.step / t.split / 4) {
            let depth4 = group * comptime!(t.step / t.split / 4) + four;
            multiply(&*stage, &mut acc, a_at, b_at, depth4, tx, ty, p);
        }
        // With a buffer more, the next step is written beside what others still read.
        if comptime!(t.buffers == 1) {
            sync_cube();
        }
    }
    if comptime!(t.buffers > 1) {
        sync_cube();
    }
    store(stage, &acc, group, tx, ty, t);
}

/// Adds the products of four steps of depth to a unit's elements.
#[cube]
#[allow(clippy::too_many_arguments)]
fn multiply(
    stage: &[Vec4],
    acc: &mut Array<f32>,
    a_at: usize,
    b_at: usize,
    depth4: usize,
    tx: usize,
    ty: usize,
    #[comptime] p: Product,
) {
    let t = comptime!(p.tile);
    let a = fragment(stage, a_at, depth4, ty, t.tm, p.a());
    let b = fragment(stage, b_at, depth4, tx, t.tn, p.b());
    #[unroll]
    for l in 0..4usize {
        #[unroll]
        for i in 0..t.tm {
            #[unroll]
            for j in 0..t.tn {
                let at = comptime!(i * t.tn + j);
                let a = a[comptime!(i * 4 + l)];
                let b = b[comptime!(j * 4 + l)];
                acc[at] = fma(a, b, acc[at]);
            }
        }
    }
}

/// A unit's rows or columns of an operand over four steps of depth: element `4·i + l` is row i at
/// depth l.
///
/// Row 4·q + r of unit u is row `4·(q·units + u) + r` of the tile.
#[cube]
fn fragment(
    stage: &[Vec4],
    at: usize,
    depth4: usize,
    u: usize,
    #[comptime] mine: usize,
    #[comptime] side: Side,
) -> Array<f32> {
    let mut values = Array::<f32>::new(comptime!(mine * 4));
    #[unroll]
    for q in 0..comptime!(mine / 4) {
        #[unroll]
        for r in 0..4usize {
            match side.along {
                Along::Depth => {
                    let row = (q * comptime!(side.rows / mine) + u) * 4 + r;
                    let v = stage[at + slot(row, depth4, side)];
                    #[unroll]
                    for l in 0..4usize {
                        values[comptime!((q * 4 + r) * 4 + l)] = v.extract(l);
                    }
                }
                Along::Free => {
                    let col = q * comptime!(side.width * 4 / mine) + u;
                    let v = stage[at + slot(depth4 * 4 + r, col, side)];
                    #[unroll]
                    for i in 0..4usize {
                        values[comptime!((q * 4 + i) * 4 + r)] = v.extract(i);
                    }
                }
            }
        }
    }
    values
}

/// Sums the groups' elements in `stage`, group after group.
#[cube]
fn store(
    stage: &mut [Vec4],
    acc: &Array<f32>,
    group: usize,
    tx: usize,
    ty: usize,
    #[comptime] t: Tile,
) {
    let rows = comptime!(t.bm / t.tm);
    let columns = comptime!(t.bn / t.tn);
    #[unroll]
    for turn in 0..t.split {
        if group == turn {
            #[unroll]
            for i in 0..t.tm {
                let row = (comptime!(i / 4) * rows + ty) * 4 + comptime!(i % 4);
                #[unroll]
                for q in 0..comptime!(t.tn / 4) {
                    let at = row * comptime!(t.bn / 4) + q * columns + tx;
                    let mut v = Vec4::empty();
                    #[unroll]
                    for j in 0..4usize {
                        v.insert(j, acc[comptime!(i * t.tn + q * 4 + j)]);
                    }
                    if comptime!(turn > 0) {
                        v += stage[at];
                    }
                    stage[at] = v;
                }
            }
        }
        sync_cube();
    }
}
