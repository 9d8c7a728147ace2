//! From a configuration's words to the kernels' arguments.

use gan_kernels::{Activation, Adam, LearningRate, Momentum, Prior};

use super::{
    ActivationConfig, LayerConfig, MomentumConfig, OptimizerConfig, PriorConfig, ScheduleConfig,
};

impl OptimizerConfig {
    /// η as the schedule has it.
    pub(crate) fn learning_rate(self) -> LearningRate {
        let (Self::Momentum {
            learning_rate: initial,
            schedule,
            ..
        }
        | Self::Adam {
            learning_rate: initial,
            schedule,
            ..
        }) = self;
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
    pub(crate) fn momentum(self) -> Momentum {
        match self {
            Self::Momentum {
                momentum:
                    MomentumConfig {
                        initial,
                        last,
                        from_epoch,
                        to_epoch,
                    },
                ..
            } => Momentum {
                initial,
                r#final: last,
                first: from_epoch,
                last: to_epoch,
            },
            Self::Adam { .. } => Momentum::constant(0.0),
        }
    }

    /// Adam's constants, if this is Adam.
    pub(crate) fn adam(self) -> Option<Adam> {
        match self {
            Self::Momentum { .. } => None,
            Self::Adam {
                beta1,
                beta2,
                epsilon,
                ..
            } => Some(Adam {
                beta1,
                beta2,
                epsilon,
            }),
        }
    }

    pub(crate) fn max_column_norm(self) -> Option<f64> {
        let (Self::Momentum {
            max_column_norm, ..
        }
        | Self::Adam {
            max_column_norm, ..
        }) = self;
        max_column_norm
    }
}

impl LayerConfig {
    /// Half-width of the initial weights where `init` is left out.
    pub(crate) fn default_init(&self, fan_in: usize, units: usize) -> f64 {
        match self.activation {
            ActivationConfig::Relu | ActivationConfig::LeakyRelu | ActivationConfig::Maxout => {
                (6.0 / fan_in as f64).sqrt()
            }
            _ => (6.0 / (fan_in + units) as f64).sqrt(),
        }
    }

    /// Slope of leaky relu on the negative side.
    pub(crate) fn slope_or_default(&self) -> f64 {
        self.slope.unwrap_or(0.2)
    }

    /// φ for the kernels.
    pub(crate) fn kernel_activation(&self) -> Activation {
        match self.activation {
            ActivationConfig::Identity => Activation::Identity,
            ActivationConfig::Relu => Activation::Relu,
            ActivationConfig::LeakyRelu => Activation::LeakyRelu {
                slope: self.slope_or_default(),
            },
            ActivationConfig::Sigmoid => Activation::Sigmoid,
            ActivationConfig::Tanh => Activation::Tanh,
            ActivationConfig::Maxout => Activation::Maxout {
                pieces: self.pieces.unwrap_or(2),
            },
        }
    }
}

impl PriorConfig {
    /// p_z for the kernels.
    pub(crate) fn kernel_prior(self) -> Prior {
        match self {
            Self::Uniform => Prior::Uniform,
            Self::Normal => Prior::Normal,
            Self::Spherical => Prior::Spherical,
        }
    }
}
