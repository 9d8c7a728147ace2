//! A configuration's words as layers, optimisers and schedules.

use gan_kernels::random::{Address, Purpose, Stream};
use gan_kernels::{Activation, Adam, LearningRate, Momentum, Update};

use super::{GameConfig, GeneratorConfig, LayerConfig, OptimizerConfig, ScheduleConfig};
use crate::mlp::{InputDropout, LayerSpec, Optimizer};

/// A player, as the addresses of random numbers tell the two apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Player {
    Generator,
    Discriminator,
}

impl Player {
    /// Number of the player's first layer in the addresses of dropout masks.
    fn first_masked_layer(self) -> usize {
        match self {
            Self::Discriminator => 0,
            Self::Generator => 256,
        }
    }
}

impl OptimizerConfig {
    /// η before the first update.
    #[must_use]
    pub fn initial_rate(self) -> f64 {
        self.common().0
    }

    /// The schedule of η.
    #[must_use]
    pub fn schedule(self) -> ScheduleConfig {
        self.common().1
    }

    /// The same, to be changed.
    pub fn schedule_mut(&mut self) -> &mut ScheduleConfig {
        let (Self::Momentum { schedule, .. } | Self::Adam { schedule, .. }) = self;
        schedule
    }

    /// What both rules have: η before the first update, its schedule, and the largest norm of the
    /// weights into one unit.
    pub(super) fn common(self) -> (f64, ScheduleConfig, Option<f64>) {
        let (Self::Momentum {
            learning_rate,
            schedule,
            max_column_norm,
            ..
        }
        | Self::Adam {
            learning_rate,
            schedule,
            max_column_norm,
            ..
        }) = self;
        (learning_rate, schedule, max_column_norm)
    }

    /// η as the schedule has it.
    pub(crate) fn learning_rate(self) -> LearningRate {
        let (initial, schedule, _) = self.common();
        match schedule {
            ScheduleConfig::Constant => LearningRate::Constant { initial },
            ScheduleConfig::Exponential { decay, floor } => LearningRate::Exponential {
                initial,
                decay,
                floor,
            },
            ScheduleConfig::Linear { floor, updates } => LearningRate::Linear {
                initial,
                floor,
                updates,
            },
        }
    }

    /// μ as the schedule has it; 0 for Adam.
    pub(crate) fn momentum_schedule(self) -> Momentum {
        match self {
            Self::Momentum { momentum, .. } => momentum,
            Self::Adam { .. } => Momentum::constant(0.0),
        }
    }

    /// The kernels' update.
    pub(crate) fn update(self) -> Update {
        match self {
            Self::Momentum { .. } => Update::Momentum,
            Self::Adam {
                beta1,
                beta2,
                epsilon,
                ..
            } => Update::Adam(Adam {
                beta1,
                beta2,
                epsilon,
            }),
        }
    }

    pub(crate) fn optimizer(self) -> Optimizer {
        Optimizer {
            update: self.update(),
            max_column_norm: self.common().2,
        }
    }
}

impl GeneratorConfig {
    /// G's layers for records of `cols` values, of which `given` are conditions, with the random
    /// numbers of `seed`.
    pub(crate) fn layer_specs(&self, cols: usize, given: usize, seed: u64) -> Vec<LayerSpec> {
        let ends = [self.latent + given, cols];
        specs(Player::Generator, &self.layers, ends, seed)
    }
}

impl GameConfig {
    /// D's layers for records of `cols` values, with the random numbers of `seed`.
    pub(crate) fn discriminator_specs(&self, cols: usize, seed: u64) -> Vec<LayerSpec> {
        let (layers, ends) = (&self.discriminator.layers, [self.game.pack * cols, 1]);
        let mut specs = specs(Player::Discriminator, layers, ends, seed);
        if let Some(output) = specs.last_mut() {
            // D returns logits; its sigmoid is in the objectives, where it cannot overflow.
            output.act = Activation::Identity;
        }
        specs
    }
}

fn specs(
    player: Player,
    layers: &[LayerConfig],
    [input, output]: [usize; 2],
    seed: u64,
) -> Vec<LayerSpec> {
    let mut inputs = input;
    let spec = |(index, layer): (usize, &LayerConfig)| {
        let units = layer.units.unwrap_or(output);
        let fan_in = std::mem::replace(&mut inputs, units);
        let default_init = || layer.activation().initial_bound(fan_in, units);
        LayerSpec {
            inputs: fan_in,
            units,
            act: layer.activation(),
            init: layer.init.unwrap_or_else(default_init),
            address: Address {
                seed,
                stream: Stream::new(Purpose::Weights, player as usize, index),
                step: 0,
            },
            bias: layer.bias,
            dropout: (layer.keep < 1.0).then(|| InputDropout {
                keep: layer.keep,
                scale: layer.scale.unwrap_or(1.0 / layer.keep),
                layer: player.first_masked_layer() + index,
            }),
        }
    };
    layers.iter().enumerate().map(spec).collect()
}

impl LayerConfig {
    /// Slope of leaky relu on the negative side.
    pub(crate) fn slope_or_default(&self) -> f64 {
        self.slope.unwrap_or(0.2)
    }

    /// φ for the kernels.
    pub(crate) fn activation(&self) -> Activation {
        let pieces = self.pieces.unwrap_or(2);
        self.activation.with(self.slope_or_default(), pieces)
    }
}
