//! The GPU's [`LinearFwd`]: a product's tile, and bias, φ and dropout before it is written.

use cubecl::prelude::*;

use super::LinearFwd;
use crate::WinnersRowsMut;
use crate::cube::Cube;
use crate::cube::epilogue::{
    Elementwise, Mask, activate, drop_out, drop_out_one, elementwise, mask,
};
use crate::cube::launch::launch;
use crate::cube::operand::{Operand, Vec4, element, elements, row_start, store, vectors, winners};
use crate::cube::tile::{
    Along, Product, Shares, Stage, Tile, has_sum, own_spot, own_tile, product,
};

#[track_caller]
pub(crate) fn run(cube: &Cube, mut op: LinearFwd<'_, Cube>) {
    let (m, columns, k) = op.check();
    if let Some(winners) = op.winners.take() {
        return run_maxout(cube, op, winners, (m, columns, k));
    }
    let p = cube.shared_product(Along::Depth, Along::Free, k, |tile| tile.cover(m, columns));
    let tiles = p.tile.cover(m, columns);
    let shares = cube.shares(&p, tiles);
    launch!(linear_fwd(
        vectors(op.x), vectors(op.w.all()), vectors(op.b.all()), vectors(op.y.as_rows()),
        elementwise(op.act), mask(op.dropout, op.y.matrix.cols, op.state), shares, p
    ) on cube, [tiles * p.shares, p.tile.units()]);
}

#[cube(launch_unchecked)]
fn linear_fwd(
    x: &Operand<Vec4>,
    w: &Operand<Vec4>,
    b: &Operand<Vec4>,
    y: &mut Operand<Vec4>,
    activation: &Elementwise,
    dropout: &ComptimeOption<Mask>,
    shares: &mut ComptimeOption<Shares>,
    #[comptime] p: Product,
) {
    let z = own_tile(x, w, y.rows, y.columns, shares, p);
    for pass in 0..comptime!(p.tile.passes(4)) {
        let here = own_spot(&z, pass, 4usize, p.tile);
        if here.inside {
            let v = activate(z.stage.c[here.at] + b.values[here.column], activation);
            let v = drop_out(v, dropout, here.row, here.column);
            store(y, here.row, here.column, v);
        }
    }
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

fn run_maxout(
    cube: &Cube,
    op: LinearFwd<'_, Cube>,
    won: WinnersRowsMut<'_, Cube>,
    (m, columns, k): (usize, usize, usize),
) {
    let pieces = op.act.pieces();
    let cubes = |tile: &Tile| {
        let (per_tile, chunks) = units_per_tile(pieces, tile.bn);
        let cubes = m.div_ceil(tile.bm) * (columns / pieces).div_ceil(per_tile);
        (cubes, chunks)
    };
    let mut p = cube.shared_product(Along::Depth, Along::Free, k, |tile| {
        let (cubes, chunks) = cubes(tile);
        cubes * chunks
    });
    let (tiles, chunks) = cubes(&p.tile);
    if chunks > 1 {
        // Cubes of several tiles have none to share.
        p.shares = 1;
    }
    let shares = cube.shares(&p, tiles);
    launch!(linear_fwd_maxout(
        vectors(op.x), vectors(op.w.all()), elements(op.b.all()), elements(op.y.as_rows()),
        winners(won.winners.from_row(won.first)), mask(op.dropout, op.y.matrix.cols, op.state),
        shares, p, pieces
    ) on cube, [tiles * p.shares, p.tile.units()]);
}

#[cube(launch_unchecked)]
fn linear_fwd_maxout(
    x: &Operand<Vec4>,
    w: &Operand<Vec4>,
    b: &Operand<f32>,
    y: &mut Operand<f32>,
    winners: &mut Operand<u32>,
    dropout: &ComptimeOption<Mask>,
    shares: &mut ComptimeOption<Shares>,
    #[comptime] p: Product,
    #[comptime] pieces: usize,
) {
    let t = comptime!(p.tile);
    let (per_tile, chunks) = comptime!(units_per_tile(pieces, t.bn));
    let (rows, units) = (y.rows as usize, y.columns as usize);
    let across = units.div_ceil(per_tile);
    let tile = CUBE_POS / p.shares;
    let row0 = tile / across * t.bm;
    let unit0 = tile % across * per_tile;
    if row0 >= rows {
        terminate!();
    }
    let mut stage = Stage::new(p);
    let passes = comptime!((t.bm * per_tile).div_ceil(t.units()));
    // The largest piece so far of each of this unit's elements, and which it is.
    let mut largest = Array::<f32>::new(passes);
    let mut winner = Array::<u32>::new(passes);
    for chunk in 0..chunks {
        let col0 = unit0 * pieces / 4 * 4 + chunk * t.bn;
        product(x, w, &mut stage, row0, col0, p);
        if !has_sum(&mut stage, shares, p) {
            terminate!();
        }
        #[unroll]
        for pass in 0..passes {
            let e = UNIT_POS as usize + pass * comptime!(t.units());
            let unit = unit0 + e % per_tile;
            if e < comptime!(t.bm * per_tile) && unit < units {
                for piece in 0..pieces {
                    let column = unit * pieces + piece;
                    if column >= col0 && column < col0 + t.bn {
                        let in_tile = e / per_tile * t.bn + (column - col0);
                        let z = element(&stage.c, in_tile) + b.values[column];
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
            let at = row_start(&*y, row) + unit;
            y.values[at] = drop_out_one(largest[pass], dropout, row, unit);
            let at = row_start(&*winners, row) + unit;
            winners.values[at] = winner[pass];
        }
    }
}
