//! The GPU's [`LimitSpectrum`], three kernels, since each of them needs all that the one before it
//! has summed: `t = W·u`, `r = Wᵀ·t / ‖t‖`, and what follows from `σ = ‖r‖`.
//!
//! A norm is summed again by every cube that needs it, which is less than one more launch.

use cubecl::prelude::*;

use super::LimitSpectrum;
use crate::cube::Cube;
use crate::cube::launch::launch;
use crate::cube::operand::{Operand, Vec4, buffer, load, vectors};
use crate::cube::sums::{PER_ROW, cube_sum, lane_sum, row_and_lane, row_sum};

/// Units of a cube.
const UNITS: usize = 256;
/// Rows of W that a cube takes in the first product.
const ROWS: usize = UNITS / PER_ROW;
/// Vectors of columns that a cube takes in the second product, through all rows.
const STRIP: usize = 4;
/// Vectors of W that a unit scales.
const PER_UNIT: usize = 4;

#[track_caller]
pub(crate) fn run(cube: &Cube, op: LimitSpectrum<'_, Cube>) {
    let (k, n) = op.check();
    if k * n == 0 {
        return;
    }
    let n4 = op.w.stride / 4;
    let len = k.next_multiple_of(4) + op.w.stride;
    let sums = cube.scratch(len);
    let sums = || buffer(&sums, len);
    let (w, u) = (|| vectors(op.w.all()), || vectors(op.direction.all()));
    launch!(limit_spectrum_rows(w(), u(), sums()) on cube, [k.div_ceil(ROWS), UNITS]);
    launch!(limit_spectrum_columns(w(), sums()) on cube, [n4.div_ceil(STRIP), UNITS]);
    launch!(limit_spectrum_scale(
        w(), u(), sums(), op.limit as f32
    ) on cube, [(k * n4).div_ceil(UNITS * PER_UNIT), UNITS]);
}

/// t = W·u.
#[cube(launch_unchecked)]
fn limit_spectrum_rows(w: &Operand<Vec4>, u: &Operand<Vec4>, sums: &mut [f32]) {
    let (k, n4) = (w.rows as usize, w.stride as usize);
    let (row, lane) = row_and_lane(ROWS);
    if CUBE_POS * ROWS >= k {
        terminate!();
    }
    let mut scratch = Shared::<[f32]>::new_slice(UNITS);
    let mut sum = Vec4::new(0.0f32);
    if row < k {
        let mut column4 = lane;
        while column4 < n4 {
            sum += load(w, row, column4) * u.values[column4];
            column4 += PER_ROW;
        }
    }
    let sum = row_sum(&mut scratch, lane_sum(sum), lane);
    if lane == 0 && row < k {
        sums[row] = sum;
    }
}

/// r = Wᵀ·t / ‖t‖, or 0 where t is.
#[cube(launch_unchecked)]
fn limit_spectrum_columns(w: &Operand<Vec4>, sums: &mut [f32]) {
    let (k, n4) = (w.rows as usize, w.stride as usize);
    let r = first_of_r(k);
    let unit = UNIT_POS as usize;
    if CUBE_POS * STRIP >= n4 {
        terminate!();
    }
    let mut scratch = Shared::<[f32]>::new_slice(UNITS);
    let mut parts = Shared::<[Vec4]>::new_slice(UNITS);
    let mut square = 0.0f32;
    let mut row = unit;
    while row < k {
        square += sums[row] * sums[row];
        row += UNITS;
    }
    let length = cube_sum(&mut scratch, square, UNITS).sqrt();
    let column4 = CUBE_POS * STRIP + unit % STRIP;
    let mut sum = Vec4::new(0.0f32);
    if column4 < n4 {
        let mut row = unit / STRIP;
        while row < k {
            sum += Vec4::new(sums[row]) * load(w, row, column4);
            row += comptime!(UNITS / STRIP);
        }
    }
    parts[unit] = sum;
    sync_cube();
    #[unroll]
    for level in 0..comptime!((UNITS / STRIP).ilog2()) {
        let half = comptime!(UNITS >> (level + 1));
        if unit < half {
            let other = parts[unit + half];
            parts[unit] += other;
        }
        sync_cube();
    }
    if unit < STRIP && column4 < n4 {
        let sum = parts[unit];
        #[unroll]
        for lane in 0..4usize {
            let mut value = 0.0f32;
            if length != 0.0f32 {
                value = sum.extract(lane) / length;
            }
            sums[r + column4 * 4 + lane] = value;
        }
    }
}

/// u ← r / σ and W ← W · min(1, limit / σ), or nothing where σ = ‖r‖ is zero.
#[cube(launch_unchecked)]
fn limit_spectrum_scale(w: &mut Operand<Vec4>, u: &mut Operand<Vec4>, sums: &[f32], limit: f32) {
    let (k, n4) = (w.rows as usize, w.stride as usize);
    let (r, count) = (first_of_r(k), k * n4);
    let unit = UNIT_POS as usize;
    let first = CUBE_POS * comptime!(UNITS * PER_UNIT);
    if first >= count {
        terminate!();
    }
    let mut scratch = Shared::<[f32]>::new_slice(UNITS);
    let mut square = 0.0f32;
    let mut column = unit;
    while column < n4 * 4 {
        square += sums[r + column] * sums[r + column];
        column += UNITS;
    }
    let sigma = cube_sum(&mut scratch, square, UNITS).sqrt();
    if CUBE_POS == 0 && sigma != 0.0f32 {
        let mut column4 = unit;
        while column4 < n4 {
            let mut v = Vec4::empty();
            #[unroll]
            for lane in 0..4usize {
                v.insert(lane, sums[r + column4 * 4 + lane] / sigma);
            }
            u.values[column4] = v;
            column4 += UNITS;
        }
    }
    if sigma > limit {
        let factor = Vec4::new(limit / sigma);
        #[unroll]
        for pass in 0..PER_UNIT {
            let at = first + pass * UNITS + unit;
            if at < count {
                w.values[at] *= factor;
            }
        }
    }
}

/// Where r begins in the sums: at the next vector behind the `k` elements of t.
#[cube]
fn first_of_r(k: usize) -> usize {
    k.div_ceil(4) * 4
}
