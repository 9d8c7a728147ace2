//! The oracle of [`LogitLoss`].

use super::{Case, Checker, Comparison, Expected, Inputs, Op, STEP, state};
use crate::{Backend, BackendError, LogitLoss, Matrix, Monitor, MonitorSums, Objective};

/// An objective and its factor.
type Weighted = (Objective, f64);

pub(super) struct Loss<B: Backend> {
    objective: Weighted,
    margin: usize,
    host: Vec<f64>,
    logits: Matrix<B>,
    pub(super) dz: Matrix<B>,
    pub(super) monitors: B::Monitors,
    state: B::State,
}

impl<B: Backend> Loss<B> {
    pub(super) fn new(checker: &Checker<'_, B>, case: &Case) -> Self {
        let Op::LogitLoss {
            rows,
            objective,
            weight,
        } = case.op
        else {
            unreachable!("logit_loss: another operation's case")
        };
        // Logits that overflow a careless exponential stand among ordinary ones.
        const HARD: [f64; 9] = [
            0.0, 100.0, -100.0, 1000.0, -1000.0, 1e-6, -1e-6, 17.5, -17.5,
        ];
        let mut logits = checker.draw(case.inputs, 14, rows);
        for (row, logit) in logits.iter_mut().enumerate() {
            // Integers as they are, for the kinks of the hinge at ±1.
            if case.inputs == Inputs::Integers {
                continue;
            }
            *logit *= 4.0;
            if let (2, Some(&hard)) = (row % 3, HARD.get(row / 3 % HARD.len())) {
                *logit = f64::from(hard as f32);
            }
        }
        Self {
            objective: (objective, weight),
            margin: case.margin,
            logits: checker.input(1, &logits, case.margin),
            dz: checker.output(rows, 1, case.margin),
            monitors: checker.backend.monitors(),
            state: checker.backend.state(state(STEP)),
            host: logits,
        }
    }

    pub(super) fn run(&mut self, backend: &B) {
        let (margin, rows) = (self.margin, self.host.len());
        backend.logit_loss(LogitLoss {
            logits: self.logits.rows(margin, rows),
            objective: self.objective.0,
            weight: self.objective.1,
            dz: self.dz.rows_mut(margin, rows),
            monitors: &mut self.monitors,
            state: &self.state,
        });
    }

    pub(super) fn verify(
        &mut self,
        checker: &Checker<'_, B>,
        case: &Case,
    ) -> Result<Vec<Comparison>, BackendError> {
        let unit = checker.unit(case);
        let logits: Vec<_> = self.host.iter().copied().map(Expected::exactly).collect();
        let dz = checker.compare(case, "dz", &self.dz, |row, _| {
            gradient(self.objective, &logits, row, unit)
        })?;
        let found = checker.backend.take_monitors(&mut self.monitors)?;
        let monitors = compare_monitors(checker, case, self.objective, &logits, found);
        Ok(vec![dz, monitors])
    }
}

/// Compares what the monitors hold after one call on `logits`, which may be off themselves.
pub(super) fn compare_monitors<B: Backend>(
    checker: &Checker<'_, B>,
    case: &Case,
    objective: Weighted,
    logits: &[Expected],
    found: MonitorSums,
) -> Comparison {
    let sums = sums(objective, logits, checker.unit(case));
    let found = found.0.into_iter();
    checker.compare_values(case, "monitors", Monitor::COUNT, found, |_, col| sums[col])
}

/// The objective's derivative by the logit of `row`; magnitudes are in units of `unit`.
pub(super) fn gradient(
    objective: Weighted,
    logits: &[Expected],
    row: usize,
    unit: f64,
) -> Expected {
    let values: Vec<_> = logits.iter().map(|l| l.value).collect();
    let value = slope(objective, &values, row);
    // Below the normal range devices may keep nothing.
    let least = 2.0 * f64::from(f32::MIN_POSITIVE) / unit;
    let blur = curvature(objective, &values, row) * argument_blur(objective, logits, row);
    // Which side of the kink a logit is on may be its rounding's choice.
    let torn = match objective.0 {
        Objective::HingeDiscriminator => {
            let half = logits.len() / 2;
            let kink = if row < half { 1.0 } else { -1.0 };
            let Expected { value, magnitude } = logits[row];
            let step = 1.0 / half as f64;
            let is_near = (value - kink).abs() < unit * magnitude;
            if is_near { step / unit } else { 0.0 }
        }
        _ => 0.0,
    };
    Expected {
        value,
        magnitude: value.abs() + blur + torn + least,
    }
}

