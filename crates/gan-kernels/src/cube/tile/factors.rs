//! The way of factors from global memory, through each unit's registers, to shared memory.

use cubecl::prelude::*;

use super::shape::Side;
use super::{Along, Cores, ExtraRow, Factor, Operand, Product, Stage, Vec4};
use crate::cube::operand::row_start;

/// A unit's ways along both operands, how deep they are, and the steps that this cube takes.
#[derive(CubeType)]
pub(super) struct Walks {
    pub(super) a: Walk,
    pub(super) b: Walk,
    pub(super) depth: usize,
    pub(super) begin: usize,
    pub(super) end: usize,
}

/// A unit's way along an operand.
#[derive(CubeType)]
pub(super) struct Walk {
    /// Where its vectors of the first step lie: all of them where rows may end, else the first.
    first: Array<usize>,
    /// Vectors from row to row.
    stride: usize,
    /// The row and column of a step that the first of them is.
    row: usize,
    col: usize,
    /// The lane of one more row of A in this unit's vectors; 4 where they are without it.
    extra_lane: usize,
    /// The vectors that it has fetched, and the elements of the one more row that belong to them.
    next: Array<Vec4>,
    extra: Array<f32>,
}

/// The way along an operand from row or column `free0` on.
///
/// Beyond the operand's last row or column it reads the last again: what comes of that stands
/// beyond the last row or column of C, where nobody looks.
#[cube]
pub(super) fn walk(operand: &Operand<Vec4>, free0: usize, #[comptime] side: Side) -> Walk {
    let free = match side.along {
        Along::Depth => operand.rows as usize,
        Along::Free => operand.columns as usize,
    };
    let stride = operand.stride as usize;
    let row = UNIT_POS as usize / side.width;
    let col = UNIT_POS as usize % side.width;
    let column = free0 / 4 + col;
    let extra_lane = select(column == free / 4, free % 4, 4);
    let mut first = Array::<usize>::new(comptime!(side.passes()));
    match side.along {
        Along::Depth =>
        {
            #[unroll]
            for pass in 0..comptime!(side.passes()) {
                let row = free0 + row + pass * comptime!(side.rows_per_pass());
                let row = select(row < free, row, free - 1);
                first[pass] = operand.first as usize + row * stride + col;
            }
        }
        Along::Free => {
            let last = free.div_ceil(4) - 1;
            let column = select(column < last, column, last);
            first[0] = operand.first as usize + row * stride + column;
        }
    }
    Walk {
        first,
        stride,
        row,
        col,
        extra_lane,
        next: Array::<Vec4>::new(comptime!(side.passes())),
        extra: Array::<f32>::new(comptime!(side.passes())),
    }
}

/// Fetches a unit's vectors of a step of both operands, zeros where the depth ends.
#[cube]
pub(super) fn fetch(
    a: &Operand<Vec4>,
    extra: &ExtraRow,
    b: &Operand<Vec4>,
    walks: &mut Walks,
    step: usize,
    #[comptime] p: Product,
) {
    let depth = walks.depth;
    fetch_one(a, extra, &mut walks.a, step, depth, p.a());
    fetch_one(
        b,
        &ComptimeOption::new_None(),
        &mut walks.b,
        step,
        depth,
        p.b(),
    );
}

/// Puts the step that was fetched into shared memory, waits for all units to have done so, and
/// fetches the next; returns where A's vectors of the step begin there, and B's.
#[cube]
#[allow(clippy::too_many_arguments)]
pub(super) fn bring(
    a: &Operand<Vec4>,
    extra: &ExtraRow,
    b: &Operand<Vec4>,
    walks: &mut Walks,
    stage: &mut Stage,
    step: usize,
    #[comptime] p: Product,
) -> (usize, usize) {
    let (a_side, b_side) = comptime!((p.a(), p.b()));
    let buffer = step % p.tile.buffers;
    let (a_at, b_at) = if comptime!(p.cores == Cores::Units) {
        let a_at = buffer * comptime!(a_side.room() + b_side.room());
        let b_at = a_at + comptime!(a_side.room());
        put::<f32>(&walks.a, &mut stage.c, a_at, a_side, p);
        put::<f32>(&walks.b, &mut stage.c, b_at, b_side, p);
        (a_at, b_at)
    } else {
        let parts = comptime!(p.precision.parts());
        let a_at = buffer * comptime!(a_side.room() * parts);
        let b_at = buffer * comptime!(b_side.room() * parts);
        put::<Factor>(&walks.a, &mut stage.a, a_at, a_side, p);
        put::<Factor>(&walks.b, &mut stage.b, b_at, b_side, p);
        (a_at, b_at)
    };
    sync_cube();
    // Behind the last step it reads nothing.
    fetch(a, extra, b, walks, step + 1, p);
    (a_at, b_at)
}

/// Ends a step: with one buffer, the next is written only when all units have read this one; with
/// two, it is written beside what others still read.
#[cube]
pub(super) fn end_step(#[comptime] p: Product) {
    if comptime!(p.tile.buffers == 1) {
        sync_cube();
    }
}

/// Fetches a unit's vectors of a step of one operand.
#[cube]
fn fetch_one(
    operand: &Operand<Vec4>,
    extra: &ExtraRow,
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
        if inside {
            v = operand.values[at];
        }
        walk.next[pass] = v;
        if comptime!(side.extra_row) {
            // Beyond the depth it is multiplied by zeros.
            let mut element = 1.0f32;
            #[comptime]
            match extra {
                ComptimeOption::Some(s) => {
                    if inside {
                        element = s.values[row_start(s, row)].extract(0usize);
                    }
                }
                ComptimeOption::None => {}
            }
            walk.extra[pass] = element;
        }
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
            let mut v = walk.next[pass];
            if comptime!(side.extra_row) {
                #[unroll]
                for lane in 0..4usize {
                    let own = v.extract(lane);
                    v.insert(lane, select(lane == walk.extra_lane, walk.extra[pass], own));
                }
            }
            let slot = at + slot(row, walk.col, side);
            let high = Vector::<E, Const<4>>::cast_from(round(v, p));
            stage[slot] = high;
            if comptime!(p.precision.parts() > 1) {
                let rest = round(v - Vec4::cast_from(high), p);
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
pub(super) fn slot(row: usize, col: usize, #[comptime] side: Side) -> usize {
    let mut col = col;
    if comptime!(side.turns > 1) {
        col ^= row / 4 % side.turns * side.by;
    }
    row * side.pitch + col
}

/// Where no tensor cores round factors, rounds them to the nearest, ties to even.
#[cube]
fn round(v: Vec4, #[comptime] p: Product) -> Vec4 {
    let mut rounded = v;
    if comptime!(p.cores == Cores::Emulated) {
        let dropped = comptime!(23 - p.precision.bits());
        let words = Vector::<u32, Const<4>>::reinterpret(v);
        let odd = (words >> Vector::new(dropped)) & Vector::new(1u32);
        let half = Vector::new(comptime!((1u32 << (dropped - 1)) - 1));
        let kept = Vector::new(comptime!(!((1u32 << dropped) - 1)));
        rounded = Vec4::reinterpret((words + half + odd) & kept);
    }
    rounded
}
