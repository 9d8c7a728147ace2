//! The oracle of [`LimitSpectrum`].

use super::{Case, Checker, Comparison, Expected, Op, weight_scale};
use crate::{Backend, BackendError, LimitSpectrum, Matrix};

pub(super) struct Spectrum<B: Backend> {
    rows: usize,
    cols: usize,
    limit: f64,
    /// W and u.
    host: [Vec<f64>; 2],
    w: Matrix<B>,
    u: Matrix<B>,
}

impl<B: Backend> Spectrum<B> {
    pub(super) fn new(checker: &Checker<'_, B>, case: &Case) -> Self {
        let Op::LimitSpectrum { rows, cols, limit } = case.op else {
            unreachable!("limit_spectrum: another operation's case")
        };
        let mut w = checker.draw(case.inputs, 30, rows * cols);
        let scale = weight_scale(case.inputs, rows);
        w.iter_mut().for_each(|w| *w *= scale);
        let u = checker.draw(case.inputs, 31, cols);
        Self {
            rows,
            cols,
            limit,
            w: checker.input(cols, &w, 0),
            u: checker.input(cols, &u, 0),
            host: [w, u],
        }
    }

    pub(super) fn run(&mut self, backend: &B) {
        backend.limit_spectrum(LimitSpectrum {
            w: &mut self.w,
            direction: &mut self.u,
            limit: self.limit,
        });
    }

    /// What the operation may write.
    pub(super) fn matrices(&self) -> [&Matrix<B>; 2] {
        [&self.w, &self.u]
    }

    pub(super) fn verify(
        &self,
        checker: &Checker<'_, B>,
        case: &Case,
    ) -> Result<Vec<Comparison>, BackendError> {
        let (k, n) = (self.rows, self.cols);
        let [w, u] = &self.host;
        let u = u.iter().copied().map(Expected::exactly).collect::<Vec<_>>();
        let mut t: Vec<_> = (0..k).map(|row| dot(&u, |col| w[row * n + col])).collect();
        let length = norm(&t);
        t.iter_mut().for_each(|t| *t = quotient(*t, length));
        let mut r: Vec<_> = (0..n).map(|col| dot(&t, |row| w[row * n + col])).collect();
        let sigma = norm(&r);
        r.iter_mut().for_each(|r| *r = quotient(*r, sigma));
        let limit = Expected::exactly(self.limit);
        let factor = if sigma.value > self.limit {
            quotient(limit, sigma)
        } else {
            Expected::exactly(1.0)
        };
        let weights = checker.compare(case, "w", &self.w, |row, col| {
            let w = w[row * n + col];
            Expected {
                value: w * factor.value,
                magnitude: w.abs() * factor.magnitude,
            }
        })?;
        let direction = checker.compare(case, "direction", &self.u, |_, col| r[col])?;
        Ok(vec![weights, direction])
    }
}

/// Σ a(i)·b(i).
///
/// Its own rounding is a product's; what the elements of a were off by is independent of each
/// other, and adds in quadrature.
fn dot(a: &[Expected], b: impl Fn(usize) -> f64) -> Expected {
    let (mut sum, mut size, mut square) = (0.0, 0.0, 0.0);
    for (i, a) in a.iter().enumerate() {
        let b = b(i);
        sum += a.value * b;
        size += (a.value * b).abs();
        square += (a.magnitude * b).powi(2);
    }
    Expected {
        value: sum,
        magnitude: (a.len() as f64).sqrt() * size + square.sqrt(),
    }
}

/// √Σ a².
fn norm(a: &[Expected]) -> Expected {
    let value = a.iter().map(|a| a.value * a.value).sum::<f64>().sqrt();
    let square: f64 = a.iter().map(|a| (a.value * a.magnitude).powi(2)).sum();
    Expected {
        value,
        // The root halves what the sum of squares is off by.
        magnitude: square.sqrt() / value + (0.5 * (a.len() as f64).sqrt() + 1.0) * value,
    }
}

/// a / b.
fn quotient(a: Expected, b: Expected) -> Expected {
    let value = a.value / b.value;
    Expected {
        value,
        magnitude: a.magnitude / b.value + value.abs() * (b.magnitude / b.value + 1.0),
    }
}
