//! The CPU's [`PlaceConditions`].

use super::PlaceConditions;
use crate::Real;
use crate::native::Native;

#[track_caller]
pub(crate) fn run<T: Real>(_native: &Native<T>, mut op: PlaceConditions<'_, Native<T>>) {
    let (m, _, latents) = op.check();
    for row in 0..m {
        let conditions = op.x.map(|x| &x.row(row)[latents..]);
        let y = op.y.row(row);
        for (index, &place) in op.given.places.iter().enumerate() {
            y[place] = conditions.map_or(T::ZERO, |conditions| conditions[index]);
        }
    }
}
