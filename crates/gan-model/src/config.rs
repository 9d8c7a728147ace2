//! What a game is made of, as it stands in a configuration file.

use gan_kernels::{Activation, Adam, LearningRate, Momentum, Prior};
use serde::{Deserialize, Serialize};

/// Both players and the rules of their game.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GameConfig {
    /// G.
    pub generator: GeneratorConfig,
    /// D.
    pub discriminator: DiscriminatorConfig,
    /// How both players learn, unless a player has an optimiser of its own.
    pub optimizer: OptimizerConfig,
    /// The rules.
    pub game: RulesConfig,
}

/// The generator G: latents to records.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratorConfig {
    /// Dimension of the latent z.
    pub latent: usize,
    /// The prior p_z.
    #[serde(default)]
    pub prior: PriorConfig,
    /// What the bias of the last layer starts from.
    #[serde(default)]
    pub output_bias: OutputBias,
    /// The layers, from the latent up; the last one makes the records, and its `units` may be left
    /// out.
    pub layers: Vec<LayerConfig>,
    /// How G learns, if otherwise than D.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optimizer: Option<OptimizerConfig>,
}

/// The discriminator D: records to the probability that they are data.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DiscriminatorConfig {
    /// The layers, from the record up; the last one is one sigmoid unit.
    pub layers: Vec<LayerConfig>,
    /// How D learns, if otherwise than G.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optimizer: Option<OptimizerConfig>,
}

/// One layer of a player.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LayerConfig {
    /// Outputs; a maxout unit counts once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<usize>,
    /// φ.
    pub activation: ActivationConfig,
    /// Linear maps per maxout unit, for maxout alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pieces: Option<usize>,
    /// Slope on the negative side, for leaky relu alone; 0.2 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slope: Option<f64>,
    /// Weights start uniform on ±`init`; if left out on ±√(6 / fan-in) for relu, leaky relu and
    /// maxout (He et al. 2015), else ±√(6 / (fan-in + fan-out)) (Glorot and Bengio 2010).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<f64>,
    /// What the bias starts from.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bias: f64,
    /// Dropout of this layer's input: probability of keeping an element; 1 is no dropout.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub keep: f64,
    /// Factor of what dropout keeps; 1 / `keep` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
}

fn one() -> f64 {
    1.0
}

fn is_one(value: &f64) -> bool {
    *value == 1.0
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

/// φ by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ActivationConfig {
    /// φ(z) = z.
    Identity,
    /// φ(z) = max(0, z).
    Relu,
    /// φ(z) = z or `slope · z`.
    LeakyRelu,
    /// φ(z) = 1 / (1 + e⁻ᶻ).
    Sigmoid,
    /// φ(z) = tanh z.
    Tanh,
    /// The largest of `pieces` linear maps.
    Maxout,
}

/// p_z by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PriorConfig {
    /// Uniform on [−√3, √3].
    #[default]
    Uniform,
    /// Standard normal.
    Normal,
    /// Normal, scaled to unit length.
    Spherical,
}

/// What the bias of G's last layer starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum OutputBias {
    /// The layer's `bias`.
    #[default]
    Constant,
    /// φ⁻¹ of the data's mean: G begins by making the mean record.
    Marginals,
}

/// How a player's parameters follow its gradient.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum OptimizerConfig {
    /// v ← μ·v − η·g, θ ← θ + v.
    Momentum {
        /// η before the first update.
        learning_rate: f64,
        /// How η falls.
        #[serde(default)]
        schedule: ScheduleConfig,
        /// How μ rises.
        #[serde(default)]
        momentum: MomentumConfig,
        /// Largest norm of the weights into one unit (of each piece, for maxout).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_column_norm: Option<f64>,
    },
    /// Adam (Kingma and Ba 2015).
    Adam {
        /// η before the first update.
        learning_rate: f64,
        /// How η falls.
        #[serde(default)]
        schedule: ScheduleConfig,
        /// β₁.
        #[serde(default = "default_beta1")]
        beta1: f64,
        /// β₂.
        #[serde(default = "default_beta2")]
        beta2: f64,
        /// ε.
        #[serde(default = "default_epsilon")]
        epsilon: f64,
        /// Largest norm of the weights into one unit (of each piece, for maxout).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_column_norm: Option<f64>,
    },
}

fn default_beta1() -> f64 {
    0.5
}

fn default_beta2() -> f64 {
    0.999
}

fn default_epsilon() -> f64 {
    1e-8
}

/// How η falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum ScheduleConfig {
    /// It does not.
    #[default]
    Constant,
    /// Divided by `decay` after each update, not below `floor`.
    Exponential {
        /// Divisor.
        decay: f64,
        /// Smallest η.
        floor: f64,
    },
    /// In a straight line to `floor` after `updates` updates.
    Linear {
        /// Smallest η.
        floor: f64,
        /// Length of the fall.
        updates: u64,
    },
}

