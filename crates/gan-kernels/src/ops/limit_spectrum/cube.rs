//! The GPU's [`LimitSpectrum`], three kernels, since each of them needs all that the one before it
//! has summed: `t = W·u`, `r = Wᵀ·t / ‖t‖`, and what follows from `σ = ‖r‖`.
//!
//! A norm is summed again by every cube that needs it, which is less than one more launch.

use cubecl::prelude::*;

use super::LimitSpectrum;
use crate::cube::Cube;
use crate::cube::launch::{PER_ROW, buffer, cube_sum, grid, row_sum, vectors};
use crate::cube::tile::Vec4;

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
    // t, and r from the next vector on.
    let (t, n4) = (k.next_multiple_of(4), op.w.stride / 4);
    let len = t + op.w.stride;
    let sums = cube.scratch(len);
    let sums = || buffer(&sums, len);
    let units = || CubeDim::new_1d(UNITS as u32);
    let (height, width, r) = (k as u32, n4 as u32, t as u32);
    cube.launch("limit_spectrum_rows", |client| {
        // SAFETY: the kernel tests every index against the operands' shapes.
        unsafe {
            rows::launch_unchecked(
                client,
                grid(k.div_ceil(ROWS)),
                units(),
                vectors(op.w),
                vectors(op.direction),
                sums(),
                height,
                width,
            );
        }
    });
    cube.launch("limit_spectrum_columns", |client| {
        // SAFETY: as above.
        unsafe {
            columns::launch_unchecked(
                client,
                grid(n4.div_ceil(STRIP)),
                units(),
                vectors(op.w),
                sums(),
                height,
                width,
                r,
            );
        }
    });
    cube.launch("limit_spectrum_scale", |client| {
        // SAFETY: as above.
        unsafe {
            scale::launch_unchecked(
                client,
                grid((k * n4).div_ceil(UNITS * PER_UNIT)),
                units(),
                vectors(op.w),
                vectors(op.direction),
                sums(),
                height,
                width,
                r,
                op.limit as f32,
            );
        }
    });
}

/// t = W·u.
#[cube(launch_unchecked)]
fn rows(w: &[Vec4], u: &[Vec4], sums: &mut [f32], k: u32, n4: u32) {
    let (k, n4) = (k as usize, n4 as usize);
    let lane = UNIT_POS as usize % PER_ROW;
    let row = CUBE_POS * ROWS + UNIT_POS as usize / PER_ROW;
    if CUBE_POS * ROWS >= k {
        terminate!();
    }
    let mut scratch = Shared::<[f32]>::new_slice(UNITS);
    let mut sum = Vec4::new(0.0f32);
    if row < k {
        let mut column4 = lane;
        while column4 < n4 {
            sum += w[row * n4 + column4] * u[column4];
            column4 += PER_ROW;
        }
    }
    let sum = row_sum(&mut scratch, over_lanes(sum), lane);
    if lane == 0 && row < k {
        sums[row] = sum;
    }
}

/// r = Wᵀ·t / ‖t‖, or 0 where t is.
#[cube(launch_unchecked)]
fn columns(w: &[Vec4], sums: &mut [f32], k: u32, n4: u32, r: u32) {
    let (k, n4, r) = (k as usize, n4 as usize, r as usize);
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
            sum += Vec4::new(sums[row]) * w[row * n4 + column4];
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
fn scale(w: &mut [Vec4], u: &mut [Vec4], sums: &mut [f32], k: u32, n4: u32, r: u32, limit: f32) {
    let (n4, r) = (n4 as usize, r as usize);
    let count = k as usize * n4;
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
            u[column4] = v;
            column4 += UNITS;
        }
    }
    if sigma > limit {
        let factor = Vec4::new(limit / sigma);
        #[unroll]
        for pass in 0..PER_UNIT {
            let at = first + pass * UNITS + unit;
            if at < count {
                w[at] *= factor;
            }
        }
    }
}

/// The sum of a vector's four elements.
#[cube]
fn over_lanes(v: Vec4) -> f32 {
    (v.extract(0usize) + v.extract(1usize)) + (v.extract(2usize) + v.extract(3usize))
}
