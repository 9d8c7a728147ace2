//! The report of a GPU: its limits, iterations as they are replayed, and each operation alone.
//!
//! A device works behind the program's back, so nothing is timed by itself: batches of work are,
//! from the first launch to the end of the last, divided by their number.
//! That is the host's clock; device events cannot be put inside a recorded iteration.
//!
//! Devices that the processor emulates are measured with tiny budgets, to see that everything runs;
//! their numbers are not kept beside others.

mod cubek;
mod limits;
mod products;
mod tiles;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use gan_kernels::cases::{Case, Checker, Op};
use gan_kernels::cube::{Cube, DeviceName, DeviceReport, Precision, Recording, devices};
use gan_kernels::{Backend, Execution};
use gan_model::{GameConfig, Trainer, TrainingData};

use crate::arguments::{Arguments, Part};
use crate::cost::{self, Cost};
use crate::game::{IMAGES, PIXELS, SEED, images, mnist_operations, mnist_trainer, preset, root};
use crate::report::say;
use crate::results::{Curve, Fact, Point, Purpose, Results, Row};
use crate::tasks::{Window, digits, sigmas, window_row};
use crate::timing::{Effort, Times, Turn};
use crate::{operations, peers, provenance};
use products::Libraries;

/// Memory below which the CIFAR-10 game is left out.
const MEMORY_OF_CIFAR: u64 = 6 << 30;
/// Minibatch and width of the large game.
const LARGE: usize = 8192;
/// Runs in a recorded list, so that what launching costs the host is not seen.
const RUNS: usize = 20;

/// A device, and what is asked of it.
struct Gpu<'a> {
    name: DeviceName,
    report: DeviceReport,
    /// Tiny budgets: on the processor that emulates it, or because that was asked for.
    quick: bool,
    precisions: Vec<Precision>,
    /// When other frameworks, and other libraries' products, must have answered.
    until: Option<Instant>,
    arguments: &'a Arguments,
}

/// Measures what the command line asks for.
pub(crate) fn measure(arguments: &Arguments) -> Result<Vec<Results>> {
    let gpu = Gpu::find(arguments)?;
    ensure!(
        !(gpu.report.is_software && arguments.write),
        "--write: {} is emulated by the processor, and its numbers are not kept",
        gpu.report.description
    );
    let parts = match arguments.part {
        Some(part) => vec![part],
        None if arguments.only => Vec::new(),
        None => Part::value_variants().to_vec(),
    };
    let mut files = Vec::new();
    if !parts.is_empty() {
        files.push(gpu.file(Purpose::Report, |results| {
            for part in parts {
                let name = part.to_possible_value();
                let name = name.map_or(String::new(), |name| name.get_name().to_owned());
                say(&name);
                gpu.part(part, results).context(name)?;
            }
            Ok(())
        })?);
    }
    if arguments.peers {
        files.push(gpu.file(Purpose::Peers, |results| gpu.peers(results))?);
    }
    Ok(files)
}

impl<'a> Gpu<'a> {
    /// Finds the device that the command line names.
    fn find(arguments: &'a Arguments) -> Result<Self> {
        let name: DeviceName = arguments.device.parse().map_err(anyhow::Error::msg)?;
        // Says what is wrong, where something is.
        Cube::open(name, Precision::F32)?;
        let devices = devices();
        let found = devices.iter().find(|report| report.name == name);
        // Vulkan's devices are told as wgpu's.
        let of_wgpu = || devices.iter().find(|it| it.name.index == name.index);
        let report = found.or_else(of_wgpu);
        let report = report.with_context(|| format!("{name}: no device"))?;
        let precisions = match &arguments.precision {
            None => report.precisions.clone(),
            Some(name) => vec![name.parse().map_err(anyhow::Error::msg)?],
        };
        let limit = arguments.seconds.map(Duration::from_secs);
        Ok(Self {
            name,
            quick: arguments.quick || report.is_software,
            report: report.clone(),
            precisions,
            until: limit.map(|limit| Instant::now() + limit),
            arguments,
        })
    }

