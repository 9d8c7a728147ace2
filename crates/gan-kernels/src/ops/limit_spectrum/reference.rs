//! What [`LimitSpectrum`](super::LimitSpectrum) computes, as plain loops in f64.

use crate::ops::reference::Table;

/// W of k × n and u of 1 × n after one step of power iteration: `t = W·u`, `r = Wᵀ·t / ‖t‖`,
/// `σ = ‖r‖`.
pub(crate) fn limit_spectrum(w: &Table, u: &Table, limit: f64) -> [Table; 2] {
    let (mut w_after, mut u_after) = (w.clone(), u.clone());
    let t: Vec<f64> = (0..w.rows)
        .map(|i| (0..w.cols).map(|j| w[(i, j)] * u[(0, j)]).sum())
        .collect();
    let length = norm(&t);
    let r: Vec<f64> = (0..w.cols)
        .map(|j| (0..w.rows).map(|i| w[(i, j)] * t[i] / length).sum())
        .collect();
    let sigma = norm(&r);
    if length == 0.0 || sigma == 0.0 {
        return [w_after, u_after];
    }
    for j in 0..w.cols {
        u_after[(0, j)] = r[j] / sigma;
    }
    for w in &mut w_after.values {
        *w *= (limit / sigma).min(1.0);
    }
    [w_after, u_after]
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}
