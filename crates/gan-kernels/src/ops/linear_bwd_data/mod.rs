//! Backward pass of one layer to the layer below.

pub mod cases;
pub(crate) mod cpu;
#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod reference;

use super::{Dropout, check_pieces, check_shape, check_winners};
use crate::{Activation, Backend, Matrix, Rows, RowsMut, WinnersRows};

/// `dZ↓ = (dZ·Wᵀ) ⊙ φ′(Y↓) ⊙ mask↓`: the gradient of the pre-activation of the layer below.
///
/// φ′ is computed from the output, of which dropout's factor is taken back.
///
/// # Panics
/// If the shapes disagree, maxout has no 2 to 255 pieces, dropout makes no mask, or `below.winners`
/// is absent for maxout or present without it.
/// # Numerics
/// The same as of [`LinearFwd`](crate::LinearFwd), with depth n.
/// # Source
/// Backpropagation (Rumelhart, Hinton, Williams 1986); the epilogue is CUTLASS's `LinCombDeEltAct`,
/// with the mask of dropout beside φ′.
pub struct LinearBwdData<'a, B: Backend> {
    /// dZ, m × n: the gradient of this layer's pre-activation.
    pub dz: Rows<'a, B>,
    /// W, k × n, before its update.
    pub w: &'a Matrix<B>,
    /// The layer below, as its forward pass left it.
    pub below: Below<'a, B>,
    /// dZ↓, m × k·pieces, overwritten: for maxout the gradient at the winner, zeros elsewhere.
    pub dz_below: RowsMut<'a, B>,
    /// Gives seed and step of the dropout's address.
    pub state: &'a B::State,
}

/// The layer below, as its forward pass left it.
pub struct Below<'a, B: Backend> {
    /// Its output Y↓, m × k, dropout applied.
    pub y: Rows<'a, B>,
    /// Its φ.
    pub act: Activation,
    /// Its winning pieces, m × k, for maxout alone.
    pub winners: Option<WinnersRows<'a, B>>,
    /// The dropout that its forward pass applied.
    pub dropout: Option<Dropout>,
}

impl<'a, B: Backend> Below<'a, B> {
    /// A layer without φ and dropout, whose output is `y`.
    #[must_use]
    pub fn linear(y: Rows<'a, B>) -> Self {
        Self {
            y,
            act: Activation::Identity,
            winners: None,
            dropout: None,
        }
    }
}

impl<B: Backend> Clone for Below<'_, B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B: Backend> Copy for Below<'_, B> {}

impl<B: Backend> LinearBwdData<'_, B> {
    /// Checks every operand; returns m, k (columns of Y↓) and n (the depth).
    #[track_caller]
    pub(crate) fn check(&self) -> (usize, usize, usize) {
        check_pieces("linear_bwd_data", self.below.act);
        if let Some(dropout) = self.below.dropout {
            dropout.check("linear_bwd_data", self.below.y.shape());
        }
        let (m, n) = self.dz.shape();
        let k = self.w.rows;
        let pieces = self.below.act.pieces();
        check_shape("linear_bwd_data", "w", (k, self.w.cols), (k, n));
        check_shape("linear_bwd_data", "below.y", self.below.y.shape(), (m, k));
        check_shape(
            "linear_bwd_data",
            "dz_below",
            self.dz_below.shape(),
            (m, k * pieces),
        );
        let winners = self.below.winners.as_ref().map(|winners| winners.shape());
        check_winners(
            "linear_bwd_data",
            "below.winners",
            self.below.act,
            winners,
            (m, k),
        );
        (m, k, n)
    }
}
