//! What [`InputPenalty`](super::InputPenalty) computes, by the formulas of the papers in f64.

use super::Penalty;
use crate::ops::reference::Table;

/// The penalty of one row.
pub(crate) struct Row {
    /// True if the penalty is on this row at all.
    pub(crate) is_penalised: bool,
    /// ‖q‖².
    pub(crate) square: f64,
    /// The weight of this row in the mean that the penalty is: γ or λ over the rows that it is of.
    pub(crate) weight: f64,
    /// Its part of P.
    pub(crate) value: f64,
    /// κ in ∂P/∂q = κ·q.
    pub(crate) kappa: f64,
}

/// Row `i` of Q, m × d.
pub(crate) fn row(q: &Table, i: usize, penalty: Penalty) -> Row {
    let square: f64 = q.row(i).iter().map(|q| q * q).sum();
    match penalty {
        // γ/2 · ‖q‖² and its derivative γ·q, in a mean over half of the rows.
        Penalty::ZeroCentred { data, samples } => {
            let half = q.rows / 2;
            let gamma = if i < half { data } else { samples };
            let weight = gamma / half as f64;
            Row {
                is_penalised: gamma != 0.0,
                square,
                weight,
                value: weight * square / 2.0,
                kappa: weight,
            }
        }
        // λ·(‖q‖ − 1)² and its derivative 2λ·(1 − 1/‖q‖)·q, in a mean over the last third.
        Penalty::UnitNorm { weight } => {
            let third = q.rows / 3;
            let is_penalised = i >= 2 * third;
            let weight = f64::from(is_penalised) * weight / third as f64;
            let norm = (square + 1e-12).sqrt();
            Row {
                is_penalised,
                square,
                weight,
                value: weight * (norm - 1.0).powi(2),
                kappa: 2.0 * weight * (1.0 - 1.0 / norm),
            }
        }
    }
}

/// `C = s ⊙ X + κ ⊙ Q`, m × d.
pub(crate) fn input_penalty(x: &Table, q: &Table, s: &Table, penalty: Penalty) -> Table {
    let mut c = Table::zeros(x.rows, x.cols);
    for i in 0..x.rows {
        let kappa = row(q, i, penalty).kappa;
        for j in 0..x.cols {
            c[(i, j)] = s[(i, 0)] * x[(i, j)] + kappa * q[(i, j)];
        }
    }
    c
}
