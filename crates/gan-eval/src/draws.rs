//! The addresses of the random numbers of an evaluation: one per use, as everywhere.

use gan_kernels::random::{Address, Purpose, Stream};
use rand::RngExt;

/// The purpose of a random number.
///
/// A pass of [`Purpose::Evaluation`] each; pass 0 is the samples' own latents.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Draw {
    /// The choice of the pooled points that are called data, under MMD's null hypothesis.
    Permutation = 32,
    /// Directions to project on.
    Direction = 33,
    /// A classifier's first weights, one step per layer.
    Weights = 34,
    /// The order in which a classifier visits records, one step per epoch.
    Order = 35,
    /// The rows of a table that are looked at, one step per choice.
    Rows = 36,
    /// The order of a table's column that is shuffled alone, one step per column.
    Shuffle = 37,
    /// The folds of a cross-validation, one step per repetition.
    Folds = 38,
}

impl Draw {
    /// The address of repetition `step`.
    pub(crate) fn address(self, seed: u64, step: usize) -> Address {
        Address {
            seed,
            stream: Stream::new(Purpose::Evaluation, self as usize, 0),
            step: step as u64,
        }
    }

    /// `0..n` in random order (Fisher and Yates).
    pub(crate) fn order(self, seed: u64, step: usize, n: usize) -> Vec<usize> {
        let mut rng = self.address(seed, step).rng();
        let mut order: Vec<usize> = (0..n).collect();
        for last in (1..n).rev() {
            order.swap(last, rng.random_range(0..=last));
        }
        order
    }
}
