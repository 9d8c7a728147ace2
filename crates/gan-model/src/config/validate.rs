//! Whether a configuration describes a game.

use std::fmt::Display;

use gan_kernels::ActivationKind;

use crate::mlp::LayerSpec;

use super::{
    ConditionBy, GameConfig, Gamma, LayerConfig, LossConfig, OptimizerConfig, PenaltyConfig,
    ScheduleConfig,
};

/// A configuration that parses but describes no game; a key has its full name, such as
/// `discriminator.layers.0.keep`.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum ConfigError {
    /// A value that its key cannot have.
    #[error("{key}: found {found}, expected {expected}")]
    Value {
        key: String,
        found: String,
        expected: String,
    },
    /// A key that is needed and missing.
    #[error("{key}: missing, expected {expected}")]
    Missing { key: String, expected: String },
    /// Text that is no configuration of a game, with the line and what is wrong there.
    #[error("not the configuration of a game: {reason}")]
    Text { reason: String },
}

impl ConfigError {
    /// The key that is wrong; empty where the text as a whole is.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Value { key, .. } | Self::Missing { key, .. } => key,
            Self::Text { .. } => "",
        }
    }
}

/// The largest k of Algorithm 1: passes of one iteration need a stream each.
pub const MOST_DISCRIMINATOR_STEPS: usize = 200;
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
        size("generator.latent", g.latent)?;
        size("game.minibatch", rules.minibatch)?;
        let (steps, most) = (rules.discriminator_steps, MOST_DISCRIMINATOR_STEPS);
        let ok = (1..=most).contains(&steps);
        range(
            "game.discriminator_steps",
            steps,
            ok,
            &format!("1 to {most}"),
        )?;
        positive("game.discriminator_weight", rules.discriminator_weight)?;
        validate_layers("generator", &g.layers)?;
        validate_layers("discriminator", &d.layers)?;
        self.validate_ends(cols)?;
        self.validate_extensions(cols)?;
        for (key, optimizer) in [
            ("generator.optimizer", g.optimizer),
            ("discriminator.optimizer", d.optimizer),
            ("optimizer", Some(self.optimizer)),
        ] {
            optimizer.map_or(Ok(()), |optimizer| optimizer.validate(key))?;
        }
        let ok = self.values(cols, 1) < MOST_VALUES;
        let expected = "players and minibatches of less than 4,294,967,296 values in all";
        range("game.minibatch", rules.minibatch, ok, expected)
    }

    /// Checks G's first layer and the last layers of both players.
    fn validate_ends(&self, cols: usize) -> Result<(), ConfigError> {
        let (g, d) = (&self.generator.layers, &self.discriminator.layers);
        let expected = "1: the latent is not dropped out";
        without_dropout("generator.layers.0.keep", &g[0], expected)?;

        let (last, output) = (g.len() - 1, &g[g.len() - 1]);
        let key = |name| format!("generator.layers.{last}.{name}");
        let units = output.units.unwrap_or(cols);
        let expected = format!("{cols}, the number of values in a record");
        range(&key("units"), units, units == cols, &expected)?;
        let ok = output.activation != ActivationKind::Maxout;
        let expected = "an elementwise activation in G's last layer";
        range(&key("activation"), name(output.activation), ok, expected)?;

        let (last, output) = (d.len() - 1, &d[d.len() - 1]);
        let key = |name| format!("discriminator.layers.{last}.{name}");
        let units = output.units.unwrap_or(1);
        range(&key("units"), units, units == 1, "1: D returns one number")?;
        let ok = output.activation == ActivationKind::Sigmoid;
        let expected = "sigmoid: D returns a probability";
        range(&key("activation"), name(output.activation), ok, expected)
    }

    /// Checks the keys of games after 2014, and that they go together with the others.
    fn validate_extensions(&self, cols: usize) -> Result<(), ConfigError> {
        let (g, d, rules) = (&self.generator, &self.discriminator, &self.game);
        if let Some(heads) = g.heads {
            positive("generator.heads.temperature", heads.temperature)?;
            let (last, output) = (g.layers.len() - 1, &g.layers[g.layers.len() - 1]);
            let (key, found) = (
                format!("generator.layers.{last}.activation"),
                output.activation,
            );
            let expected = "identity: what the heads take are scalars and logits";
            range(
                &key,
                name(found),
                found == ActivationKind::Identity,
                expected,
            )?;
            let expected = "1: records of heads are not dropped out";
            without_dropout("discriminator.layers.0.keep", &d.layers[0], expected)?;
        }
        if let Some(average) = g.average {
            share("generator.average", average)?;
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
        let parts = rules.microbatches;
        let packs = rules.minibatch / rules.pack;
        // Addresses tell so many apart.
        let ok = (1..=1 << 16).contains(&parts) && packs.is_multiple_of(parts);
        let expected = "a divisor of game.minibatch, in whole packs, up to 65,536";
        range("game.microbatches", parts, ok, expected)?;
        let ok = rules.pack.saturating_mul(cols) <= MOST;
        let expected = "at most 1,048,576 values in what D sees at once";
        range("game.pack", rules.pack, ok, expected)?;
        if rules.pack > 1 {
            let expected = "1: packed records are not dropped out";
            without_dropout("discriminator.layers.0.keep", &d.layers[0], expected)?;
        }
        self.validate_conditions()?;
        rules
            .penalty
            .map_or(Ok(()), |penalty| self.validate_penalty(penalty))
    }

    fn validate_conditions(&self) -> Result<(), ConfigError> {
        let (condition, by) = (
            &self.game.condition,
            self.game.condition_by.unwrap_or_default(),
        );
        if condition.is_empty() {
            let ok = by == ConditionBy::Share;
            let expected = "share: without game.condition there are no levels to draw";
            return range("game.condition_by", "log-frequency", ok, expected);
        }
        let twice = (1..condition.len()).find(|&i| condition[..i].contains(&condition[i]));
        if let Some(twice) = twice {
            let found = format!("{:?} twice", condition[twice]);
            range("game.condition", found, false, "each column once")?;
        }
        let expected = "1: conditions are not dropped out";
        let first = &self.discriminator.layers[0];
        without_dropout("discriminator.layers.0.keep", first, expected)
    }

    fn validate_penalty(&self, penalty: PenaltyConfig) -> Result<(), ConfigError> {
        match penalty {
            PenaltyConfig::ZeroCentred { gamma, .. } => match gamma {
                Gamma::Fixed(gamma) => positive("game.penalty.gamma", gamma)?,
                Gamma::Auto(_) => {}
            },
            PenaltyConfig::UnitNorm { weight } => positive("game.penalty.weight", weight)?,
        }
        let layers = &self.discriminator.layers;
        let last = layers.len() - 1;
        for (index, layer) in layers.iter().enumerate() {
            let key = |name| format!("discriminator.layers.{index}.{name}");
            use ActivationKind::{Identity, LeakyRelu, Maxout, Relu};
            let is_linear = matches!(layer.activation, Identity | Relu | LeakyRelu | Maxout);
            let (found, ok) = (name(layer.activation), index == last || is_linear);
            let expected = "identity, relu, leaky-relu or maxout: a penalty on D's gradient needs \
                            a D of linear pieces";
            range(&key("activation"), found, ok, expected)?;
            let expected = "1: a penalty on D's gradient goes without dropout in D";
            without_dropout(&key("keep"), layer, expected)?;
        }
        Ok(())
    }

    /// Values of the parameters, their moments and an iteration's matrices on records of `cols`
    /// values, in each of `processes` that play together: nearly all that a game holds in memory
    /// beside its data, four bytes for each.
    ///
    /// # Panics
    /// If the configuration is not valid.
    #[must_use]
    pub fn values(&self, cols: usize, processes: usize) -> f64 {
        let (g, d, rules) = (&self.generator, &self.discriminator, &self.game);
        let share = 1.0 / processes as f64;
        let minibatch = rules.minibatch as f64 * share;
        let minibatches = rules.updates.sample_minibatches(rules.discriminator_steps);
        let samples = minibatches as f64 * minibatch;
        // A penalty keeps twice as much again of D.
        let parts = if rules.penalty.is_some() { 6.0 } else { 2.0 };
        let rows = parts * minibatch / rules.pack as f64;
        let moments = |own: Option<OptimizerConfig>| {
            let optimizer = own.unwrap_or(self.optimizer).optimizer();
            optimizer.update.moments() as f64
        };
        let player = |layers: Vec<LayerSpec>, copies: f64, forward: f64, backward: f64| -> f64 {
            let values = layers.iter().map(|layer| {
                let columns = layer.units as f64 * layer.act.pieces() as f64;
                copies * (layer.inputs as f64 + 1.0) * columns
                    + forward * layer.units as f64
                    + backward * columns
            });
            values.sum()
        };
        // Of parameters with their moments. Where gradients are summed over microbatches, owners have
        // a copy of their share, with sums of earlier rounds; there are a gradient and its parts, and
        // those of others with the messages that they come in.
        let copies = |own: Option<OptimizerConfig>| match rules.microbatches {
            1 => 1.0 + moments(own),
            all => {
                let sums = (all as f64 * share - 1.0).min(2.0);
                let messages = if processes > 1 { 6.0 } else { 2.0 };
                3.0 + (1.0 + moments(own) + sums) * share + messages
            }
        };
        let average = f64::from(u8::from(g.average.is_some()));
        // How many of the values are conditions the records alone tell.
        let given = if rules.condition.is_empty() { 0 } else { cols };
        let layers = g.layer_specs(cols, given, 0);
        let generator = player(layers, copies(g.optimizer) + average, samples, minibatch);
        // One microbatch at a time goes through D.
        let rows = rows * processes as f64 / rules.microbatches as f64;
        let layers = self.discriminator_specs(cols, 0);
        let discriminator = player(layers, copies(d.optimizer), rows, rows);
        // The output of G's last layer lies in what D sees, which the samples' share is of.
        let inputs = if given > 0 {
            2 * g.latent + given
        } else {
            g.latent
        };
        let seen = minibatch * cols as f64 + samples * inputs as f64;
        // Heads keep what they decide about.
        let relaxed = g.heads.map_or(0.0, |_| samples * cols as f64);
        generator + discriminator + seen + relaxed
    }
}

