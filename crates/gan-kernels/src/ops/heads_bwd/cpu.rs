//! The CPU's [`HeadsBwd`]: a few products per value.

use super::HeadsBwd;
use crate::Real;
use crate::native::Native;

#[track_caller]
pub(crate) fn run<T: Real>(native: &Native<T>, mut op: HeadsBwd<'_, Native<T>>) {
    op.check();
    let inverse = T::from_f64(1.0 / op.temperature);
    let (spans, p, x) = (&op.heads.spans, op.p, op.x);
    native.each_row(&mut op.dz, |row, dz| {
        let (p, x) = (p.row(row), x.row(row));
        for span in spans {
            let levels = span.levels.clone();
            if let Some(scalar) = span.scalar
                && !levels.is_empty()
            {
                let by_product = dz[scalar];
                dz[levels.start] += p[scalar] * by_product;
                dz[scalar] = by_product * x[levels.start];
            }
            let (p, dz) = (&p[levels.clone()], &mut dz[levels]);
            let mut mean = T::ZERO;
            p.iter().zip(&*dz).for_each(|(&p, &d)| mean += p * d);
            let pairs = dz.iter_mut().zip(p);
            pairs.for_each(|(d, &p)| *d = p * (*d - mean) * inverse);
        }
    });
}
