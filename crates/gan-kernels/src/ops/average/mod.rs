//! A running mean of parameters.

pub mod cases;
pub(crate) mod cpu;
#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod reference;

use super::check_shape;
use crate::{Backend, Matrix};

/// `A ← A + (1 − β)·(W − A)`: the exponential moving average of a matrix.
///
/// # Panics
/// If the shapes disagree, or β is not in [0, 1).
/// # Numerics
/// 1 − β is taken in f64 and rounded once; as a step towards W, so that A stays where it is when
/// they agree.
/// # Source
/// Polyak and Juditsky 1992; of generators, Yazıcı et al. 2019.
pub struct Average<'a, B: Backend> {
    /// W, k × n.
    pub w: &'a Matrix<B>,
    /// A, k × n, updated in place.
    pub average: &'a mut Matrix<B>,
    /// β.
    pub decay: f64,
}

impl<B: Backend> Average<'_, B> {
    /// Checks both operands; returns k and n.
    #[track_caller]
    pub(crate) fn check(&self) -> (usize, usize) {
        let shape = self.w.shape();
        let average = self.average.shape();
        check_shape("average", "average", average, shape);
        assert!(
            (0.0..1.0).contains(&self.decay),
            "average: decay {}, expected at least 0, below 1",
            self.decay
        );
        shape
    }
}
