//! One tile of a product: the lowest floor of every matrix kernel, which knows nothing of what
//! follows the product.
//!
//! A cube computes `bm × bn` elements of C = A·B.
//! Its units form groups, each of which takes its share of the depth of every step, so that the
//! few tiles of a small minibatch still keep the device busy.
//! While a step is multiplied, the factors of the next are on their way from memory.
//! Operands are read in vectors of four along their rows, whose stride is a multiple of four and
//! whose padding is zero.

mod fragments;
mod registers;
mod shape;
#[cfg(all(test, feature = "cuda"))]
mod tests;
mod units;

use cubecl::prelude::*;
use cubecl::tf32;
use half::{bf16, f16};

use fragments::by_fragments;
use registers::by_registers;
use shape::Side;
pub(crate) use shape::{
    ALIGNMENT, Along, Cores, Extra, Format, Fragment, MEDIUM, Product, Rounding, SMALL, TILES,
    Tile, WHOLE_COLUMNS,
};
use units::by_units;

/// Four neighbouring elements of a row.
pub(crate) type Vec4 = Vector<f32, Const<4>>;

/// Where an operand lies: its first vector, vectors from row to row, and how many rows or columns
/// it has.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) first: u32,
    pub(crate) stride: u32,
    pub(crate) free: u32,
}

/// The tile of C whose first element is (`row0`, `col0`), both multiples of four, into the first
/// `bm·bn/4` vectors of `stage`, row by row.
///
/// Every unit of the cube must come here; it ends with a barrier.
#[cube]
#[allow(clippy::too_many_arguments)]
pub(crate) fn product(
    a: &[Vec4],
    b: &[Vec4],
    stage: &mut [Vec4],
    a_place: &Place,
    b_place: &Place,
    depth: u32,
    row0: usize,
    col0: usize,
    #[comptime] p: Product,
) {
    match p.cores.format() {
        None | Some(Format::Emulated { .. }) => {
            product_alone::<f32>(a, b, stage, a_place, b_place, depth, row0, col0, p)
        }
        Some(Format::Tf32 | Format::Tf32x3) => {
            product_alone::<tf32>(a, b, stage, a_place, b_place, depth, row0, col0, p)
        }
        Some(Format::Bf16) => {
            product_alone::<bf16>(a, b, stage, a_place, b_place, depth, row0, col0, p)
        }
        Some(Format::F16) => {
            product_alone::<f16>(a, b, stage, a_place, b_place, depth, row0, col0, p)
        }
    }
}

/// The same of factors rounded to `E`, in shared memory of their own.
#[cube]
#[allow(clippy::too_many_arguments)]
fn product_alone<E: Float>(
    a: &[Vec4],
    b: &[Vec4],
    stage: &mut [Vec4],
    a_place: &Place,
    b_place: &Place,
    depth: u32,
    row0: usize,
    col0: usize,
    #[comptime] p: Product,
) {
    let (a_room, b_room) = comptime!(p.room());
    let mut a_stage = Shared::<[Vector<E, Const<4>>]>::new_aligned_slice(a_room, ALIGNMENT);
    let mut b_stage = Shared::<[Vector<E, Const<4>>]>::new_aligned_slice(b_room, ALIGNMENT);
    let mut exchange = Shared::<[f32]>::new_slice(comptime!(p.exchanged()));
    // Without a column of its own A's one more row reads nothing.
    product_in::<E>(
        a,
        b,
        a,
        stage,
        &mut a_stage,
        &mut b_stage,
        &mut exchange,
        a_place,
        b_place,
        a_place,
        depth,
        row0,
        col0,
        p,
    );
}