/// How μ rises.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MomentumConfig {
    /// μ in the first epochs.
    pub initial: f64,
    /// μ in the last epochs.
    #[serde(rename = "final")]
    pub last: f64,
    /// Epoch, counted from 1, up to which μ is `initial`.
    pub from_epoch: u64,
    /// Epoch from which μ is `final`.
    pub to_epoch: u64,
}

impl Default for MomentumConfig {
    fn default() -> Self {
        Self {
            initial: 0.5,
            last: 0.5,
            from_epoch: 1,
            to_epoch: 1,
        }
    }
}

/// The rules of the game.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RulesConfig {
    /// In which order the players move.
    #[serde(default)]
    pub updates: Updates,
    /// The paper's k: updates of D per update of G.
    #[serde(default = "one_step")]
    pub discriminator_steps: usize,
    /// The paper's m: records, and samples, per update.
    pub minibatch: usize,
    /// What G minimises.
    #[serde(default)]
    pub generator_objective: GeneratorObjective,
    /// Factor of D's objective: 1 as in eq. 1, 0.5 as in the authors' code.
    #[serde(default = "one")]
    pub discriminator_weight: f64,
}

fn one_step() -> usize {
    1
}

/// In which order the players move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Updates {
    /// Algorithm 1: D moves k times, then G moves against the new D, from fresh latents.
    #[default]
    Alternating,
    /// The authors' code: both move at once, from the same samples and the same parameters.
    Simultaneous,
}

/// What G minimises (§3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum GeneratorObjective {
    /// mean log(1 − D(G(z))).
    Minimax,
    /// −mean log D(G(z)): same fixed point, stronger gradients early in learning.
    #[default]
    NonSaturating,
}

/// A configuration that parses but describes no game.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A value that its key cannot have.
    #[error("{key}: found {found}, expected {expected}")]
    Value {
        /// Full name of the key, such as `discriminator.layers.0.keep`.
        key: String,
        /// The value.
        found: String,
        /// What would do.
        expected: String,
    },
    /// A key that is needed and missing.
    #[error("{key}: missing, expected {expected}")]
    Missing {
        /// Full name of the key.
        key: String,
        /// What would do.
        expected: String,
    },
}

impl ConfigError {
    /// The key that is wrong.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Value { key, .. } | Self::Missing { key, .. } => key,
        }
    }
}

/// Passes of one iteration need a stream each.
const MOST_DISCRIMINATOR_STEPS: usize = 200;
/// Each layer of a player has streams of its own.
const MOST_LAYERS: usize = 255;

impl GameConfig {
    /// Checks every value against the others and against records of `cols` values.
    ///
    /// # Errors
    /// The first key that cannot be.
    pub fn validate(&self, cols: usize) -> Result<(), ConfigError> {
        let (g, d, rules) = (&self.generator, &self.discriminator, &self.game);
        let steps = 1..=MOST_DISCRIMINATOR_STEPS;
        range("generator.latent", g.latent, g.latent > 0, "at least 1")?;
        range(
            "game.minibatch",
            rules.minibatch,
            rules.minibatch > 0,
            "at least 1",
        )?;
        range(
            "game.discriminator_steps",
            rules.discriminator_steps,
            steps.contains(&rules.discriminator_steps),
            "1 to 200",
        )?;
        positive("game.discriminator_weight", rules.discriminator_weight)?;
        validate_layers("generator", &g.layers)?;
        validate_layers("discriminator", &d.layers)?;
        range(
            "generator.layers.0.keep",
            g.layers[0].keep,
            g.layers[0].keep == 1.0,
            "1: the latent is not dropped out",
        )?;
        let (last, output) = (g.layers.len() - 1, &g.layers[g.layers.len() - 1]);
        let units = output.units.unwrap_or(cols);
        let expected = format!("{cols}, the number of values in a record");
        range(
            &format!("generator.layers.{last}.units"),
            units,
            units == cols,
            &expected,
        )?;
        if output.activation == ActivationConfig::Maxout {
            let key = format!("generator.layers.{last}.activation");
            return value(
                &key,
                "maxout",
                "an elementwise activation in G's last layer",
            );
        }
        let (last, output) = (d.layers.len() - 1, &d.layers[d.layers.len() - 1]);
        let key = |name| format!("discriminator.layers.{last}.{name}");
        let units = output.units.unwrap_or(1);
        range(&key("units"), units, units == 1, "1: D returns one number")?;
        if output.activation != ActivationConfig::Sigmoid {
            let found = format!("{:?}", output.activation).to_lowercase();
            return value(
                &key("activation"),
                &found,
                "sigmoid: D returns a probability",
            );
        }
        for (name, own) in [("generator", g.optimizer), ("discriminator", d.optimizer)] {
            if let Some(optimizer) = own {
                optimizer.validate(&format!("{name}.optimizer"))?;
            }
        }
        self.optimizer.validate("optimizer")
    }

