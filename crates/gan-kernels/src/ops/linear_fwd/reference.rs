//! What [`LinearFwd`](super::LinearFwd) computes, as plain loops in f64.

use crate::ops::Dropout;
use crate::ops::reference::{Table, dropout_factor};
use crate::{Activation, StepState};

/// A layer after its forward pass.
pub(crate) struct Forward {
    /// `X·W + b`, m × n·pieces.
    pub(crate) z: Table,
    /// `dropout(φ(Z))`, m × n.
    pub(crate) y: Table,
    /// The index of the piece that won in each unit, m × n.
    pub(crate) winners: Table,
}

/// The forward pass of a layer from X of m × k, W of k × n·pieces and b of 1 × n·pieces.
pub(crate) fn linear_fwd(
    x: &Table,
    w: &Table,
    b: &Table,
    act: Activation,
    dropout: Option<Dropout>,
    state: &StepState,
) -> Forward {
    let (m, k, pieces) = (x.rows, x.cols, act.pieces());
    let n = w.cols / pieces;

    let mut z = Table::zeros(m, n * pieces);
    for i in 0..m {
        for l in 0..k {
            for (z, w) in z.row_mut(i).iter_mut().zip(w.row(l)) {
                *z += x[(i, l)] * w;
            }
        }
        for (z, b) in z.row_mut(i).iter_mut().zip(b.row(0)) {
            *z += b;
        }
    }

    let (mut y, mut winners) = (Table::zeros(m, n), Table::zeros(m, n));
    for i in 0..m {
        for j in 0..n {
            // The pieces of unit j are neighbours; without maxout there is one.
            let (output, winner) = act.define(&z.row(i)[j * pieces..][..pieces]);
            y[(i, j)] = output * dropout_factor(dropout, state, (i, j), n);
            winners[(i, j)] = winner as f64;
        }
    }
    Forward { z, y, winners }
}
