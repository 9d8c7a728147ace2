//! A layer's derivative along a direction, in the place where the forward pass left the layer.

pub mod cases;
pub(crate) mod cpu;
#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod reference;

use super::{assert_shape, check_pieces};
use crate::{Activation, Backend, Matrix, Rows, RowsMut, WinnersRows};

/// `C′ = φ′(Y) ⊙ (C·W + s·bᵀ)`: the change of a layer's output with its input, along C, and with
/// its bias, along s·b.
///
/// | operand | shape | note |
/// |---|---|---|
/// | `c` | m × k | direction in the layer's input |
/// | `s` | m × 1 | factor of the bias, one per row |
/// | `w` | k × n·pieces | |
/// | `b` | 1 × n·pieces | |
/// | `y` | m × n | the layer's output, without dropout |
/// | `winners` | m × n | for maxout alone: the pieces that won |
/// | `c_above` | m × n | overwritten |
///
/// The gradient of a gradient penalty is made of it (docs/numerics.md): where φ is piecewise
/// linear, φ′ is constant around almost every point, and the second derivative is this first one.
///
/// # Panics
/// If the shapes disagree, maxout has no 2 to 255 pieces, or `winners` is absent for maxout or
/// present without it.
/// # Numerics
/// As [`LinearFwd`](crate::LinearFwd), with s·b in the place of the bias.
/// # Source
/// Forward-mode differentiation (Wengert 1964); over the backward pass, Pearlmutter 1994.
pub struct LinearTangent<'a, B: Backend> {
    /// C.
    pub c: Rows<'a, B>,
    /// s.
    pub s: Rows<'a, B>,
    /// W.
    pub w: &'a Matrix<B>,
    /// b.
    pub b: &'a Matrix<B>,
    /// Y.
    pub y: Rows<'a, B>,
    /// φ.
    pub act: Activation,
    /// Winning pieces.
    pub winners: Option<WinnersRows<'a, B>>,
    /// C′.
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
        assert_shape!("linear_tangent", "s", self.s.shape(), (m, 1));
        assert_shape!("linear_tangent", "y", self.y.shape(), (m, units));
        assert_shape!("linear_tangent", "w", (self.w.rows, self.w.cols), (k, n));
        assert_shape!("linear_tangent", "b", (self.b.rows, self.b.cols), (1, n));
        assert_shape!(
            "linear_tangent",
            "c_above",
            self.c_above.shape(),
            (m, units)
        );
        let winners = self.winners.as_ref();
        if pieces > 1 {
            let winners = winners.map(|w| (w.winners.rows.saturating_sub(w.first), w.winners.cols));
            let (rows, cols) = winners.expect("linear_tangent: maxout needs winners");
            assert_shape!("linear_tangent", "winners", (rows.min(m), cols), (m, units));
        } else {
            assert!(winners.is_none(), "linear_tangent: winners without maxout");
        }
        (m, n, k)
    }
}
