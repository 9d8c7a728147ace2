//! The CPU's [`LogitLoss`], in f64: a few hundred numbers per iteration.

use super::{LogitLoss, Objective};
use crate::native::Native;
use crate::{Monitor, MonitorSums, Real};

#[track_caller]
pub(crate) fn run<T: Real>(_native: &Native<T>, mut op: LogitLoss<'_, Native<T>>) {
    let m = op.check();
    let logit = |row: usize| op.logits.row(row)[0].to_f64();
    let sums = op.monitors;
    let (objective, weight) = (op.objective, op.weight);
    let count = if objective.sees_data() { m / 2 } else { m };
    let mut total = 0.0;
    for row in 0..m {
        let (l, data) = (logit(row), objective.sees_data() && row < count);
        // The other half's row of the same number; a row's own where there is one half.
        let (term, slope) = term_and_slope(objective, l, logit((row + count) % m), data);
        total += term;
        op.dz.row(row)[0] = T::from_f64(weight * slope / count as f64);
        if objective.is_discriminator() {
            add_to_monitors(sums, l, data);
        }
    }
    let (updates, mean) = if objective.is_discriminator() {
        sums[Monitor::DataRows] += count as f64;
        sums[Monitor::SampleRows] += count as f64;
        (
            Monitor::DiscriminatorUpdates,
            Monitor::DiscriminatorObjective,
        )
    } else {
        (Monitor::GeneratorUpdates, Monitor::GeneratorObjective)
    };
    sums[updates] += 1.0;
    sums[mean] += weight * total / count as f64;
    if !total.is_finite() && sums[Monitor::FirstNonFinite] == 0.0 {
        sums[Monitor::FirstNonFinite] = (op.state.step + 1) as f64;
    }
}

/// A row's term of the objective and its slope by the row's own logit `l`; `other` is the logit of
/// the row that it is paired with.
fn term_and_slope(objective: Objective, l: f64, other: f64, data: bool) -> (f64, f64) {
    // The sign of a data row's logit where data and samples pull in opposite directions.
    let sign = if data { -1.0 } else { 1.0 };
    match objective {
        // −D(−l) for data and not D − 1, which is 0 where D rounds to 1.
        Objective::Discriminator => (softplus(sign * l), sign * sigmoid(sign * l)),
        Objective::NonSaturating => (softplus(-l), -sigmoid(-l)),
        Objective::Minimax => (-softplus(l), -sigmoid(l)),
        // The pair's one term stands in its data row.
        Objective::RelativisticDiscriminator => {
            let ahead = sign * (other - l);
            let term = if data { softplus(-ahead) } else { 0.0 };
            (term, sign * sigmoid(-ahead))
        }
        Objective::RelativisticGenerator => {
            let ahead = sign * (other - l);
            let term = if data { softplus(ahead) } else { 0.0 };
            (term, -sign * sigmoid(ahead))
        }
        Objective::HingeDiscriminator => {
            let short = 1.0 + sign * l;
            // Not `max`, which would hide a NaN.
            if short <= 0.0 {
                (0.0, 0.0)
            } else {
                (short, sign)
            }
        }
        Objective::LeastSquaresDiscriminator => {
            let off = if data { l - 1.0 } else { l };
            (0.5 * off * off, off)
        }
        Objective::LeastSquaresGenerator => (0.5 * (l - 1.0) * (l - 1.0), l - 1.0),
        Objective::WassersteinDiscriminator => (sign * l, sign),
        Objective::WassersteinGenerator => (-l, -1.0),
    }
}

/// Adds what a row of D's own update says of D.
fn add_to_monitors(sums: &mut MonitorSums, l: f64, data: bool) {
    let [log, d, wrong] = if data {
        [Monitor::LogData, Monitor::Data, Monitor::FalseNegatives]
    } else {
        [
            Monitor::LogSamples,
            Monitor::Samples,
            Monitor::FalsePositives,
        ]
    };
    sums[log] -= softplus(if data { -l } else { l });
    sums[d] += sigmoid(l);
    sums[wrong] += f64::from(if data { l < 0.0 } else { l > 0.0 });
}

/// log(1 + eᵗ) without overflow.
fn softplus(t: f64) -> f64 {
    t.max(0.0) + (-t.abs()).exp().ln_1p()
}

fn sigmoid(t: f64) -> f64 {
    1.0 / (1.0 + (-t).exp())
}
