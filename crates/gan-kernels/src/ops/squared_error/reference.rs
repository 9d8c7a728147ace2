//! What [`SquaredError`](super::SquaredError) computes, as plain loops in f64.

use crate::Activation;
use crate::ops::reference::Table;

/// E and dZ, m × n.
pub(crate) fn squared_error(y: &Table, targets: &Table, act: Activation) -> (f64, Table) {
    let count = (y.rows * y.cols) as f64;
    let (mut error, mut dz) = (0.0, Table::zeros(y.rows, y.cols));
    for i in 0..y.rows {
        for j in 0..y.cols {
            let off = y[(i, j)] - targets[(i, j)];
            error += off * off / count;
            dz[(i, j)] = 2.0 * off / count * slope(act, y[(i, j)]);
        }
    }
    (error, dz)
}

/// φ′(z) where φ(z) is `y`.
fn slope(act: Activation, y: f64) -> f64 {
    match act {
        Activation::Relu => f64::from(y > 0.0),
        Activation::LeakyRelu { slope } if y <= 0.0 => slope,
        Activation::Identity | Activation::LeakyRelu { .. } | Activation::Maxout { .. } => 1.0,
        Activation::Sigmoid => y - y * y,
        Activation::Tanh => (1.0 - y) * (1.0 + y),
    }
}
