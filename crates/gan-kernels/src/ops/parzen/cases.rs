//! The cases of [`Parzen`].

use super::Parzen;
use super::reference::parzen;
use crate::cases::checker::{Draw, Expected, Found, Operand, Operands, Rounding};
use crate::cases::{Case, Checker, Comparison, Operation, Shape, Tolerance};
use crate::ops::reference::Table;
use crate::recorder::Recorder;
use crate::{Backend, BackendError};

pub(crate) const CASES: &[Case] = &[
    case(7, 13, 11, &[0.3]),
    case(7, 13, 11, &[0.1, 0.2154, 1.0]),
    case(1, 13, 11, &[0.5]),
    case(7, 1, 11, &[0.1668, 3.0]),
    case(7, 13, 1, &[0.01, 0.3]),
    case(1, 1, 1, &[1.0]),
    case(101, 131, 37, &[0.05, 0.1, 0.2, 0.4, 0.8]).margin(2),
    // The sums of 6,151 squares round as well, on both sides.
    case(3, 19, 6151, &[0.3]).factor(16.0),
    case(211, 503, 784, &[0.1668]),
    case(200, 1000, 784, TEN_SIGMAS).paper(),
];

pub(crate) const TOLERANCE: Tolerance = Tolerance::PRODUCT;

/// The paper's bandwidths: 10 from 0.1 to 1, equally spaced in the logarithm.
const TEN_SIGMAS: &[f64] = &[
    0.1, 0.129_155, 0.166_810, 0.215_443, 0.278_256, 0.359_381, 0.464_159, 0.599_484, 0.774_264,
    1.0,
];

/// The log-likelihoods of N points under M samples of d values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Call {
    /// N.
    pub points: usize,
    /// M.
    pub samples: usize,
    /// d.
    pub dim: usize,
    /// Bandwidths.
    pub sigmas: &'static [f64],
}

const fn case(points: usize, samples: usize, dim: usize, sigmas: &'static [f64]) -> Case {
    Call {
        points,
        samples,
        dim,
        sigmas,
    }
    .case()
}

impl Call {
    fn shape(&self) -> Shape {
        Shape {
            m: self.points,
            n: self.samples,
            k: self.dim,
        }
    }
}

impl Operation for Call {
    fn name(&self) -> String {
        format!("{}/{} sigmas", self.shape(), self.sigmas.len())
    }

    fn flop(&self) -> u64 {
        self.shape().flop()
    }

    fn bytes(&self) -> u64 {
        let results = self.sigmas.len() * self.points;
        4 * ((self.points + self.samples) * self.dim + results) as u64
    }

    fn launches(&self) -> usize {
        // The mean, both sides without it, and the sums.
        4
    }

    fn prepare<B: Backend>(&self, draw: &Draw<'_, B>) -> Box<dyn Operands<B>> {
        let [points, samples] = [(16, self.points), (17, self.samples)].map(|(operand, rows)| {
            let mut x = draw.values(operand, rows, self.dim);
            // As in a digit: four pixels of five are black, the others somewhere in 0..1, and the
            // same ones in every image more often than not.
            for (i, x) in x.values.iter_mut().enumerate() {
                let inked = (i % self.dim) % 5 == (i / self.dim) % 2;
                *x = if inked { x.abs() } else { 0.0 };
            }
            draw.input(x)
        });
        Box::new(Points {
            sigmas: self.sigmas,
            points,
            samples,
            found: Vec::new(),
        })
    }
}

struct Points<B: Backend> {
    sigmas: &'static [f64],
    points: Operand<B>,
    samples: Operand<B>,
    found: Vec<f64>,
}

impl<B: Backend> Operands<B> for Points<B> {
    fn run(&mut self, backend: &B) -> Result<(), BackendError> {
        self.found = backend.parzen(Parzen {
            points: self.points.rows(),
            samples: self.samples.rows(),
            sigmas: self.sigmas,
        })?;
        Ok(())
    }

    fn results(&mut self, _checker: &Checker<'_, B>) -> Result<Vec<Found>, BackendError> {
        let (count, cols) = (self.found.len() as f64, self.points.host.rows);
        Ok(vec![
            Found::new("log-likelihood", cols, self.found.clone()),
            Found::new("number of results", 1, vec![count]),
        ])
    }

    fn compare(&self, rounding: Rounding, found: &[Found]) -> Vec<Comparison> {
        let (points, samples) = (&self.points.host, &self.samples.host);
        let logs = parzen(points, samples, self.sigmas);
        let count = found[1].compare(rounding, |_, _| Expected::exactly(logs.values.len() as f64));
        if found[0].values.len() != logs.values.len() {
            return vec![count];
        }
        let length = |table: &Table, row| table.row(row).iter().map(|x| x * x).sum::<f64>();
        let longest = (0..samples.rows)
            .map(|row| length(samples, row))
            .fold(0.0, f64::max);
        let logs = found[0].compare(rounding, |row, point| {
            let sigma: f64 = self.sigmas[row];
            let size = longest.max(length(points, point));
            let normaliser = points.cols as f64 * (sigma * std::f64::consts::TAU.sqrt()).ln();
            // The expanded square is of the size of the vectors, whatever their distance; the sum
            // of exponentials rounds once per sample at worst.
            let magnitude = size / (sigma * sigma) + samples.rows as f64 + normaliser.abs();
            Expected::new(logs[(row, point)], magnitude)
        });
        vec![logs, count]
    }
}

impl Parzen<'_, Recorder> {
    /// The call, with as many bandwidths as there are but other ones.
    pub(crate) fn record(&mut self) -> Case {
        let (points, samples, dim) = self.check();
        let count = self.sigmas.len().min(TEN_SIGMAS.len());
        case(points, samples, dim, &TEN_SIGMAS[..count])
    }
}
