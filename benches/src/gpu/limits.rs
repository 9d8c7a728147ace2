//! The limits of a device, measured by this library's own kernels and, for products, by other
//! libraries.

use anyhow::Result;
use gan_kernels::cube::{Cube, Precision, Recording};
use gan_kernels::{Average, Backend, Matrix};

use super::Gpu;
use super::products::Libraries;
use crate::products::{OwnProduct, Product};
use crate::results::{Limit, LimitKind, Row, one_line};
use crate::timing::Turn;

/// Launches of a recorded list of empty kernels.
const LAUNCHES: usize = 100;

/// Rates of a large product, by each library, and of a large copy.
pub(super) fn of(
    gpu: &Gpu<'_>,
    precision: Precision,
    libraries: &mut Libraries,
) -> Result<Vec<Limit>> {
    let limit = |kind, name, rate: Result<f64>| {
        let rate = rate.map_err(|error| one_line(&error));
        Limit::new(kind, name, None, precision.name(), rate)
    };
    let side = if gpu.quick { 128 } else { 8192 };
    let product = Product::square(side);
    let rate = |turn: Turn<'_>| Ok(product.flop() / gpu.effort().alone(turn)?.median());

    let cube = gpu.open(precision)?;
    let mut own = OwnProduct::square(cube.clone(), side);
    let ours = rate(gpu.batches(&cube, || own.run())?);
    // A wrong product has no rate.
    let ours = ours.and_then(|rate| own.check().map(|()| rate));
    let mut limits = vec![limit(LimitKind::Product, "this library", ours)];
    for (name, candidate) in libraries.candidates(gpu, precision, product, 1) {
        let theirs = candidate.and_then(|candidate| rate(candidate.turn));
        limits.push(limit(LimitKind::Product, name, theirs));
    }
    // Factors and results are f32 in memory, whatever they are rounded to.
    let name = "two floats read, one written";
    limits.push(limit(LimitKind::Copy, name, Ok(copy(gpu)?)));
    Ok(limits)
}

/// Two matrices, of which an average is the simplest kernel: it reads both and writes one.
struct Averaged {
    cube: Cube,
    w: Matrix<Cube>,
    average: Matrix<Cube>,
}

impl Averaged {
    fn new(gpu: &Gpu<'_>, rows: usize, cols: usize) -> Result<Self> {
        let cube = gpu.open(Precision::F32)?;
        Ok(Self {
            w: cube.matrix(rows, cols),
            average: cube.matrix(rows, cols),
            cube,
        })
    }

    fn run(&mut self) {
        self.cube.average(Average {
            w: &self.w,
            average: &mut self.average,
            decay: 0.5,
        });
    }
}

/// Bytes per second of an update that reads two large matrices and writes one.
fn copy(gpu: &Gpu<'_>) -> Result<f64> {
    let (rows, cols) = (if gpu.quick { 64 } else { 32_768 }, 4096);
    let mut matrices = Averaged::new(gpu, rows, cols)?;
    let times = gpu.time(&matrices.cube.clone(), || matrices.run())?;
    Ok((3 * rows * cols * size_of::<f32>()) as f64 / times.median())
}

/// A launch of next to nothing, alone and in a recorded list.
pub(super) fn launches(gpu: &Gpu<'_>) -> Result<Vec<Row>> {
    let mut matrices = Averaged::new(gpu, 1, 4)?;
    let cube = matrices.cube.clone();
    let eager = gpu.time(&cube, || matrices.run())?;
    let mut recording = Recording::default();
    let replayed = gpu.time(&cube, || {
        cube.repeat(&mut recording, || {
            (0..LAUNCHES).for_each(|_| matrices.run())
        });
    })?;
    let row = |name, times| Row::new(name, None, Precision::F32.name(), times);
    let mut replayed = row("launch/empty/replayed", &replayed);
    replayed.seconds = replayed.seconds.map(|seconds| seconds / LAUNCHES as f64);
    Ok(vec![row("launch/empty/eager", &eager), replayed])
}
