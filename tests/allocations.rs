//! Nothing that an iteration consists of allocates once everything has run at its largest shape.
//!
//! The allocations of every thread are counted, so the tests run on the main thread, one after the
//! other: Rust's own harness keeps a thread beside the tests, which allocates when it likes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use gan_kernels::cases::{self, Checker, Op, linear_bwd_data, linear_bwd_params, linear_fwd};
use gan_kernels::{Backend, Native, Real, Records, Values};
use gan_model::{
    ActivationKind, DiscriminatorConfig, GameConfig, Gamma, GeneratorConfig, GeneratorObjective,
    LayerConfig, LossConfig, OptimizerConfig, OutputBias, PenaltyConfig, PenaltyOn, Prior,
    RulesConfig, ScheduleConfig, Trainer, TrainingData, Updates,
};
use libtest_mimic::{Arguments, Failed, Trial};

/// Counts the allocations of all threads.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator; only a counter is added.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::SeqCst);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::SeqCst);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(start, layout, size) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
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
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The allocations of `rounds` runs of the case table's operations after a first.
fn operations<T: Real>(rounds: usize, is_left_out: fn(&Op) -> bool) -> Result<()> {
    let native = Native::<T>::new(Some(3))?;
    let matrix = |rows, cols| native.matrix(rows, cols);
    let checker = Checker::new(&native, &matrix);
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
    let momentum = OptimizerConfig::Momentum {
        learning_rate: 0.01,
        schedule: ScheduleConfig::Exponential {
            decay: 1.001,
            floor: 1e-6,
        },
        momentum: Default::default(),
        max_column_norm: Some(1.9),
    };
    let adam = OptimizerConfig::Adam {
        learning_rate: 1e-3,
        schedule: ScheduleConfig::Constant,
        beta1: 0.5,
        beta2: 0.999,
        epsilon: 1e-8,
        max_column_norm: None,
    };
    for config in [
        config(Updates::Alternating, momentum, 1),
        config(Updates::Alternating, adam, 3),
        config(Updates::Simultaneous, momentum, 1),
        later(
            config(Updates::Alternating, adam, 1),
            LossConfig::Relativistic,
        ),
        later(
            config(Updates::Alternating, adam, 2),
            LossConfig::Wasserstein,
        ),
    ] {
        let RulesConfig { updates, loss, .. } = config.game;
        let records = Records::new(100, Values::Floats(vec![0.5; 100 * 150]));
        let data = TrainingData {
            records,
            mean: vec![0.5; 100],
        };
        let backend = Native::<f32>::new(Some(2))?;
        let mut trainer = Trainer::new(backend, &config, 1, data)?;
        (0..3).for_each(|_| trainer.step());
        let before = ALLOCATIONS.load(Ordering::SeqCst);
        (0..100).for_each(|_| trainer.step());
        let metrics = trainer.take_metrics()?;
        let count = ALLOCATIONS.load(Ordering::SeqCst) - before;
        anyhow::ensure!(count == 0, "{updates:?}, {loss:?}: {count} allocations");
        anyhow::ensure!(
            metrics.step == 103,
            "{updates:?}, {loss:?}: {} steps",
            metrics.step
        );
    }
    Ok(())
}

/// The game with what came after 2014: packed records, a penalty, averages, limits.
fn later(mut config: GameConfig, loss: LossConfig) -> GameConfig {
    config.game.loss = loss;
    config.game.pack = 2;
    config.game.penalty = Some(match loss {
        LossConfig::Wasserstein => PenaltyConfig::UnitNorm { weight: 1.0 },
        _ => PenaltyConfig::ZeroCentred {
            gamma: Gamma::Fixed(1.0),
            on: PenaltyOn::Both,
        },
    });
    config.generator.average = Some(0.99);
    config.discriminator.max_spectral_norm = Some(2.0);
    let layers = &mut config.discriminator.layers;
    layers.iter_mut().for_each(|layer| layer.keep = 1.0);
    config
}

fn layer(units: Option<usize>, activation: ActivationKind) -> LayerConfig {
    let is_maxout = activation == ActivationKind::Maxout;
    LayerConfig {
        units,
        activation,
        pieces: is_maxout.then_some(5),
        slope: None,
        init: None,
        bias: 0.0,
        keep: if is_maxout { 0.8 } else { 1.0 },
        scale: None,
    }
}

fn config(updates: Updates, optimizer: OptimizerConfig, steps: usize) -> GameConfig {
    use ActivationKind::{Maxout, Relu, Sigmoid};
    GameConfig {
        generator: GeneratorConfig {
            latent: 20,
            prior: Prior::Spherical,
            output_bias: OutputBias::Marginals,
            layers: vec![layer(Some(150), Relu), layer(None, Sigmoid)],
            average: None,
            optimizer: None,
        },
        discriminator: DiscriminatorConfig {
            layers: vec![
                layer(Some(40), Maxout),
                layer(Some(30), Maxout),
                layer(None, Sigmoid),
            ],
            max_spectral_norm: None,
            optimizer: None,
        },
        optimizer,
        game: RulesConfig {
            updates,
            discriminator_steps: steps,
            minibatch: 60,
            generator_objective: GeneratorObjective::NonSaturating,
            discriminator_weight: 1.0,
            loss: LossConfig::CrossEntropy,
            penalty: None,
            pack: 1,
        },
    }
}
