//! The cases of [`LimitSpectrum`].

use super::LimitSpectrum;
use super::reference::limit_spectrum;
use crate::cases::checker::{Draw, Expected, Found, Operand, Operands, Rounding};
use crate::cases::{Case, Checker, Comparison, Operation, Shape, Tolerance};
use crate::recorder::Recorder;
use crate::{Backend, BackendError};

pub(crate) const CASES: &[Case] = &[
    case(13, 11, 0.5),
    case(13, 11, 1e3),
    case(1, 7, 0.125),
    case(7, 1, 0.25),
    case(1, 1, 1e-3),
    case(37, 131, 0.75),
    case(259, 67, 1e3),
    case(3079, 5, 0.25),
    case(784, 1200, 1.0).paper(),
    case(240, 1, 1.0).paper(),
];

pub(crate) const TOLERANCE: Tolerance = Tolerance::NORM;

/// A limit on the singular values of a matrix of k × n.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Call {
    /// k.
    pub rows: usize,
    /// n.
    pub cols: usize,
    /// Largest singular value.
    pub limit: f64,
}

const fn case(rows: usize, cols: usize, limit: f64) -> Case {
    Call { rows, cols, limit }.case()
}

impl Operation for Call {
    fn name(&self) -> String {
        format!("{}x{}/limit{}", self.rows, self.cols, self.limit)
    }

    fn flop(&self) -> u64 {
        let (m, n, k) = (2, self.cols, self.rows);
        Shape { m, n, k }.flop()
    }

    fn bytes(&self) -> u64 {
        // W is read and written, and so is u.
        4 * (2 * (self.rows + 1) * self.cols) as u64
    }

    fn launches(&self) -> usize {
        // Each product and the scaling need all of what went before.
        3
    }

    fn prepare<B: Backend>(&self, draw: &Draw<'_, B>) -> Box<dyn Operands<B>> {
        let (k, n) = (self.rows, self.cols);
        Box::new(Spectrum {
            limit: self.limit,
            w: draw.whole(draw.weights(30, k, n, k)),
            direction: draw.whole(draw.values(31, 1, n)),
        })
    }
}

struct Spectrum<B: Backend> {
    limit: f64,
    w: Operand<B>,
    direction: Operand<B>,
}

impl<B: Backend> Operands<B> for Spectrum<B> {
    fn run(&mut self, backend: &B) -> Result<(), BackendError> {
        backend.limit_spectrum(LimitSpectrum {
            w: &mut self.w.matrix,
            direction: &mut self.direction.matrix,
            limit: self.limit,
        });
        Ok(())
    }

    fn results(&mut self, checker: &Checker<'_, B>) -> Result<Vec<Found>, BackendError> {
        Ok(vec![
            self.w.read("w", checker.backend)?,
            self.direction.read("direction", checker.backend)?,
        ])
    }

    fn compare(&self, rounding: Rounding, found: &[Found]) -> Vec<Comparison> {
        let (w, u) = (&self.w.host, &self.direction.host);
        let [w_after, u_after] = limit_spectrum(w, u, self.limit);
        // The magnitudes, carried through the same steps.
        let exact = |values: &[f64]| values.iter().copied().map(Expected::exactly).collect();
        let u: Vec<_> = exact(u.row(0));
        let mut t: Vec<_> = (0..w.rows).map(|i| dot(&u, |j| w[(i, j)])).collect();
        let length = norm(&t);
        t.iter_mut().for_each(|t| *t = quotient(*t, length));
        let mut r: Vec<_> = (0..w.cols).map(|j| dot(&t, |i| w[(i, j)])).collect();
        let sigma = norm(&r);
        r.iter_mut().for_each(|r| *r = quotient(*r, sigma));
        let factor = if sigma.value > self.limit {
            quotient(Expected::exactly(self.limit), sigma)
        } else {
            Expected::exactly(1.0)
        };
        let weights = found[0].compare(rounding, |i, j| {
            Expected::new(w_after[(i, j)], w[(i, j)].abs() * factor.magnitude)
        });
        let direction = found[1].compare(rounding, |_, j| {
            Expected::new(u_after[(0, j)], r[j].magnitude)
        });
        vec![weights, direction]
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
    Expected::new(sum, (a.len() as f64).sqrt() * size + square.sqrt())
}

/// √Σ a².
fn norm(a: &[Expected]) -> Expected {
    let value = a.iter().map(|a| a.value * a.value).sum::<f64>().sqrt();
    let square: f64 = a.iter().map(|a| (a.value * a.magnitude).powi(2)).sum();
    // The root halves what the sum of squares is off by.
    let magnitude = square.sqrt() / value + (0.5 * (a.len() as f64).sqrt() + 1.0) * value;
    Expected::new(value, magnitude)
}

/// a / b.
fn quotient(a: Expected, b: Expected) -> Expected {
    let value = a.value / b.value;
    let magnitude = a.magnitude / b.value + value.abs() * (b.magnitude / b.value + 1.0);
    Expected::new(value, magnitude)
}

impl LimitSpectrum<'_, Recorder> {
    /// The call.
    pub(crate) fn record(&mut self) -> Case {
        let (rows, cols) = self.check();
        case(rows, cols, self.limit)
    }
}