    fn file(
        &self,
        purpose: Purpose,
        fill: impl FnOnce(&mut Results) -> Result<()>,
    ) -> Result<Results> {
        let mut machine = provenance::here();
        machine.device.clone_from(&self.report.description);
        if self.report.is_software {
            machine.device += provenance::EMULATED;
        }
        machine.backend = self.name.to_string();
        let mut results = Results::new(purpose, machine);
        fill(&mut results)?;
        provenance::finish(&mut results.machine);
        Ok(results)
    }

    fn part(&self, part: Part, results: &mut Results) -> Result<()> {
        let first = self.precisions.first().copied().unwrap_or_default();
        let mut libraries = None;
        for &precision in &self.precisions {
            match part {
                Part::Limits => {
                    let libraries = libraries.get_or_insert_with(|| Libraries::start(self));
                    let limits = limits::of(self, precision, libraries)?;
                    results.limits.extend(limits);
                }
                Part::Mnist | Part::Cifar10Fc | Part::Large => {
                    let row = iteration(self, precision, part);
                    results
                        .rows
                        .extend(row.with_context(|| precision.to_string())?);
                }
                Part::Products => {
                    let libraries = libraries.get_or_insert_with(|| Libraries::start(self));
                    let rows = products::rows(self, precision, libraries)?;
                    results.products.extend(rows);
                }
                Part::Tiles => tiles::print(self, precision)?,
                Part::Operations => results.rows.extend(operations(self, precision)?),
                Part::Facts | Part::Parzen | Part::Records => {}
            }
        }
        match part {
            Part::Limits => results.rows.extend(limits::launches(self)?),
            Part::Facts => results.facts = facts(self, first)?,
            Part::Parzen => results.rows.extend(parzen(self)?),
            Part::Records => results.curves.push(over_records(self, first)?),
            _ => {}
        }
        Ok(())
    }

    fn peers(&self, results: &mut Results) -> Result<()> {
        let budget = Duration::from_secs(if self.quick { 0 } else { 2 });
        // Those that a target is about; the frameworks take a minute each to compile.
        let targeted = [Precision::F32, Precision::Tf32x3, Precision::Tf32];
        for &precision in &self.precisions {
            if self.arguments.precision.is_none() && !targeted.contains(&precision) {
                continue;
            }
            say(&format!("{precision}: other frameworks"));
            let (name, device) = (precision.name(), &self.arguments.device);
            let rows = peers::measure(1, name, device, budget, self.until, &root())?;
            results.peers.extend(rows);
        }
        Ok(())
    }

    fn open(&self, precision: Precision) -> Result<Cube> {
        let mut cube = Cube::open(self.name, precision)?;
        if let Some(shares) = self.arguments.shares {
            cube = cube.with_shares(shares);
        }
        Ok(if self.arguments.eager {
            cube.without_recording()
        } else {
            cube
        })
    }

    /// The operations of an MNIST iteration, at a tenth of their shape where budgets are tiny.
    ///
    /// Without `advance`: replayed thousands of times, it would read behind the rates that the device
    /// has been given, which a game gives anew.
    fn operations(&self) -> Result<Vec<Case>> {
        let cases = mnist_operations()?.into_iter();
        let cases = cases.filter(|case| !matches!(case.op, Op::Advance(_)));
        let at_size = |case| if self.quick { tiny(case) } else { case };
        Ok(cases.map(at_size).collect())
    }

    /// Turns of batches of `work`, which has been done once before: compiled, allocated, recorded.
    fn batches<'b>(&self, cube: &'b Cube, mut work: impl FnMut() + 'b) -> Result<Turn<'b>> {
        mean(cube, 1, &mut work)?;
        self.batches_of(move |count| mean(cube, count, &mut work))
    }

