//! The squared error of a layer's output, and its gradient.

pub mod cases;
pub(crate) mod cpu;
#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod reference;

use super::check_shape;
use crate::{Activation, Backend, Rows, RowsMut};

/// `E = Σ (Y − T)² / (m·n)` and `dZ = 2·(Y − T) ⊙ φ′(Y) / (m·n)`: the mean squared error, and its
/// gradient by the pre-activation of the layer that made Y.
///
/// The objective of a regression; what [`LogitLoss`](crate::LogitLoss) is for a game.
///
/// # Panics
/// If the shapes disagree, there is no element, or φ is maxout, whose gradient needs winners: see
/// [`LinearBwdData`](crate::LinearBwdData).
/// # Numerics
/// In f64 on the CPU, where only dZ is rounded to the element type, once; elsewhere in f32, where
/// the sum has a rounding error of √(m·n)·ε.
/// # Source
/// Least squares (Gauss 1809); φ′ from the output as in [`LinearBwdData`](crate::LinearBwdData).
pub struct SquaredError<'a, B: Backend> {
    /// Y, m × n: the output of a layer, without dropout.
    pub y: Rows<'a, B>,
    /// T, m × n: what it should be.
    pub targets: Rows<'a, B>,
    /// φ of the layer that made Y.
    pub act: Activation,
    /// dZ, m × n, overwritten.
    pub dz: RowsMut<'a, B>,
    /// Sums, to whose [`Monitor::SquaredError`](crate::Monitor::SquaredError) E is added.
    pub monitors: &'a mut B::Monitors,
}

impl<B: Backend> SquaredError<'_, B> {
    /// Checks every operand; returns m and n.
    #[track_caller]
    pub(crate) fn check(&self) -> (usize, usize) {
        let (m, n) = self.y.shape();
        check_shape("squared_error", "targets", self.targets.shape(), (m, n));
        check_shape("squared_error", "dz", self.dz.shape(), (m, n));
        assert!(m * n > 0, "squared_error: no elements");
        assert!(
            self.act.pieces() == 1,
            "squared_error: maxout is no output that has a target"
        );
        (m, n)
    }
}
