//! The oracle of [`LinearLogitLoss`].

use super::linear::Lower;
use super::logit_loss::{compare_monitors, gradient};
use super::{Case, Checker, Comparison, Expected, Op, STEP, Shape, state, weight_scale};
use crate::{Backend, BackendError, LinearLogitLoss, Matrix, Objective};

pub(super) struct Head<B: Backend> {
    rows: usize,
    inputs: usize,
    objective: Objective,
    weight: f64,
    margin: usize,
    /// X, w and b.
    host: [Vec<f64>; 3],
    /// X, where no layer below has it.
    x: Option<Matrix<B>>,
    lower: Option<Lower<B>>,
    w: Matrix<B>,
    b: Matrix<B>,
    logits: Matrix<B>,
    dz: Matrix<B>,
    pub(super) monitors: B::Monitors,
    state: B::State,
}

impl<B: Backend> Head<B> {
    pub(super) fn new(checker: &Checker<'_, B>, case: &Case) -> Self {
        let Op::LinearLogitLoss {
            rows,
            inputs,
            objective,
            weight,
            below,
        } = case.op
        else {
            unreachable!("linear_logit_loss: another operation's case")
        };
        let scale = weight_scale(case.inputs, inputs);
        let mut w = checker.draw(case.inputs, 15, inputs);
        w.iter_mut().for_each(|w| *w *= scale);
        let b = checker.draw(case.inputs, 16, 1);
        let lower =
            below.map(|(act, dropout)| Lower::new(checker, case, [rows, inputs], act, dropout));
        let x = match &lower {
            Some(lower) => lower.host_y.clone(),
            None => checker.draw(case.inputs, 17, rows * inputs),
        };
        Self {
            rows,
            inputs,
            objective,
            weight,
            margin: case.margin,
            x: match &lower {
                Some(_) => None,
                None => Some(checker.input(inputs, &x, case.margin)),
            },
            lower,
            w: checker.input(1, &w, 0),
            b: checker.input(1, &b, 0),
            logits: checker.output(rows, 1, case.margin),
            dz: checker.output(rows, 1, case.margin),
            monitors: checker.backend.monitors(),
            state: checker.backend.state(state(STEP)),
            host: [x, w, b],
        }
    }

    pub(super) fn run(&mut self, backend: &B) {
        let (margin, rows) = (self.margin, self.rows);
        let below = self.lower.as_mut().map(Lower::operands);
        let drawn = self.x.as_ref().map(|x| x.rows(margin, rows));
        let Some(x) = below.as_ref().map(|(below, _)| below.y).or(drawn) else {
            unreachable!("linear_logit_loss: X is drawn, or the layer below has it")
        };
        backend.linear_logit_loss(LinearLogitLoss {
            x,
            w: &self.w,
            b: &self.b,
            logits: self.logits.rows_mut(margin, rows),
            objective: self.objective,
            weight: self.weight,
            dz: self.dz.rows_mut(margin, rows),
            below,
            monitors: &mut self.monitors,
            state: &self.state,
        });
    }

    /// What the operation may write.
    pub(super) fn matrices(&self) -> Vec<&Matrix<B>> {
        let lower = self.lower.as_ref().map(|lower| &lower.dz);
        [&self.logits, &self.dz].into_iter().chain(lower).collect()
    }

    pub(super) fn verify(
        &mut self,
        checker: &Checker<'_, B>,
        case: &Case,
    ) -> Result<Vec<Comparison>, BackendError> {
        let (m, k) = (self.rows, self.inputs);
        let [x, w, b] = &self.host;
        let shape = Shape { m, n: 1, k };
        let mut z = checker.product(case, shape, |i, l| x[i * k + l], |l, _| w[l]);
        for z in &mut z {
            z.value += b[0];
            z.magnitude += b[0].abs();
        }
        let unit = checker.unit(case);
        let gradient = |row: usize| gradient((self.objective, self.weight), &z, row, unit);
        let mut comparisons = vec![
            checker.compare(case, "logits", &self.logits, |row, _| z[row])?,
            checker.compare(case, "dz", &self.dz, |row, _| gradient(row))?,
        ];
        if let Some(lower) = &self.lower {
            let shape = Shape { m, n: k, k: 1 };
            let dy = checker.product(case, shape, |i, _| gradient(i).value, |_, j| w[j]);
            comparisons.push(lower.compare(checker, case, |row, unit| {
                let dy = dy[row * k + unit];
                let blur = w[unit].abs() * gradient(row).magnitude;
                Expected {
                    magnitude: dy.magnitude + blur,
                    ..dy
                }
            })?);
        }
        let loss = (self.objective, self.weight);
        let found = checker.backend.take_monitors(&mut self.monitors)?;
        comparisons.push(compare_monitors(checker, case, loss, &z, found));
        Ok(comparisons)
    }
}
