//! The CPU's [`SquaredError`], in f64: a sum and a product per element.

use super::SquaredError;
use crate::native::{Native, SharedRows};
use crate::{Activation, Monitor, Real};

#[track_caller]
pub(crate) fn run<T: Real>(native: &Native<T>, mut op: SquaredError<'_, Native<T>>) {
    let (m, n) = op.check();
    let share = 1.0 / (m * n) as f64;
    let dz = op.dz.shared();
    // Squares of a row, added up in the order of rows: the sum does not depend on threads.
    let mut squares = native.norms();
    squares.clear();
    squares.resize(m, 0.0);
    let sums = SharedRows::new(&mut squares, 1);
    native.over_rows(m, m * n, |row| {
        // SAFETY: each row is one task's.
        let (dz, sum) = unsafe { (dz.part(row, 0, n), sums.part(row, 0, 1)) };
        let values = op.y.row(row).iter().zip(op.targets.row(row));
        for (dz, (y, target)) in dz.iter_mut().zip(values) {
            let y = y.to_f64();
            let off = y - target.to_f64();
            sum[0] += off * off;
            *dz = T::from_f64(2.0 * share * off * slope(op.act, y));
        }
    });
    op.monitors[Monitor::SquaredError] += share * squares.iter().sum::<f64>();
}

/// φ′ from φ's output `y`.
fn slope(act: Activation, y: f64) -> f64 {
    match act {
        Activation::Identity | Activation::Maxout { .. } => 1.0,
        Activation::Relu if y > 0.0 => 1.0,
        Activation::Relu => 0.0,
        Activation::LeakyRelu { .. } if y > 0.0 => 1.0,
        Activation::LeakyRelu { slope } => slope,
        Activation::Sigmoid => y * (1.0 - y),
        Activation::Tanh => 1.0 - y * y,
    }
}
