//! The oracle of [`FillLatent`].

use std::f64::consts::TAU;

use super::{Case, Checker, Comparison, Expected, Op, SEED, STEP, state};
use crate::random::{Address, Purpose, Stream, unit_open};
use crate::{Backend, BackendError, FillLatent, Matrix, Prior};

const STREAM: Stream = Stream::new(Purpose::Noise, 1, 2);

pub(super) struct Latent<B: Backend> {
    rows: usize,
    cols: usize,
    prior: Prior,
    first_row: usize,
    margin: usize,
    pub(super) z: Matrix<B>,
    state: B::State,
}

impl<B: Backend> Latent<B> {
    pub(super) fn new(checker: &Checker<'_, B>, case: &Case) -> Self {
        let Op::FillLatent {
            rows,
            cols,
            prior,
            first_row,
        } = case.op
        else {
            unreachable!("fill_latent: another operation's case")
        };
        Self {
            rows,
            cols,
            prior,
            first_row,
            margin: case.margin,
            z: checker.output(rows, cols, case.margin),
            state: checker.backend.state(state(STEP)),
        }
    }

    pub(super) fn run(&mut self, backend: &B) {
        backend.fill_latent(FillLatent {
            z: self.z.rows_mut(self.margin, self.rows),
            prior: self.prior,
            stream: STREAM,
            first_row: self.first_row,
            state: &self.state,
        });
    }

    pub(super) fn verify(
        &self,
        checker: &Checker<'_, B>,
        case: &Case,
    ) -> Result<Vec<Comparison>, BackendError> {
        let expected: Vec<_> = (0..self.rows)
            .flat_map(|row| drawn(self.prior, self.first_row + row, self.cols))
            .collect();
        let z = checker.compare(case, "z", &self.z, |row, col| Expected {
            value: expected[row * self.cols + col],
            // A sine near its zero is as far off as the radius is long.
            magnitude: 6.0,
        })?;
        Ok(vec![z])
    }
}

/// One row of latents.
fn drawn(prior: Prior, row: usize, cols: usize) -> Vec<f64> {
    let address = Address {
        seed: SEED,
        stream: STREAM,
        step: STEP,
    };
    let row_len = (cols.div_ceil(4) * 4) as u64;
    let unit = |col: usize| f64::from(unit_open(address.word(row as u64 * row_len + col as u64)));
    let normal = |col: usize| {
        let even = col / 2 * 2;
        let radius = (-2.0 * unit(even).ln()).sqrt();
        let turn = TAU * unit(even + 1);
        radius * if col == even { turn.cos() } else { turn.sin() }
    };
    let z = (0..cols).map(|col| match prior {
        Prior::Uniform => (2.0 * unit(col) - 1.0) * 3.0_f64.sqrt(),
        Prior::Normal | Prior::Spherical => normal(col),
    });
    let mut z: Vec<_> = z.collect();
    if prior == Prior::Spherical {
        let length = z.iter().map(|z| z * z).sum::<f64>().sqrt();
        z.iter_mut().for_each(|z| *z /= length);
    }
    z
}
