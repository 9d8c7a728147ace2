//! Whole runs, from a preset and data to the loss curve: back ends against each other, and what
//! training must achieve.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // What a test cannot unwrap has failed it.

use gan_data::{DataConfig, Dataset};
use gan_kernels::{Native, Real};
use gan_model::{GameConfig, Metrics};
use gan_run::config::RunConfig;
use gan_tests::{preset, trainer};

fn processor<T: Real>() -> Native<T> {
    Native::new(Some(2)).unwrap()
}

/// Metrics of every step.
fn curve<T: Real>(game: &GameConfig, data: &Dataset, steps: usize) -> Vec<Metrics> {
    let mut trainer = trainer(processor::<T>(), game, data);
    let step = |_| {
        trainer.step();
        trainer.take_metrics().unwrap()
    };
    (0..steps).map(step).collect()
}

/// f32 follows f64 step by step until rounding has grown to `tolerance`: the dynamics of a game
/// amplify it, so the tolerance is for this many steps.
fn assert_f32_follows_f64(game: &GameConfig, data: &Dataset, steps: usize, tolerance: f64) {
    let single = curve::<f32>(game, data, steps);
    let double = curve::<f64>(game, data, steps);
    for (single, double) in single.iter().zip(&double) {
        let numbers = |m: &Metrics| {
            let objectives = [m.discriminator_objective, m.generator_objective];
            [m.value, m.d_data, m.d_samples, objectives[0], objectives[1]]
        };
        for (found, expected) in numbers(single).into_iter().zip(numbers(double)) {
            let step = double.step;
            assert!(
                (found - expected).abs() <= tolerance,
                "step {step}: {found} in f32, {expected} in f64"
            );
        }
    }
}

#[test]
fn f32_follows_f64_on_drawn_digits() {
    let (mut game, data) = preset("digits", 600);
    game.game.minibatch = 20;
    assert_f32_follows_f64(&game, &data, 25, 2e-3);
}

#[test]
fn f32_follows_f64_on_the_authors_game_with_real_mnist() {
    let Some(folder) = std::env::var_os("GAN_DATA_DIR") else {
        println!("skipped: GAN_DATA_DIR names no folder with MNIST");
        return;
    };
    let mut game = RunConfig::preset("mnist").unwrap().game();
    let source = std::path::Path::new(&folder).join("mnist");
    let data = gan_data::load(&DataConfig::new(source.display().to_string()), 7).unwrap();
    // Smaller players keep the f64 run short; the layers are the authors'.
    let layers = game.generator.layers.iter_mut();
    for layer in layers.chain(&mut game.discriminator.layers) {
        layer.units = layer.units.map(|units| units / 4);
    }
    assert_f32_follows_f64(&game, &data, 25, 2e-3);
}

#[test]
fn ring8_training_reaches_the_ring() {
    let (game, data) = preset("ring8", 5000);
    let mut trainer = trainer(processor::<f32>(), &game, &data);
    let near = |samples: &[f32]| {
        let radius = |point: &[f32]| point[0].hypot(point[1]);
        let on_ring = samples
            .chunks(2)
            .filter(|p| (radius(p) - 1.0).abs() < 0.1)
            .count();
        on_ring as f64 / (samples.len() / 2) as f64
    };
    let before = near(&trainer.sample(1, 0, 500).unwrap());
    (0..1500).for_each(|_| trainer.step());
    let after = near(&trainer.sample(1, 0, 500).unwrap());
    assert!(
        after > 0.5 && after > before + 0.2,
        "{before} of samples on the ring, then {after}"
    );
}
