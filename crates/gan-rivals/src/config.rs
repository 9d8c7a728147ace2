//! The configuration of a rival: which model it is, and its numbers.

use gan_kernels::BackendError;
use serde::{Deserialize, Serialize};

use crate::cae::CaeConfig;
use crate::dbm::DbmConfig;
use crate::dbn::DbnConfig;
use crate::gsn::GsnConfig;
use crate::learning::{Chains, Learning};
use crate::rbm::RbmConfig;

/// A rival as a configuration file describes it.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[non_exhaustive]
pub enum RivalConfig {
    /// A restricted Boltzmann machine.
    Rbm(RbmConfig),
    /// A deep belief net.
    Dbn(DbnConfig),
    /// A deep Boltzmann machine.
    Dbm(DbmConfig),
    /// A stacked contractive auto-encoder.
    Cae(CaeConfig),
    /// A deep generative stochastic network.
    Gsn(GsnConfig),
}

/// Something is wrong with a rival's configuration, its file or its device.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RivalError {
    /// A value is out of range.
    #[error("{key}: found {found}, expected {expected}")]
    Value {
        /// The key in a configuration.
        key: &'static str,
        /// Its value.
        found: String,
        /// The values that it may have.
        expected: &'static str,
    },
    /// A tensor is missing, or does not fit the configuration.
    #[error("tensor {name}: found {found}, expected one of {}×{} values", expected[0], expected[1])]
    Tensor {
        /// Its name.
        name: String,
        /// Its shape, or that there is none.
        found: String,
        /// Rows and columns.
        expected: [usize; 2],
    },
    /// The device failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

/// Evaluates an expression of the configuration, whichever kind it is of.
macro_rules! with_config {
    ($rival:expr, $config:ident => $then:expr) => {
        match $rival {
            RivalConfig::Rbm($config) => $then,
            RivalConfig::Dbn($config) => $then,
            RivalConfig::Dbm($config) => $then,
            RivalConfig::Cae($config) => $then,
            RivalConfig::Gsn($config) => $then,
        }
    };
}

impl RivalConfig {
    /// The kinds, as configurations name them.
    pub const KINDS: [&'static str; 5] = ["rbm", "dbn", "dbm", "cae", "gsn"];

    /// The settings that a rival of this kind has unless told otherwise.
    #[must_use]
    pub fn of_kind(kind: &str) -> Option<Self> {
        Some(match kind {
            "rbm" => Self::Rbm(RbmConfig::default()),
            "dbn" => Self::Dbn(DbnConfig::default()),
            "dbm" => Self::Dbm(DbmConfig::default()),
            "cae" => Self::Cae(CaeConfig::default()),
            "gsn" => Self::Gsn(GsnConfig::default()),
            _ => return None,
        })
    }

    /// The kind, as configurations name it, and in words.
    const fn names(&self) -> [&'static str; 2] {
        match self {
            Self::Rbm(_) => ["rbm", "restricted Boltzmann machine"],
            Self::Dbn(_) => ["dbn", "deep belief net"],
            Self::Dbm(_) => ["dbm", "deep Boltzmann machine"],
            Self::Cae(_) => ["cae", "stacked contractive auto-encoder"],
            Self::Gsn(_) => ["gsn", "deep generative stochastic network"],
        }
    }

    /// The kind, as configurations name it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.names()[0]
    }

