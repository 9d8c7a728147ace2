//! The GPU's [`Parzen`]: the tiles of one product, each consumed by an online log-sum-exp.
//!
//! Every unit keeps the nearest sample and the sums of exponentials of its share of one point's
//! samples in registers; the host merges the shares in f64.

use cubecl::prelude::*;

use super::Parzen;
use crate::cube::Cube;
use crate::cube::launch::launch;
use crate::cube::math::exp;
use crate::cube::operand::{
    Operand, Vec4, buffer, element, elements, load, row_start, store, vectors,
};
use crate::cube::sums::{cube_sum, lane_sum};
use crate::cube::tile::{Along, Product, Stage, product};
use crate::{Backend, BackendError, Matrix, Rows};

/// Units of the cubes that centre rows.
const UNITS: usize = 64;
/// Larger than any squared distance, but no factor turns it into infinity.
const FAR: f32 = 1e30;

#[track_caller]
pub(crate) fn run(cube: &Cube, op: Parzen<'_, Cube>) -> Result<Vec<f64>, BackendError> {
    let (n, m, d) = op.check();
    let (count, sigmas) = (op.sigmas.len(), op.sigmas);
    if n * count == 0 {
        return Ok(Vec::new());
    }
    let mean = cube.matrix(1, d);
    launch_mean(cube, &op.samples, &mean);
    let points = Centred::new(cube, &op.points, &mean);
    let samples = Centred::new(cube, &op.samples, &mean);

    // Distances are differences of what rounding would take away, and sums of all terms in a row
    // are off by more than those of a quarter each.
    let p = cube.exact_product(Along::Depth, Along::Depth);
    let strips = n.div_ceil(p.tile.bn);
    let row_tiles = m.div_ceil(p.tile.bm);
    let shares = (2 * cube.multiprocessors())
        .div_ceil(strips)
        .clamp(1, row_tiles);
    // Shares of a point: of the cubes, and of the units of each.
    let lanes = p.tile.units() / p.tile.bn;
    let width = 1 + count;
    let partial = cube.matrix(n * shares * lanes, width);
    let factors = factors(sigmas);
    let factors_buffer = cube.buffer_of(&factors);
    launch!(parzen(
        vectors(samples.rows.all()), vectors(points.rows.all()), elements(samples.squares.all()),
        elements(points.squares.all()), buffer(&factors_buffer, factors.len()),
        elements(partial.all()), shares as u32, p, count
    ) on cube, [strips * shares, p.tile.units()]);
    let partial = cube.read(partial.all())?;
    let constant =
        |sigma: f64| -(m as f64).ln() - d as f64 * (sigma * std::f64::consts::TAU.sqrt()).ln();
    let mut result = vec![0.0; count * n];
    for (point, partial) in partial.chunks_exact(shares * lanes * width).enumerate() {
        for (sigma, &factor) in factors.iter().enumerate() {
            let shares = partial.chunks_exact(width);
            let log = log_of_sum(shares.map(|p| (p[0], p[1 + sigma])), f64::from(factor));
            result[sigma * n + point] = log + constant(sigmas[sigma]);
        }
    }
    Ok(result)
}

/// log Σ sum·exp(−nearest · factor) over the shares of a point.
fn log_of_sum(shares: impl Iterator<Item = (f32, f32)> + Clone, factor: f64) -> f64 {
    let nearest = shares
        .clone()
        .map(|(nearest, _)| f64::from(nearest))
        .fold(f64::MAX, f64::min);
    let sum: f64 = shares
        .filter(|&(_, sum)| sum != 0.0)
        .map(|(own, sum)| f64::from(sum) * ((nearest - f64::from(own)) * factor).exp())
        .sum();
    sum.ln() - nearest * factor
}

/// 1/2σ² of each σ: the exponent is the squared distance times this.
fn factors(sigmas: &[f64]) -> Vec<f32> {
    sigmas
        .iter()
        .map(|sigma| (0.5 / (sigma * sigma)) as f32)
        .collect()
}

/// Rows without the samples' mean, which more than halves what cancels on images, and their
/// squared lengths.
struct Centred {
    rows: Matrix<Cube>,
    squares: Matrix<Cube>,
}

impl Centred {
    fn new(cube: &Cube, rows: &Rows<'_, Cube>, mean: &Matrix<Cube>) -> Self {
        let (count, d) = rows.shape();
        let centred = Self {
            rows: cube.matrix(count, d),
            squares: cube.matrix(1, count),
        };
        launch!(parzen_centre(
            vectors(*rows), vectors(mean.all()), vectors(centred.rows.all()),
            elements(centred.squares.all())
        ) on cube, [count, UNITS]);
        centred
    }
}

