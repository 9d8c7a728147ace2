//! A game on records of one's own, from a `Vec<f32>`: trained, saved half-way, continued from the file
//! with the same bits, and sampled.
//!
//! ```text
//! cargo run --release --example 02-own-game
//! ```
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::f32::consts::TAU;

use gan_model::{
    Checkpoint, GameConfig, GeneratorObjective, Native, Sampler, Trainer, TrainingData,
};

const STEPS: u64 = 4000;

fn main() -> Result<(), Box<dyn Error>> {
    // 2,000 records of two values, row-major: a spiral.
    let turns = (0..2000).map(|i| i as f32 / 2000.0);
    let rows: Vec<f32> = turns
        .flat_map(|turn| {
            [
                turn * (2.0 * TAU * turn).cos(),
                turn * (2.0 * TAU * turn).sin(),
            ]
        })
        .collect();
    let data = || TrainingData::from_rows(2, rows.clone());

    // Latents of four values, two hidden layers of 64 units in each player.
    let mut config = GameConfig::new(4, &[64, 64]).with_minibatch(64);
    config.game.generator_objective = GeneratorObjective::NonSaturating;
    let backend = Native::<f32>::new(None)?; // On all threads; their number changes no bits.
    let path = std::env::temp_dir().join(format!("spiral-{}.safetensors", std::process::id()));

    let mut trainer = Trainer::new(backend.clone(), &config, 1, data()?)?;
    for step in 1..=STEPS {
        trainer.step();
        if step % 500 == 0 {
            let metrics = trainer.take_metrics()?; // Means since the last time.
            println!(
                "step {step:4}: V = {:.3} nats, D(x) {:.2}, D(G(z)) {:.2}",
                metrics.value, metrics.d_data, metrics.d_samples
            );
        }
        if step == STEPS / 2 {
            trainer
                .checkpoint(config.to_toml()?, Default::default())?
                .save(&path)?;
        }
    }

    // The second half once more, from the file.
    let checkpoint = Checkpoint::load(&path)?;
    let mut again = Trainer::new(backend.clone(), &config, 1, data()?)?;
    again.restore(&checkpoint)?;
    while again.steps_done() < STEPS {
        again.step();
    }
    let samples = trainer.sample(9, 0, 5)?;
    assert_eq!(samples, again.sample(9, 0, 5)?);
    println!("continued from step {}: the same bits", STEPS / 2);

    // A checkpoint is all that samples need; number 3 is the same however many are drawn.
    let mut sampler = Sampler::from_checkpoint(backend, &checkpoint)?;
    assert_eq!(sampler.sample(9, 0, 5)?[6..8], sampler.sample(9, 3, 1)?);
    for sample in samples.chunks_exact(2) {
        println!("  {:6.3} {:6.3}", sample[0], sample[1]);
    }
    std::fs::remove_file(&path)?;
    Ok(())
}
