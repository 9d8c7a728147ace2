//! Backward pass of one layer to the layer below.

pub mod cases;
pub(crate) mod cpu;
#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod reference;

use super::{Dropout, assert_shape, check_pieces};
use crate::{Activation, Backend, Matrix, Rows, RowsMut, WinnersRows};

/// `dZ↓ = (dZ·Wᵀ) ⊙ φ′(Y↓) ⊙ mask↓`: the gradient of the pre-activation of the layer below.
///
/// | operand | shape | note |
/// |---|---|---|
/// | `dz` | m × n | gradient of this layer's pre-activation |
/// | `w` | k × n | before its update |
/// | `below.y` | m × k | output of the layer below, dropout applied |
/// | `dz_below` | m × k·pieces | overwritten; for maxout the gradient at the winner, zeros elsewhere |
///
/// φ′ is computed from the output, of which dropout's factor is taken back.
///
/// # Panics
/// If the shapes disagree, maxout has no 2 to 255 pieces, dropout makes no mask, or `below.winners` is absent for maxout or present without it.
/// # Numerics
/// As [`LinearFwd`](crate::LinearFwd), with depth n.
/// # Source
/// Backpropagation (Rumelhart, Hinton, Williams 1986); the epilogue is CUTLASS's `LinCombDeEltAct`,
/// with the mask of dropout beside φ′.
pub struct LinearBwdData<'a, B: Backend> {
    /// dZ.
    pub dz: Rows<'a, B>,
    /// W.
    pub w: &'a Matrix<B>,
    /// The layer below, as its forward pass left it.
    pub below: Below<'a, B>,
    /// dZ↓.
    pub dz_below: RowsMut<'a, B>,
    /// Gives seed and step of the dropout's address.
    pub state: &'a B::State,
}

/// What the layer below kept of its forward pass.
pub struct Below<'a, B: Backend> {
    /// Its output Y↓.
    pub y: Rows<'a, B>,
    /// Its φ.
    pub act: Activation,
    /// Its winning pieces, for maxout alone.
    pub winners: Option<WinnersRows<'a, B>>,
    /// The dropout that its forward pass applied.
    pub dropout: Option<Dropout>,
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
        assert_shape!("linear_bwd_data", "w", (k, self.w.cols), (k, n));
        assert_shape!("linear_bwd_data", "below.y", self.below.y.shape(), (m, k));
        assert_shape!(
            "linear_bwd_data",
            "dz_below",
            self.dz_below.shape(),
            (m, k * pieces)
        );
        let winners = self.below.winners.as_ref();
        if pieces > 1 {
            let winners = winners.map(|w| (w.winners.rows.saturating_sub(w.first), w.winners.cols));
            let (rows, cols) = winners.expect("linear_bwd_data: maxout needs winners");
            assert_shape!(
                "linear_bwd_data",
                "below.winners",
                (rows.min(m), cols),
                (m, k)
            );
        } else {
            assert!(winners.is_none(), "linear_bwd_data: winners without maxout");
        }
        (m, k, n)
    }
}
