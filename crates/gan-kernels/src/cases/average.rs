//! The oracle of [`Average`].

use super::{Case, Checker, Comparison, Expected, Op};
use crate::{Average, Backend, BackendError, Matrix};

pub(super) struct Averaged<B: Backend> {
    cols: usize,
    decay: f64,
    /// W and A.
    host: [Vec<f64>; 2],
    w: Matrix<B>,
    pub(super) average: Matrix<B>,
}

impl<B: Backend> Averaged<B> {
    pub(super) fn new(checker: &Checker<'_, B>, case: &Case) -> Self {
        let Op::Average { rows, cols, decay } = case.op else {
            unreachable!("average: another operation's case")
        };
        let w = checker.draw(case.inputs, 28, rows * cols);
        let average = checker.draw(case.inputs, 29, rows * cols);
        Self {
            cols,
            decay,
            w: checker.input(cols, &w, 0),
            average: checker.input(cols, &average, 0),
            host: [w, average],
        }
    }

    pub(super) fn run(&mut self, backend: &B) {
        backend.average(Average {
            w: &self.w,
            average: &mut self.average,
            decay: self.decay,
        });
    }

    pub(super) fn verify(
        &self,
        checker: &Checker<'_, B>,
        case: &Case,
    ) -> Result<Vec<Comparison>, BackendError> {
        let [w, average] = &self.host;
        let average = checker.compare(case, "average", &self.average, |row, col| {
            let (w, average) = (w[row * self.cols + col], average[row * self.cols + col]);
            Expected {
                value: self.decay * average + (1.0 - self.decay) * w,
                magnitude: w.abs() + average.abs(),
            }
        })?;
        Ok(vec![average])
    }
}
