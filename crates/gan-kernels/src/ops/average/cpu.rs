//! The CPU's [`Average`].

use super::Average;
use crate::Real;
use crate::native::Native;

#[track_caller]
pub(crate) fn run<T: Real>(native: &Native<T>, op: Average<'_, Native<T>>) {
    let (k, n) = op.check();
    let step = T::from_f64(1.0 - op.decay);
    let w = op.w.all();
    let mut average = op.average.all_mut();
    let average = average.shared();
    native.over_rows(k, k * n, |row| {
        // SAFETY: each row is one task's.
        let average = unsafe { average.part(row, 0, n) };
        let values = average.iter_mut().zip(w.row(row));
        values.for_each(|(average, &w)| *average += step * (w - *average));
    });
}
