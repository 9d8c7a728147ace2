//! Generative adversarial nets as in Goodfellow et al. 2014: the players, the value function and
//! Algorithm 1.
//!
//! Generic over what computes: see [`gan_kernels::Backend`].
//! Nothing here prints, reads a clock or names a device; the only I/O is a [`Checkpoint`]'s file.

mod checkpoint;
mod config;
mod diversity;
mod metrics;
mod mlp;
mod penalty;
mod sample;
mod train;

pub use checkpoint::{Checkpoint, CheckpointError, FORMAT_VERSION};
pub use config::{
    AutoGamma, ConfigError, DiscriminatorConfig, GameConfig, Gamma, GeneratorConfig,
    GeneratorObjective, LayerConfig, LossConfig, OptimizerConfig, OutputBias, PenaltyConfig,
    PenaltyOn, RulesConfig, ScheduleConfig, Updates,
};
pub use diversity::{Diversity, Spread};
/// The kernels' words that stand in a configuration.
pub use gan_kernels::{ActivationKind, Momentum, Prior};
pub use metrics::Metrics;
pub use mlp::{InputDropout, LayerSpec, Mlp, Optimizer, Pass, Tape};
pub use sample::Sampler;
pub use train::{Moves, Trainer, TrainingData};
