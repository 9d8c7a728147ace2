//! Criterion benches, to see whether a change made something slower.
//!
//! Only the benches that were asked for prepare their operands.

use crate::cost::{self, on_processors};
use crate::game::{GAMES, PIXELS, mnist_operations, mnist_trainer, preset};
use crate::tasks::{SAMPLES, Window, digits, sigmas};
use anyhow::Result;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput};
use gan_kernels::Native;
use gan_kernels::cases::Checker;

/// Points and samples of the Parzen windows.
const POINTS: usize = 2000;

/// Runs the benches that the command line names.
///
/// # Errors
/// If something that a bench needs cannot be prepared.
pub fn run() -> Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    operations(&mut criterion)?;
    iterations(&mut criterion)?;
    tasks(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Benches `run` on what `make` makes, which is made once and only if the bench runs.
fn lazily<T>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    flop: f64,
    make: impl Fn() -> Result<T>,
    mut run: impl FnMut(&mut T),
) -> Result<()> {
    if flop > 0.0 {
        // Of FLOP, not of bytes: criterion calls both elements.
        group.throughput(Throughput::Elements(flop as u64));
    }
    let (mut made, mut failure) = (None, None);
    group.bench_function(name, |bencher| {
        if made.is_none() && failure.is_none() {
            match make() {
                Ok(it) => made = Some(it),
                Err(error) => failure = Some(error),
            }
        }
        match &mut made {
            Some(it) => bencher.iter(|| run(it)),
            None => bencher.iter(|| ()),
        }
    });
    failure.map_or(Ok(()), Err)
}

fn operations(criterion: &mut Criterion) -> Result<()> {
    let native = Native::<f32>::new(Some(threads()))?;
    let checker = Checker::new(&native);
    for case in on_processors(&mnist_operations()?) {
        let mut group = criterion.benchmark_group("op");
        group.sample_size(20);
        let make = || {
            checker.check(&case)?;
            Ok(checker.prepare(&case))
        };
        let flop = case.op.flop() as f64;
        lazily(&mut group, &case.to_string(), flop, make, |it| {
            // The processor's operations do not fail.
            it.run(&native).unwrap_or_default();
        })?;
        group.finish();
    }
    Ok(())
}

fn iterations(criterion: &mut Criterion) -> Result<()> {
    for game in &GAMES {
        let mut group = criterion.benchmark_group("train_step");
        group.sample_size(if game.is_heavy { 10 } else { 20 });
        group.sampling_mode(SamplingMode::Flat);
        let make = || game.trainer(threads(), "f32");
        lazily(&mut group, game.name, game.cost()?.flop, make, |it| {
            it.step()
        })?;
        group.finish();
    }
    Ok(())
}

fn tasks(criterion: &mut Criterion) -> Result<()> {
    let mut group = criterion.benchmark_group("parzen");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    let flop = 2.0 * (POINTS * POINTS * PIXELS) as f64;
    for sigmas in sigmas() {
        let name = format!("{POINTS}x{POINTS}x{PIXELS}/{} sigmas", sigmas.len());
        let make = || {
            let native = Native::<f32>::new(Some(threads()))?;
            Ok(Window::new(native, &digits(POINTS)?))
        };
        lazily(&mut group, &name, flop, make, |it| {
            // The processor's operations do not fail.
            drop(it.all_logs(&sigmas));
        })?;
    }
    group.finish();

    let mut group = criterion.benchmark_group("sample");
    group.sample_size(20);
    let flop = cost::sampling(&preset("mnist")?, PIXELS, SAMPLES)?.flop;
    let name = format!("mnist/{SAMPLES} images");
    let make = || mnist_trainer(Native::<f32>::new(Some(threads()))?);
    lazily(&mut group, &name, flop, make, |it| {
        drop(it.sample(1, 0, SAMPLES));
    })?;
    group.finish();
    Ok(())
}
