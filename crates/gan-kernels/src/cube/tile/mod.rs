//! One tile of a product: the lowest floor of every matrix kernel, which knows nothing of what
//! follows the product.
//!
//! A cube computes `bm × bn` elements of C = A·B.
//! Its units form groups, each of which takes its share of the depth of every step, so that the
//! few tiles of a small minibatch still keep the device busy.
//! While a step is multiplied, the factors of the next are on their way from memory
//! ([`factors`]).
//! Operands are read in vectors of four along their rows, whose stride is a multiple of four and
//! whose padding is zero.

mod factors;
mod fragments;
mod registers;
mod shape;
#[cfg(all(test, feature = "cuda"))]
mod tests;
mod units;

use cubecl::prelude::*;

use super::operand::{Operand, Vec4};
use factors::{Walks, walk};
use fragments::by_fragments;
use registers::by_registers;
pub(crate) use shape::{
    Along, Cores, Fragment, MEDIUM, Product, SMALL, TILES, Tile, WHOLE_COLUMNS,
};
use units::by_units;

/// Bytes at multiples of which shared memory begins that tensor cores read or write.
const ALIGNMENT: usize = 32;

// The type of a factor as it is multiplied, which `Stage::new` fills in when it builds a kernel, so
// that the code of a product is compiled once for all precisions.
define_scalar!(pub(crate) Factor);

/// The shared memory of a product.
///
/// A kernel of several products, one after the other, has one.
#[derive(CubeType)]
pub(crate) struct Stage {
    /// C, in the first `bm·bn/4` vectors, row by row; while units multiply, their factors.
    pub(crate) c: Shared<[Vec4]>,
    /// The factors that tensor cores read.
    a: Shared<[Vector<Factor, Const<4>>]>,
    b: Shared<[Vector<Factor, Const<4>>]>,
    /// The numbers that units hand to each other in place of tensor cores' registers.
    exchange: Shared<[f32]>,
}

#[cube]
impl Stage {
    pub(crate) fn new(#[comptime] p: Product) -> Stage {
        set_factor(comptime!(p.factor()));
        let (a_room, b_room) = comptime!(p.room());
        Stage {
            c: Shared::<[Vec4]>::new_aligned_slice(comptime!(p.stage()), ALIGNMENT),
            a: Shared::<[Vector<Factor, Const<4>>]>::new_aligned_slice(a_room, ALIGNMENT),
            b: Shared::<[Vector<Factor, Const<4>>]>::new_aligned_slice(b_room, ALIGNMENT),
            exchange: Shared::<[f32]>::new_slice(comptime!(p.exchanged())),
        }
    }
}

/// Makes [`Factor`] stand for `kind` in the kernel that is being built.
#[cube]
#[allow(unused_variables)]
fn set_factor(#[comptime] kind: ElemType) {
    intrinsic!(|scope| scope.register_type::<Factor>(kind))
}

/// One more row of A, below its last: the only column of another matrix, or ones where there is
/// none.
pub(crate) type ExtraRow = ComptimeOption<Operand<Vec4>>;

/// The tile of C whose first element is (`row0`, `col0`), both multiples of four, into `stage.c`.
///
/// Every unit of the cube must come here; it ends with a barrier.
#[cube]
pub(crate) fn product(
    a: &Operand<Vec4>,
    b: &Operand<Vec4>,
    stage: &mut Stage,
    row0: usize,
    col0: usize,
    #[comptime] p: Product,
) {
    product_and_row(a, &ComptimeOption::new_None(), b, stage, row0, col0, p);
}

/// The same, where A has one more row if [`Product::extra_row`] says so.
#[cube]
pub(crate) fn product_and_row(
    a: &Operand<Vec4>,
    extra: &ExtraRow,
    b: &Operand<Vec4>,
    stage: &mut Stage,
    row0: usize,
    col0: usize,
    #[comptime] p: Product,
) {
    let depth = match p.a {
        Along::Depth => a.columns as usize,
        Along::Free => a.rows as usize,
    };
    let steps = depth.div_ceil(p.tile.step);
    let (mut begin, mut end) = (0usize, steps);
    if comptime!(p.shares > 1) {
        let share = steps.div_ceil(p.shares);
        begin = CUBE_POS % p.shares * share;
        end = begin + share;
        end = select(end < steps, end, steps);
    }
    let mut walks = Walks {
        a: walk(a, row0, p.a()),
        b: walk(b, col0, p.b()),
        depth,
        begin,
        end,
    };
    match p.cores {
        Cores::Units => by_units(a, extra, b, &mut walks, stage, p),
        Cores::Fragments(f) => by_fragments(a, extra, b, &mut walks, stage, p, f),
        Cores::Registers | Cores::Emulated => by_registers(a, extra, b, &mut walks, stage, p),
    }
    if comptime!(p.cores != Cores::Units) {
        sync_cube();
        sum_groups(&mut stage.c, p);
    }
}

/// The sum of the groups' tiles, which lie in `stage` one behind the other, in place of the first.
#[cube]
fn sum_groups(stage: &mut [Vec4], #[comptime] p: Product) {
    let (groups, c) = comptime!((p.groups(), p.tile.vectors()));
    if comptime!(groups > 1) {
        let units = comptime!(p.tile.units());
        #[unroll]
        for pass in 0..comptime!(c.div_ceil(units)) {
            let e = UNIT_POS as usize + pass * units;
            if e < c {
                let mut sum = stage[e];
                #[unroll]
                for other in 1..groups {
                    sum += stage[e + other * c];
                }
                stage[e] = sum;
            }
        }
        sync_cube();
    }
}

