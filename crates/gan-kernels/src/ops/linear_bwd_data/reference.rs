//! What [`LinearBwdData`](super::LinearBwdData) computes, as plain loops in f64.

use crate::ops::Dropout;
use crate::ops::reference::{Table, dropout_factor};
use crate::{Activation, StepState};

/// The layer below, by its pre-activation, of which the operation sees φ and the winners alone.
pub(crate) struct LayerBelow<'a> {
    /// Z↓, m × k·pieces.
    pub(crate) z: &'a Table,
    pub(crate) act: Activation,
    pub(crate) dropout: Option<Dropout>,
}

/// `dY↓ = dZ·Wᵀ`, m × k, and `dZ↓ = dY↓ ⊙ φ′(Z↓) ⊙ mask↓`, m × k·pieces, from dZ of m × n and W of
/// k × n.
///
/// Of a maxout unit the winning piece gets the gradient and the others 0.
pub(crate) fn linear_bwd_data(
    dz: &Table,
    w: &Table,
    below: &LayerBelow<'_>,
    state: &StepState,
) -> [Table; 2] {
    let (m, k) = (dz.rows, w.rows);
    let (mut dy, mut dz_below) = (Table::zeros(m, k), Table::zeros(m, below.z.cols));
    for i in 0..m {
        for j in 0..k {
            dy[(i, j)] = dz.row(i).iter().zip(w.row(j)).map(|(dz, w)| dz * w).sum();
            let (column, slope) = slope_of_unit(below.z.row(i), below.act, j);
            let mask = dropout_factor(below.dropout, state, (i, j), k);
            dz_below[(i, column)] = dy[(i, j)] * slope * mask;
        }
    }
    [dy, dz_below]
}

/// The column of a row of Z that unit `j`'s output follows, and φ′ there.
pub(crate) fn slope_of_unit(z: &[f64], act: Activation, j: usize) -> (usize, f64) {
    let pieces = act.pieces();
    let (_, winner) = act.define(&z[j * pieces..][..pieces]);
    let column = j * pieces + winner;
    (column, slope(act, z[column]))
}

/// φ′(z).
fn slope(act: Activation, z: f64) -> f64 {
    match act {
        Activation::Relu => f64::from(z > 0.0),
        Activation::LeakyRelu { slope } if z <= 0.0 => slope,
        Activation::Identity | Activation::LeakyRelu { .. } | Activation::Maxout { .. } => 1.0,
        Activation::Sigmoid => 0.25 / (0.5 * z).cosh().powi(2),
        Activation::Tanh => 1.0 / z.cosh().powi(2),
    }
}
