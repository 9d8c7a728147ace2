//! Forward pass of one layer.

pub mod cases;
pub(crate) mod cpu;
#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod reference;

use super::{Dropout, check_pieces, check_shape, check_winners};
use crate::{Activation, Backend, Matrix, Rows, RowsMut, WinnersRowsMut};

/// `Y = dropout(φ(X·W + b))`: affine map with bias–activation–dropout epilogue.
///
/// Each of the m rows of X is one example with k inputs, and becomes one row of Y with n units.
/// These are sizes of the product: m and k are not the paper's minibatch and steps of D, and Z is
/// `X·W + b`, not the latents.
/// A unit of maxout is the largest of `pieces` linear maps, so W then has n·pieces columns; for
/// every other φ `pieces` is 1.
/// `reference.rs` beside this file has the same as plain loops.
///
/// # Panics
/// If the shapes disagree, maxout has fewer than 2 or more than 255 pieces, `dropout` is out of range, or `winners` is
/// absent for maxout or present without it.
/// # Numerics
/// Accumulated in k order in the element type; within `4·√k·ε` of the f64 oracle relative to
/// `Σ|x·w|` (docs/numerics.md).
/// # Source
/// Goodfellow et al. 2014 §5 (rectifier, sigmoid and maxout units, dropout in D).
pub struct LinearFwd<'a, B: Backend> {
    /// X, m × k: one example a row.
    pub x: Rows<'a, B>,
    /// W, k × n·pieces: fan-in × fan-out; the pieces of unit j are columns `j·pieces ..`.
    pub w: &'a Matrix<B>,
    /// b, 1 × n·pieces.
    pub b: &'a Matrix<B>,
    /// Y, m × n, overwritten: the output, which [`LinearBwdData`](crate::LinearBwdData) reads.
    pub y: RowsMut<'a, B>,
    /// φ.
    pub act: Activation,
    /// For maxout alone, m × n, overwritten: which piece won, kept for the backward pass.
    pub winners: Option<WinnersRowsMut<'a, B>>,
    /// Dropout of the output, which is the input of the layer above.
    pub dropout: Option<Dropout>,
    /// Gives seed and step of the dropout's address.
    pub state: &'a B::State,
}

impl<'a, B: Backend> LinearFwd<'a, B> {
    /// `Y = X·W + b`, to which a caller adds φ and dropout.
    #[must_use]
    pub fn affine(
        x: Rows<'a, B>,
        w: &'a Matrix<B>,
        b: &'a Matrix<B>,
        y: RowsMut<'a, B>,
        state: &'a B::State,
    ) -> Self {
        Self {
            x,
            w,
            b,
            y,
            act: Activation::Identity,
            winners: None,
            dropout: None,
            state,
        }
    }

    /// Checks every operand; returns m, the columns of z, and k.
    #[track_caller]
    pub(crate) fn check(&self) -> (usize, usize, usize) {
        check_pieces("linear_fwd", self.act);
        if let Some(dropout) = self.dropout {
            dropout.check("linear_fwd", self.y.shape());
        }
        let (m, k) = self.x.shape();
        let (units, pieces) = (self.y.shape().1, self.act.pieces());
        check_shape("linear_fwd", "y", self.y.shape(), (m, units));
        check_shape("linear_fwd", "w", self.w.shape(), (k, units * pieces));
        check_shape("linear_fwd", "b", self.b.shape(), (1, units * pieces));
        let winners = self.winners.as_ref().map(|winners| winners.shape());
        check_winners("linear_fwd", "winners", self.act, winners, (m, units));
        (m, units * pieces, k)
    }
}