    /// The kind in words.
    #[must_use]
    pub const fn in_words(&self) -> &'static str {
        self.names()[1]
    }

    /// The chains that samples are taken from.
    #[must_use]
    pub fn chain(&self) -> Chains {
        with_config!(self, config => config.chain)
    }

    /// The trainings, one after the other.
    #[must_use]
    pub fn stages(&self) -> Vec<Learning> {
        let learning = with_config!(self, config => config.learning);
        match self {
            Self::Rbm(_) | Self::Gsn(_) => vec![learning],
            Self::Dbn(DbnConfig { hidden, .. }) | Self::Cae(CaeConfig { hidden, .. }) => {
                vec![learning; hidden.len()]
            }
            Self::Dbm(config) => vec![learning, learning, config.joint],
        }
    }

    /// Units of each layer, from records of `cols` values up.
    #[must_use]
    pub fn layers(&self, cols: usize) -> Vec<usize> {
        let hidden = with_config!(self, config => config.hidden.iter().copied());
        std::iter::once(cols).chain(hidden).collect()
    }

    /// Makes every hidden layer one of `units` units, trainings one pass, and chains short: for
    /// examples and tests.
    pub fn set_size(&mut self, units: usize) {
        with_config!(self, config => {
            config.hidden.fill(units);
            config.learning.epochs = 1.0;
            (config.chain.burn_in, config.chain.thin) = (5, 1);
        });
        if let Self::Dbm(config) = self {
            config.joint.epochs = 1.0;
        }
    }

    /// Checks all values.
    ///
    /// # Errors
    /// The first that is out of range.
    pub fn validate(&self) -> Result<(), RivalError> {
        let hidden = &self.layers(1)[1..];
        let (layers, expected) = match self {
            Self::Rbm(_) => (1..=1, "1 layer"),
            Self::Dbm(_) | Self::Gsn(_) => (2..=2, "2 layers"),
            Self::Dbn(_) | Self::Cae(_) => (1..=16, "1 to 16 layers"),
        };
        check(
            "hidden",
            hidden.len(),
            layers.contains(&hidden.len()),
            expected,
        )?;
        for &units in hidden {
            check(
                "hidden",
                units,
                (1..=100_000).contains(&units),
                "1 to 100,000 units",
            )?;
        }
        for learning in self.stages() {
            let Learning {
                minibatch,
                epochs,
                learning_rate,
                momentum,
            } = learning;
            let is_size = (1..=100_000).contains(&minibatch);
            check("learning.minibatch", minibatch, is_size, "1 to 100,000")?;
            check(
                "learning.epochs",
                epochs,
                (0.0..1e6).contains(&epochs),
                "0 to 1,000,000",
            )?;
            let is_rate = (0.0..1e6).contains(&learning_rate);
            check(
                "learning.learning_rate",
                learning_rate,
                is_rate,
                "at least 0",
            )?;
            let is_momentum = (0.0..1.0).contains(&momentum);
            check("learning.momentum", momentum, is_momentum, "0 to below 1")?;
        }
        let Chains {
            chains,
            burn_in,
            thin,
        } = self.chain();
        check(
            "chain.chains",
            chains,
            (1..=100_000).contains(&chains),
            "1 to 100,000",
        )?;
        check(
            "chain.burn_in",
            burn_in,
            burn_in <= 1_000_000_000,
            "at most 1,000,000,000",
        )?;
        let is_interval = (1..=1_000_000_000).contains(&thin);
        check("chain.thin", thin, is_interval, "1 to 1,000,000,000")?;
        // Each step of one update has an address of its own.
        let steps = |key, steps: usize| check(key, steps, (1..=60).contains(&steps), "1 to 60");
        let deviation =
            |noise: f64| check("noise", noise, (0.0..1e3).contains(&noise), "at least 0");
        match self {
            Self::Rbm(config) => steps("steps", config.steps),
            Self::Dbn(config) => steps("steps", config.steps),
            Self::Dbm(config) => {
                let rounds = config.mean_field;
                check(
                    "mean_field",
                    rounds,
                    (1..=1000).contains(&rounds),
                    "1 to 1,000",
                )?;
                steps("steps", config.steps)
            }
            Self::Cae(config) => {
                let factor = config.contraction;
                check(
                    "contraction",
                    factor,
                    (0.0..1e6).contains(&factor),
                    "at least 0",
                )?;
                deviation(config.noise)
            }
            Self::Gsn(config) => {
                let share = config.corruption;
                check("corruption", share, (0.0..=1.0).contains(&share), "0 to 1")?;
                deviation(config.noise)?;
                steps("walkback", config.walkback)
            }
        }
    }
}

fn check(
    key: &'static str,
    found: impl ToString,
    is_in_range: bool,
    expected: &'static str,
) -> Result<(), RivalError> {
    match is_in_range {
        true => Ok(()),
        false => Err(RivalError::Value {
            key,
            found: found.to_string(),
            expected,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_named_as_configurations_name_them_and_valid() {
        for kind in RivalConfig::KINDS {
            let config = RivalConfig::of_kind(kind).unwrap();
            assert_eq!(config.kind(), kind);
            assert!(config.validate().is_ok(), "{kind}");
        }
        assert_eq!(RivalConfig::of_kind("gan"), None);
    }

    #[test]
    fn values_out_of_range_are_named() {
        let mut config = DbnConfig::default();
        config.chain.thin = 0;
        let error = RivalConfig::Dbn(config).validate().unwrap_err().to_string();
        assert_eq!(error, "chain.thin: found 0, expected 1 to 1,000,000,000");
        let config = DbnConfig {
            hidden: vec![],
            ..DbnConfig::default()
        };
        let error = RivalConfig::Dbn(config).validate().unwrap_err().to_string();
        assert_eq!(error, "hidden: found 0, expected 1 to 16 layers");
        let config = GsnConfig {
            corruption: f64::NAN,
            ..GsnConfig::default()
        };
        let error = RivalConfig::Gsn(config).validate().unwrap_err().to_string();
        assert_eq!(error, "corruption: found NaN, expected 0 to 1");
    }
}
