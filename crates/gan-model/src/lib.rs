//! Generative adversarial nets as in Goodfellow et al. 2014: the players, the value function and
//! Algorithm 1.
//!
//! Records come in as a [`TrainingData`], a [`GameConfig`] says what is played, a [`Trainer`] plays
//! it, and a [`Sampler`] draws from the generator that a [`Checkpoint`] holds:
//!
//! ```
//! use gan_model::{Checkpoint, GameConfig, Native, Sampler, Trainer, TrainingData};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // 500 records of two values, row-major: points on a circle.
//! let rows: Vec<f32> = (0..500)
//!     .map(|i| i as f32 * std::f32::consts::TAU / 500.0)
//!     .flat_map(|angle| [angle.cos(), angle.sin()])
//!     .collect();
//! let data = TrainingData::from_rows(2, rows)?;
//! // Latents of 2 values, and two hidden layers of 16 units in each player.
//! let config = GameConfig::new(2, &[16, 16]).with_minibatch(16);
//! let backend = Native::<f32>::new(None)?;
//! let mut trainer = Trainer::new(backend.clone(), &config, 1, data)?;
//! for _ in 0..20 {
//!     trainer.step(); // A game worth looking at takes some thousands.
//! }
//! println!("V(D, G) = {:.3} nats", trainer.take_metrics()?.value);
//!
//! let path = std::env::temp_dir().join("circle.safetensors");
//! trainer.checkpoint(config.to_toml()?, Default::default())?.save(&path)?;
//! let checkpoint = Checkpoint::load(&path)?;
//! let mut sampler = Sampler::from_checkpoint(backend, &checkpoint)?;
//! let samples = sampler.sample(7, 0, 100)?; // Numbers 0 to 99 of seed 7.
//! assert_eq!(samples.len(), 100 * sampler.cols());
//! assert_eq!(samples, trainer.sample(7, 0, 100)?);
//! # std::fs::remove_file(&path)?;
//! # Ok(())
//! # }
//! ```
//!
//! Generic over what computes: see [`Backend`], of which [`Native`] is the processor's; a GPU's is
//! `gan_kernels::cube::Cube`, in a program that asks for the feature `wgpu`, `cuda` or another one
//! of `gan-kernels`.
//! Nothing here prints, reads a clock or names a device; the only I/O is a [`Checkpoint`]'s file.

mod checkpoint;
mod conditions;
mod config;
mod data;
mod diversity;
mod heads;
mod layers;
mod metrics;
mod mlp;
pub mod parallel;
mod penalty;
mod sample;
mod train;

pub use checkpoint::{Checkpoint, CheckpointError, FORMAT_VERSION, MOST_STEPS};
pub use conditions::{Conditions, Shares};
pub use config::{
    AutoGamma, ConditionBy, ConfigError, DiscriminatorConfig, GameConfig, Gamma, GeneratorConfig,
    GeneratorObjective, LayerConfig, LossConfig, MOST_DISCRIMINATOR_STEPS, OptimizerConfig,
    OutputBias, PenaltyConfig, PenaltyOn, RulesConfig, ScheduleConfig, Updates,
};
pub use data::TrainingData;
pub use diversity::{Diversity, Spread};
/// The kernels, of which a program that trains on a GPU opens one of `gan_kernels::cube`.
pub use gan_kernels;
/// The back end of the processor, records, errors, and the words that stand in a configuration.
pub use gan_kernels::{
    ActivationKind, Affine, Backend, BackendError, ByteScale, Momentum, Native, Prior, Records,
    RecordsError, Values,
};
pub use layers::LayerValues;
pub use metrics::Metrics;
pub use mlp::{InputDropout, LayerSpec, Mlp, Optimizer, Pass, Tape};
pub use sample::Sampler;
pub use train::{Moves, Phase, Trainer};
