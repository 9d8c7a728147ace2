//! What a device can do at best, measured by this library's own kernels and, of products, by other
//! libraries.

use std::time::Instant;

use anyhow::{Result, ensure};
use gan_kernels::cube::{Cube, Precision, Recording};
use gan_kernels::{Activation, Average, Backend, LinearFwd, Matrix, StepState};

use super::cubek::{self, Cubek};
use super::products::{self, Torch};
use super::{Gpu, timed};
use crate::products::{Product, one_line};
use crate::results::{Limit, LimitKind, Row};
use crate::timing::Times;

/// After how many elements the factors of the large product repeat.
const PERIODS: [usize; 2] = [13, 7];
/// Launches of a recorded list of empty kernels.
const LAUNCHES: usize = 100;

/// Rates of a large copy and of large products in every precision, and what launches cost.
///
/// # Errors
/// If something goes wrong on the device.
pub fn limits(
    gpu: &Gpu,
    precisions: &[Precision],
    until: Option<Instant>,
) -> Result<(Vec<Limit>, Vec<Row>)> {
    let limit = |kind, name: &str, precision: Precision, rate| Limit {
        kind,
        name: name.into(),
        threads: None,
        precision: precision.name().into(),
        rate: Some(rate),
        skipped: None,
    };
    let mut torch = products::torch(gpu, until);
    let mut limits = Vec::new();
    for &precision in precisions {
        let rate = product(gpu, precision)?;
        limits.push(limit(LimitKind::Product, "this library", precision, rate));
        for (name, rate) in others(gpu, precision, &mut torch) {
            limits.push(Limit {
                rate: rate.as_ref().ok().copied(),
                skipped: rate.err().map(|error| one_line(&error)),
                ..limit(LimitKind::Product, name, precision, 0.0)
            });
        }
        // Factors and results are f32 in memory, whatever they are rounded to.
        let rate = copy(gpu)?;
        let name = "two floats read, one written";
        limits.push(limit(LimitKind::Copy, name, precision, rate));
    }
    Ok((limits, launches(gpu)?))
}

/// FLOP per second of the product of two large square matrices, which are not zero: multiplying
/// zeros takes less power, and is faster.
fn product(gpu: &Gpu, precision: Precision) -> Result<f64> {
    let side = side(gpu);
    let cube = gpu.open(precision)?;
    let state = cube.state(StepState {
        seed: 1,
        step: 0,
        rates: Vec::new(),
    });
    let value = |period: usize, at: usize| (at % period) as f32 - (period / 2) as f32;
    let [x, w] = PERIODS.map(|period| {
        let values: Vec<f32> = (0..side * side).map(|at| value(period, at)).collect();
        filled(&cube, side, side, &values)
    });
    let (b, mut y) = (cube.matrix(1, side), cube.matrix(side, side));
    let times = gpu.time(&cube, || {
        cube.linear_fwd(LinearFwd {
            x: x.all(),
            w: &w,
            b: &b,
            y: y.all_mut(),
            act: Activation::Identity,
            winners: None,
            dropout: None,
            state: &state,
        });
    })?;
    // Small integers, whose sums are exact in every precision.
    let [of_x, of_w] = PERIODS;
    let found = cube.read(y.all())?;
    for row in [0, side / 2 + 1, side - 1] {
        for (column, &found) in found[row * side..][..side].iter().enumerate() {
            let terms =
                (0..side).map(|k| value(of_x, row * side + k) * value(of_w, k * side + column));
            let expected: f32 = terms.sum();
            ensure!(
                found == expected,
                "the product of {side} × {side} matrices is wrong: found {found} in row {row}, \
                 column {column}, expected {expected}"
            );
        }
    }
    Ok(2.0 * (side as f64).powi(3) / times.median())
}

/// The same of other libraries.
fn others(gpu: &Gpu, precision: Precision, torch: &mut Torch) -> [(&'static str, Result<f64>); 2] {
    let product = Product::square(side(gpu));
    let rate = |times: Times| product.flop() / times.median();
    let cubek = Cubek::new(gpu, precision, product, 1)
        .and_then(|mut cubek| gpu.time_batches(|count| cubek.run(count)));
    let torch = products::prepared_torch(torch, precision, product, 1)
        .and_then(|torch| gpu.time_batches(|count| torch.run(count)));
    [
        (cubek::LIBRARY, cubek.map(rate)),
        (products::torch_library(gpu), torch.map(rate)),
    ]
}

fn side(gpu: &Gpu) -> usize {
    if gpu.quick { 128 } else { 8192 }
}

/// Bytes per second of an update that reads two large matrices and writes one.
fn copy(gpu: &Gpu) -> Result<f64> {
    let rows = if gpu.quick { 64 } else { 32_768 };
    let cols = 4096;
    let cube = gpu.open(Precision::F32)?;
    let (w, mut average) = (cube.matrix(rows, cols), cube.matrix(rows, cols));
    let times = gpu.time(&cube, || {
        cube.average(Average {
            w: &w,
            average: &mut average,
            decay: 0.5,
        });
    })?;
    Ok((3 * rows * cols * size_of::<f32>()) as f64 / times.median())
}

/// A launch of next to nothing, alone and in a recorded list.
fn launches(gpu: &Gpu) -> Result<Vec<Row>> {
    let cube = gpu.open(Precision::F32)?;
    let (w, mut average) = (cube.matrix(1, 4), cube.matrix(1, 4));
    let mut launch = || {
        cube.average(Average {
            w: &w,
            average: &mut average,
            decay: 0.5,
        });
    };
    let eager = gpu.time(&cube, &mut launch)?;
    let mut recording = Recording::default();
    let replayed = gpu.time(&cube, || {
        cube.repeat(&mut recording, || (0..LAUNCHES).for_each(|_| launch()));
    })?;
    let mut replayed = timed("launch/empty/replayed", Precision::F32, &replayed);
    replayed.seconds = replayed.seconds.map(|seconds| seconds / LAUNCHES as f64);
    Ok(vec![
        timed("launch/empty/eager", Precision::F32, &eager),
        replayed,
    ])
}

fn filled(cube: &Cube, rows: usize, cols: usize, values: &[f32]) -> Matrix<Cube> {
    let mut matrix = cube.matrix(rows, cols);
    cube.write(&mut matrix, values);
    matrix
}
