//! The configuration of a rival: which model it is, and its numbers.

use std::fmt::Display;
use std::ops::RangeInclusive;

use gan_kernels::BackendError;
use serde::{Deserialize, Serialize};

use crate::cae::CaeConfig;
use crate::dbm::DbmConfig;
use crate::dbn::DbnConfig;
use crate::gsn::GsnConfig;
use crate::learning::{Chains, Learning};

/// A rival as a configuration file describes it.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[non_exhaustive]
pub enum RivalConfig {
    /// A restricted Boltzmann machine.
    Rbm(DbnConfig),
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
        key: String,
        /// Its value.
        found: String,
        /// The values that it may have.
        expected: String,
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
            "rbm" => Self::Rbm(DbnConfig::rbm()),
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
            Self::Gsn(_) => vec![learning],
            Self::Dbm(config) => vec![learning, learning, config.joint],
            _ => with_config!(self, config => vec![learning; config.hidden.len()]),
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
        let layers = match self {
            Self::Rbm(_) => 1..=1,
            Self::Dbm(_) | Self::Gsn(_) => 2..=2,
            Self::Dbn(_) | Self::Cae(_) => 1..=16,
        };
        check("hidden: layers", hidden.len(), layers)?;
        for &units in hidden {
            check("hidden: units", units, 1..=100_000)?;
        }
        check_learning("learning", with_config!(self, config => config.learning))?;
        let chain = self.chain();
        check("chain.chains", chain.chains, 1..=100_000)?;
        check("chain.burn_in", chain.burn_in, 0..=1_000_000_000)?;
        check("chain.thin", chain.thin, 1..=1_000_000_000)?;
        // Each step of one update has an address of its own.
        const STEPS: RangeInclusive<usize> = 1..=60;
        match self {
            Self::Rbm(config) | Self::Dbn(config) => check("steps", config.steps, STEPS),
            Self::Dbm(config) => {
                check("mean_field", config.mean_field, 1..=1000)?;
                check_learning("joint", config.joint)?;
                check("steps", config.steps, STEPS)
            }
            Self::Cae(config) => {
                check("contraction", config.contraction, 0.0..=1e6)?;
                check("noise", config.noise, 0.0..=1e3)
            }
            Self::Gsn(config) => {
                check("corruption", config.corruption, 0.0..=1.0)?;
                check("noise", config.noise, 0.0..=1e3)?;
                check("walkback", config.walkback, STEPS)
            }
        }
    }
}

fn check_learning(table: &str, learning: Learning) -> Result<(), RivalError> {
    let key = |name| format!("{table}.{name}");
    check(key("minibatch"), learning.minibatch, 1..=100_000)?;
    check(key("epochs"), learning.epochs, 0.0..=1e6)?;
    check(key("learning_rate"), learning.learning_rate, 0.0..=1e6)?;
    // At 1 a velocity would never end.
    check(key("momentum"), learning.momentum, 0.0..=0.9999)
}

fn check<T: PartialOrd + Display>(
    key: impl Into<String>,
    found: T,
    range: RangeInclusive<T>,
) -> Result<(), RivalError> {
    match range.contains(&found) {
        true => Ok(()),
        false => Err(RivalError::Value {
            key: key.into(),
            found: found.to_string(),
            expected: format!("{} to {}", range.start(), range.end()),
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
        let rbm = DbnConfig::default();
        let mut dbn = DbnConfig::default();
        dbn.chain.thin = 0;
        let mut dbm = DbmConfig::default();
        dbm.joint.epochs = -1.0;
        let gsn = GsnConfig {
            corruption: f64::NAN,
            ..GsnConfig::default()
        };
        let errors = [
            RivalConfig::Rbm(rbm),
            RivalConfig::Dbn(dbn),
            RivalConfig::Dbm(dbm),
            RivalConfig::Gsn(gsn),
        ]
        .map(|config| config.validate().unwrap_err().to_string());
        let expected = [
            "hidden: layers: found 2, expected 1 to 1",
            "chain.thin: found 0, expected 1 to 1000000000",
            "joint.epochs: found -1, expected 0 to 1000000",
            "corruption: found NaN, expected 0 to 1",
        ];
        assert_eq!(errors, expected);
    }
}
