//! Forward pass of one layer.

pub mod cases;
pub(crate) mod cpu;
#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod reference;

use super::{Dropout, assert_shape, check_pieces};
use crate::{Activation, Backend, Matrix, Rows, RowsMut, WinnersRowsMut};

/// `Y = dropout(φ(X·W + b))`: affine map with bias–activation–dropout epilogue.
///
/// | operand | shape | note |
/// |---|---|---|
/// | `x` | m × k | minibatch |
/// | `w` | k × n·pieces | fan-in × fan-out |
/// | `b` | 1 × n·pieces | |
/// | `y` | m × n | output; also the aux that [`LinearBwdData`](crate::LinearBwdData) reads |
/// | `winners` | m × n | for maxout alone: which piece won, kept for the backward pass |
///
/// The pieces of unit j are columns `j·pieces ..` of `w`.
///
/// # Panics
/// If the shapes disagree, maxout has no 2 to 255 pieces, dropout makes no mask, or `winners` is absent for maxout or present without it.
/// # Numerics
/// Accumulated in k order in the element type; within `4·√k·ε` of the f64 oracle relative to
/// `Σ|x·w|` (docs/numerics.md).
/// # Source
/// Goodfellow et al. 2014 §5 (rectifier, sigmoid and maxout units, dropout in D).
pub struct LinearFwd<'a, B: Backend> {
    /// X.
    pub x: Rows<'a, B>,
    /// W.
    pub w: &'a Matrix<B>,
    /// b.
    pub b: &'a Matrix<B>,
    /// Y.
    pub y: RowsMut<'a, B>,
    /// φ.
    pub act: Activation,
    /// Winning pieces.
    pub winners: Option<WinnersRowsMut<'a, B>>,
    /// Dropout of the layer above's input.
    pub dropout: Option<Dropout>,
    /// Gives seed and step of the dropout's address.
    pub state: &'a B::State,
}

impl<B: Backend> LinearFwd<'_, B> {
    /// Checks every operand; returns m, the columns of z, and k.
    #[track_caller]
    pub(crate) fn check(&self) -> (usize, usize, usize) {
        check_pieces("linear_fwd", self.act);
        if let Some(dropout) = self.dropout {
            dropout.check("linear_fwd", self.y.shape());
        }
        let (m, k) = self.x.shape();
        let (units, pieces) = (self.y.shape().1, self.act.pieces());
        assert_shape!("linear_fwd", "y", self.y.shape(), (m, units));
        assert_shape!(
            "linear_fwd",
            "w",
            (self.w.rows, self.w.cols),
            (k, units * pieces)
        );
        assert_shape!(
            "linear_fwd",
            "b",
            (self.b.rows, self.b.cols),
            (1, units * pieces)
        );
        let winners = self.winners.as_ref();
        if let Activation::Maxout { .. } = self.act {
            let winners = winners.map(|w| (w.winners.rows.saturating_sub(w.first), w.winners.cols));
            let (rows, cols) = winners.expect("linear_fwd: maxout needs winners");
            assert_shape!("linear_fwd", "winners", (rows.min(m), cols), (m, units));
        } else {
            assert!(winners.is_none(), "linear_fwd: winners without maxout");
        }
        (m, units * pieces, k)
    }
}
