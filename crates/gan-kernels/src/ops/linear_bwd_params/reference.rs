//! What [`LinearBwdParams`](super::LinearBwdParams) computes, as plain loops in f64.

use super::Update;
use crate::Rates;
use crate::ops::reference::Table;

/// `dW = Xᵀ·dZ` and `db = sᵀ·dZ`, from X of m × k, dZ of m × n and s of m × 1.
pub(crate) fn gradients(x: &Table, dz: &Table, s: &Table) -> [Table; 2] {
    let (m, k, n) = (x.rows, x.cols, dz.cols);
    let (mut dw, mut db) = (Table::zeros(k, n), Table::zeros(1, n));
    for i in 0..m {
        for l in 0..k {
            for (dw, dz) in dw.row_mut(l).iter_mut().zip(dz.row(i)) {
                *dw += x[(i, l)] * dz;
            }
        }
        for (db, dz) in db.row_mut(0).iter_mut().zip(dz.row(i)) {
            *db += s[(i, 0)] * dz;
        }
    }
    [dw, db]
}

/// θ with its first and second moment after an update by `g`; momentum's v is the first.
pub(crate) fn updated(
    update: Update,
    rates: Rates,
    [theta, first, second]: [f64; 3],
    g: f64,
) -> [f64; 3] {
    match update {
        Update::Store => [g, first, second],
        Update::Momentum => {
            let velocity = rates.momentum * first - rates.learning_rate * g;
            [theta + velocity, velocity, second]
        }
        // Kingma and Ba 2015, algorithm 1.
        Update::Adam(adam) => {
            let m = adam.beta1 * first + (1.0 - adam.beta1) * g;
            let v = adam.beta2 * second + (1.0 - adam.beta2) * g.powi(2);
            let (m_hat, v_hat) = (m * rates.first_correction, v * rates.second_correction);
            let change = rates.learning_rate * m_hat / (v_hat.sqrt() + adam.epsilon);
            [theta - change, m, v]
        }
    }
}

/// Scales the columns of W that are longer than `limit` back to it.
pub(crate) fn limit_columns(w: &mut Table, limit: f64) {
    for j in 0..w.cols {
        let square: f64 = (0..w.rows).map(|i| w[(i, j)].powi(2)).sum();
        if square.sqrt() > limit {
            for i in 0..w.rows {
                w[(i, j)] *= limit / square.sqrt();
            }
        }
    }
}