    /// Sizes of G's layers: fan-in of the first, then each layer's units.
    pub(crate) fn generator_sizes(&self, cols: usize) -> Vec<usize> {
        sizes(self.generator.latent, &self.generator.layers, cols)
    }

    /// Sizes of D's layers.
    pub(crate) fn discriminator_sizes(&self, cols: usize) -> Vec<usize> {
        sizes(cols, &self.discriminator.layers, 1)
    }
}

fn sizes(input: usize, layers: &[LayerConfig], output: usize) -> Vec<usize> {
    std::iter::once(input)
        .chain(layers.iter().map(|layer| layer.units.unwrap_or(output)))
        .collect()
}

fn validate_layers(player: &str, layers: &[LayerConfig]) -> Result<(), ConfigError> {
    if layers.is_empty() {
        let key = format!("{player}.layers");
        return Err(ConfigError::Missing {
            key,
            expected: "at least one layer".into(),
        });
    }
    let key = format!("{player}.layers");
    range(
        &key,
        layers.len(),
        layers.len() <= MOST_LAYERS,
        "at most 255 layers",
    )?;
    for (index, layer) in layers.iter().enumerate() {
        let key = |name: &str| format!("{player}.layers.{index}.{name}");
        match layer.units {
            None if index + 1 < layers.len() => {
                let expected =
                    "a number of units: only the last layer's follows from the data".into();
                return Err(ConfigError::Missing {
                    key: key("units"),
                    expected,
                });
            }
            None => {}
            Some(units) => range(&key("units"), units, units > 0, "at least 1")?,
        }
        match (layer.activation, layer.pieces) {
            (ActivationConfig::Maxout, None) => {
                let expected = "2 to 255 pieces for maxout".into();
                return Err(ConfigError::Missing {
                    key: key("pieces"),
                    expected,
                });
            }
            (ActivationConfig::Maxout, Some(pieces)) => {
                range(
                    &key("pieces"),
                    pieces,
                    (2..=255).contains(&pieces),
                    "2 to 255",
                )?;
            }
            (_, Some(pieces)) => {
                return value(
                    &key("pieces"),
                    &pieces.to_string(),
                    "none: only maxout has pieces",
                );
            }
            (_, None) => {}
        }
        if let Some(slope) = layer.slope {
            let leaky = layer.activation == ActivationConfig::LeakyRelu;
            range(
                &key("slope"),
                slope,
                leaky,
                "none: only leaky-relu has a slope",
            )?;
            range(
                &key("slope"),
                slope,
                slope > 0.0 && slope <= 1.0,
                "above 0, at most 1",
            )?;
        }
        range(
            &key("keep"),
            layer.keep,
            layer.keep > 0.0 && layer.keep <= 1.0,
            "above 0, at most 1",
        )?;
        if let Some(scale) = layer.scale {
            range(
                &key("scale"),
                scale,
                layer.keep < 1.0,
                "none: keep = 1 is no dropout",
            )?;
            positive(&key("scale"), scale)?;
        }
        if let Some(init) = layer.init {
            range(
                &key("init"),
                init,
                init >= 0.0 && init.is_finite(),
                "at least 0",
            )?;
        }
        range(
            &key("bias"),
            layer.bias,
            layer.bias.is_finite(),
            "a finite number",
        )?;
    }
    Ok(())
}

