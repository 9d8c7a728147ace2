//! The GPU's [`LinearBwdData`]: a product's tile, taken back through the layer below.

use cubecl::prelude::*;

use super::LinearBwdData;
use crate::cube::Cube;
use crate::cube::epilogue::{
    ElementwiseLayer, MaxoutLayer, elementwise_layer, mask, maxout_layer, scatter, through_layer,
};
use crate::cube::launch::launch;
use crate::cube::operand::{Operand, Vec4, store, vectors};
use crate::cube::tile::{Along, Product, Shares, own_spot, own_tile};

#[track_caller]
pub(crate) fn run(cube: &Cube, op: LinearBwdData<'_, Cube>) {
    let (m, k, n) = op.check();
    let p = cube.shared_product(Along::Depth, Along::Depth, n, |tile| tile.cover(m, k));
    let tiles = p.tile.cover(m, k);
    let (cubes, units) = (tiles * p.shares, p.tile.units());
    let shares = cube.shares(&p, tiles);
    let (dz, w) = (vectors(op.dz), vectors(op.w.all()));
    let dz_below = vectors(op.dz_below.as_rows());
    let dropout = mask(op.below.dropout, k, op.state);
    match op.below.winners {
        None => {
            let below = elementwise_layer(op.below.y, op.below.act, dropout);
            launch!(linear_bwd_data(dz, w, below, dz_below, shares, p) on cube, [cubes, units]);
        }
        Some(won) => {
            let below = maxout_layer(won, op.below.act.pieces(), dropout);
            launch!(linear_bwd_data_maxout(dz, w, below, dz_below, shares, p) on cube, [cubes, units]);
        }
    }
}

#[cube(launch_unchecked)]
fn linear_bwd_data(
    dz: &Operand<Vec4>,
    w: &Operand<Vec4>,
    below: &ElementwiseLayer,
    dz_below: &mut Operand<Vec4>,
    shares: &mut ComptimeOption<Shares>,
    #[comptime] p: Product,
) {
    let dy = own_tile(dz, w, dz_below.rows, dz_below.columns, shares, p);
    for pass in 0..comptime!(p.tile.passes(4)) {
        let here = own_spot(&dy, pass, 4usize, p.tile);
        if here.inside {
            let g = through_layer(dy.stage.c[here.at], below, here.row, here.column);
            store(dz_below, here.row, here.column, g);
        }
    }
}

#[cube(launch_unchecked)]
fn linear_bwd_data_maxout(
    dz: &Operand<Vec4>,
    w: &Operand<Vec4>,
    below: &MaxoutLayer,
    dz_below: &mut Operand<Vec4>,
    shares: &mut ComptimeOption<Shares>,
    #[comptime] p: Product,
) {
    let dy = own_tile(dz, w, dz.rows, w.rows, shares, p);
    for pass in 0..comptime!(p.tile.passes(4)) {
        let here = own_spot(&dy, pass, 4usize, p.tile);
        if here.inside {
            scatter(dy.stage.c[here.at], below, dz_below, here.row, here.column);
        }
    }
}
