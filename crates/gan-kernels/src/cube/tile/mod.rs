//! One tile of a product: the lowest floor of every matrix kernel, which knows nothing of what
//! follows the product.
//!
//! A cube computes `bm × bn` elements of C = A·B.
//! Its units form groups, each of which takes its share of the depth of every step, so that the
//! few tiles of a small minibatch still keep the device busy.
//! While a step is multiplied, the factors of the next are on their way from memory.
//! Operands are read in vectors of four along their rows, whose stride is a multiple of four and
//! whose padding is zero.

mod cores;
mod shape;
mod units;

use cubecl::prelude::*;
use cubecl::tf32;
use half::{bf16, f16};

use cores::on_cores;
pub(crate) use shape::{
    ALIGNMENT, Along, Cores, Extra, Fragment, MEDIUM, Product, Rounding, SMALL, TILES, Tile,
    WHOLE_COLUMNS,
};
use shape::Side;
use units::on_units;

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
    // Without a column of its own A's one more row reads nothing.
    product_beside(
        a, b, a, stage, a_place, b_place, a_place, depth, row0, col0, p,
    );
}

/// The same where A has one more row, the first element of each row of `extra`.
#[cube]
#[allow(clippy::too_many_arguments)]
pub(crate) fn product_beside(
    a: &[Vec4],
    b: &[Vec4],
    extra: &[Vec4],
    stage: &mut [Vec4],
    a_place: &Place,
    b_place: &Place,
    extra_place: &Place,
    depth: u32,
    row0: usize,
    col0: usize,
    #[comptime] p: Product,
) {
    let depth = depth as usize;
    match p.cores {
        Cores::Units => on_units(
            a,
            b,
            extra,
            stage,
            a_place,
            b_place,
            extra_place,
            depth,
            row0,
            col0,
            p,
        ),
        Cores::Tf32(f) | Cores::Tf32x3(f) => {
            on_cores::<tf32>(
                a,
                b,
                extra,
                stage,
                a_place,
                b_place,
                extra_place,
                depth,
                row0,
                col0,
                p,
                f,
            );
        }
        Cores::Bf16(f) => {
            on_cores::<bf16>(
                a,
                b,
                extra,
                stage,
                a_place,
                b_place,
                extra_place,
                depth,
                row0,
                col0,
                p,
                f,
            );
        }
        Cores::F16(f) => {
            on_cores::<f16>(
                a,
                b,
                extra,
                stage,
                a_place,
                b_place,
                extra_place,
                depth,
                row0,
                col0,
                p,
                f,
            );
        }
    }
}

/// Reads this unit's vectors of one step of an operand, zeros where it ends.
#[cube]
#[allow(clippy::too_many_arguments)]
fn fetch(
    global: &[Vec4],
    extra: &[Vec4],
    next: &mut Array<Vec4>,
    place: &Place,
    extra_place: &Place,
    free0: usize,
    depth0: usize,
    depth: usize,
    #[comptime] side: Side,
) {
    let free = place.free as usize;
    let (row0, row_end, col0, cols) = match side.along {
        Along::Depth => (free0, free, depth0 / 4, depth.div_ceil(4)),
        Along::Free => (depth0, depth, free0 / 4, free.div_ceil(4)),
    };
    #[unroll]
    for pass in 0..comptime!(side.passes()) {
        let e = UNIT_POS as usize + pass * side.units;
        let row = row0 + e / side.width;
        let col = col0 + e % side.width;
        let mut v = Vec4::new(0.0f32);
        if row < row_end && col < cols {
            v = global[place.first as usize + row * place.stride as usize + col];
        }
        if comptime!(side.extra != Extra::None) {
            let here = row < row_end && col == free / 4;
            if here {
                let mut one = 1.0f32;
                if comptime!(side.extra == Extra::Column) {
                    let at = extra_place.first as usize + row * extra_place.stride as usize;
                    one = extra[at].extract(0usize);
                }
                #[unroll]
                for lane in 0..4usize {
                    if lane == free % 4 {
                        v.insert(lane, one);
                    }
                }
            }
        }
        next[pass] = v;
    }
}

/// Puts what [`fetch`] has read into `stage` from vector `at` on, rounded to `E`; what rounding
/// takes away stands [`Side::room`] further, where it is wanted.
#[cube]
fn put<E: Float>(
    next: &Array<Vec4>,
    stage: &mut [Vector<E, Const<4>>],
    at: usize,
    #[comptime] side: Side,
    #[comptime] rounding: Rounding,
    #[comptime] parts: usize,
) {
    #[unroll]
    for pass in 0..comptime!(side.passes()) {
        let e = UNIT_POS as usize + pass * side.units;
        if comptime!(side.is_exact()) || e < comptime!(side.rows * side.width) {
            let v = round(next[pass], rounding);
            let slot = at + slot(e / side.width, e % side.width, side);
            let high = Vector::<E, Const<4>>::cast_from(v);
            stage[slot] = high;
            if comptime!(parts > 1) {
                let rest = v - Vec4::cast_from(high);
                stage[slot + comptime!(side.room())] = Vector::<E, Const<4>>::cast_from(rest);
            }
        }
    }
}

/// Where a vector of an operand lies in shared memory.
///
/// Units that read the same depth of neighbouring fours of rows find it in different banks.
#[cube]
fn slot(row: usize, col: usize, #[comptime] side: Side) -> usize {
    let mut col = col;
    if comptime!(side.swizzled) {
        col ^= row / 4 % comptime!(if side.width < 8 { side.width } else { 8 });
    }
    row * side.pitch + col
}

/// Rounds to the nearest, ties to even.
#[cube]
fn round(v: Vec4, #[comptime] rounding: Rounding) -> Vec4 {
    match rounding {
        Rounding::None | Rounding::Split(_) => v,
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