/// How far that may be off of which an objective's slope is a function in `row`: a logit, or what
/// is between the two of a pair.
fn argument_blur(objective: Weighted, logits: &[Expected], row: usize) -> f64 {
    match objective.0 {
        Objective::RelativisticDiscriminator | Objective::RelativisticGenerator => {
            let half = logits.len() / 2;
            let (data, sample) = (logits[row % half], logits[row % half + half]);
            data.magnitude + sample.magnitude + (data.value - sample.value).abs()
        }
        _ => logits[row].magnitude,
    }
}

/// The value of [`gradient`].
fn slope(objective: Weighted, logits: &[f64], row: usize) -> f64 {
    use Objective::*;
    let (l, rows) = (logits[row], logits.len());
    let half = rows / 2;
    let data = row < half;
    let (objective, weight) = objective;
    let unweighted = match objective {
        Discriminator if data => -fake(l) / half as f64,
        Discriminator => real(l) / half as f64,
        Minimax => -real(l) / rows as f64,
        NonSaturating => -fake(l) / rows as f64,
        RelativisticDiscriminator if data => -fake(apart(logits, row)) / half as f64,
        RelativisticDiscriminator => fake(apart(logits, row)) / half as f64,
        RelativisticGenerator if data => real(apart(logits, row)) / half as f64,
        RelativisticGenerator => -real(apart(logits, row)) / half as f64,
        HingeDiscriminator if data => f64::from(l < 1.0) / -(half as f64),
        HingeDiscriminator => f64::from(l > -1.0) / half as f64,
        LeastSquaresDiscriminator if data => (l - 1.0) / half as f64,
        LeastSquaresDiscriminator => l / half as f64,
        LeastSquaresGenerator => (l - 1.0) / rows as f64,
        WassersteinDiscriminator if data => -1.0 / half as f64,
        WassersteinDiscriminator => 1.0 / half as f64,
        WassersteinGenerator => -1.0 / rows as f64,
    };
    weight * unweighted
}

/// Of the pair that `row` belongs to, data less sample.
fn apart(logits: &[f64], row: usize) -> f64 {
    let half = logits.len() / 2;
    logits[row % half] - logits[row % half + half]
}

/// The size of the slope's own derivative by its argument.
fn curvature(objective: Weighted, logits: &[f64], row: usize) -> f64 {
    use Objective::*;
    let (l, rows) = (logits[row], logits.len());
    let half = rows / 2;
    // Every slope of a cross-entropy is D or D − 1 times a factor.
    let logistic = |l: f64| real(l) * fake(l);
    let (objective, weight) = objective;
    let unweighted = match objective {
        Discriminator => logistic(l) / half as f64,
        Minimax | NonSaturating => logistic(l) / rows as f64,
        RelativisticDiscriminator | RelativisticGenerator => {
            logistic(apart(logits, row)) / half as f64
        }
        LeastSquaresDiscriminator => 1.0 / half as f64,
        LeastSquaresGenerator => 1.0 / rows as f64,
        // Straight lines; the kink is seen to where it is.
        HingeDiscriminator | WassersteinDiscriminator | WassersteinGenerator => 0.0,
    };
    weight * unweighted
}

/// One row's part of the objective.
fn term(objective: Weighted, logits: &[f64], row: usize) -> f64 {
    use Objective::*;
    let (l, rows) = (logits[row], logits.len());
    let half = rows / 2;
    let data = row < half;
    let log_real = |l: f64| fake_log(-l);
    let (objective, weight) = objective;
    let unweighted = match objective {
        Discriminator if data => -log_real(l) / half as f64,
        Discriminator => -fake_log(l) / half as f64,
        Minimax => fake_log(l) / rows as f64,
        NonSaturating => -log_real(l) / rows as f64,
        RelativisticDiscriminator if data => -log_real(apart(logits, row)) / half as f64,
        RelativisticGenerator if data => -fake_log(apart(logits, row)) / half as f64,
        // A pair counts once.
        RelativisticDiscriminator | RelativisticGenerator => 0.0,
        HingeDiscriminator if data => (1.0 - l).max(0.0) / half as f64,
        HingeDiscriminator => (1.0 + l).max(0.0) / half as f64,
        LeastSquaresDiscriminator if data => (l - 1.0).powi(2) / (2 * half) as f64,
        LeastSquaresDiscriminator => l * l / (2 * half) as f64,
        LeastSquaresGenerator => (l - 1.0).powi(2) / (2 * rows) as f64,
        WassersteinDiscriminator if data => -l / half as f64,
        WassersteinDiscriminator => l / half as f64,
        WassersteinGenerator => -l / rows as f64,
    };
    weight * unweighted
}

