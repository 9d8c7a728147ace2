//! A game of one's own on records of one's own, by the published crates alone: a ring with a gap is
//! learnt, saved, loaded and drawn from.

use std::error::Error;
use std::f32::consts::TAU;

use gan_model::{
    Checkpoint, GameConfig, GeneratorObjective, Native, Sampler, Trainer, TrainingData,
};

fn main() -> Result<(), Box<dyn Error>> {
    // 600 records of two values: three quarters of a circle.
    let angles = (0..600).map(|i| 0.75 * TAU * i as f32 / 600.0);
    let rows: Vec<f32> = angles
        .flat_map(|angle| [angle.cos(), angle.sin()])
        .collect();
    let data = TrainingData::from_rows(2, rows)?;

    let mut config = GameConfig::new(2, &[24, 24]).with_minibatch(32);
    config.game.generator_objective = GeneratorObjective::NonSaturating;
    config.generator.latent = 3;

    let backend = Native::<f32>::new(Some(1))?;
    let mut trainer = Trainer::new(backend.clone(), &config, 7, data)?;
    for _ in 0..200 {
        trainer.step();
    }
    let metrics = trainer.take_metrics()?;
    println!(
        "after {} steps, V(D, G) = {:.3} nats",
        metrics.step, metrics.value
    );

    let path = std::env::temp_dir().join(format!("outside-{}.safetensors", std::process::id()));
    trainer
        .checkpoint(config.to_toml()?, Default::default())?
        .save(&path)?;
    let checkpoint = Checkpoint::load(&path)?;
    std::fs::remove_file(&path)?;
    let mut sampler = Sampler::from_checkpoint(backend, &checkpoint)?;
    let samples = sampler.sample(1, 0, 256)?;

    assert_eq!(
        samples,
        trainer.sample(1, 0, 256)?,
        "a checkpoint draws what its game draws"
    );
    assert_eq!(samples.len(), 256 * 2);
    assert!(samples.iter().all(|value| value.is_finite()));
    let mean_radius = samples
        .chunks_exact(2)
        .map(|x| x[0].hypot(x[1]))
        .sum::<f32>()
        / 256.0;
    println!("256 samples, {mean_radius:.2} from the centre on average");
    Ok(())
}
