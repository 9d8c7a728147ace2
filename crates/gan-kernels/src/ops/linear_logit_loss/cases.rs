//! The cases of [`LinearLogitLoss`].

use super::LinearLogitLoss;
use super::reference::linear_logit_loss;
use crate::cases::checker::{Draw, Expected, Found, Operand, Operands, Rounding, state};
use crate::cases::{
    Case, Checker, Comparison, HALF, LEAKY, MAXOUT_2, MAXOUT_3, MAXOUT_5, MOST, Op, Operation,
    Shape, Tolerance, linear_bwd_data, linear_fwd, logit_loss, variant,
};
use crate::ops::linear_bwd_data::cases::{Lower, share_below};
use crate::ops::logit_loss::cases::{
    compare_monitors, expected_gradient, loss_name, read_monitors,
};
use crate::recorder::{Recorder, percent};
use crate::{Activation, Backend, BackendError, Dropout, Objective};

use Activation::{Identity, Relu, Sigmoid, Tanh};
use Objective::*;

pub(crate) const CASES: &[Case] = &[
    case(2, 1, Discriminator),
    weighted(0.5, case(46, 13, Discriminator)),
    case(1, 131, Minimax),
    case(61, 3, NonSaturating).margin(1),
    below(13, 1, NonSaturating, Relu),
    below(7, 11, Minimax, Identity),
    below(30, 17, Discriminator, LEAKY),
    below(6, 129, Discriminator, Sigmoid),
    below(9, 6, NonSaturating, Tanh),
    below(11, 5, Minimax, MAXOUT_3),
    weighted(0.5, dropped(22, 35, Discriminator, Tanh, MOST)).margin(3),
    dropped(11, 19, NonSaturating, Relu, HALF),
    dropped(10, 9, Discriminator, MAXOUT_5, HALF).margin(2),
    below(3, 3079, Minimax, MAXOUT_2),
    weighted(0.5, dropped(200, 240, Discriminator, MAXOUT_5, HALF)).paper(),
    dropped(100, 240, NonSaturating, MAXOUT_5, HALF).paper(),
    case(2, 1, RelativisticDiscriminator),
    below(46, 13, RelativisticDiscriminator, LEAKY).margin(3),
    dropped(30, 37, RelativisticGenerator, MAXOUT_3, HALF),
    below(62, 5, HingeDiscriminator, Relu),
    below(46, 3, HingeDiscriminator, Relu).integers(),
    below(22, 35, LeastSquaresDiscriminator, Tanh),
    below(13, 9, LeastSquaresGenerator, Relu).margin(1),
    below(10, 131, WassersteinDiscriminator, LEAKY),
    below(7, 11, WassersteinGenerator, MAXOUT_5),
    below(200, 240, RelativisticDiscriminator, MAXOUT_5).paper(),
    below(200, 240, RelativisticGenerator, LEAKY).paper(),
];

pub(crate) const TOLERANCE: Tolerance = Tolerance::LOSS;

/// D's output layer of k inputs and the objective on its m logits, perhaps with the way back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Call {
    /// m.
    pub rows: usize,
    /// k.
    pub inputs: usize,
    /// The objective.
    pub objective: Objective,
    /// Its factor.
    pub weight: f64,
    /// φ of the layer below and the dropout that it applied; without, nothing goes below.
    pub below: Option<(Activation, Option<Dropout>)>,
}

const fn call(
    rows: usize,
    inputs: usize,
    objective: Objective,
    below: Option<(Activation, Option<Dropout>)>,
) -> Case {
    Call {
        rows,
        inputs,
        objective,
        weight: 1.0,
        below,
    }
    .case()
}

const fn weighted(weight: f64, mut case: Case) -> Case {
    if let Op::LinearLogitLoss(call) = &mut case.op {
        call.weight = weight;
    }
    case
}

const fn case(rows: usize, inputs: usize, objective: Objective) -> Case {
    call(rows, inputs, objective, None)
}

const fn below(rows: usize, inputs: usize, objective: Objective, act: Activation) -> Case {
    call(rows, inputs, objective, Some((act, None)))
}

const fn dropped(
    rows: usize,
    inputs: usize,
    objective: Objective,
    act: Activation,
    mask: Dropout,
) -> Case {
    call(rows, inputs, objective, Some((act, Some(mask))))
}

impl Call {
    /// The three operations that this one is.
    #[must_use]
    pub fn parts(&self) -> Vec<Op> {
        let (m, n, k) = (self.rows, 1, self.inputs);
        let shape = Shape { m, n, k };
        let forward = linear_fwd::call(shape, Identity, None);
        let loss = logit_loss::weighted(m, self.objective, self.weight);
        let backward = |(act, dropout)| linear_bwd_data::call(shape, act, dropout);
        let parts = [forward, loss].into_iter().chain(self.below.map(backward));
        parts.map(|case| case.op).collect()
    }
}

impl Operation for Call {
    fn name(&self) -> String {
        let below = |(act, dropout)| format!("+{}", variant(act, dropout));
        let below = self.below.map(below).unwrap_or_default();
        let loss = loss_name(self.objective, self.weight);
        format!("{}x1x{}/{loss}{below}", self.rows, self.inputs)
    }

    fn flop(&self) -> u64 {
        self.parts().iter().map(Op::flop).sum()
    }

