//! An iteration allocates nothing once everything has run at its largest shape.
#![allow(clippy::unwrap_used)] // What a test cannot unwrap has failed it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use gan_kernels::{Native, Records, Values};
use gan_model::{
    ActivationConfig, DiscriminatorConfig, GameConfig, GeneratorConfig, GeneratorObjective,
    LayerConfig, OptimizerConfig, OutputBias, PriorConfig, RulesConfig, ScheduleConfig, Trainer,
    TrainingData, Updates,
};

/// Counts the allocations of all threads.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is ours.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is ours.
        unsafe { System.dealloc(pointer, layout) };
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is ours.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn layer(units: Option<usize>, activation: ActivationConfig) -> LayerConfig {
    LayerConfig {
        units,
        activation,
        pieces: (activation == ActivationConfig::Maxout).then_some(5),
        slope: None,
        init: None,
        bias: 0.0,
        keep: if activation == ActivationConfig::Maxout {
            0.8
        } else {
            1.0
        },
        scale: None,
    }
}

fn config(updates: Updates, optimizer: OptimizerConfig, steps: usize) -> GameConfig {
    use ActivationConfig::{Maxout, Relu, Sigmoid};
    GameConfig {
        generator: GeneratorConfig {
            latent: 20,
            prior: PriorConfig::Spherical,
            output_bias: OutputBias::Marginals,
            layers: vec![layer(Some(150), Relu), layer(None, Sigmoid)],
            optimizer: None,
        },
        discriminator: DiscriminatorConfig {
            layers: vec![
                layer(Some(40), Maxout),
                layer(Some(30), Maxout),
                layer(None, Sigmoid),
            ],
            optimizer: None,
        },
        optimizer,
        game: RulesConfig {
            updates,
            discriminator_steps: steps,
            minibatch: 60,
            generator_objective: GeneratorObjective::NonSaturating,
            discriminator_weight: 1.0,
        },
    }
}

// One test in this file: another one on another thread would be counted too.
#[test]
fn a_hundred_iterations_allocate_nothing_after_warm_up() {
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
    for (updates, optimizer, steps) in [
        (Updates::Alternating, momentum, 1),
        (Updates::Alternating, adam, 3),
        (Updates::Simultaneous, momentum, 1),
    ] {
        let records = Records::new(100, Values::Floats(vec![0.5; 100 * 150]));
        let data = TrainingData {
            records,
            mean: vec![0.5; 100],
        };
        let backend = Native::<f32>::new(Some(2)).unwrap();
        let config = config(updates, optimizer, steps);
        let mut trainer = Trainer::new(backend, &config, 1, data).unwrap();
        (0..3).for_each(|_| trainer.step());
        let mut hundred = |end| {
            let before = ALLOCATIONS.load(Ordering::Relaxed);
            (0..100).for_each(|_| trainer.step());
            let metrics = trainer.take_metrics().unwrap();
            assert_eq!(metrics.step, end);
            ALLOCATIONS.load(Ordering::Relaxed) - before
        };
        // Threads that are not ours, such as the one that waits for this test, allocate now and
        // then on a busy machine; what an iteration allocates shows in every hundred.
        let counts = [103, 203, 303].map(&mut hundred);
        assert!(counts.contains(&0), "{updates:?}: {counts:?} allocations");
    }
}