fn validate_layers(player: &str, layers: &[LayerConfig]) -> Result<(), ConfigError> {
    let (key, count) = (format!("{player}.layers"), layers.len());
    if count == 0 {
        return missing(key, "at least one layer");
    }
    range(&key, count, count <= MOST_LAYERS, "at most 255 layers")?;
    for (index, layer) in layers.iter().enumerate() {
        let key = |name: &str| format!("{player}.layers.{index}.{name}");
        match layer.units {
            None if index + 1 < count => {
                let expected = "a number of units: only the last layer's follows from the data";
                return missing(key("units"), expected);
            }
            None => {}
            Some(units) => size(&key("units"), units)?,
        }
        let is_maxout = layer.activation == ActivationKind::Maxout;
        match layer.pieces {
            None if is_maxout => return missing(key("pieces"), "2 to 255 pieces for maxout"),
            None => {}
            Some(pieces) => {
                let key = key("pieces");
                range(&key, pieces, is_maxout, "none: only maxout has pieces")?;
                range(&key, pieces, (2..=255).contains(&pieces), "2 to 255")?;
            }
        }
        if let Some(slope) = layer.slope {
            let (key, is_leaky) = (key("slope"), layer.activation == ActivationKind::LeakyRelu);
            range(&key, slope, is_leaky, "none: only leaky-relu has a slope")?;
            probability(&key, slope)?;
        }
        probability(&key("keep"), layer.keep)?;
        if let Some(scale) = layer.scale {
            let (key, is_dropped) = (key("scale"), layer.keep < 1.0);
            range(&key, scale, is_dropped, "none: keep = 1 is no dropout")?;
            positive(&key, scale)?;
        }
        if let Some(init) = layer.init {
            not_negative(&key("init"), init)?;
        }
        let bias = layer.bias;
        range(&key("bias"), bias, bias.is_finite(), "a finite number")?;
    }
    Ok(())
}

