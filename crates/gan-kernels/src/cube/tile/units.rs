//! A tile by each unit's own arithmetic.

use cubecl::prelude::*;

use super::factors::{Walks, bring, end_step, fetch, slot};
use super::shape::Side;
use super::{Along, ExtraRow, Operand, Product, Stage, Tile, Vec4};

/// The tile into `stage.c`, where its factors lay; it ends with a barrier.
#[cube]
pub(super) fn by_units(
    a: &Operand<Vec4>,
    extra: &ExtraRow,
    b: &Operand<Vec4>,
    walks: &mut Walks,
    stage: &mut Stage,
    #[comptime] p: Product,
) {
    let t = comptime!(p.tile);
    let per_row = comptime!(t.bn / t.tn);
    let unit = UNIT_POS as usize;
    let group = unit / comptime!(t.group());
    let in_group = unit % comptime!(t.group());
    let tx = in_group % per_row;
    let ty = in_group / per_row;

    let mut acc = zeros(comptime!(t.tm * t.tn));
    let begin = walks.begin;
    fetch(a, extra, b, walks, begin, p);
    for step in begin..walks.end {
        let (a_at, b_at) = bring(a, extra, b, walks, stage, step, p);
        for four in 0..comptime!(t.step / t.split / 4) {
            let depth4 = group * comptime!(t.step / t.split / 4) + four;
            multiply(&stage.c, &mut acc, a_at, b_at, depth4, tx, ty, p);
        }
        end_step(p);
    }
    if comptime!(t.buffers > 1) {
        sync_cube();
    }
    store(&mut stage.c, &acc, group, tx, ty, t);
}

/// A unit's sums, before anything is added.
#[cube]
pub(super) fn zeros(#[comptime] count: usize) -> Array<f32> {
    let mut zeros = Array::<f32>::new(count);
    #[unroll]
    for i in 0..count {
        zeros[i] = 0.0f32;
    }
    zeros
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