/// The same where A has one more row, the first element of each row of `extra`, and factors lie in
/// `a_stage` and `b_stage`, of [`Product::room`], rounded to `E`; `exchange`, of
/// [`Product::exchanged`], is for units that play tensor cores.
///
/// For kernels of several products, which so have room for one.
#[cube]
#[allow(clippy::too_many_arguments)]
pub(crate) fn product_in<E: Float>(
    a: &[Vec4],
    b: &[Vec4],
    extra: &[Vec4],
    stage: &mut [Vec4],
    a_stage: &mut [Vector<E, Const<4>>],
    b_stage: &mut [Vector<E, Const<4>>],
    exchange: &mut [f32],
    a_place: &Place,
    b_place: &Place,
    extra_place: &Place,
    depth: u32,
    row0: usize,
    col0: usize,
    #[comptime] p: Product,
) {
    let depth = depth as usize;
    let mut a_walk = walk(a_place, row0, p.a());
    let mut b_walk = walk(b_place, col0, p.b());
    match p.cores {
        Cores::Units => by_units(
            a,
            b,
            extra,
            extra_place,
            &mut a_walk,
            &mut b_walk,
            stage,
            depth,
            p,
        ),
        Cores::Fragments(_, fragment) => by_fragments::<E>(
            a,
            b,
            extra,
            extra_place,
            &mut a_walk,
            &mut b_walk,
            a_stage,
            b_stage,
            stage,
            depth,
            p,
            fragment,
        ),
        Cores::Registers(_) => by_registers::<E>(
            a,
            b,
            extra,
            extra_place,
            &mut a_walk,
            &mut b_walk,
            a_stage,
            b_stage,
            exchange,
            stage,
            depth,
            p,
        ),
    }
    if comptime!(p.cores != Cores::Units) {
        sync_cube();
        sum_groups(stage, p);
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

/// This unit's way along an operand.
#[derive(CubeType)]
struct Walk {
    /// Where its vectors of the first step lie: all of them where rows may end, else the first.
    first: Array<usize>,
    /// Vectors from row to row.
    stride: usize,
    /// Which row and column of a step the first of them is.
    row: usize,
    col: usize,
    /// Its column in the operand, and that of one more row of A.
    column: usize,
    extra: usize,
    /// What it has fetched.
    next: Array<Vec4>,
}

/// The way along an operand from row or column `free0` on.
///
/// Beyond the operand's last row or column it reads the last again: what comes of that stands
/// beyond the last row or column of C, where nobody looks.
#[cube]
fn walk(place: &Place, free0: usize, #[comptime] side: Side) -> Walk {
    let free = place.free as usize;
    let stride = place.stride as usize;
    let row = UNIT_POS as usize / side.width;
    let col = UNIT_POS as usize % side.width;
    let column = free0 / 4 + col;
    let mut first = Array::<usize>::new(comptime!(side.passes()));
    match side.along {
        Along::Depth =>
        {
            #[unroll]
            for pass in 0..comptime!(side.passes()) {
                let row = free0 + row + pass * comptime!(side.rows_per_pass());
                let row = select(row < free, row, free - 1);
                first[pass] = place.first as usize + row * stride + col;
            }
        }
        Along::Free => {
            let last = free.div_ceil(4) - 1;
            let column = select(column < last, column, last);
            first[0] = place.first as usize + row * stride + column;
        }
    }
    Walk {
        first,
        stride,
        row,
        col,
        column,
        extra: free,
        next: Array::<Vec4>::new(comptime!(side.passes())),
    }
}

/// Fetches this unit's vectors of a step, zeros where the depth ends.
#[cube]
fn fetch(
    global: &[Vec4],
    extra: &[Vec4],
    extra_place: &Place,
    walk: &mut Walk,
    step: usize,
    depth: usize,
    #[comptime] side: Side,
) {
    let depth0 = step * comptime!(side.depth());
    #[unroll]
    for pass in 0..comptime!(side.passes()) {
        let row = depth0 + walk.row + pass * comptime!(side.rows_per_pass());
        let (at, inside) = match side.along {
            Along::Depth => (
                walk.first[pass] + depth0 / 4,
                depth0 / 4 + walk.col < depth.div_ceil(4),
            ),
            Along::Free => (
                walk.first[0] + (depth0 + pass * comptime!(side.rows_per_pass())) * walk.stride,
                row < depth,
            ),
        };
        let mut v = Vec4::new(0.0f32);
        if comptime!(side.extra == Extra::None) {
            if inside {
                v = global[at];
            }
        } else if inside {
            // The one more row stands behind the last column, where nothing is read again.
            if walk.column < walk.extra.div_ceil(4) {
                v = global[at];
            }
            if walk.column == walk.extra / 4 {
                let mut one = 1.0f32;
                if comptime!(side.extra == Extra::Column) {
                    let at = extra_place.first as usize + row * extra_place.stride as usize;
                    one = extra[at].extract(0usize);
                }
                #[unroll]
                for lane in 0..4usize {
                    if lane == walk.extra % 4 {
                        v.insert(lane, one);
                    }
                }
            }
        }
        walk.next[pass] = v;
    }
}

/// Puts what was fetched into `stage` from vector `at` on, rounded to `E`; what rounding takes away
/// stands [`Side::room`] further, where it is wanted.
#[cube]
fn put<E: Float>(
    walk: &Walk,
    stage: &mut [Vector<E, Const<4>>],
    at: usize,
    #[comptime] side: Side,
    #[comptime] p: Product,
) {
    #[unroll]
    for pass in 0..comptime!(side.passes()) {
        let row = walk.row + pass * comptime!(side.rows_per_pass());
        if comptime!(side.is_exact()) || row < side.rows {
            let v = walk.next[pass];
            let slot = at + slot(row, walk.col, side);
            let high = Vector::<E, Const<4>>::cast_from(round(v, p.rounding()));
            stage[slot] = high;
            if comptime!(p.cores.parts() > 1) {
                let rest = round(v - Vec4::cast_from(high), p.rounding());
                stage[slot + comptime!(side.room())] = Vector::<E, Const<4>>::cast_from(rest);
            }
        }
    }
}

/// Where a vector of an operand lies in shared memory.
///
/// Columns of neighbouring fours of rows are permuted, so that units which read them at once find
/// them in different banks.
#[cube]
fn slot(row: usize, col: usize, #[comptime] side: Side) -> usize {
    let mut col = col;
    if comptime!(side.turns > 1) {
        col ^= row / 4 % side.turns * side.by;
    }
    row * side.pitch + col
}

/// Rounds to the nearest, ties to even.
#[cube]
fn round(v: Vec4, #[comptime] rounding: Rounding) -> Vec4 {
    match rounding {
        Rounding::None => v,
        Rounding::Bits(bits) => {
            let dropped = comptime!(23 - bits);
            let words = Vector::<u32, Const<4>>::reinterpret(v);
            let odd = (words >> Vector::new(dropped)) & Vector::new(1u32);
            let half = Vector::new(comptime!((1u32 << (dropped - 1)) - 1));
            let kept = Vector::new(comptime!(!((1u32 << dropped) - 1)));
            Vec4::reinterpret((words + half + odd) & kept)
        }
    }
}

/// Zeros beyond the last column: padding stays zero.
#[cube]
pub(crate) fn within(v: Vec4, column4: usize, columns: usize) -> Vec4 {
    let mut kept = v;
    if column4 * 4 + 4 > columns {
        #[unroll]
        for lane in 0..4usize {
            if column4 * 4 + lane >= columns {
                kept.insert(lane, 0.0f32);
            }
        }
    }
    kept
}

/// Element `at` of vectors.
#[cube]
pub(crate) fn element(vectors: &[Vec4], at: usize) -> f32 {
    let v = vectors[at / 4];
    let lane = at % 4;
    let mut value = v.extract(0usize);
    #[unroll]
    for other in 1..4usize {
        value = select(lane == other, v.extract(other), value);
    }
    value
}