fn launch_mean(cube: &Cube, samples: &Rows<'_, Cube>, mean: &Matrix<Cube>) {
    let (_, d) = samples.shape();
    launch!(parzen_mean(vectors(*samples), vectors(mean.all())) on cube, [d.div_ceil(4), UNITS]);
}

#[cube(launch_unchecked)]
fn parzen_mean(samples: &Operand<Vec4>, mean: &mut Operand<Vec4>) {
    let column4 = CUBE_POS;
    if column4 >= (samples.columns as usize).div_ceil(4) {
        terminate!();
    }
    let mut sum = Vec4::new(0.0f32);
    let mut row = UNIT_POS as usize;
    while row < samples.rows as usize {
        sum += load(samples, row, column4);
        row += UNITS;
    }
    let mut scratch = Shared::<[f32]>::new_slice(UNITS);
    let mut means = Vec4::new(0.0f32);
    #[unroll]
    for lane in 0..4usize {
        let total = cube_sum(&mut scratch, sum.extract(lane), UNITS);
        means.insert(lane, total / f32::cast_from(samples.rows));
    }
    if UNIT_POS == 0 {
        mean.values[column4] = means;
    }
}

#[cube(launch_unchecked)]
fn parzen_centre(
    rows: &Operand<Vec4>,
    mean: &Operand<Vec4>,
    centred: &mut Operand<Vec4>,
    squares: &mut Operand<f32>,
) {
    let row = CUBE_POS;
    if row >= rows.rows as usize {
        terminate!();
    }
    let columns4 = (rows.columns as usize).div_ceil(4);
    let mut square = 0.0f32;
    for pass in 0..columns4.div_ceil(UNITS) {
        let column4 = pass * UNITS + UNIT_POS as usize;
        if column4 < columns4 {
            let v = load(rows, row, column4) - mean.values[column4];
            store(centred, row, column4, v);
            square += lane_sum(v * v);
        }
    }
    let mut scratch = Shared::<[f32]>::new_slice(UNITS);
    let square = cube_sum(&mut scratch, square, UNITS);
    if UNIT_POS == 0 {
        squares.values[row] = square;
    }
}

#[cube(launch_unchecked)]
fn parzen(
    samples: &Operand<Vec4>,
    points: &Operand<Vec4>,
    sample_squares: &Operand<f32>,
    point_squares: &Operand<f32>,
    factors: &[f32],
    partial: &mut Operand<f32>,
    shares: u32,
    #[comptime] p: Product,
    #[comptime] count: usize,
) {
    let t = comptime!(p.tile);
    let (m, n) = (samples.rows as usize, points.rows as usize);
    let shares = shares as usize;
    let strips = n.div_ceil(t.bn);
    let col0 = CUBE_POS % strips * t.bn;
    let share = CUBE_POS / strips;
    if share >= shares {
        terminate!();
    }
    let lanes = comptime!(t.units() / t.bn);
    let column = UNIT_POS as usize % t.bn;
    let lane = UNIT_POS as usize / t.bn;
    let point = col0 + column;
    let point_square = point_squares.values[select(point < n, point, 0)];
    let mut stage = Stage::new(p);
    let mut nearest = FAR.runtime();
    let mut sums = Array::<f32>::new(count);
    #[unroll]
    for sigma in 0..count {
        sums[sigma] = 0.0f32;
    }
    let mut tile = share;
    while tile * t.bm < m {
        let row0 = tile * t.bm;
        product(samples, points, &mut stage, row0, col0, p);
        for turn in 0..comptime!(t.bm / lanes) {
            let row = turn * lanes + lane;
            let sample = row0 + row;
            if sample < m {
                let x = element(&stage.c, row * t.bn + column);
                let distance = point_square + sample_squares.values[sample] - 2.0f32 * x;
                // NaN stays NaN: a sample that is no number must not pass for a perfect one.
                let distance = select(distance < 0.0f32, 0.0f32, distance);
                if distance < nearest {
                    #[unroll]
                    for sigma in 0..count {
                        sums[sigma] *= exp((distance - nearest) * factors[sigma]);
                    }
                    nearest = distance;
                }
                #[unroll]
                for sigma in 0..count {
                    sums[sigma] += exp((nearest - distance) * factors[sigma]);
                }
            }
        }
        // The next tile overwrites the stage.
        sync_cube();
        tile += shares;
    }
    if point < n {
        let at = row_start(&*partial, (point * shares + share) * lanes + lane);
        partial.values[at] = nearest;
        #[unroll]
        for sigma in 0..count {
            partial.values[at + 1 + sigma] = sums[sigma];
        }
    }
}
