//! The CPU's [`Average`].

use super::Average;
use crate::Real;
use crate::native::Native;

#[track_caller]
pub(crate) fn run<T: Real>(native: &Native<T>, op: Average<'_, Native<T>>) {
    op.check();
    let step = T::from_f64(1.0 - op.decay);
    let w = op.w.all();
    native.each_row(&mut op.average.all_mut(), |row, average| {
        let values = average.iter_mut().zip(w.row(row));
        values.for_each(|(average, &w)| *average += step * (w - *average));
    });
}