impl OptimizerConfig {
    fn validate(self, key: &str) -> Result<(), ConfigError> {
        let at = |name: &str| format!("{key}.{name}");
        let (rate, schedule, norm) = match self {
            Self::Momentum {
                learning_rate,
                schedule,
                momentum,
                max_column_norm,
            } => {
                for (name, mu) in [("initial", momentum.initial), ("final", momentum.last)] {
                    let name = at(&format!("momentum.{name}"));
                    range(&name, mu, (0.0..1.0).contains(&mu), "at least 0, below 1")?;
                }
                let MomentumConfig {
                    from_epoch,
                    to_epoch,
                    ..
                } = momentum;
                let name = at("momentum.to_epoch");
                range(
                    &name,
                    to_epoch,
                    to_epoch >= from_epoch,
                    "from_epoch or later",
                )?;
                (learning_rate, schedule, max_column_norm)
            }
            Self::Adam {
                learning_rate,
                schedule,
                beta1,
                beta2,
                epsilon,
                max_column_norm,
            } => {
                for (name, beta) in [("beta1", beta1), ("beta2", beta2)] {
                    range(
                        &at(name),
                        beta,
                        (0.0..1.0).contains(&beta),
                        "at least 0, below 1",
                    )?;
                }
                positive(&at("epsilon"), epsilon)?;
                (learning_rate, schedule, max_column_norm)
            }
        };
        range(
            &at("learning_rate"),
            rate,
            rate >= 0.0 && rate.is_finite(),
            "at least 0",
        )?;
        match schedule {
            ScheduleConfig::Constant => {}
            ScheduleConfig::Exponential { decay, floor } => {
                range(
                    &at("schedule.decay"),
                    decay,
                    decay >= 1.0 && decay.is_finite(),
                    "at least 1",
                )?;
                let ok = (0.0..=rate).contains(&floor);
                range(&at("schedule.floor"), floor, ok, "0 to the learning rate")?;
            }
            ScheduleConfig::Linear { floor, updates } => {
                let ok = (0.0..=rate).contains(&floor);
                range(&at("schedule.floor"), floor, ok, "0 to the learning rate")?;
                range(&at("schedule.updates"), updates, updates > 0, "at least 1")?;
            }
        }
        norm.map_or(Ok(()), |norm| positive(&at("max_column_norm"), norm))
    }

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

fn range(
    key: &str,
    found: impl std::fmt::Display,
    ok: bool,
    expected: &str,
) -> Result<(), ConfigError> {
    if ok {
        Ok(())
    } else {
        value(key, &found.to_string(), expected)
    }
}

fn positive(key: &str, found: f64) -> Result<(), ConfigError> {
    range(key, found, found > 0.0 && found.is_finite(), "above 0")
}

fn value(key: &str, found: &str, expected: &str) -> Result<(), ConfigError> {
    Err(ConfigError::Value {
        key: key.into(),
        found: found.into(),
        expected: expected.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::test_game;

    /// What `change` makes of a good configuration.
    fn broken(change: impl FnOnce(&mut GameConfig)) -> String {
        let mut config = test_game();
        assert_eq!(config.validate(5), Ok(()));
        change(&mut config);
        config.validate(5).unwrap_err().to_string()
    }

    #[test]
    fn validate_names_the_key_with_both_sides() {
        let cases = [
            (
                broken(|c| c.game.minibatch = 0),
                "game.minibatch: found 0, expected at least 1",
            ),
            (
                broken(|c| c.game.discriminator_steps = 201),
                "game.discriminator_steps: found 201",
            ),
            (
                broken(|c| c.generator.latent = 0),
                "generator.latent: found 0",
            ),
            (
                broken(|c| c.generator.layers.clear()),
                "generator.layers: missing",
            ),
            (
                broken(|c| c.generator.layers[0].keep = 0.5),
                "generator.layers.0.keep: found 0.5",
            ),
            (
                broken(|c| c.generator.layers[0].units = None),
                "generator.layers.0.units: missing",
            ),
            (
                broken(|c| c.generator.layers[2].units = Some(6)),
                "generator.layers.2.units: found 6",
            ),
            (
                broken(|c| c.generator.layers[2].activation = ActivationConfig::Maxout),
                "generator.layers.2.pieces: missing",
            ),
            (
                broken(|c| c.discriminator.layers[1].keep = 0.0),
                "discriminator.layers.1.keep",
            ),
            (
                broken(|c| c.discriminator.layers[0].pieces = Some(1)),
                "discriminator.layers.0.pieces",
            ),
            (
                broken(|c| c.generator.layers[1].pieces = Some(2)),
                "only maxout has pieces",
            ),
            (
                broken(|c| c.generator.layers[1].slope = Some(0.1)),
                "only leaky-relu has a slope",
            ),
            (
                broken(|c| c.generator.layers[1].scale = Some(2.0)),
                "keep = 1 is no dropout",
            ),
            (
                broken(|c| c.discriminator.layers[2].units = Some(2)),
                "D returns one number",
            ),
            (
                broken(|c| c.discriminator.layers[2].activation = ActivationConfig::Tanh),
                "discriminator.layers.2.activation: found tanh, expected sigmoid",
            ),
            (
                broken(|c| {
                    c.optimizer = OptimizerConfig::Momentum {
                        learning_rate: 0.1,
                        schedule: ScheduleConfig::Exponential {
                            decay: 0.9,
                            floor: 0.0,
                        },
                        momentum: MomentumConfig::default(),
                        max_column_norm: None,
                    };
                }),
                "optimizer.schedule.decay: found 0.9, expected at least 1",
            ),
        ];
        for (found, expected) in cases {
            assert!(
                found.contains(expected),
                "{found:?} does not say {expected:?}"
            );
        }
    }
}
