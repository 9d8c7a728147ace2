//! How long and how fast a rival learns, and how its samples are taken from chains.

use gan_kernels::Rates;
use serde::{Deserialize, Serialize};

/// One stage of a training: passes over the records in minibatches, by gradient descent.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Learning {
    /// Records in a minibatch.
    pub minibatch: usize,
    /// Passes over the training records.
    pub epochs: f64,
    /// η of the first step; it falls linearly to 0.
    pub learning_rate: f64,
    /// μ: v ← μ·v − η·g, θ ← θ + v.
    pub momentum: f64,
}

impl Learning {
    /// Minibatches of 100 records, for so many epochs.
    pub(crate) const fn new(epochs: f64, learning_rate: f64, momentum: f64) -> Self {
        Self {
            minibatch: 100,
            epochs,
            learning_rate,
            momentum,
        }
    }

    /// Minibatches on so many training records.
    #[must_use]
    pub fn steps(&self, records: usize) -> u64 {
        (self.epochs * records as f64 / self.minibatch as f64).ceil() as u64
    }

    /// η and μ of step `step` of `steps`.
    pub(crate) fn rates(&self, step: u64, steps: u64) -> Rates {
        let left = 1.0 - step as f64 / steps.max(1) as f64;
        Rates::constant(self.learning_rate * left, self.momentum)
    }
}

/// The Markov chains that samples are taken from.
///
/// Sample number i is of chain i modulo `chains`, after `burn_in` steps and `thin` more for each
/// sample that was taken from the chain before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Chains {
    /// Chains that run side by side.
    pub chains: usize,
    /// Steps before the first sample of a chain.
    pub burn_in: u64,
    /// Steps from one sample of a chain to the next.
    pub thin: u64,
}

impl Default for Chains {
    fn default() -> Self {
        Self {
            chains: 100,
            burn_in: 1000,
            thin: 10,
        }
    }
}
