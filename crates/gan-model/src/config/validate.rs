//! Whether a configuration describes a game.

use super::{
    ActivationConfig, GameConfig, Gamma, LayerConfig, LossConfig, MomentumConfig, OptimizerConfig,
    PenaltyConfig, ScheduleConfig,
};

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
/// Rows and columns beyond this are a slip of the finger, and sizes computed from them overflow.
const MOST: usize = 1 << 20;
/// Values of all matrices beyond this, 16 GiB in f32, are a slip as well.
const MOST_VALUES: f64 = 4_294_967_296.0;

impl GameConfig {
    /// Checks every value against the others and against records of `cols` values.
    ///
    /// # Errors
    /// The first key that cannot be.
    pub fn validate(&self, cols: usize) -> Result<(), ConfigError> {
        let (g, d, rules) = (&self.generator, &self.discriminator, &self.game);
        let steps = 1..=MOST_DISCRIMINATOR_STEPS;
        range(
            "generator.latent",
            g.latent,
            (1..=MOST).contains(&g.latent),
            "1 to 1,048,576",
        )?;
        range(
            "game.minibatch",
            rules.minibatch,
            (1..=MOST).contains(&rules.minibatch),
            "1 to 1,048,576",
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
        self.validate_extensions(cols)?;
        for (name, own) in [("generator", g.optimizer), ("discriminator", d.optimizer)] {
            if let Some(optimizer) = own {
                optimizer.validate(&format!("{name}.optimizer"))?;
            }
        }
        self.optimizer.validate("optimizer")?;
        let values = self.values(cols);
        let expected = "players and minibatches of less than 4,294,967,296 values in all";
        range(
            "game.minibatch",
            rules.minibatch,
            values < MOST_VALUES,
            expected,
        )
    }

    /// Checks what games after 2014 have and what it does not go together with.
    fn validate_extensions(&self, cols: usize) -> Result<(), ConfigError> {
        let (g, d, rules) = (&self.generator, &self.discriminator, &self.game);
        if let Some(average) = g.average {
            let ok = (0.0..1.0).contains(&average);
            range("generator.average", average, ok, "at least 0, below 1")?;
        }
        if let Some(norm) = d.max_spectral_norm {
            positive("discriminator.max_spectral_norm", norm)?;
        }
        let weight = rules.discriminator_weight;
        let ok = weight == 1.0 || rules.loss == LossConfig::CrossEntropy;
        let expected = "1: only the cross-entropy has a weight";
        range("game.discriminator_weight", weight, ok, expected)?;
        let ok = rules.pack >= 1 && rules.minibatch.is_multiple_of(rules.pack);
        range("game.pack", rules.pack, ok, "a divisor of game.minibatch")?;
        let ok = rules.pack.saturating_mul(cols) <= MOST;
        let expected = "at most 1,048,576 values in what D sees at once";
        range("game.pack", rules.pack, ok, expected)?;
        if rules.pack > 1 {
            let keep = d.layers[0].keep;
            let expected = "1: packed records are not dropped out";
            range("discriminator.layers.0.keep", keep, keep == 1.0, expected)?;
        }
        rules
            .penalty
            .map_or(Ok(()), |penalty| self.validate_penalty(penalty))
    }

    fn validate_penalty(&self, penalty: PenaltyConfig) -> Result<(), ConfigError> {
        match penalty {
            PenaltyConfig::ZeroCentred {
                gamma: Gamma::Fixed(gamma),
                ..
            } => positive("game.penalty.gamma", gamma)?,
            PenaltyConfig::ZeroCentred { .. } => {}
            PenaltyConfig::UnitNorm { weight } => positive("game.penalty.weight", weight)?,
        }
        let layers = &self.discriminator.layers;
        let last = layers.len() - 1;
        for (index, layer) in layers.iter().enumerate() {
            let key = |name| format!("discriminator.layers.{index}.{name}");
            use ActivationConfig::{Identity, LeakyRelu, Maxout, Relu};
            let linear = matches!(layer.activation, Identity | Relu | LeakyRelu | Maxout);
            if index < last && !linear {
                let found = format!("{:?}", layer.activation).to_lowercase();
                let expected = "identity, relu, leaky-relu or maxout: a penalty on D's gradient \
                                needs a D of linear pieces";
                return value(&key("activation"), &found, expected);
            }
            let expected = "1: a penalty on D's gradient goes without dropout in D";
            range(&key("keep"), layer.keep, layer.keep == 1.0, expected)?;
        }
        Ok(())
    }

    /// Values of the parameters, their moments and an iteration's matrices, roughly.
    fn values(&self, cols: usize) -> f64 {
        let minibatches = (self.game.discriminator_steps + 2) * self.game.minibatch;
        let players = [
            (self.generator_sizes(cols), &self.generator.layers),
            (self.discriminator_sizes(cols), &self.discriminator.layers),
        ];
        players
            .iter()
            .flat_map(|(sizes, layers)| sizes.windows(2).zip(*layers))
            .map(|(size, layer)| {
                let columns = size[1] as f64 * layer.pieces.unwrap_or(1) as f64;
                3.0 * size[0] as f64 * columns + minibatches as f64 * (columns + size[0] as f64)
            })
            .sum()
    }

    /// Sizes of G's layers: fan-in of the first, then each layer's units.
    pub(crate) fn generator_sizes(&self, cols: usize) -> Vec<usize> {
        sizes(self.generator.latent, &self.generator.layers, cols)
    }

    /// Sizes of D's layers.
    pub(crate) fn discriminator_sizes(&self, cols: usize) -> Vec<usize> {
        sizes(self.game.pack * cols, &self.discriminator.layers, 1)
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
            Some(units) => {
                range(
                    &key("units"),
                    units,
                    (1..=MOST).contains(&units),
                    "1 to 1,048,576",
                )?;
            }
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
                broken(|c| c.game.minibatch = usize::MAX),
                "expected 1 to 1,048,576",
            ),
            (
                broken(|c| c.generator.latent = usize::MAX / 2),
                "expected 1 to 1,048,576",
            ),
            (
                broken(|c| {
                    c.game.minibatch = 1 << 20;
                    c.generator.layers[0].units = Some(1 << 20);
                }),
                "less than 4,294,967,296 values in all",
            ),
            (
                broken(|c| c.game.minibatch = 0),
                "game.minibatch: found 0, expected 1 to 1,048,576",
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