    /// Turns of batches, of which `mean` times so many runs.
    ///
    /// A batch takes so long that waiting for its end is a small part of it.
    fn batches_of<'b>(&self, mut mean: impl FnMut(usize) -> Result<f64> + 'b) -> Result<Turn<'b>> {
        let batch = if self.quick { 0.0 } else { 0.02 };
        let count = (batch / mean(3)?).ceil().clamp(1.0, 2000.0) as usize;
        Ok(Box::new(move || mean(count)))
    }

    /// Turns of lists of [`RUNS`] runs of `work`, each list replayed; seconds are per run.
    fn replayed<'b>(&self, cube: &'b Cube, mut work: impl FnMut() + 'b) -> Result<Turn<'b>> {
        let runs = if self.quick { 1 } else { RUNS };
        let mut recording = Recording::default();
        let mut turn = self.batches(cube, move || {
            cube.repeat(&mut recording, || (0..runs).for_each(|_| work()));
        })?;
        Ok(Box::new(move || Ok(turn()? / runs as f64)))
    }

    fn effort(&self) -> Effort {
        Effort {
            budget: Duration::ZERO,
            rounds: if self.quick { 2 } else { 15 },
            warm_up: 0,
        }
    }

    /// Time of each run of `work`.
    fn time(&self, cube: &Cube, work: impl FnMut()) -> Result<Times> {
        self.effort().alone(self.batches(cube, work)?)
    }
}

/// Seconds per run, the mean of `count`.
fn mean(cube: &Cube, count: usize, work: &mut impl FnMut()) -> Result<f64> {
    let start = Instant::now();
    (0..count).for_each(|_| work());
    cube.check()?;
    Ok(start.elapsed().as_secs_f64() / count as f64)
}

fn checker(backend: &Cube, precision: Precision) -> Checker<'_, Cube> {
    Checker {
        backend,
        factor_epsilon: precision.epsilon(),
    }
}

/// The iteration of the game that `part` names; `None` of those that it is not measured for.
fn iteration(gpu: &Gpu<'_>, precision: Precision, part: Part) -> Result<Option<Row>> {
    let memory = gpu.report.memory;
    let (name, config, data) = match part {
        // It would take an emulating processor minutes, and it does not fit into any memory.
        Part::Cifar10Fc if gpu.quick || memory.is_some_and(|it| it <= MEMORY_OF_CIFAR) => {
            return Ok(None);
        }
        Part::Large if gpu.quick || precision != Precision::Bf16 => return Ok(None),
        Part::Cifar10Fc => ("cifar10-fc", preset("cifar10-fc")?, images(10_000, 3072)),
        Part::Large => ("large", large()?, images(IMAGES, PIXELS)),
        _ => ("mnist", preset("mnist")?, images(IMAGES, PIXELS)),
    };
    game(gpu, precision, name, &config, data).map(Some)
}

/// Two players of three layers, 8,192 wide, on minibatches of 8,192 images.
fn large() -> Result<GameConfig> {
    let hidden = format!("{{ units = {LARGE}, activation = \"relu\" }}");
    let layers = format!("layers = [{hidden}, {hidden}, {{ activation = \"sigmoid\" }}]");
    let momentum = "{ initial = 0.5, final = 0.5, from_epoch = 1, to_epoch = 1 }";
    Ok(toml::from_str(&format!(
        "game = {{ minibatch = {LARGE} }}\n\
         optimizer = {{ kind = \"momentum\", learning_rate = 0.001, momentum = {momentum} }}\n\
         generator = {{ latent = 100, {layers} }}\n\
         discriminator = {{ {layers} }}\n"
    ))?)
}

/// The duration of an iteration, as the device replays it.
fn game(
    gpu: &Gpu<'_>,
    precision: Precision,
    name: &str,
    config: &GameConfig,
    data: TrainingData,
) -> Result<Row> {
    let cost = cost::iteration(config, data.records.cols())?;
    let cube = gpu.open(precision)?;
    let mut trainer = Trainer::new(cube.clone(), config, SEED, data)?;
    let times = gpu.time(&cube, || trainer.step())?;
    let name = format!("train_step/{name}");
    Ok(Row::new(name, None, precision.name(), &times).with(cost))
}

