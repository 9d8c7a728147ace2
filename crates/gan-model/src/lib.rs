//! Generative adversarial nets as in Goodfellow et al. 2014.

mod config;

pub use config::{
    ActivationConfig, ConfigError, DiscriminatorConfig, GameConfig, GeneratorConfig,
    GeneratorObjective, LayerConfig, MomentumConfig, OptimizerConfig, OutputBias, PriorConfig,
    RulesConfig, ScheduleConfig, Updates,
};
