//! What [`Parzen`](super::Parzen) computes, as plain loops in f64.

use std::f64::consts::TAU;

use crate::ops::reference::Table;

/// `log mean_s N(x; s, σ²I)` in nats, σ × N, of N points x under Gaussians on M samples s.
pub(crate) fn parzen(points: &Table, samples: &Table, sigmas: &[f64]) -> Table {
    let (n, m, d) = (points.rows, samples.rows, points.cols);
    let mut logs = Table::zeros(sigmas.len(), n);
    for i in 0..n {
        let square = |s: &[f64]| -> f64 {
            let pairs = points.row(i).iter().zip(s);
            pairs.map(|(x, s)| (x - s).powi(2)).sum()
        };
        let squares: Vec<_> = (0..m).map(|j| square(samples.row(j))).collect();
        for (row, sigma) in sigmas.iter().enumerate() {
            let exponents = squares.iter().map(|square| -square / (2.0 * sigma * sigma));
            // The largest is taken out of the sum, in which the others may vanish.
            let largest = exponents.clone().fold(f64::MIN, f64::max);
            let sum: f64 = exponents.map(|exponent| (exponent - largest).exp()).sum();
            let normaliser = d as f64 * (sigma * TAU.sqrt()).ln();
            logs[(row, i)] = largest + (sum / m as f64).ln() - normaliser;
        }
    }
    logs
}
