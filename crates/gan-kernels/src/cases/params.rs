//! The oracle of [`LinearBwdParams`].

use super::{
    BiasRows, Case, Checker, Comparison, Expected, Norm, Op, RATES, Rule, STEP, Shape, state,
};
use crate::{Adam, Backend, BackendError, LinearBwdParams, Matrix, Monitor, Update};

const ADAM: Adam = Adam {
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
};
/// A monitor that nothing else adds to.
const MONITOR: Monitor = Monitor::GeneratorGradient;

pub(super) struct Params<B: Backend> {
    shape: Shape,
    rule: Rule,
    max_column_norm: Option<f64>,
    norm: Norm,
    margin: usize,
    host: Host,
    x: Matrix<B>,
    dz: Matrix<B>,
    s: Option<Matrix<B>>,
    /// θ of the weights and of the bias.
    theta: [Matrix<B>; 2],
    /// Their first moments and their second.
    moments: [[Matrix<B>; 2]; 2],
    state: B::State,
    pub(super) monitors: B::Monitors,
}

/// The values before the update.
struct Host {
    x: Vec<f64>,
    dz: Vec<f64>,
    /// What each row counts in the gradient of the bias.
    s: Vec<f64>,
    /// θ and its moments, of the weights and of the bias.
    weights: [Vec<f64>; 3],
    bias: [Vec<f64>; 3],
}

impl<B: Backend> Params<B> {
    pub(super) fn new(checker: &Checker<'_, B>, case: &Case) -> Self {
        let Op::LinearBwdParams {
            shape,
            rule,
            max_column_norm,
            norm,
            bias,
        } = case.op
        else {
            unreachable!("linear_bwd_params: another operation's case")
        };
        let Shape { m, n, k } = shape;
        let draw = |operand, len| checker.draw(case.inputs, operand, len);
        let parameter = |operand: usize, len| {
            let mut first = draw(operand + 1, len);
            // Second moments are positive.
            let mut second = draw(operand + 2, len);
            second.iter_mut().for_each(|v| *v = v.abs() + 0.125);
            if rule == Rule::AdamFromZero {
                first.fill(0.0);
                second.fill(0.0);
            }
            [draw(operand, len), first, second]
        };
        let host = Host {
            x: draw(6, m * k),
            dz: draw(7, m * n),
            s: match bias {
                BiasRows::Alike => vec![1.0; m],
                BiasRows::Weighted => draw(32, m),
            },
            weights: parameter(8, k * n),
            bias: parameter(11, n),
        };
        let upload = |which: usize| {
            [&host.weights, &host.bias].map(|values| checker.input(n, &values[which], 0))
        };
        Self {
            shape,
            rule,
            max_column_norm,
            norm,
            margin: case.margin,
            x: checker.input(k, &host.x, case.margin),
            dz: checker.input(n, &host.dz, case.margin),
            s: (bias == BiasRows::Weighted).then(|| checker.input(1, &host.s, case.margin)),
            theta: upload(0),
            moments: [upload(1), upload(2)],
            state: checker.backend.state(state(STEP)),
            monitors: checker.backend.monitors(),
            host,
        }
    }

    pub(super) fn run(&mut self, backend: &B) {
        let (m, margin) = (self.shape.m, self.margin);
        let update = match self.rule {
            Rule::Store => Update::Store,
            Rule::Momentum => Update::Momentum,
            Rule::Adam | Rule::AdamFromZero => Update::Adam(ADAM),
        };
        let [w, b] = &mut self.theta;
        backend.linear_bwd_params(LinearBwdParams {
            x: self.x.rows(margin, m),
            dz: self.dz.rows(margin, m),
            bias_weights: self.s.as_ref().map(|s| s.rows(margin, m)),
            w,
            b,
            moments: &mut self.moments[..update.moments()],
            update,
            slot: 1,
            max_column_norm: self.max_column_norm,
            state: &self.state,
            monitor: (self.norm == Norm::Watched).then_some((&mut self.monitors, MONITOR)),
        });
    }

    /// What the operation may write.
    pub(super) fn matrices(&self) -> [&Matrix<B>; 6] {
        let ([w, b], [[w1, b1], [w2, b2]]) = (&self.theta, &self.moments);
        [w, w1, w2, b, b1, b2]
    }

