//! The CPU's [`LimitSpectrum`]: two products with a vector, which reading W bounds.

use super::LimitSpectrum;
use crate::Real;
use crate::native::{Native, SharedRows};

#[track_caller]
pub(crate) fn run<T: Real>(native: &Native<T>, op: LimitSpectrum<'_, Native<T>>) {
    let (k, n) = op.check();
    let mut sums = native.norms();
    sums.clear();
    sums.resize(k + n, 0.0);
    let (t, r) = sums.split_at_mut(k);
    let u = op.direction.all();
    let shared = SharedRows::new(t, 1);
    let w = op.w.all();
    native.over_rows(k, k * n, |row| {
        let terms = w.row(row).iter().zip(u.row(0));
        // SAFETY: each row is one task's.
        unsafe { shared.part(row, 0, 1)[0] = terms.map(|(w, u)| w.to_f64() * u.to_f64()).sum() };
    });
    let length = norm(t);
    if length == 0.0 {
        return;
    }
    for (row, t) in t.iter().enumerate() {
        let part = t / length;
        let values = r.iter_mut().zip(w.row(row));
        values.for_each(|(r, w)| *r += part * w.to_f64());
    }
    let sigma = norm(r);
    if sigma == 0.0 {
        return;
    }
    let mut u = op.direction.all_mut();
    let values = u.row(0).iter_mut().zip(&*r);
    values.for_each(|(u, r)| *u = T::from_f64(r / sigma));
    if sigma > op.limit {
        let factor = T::from_f64(op.limit / sigma);
        native.each_row(&mut op.w.all_mut(), |_, w| {
            w.iter_mut().for_each(|w| *w *= factor);
        });
    }
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}
