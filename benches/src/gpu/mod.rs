//! Rows of a GPU: its limits, iterations as they are replayed, and each operation of one alone.
//!
//! A device works behind the program's back, so nothing is timed by itself: batches of work are,
//! from the first launch to the end of the last, divided by their number.
//! That is the host's clock; device events cannot be put inside a recorded iteration.

mod cubek;
mod join;
mod limits;
mod products;
mod timeline;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use gan_kernels::cube::{Cube, DeviceName, DeviceReport, Precision, devices};
use gan_kernels::{Backend, Execution};
use gan_model::{GameConfig, Trainer, TrainingData};

use crate::cost;
use crate::game::{PIXELS, SEED, images, mnist_trainer_on, preset};
use crate::results::{Curve, Fact, Point, Row};
use crate::tasks::{Digits, sigmas};
use crate::timing::Times;

pub use join::join;
pub use limits::limits;
pub use products::products;
pub use timeline::timeline;

/// The largest share of memory that a game may take beside others.
const MEMORY_OF_CIFAR: u64 = 6 << 30;
/// Minibatch and width of the large game.
const LARGE: usize = 8192;

/// A device and how long to measure on it.
pub struct Gpu {
    /// Its name here.
    pub name: DeviceName,
    /// What it is.
    pub report: DeviceReport,
    /// Tiny budgets: on the processor in disguise, or because that was asked for.
    pub quick: bool,
}

impl Gpu {
    /// Finds the device `name`.
    ///
    /// # Errors
    /// If it is not there or this build does not link its runtime.
    pub fn find(name: &str, quick: bool) -> Result<Self> {
        let name: DeviceName = name.parse().map_err(anyhow::Error::msg)?;
        // Says what is wrong, where something is.
        Cube::open(name, Precision::F32)?;
        let found = devices().into_iter().find(|report| report.name == name);
        // Vulkan's devices are told as wgpu's.
        let found = found.or_else(|| {
            let all = devices().into_iter();
            all.into_iter().find(|it| it.name.index == name.index)
        });
        let report = found.with_context(|| format!("{name}: no device"))?;
        Ok(Self {
            name,
            quick: quick || report.is_software,
            report,
        })
    }

    fn open(&self, precision: Precision) -> Result<Cube> {
        Ok(Cube::open(self.name, precision)?)
    }

    /// Time of each of `work`'s runs, from batches of them.
    fn time(&self, cube: &Cube, mut work: impl FnMut()) -> Result<Times> {
        // Compiles, allocates and records.
        mean(cube, 1, &mut work)?;
        self.time_batches(|count| mean(cube, count, &mut work))
    }

    /// Time of each run of what is ready, where `mean` times so many.
    fn time_batches(&self, mut mean: impl FnMut(usize) -> Result<f64>) -> Result<Times> {
        let (batch, batches) = if self.quick {
            (Duration::ZERO, 2)
        } else {
            (Duration::from_millis(20), 15)
        };
        let count = runs_in(batch, &mut mean)?;
        let times = (0..batches).map(|_| mean(count));
        Ok(Times::new(times.collect::<Result<_>>()?))
    }
}

/// Seconds per run, the mean of `count`.
fn mean(cube: &Cube, count: usize, work: &mut impl FnMut()) -> Result<f64> {
    let start = Instant::now();
    (0..count).for_each(|_| work());
    cube.check()?;
    Ok(start.elapsed().as_secs_f64() / count as f64)
}

/// How many runs take as long as a batch, so that waiting for its end is a small part of it.
fn runs_in(batch: Duration, mut mean: impl FnMut(usize) -> Result<f64>) -> Result<usize> {
    let once = mean(3)?;
    Ok((batch.as_secs_f64() / once).ceil().clamp(1.0, 2000.0) as usize)
}

/// A row with nothing but its times.
fn timed(name: impl Into<String>, precision: Precision, times: &Times) -> Row {
    Row {
        name: name.into(),
        precision: precision.name().into(),
        count: 1,
        seconds: Some(times.median()),
        spread: Some(times.spread()),
        ..Row::default()
    }
}

/// An iteration of the game `mnist`, `cifar10-fc` or `large` in `precision`, as the device replays it.
///
/// `None` where that game is not for this device or not played in this precision.
///
/// # Errors
/// If something goes wrong on the device.
pub fn iteration(gpu: &Gpu, precision: Precision, name: &str) -> Result<Option<Row>> {
    let fits = || {
        let memory = gpu.report.memory;
        memory.is_none_or(|bytes| bytes > MEMORY_OF_CIFAR)
    };
    let (config, data) = match name {
        "mnist" => {
            let cube = gpu.open(precision)?;
            let trainer = mnist_trainer_on(cube.clone())?;
            return timed_game(gpu, precision, name, &preset(name)?, trainer, &cube).map(Some);
        }
        // The others take a processor in disguise minutes.
        _ if gpu.quick => return Ok(None),
        "cifar10-fc" if fits() => (preset(name)?, images(10_000, 3072)),
        "large" if precision == Precision::Bf16 => (large()?, images(50_000, PIXELS)),
        _ => return Ok(None),
    };
    game(gpu, precision, name, &config, data).map(Some)
}

fn game(
    gpu: &Gpu,
    precision: Precision,
    name: &str,
    config: &GameConfig,
    data: TrainingData,
) -> Result<Row> {
    let cube = gpu.open(precision)?;
    let trainer = Trainer::new(cube.clone(), config, SEED, data)?;
    timed_game(gpu, precision, name, config, trainer, &cube)
}

