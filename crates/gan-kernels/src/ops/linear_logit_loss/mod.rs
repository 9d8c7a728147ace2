//! D's output layer, the objective on its logits, and the way back to the layer below, in one.

pub mod cases;
pub(crate) mod cpu;
#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod reference;

use super::{Below, LinearBwdData, LinearFwd, LogitLoss, Objective};
use crate::{Backend, Matrix, Rows, RowsMut};

/// `l = X·w + b`, the [`LogitLoss`] of l, and `dZ↓ = (dl·wᵀ) ⊙ φ′(Y↓) ⊙ mask↓`.
///
/// With one logit a row there is so little to compute that starting the three operations one after
/// the other would take longer than they do.
///
/// # Panics
/// If [`LinearFwd`], [`LogitLoss`] or [`LinearBwdData`] would panic.
/// # Numerics
/// The same as of those three; a GPU rounds no factors here, whatever its precision.
/// # Source
/// Goodfellow et al. 2014 eq. 1 and §3; backpropagation (Rumelhart, Hinton, Williams 1986).
pub struct LinearLogitLoss<'a, B: Backend> {
    /// X, m × k: what the output layer sees.
    pub x: Rows<'a, B>,
    /// w, k × 1, before its update.
    pub w: &'a Matrix<B>,
    /// b, 1 × 1.
    pub b: &'a Matrix<B>,
    /// l, m × 1, overwritten.
    pub logits: RowsMut<'a, B>,
    /// The objective.
    pub objective: Objective,
    /// Factor of the objective.
    pub weight: f64,
    /// dl, m × 1, overwritten: the gradient of the objective.
    pub dz: RowsMut<'a, B>,
    /// The layer below, whose output is X, and dZ↓, m × k·pieces, overwritten.
    pub below: Option<(Below<'a, B>, RowsMut<'a, B>)>,
    /// Sums to which those of this call are added.
    pub monitors: &'a mut B::Monitors,
    /// Gives seed and step of the dropout's address.
    pub state: &'a B::State,
}

impl<B: Backend> LinearLogitLoss<'_, B> {
    /// Checks every operand; returns m and k.
    #[track_caller]
    pub(crate) fn check(&mut self) -> (usize, usize) {
        let (m, _, k) = self.forward().check();
        self.loss().check();
        if let Some(backward) = self.backward() {
            backward.check();
        }
        (m, k)
    }

    fn forward(&mut self) -> LinearFwd<'_, B> {
        let logits = self.logits.reborrow();
        LinearFwd::affine(self.x, self.w, self.b, logits, self.state)
    }

    fn loss(&mut self) -> LogitLoss<'_, B> {
        LogitLoss {
            logits: self.logits.as_rows(),
            objective: self.objective,
            weight: self.weight,
            dz: self.dz.reborrow(),
            monitors: self.monitors,
            state: self.state,
        }
    }

    fn backward(&mut self) -> Option<LinearBwdData<'_, B>> {
        let (below, dz_below) = self.below.as_mut()?;
        Some(LinearBwdData {
            dz: self.dz.as_rows(),
            w: self.w,
            below: *below,
            dz_below: dz_below.reborrow(),
            state: self.state,
        })
    }
}