impl OptimizerConfig {
    fn validate(self, key: &str) -> Result<(), ConfigError> {
        let at = |name: &str| format!("{key}.{name}");
        match self {
            Self::Momentum { momentum, .. } => {
                share(&at("momentum.initial"), momentum.initial)?;
                share(&at("momentum.final"), momentum.r#final)?;
                let (from, to) = (momentum.first, momentum.last);
                range(
                    &at("momentum.to_epoch"),
                    to,
                    to >= from,
                    "from_epoch or later",
                )?;
            }
            Self::Adam {
                beta1,
                beta2,
                epsilon,
                ..
            } => {
                share(&at("beta1"), beta1)?;
                share(&at("beta2"), beta2)?;
                positive(&at("epsilon"), epsilon)?;
            }
        }
        let (rate, schedule, norm) = self.common();
        not_negative(&at("learning_rate"), rate)?;
        let floor_is_below = |floor: f64| {
            let ok = (0.0..=rate).contains(&floor);
            range(&at("schedule.floor"), floor, ok, "0 to the learning rate")
        };
        match schedule {
            ScheduleConfig::Constant => {}
            ScheduleConfig::Exponential { decay, floor } => {
                let ok = decay >= 1.0 && decay.is_finite();
                range(&at("schedule.decay"), decay, ok, "at least 1")?;
                floor_is_below(floor)?;
            }
            ScheduleConfig::Linear { floor, updates } => {
                floor_is_below(floor)?;
                range(&at("schedule.updates"), updates, updates > 0, "at least 1")?;
            }
        }
        norm.map_or(Ok(()), |norm| positive(&at("max_column_norm"), norm))
    }
}

/// The name of an activation, spelt as in the configuration.
fn name(activation: ActivationKind) -> String {
    let quoted = serde_json::to_string(&activation).unwrap_or_default();
    quoted.trim_matches('"').to_owned()
}

fn size(key: &str, found: usize) -> Result<(), ConfigError> {
    range(key, found, (1..=MOST).contains(&found), "1 to 1,048,576")
}

fn positive(key: &str, found: f64) -> Result<(), ConfigError> {
    range(key, found, found > 0.0 && found.is_finite(), "above 0")
}

fn not_negative(key: &str, found: f64) -> Result<(), ConfigError> {
    range(key, found, found >= 0.0 && found.is_finite(), "at least 0")
}

/// Below 1, such as a share of what was before.
fn share(key: &str, found: f64) -> Result<(), ConfigError> {
    let ok = (0.0..1.0).contains(&found);
    range(key, found, ok, "at least 0, below 1")
}

/// Above 0.
fn probability(key: &str, found: f64) -> Result<(), ConfigError> {
    let ok = found > 0.0 && found <= 1.0;
    range(key, found, ok, "above 0, at most 1")
}

fn without_dropout(key: &str, layer: &LayerConfig, expected: &str) -> Result<(), ConfigError> {
    range(key, layer.keep, layer.keep == 1.0, expected)
}

fn range(key: &str, found: impl Display, ok: bool, expected: &str) -> Result<(), ConfigError> {
    if ok {
        return Ok(());
    }
    Err(ConfigError::Value {
        key: key.into(),
        found: found.to_string(),
        expected: expected.into(),
    })
}

fn missing(key: String, expected: &str) -> Result<(), ConfigError> {
    let expected = expected.into();
    Err(ConfigError::Missing { key, expected })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::test_game;
    use gan_kernels::ActivationKind::{LeakyRelu, Maxout};

    #[test]
    fn validate_names_the_key_with_both_sides() {
        type Change = fn(&mut GameConfig);
        #[rustfmt::skip] // One change a line.
        let cases: [(Change, &str); 21] = [
            (|c| c.game.minibatch = usize::MAX, "expected 1 to 1,048,576"),
            (|c| c.generator.latent = usize::MAX / 2, "expected 1 to 1,048,576"),
            (make_huge, "less than 4,294,967,296 values in all"),
            (|c| c.game.minibatch = 0, "game.minibatch: found 0, expected 1 to 1,048,576"),
            (|c| c.game.microbatches = 2, "game.microbatches: found 2, expected a divisor"),
            (|c| (c.game.minibatch, c.game.microbatches) = (1 << 17, 1 << 17), "up to 65,536"),
            (|c| c.game.discriminator_steps = 201, "game.discriminator_steps: found 201"),
            (|c| c.generator.latent = 0, "generator.latent: found 0"),
            (|c| c.generator.layers.clear(), "generator.layers: missing"),
            (|c| c.generator.layers[0].keep = 0.5, "generator.layers.0.keep: found 0.5"),
            (|c| c.generator.layers[0].units = None, "generator.layers.0.units: missing"),
            (|c| c.generator.layers[2].units = Some(6), "generator.layers.2.units: found 6"),
            (|c| c.generator.layers[2].activation = Maxout, "generator.layers.2.pieces: missing"),
            (|c| c.discriminator.layers[1].keep = 0.0, "discriminator.layers.1.keep"),
            (|c| c.discriminator.layers[0].pieces = Some(1), "discriminator.layers.0.pieces"),
            (|c| c.generator.layers[1].pieces = Some(2), "only maxout has pieces"),
            (|c| c.generator.layers[1].slope = Some(0.1), "only leaky-relu has a slope"),
            (|c| c.generator.layers[1].scale = Some(2.0), "keep = 1 is no dropout"),
            (|c| c.discriminator.layers[2].units = Some(2), "D returns one number"),
            (|c| c.discriminator.layers[2].activation = LeakyRelu,
                "discriminator.layers.2.activation: found leaky-relu, expected sigmoid"),
            (let_the_rate_rise, "optimizer.schedule.decay: found 0.9, expected at least 1"),
        ];
        for (change, expected) in cases {
            let mut config = test_game();
            assert_eq!(config.validate(5), Ok(()));
            change(&mut config);
            let found = config.validate(5).unwrap_err().to_string();
            assert!(found.contains(expected), "{found:?}, not {expected:?}");
        }
    }

    fn make_huge(config: &mut GameConfig) {
        config.game.minibatch = 1 << 20;
        config.generator.layers[0].units = Some(1 << 20);
    }

    fn let_the_rate_rise(config: &mut GameConfig) {
        if let OptimizerConfig::Momentum { schedule, .. } = &mut config.optimizer {
            let (decay, floor) = (0.9, 0.0);
            *schedule = ScheduleConfig::Exponential { decay, floor };
        }
    }
}