    fn bytes(&self) -> u64 {
        // X, and the gradient of every piece below; the rest is a vector each.
        let below = self.below.map_or(0, |(act, _)| act.pieces());
        4 * (self.rows * self.inputs * (1 + below)) as u64
    }

    fn prepare<B: Backend>(&self, draw: &Draw<'_, B>) -> Box<dyn Operands<B>> {
        let (m, k) = (self.rows, self.inputs);
        Box::new(Head {
            call: *self,
            input: match self.below {
                None => Input::Drawn(draw.input(draw.values(17, m, k))),
                Some((act, dropout)) => Input::Below {
                    lower: Lower::new(draw, [m, k], act, dropout),
                    dz: draw.output(m, k * act.pieces()),
                },
            },
            w: draw.whole(draw.weights(15, k, 1, k)),
            b: draw.whole(draw.values(16, 1, 1)),
            logits: draw.output(m, 1),
            dz: draw.output(m, 1),
            monitors: draw.backend().monitors(),
            state: draw.state(),
        })
    }
}

/// X, from nowhere or from a layer below, and then room for that layer's gradient.
enum Input<B: Backend> {
    Drawn(Operand<B>),
    Below { lower: Lower<B>, dz: Operand<B> },
}

struct Head<B: Backend> {
    call: Call,
    input: Input<B>,
    w: Operand<B>,
    b: Operand<B>,
    logits: Operand<B>,
    dz: Operand<B>,
    monitors: B::Monitors,
    state: B::State,
}

impl<B: Backend> Operands<B> for Head<B> {
    fn run(&mut self, backend: &B) -> Result<(), BackendError> {
        let (x, below) = match &mut self.input {
            Input::Drawn(x) => (x.rows(), None),
            Input::Below { lower, dz } => (lower.y.rows(), Some((lower.below(), dz.rows_mut()))),
        };
        backend.linear_logit_loss(LinearLogitLoss {
            x,
            w: &self.w.matrix,
            b: &self.b.matrix,
            logits: self.logits.rows_mut(),
            objective: self.call.objective,
            weight: self.call.weight,
            dz: self.dz.rows_mut(),
            below,
            monitors: &mut self.monitors,
            state: &self.state,
        });
        Ok(())
    }

    fn results(&mut self, checker: &Checker<'_, B>) -> Result<Vec<Found>, BackendError> {
        let mut found = vec![
            self.logits.read("logits", checker.backend)?,
            self.dz.read("dz", checker.backend)?,
            read_monitors(checker, &mut self.monitors)?,
        ];
        if let Input::Below { dz, .. } = &self.input {
            found.push(dz.read("dz_below", checker.backend)?);
        }
        Ok(found)
    }

    fn compare(&self, rounding: Rounding, found: &[Found]) -> Vec<Comparison> {
        let (x, lower) = match &self.input {
            Input::Drawn(x) => (&x.host, None),
            Input::Below { lower, .. } => (&lower.y.host, Some(lower)),
        };
        let (w, b) = (&self.w.host, &self.b.host);
        let (m, k) = (x.rows, x.cols);
        let loss = (self.call.objective, self.call.weight);
        let below = lower.map(Lower::host);
        let expected = linear_logit_loss([x, w, b], loss, below.as_ref(), &state());
        let shape = Shape { m, n: 1, k };
        let sizes = rounding.product(shape, |i, l| x[(i, l)], |l, _| w[(l, 0)]);
        let logits = expected.logits.values.iter().zip(&sizes.values);
        let logit = |(&z, size): (&f64, &f64)| Expected::new(z, size + b.values[0].abs());
        let logits: Vec<_> = logits.map(logit).collect();
        let gradient = expected_gradient(loss, &logits, rounding.unit());
        let mut comparisons = vec![
            found[0].compare(rounding, |row, _| logits[row]),
            found[1].compare(rounding, |row, _| gradient[row]),
            compare_monitors(rounding, &found[2], loss, &logits),
        ];
        if let (Some(lower), Some(of_below)) = (lower, &expected.below) {
            let dz = &expected.dz;
            let shape = Shape { m, n: k, k: 1 };
            let mut sizes = rounding.product(shape, |i, _| dz[(i, 0)], |_, j| w[(j, 0)]);
            for (row, gradient) in gradient.iter().enumerate() {
                for (size, w) in sizes.row_mut(row).iter_mut().zip(&w.values) {
                    *size += w.abs() * gradient.magnitude;
                }
            }
            comparisons.push(lower.compare(rounding, &found[3], of_below, &sizes));
        }
        comparisons
    }
}

impl LinearLogitLoss<'_, Recorder> {
    /// The call; what it leaves in dZ↓ is noted there.
    pub(crate) fn record(&mut self) -> Case {
        let (rows, inputs) = self.check();
        self.dz.matrix.storage = 1.0;
        if let Some((below, dz_below)) = &mut self.below {
            dz_below.matrix.storage = share_below(below.act, below.dropout);
        }
        let below = self.below.as_ref();
        let below = below.map(|(below, _)| (below.act, below.dropout));
        let case = weighted(self.weight, call(rows, inputs, self.objective, below));
        case.sparse(percent(self.x.matrix.storage), 100)
    }
}
