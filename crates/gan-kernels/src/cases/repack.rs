//! The oracle of [`Repack`].

use super::{Case, Checker, Comparison, Expected, Op};
use crate::{Backend, BackendError, Matrix, Repack};

pub(super) struct Repacked<B: Backend> {
    /// Rows of X and of Y.
    rows: [usize; 2],
    /// Length of Y's rows.
    to: usize,
    margin: usize,
    host: Vec<f64>,
    x: Matrix<B>,
    pub(super) y: Matrix<B>,
}

impl<B: Backend> Repacked<B> {
    pub(super) fn new(checker: &Checker<'_, B>, case: &Case) -> Self {
        let Op::Repack { rows, from, to } = case.op else {
            unreachable!("repack: another operation's case")
        };
        let x = checker.draw(case.inputs, 27, rows * from);
        let rows_of_y = rows * from / to;
        Self {
            rows: [rows, rows_of_y],
            to,
            margin: case.margin,
            x: checker.input(from, &x, case.margin),
            y: checker.output(rows_of_y, to, case.margin),
            host: x,
        }
    }

    pub(super) fn run(&mut self, backend: &B) {
        let (margin, [rows, rows_of_y]) = (self.margin, self.rows);
        backend.repack(Repack {
            x: self.x.rows(margin, rows),
            y: self.y.rows_mut(margin, rows_of_y),
        });
    }

    pub(super) fn verify(
        &self,
        checker: &Checker<'_, B>,
        case: &Case,
    ) -> Result<Vec<Comparison>, BackendError> {
        let y = checker.compare(case, "y", &self.y, |row, col| {
            Expected::exactly(self.host[row * self.to + col])
        })?;
        Ok(vec![y])
    }
}
