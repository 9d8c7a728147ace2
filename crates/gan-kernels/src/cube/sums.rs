//! Sums over the units of a cube.

use cubecl::prelude::*;

use super::operand::Vec4;

/// The sum of `value` over the units of a cube, the same in each of them; `units` is a power of
/// two.
#[cube]
pub(crate) fn cube_sum(scratch: &mut [f32], value: f32, #[comptime] units: usize) -> f32 {
    let unit = UNIT_POS as usize;
    tree_sum(scratch, value, unit, units);
    let sum = scratch[0];
    // Before another unit overwrites it.
    sync_cube();
    sum
}

/// Units that share a row where each row has its own: those of a warp.
pub(crate) const PER_ROW: usize = 32;

/// The row of this unit among `rows` of each cube, and its lane among the row's units.
#[cube]
pub(crate) fn row_and_lane(#[comptime] rows: usize) -> (usize, usize) {
    let unit = UNIT_POS as usize;
    (CUBE_POS * rows + unit / PER_ROW, unit % PER_ROW)
}

/// The sum of `value` over the [`PER_ROW`] units of a row, the same in each of them, of which this
/// one is `lane`; every unit of the cube must come here.
#[cube]
pub(crate) fn row_sum(scratch: &mut [f32], value: f32, lane: usize) -> f32 {
    tree_sum(scratch, value, lane, PER_ROW);
    scratch[UNIT_POS as usize - lane]
}

/// Sums the values of each `count` neighbouring units, of which this one is `lane`, into the first
/// one's place of `scratch`.
#[cube]
fn tree_sum(scratch: &mut [f32], value: f32, lane: usize, #[comptime] count: usize) {
    let unit = UNIT_POS as usize;
    scratch[unit] = value;
    sync_cube();
    #[unroll]
    for level in 0..comptime!(count.ilog2()) {
        let half = comptime!(count >> (level + 1));
        if lane < half {
            let other = scratch[unit + half];
            scratch[unit] += other;
        }
        sync_cube();
    }
}

/// The sum of a vector's four elements.
#[cube]
pub(crate) fn lane_sum(v: Vec4) -> f32 {
    (v.extract(0usize) + v.extract(1usize)) + (v.extract(2usize) + v.extract(3usize))
}

/// Adds to a sum whose second float keeps what the first rounds away (Knuth's two-sum).
///
/// A driver that takes floats for real numbers finds nothing to keep, and the sum is then that of the
/// first float alone; on Mesa's software device sums are apart as if it were.
#[cube]
pub(crate) fn add_to_pair(pairs: &mut [f32], at: usize, value: f32) {
    let high = pairs[at];
    let sum = high + value;
    let added = sum - high;
    let error = (high - (sum - added)) + (value - added);
    pairs[at] = sum;
    pairs[at + 1] += error;
}
