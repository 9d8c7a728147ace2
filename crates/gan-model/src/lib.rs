//! Generative adversarial nets as in Goodfellow et al. 2014: the players, the value function and
//! Algorithm 1.
//!
//! Generic over what computes: see [`gan_kernels::Backend`].
//! Nothing here prints, reads a clock or names a device; the only I/O is a [`Checkpoint`]'s file.

mod checkpoint;
mod config;
mod metrics;
mod mlp;
mod sample;
mod train;

pub use checkpoint::{Checkpoint, CheckpointError, FORMAT_VERSION};
pub use config::{
    ActivationConfig, ConfigError, DiscriminatorConfig, GameConfig, GeneratorConfig,
    GeneratorObjective, LayerConfig, MomentumConfig, OptimizerConfig, OutputBias, PriorConfig,
    RulesConfig, ScheduleConfig, Updates,
};
pub use metrics::Metrics;
pub use mlp::Mlp;
pub use sample::Sampler;
pub use train::{Moves, Trainer, TrainingData};
