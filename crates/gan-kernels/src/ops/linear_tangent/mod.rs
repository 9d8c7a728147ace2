//! A layer's derivative along a direction, in the place where the forward pass left the layer.

pub mod cases;
pub(crate) mod cpu;
#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod reference;

use super::{check_pieces, check_shape, check_winners};
use crate::{Activation, Backend, Matrix, Rows, RowsMut, WinnersRows};

/// `C′ = φ′(Y) ⊙ (C·W + s·bᵀ)`: the change of a layer's output with its input, along C, and with
/// its bias, along s·b.
///
/// The gradient of a gradient penalty is made of it (docs/numerics.md): where φ is piecewise
/// linear, φ′ is constant around almost every point, and the second derivative is this first one.
///
/// # Panics
/// If the shapes disagree, maxout has no 2 to 255 pieces, or `winners` is absent for maxout or
/// present without it.
/// # Numerics
/// The same as of [`LinearFwd`](crate::LinearFwd), with s·b in the place of the bias.
/// # Source
/// Forward-mode differentiation (Wengert 1964); over the backward pass, Pearlmutter 1994.
pub struct LinearTangent<'a, B: Backend> {
    /// C, m × k: the direction in the layer's input.
    pub c: Rows<'a, B>,
    /// s, m × 1: the factor of the bias in each row.
    pub s: Rows<'a, B>,
    /// W, k × n·pieces.
    pub w: &'a Matrix<B>,
    /// b, 1 × n·pieces.
    pub b: &'a Matrix<B>,
    /// Y, m × n: the layer's output, without dropout.
    pub y: Rows<'a, B>,
    /// φ.
    pub act: Activation,
    /// For maxout alone, m × n: the pieces that won.
    pub winners: Option<WinnersRows<'a, B>>,
    /// C′, m × n, overwritten.
    pub c_above: RowsMut<'a, B>,
}

impl<B: Backend> LinearTangent<'_, B> {
    /// Checks every operand; returns m, the columns of C·W, and k.
    #[track_caller]
    pub(crate) fn check(&self) -> (usize, usize, usize) {
        check_pieces("linear_tangent", self.act);
        let (m, k) = self.c.shape();
        let (units, pieces) = (self.y.shape().1, self.act.pieces());
        let n = units * pieces;
        check_shape("linear_tangent", "s", self.s.shape(), (m, 1));
        check_shape("linear_tangent", "y", self.y.shape(), (m, units));
        check_shape("linear_tangent", "w", self.w.shape(), (k, n));
        check_shape("linear_tangent", "b", self.b.shape(), (1, n));
        check_shape(
            "linear_tangent",
            "c_above",
            self.c_above.shape(),
            (m, units),
        );
        let winners = self.winners.as_ref().map(|winners| winners.shape());
        check_winners("linear_tangent", "winners", self.act, winners, (m, units));
        (m, n, k)
    }
}
