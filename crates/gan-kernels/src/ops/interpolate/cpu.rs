//! The CPU's [`Interpolate`].

use super::Interpolate;
use crate::Real;
use crate::native::Native;
use crate::random::{Address, unit_open};

#[track_caller]
pub(crate) fn run<T: Real>(native: &Native<T>, mut op: Interpolate<'_, Native<T>>) {
    let (m, n) = op.check();
    let address = Address {
        seed: op.state.seed,
        stream: op.stream,
        step: op.state.step,
    };
    let y = op.y.shared();
    native.over_rows(m, m * n, |row| {
        let epsilon = T::from_f64(f64::from(unit_open(address.word(row as u64))));
        // SAFETY: each row is one task's.
        let y = unsafe { y.part(row, 0, n) };
        let values = y.iter_mut().zip(op.a.row(row)).zip(op.b.row(row));
        values.for_each(|((y, &a), &b)| *y = b + epsilon * (a - b));
    });
}
