//! The GPU's [`LinearBwdData`]: a product's tile, taken back through the layer below.

use cubecl::prelude::*;

use super::LinearBwdData;
use crate::cube::Cube;
use crate::cube::epilogue::{
    ElementwiseLayer, MaxoutLayer, MaxoutLayerLaunch, drop_out_one, elementwise_layer, mask,
    scatter, through_layer,
};
use crate::cube::launch::launch;
use crate::cube::operand::{Operand, Vec4, element, elements, store, vectors, winners};
use crate::cube::tile::{Along, Product, own_spot, own_tile};

#[track_caller]
pub(crate) fn run(cube: &Cube, op: LinearBwdData<'_, Cube>) {
    let (m, k, _) = op.check();
    let p = cube.product(Along::Depth, Along::Depth, |tile| tile.cover(m, k));
    let (cubes, units) = (p.tile.cover(m, k), p.tile.units());
    let (dz, w) = (vectors(op.dz), vectors(op.w.all()));
    let dz_below = op.dz_below.as_rows();
    let dropout = mask(op.below.dropout, k, op.state);
    match op.below.winners {
        None => {
            let below = elementwise_layer(op.below.y, op.below.act, dropout);
            let dz_below = vectors(dz_below);
            launch!(linear_bwd_data(dz, w, below, dz_below, p) on cube, [cubes, units]);
        }
        Some(won) => {
            let below = MaxoutLayerLaunch::new(winners(won), dropout);
            let dz_below = elements(dz_below);
            launch!(linear_bwd_data_maxout(dz, w, below, dz_below, p) on cube, [cubes, units]);
        }
    }
}

#[cube(launch_unchecked)]
fn linear_bwd_data(
    dz: &Operand<Vec4>,
    w: &Operand<Vec4>,
    below: &ElementwiseLayer,
    dz_below: &mut Operand<Vec4>,
    #[comptime] p: Product,
) {
    let dy = own_tile(dz, w, dz_below.rows, dz_below.columns, p);
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
    dz_below: &mut Operand<f32>,
    #[comptime] p: Product,
) {
    let dy = own_tile(dz, w, dz.rows, w.rows, p);
    for pass in 0..comptime!(p.tile.passes(1)) {
        let here = own_spot(&dy, pass, 1usize, p.tile);
        if here.inside {
            let (row, unit) = (here.row, here.column);
            let g = drop_out_one(element(&dy.stage.c, here.at), &below.dropout, row, unit);
            scatter(g, below, dz_below, row, unit);
        }
    }
}