    pub(super) fn verify(
        &mut self,
        checker: &Checker<'_, B>,
        case: &Case,
    ) -> Result<Vec<Comparison>, BackendError> {
        let Shape { m, n, k } = self.shape;
        let Host {
            x,
            dz,
            s,
            weights,
            bias,
        } = &self.host;
        let depth = |m, n, k| Shape { m, n, k };
        let dw = checker.product(
            case,
            depth(k, n, m),
            |i, l| x[l * k + i],
            |l, j| dz[l * n + j],
        );
        let db = checker.product(case, depth(1, n, m), |_, l| s[l], |l, j| dz[l * n + j]);
        let case = &Case { margin: 0, ..*case };
        // Rounded factors blur so much that the second order counts.
        let unit = if checker.factor_epsilon > 0.0 {
            checker.unit(case)
        } else {
            0.0
        };
        let mut comparisons = Vec::new();
        let [w, w1, w2, b, b1, b2] = self.matrices();
        for (name, matrices, before, gradient) in [
            ("weights", [w, w1, w2], weights, &dw),
            ("bias", [b, b1, b2], bias, &db),
        ] {
            let mut after: Vec<_> = gradient
                .iter()
                .enumerate()
                .map(|(i, &g)| updated(self.rule, before, i, g, unit))
                .collect();
            if let (Some(limit), "weights") = (self.max_column_norm, name) {
                limit_columns(&mut after, n, limit);
            }
            let names: [&'static str; 3] = match name {
                "weights" => ["w", "first moment of w", "second moment of w"],
                _ => ["b", "first moment of b", "second moment of b"],
            };
            for (which, (name, matrix)) in names.into_iter().zip(matrices).enumerate() {
                let expected = |i: usize, j: usize| after[i * n + j][which];
                comparisons.push(checker.compare(case, name, matrix, expected)?);
            }
        }
        let sums = checker.backend.take_monitors(&mut self.monitors)?;
        let mut norm = Expected::default();
        for g in dw.iter().chain(&db) {
            norm.value += g.value * g.value;
            norm.magnitude += (2.0 * g.value.abs() + unit * g.magnitude) * g.magnitude;
        }
        norm.magnitude += norm.value * (k as f64).sqrt();
        if self.norm == Norm::Ignored {
            norm = Expected::exactly(0.0);
        }
        let found = std::iter::once(sums[MONITOR]);
        comparisons.push(checker.compare_values(case, "gradient norm", 1, found, |_, _| norm));
        Ok(comparisons)
    }
}

/// θ and the moments of element `i` after the update; magnitudes are in units of `unit`,
/// which is 0 where the first order suffices.
fn updated(rule: Rule, before: &[Vec<f64>; 3], i: usize, g: Expected, unit: f64) -> [Expected; 3] {
    let [theta, first, second] = [0, 1, 2].map(|which| before[which][i]);
    let same = [theta, first, second].map(Expected::exactly);
    let g_blur = g.magnitude + g.value.abs();
    let eta = RATES.learning_rate;
    let expected = |value: f64, magnitude: f64| Expected { value, magnitude };
    match rule {
        Rule::Store => [expected(g.value, g_blur), same[1], same[2]],
        Rule::Momentum => {
            let (kept, step) = (RATES.momentum * first, eta * g.value);
            let velocity = kept - step;
            let blur = eta * g_blur + kept.abs() + step.abs();
            let after = theta + velocity;
            let after = expected(after, blur + after.abs());
            [after, expected(velocity, blur), same[2]]
        }
        Rule::Adam | Rule::AdamFromZero => {
            let m = ADAM.beta1 * first + (1.0 - ADAM.beta1) * g.value;
            let m_blur = (1.0 - ADAM.beta1) * g_blur + first.abs();
            let v = ADAM.beta2 * second + (1.0 - ADAM.beta2) * g.value.powi(2);
            // Of a gradient that nearly cancels, the square is all error.
            let square_blur = (2.0 * g.value.abs() + unit * g_blur) * g_blur;
            let v_blur = (1.0 - ADAM.beta2) * square_blur + v;
            let root = (v * RATES.second_correction).sqrt();
            let root_blur = if v > 0.0 { root * v_blur / v } else { 0.0 };
            let below = root + ADAM.epsilon;
            let eta = eta * RATES.first_correction;
            let step_blur = eta * (m_blur / below + m.abs() * root_blur / below.powi(2));
            let after = theta - eta * m / below;
            [
                expected(after, step_blur + after.abs()),
                expected(m, m_blur),
                expected(v, v_blur),
            ]
        }
    }
}

/// Scales long columns of θ back to `limit`.
fn limit_columns(after: &mut [[Expected; 3]], n: usize, limit: f64) {
    for j in 0..n {
        let column = || after[j..].iter().step_by(n).map(|after| after[0]);
        let square: f64 = column().map(|w| w.value * w.value).sum();
        let norm = square.sqrt();
        if norm <= limit {
            continue;
        }
        let rows = (column().count() as f64).sqrt();
        let blur = column().map(|w| w.value.abs() * w.magnitude).sum::<f64>() / square + rows;
        let factor = limit / norm;
        for [w, ..] in after[j..].iter_mut().step_by(n) {
            w.value *= factor;
            w.magnitude = factor * w.magnitude + w.value.abs() * blur;
        }
    }
}