fn timed_game(
    gpu: &Gpu,
    precision: Precision,
    name: &str,
    config: &GameConfig,
    mut trainer: Trainer<Cube>,
    cube: &Cube,
) -> Result<Row> {
    let cols = if name == "cifar10-fc" { 3072 } else { PIXELS };
    let cost = cost::iteration(config, cols)?;
    let times = gpu.time(cube, || trainer.step())?;
    Ok(Row {
        flop: cost.flop,
        bytes: cost.bytes,
        ..timed(format!("train_step/{name}"), precision, &times)
    })
}

/// Two players of three layers, 8,192 wide, on minibatches of 8,192 images.
fn large() -> Result<GameConfig> {
    let hidden = format!("{{ units = {LARGE}, activation = \"relu\" }}");
    let text = format!(
        "game = {{ minibatch = {LARGE} }}\n\
         optimizer = {{ kind = \"momentum\", learning_rate = 0.001, momentum = {{ initial = 0.5, final = 0.5, from_epoch = 1, to_epoch = 1 }} }}\n\
         generator = {{ latent = 100, layers = [{hidden}, {hidden}, {{ activation = \"sigmoid\" }}] }}\n\
         discriminator = {{ layers = [{hidden}, {hidden}, {{ activation = \"sigmoid\" }}] }}\n"
    );
    Ok(toml::from_str(&text)?)
}

/// Launches of the MNIST iteration, and what its log costs every 100 iterations.
///
/// # Errors
/// If something goes wrong on the device.
pub fn facts(gpu: &Gpu, precision: Precision) -> Result<Vec<Fact>> {
    let cube = gpu.open(precision)?;
    let mut trainer = mnist_trainer_on(cube.clone())?;
    trainer.step();
    let (replayed, launches) = match trainer.execution() {
        Some(Execution::Replayed { launches }) => (1.0, launches as f64),
        Some(Execution::Eager { launches }) => (0.0, launches as f64),
        _ => (0.0, f64::NAN),
    };
    let (every, rounds) = if gpu.quick { (2, 2) } else { (100, 15) };
    let mut round = |logs: bool| -> Result<f64> {
        let start = Instant::now();
        (0..every).for_each(|_| trainer.step());
        if logs {
            trainer.take_metrics()?;
        }
        cube.check()?;
        Ok(start.elapsed().as_secs_f64())
    };
    round(true)?;
    let mut ratios = Vec::new();
    for _ in 0..rounds {
        ratios.push(round(true)? / round(false)? - 1.0);
    }
    ratios.sort_by(f64::total_cmp);
    let fact = |name: &str, value: f64, unit: &str| Fact {
        name: name.into(),
        value: Some(value),
        unit: unit.into(),
    };
    let cost = cost::iteration(&preset("mnist")?, PIXELS)?;
    Ok(vec![
        fact("mnist/launches", launches, "launches"),
        fact("mnist/replayed", replayed, "of 1"),
        fact("mnist/products", cost.flop, "FLOP"),
        fact("mnist/traffic", cost.bytes, "bytes"),
        fact(
            "mnist/log every 100",
            ratios[ratios.len() / 2],
            "of the time",
        ),
    ])
}

/// The least time of an MNIST iteration: its launches, and the longer of computing and moving.
///
/// Each operation has to wait for the one before, so launches are not hidden behind work; that
/// they could be is why this is a floor and no forecast.
#[must_use]
pub fn floor(facts: &[Fact], product: f64, copy: f64, launch: f64) -> Option<f64> {
    let of = |name: &str| facts.iter().find(|fact| fact.name == name)?.value;
    let work = (of("mnist/products")? / product).max(of("mnist/traffic")? / copy);
    Some(work + of("mnist/launches")? * launch)
}

/// Time per iteration against the number of records on the device.
///
/// # Errors
/// If something goes wrong on the device.
pub fn over_records(gpu: &Gpu, precision: Precision) -> Result<Curve> {
    let counts: &[usize] = if gpu.quick {
        &[200, 400]
    } else {
        &[1_000, 10_000, 100_000, 400_000]
    };
    let config = preset("mnist")?;
    let points = counts.iter().map(|&records| {
        let row = game(gpu, precision, "mnist", &config, images(records, PIXELS))?;
        Ok(Point {
            at: records as f64,
            row,
        })
    });
    Ok(Curve {
        variable: "records".into(),
        fixed: format!("MNIST game, {precision}"),
        points: points.collect::<Result<_>>()?,
    })
}

/// The Parzen window of 10,000 points under 10,000 samples, and its answer's way back.
///
/// # Errors
/// If something goes wrong on the device.
pub fn parzen(gpu: &Gpu) -> Result<Vec<Row>> {
    let count = if gpu.quick { 60 } else { 10_000 };
    let cube = gpu.open(Precision::F32)?;
    let window = Digits::new(count)?.window(cube.clone(), count, count);
    let mut rows = Vec::new();
    for sigmas in sigmas() {
        let times = gpu.time(&cube, || {
            // What goes wrong is reported by the check at the end of the batch.
            drop(window.logs(&sigmas));
        })?;
        let name = format!("parzen/{count}x{count}x{PIXELS}/{} sigmas", sigmas.len());
        rows.push(Row {
            flop: 2.0 * (count * count * PIXELS) as f64,
            ..timed(name, Precision::F32, &times)
        });
    }
    Ok(rows)
}
