//! The GPU's [`LinearTangent`]: a product's tile, and the slope where the layer was.

use cubecl::prelude::*;

use super::LinearTangent;
use crate::cube::Cube;
use crate::cube::epilogue::{ElementwiseLayer, elementwise_layer, through_layer};
use crate::cube::launch::launch;
use crate::cube::operand::{Operand, Vec4, element, elements, row_start, store, vectors, winners};
use crate::cube::tile::{Along, Product, Shares, own_spot, own_tile};

#[track_caller]
pub(crate) fn run(cube: &Cube, op: LinearTangent<'_, Cube>) {
    let (m, columns, k) = op.check();
    let p = cube.shared_product(Along::Depth, Along::Free, k, |tile| tile.cover(m, columns));
    let tiles = p.tile.cover(m, columns);
    let (cubes, units) = (tiles * p.shares, p.tile.units());
    let shares = cube.shares(&p, tiles);
    let (c, w, s) = (vectors(op.c), vectors(op.w.all()), elements(op.s));
    let c_above = op.c_above.as_rows();
    match op.winners {
        None => {
            let b = vectors(op.b.all());
            let layer = elementwise_layer(op.y, op.act, ComptimeOptionArgs::None);
            let c_above = vectors(c_above);
            launch!(linear_tangent(c, w, s, b, layer, c_above, shares, p) on cube, [cubes, units]);
        }
        Some(won) => {
            let (b, won, c_above) = (elements(op.b.all()), winners(won), elements(c_above));
            launch!(linear_tangent_maxout(
                c, w, s, b, won, c_above, shares, p
            ) on cube, [cubes, units]);
        }
    }
}

#[cube(launch_unchecked)]
fn linear_tangent(
    c: &Operand<Vec4>,
    w: &Operand<Vec4>,
    s: &Operand<f32>,
    b: &Operand<Vec4>,
    layer: &ElementwiseLayer,
    c_above: &mut Operand<Vec4>,
    shares: &mut ComptimeOption<Shares>,
    #[comptime] p: Product,
) {
    let cw = own_tile(c, w, c_above.rows, c_above.columns, shares, p);
    for pass in 0..comptime!(p.tile.passes(4)) {
        let here = own_spot(&cw, pass, 4usize, p.tile);
        if here.inside {
            let s = Vec4::new(s.values[row_start(s, here.row)]);
            let v = cw.stage.c[here.at] + s * b.values[here.column];
            let v = through_layer(v, layer, here.row, here.column);
            store(c_above, here.row, here.column, v);
        }
    }
}

/// Each unit's winner is in one tile, which writes it; the other pieces go nowhere.
#[cube(launch_unchecked)]
fn linear_tangent_maxout(
    c: &Operand<Vec4>,
    w: &Operand<Vec4>,
    s: &Operand<f32>,
    b: &Operand<f32>,
    winners: &Operand<u32>,
    c_above: &mut Operand<f32>,
    shares: &mut ComptimeOption<Shares>,
    #[comptime] p: Product,
) {
    let cw = own_tile(c, w, c.rows, w.columns, shares, p);
    let pieces = (w.columns / c_above.columns) as usize;
    for pass in 0..comptime!(p.tile.passes(1)) {
        let here = own_spot(&cw, pass, 1usize, p.tile);
        if here.inside {
            let (row, unit) = (here.row, here.column / pieces);
            let winner = winners.values[row_start(winners, row) + unit] as usize;
            if here.column % pieces == winner {
                let s = s.values[row_start(s, row)];
                let at = row_start(&*c_above, row) + unit;
                c_above.values[at] = element(&cw.stage.c, here.at) + s * b.values[here.column];
            }
        }
    }
}
