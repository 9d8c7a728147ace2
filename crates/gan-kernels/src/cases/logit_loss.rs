//! The oracle of [`LogitLoss`].

use super::{Case, Checker, Comparison, Expected, Op, STEP, state};
use crate::{Backend, BackendError, LogitLoss, Matrix, Monitor, MonitorSums, Objective};

pub(super) struct Loss<B: Backend> {
    objective: Objective,
    margin: usize,
    host: Vec<f64>,
    logits: Matrix<B>,
    pub(super) dz: Matrix<B>,
    pub(super) monitors: B::Monitors,
    state: B::State,
}

impl<B: Backend> Loss<B> {
    pub(super) fn new(checker: &Checker<'_, B>, case: &Case) -> Self {
        let Op::LogitLoss { rows, objective } = case.op else {
            unreachable!("logit_loss: another operation's case")
        };
        // Logits that overflow a careless exponential stand among ordinary ones.
        const HARD: [f64; 9] = [
            0.0, 100.0, -100.0, 1000.0, -1000.0, 1e-6, -1e-6, 17.5, -17.5,
        ];
        let mut logits = checker.draw(case.inputs, 14, rows);
        for (row, logit) in logits.iter_mut().enumerate() {
            *logit *= 4.0;
            if let (2, Some(&hard)) = (row % 3, HARD.get(row / 3 % HARD.len())) {
                *logit = f64::from(hard as f32);
            }
        }
        Self {
            objective,
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
            objective: self.objective,
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
        let logits = &self.host;
        let rows = logits.len();
        let dz = checker.compare(case, "dz", &self.dz, |row, _| {
            let value = slope(self.objective, logits, row);
            Expected {
                value,
                // Below the normal range spacing does not shrink any more.
                magnitude: value.abs() + f64::from(f32::MIN_POSITIVE),
            }
        })?;
        let expected = sums(self.objective, logits);
        let found = checker.backend.take_monitors(&mut self.monitors)?.0;
        let cols = Monitor::COUNT;
        let monitors =
            checker.compare_values(case, "monitors", cols, found.into_iter(), |_, col| {
                Expected {
                    value: expected.0[col],
                    // Terms of one sign are added.
                    magnitude: rows as f64 * expected.0[col].abs(),
                }
            });
        Ok(vec![dz, monitors])
    }
}

/// The objective's derivative by the logit of `row`.
pub(super) fn slope(objective: Objective, logits: &[f64], row: usize) -> f64 {
    use Objective::*;
    let (l, rows) = (logits[row], logits.len());
    let half = rows / 2;
    let data = row < half;
    // Of a pair, data less sample.
    let apart = || logits[row % half] - logits[row % half + half];
    match objective {
        Discriminator { weight } if data => -weight * fake(l) / half as f64,
        Discriminator { weight } => weight * real(l) / half as f64,
        Minimax => -real(l) / rows as f64,
        NonSaturating => -fake(l) / rows as f64,
        RelativisticDiscriminator if data => -fake(apart()) / half as f64,
        RelativisticDiscriminator => fake(apart()) / half as f64,
        RelativisticGenerator if data => real(apart()) / half as f64,
        RelativisticGenerator => -real(apart()) / half as f64,
        HingeDiscriminator if data => f64::from(l < 1.0) / -(half as f64),
        HingeDiscriminator => f64::from(l > -1.0) / half as f64,
        LeastSquaresDiscriminator if data => (l - 1.0) / half as f64,
        LeastSquaresDiscriminator => l / half as f64,
        LeastSquaresGenerator => (l - 1.0) / rows as f64,
        WassersteinDiscriminator if data => -1.0 / half as f64,
        WassersteinDiscriminator => 1.0 / half as f64,
        WassersteinGenerator => -1.0 / rows as f64,
    }
}

/// The size of its second derivative.
pub(super) fn curvature(objective: Objective, logits: &[f64], row: usize) -> f64 {
    use Objective::*;
    let (l, rows) = (logits[row], logits.len());
    let half = rows / 2;
    // Every slope of a cross-entropy is D or D − 1 times a factor.
    let logistic = |l: f64| real(l) * fake(l);
    match objective {
        Discriminator { weight } => weight * logistic(l) / half as f64,
        Minimax | NonSaturating => logistic(l) / rows as f64,
        // Both logits of a pair are off.
        RelativisticDiscriminator | RelativisticGenerator => {
            2.0 * logistic(logits[row % half] - logits[row % half + half]) / half as f64
        }
        LeastSquaresDiscriminator => 1.0 / half as f64,
        LeastSquaresGenerator => 1.0 / rows as f64,
        HingeDiscriminator | WassersteinDiscriminator | WassersteinGenerator => 0.0,
    }
}

/// What the monitors hold after one call.
pub(super) fn sums(objective: Objective, logits: &[f64]) -> MonitorSums {
    use Objective::*;
    let mut sums = MonitorSums::default();
    let rows = logits.len();
    let over = |logits: &[f64], f: fn(f64) -> f64| logits.iter().map(|&l| f(l)).sum::<f64>();
    let log_real = |l: f64| fake_log(-l);
    let (data, samples) = logits.split_at(rows / 2);
    let half = (rows / 2) as f64;
    let pairs = |f: fn(f64) -> f64| {
        let terms = data.iter().zip(samples).map(|(data, sample)| f(data - sample));
        terms.sum::<f64>() / half
    };
    let value = match objective {
        Discriminator { weight } => {
            -weight * (over(data, log_real) + over(samples, fake_log)) / half
        }
        Minimax => over(logits, fake_log) / rows as f64,
        NonSaturating => -over(logits, log_real) / rows as f64,
        RelativisticDiscriminator => -pairs(log_real),
        RelativisticGenerator => -pairs(fake_log),
        HingeDiscriminator => {
            (over(data, |l| (1.0 - l).max(0.0)) + over(samples, |l| (1.0 + l).max(0.0))) / half
        }
        LeastSquaresDiscriminator => {
            (over(data, |l| (l - 1.0).powi(2)) + over(samples, |l| l * l)) / (2.0 * half)
        }
        LeastSquaresGenerator => over(logits, |l| (l - 1.0).powi(2)) / (2.0 * rows as f64),
        WassersteinDiscriminator => (over(samples, |l| l) - over(data, |l| l)) / half,
        WassersteinGenerator => -over(logits, |l| l) / rows as f64,
    };
    if !objective.is_discriminator() {
        sums[Monitor::GeneratorUpdates] = 1.0;
        sums[Monitor::GeneratorObjective] = value;
        return sums;
    }
    sums[Monitor::DataRows] = half;
    sums[Monitor::LogData] = over(data, log_real);
    sums[Monitor::Data] = over(data, real);
    sums[Monitor::FalseNegatives] = over(data, |l| f64::from(real(l) < 0.5));
    sums[Monitor::SampleRows] = half;
    sums[Monitor::LogSamples] = over(samples, fake_log);
    sums[Monitor::Samples] = over(samples, real);
    sums[Monitor::FalsePositives] = over(samples, |l| f64::from(real(l) > 0.5));
    sums[Monitor::DiscriminatorUpdates] = 1.0;
    sums[Monitor::DiscriminatorObjective] = value;
    sums
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
