//! The cases of [`LogitLoss`].

use super::reference::{
    Weighted, d, gradient, lead, log_d, log_one_minus_d, one_minus_d, sums, term,
};
use super::{LogitLoss, Objective};
use crate::cases::checker::{Draw, Expected, Found, Operand, Operands, Rounding};
use crate::cases::{Case, Checker, Comparison, Inputs, Operation, Tolerance};
use crate::recorder::Recorder;
use crate::{Backend, BackendError, Monitor};

use Objective::*;

pub(crate) const CASES: &[Case] = &[
    case(2, Discriminator),
    weighted(46, Discriminator, 0.5),
    case(62, Discriminator).margin(2),
    case(1, Minimax),
    case(61, Minimax),
    case(1, NonSaturating),
    case(61, NonSaturating).margin(1),
    weighted(200, Discriminator, 0.5).paper(),
    case(100, Minimax).paper(),
    case(100, NonSaturating).paper(),
    case(2, RelativisticDiscriminator),
    case(62, RelativisticDiscriminator).margin(1),
    case(46, RelativisticGenerator),
    case(2, RelativisticGenerator).margin(2),
    case(62, HingeDiscriminator).margin(1),
    // Every second logit is at a kink or at zero.
    case(46, HingeDiscriminator).integers(),
    case(46, LeastSquaresDiscriminator),
    case(61, LeastSquaresGenerator).margin(2),
    case(62, WassersteinDiscriminator),
    case(46, WassersteinDiscriminator).integers(),
    case(61, WassersteinGenerator),
    case(200, RelativisticDiscriminator).paper(),
    case(200, RelativisticGenerator).paper(),
    case(200, HingeDiscriminator).paper(),
];

pub(crate) const TOLERANCE: Tolerance = Tolerance::LOSS;

/// An objective of m logits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Call {
    /// m.
    pub rows: usize,
    /// The objective.
    pub objective: Objective,
    /// Its factor.
    pub weight: f64,
}

const fn case(rows: usize, objective: Objective) -> Case {
    weighted(rows, objective, 1.0)
}

pub(crate) const fn weighted(rows: usize, objective: Objective, weight: f64) -> Case {
    Call {
        rows,
        objective,
        weight,
    }
    .case()
}

impl Operation for Call {
    fn name(&self) -> String {
        format!("{}x1/{}", self.rows, loss_name(self.objective, self.weight))
    }

    fn bytes(&self) -> u64 {
        4 * 2 * self.rows as u64
    }

    fn prepare<B: Backend>(&self, draw: &Draw<'_, B>) -> Box<dyn Operands<B>> {
        // Logits that overflow a careless exponential stand among ordinary ones.
        const HARD: [f64; 9] = [0.0, 100.0, -100.0, 1e3, -1e3, 1e-6, -1e-6, 17.5, -17.5];
        let mut logits = draw.values(14, self.rows, 1);
        // Integers as they are, for the kinks of the hinge at ±1.
        if draw.inputs != Inputs::Integers {
            for (row, logit) in logits.values.iter_mut().enumerate() {
                *logit *= 4.0;
                if row % 3 == 2 {
                    *logit = f64::from(HARD[row / 3 % HARD.len()] as f32);
                }
            }
        }
        Box::new(Loss {
            call: *self,
            logits: draw.input(logits),
            dz: draw.output(self.rows, 1),
            monitors: draw.backend().monitors(),
            state: draw.state(),
        })
    }
}

/// An objective and its factor, as a case's name has them.
pub(crate) fn loss_name(objective: Objective, weight: f64) -> String {
    if weight == 1.0 {
        format!("{objective:?}")
    } else {
        format!("{objective:?}+weight{weight}")
    }
}

struct Loss<B: Backend> {
    call: Call,
    logits: Operand<B>,
    dz: Operand<B>,
    monitors: B::Monitors,
    state: B::State,
}

impl<B: Backend> Operands<B> for Loss<B> {
    fn run(&mut self, backend: &B) -> Result<(), BackendError> {
        backend.logit_loss(LogitLoss {
            logits: self.logits.rows(),
            objective: self.call.objective,
            weight: self.call.weight,
            dz: self.dz.rows_mut(),
            monitors: &mut self.monitors,
            state: &self.state,
        });
        Ok(())
    }

    fn results(&mut self, checker: &Checker<'_, B>) -> Result<Vec<Found>, BackendError> {
        Ok(vec![
            self.dz.read("dz", checker.backend)?,
            read_monitors(checker, &mut self.monitors)?,
        ])
    }

    fn compare(&self, rounding: Rounding, found: &[Found]) -> Vec<Comparison> {
        let loss = (self.call.objective, self.call.weight);
        let logits = self.logits.host.values.iter().copied();
        let logits: Vec<_> = logits.map(Expected::exactly).collect();
        let dz = expected_gradient(loss, &logits, rounding.unit());
        vec![
            found[0].compare(rounding, |row, _| dz[row]),
            compare_monitors(rounding, &found[1], loss, &logits),
        ]
    }
}

/// The monitors' sums, which are zero afterwards.
pub(crate) fn read_monitors<B: Backend>(
    checker: &Checker<'_, B>,
    monitors: &mut B::Monitors,
) -> Result<Found, BackendError> {
    let sums = checker.backend.take_monitors(monitors)?.0;
    Ok(Found::new("monitors", Monitor::COUNT, sums.into()))
}

