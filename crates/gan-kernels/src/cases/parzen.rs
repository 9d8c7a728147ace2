//! The oracle of [`Parzen`].

use std::f64::consts::TAU;

use super::{Case, Checker, Comparison, Expected, Inputs, Op};
use crate::{Backend, BackendError, Matrix, Parzen};

pub(super) struct Points<B: Backend> {
    dim: usize,
    sigmas: &'static [f64],
    margin: usize,
    /// Points and samples.
    host: [Vec<f64>; 2],
    points: Matrix<B>,
    samples: Matrix<B>,
    pub(super) found: Vec<f64>,
}

impl<B: Backend> Points<B> {
    pub(super) fn new(checker: &Checker<'_, B>, case: &Case) -> Self {
        let Op::Parzen {
            points,
            samples,
            dim,
            sigmas,
        } = case.op
        else {
            unreachable!("parzen: another operation's case")
        };
        let host = [(16, points), (17, samples)].map(|(operand, rows)| {
            let mut x = checker.draw(Inputs::Uniform, operand, rows * dim);
            // As in a digit: four pixels of five are black, the others somewhere in 0..1, and the
            // same ones in every image more often than not.
            for (i, x) in x.iter_mut().enumerate() {
                let inked = (i % dim) % 5 == (i / dim) % 2;
                *x = if inked { x.abs() } else { 0.0 };
            }
            x
        });
        let [points, samples] = &host;
        Self {
            dim,
            sigmas,
            margin: case.margin,
            points: checker.input(dim, points, case.margin),
            samples: checker.input(dim, samples, case.margin),
            found: Vec::new(),
            host,
        }
    }

    pub(super) fn run(&mut self, backend: &B) -> Result<(), BackendError> {
        let [points, samples] = self.host.each_ref().map(|x| x.len() / self.dim);
        self.found = backend.parzen(Parzen {
            points: self.points.rows(self.margin, points),
            samples: self.samples.rows(self.margin, samples),
            sigmas: self.sigmas,
        })?;
        Ok(())
    }

    pub(super) fn verify(
        &self,
        checker: &Checker<'_, B>,
        case: &Case,
    ) -> Result<Vec<Comparison>, BackendError> {
        let [points, samples] = &self.host;
        let dim = self.dim;
        let expected: Vec<_> = points
            .chunks(dim)
            .map(|x| -> Vec<_> {
                let squares: Vec<_> = samples.chunks(dim).map(|s| square(x, s)).collect();
                let size = samples.chunks(dim).map(length).fold(length(x), f64::max);
                let of_sigma = |&sigma: &f64| log_likelihood(&squares, sigma, dim, size);
                self.sigmas.iter().map(of_sigma).collect()
            })
            .collect();
        let found = self.found.iter().copied();
        let count = points.len() / dim;
        if self.found.len() != count * self.sigmas.len() {
            let found = std::iter::once(self.found.len() as f64);
            let length = (count * self.sigmas.len()) as f64;
            let length = |_, _| Expected::exactly(length);
            let number = checker.compare_values(case, "number of results", 1, found, length);
            return Ok(vec![number]);
        }
        let expected = |sigma: usize, point: usize| expected[point][sigma];
        let logs = checker.compare_values(case, "log-likelihood", count, found, expected);
        Ok(vec![logs])
    }
}

/// ‖x − s‖².
fn square(x: &[f64], s: &[f64]) -> f64 {
    x.iter().zip(s).map(|(x, s)| (x - s).powi(2)).sum()
}

/// ‖x‖².
fn length(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum()
}

/// log mean exp(−‖x − s‖²/2σ²) − d·log(σ√2π), in nats; `size` is the longest ‖·‖² involved.
fn log_likelihood(squares: &[f64], sigma: f64, dim: usize, size: f64) -> Expected {
    let exponent = |square: f64| -square / (2.0 * sigma * sigma);
    let largest = squares
        .iter()
        .map(|&s| exponent(s))
        .fold(f64::MIN, f64::max);
    let sum: f64 = squares.iter().map(|&s| (exponent(s) - largest).exp()).sum();
    let normaliser = dim as f64 * (sigma * TAU.sqrt()).ln();
    let mean = largest + (sum / squares.len() as f64).ln();
    Expected {
        value: mean - normaliser,
        // The expanded square is of the size of the vectors, whatever their distance; the sum of
        // exponentials rounds once per sample at worst.
        magnitude: size / (sigma * sigma) + squares.len() as f64 + normaliser.abs(),
    }
}
