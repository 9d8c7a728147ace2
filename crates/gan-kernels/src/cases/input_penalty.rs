//! The oracle of [`InputPenalty`].

use super::{Case, Checker, Comparison, Expected, Inputs, Op, weight_scale};
use crate::{Backend, BackendError, InputPenalty, Matrix, Monitor, Penalty};

pub(super) struct Penalised<B: Backend> {
    rows: usize,
    cols: usize,
    penalty: Penalty,
    margin: usize,
    /// X, Q and s.
    host: [Vec<f64>; 3],
    x: Matrix<B>,
    q: Matrix<B>,
    s: Matrix<B>,
    pub(super) c: Matrix<B>,
    pub(super) monitors: B::Monitors,
}

impl<B: Backend> Penalised<B> {
    pub(super) fn new(checker: &Checker<'_, B>, case: &Case) -> Self {
        let Op::InputPenalty {
            rows,
            cols,
            penalty,
        } = case.op
        else {
            unreachable!("input_penalty: another operation's case")
        };
        let x = checker.draw(case.inputs, 22, rows * cols);
        let mut q = checker.draw(case.inputs, 23, rows * cols);
        // Norms on both sides of 1, and one of 0.
        let scale = match case.inputs {
            Inputs::Uniform | Inputs::Sparse { .. } => 2.0 * weight_scale(case.inputs, cols),
            Inputs::Integers => 1.0,
        };
        q.iter_mut().for_each(|q| *q *= scale);
        if rows > 3 {
            q[(rows - 1) * cols..].fill(0.0);
        }
        let s = checker.draw(case.inputs, 24, rows);
        Self {
            rows,
            cols,
            penalty,
            margin: case.margin,
            x: checker.input(cols, &x, case.margin),
            q: checker.input(cols, &q, case.margin),
            s: checker.input(1, &s, case.margin),
            c: checker.output(rows, cols, case.margin),
            monitors: checker.backend.monitors(),
            host: [x, q, s],
        }
    }

    pub(super) fn run(&mut self, backend: &B) {
        let (rows, margin) = (self.rows, self.margin);
        backend.input_penalty(InputPenalty {
            x: self.x.rows(margin, rows),
            q: self.q.rows(margin, rows),
            s: self.s.rows(margin, rows),
            c: self.c.rows_mut(margin, rows),
            penalty: self.penalty,
            monitors: &mut self.monitors,
        });
    }

    pub(super) fn verify(
        &mut self,
        checker: &Checker<'_, B>,
        case: &Case,
    ) -> Result<Vec<Comparison>, BackendError> {
        let unit = checker.unit(case);
        let [x, q, s] = &self.host;
        let cols = self.cols;
        let of_rows: Vec<_> = (0..self.rows)
            .map(|row| self.of_row(&q[row * cols..][..cols], row, unit))
            .collect();
        let c = checker.compare(case, "c", &self.c, |row, col| {
            let (x, q) = (x[row * cols + col], q[row * cols + col]);
            let kappa = of_rows[row].kappa;
            Expected {
                value: s[row] * x + kappa.value * q,
                magnitude: 2.0 * (s[row] * x).abs()
                    + (2.0 * kappa.value.abs() + kappa.magnitude) * q.abs(),
            }
        })?;
        let sums = self.sums(&of_rows);
        let found = checker.backend.take_monitors(&mut self.monitors)?.0;
        let monitors = checker.compare_values(
            case,
            "monitors",
            Monitor::COUNT,
            found.into_iter(),
            |_, col| sums[col],
        );
        Ok(vec![c, monitors])
    }

    /// What follows from the gradient `q` of one row, by the formulas of the papers.
    fn of_row(&self, q: &[f64], row: usize, unit: f64) -> OfRow {
        let sum: f64 = q.iter().map(|q| q * q).sum();
        // The sum's own rounding, as a product's.
        let sum = Expected {
            value: sum,
            magnitude: (self.cols as f64).sqrt() * sum,
        };
        match self.penalty {
            Penalty::ZeroCentred { data, samples } => {
                let half = self.rows / 2;
                let gamma = if row < half { data } else { samples };
                // γ/2 · ‖q‖² and its derivative γ·q, in a mean over half of the rows.
                let mean = gamma / half as f64;
                let value = Expected {
                    value: mean * sum.value / 2.0,
                    magnitude: mean * (sum.magnitude + sum.value),
                };
                OfRow {
                    counted: gamma != 0.0,
                    sum,
                    value,
                    kappa: Expected {
                        value: mean,
                        magnitude: mean,
                    },
                }
            }
            Penalty::UnitNorm { weight } => {
                let third = self.rows / 3;
                let counted = row >= 2 * third;
                let mean = if counted { weight / third as f64 } else { 0.0 };
                // λ·(‖q‖ − 1)² and its derivative 2λ·(1 − 1/‖q‖)·q.
                let norm = (sum.value + 1e-12).sqrt();
                let off = norm - 1.0;
                let norm_blur = sum.magnitude / (2.0 * norm) + 2.0 * norm;
                let blur = 2.0 * off.abs() * norm_blur + unit * norm_blur * norm_blur;
                let value = Expected {
                    value: mean * off * off,
                    magnitude: mean * (blur + off * off),
                };
                let kappa = 2.0 * mean * (1.0 - 1.0 / norm);
                let kappa = Expected {
                    value: kappa,
                    magnitude: 2.0 * mean * norm_blur / norm * (1.0 + off.abs() / norm)
                        + 2.0 * kappa.abs(),
                };
                OfRow {
                    counted,
                    sum,
                    value,
                    kappa,
                }
            }
        }
    }

    /// What the monitors should hold.
    fn sums(&self, of_rows: &[OfRow]) -> [Expected; Monitor::COUNT] {
        let mut sums = [Expected::exactly(0.0); Monitor::COUNT];
        let counted = || of_rows.iter().filter(|row| row.counted);
        // Adding up the rows rounds, too.
        let depth = (self.rows as f64).sqrt();
        let over_rows = |part: fn(&OfRow) -> Expected| {
            let mut sum = Expected::default();
            for part in counted().map(part) {
                sum.value += part.value;
                sum.magnitude += part.magnitude + depth * part.value.abs();
            }
            sum
        };
        sums[Monitor::Penalty as usize] = over_rows(|row| row.value);
        sums[Monitor::InputGradient as usize] = over_rows(|row| row.sum);
        sums[Monitor::PenalisedRows as usize] = Expected::exactly(counted().count() as f64);
        sums
    }
}

/// One row's part of the penalty.
struct OfRow {
    /// Whether the penalty is on this row at all.
    counted: bool,
    /// ‖q‖².
    sum: Expected,
    /// Its part of P.
    value: Expected,
    /// κ in ∂P/∂q = κ·q.
    kappa: Expected,
}
