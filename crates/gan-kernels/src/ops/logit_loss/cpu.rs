//! The CPU's [`LogitLoss`], in f64: a few hundred numbers per iteration.

use super::{LogitLoss, Objective};
use crate::native::Native;
use crate::{Monitor, MonitorSums, Real};

#[track_caller]
pub(crate) fn run<T: Real>(mut op: LogitLoss<'_, Native<T>>) {
    let m = op.check();
    let logit = |row: usize| op.logits.row(row)[0].to_f64();
    let sums = op.monitors;
    if let Objective::Discriminator { weight } = op.objective {
        let half = m / 2;
        let mut value = 0.0;
        for row in 0..m {
            let (data, l) = (row < half, logit(row));
            let d = sigmoid(l);
            // −D(−l) and not D − 1, which is 0 where D rounds to 1.
            let slope = if data { -sigmoid(-l) } else { d };
            op.dz.row(row)[0] = T::from_f64(weight * slope / half as f64);
            let log = -softplus(if data { -l } else { l });
            value += log;
            if data {
                sums[Monitor::LogData] += log;
                sums[Monitor::Data] += d;
                sums[Monitor::FalseNegatives] += f64::from(l < 0.0);
            } else {
                sums[Monitor::LogSamples] += log;
                sums[Monitor::Samples] += d;
                sums[Monitor::FalsePositives] += f64::from(l > 0.0);
            }
        }
        sums[Monitor::DataRows] += half as f64;
        sums[Monitor::SampleRows] += half as f64;
        sums[Monitor::DiscriminatorUpdates] += 1.0;
        sums[Monitor::DiscriminatorObjective] -= weight * value / half as f64;
        latch_non_finite(sums, value, op.state.step);
        return;
    }
    let mut objective = 0.0;
    for row in 0..m {
        let l = logit(row);
        let (term, slope) = match op.objective {
            Objective::NonSaturating => (softplus(-l), -sigmoid(-l)),
            _ => (-softplus(l), -sigmoid(l)),
        };
        objective += term;
        op.dz.row(row)[0] = T::from_f64(slope / m as f64);
    }
    sums[Monitor::GeneratorUpdates] += 1.0;
    sums[Monitor::GeneratorObjective] += objective / m as f64;
    latch_non_finite(sums, objective, op.state.step);
}

fn latch_non_finite(sums: &mut MonitorSums, objective: f64, step: u64) {
    if !objective.is_finite() && sums[Monitor::FirstNonFinite] == 0.0 {
        sums[Monitor::FirstNonFinite] = (step + 1) as f64;
    }
}

/// log(1 + eᵗ) without overflow.
fn softplus(t: f64) -> f64 {
    t.max(0.0) + (-t.abs()).exp().ln_1p()
}

fn sigmoid(t: f64) -> f64 {
    1.0 / (1.0 + (-t).exp())
}