/// The operations of an MNIST iteration, each alone.
///
/// An operation that is repeated finds its operands in the caches, as most of an iteration's do:
/// the game's parameters take less than a large GPU's second level holds.
fn operations(gpu: &Gpu<'_>, precision: Precision) -> Result<Vec<Row>> {
    let cube = gpu.open(precision)?;
    let checker = checker(&cube, precision);
    let name = precision.name();
    operations::rows(&checker, &gpu.operations()?, None, name, |_, prepared| {
        // None of these operations reads anything back.
        let run = || prepared.run(&cube).unwrap_or_default();
        gpu.effort().alone(gpu.replayed(&cube, run)?)
    })
}

/// Launches of the MNIST iteration, and what its log costs every 100 iterations.
fn facts(gpu: &Gpu<'_>, precision: Precision) -> Result<Vec<Fact>> {
    let cube = gpu.open(precision)?;
    let mut trainer = mnist_trainer(cube.clone())?;
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
    let ratios = (0..rounds).map(|_| Ok(round(true)? / round(false)? - 1.0));
    let ratios = Times::new(ratios.collect::<Result<_>>()?);
    let Cost { flop, bytes } = cost::iteration(&preset("mnist")?, PIXELS)?;
    Ok(vec![
        Fact::new("mnist/launches", launches, "launches"),
        Fact::new("mnist/replayed", replayed, "of 1"),
        Fact::new("mnist/products", flop, "FLOP"),
        Fact::new("mnist/traffic", bytes, "bytes"),
        Fact::new("mnist/log every 100", ratios.median(), "of the time"),
    ])
}

/// Time per iteration against the number of records on the device.
fn over_records(gpu: &Gpu<'_>, precision: Precision) -> Result<Curve> {
    let counts: &[usize] = if gpu.quick {
        &[200, 400]
    } else {
        &[1_000, 10_000, 100_000, 400_000]
    };
    let config = preset("mnist")?;
    let points = counts.iter().map(|&records| {
        let row = game(gpu, precision, "mnist", &config, images(records, PIXELS))?;
        let at = records as f64;
        Ok(Point { at, row })
    });
    Ok(Curve {
        variable: "records".into(),
        fixed: format!("MNIST game, {precision}"),
        points: points.collect::<Result<_>>()?,
    })
}

/// The Parzen window of 10,000 points under 10,000 samples, and its answer's way back.
fn parzen(gpu: &Gpu<'_>) -> Result<Vec<Row>> {
    let count = if gpu.quick { 60 } else { 10_000 };
    let cube = gpu.open(Precision::F32)?;
    let window = Window::new(cube.clone(), &digits(count)?);
    let row = |sigmas: Vec<f64>| {
        let times = gpu.time(&cube, || {
            // What goes wrong is reported by the check at the end of the batch.
            drop(window.all_logs(&sigmas));
        })?;
        Ok(window_row(count, sigmas.len(), None, &times))
    };
    sigmas().into_iter().map(row).collect()
}

/// The same operation at a tenth of the shape.
fn tiny(mut case: Case) -> Case {
    use gan_kernels::cases::{Shape, linear_bwd_data, linear_bwd_params, linear_fwd};
    let (Op::LinearFwd(linear_fwd::Call { shape, .. })
    | Op::LinearBwdData(linear_bwd_data::Call { shape, .. })
    | Op::LinearBwdParams(linear_bwd_params::Call { shape, .. })) = &mut case.op
    else {
        return case;
    };
    let tenth = |it: usize| it.div_ceil(10);
    *shape = Shape {
        m: tenth(shape.m),
        n: tenth(shape.n),
        k: tenth(shape.k),
    };
    case
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiny_operations_are_small() {
        let cases = mnist_operations().unwrap();
        let tiny: Vec<Case> = cases.into_iter().map(tiny).collect();
        assert!(tiny.iter().all(|case| case.op.flop() < 1_000_000));
        assert!(tiny.iter().filter(|case| case.op.flop() > 0).count() > 18);
    }
}
