//! A configuration from text, to text, and for the common case from a few numbers.

use gan_kernels::{ActivationKind, Momentum, Prior};

use super::{
    AutoGamma, ConfigError, DiscriminatorConfig, GameConfig, Gamma, GeneratorConfig,
    GeneratorObjective, LayerConfig, LossConfig, OptimizerConfig, OutputBias, PenaltyConfig,
    PenaltyOn, RulesConfig, ScheduleConfig, Updates, default_beta1, default_beta2, default_epsilon,
};

/// The tables of a [`GameConfig`] in a text that may hold others.
const TABLES: [&str; 4] = ["generator", "discriminator", "optimizer", "game"];

impl GameConfig {
    /// A game that suits most numeric records, for latents of `latent` values: both players have
    /// hidden layers of leaky rectifiers, as wide as `hidden` says from their input up.
    ///
    /// It is the recipe of the preset `ring8-modern`: the relativistic loss with penalties on D's
    /// gradient, D seeing two records at once, Adam, and samples from the running mean of G.
    /// G's output is any number, so records of mean 0 and standard deviation 1 suit it best; for
    /// pixels in `[0, 1]` see [`GameConfig::with_output`].
    /// Every field is public: change what differs.
    #[must_use]
    pub fn new(latent: usize, hidden: &[usize]) -> Self {
        let layers = |output| {
            let hidden = hidden.iter();
            let hidden = hidden.map(|&units| LayerConfig::hidden(units, ActivationKind::LeakyRelu));
            hidden.chain([LayerConfig::output(output)]).collect()
        };
        Self {
            generator: GeneratorConfig {
                latent,
                prior: Prior::Normal,
                output_bias: OutputBias::Constant,
                heads: None,
                layers: layers(ActivationKind::Identity),
                average: Some(0.999),
                optimizer: None,
            },
            discriminator: DiscriminatorConfig {
                layers: layers(ActivationKind::Sigmoid),
                max_spectral_norm: None,
                optimizer: None,
            },
            optimizer: OptimizerConfig::adam(0.002),
            game: RulesConfig {
                updates: Updates::Alternating,
                discriminator_steps: 1,
                minibatch: 128,
                loss: LossConfig::Relativistic,
                generator_objective: GeneratorObjective::NonSaturating,
                discriminator_weight: 1.0,
                penalty: Some(PenaltyConfig::ZeroCentred {
                    gamma: Gamma::Auto(AutoGamma::Auto),
                    on: PenaltyOn::Both,
                }),
                pack: 2,
                microbatches: 1,
                condition: Vec::new(),
                condition_by: None,
            },
        }
    }

    /// With φ of G's last layer, which must be able to make every record: sigmoid for values in
    /// `[0, 1]`, tanh for those in `[−1, 1]`.
    #[must_use]
    pub fn with_output(mut self, activation: ActivationKind) -> Self {
        if let Some(output) = self.generator.layers.last_mut() {
            output.activation = activation;
        }
        self
    }

    /// With so many records, and samples, per update.
    #[must_use]
    pub fn with_minibatch(mut self, minibatch: usize) -> Self {
        self.game.minibatch = minibatch;
        self
    }

    /// The game that `text` describes, in TOML: the tables `generator`, `discriminator`,
    /// `optimizer` and `game`, and no other.
    ///
    /// Whether its values make a game is seen once there are records: see
    /// [`GameConfig::validate`], which [`Trainer::new`](crate::Trainer::new) calls.
    ///
    /// # Errors
    /// If the text is no TOML, or a key is unknown, missing or of another type; the message has
    /// the line.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(unreadable)
    }

    /// The game in the text of a whole run's configuration, whose other tables do not matter.
    pub(crate) fn from_run(text: &str) -> Result<Self, ConfigError> {
        let mut table: toml::Table = toml::from_str(text).map_err(unreadable)?;
        table.retain(|key, _| TABLES.contains(&key));
        table.try_into().map_err(unreadable)
    }

    /// The game in TOML, which [`GameConfig::from_toml`] takes.
    ///
    /// # Errors
    /// If a number is larger than TOML's integers, which end at 2⁶³ − 1.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        toml::to_string(self).map_err(|error| ConfigError::Text {
            reason: error.to_string(),
        })
    }
}

fn unreadable(error: toml::de::Error) -> ConfigError {
    let reason = error.to_string().trim_end().to_owned();
    ConfigError::Text { reason }
}

impl LayerConfig {
    /// A layer of so many units.
    #[must_use]
    pub fn hidden(units: usize, activation: ActivationKind) -> Self {
        Self {
            units: Some(units),
            ..Self::output(activation)
        }
    }

    /// The last layer of a player, whose units follow from the records.
    #[must_use]
    pub fn output(activation: ActivationKind) -> Self {
        Self {
            units: None,
            activation,
            pieces: None,
            slope: None,
            init: None,
            bias: 0.0,
            keep: 1.0,
            scale: None,
        }
    }
}

impl OptimizerConfig {
    /// Adam with η as given, β₁ = 0.5 and β₂ = 0.999.
    #[must_use]
    pub fn adam(learning_rate: f64) -> Self {
        Self::Adam {
            learning_rate,
            schedule: ScheduleConfig::Constant,
            beta1: default_beta1(),
            beta2: default_beta2(),
            epsilon: default_epsilon(),
            max_column_norm: None,
        }
    }

    /// Momentum with η and μ as given.
    #[must_use]
    pub fn momentum(learning_rate: f64, momentum: f64) -> Self {
        Self::Momentum {
            learning_rate,
            schedule: ScheduleConfig::Constant,
            momentum: Momentum::constant(momentum),
            max_column_norm: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::test_game;

    #[test]
    fn the_common_case_is_a_game_for_any_records() {
        for (hidden, cols) in [(&[7, 5][..], 3), (&[1], 1), (&[], 784)] {
            let config = GameConfig::new(2, hidden);
            assert_eq!(config.validate(cols), Ok(()));
            let changed = config.with_output(ActivationKind::Tanh).with_minibatch(6);
            assert_eq!(changed.validate(cols), Ok(()));
            let output = changed.generator.layers.last().unwrap();
            assert_eq!(output.activation, ActivationKind::Tanh);
            assert_eq!((output.units, changed.game.minibatch), (None, 6));
        }
    }

    #[test]
    fn toml_there_and_back_is_the_same_game() {
        for config in [test_game(), GameConfig::new(3, &[4])] {
            let text = config.to_toml().unwrap();
            assert_eq!(GameConfig::from_toml(&text), Ok(config.clone()));
            let run = format!("seed = 3\n{text}[data]\nsource = 'ring8'\n");
            assert_eq!(GameConfig::from_run(&run), Ok(config));
        }
    }

    #[test]
    fn text_that_is_no_game_is_an_error_with_its_line() {
        let text = GameConfig::new(3, &[4]).to_toml().unwrap();
        let typo = text.replace("minibatch", "minibach");
        let without = text.replace("latent = 3\n", "");
        for (text, expected) in [
            (typo.as_str(), "unknown field `minibach`"),
            (&without, "missing field `latent`"),
            ("generator = ", "line 1, column"),
            ("", "missing field `generator`"),
            (&format!("seed = 1\n{text}"), "unknown field `seed`"),
        ] {
            let error = GameConfig::from_toml(text).unwrap_err().to_string();
            assert!(
                error.starts_with("not the configuration of a game: "),
                "{error}"
            );
            assert!(error.contains(expected), "{error:?}, not {expected:?}");
        }
        assert!(GameConfig::from_run("seed = 1\n").is_err());
    }
}