/// What the monitors should hold after one call; magnitudes are in units of `unit`.
fn sums(objective: Weighted, logits: &[Expected], unit: f64) -> [Expected; Monitor::COUNT] {
    use Objective::*;
    let mut sums = [Expected::exactly(0.0); Monitor::COUNT];
    let mut set = |monitor: Monitor, sum| sums[monitor as usize] = sum;
    let one = Expected::exactly(1.0);
    let value = objective_value(objective, logits);
    match objective.0 {
        Minimax
        | NonSaturating
        | RelativisticGenerator
        | LeastSquaresGenerator
        | WassersteinGenerator => {
            set(Monitor::GeneratorUpdates, one);
            set(Monitor::GeneratorObjective, value);
            return sums;
        }
        Discriminator
        | RelativisticDiscriminator
        | HingeDiscriminator
        | LeastSquaresDiscriminator
        | WassersteinDiscriminator => {}
    }
    let rows = logits.len();
    let (data, samples) = logits.split_at(rows / 2);
    // No term is steeper than 1 in its logit.
    let over = |logits: &[Expected], term: fn(f64) -> f64| {
        let mut sum = Expected::default();
        for l in logits {
            let term = term(l.value);
            sum.value += term;
            sum.magnitude += rows as f64 * term.abs() + l.magnitude;
        }
        sum
    };
    let count = |logits: &[Expected], is: fn(f64) -> bool| Expected {
        value: logits.iter().filter(|l| is(l.value)).count() as f64,
        // A logit that rounding may take across 0 may count or not.
        magnitude: {
            let torn = |l: &&Expected| l.value.abs() < unit * l.magnitude;
            logits.iter().filter(torn).count() as f64 / unit
        },
    };
    let half = Expected::exactly((rows / 2) as f64);
    set(Monitor::DataRows, half);
    set(Monitor::LogData, over(data, |l| fake_log(-l)));
    set(Monitor::Data, over(data, real));
    set(Monitor::FalseNegatives, count(data, |l| real(l) < 0.5));
    set(Monitor::SampleRows, half);
    set(Monitor::LogSamples, over(samples, fake_log));
    set(Monitor::Samples, over(samples, real));
    set(Monitor::FalsePositives, count(samples, |l| real(l) > 0.5));
    set(Monitor::DiscriminatorUpdates, one);
    set(Monitor::DiscriminatorObjective, value);
    sums
}

/// The objective, a sum of terms of both signs.
fn objective_value(objective: Weighted, logits: &[Expected]) -> Expected {
    let values: Vec<_> = logits.iter().map(|l| l.value).collect();
    let rows = logits.len() as f64;
    let mut sum = Expected::default();
    for (row, l) in logits.iter().enumerate() {
        let term = term(objective, &values, row);
        // The slope where the logit is and, for where it may be, that of a steep part.
        let steep = slope(objective, &values, row).abs().max(2.0 / rows);
        let blur = match objective.0 {
            Objective::RelativisticDiscriminator | Objective::RelativisticGenerator => {
                l.magnitude + apart(&values, row).abs()
            }
            _ => l.magnitude,
        };
        sum.value += term;
        sum.magnitude += rows * term.abs() + steep * blur;
    }
    sum
}

/// D = 1 / (1 + e⁻ˡ).
fn real(l: f64) -> f64 {
    if l < 0.0 {
        l.exp() / (1.0 + l.exp())
    } else {
        1.0 / (1.0 + (-l).exp())
    }
}

/// 1 − D.
fn fake(l: f64) -> f64 {
    real(-l)
}

/// log(1 − D).
fn fake_log(l: f64) -> f64 {
    if l > 30.0 {
        -l - (-l).exp()
    } else {
        -l.exp().ln_1p()
    }
}
