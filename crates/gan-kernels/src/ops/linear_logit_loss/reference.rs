//! What [`LinearLogitLoss`](super::LinearLogitLoss) computes, in f64: its three operations.

use crate::ops::linear_bwd_data::reference::{LayerBelow, linear_bwd_data};
use crate::ops::linear_fwd::reference::linear_fwd;
use crate::ops::logit_loss::reference::{Weighted, gradient};
use crate::ops::reference::Table;
use crate::{Activation, StepState};

/// The results of the three operations.
pub(crate) struct Head {
    /// l, m × 1.
    pub(crate) logits: Table,
    /// dl, m × 1.
    pub(crate) dz: Table,
    /// dY↓, m × k, and dZ↓, m × k·pieces, where there is a layer below.
    pub(crate) below: Option<[Table; 2]>,
}

/// The output layer of X of m × k, w of k × 1 and b of 1 × 1, the loss, and the way back.
pub(crate) fn linear_logit_loss(
    [x, w, b]: [&Table; 3],
    loss: Weighted,
    below: Option<&LayerBelow<'_>>,
    state: &StepState,
) -> Head {
    let logits = linear_fwd(x, w, b, Activation::Identity, None, state).z;
    let mut dz = Table::zeros(x.rows, 1);
    for i in 0..x.rows {
        dz[(i, 0)] = gradient(loss, &logits.values, i);
    }
    let below = below.map(|below| linear_bwd_data(&dz, w, below, state));
    Head { logits, dz, below }
}
