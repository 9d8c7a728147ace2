//! The CPU's [`InputPenalty`]: a norm and a sum of two vectors per row.

use super::InputPenalty;
use crate::native::{Native, SharedRows};
use crate::{Monitor, Real};

#[track_caller]
pub(crate) fn run<T: Real>(native: &Native<T>, mut op: InputPenalty<'_, Native<T>>) {
    let (m, d) = op.check();
    let part = m / op.penalty.parts();
    let factors = op.penalty.factors();
    let c = op.c.shared();
    // Squared norms, added up in the order of rows: the sums do not depend on threads.
    let mut squares = native.norms();
    squares.clear();
    squares.resize(m, 0.0);
    let norms = SharedRows::new(&mut squares, 1);
    native.over_rows(m, m * d, |row| {
        let (x, q, s) = (op.x.row(row), op.q.row(row), op.s.row(row)[0]);
        let square = q.iter().map(|q| q.to_f64() * q.to_f64()).sum();
        let (_, kappa) = op.penalty.of_row(square, factors[row / part] / part as f64);
        let kappa = T::from_f64(kappa);
        // SAFETY: each row is one task's.
        let (c, norm) = unsafe { (c.part(row, 0, d), norms.part(row, 0, 1)) };
        norm[0] = square;
        let values = c.iter_mut().zip(x).zip(q);
        values.for_each(|((c, &x), &q)| *c = s * x + kappa * q);
    });
    for (row, &square) in squares.iter().enumerate() {
        let factor = factors[row / part];
        if factor != 0.0 {
            let (value, _) = op.penalty.of_row(square, factor / part as f64);
            op.monitors[Monitor::Penalty] += value;
            op.monitors[Monitor::InputGradient] += square;
            op.monitors[Monitor::PenalisedRows] += 1.0;
        }
    }
}