/// The group of a plane, and the first row and column of its part of the tile, where tensor cores
/// multiply.
#[cube]
fn share_of_plane(plane: usize, #[comptime] p: Product) -> (usize, usize, usize) {
    let t = comptime!(p.tile);
    let group = plane / comptime!(p.regions());
    let region = plane % comptime!(p.regions());
    let row = region / comptime!(t.bn / t.pn) * t.pm;
    let col = region % comptime!(t.bn / t.pn) * t.pn;
    (group, row, col)
}

/// One of the values of C that a unit takes care of after the product.
#[derive(CubeType)]
pub(crate) struct Spot {
    /// Where it stands in `stage.c`.
    pub(crate) at: usize,
    /// Its row in C.
    pub(crate) row: usize,
    /// Its column in C, counted in values.
    pub(crate) column: usize,
    /// True if C has it; nothing else may be asked of one that lies outside.
    pub(crate) inside: bool,
}

/// A unit's value of one of [`Tile::passes`], where a value is `width` elements and C has `rows`
/// rows and `columns` columns of values.
#[cube]
#[allow(clippy::too_many_arguments)]
pub(crate) fn spot(
    pass: usize,
    row0: usize,
    col0: usize,
    rows: usize,
    columns: usize,
    #[comptime] width: usize,
    #[comptime] tile: Tile,
) -> Spot {
    let at = UNIT_POS as usize + pass * comptime!(tile.units());
    let row = row0 + at / comptime!(tile.bn / width);
    let column = col0 / width + at % comptime!(tile.bn / width);
    Spot {
        at,
        row,
        column,
        inside: row < rows && column < columns && at < comptime!(tile.bm * tile.bn / width),
    }
}

/// What cubes that share the depth of a tile need: each computes its part of the sum, and the last
/// to arrive adds them up, in the order of the depth.
#[derive(CubeType, CubeLaunch)]
pub(crate) struct Shares {
    /// The tiles of all cubes.
    partial: Box<[Vec4]>,
    /// How many cubes of a tile are there.
    arrived: Box<[Atomic<u32>]>,
}

/// The tile of C = A·B that is this cube's, for a kernel whose cubes have a tile each.
#[derive(CubeType)]
pub(crate) struct OwnTile {
    pub(crate) stage: Stage,
    row0: usize,
    col0: usize,
    rows: usize,
    columns: usize,
}

/// Computes it, of C with so many rows and columns, which the cube's tiles cover row by row; cubes
/// that have none end here, and so do those that only help with one.
#[cube]
pub(crate) fn own_tile(
    a: &Operand<Vec4>,
    b: &Operand<Vec4>,
    rows: u32,
    columns: u32,
    shares: &mut ComptimeOption<Shares>,
    #[comptime] p: Product,
) -> OwnTile {
    let (rows, columns) = (rows as usize, columns as usize);
    let across = columns.div_ceil(p.tile.bn);
    let tile = CUBE_POS / p.shares;
    let row0 = tile / across * p.tile.bm;
    let col0 = tile % across * p.tile.bn;
    if row0 >= rows {
        terminate!();
    }
    let mut stage = Stage::new(p);
    product(a, b, &mut stage, row0, col0, p);
    if !has_sum(&mut stage, shares, p) {
        terminate!();
    }
    OwnTile {
        stage,
        row0,
        col0,
        rows,
        columns,
    }
}

/// True in the one of the cubes that share a tile which then has all of it, in `stage`.
#[cube]
pub(crate) fn has_sum(
    stage: &mut Stage,
    shares: &mut ComptimeOption<Shares>,
    #[comptime] p: Product,
) -> bool {
    let mut has_sum = true.runtime();
    #[comptime]
    match shares {
        ComptimeOption::Some(shares) => {
            let (vectors, units) = comptime!((p.tile.vectors(), p.tile.units()));
            let unit = UNIT_POS as usize;
            let tile = CUBE_POS / p.shares;
            #[unroll]
            for pass in 0..comptime!(vectors.div_ceil(units)) {
                let e = unit + pass * units;
                if e < vectors {
                    shares.partial[CUBE_POS * vectors + e] = stage.c[e];
                }
            }
            // Other cubes see it before they see that this one has arrived.
            sync_storage();
            let mut before = Shared::<[u32]>::new_slice(1usize);
            if unit == 0 {
                before[0] = shares.arrived[tile].fetch_add(1u32);
            }
            // And this one sees theirs: the counter alone orders nothing for the other units.
            sync_storage();
            has_sum = before[0] + 1 == comptime!(p.shares as u32);
            if has_sum {
                if unit == 0 {
                    shares.arrived[tile].store(0u32);
                }
                let first = tile * p.shares * vectors;
                #[unroll]
                for pass in 0..comptime!(vectors.div_ceil(units)) {
                    let e = unit + pass * units;
                    if e < vectors {
                        let mut sum = shares.partial[first + e];
                        #[unroll]
                        for share in 1..p.shares {
                            sum += shares.partial[first + share * vectors + e];
                        }
                        stage.c[e] = sum;
                    }
                }
                sync_cube();
            }
        }
        ComptimeOption::None => {}
    }
    has_sum
}

/// A unit's value of one of [`Tile::passes`], likewise.
#[cube]
pub(crate) fn own_spot(
    own: &OwnTile,
    pass: usize,
    #[comptime] width: usize,
    #[comptime] tile: Tile,
) -> Spot {
    let columns = own.columns.div_ceil(width);
    spot(pass, own.row0, own.col0, own.rows, columns, width, tile)
}
