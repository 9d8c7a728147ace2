//! Nothing that an iteration consists of allocates once everything has run at its largest shape.
//!
//! The allocations of every thread are counted, so the tests run on the main thread, one after the
//! other: Rust's own harness keeps a thread beside the tests, which allocates when it likes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ops::Range;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use gan_kernels::cases::{self, Checker, Op, linear_bwd_data, linear_bwd_params, linear_fwd};
use gan_kernels::{Computed, Native, Real, Records, Values};
use gan_model::{GameConfig, Trainer, TrainingData};
use libtest_mimic::{Arguments, Failed, Trial};

/// Counts the allocations of all threads.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

/// Bytes that are allocated and not given back.
static HELD: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator; only a counter is added.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::SeqCst);
        HELD.fetch_add(layout.size(), Ordering::SeqCst);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::SeqCst);
        HELD.fetch_add(size, Ordering::SeqCst);
        HELD.fetch_sub(layout.size(), Ordering::SeqCst);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(start, layout, size) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::SeqCst);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(start, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // One thread is the main thread: no other is started.
    arguments.test_threads = Some(1);
    let trial = |name, test: fn() -> Result<()>| {
        Trial::test(name, move || {
            test().map_err(|error| Failed::from(format!("{error:#}")))
        })
    };
    let trials = vec![
        trial("operations_in_f32_allocate_nothing", operations_in_f32),
        trial("operations_in_f64_allocate_nothing", operations_in_f64),
        trial("a_hundred_iterations_allocate_nothing", iterations),
        trial("games_hold_the_memory_that_is_estimated", estimates),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The allocations of `rounds` runs of the case table's operations after a first.
fn operations<T: Real>(rounds: usize, is_left_out: fn(&Op) -> bool) -> Result<()> {
    let native = Native::<T>::new(Some(3))?;
    let checker = Checker::new(&native);
    // A log-likelihood is no part of an iteration, and returns its result in a new vector.
    let is_counted = |op: &Op| !matches!(op, Op::Parzen(_)) && !is_left_out(op);
    let mut prepared: Vec<_> = cases::all()
        .filter(|case| is_counted(&case.op))
        .map(|case| checker.prepare(case))
        .collect();
    let mut round = || prepared.iter_mut().try_for_each(|case| case.run(&native));
    round()?;
    let before = ALLOCATIONS.load(Ordering::SeqCst);
    for _ in 0..rounds {
        round()?;
    }
    let count = ALLOCATIONS.load(Ordering::SeqCst) - before;
    anyhow::ensure!(count == 0, "{count} allocations");
    Ok(())
}

fn operations_in_f32() -> Result<()> {
    operations::<f32>(100, |op| match op {
        Op::LinearFwd(linear_fwd::Call { shape, .. })
        | Op::LinearBwdData(linear_bwd_data::Call { shape, .. })
        | Op::LinearBwdParams(linear_bwd_params::Call { shape, .. }) => {
            shape.m * shape.n * shape.k > 4_000_000
        }
        _ => false,
    })
}

fn operations_in_f64() -> Result<()> {
    operations::<f64>(2, |_| false)
}

fn iterations() -> Result<()> {
    for (name, text) in games() {
        let config: GameConfig = toml::from_str(&text)?;
        let computed = Computed::new(150, |_, row: &mut [f32]| {
            row.fill(0.5);
            row[98..].copy_from_slice(&LEVELS);
        });
        let data = TrainingData {
            records: Records::new(100, Values::Computed(computed)),
            mean: vec![0.5; 100],
            heads: Vec::new(),
            given: given(&config),
        };
        let backend = Native::<f32>::new(Some(2))?;
        let mut trainer = Trainer::new(backend, &config, 1, data)?;
        (0..3).for_each(|_| trainer.step());
        let before = ALLOCATIONS.load(Ordering::SeqCst);
        (0..100).for_each(|_| trainer.step());
        let metrics = trainer.take_metrics()?;
        let count = ALLOCATIONS.load(Ordering::SeqCst) - before;
        anyhow::ensure!(count == 0, "{name}: {count} allocations");
        anyhow::ensure!(metrics.step == 103, "{name}: {} steps", metrics.step);
    }
    Ok(())
}

/// The last values of a record, the levels of what may be a condition.
const LEVELS: [f32; 2] = [0.0, 1.0];

/// The condition, if the game has one.
fn given(config: &GameConfig) -> Vec<Range<usize>> {
    let names = config.game.condition.iter();
    names.map(|_| 98..100).collect()
}

/// A program that asks for the memory first must not be told too little or far too much.
fn estimates() -> Result<()> {
    for (name, text) in games() {
        let mut config: GameConfig = toml::from_str(&text)?;
        // So many that what does not depend on them, such as threads, hardly counts.
        config.game.minibatch = 6000;
        estimate(&name, &config)?;
        if config.game.pack == 2 {
            config.game.microbatches = 6;
            estimate(&format!("{name} in microbatches"), &config)?;
        }
    }
    Ok(())
}

fn estimate(name: &str, config: &GameConfig) -> Result<()> {
    let data = TrainingData {
        records: Records::new(
            100,
            Values::Floats([vec![0.5; 98], LEVELS.to_vec()].concat().repeat(150)),
        ),
        mean: vec![0.5; 100],
        heads: Vec::new(),
        given: given(config),
    };
    let backend = Native::<f32>::new(Some(2))?;
    let before = HELD.load(Ordering::SeqCst);
    let mut trainer = Trainer::new(backend, config, 1, data)?;
    trainer.step();
    let held = (HELD.load(Ordering::SeqCst) - before) as f64;
    let ratio = held / (4.0 * config.values(100, 1));
    // Beside the matrices there is what products pack their factors into: half as much again, and a
    // tenth where no zeros are left out.
    anyhow::ensure!(
        (1.05..1.8).contains(&ratio),
        "{name}: {held} bytes, {ratio} of the matrices that are estimated"
    );
    Ok(())
}

/// The games and what each is: both optimisers, orders of updates and numbers of steps, and what came
/// after 2014, which are packed records, a penalty, averages and limits.
fn games() -> Vec<(String, String)> {
    let momentum = r#"{ kind = "momentum", learning_rate = 0.01, max_column_norm = 1.9,
        schedule = { kind = "exponential", decay = 1.001, floor = 1e-6 } }"#;
    let adam = r#"{ kind = "adam", learning_rate = 1e-3, beta1 = 0.5 }"#;
    let zero = r#"pack = 2, penalty = { kind = "zero-centred", gamma = 1.0, on = "both" }"#;
    let unit = r#"pack = 2, penalty = { kind = "unit-norm", weight = 1.0 }"#;
    let paper = ["", "", "0.8"];
    let later = ["average = 0.99", "max_spectral_norm = 2.0", "1.0"];
    [
        (momentum, String::new(), paper),
        (adam, "discriminator_steps = 3".into(), paper),
        (momentum, r#"updates = "simultaneous""#.into(), paper),
        (adam, format!(r#"loss = "relativistic", {zero}"#), later),
        (
            adam,
            format!(r#"loss = "wasserstein", discriminator_steps = 2, {unit}"#),
            later,
        ),
        (
            momentum,
            r#"condition = ["a"], condition_by = "log-frequency""#.into(),
            later,
        ),
    ]
    .map(|(optimizer, rules, [average, limit, keep])| {
        let rules_of = if rules.is_empty() {
            String::new()
        } else {
            format!(", {rules}")
        };
        let text = format!(
            r#"
            game = {{ minibatch = 60{rules_of} }}
            optimizer = {optimizer}
            [generator]
            latent = 20
            prior = "spherical"
            output_bias = "marginals"
            {average}
            layers = [{{ units = 150, activation = "relu" }}, {{ activation = "sigmoid" }}]
            [discriminator]
            {limit}
            layers = [
                {{ units = 40, activation = "maxout", pieces = 5, keep = {keep} }},
                {{ units = 30, activation = "maxout", pieces = 5, keep = {keep} }},
                {{ activation = "sigmoid" }},
            ]
            "#
        );
        (format!("{optimizer}, {rules}"), text)
    })
    .into()
}
