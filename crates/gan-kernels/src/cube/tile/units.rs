//! A tile by each unit's own arithmetic.

use cubecl::prelude::*;

use super::{Along, Extra, Place, Product, Tile, Vec4, load};

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
    let a_len = comptime!(t.room(p.a, t.bm, t.padding(p.a)));
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
    let steps = depth.div_ceil(comptime!(t.step()));
    for step in 0..steps {
        let depth0 = step * comptime!(t.step());
        let (a_padding, b_padding) = comptime!((t.padding(p.a), t.padding(p.b)));
        load::<f32>(
            a,
            extra,
            stage,
            0usize,
            a_place,
            extra_place,
            row0,
            depth0,
            depth,
            p.a,
            t.bm,
            a_padding,
            t,
            p.extra,
            p.rounding,
        );
        load::<f32>(
            b,
            extra,
            stage,
            a_len,
            b_place,
            extra_place,
            col0,
            depth0,
            depth,
            p.b,
            t.bn,
            b_padding,
            t,
            Extra::None,
            p.rounding,
        );
        sync_cube();
        for four in 0..comptime!(t.bk / 4) {
            let depth4 = group * comptime!(t.bk / 4) + four;
            multiply(&*stage, &mut acc, a_len, depth4, tx, ty, p);
        }
        sync_cube();
    }
    store(stage, &acc, group, tx, ty, t);
}

/// Adds the products of four steps of depth to a unit's elements.
#[cube]
fn multiply(
    stage: &[Vec4],
    acc: &mut Array<f32>,
    a_len: usize,
    depth4: usize,
    tx: usize,
    ty: usize,
    #[comptime] p: Product,
) {
    let t = comptime!(p.tile);
    let a = fragment(stage, 0usize, depth4, ty, p.a, t.tm, t.bm, t);
    let b = fragment(stage, a_len, depth4, tx, p.b, t.tn, t.bn, t);
    #[unroll]
    for l in 0..4usize {
        #[unroll]
        for i in 0..t.tm {
            #[unroll]
            for j in 0..t.tn {
                let at = comptime!(i * t.tn + j);
                acc[at] = fma(a[comptime!(i * 4 + l)], b[comptime!(j * 4 + l)], acc[at]);
            }
        }
    }
}

/// A unit's rows or columns of an operand over four steps of depth: element `4·i + l` is row i at
/// depth l.
///
/// Row 4·q + r of unit u is row `4·(q·units + u) + r` of the tile.
#[cube]
#[allow(clippy::too_many_arguments)]
fn fragment(
    stage: &[Vec4],
    at: usize,
    depth4: usize,
    u: usize,
    #[comptime] along: Along,
    #[comptime] mine: usize,
    #[comptime] free_size: usize,
    #[comptime] t: Tile,
) -> Array<f32> {
    let units = comptime!(free_size / mine);
    let mut values = Array::<f32>::new(comptime!(mine * 4));
    #[unroll]
    for q in 0..comptime!(mine / 4) {
        #[unroll]
        for r in 0..4usize {
            match along {
                Along::Depth => {
                    let row = (q * units + u) * 4 + r;
                    let pitch = comptime!(t.step() / 4 + t.padding(along));
                    let v = stage[at + row * pitch + depth4];
                    #[unroll]
                    for l in 0..4usize {
                        values[comptime!((q * 4 + r) * 4 + l)] = v.extract(l);
                    }
                }
                Along::Free => {
                    let v = stage[at + (depth4 * 4 + r) * comptime!(free_size / 4) + q * units + u];
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