/// The gradient by each logit; the logits' magnitudes, and those of the gradient, are in units of
/// `unit`.
pub(crate) fn expected_gradient(loss: Weighted, logits: &[Expected], unit: f64) -> Vec<Expected> {
    let values: Vec<_> = logits.iter().map(|l| l.value).collect();
    let half = logits.len() / 2;
    let of_row = |row: usize| {
        let value = gradient(loss, &values, row);
        // Below the normal range devices may keep nothing.
        let least = 2.0 * f64::from(f32::MIN_POSITIVE) / unit;
        let blur = curvature(loss, &values, row) * argument_blur(loss.0, logits, row);
        // On which side of the hinge's kink a logit is may be its rounding's choice.
        let kink = if row < half { 1.0 } else { -1.0 };
        let is_near = (logits[row].value - kink).abs() < unit * logits[row].magnitude;
        let torn = if loss.0 == HingeDiscriminator && is_near {
            1.0 / half as f64 / unit
        } else {
            0.0
        };
        Expected::new(value, value.abs() + blur + torn + least)
    };
    (0..logits.len()).map(of_row).collect()
}

/// By how much the argument of an objective's slope in `row` may be off: a logit, or the difference
/// of the two of a pair.
fn argument_blur(objective: Objective, logits: &[Expected], row: usize) -> f64 {
    match objective {
        RelativisticDiscriminator | RelativisticGenerator => {
            let half = logits.len() / 2;
            let (data, sample) = (logits[row % half], logits[row % half + half]);
            data.magnitude + sample.magnitude + (data.value - sample.value).abs()
        }
        _ => logits[row].magnitude,
    }
}

/// The size of the gradient's own derivative by its argument.
fn curvature((objective, weight): Weighted, logits: &[f64], row: usize) -> f64 {
    let (l, rows, half) = (logits[row], logits.len() as f64, (logits.len() / 2) as f64);
    // The gradient of a cross-entropy is D or D − 1 times a factor.
    let logistic = |l: f64| d(l) * one_minus_d(l);
    let unweighted = match objective {
        Discriminator => logistic(l) / half,
        Minimax | NonSaturating => logistic(l) / rows,
        RelativisticDiscriminator | RelativisticGenerator => logistic(lead(logits, row)) / half,
        LeastSquaresDiscriminator => 1.0 / half,
        LeastSquaresGenerator => 1.0 / rows,
        // Straight lines; the kink is seen to where it is.
        HingeDiscriminator | WassersteinDiscriminator | WassersteinGenerator => 0.0,
    };
    weight * unweighted
}

/// Compares what the monitors hold after one call on `logits`, which may be off themselves.
pub(crate) fn compare_monitors(
    rounding: Rounding,
    found: &Found,
    loss: Weighted,
    logits: &[Expected],
) -> Comparison {
    let unit = rounding.unit();
    let values: Vec<_> = logits.iter().map(|l| l.value).collect();
    let sums = sums(loss, &values);
    let mut sizes = [0.0; Monitor::COUNT];
    let mut set = |monitor: Monitor, size| sizes[monitor as usize] = size;
    if loss.0.is_discriminator() {
        let rows = logits.len() as f64;
        let (data, samples) = logits.split_at(logits.len() / 2);
        // No term is steeper than 1 in its logit.
        let sum = |logits: &[Expected], term: fn(f64) -> f64| {
            let sizes = logits
                .iter()
                .map(|l| rows * term(l.value).abs() + l.magnitude);
            sizes.sum::<f64>()
        };
        // A logit that rounding may take across 0 may count or not.
        let count = |logits: &[Expected]| {
            let is_torn = |l: &&Expected| l.value.abs() < unit * l.magnitude;
            logits.iter().filter(is_torn).count() as f64 / unit
        };
        set(Monitor::LogData, sum(data, log_d));
        set(Monitor::Data, sum(data, d));
        set(Monitor::FalseNegatives, count(data));
        set(Monitor::LogSamples, sum(samples, log_one_minus_d));
        set(Monitor::Samples, sum(samples, d));
        set(Monitor::FalsePositives, count(samples));
        set(
            Monitor::DiscriminatorObjective,
            size_of_objective(loss, logits),
        );
    } else {
        set(Monitor::GeneratorObjective, size_of_objective(loss, logits));
    }
    found.compare(rounding, |_, col| Expected::new(sums.0[col], sizes[col]))
}

/// The magnitude of the objective, a sum of terms of both signs.
fn size_of_objective(loss: Weighted, logits: &[Expected]) -> f64 {
    let values: Vec<_> = logits.iter().map(|l| l.value).collect();
    let rows = logits.len() as f64;
    let of_row = |row: usize| {
        // The slope where the logit is and, for where it may be, that of a steep part.
        let steep = gradient(loss, &values, row).abs().max(2.0 / rows);
        let blur = match loss.0 {
            RelativisticDiscriminator | RelativisticGenerator => {
                logits[row].magnitude + lead(&values, row).abs()
            }
            _ => logits[row].magnitude,
        };
        rows * term(loss, &values, row).abs() + steep * blur
    };
    (0..logits.len()).map(of_row).sum()
}

impl LogitLoss<'_, Recorder> {
    /// The call.
    pub(crate) fn record(&mut self) -> Case {
        let rows = self.check();
        self.dz.matrix.storage = 1.0;
        weighted(rows, self.objective, self.weight)
    }
}
