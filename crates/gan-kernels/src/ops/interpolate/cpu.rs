//! The CPU's [`Interpolate`].

use super::Interpolate;
use crate::Real;
use crate::native::Native;
use crate::random::unit_open;

#[track_caller]
pub(crate) fn run<T: Real>(native: &Native<T>, mut op: Interpolate<'_, Native<T>>) {
    op.check();
    let address = op.state.address(op.stream);
    native.each_row(&mut op.y, |row, y| {
        let epsilon = T::from_f64(f64::from(unit_open(address.word(row as u64))));
        let values = y.iter_mut().zip(op.a.row(row)).zip(op.b.row(row));
        values.for_each(|((y, &a), &b)| *y = b + epsilon * (a - b));
    });
}
