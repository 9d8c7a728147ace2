//! The oracle of [`Interpolate`].

use super::{Case, Checker, Comparison, Expected, Op, SEED, STEP, state};
use crate::random::{Address, Purpose, Stream, unit_open};
use crate::{Backend, BackendError, Interpolate, Matrix};

const STREAM: Stream = Stream::new(Purpose::Data, 5, 300);

pub(super) struct Between<B: Backend> {
    rows: usize,
    cols: usize,
    margin: usize,
    host: [Vec<f64>; 2],
    a: Matrix<B>,
    b: Matrix<B>,
    pub(super) y: Matrix<B>,
    state: B::State,
}

impl<B: Backend> Between<B> {
    pub(super) fn new(checker: &Checker<'_, B>, case: &Case) -> Self {
        let Op::Interpolate { rows, cols } = case.op else {
            unreachable!("interpolate: another operation's case")
        };
        let a = checker.draw(case.inputs, 25, rows * cols);
        let b = checker.draw(case.inputs, 26, rows * cols);
        Self {
            rows,
            cols,
            margin: case.margin,
            a: checker.input(cols, &a, case.margin),
            // Another number of rows above: each operand has a place of its own.
            b: checker.input(cols, &b, case.margin + 1),
            y: checker.output(rows, cols, case.margin),
            state: checker.backend.state(state(STEP)),
            host: [a, b],
        }
    }

    pub(super) fn run(&mut self, backend: &B) {
        let (rows, margin) = (self.rows, self.margin);
        backend.interpolate(Interpolate {
            a: self.a.rows(margin, rows),
            b: self.b.rows(margin + 1, rows),
            y: self.y.rows_mut(margin, rows),
            stream: STREAM,
            state: &self.state,
        });
    }

    pub(super) fn verify(
        &self,
        checker: &Checker<'_, B>,
        case: &Case,
    ) -> Result<Vec<Comparison>, BackendError> {
        let [a, b] = &self.host;
        let address = Address {
            seed: SEED,
            stream: STREAM,
            step: STEP,
        };
        let y = checker.compare(case, "y", &self.y, |row, col| {
            let epsilon = f64::from(unit_open(address.word(row as u64)));
            let (a, b) = (a[row * self.cols + col], b[row * self.cols + col]);
            Expected {
                value: epsilon * a + (1.0 - epsilon) * b,
                magnitude: a.abs() + b.abs(),
            }
        })?;
        Ok(vec![y])
    }
}
