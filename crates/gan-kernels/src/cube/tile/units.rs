//! A tile by each unit's own arithmetic.

use cubecl::prelude::*;

use super::{Along, Place, Product, Rounding, Side, Tile, Vec4, fetch, put, round, slot};

/// [`product_beside`] by each unit's own arithmetic.
#[cube]
#[allow(clippy::too_many_arguments)]
pub(super) fn on_units(
    a: &[Vec4],
    b: &[Vec4],
    extra: &[Vec4],
    stage: &mut [Vec4],
    a_place: &Place,
    b_place: &Place,
    extra_place: &Place,
    depth: usize,
    row0: usize,
    col0: usize,
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
    let mut a_next = Array::<Vec4>::new(comptime!(a_side.passes()));
    let mut b_next = Array::<Vec4>::new(comptime!(b_side.passes()));
    fetch(
        a, extra, &mut a_next, a_place, extra_place, row0, 0usize, depth, a_side,
    );
    fetch(
        b, extra, &mut b_next, b_place, extra_place, col0, 0usize, depth, b_side,
    );
    let steps = depth.div_ceil(t.step);
    for step in 0..steps {
        let a_at = step % t.buffers * comptime!(a_side.room() + b_side.room());
        let b_at = a_at + comptime!(a_side.room());
        put::<f32>(&a_next, stage, a_at, a_side, p.rounding, 1usize);
        put::<f32>(&b_next, stage, b_at, b_side, p.rounding, 1usize);
        sync_cube();
        // Beyond the last step it reads nothing.
        let depth0 = (step + 1) * t.step;
        fetch(
            a, extra, &mut a_next, a_place, extra_place, row0, depth0, depth, a_side,
        );
        fetch(
            b, extra, &mut b_next, b_place, extra_place, col0, depth0, depth, b_side,
        );
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
                acc[at] = match p.rounding {
                    Rounding::Split(bits) => add_split(a, b, acc[at], bits),
                    _ => fma(a, b, acc[at]),
                };
            }
        }
    }
}

/// `c + a·b` as tensor cores come to it in three products.
#[cube]
fn add_split(a: f32, b: f32, c: f32, #[comptime] bits: u32) -> f32 {
    let rounding = comptime!(Rounding::Bits(bits));
    let both = Vec4::new(a);
    let a_high = round(both, rounding);
    let a_low = round(both - a_high, rounding);
    let both = Vec4::new(b);
    let b_high = round(both, rounding);
    let b_low = round(both - b_high, rounding);
    let (a_high, a_low) = (a_high.extract(0usize), a_low.extract(0usize));
    let (b_high, b_low) = (b_high.extract(0usize), b_low.extract(0usize));
    fma(a_high, b_high, fma(a_high, b_low, fma(a_low, b_high, c)))
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
