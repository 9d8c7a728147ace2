//! What [`LogitLoss`](super::LogitLoss) computes, row by row in f64.

use super::Objective;
use crate::{Monitor, MonitorSums};

/// An objective and its factor.
pub(crate) type Weighted = (Objective, f64);

/// One row's part of the objective, which is the sum of them.
pub(crate) fn term((objective, weight): Weighted, logits: &[f64], row: usize) -> f64 {
    use Objective::*;
    let (l, rows, half) = (logits[row], logits.len() as f64, (logits.len() / 2) as f64);
    let is_data = row < logits.len() / 2;
    let unweighted = match objective {
        Discriminator if is_data => -log_d(l) / half,
        Discriminator => -log_one_minus_d(l) / half,
        Minimax => log_one_minus_d(l) / rows,
        NonSaturating => -log_d(l) / rows,
        RelativisticDiscriminator if is_data => -log_d(lead(logits, row)) / half,
        RelativisticGenerator if is_data => -log_one_minus_d(lead(logits, row)) / half,
        // A pair counts once.
        RelativisticDiscriminator | RelativisticGenerator => 0.0,
        HingeDiscriminator if is_data => (1.0 - l).max(0.0) / half,
        HingeDiscriminator => (1.0 + l).max(0.0) / half,
        LeastSquaresDiscriminator if is_data => (l - 1.0).powi(2) / 2.0 / half,
        LeastSquaresDiscriminator => l * l / 2.0 / half,
        LeastSquaresGenerator => (l - 1.0).powi(2) / 2.0 / rows,
        WassersteinDiscriminator if is_data => -l / half,
        WassersteinDiscriminator => l / half,
        WassersteinGenerator => -l / rows,
    };
    weight * unweighted
}

/// The derivative of the objective by the logit of `row`.
pub(crate) fn gradient((objective, weight): Weighted, logits: &[f64], row: usize) -> f64 {
    use Objective::*;
    let (l, rows, half) = (logits[row], logits.len() as f64, (logits.len() / 2) as f64);
    let is_data = row < logits.len() / 2;
    let unweighted = match objective {
        Discriminator if is_data => -one_minus_d(l) / half,
        Discriminator => d(l) / half,
        Minimax => -d(l) / rows,
        NonSaturating => -one_minus_d(l) / rows,
        RelativisticDiscriminator if is_data => -one_minus_d(lead(logits, row)) / half,
        RelativisticDiscriminator => one_minus_d(lead(logits, row)) / half,
        RelativisticGenerator if is_data => d(lead(logits, row)) / half,
        RelativisticGenerator => -d(lead(logits, row)) / half,
        HingeDiscriminator if is_data => f64::from(l < 1.0) / -half,
        HingeDiscriminator => f64::from(l > -1.0) / half,
        LeastSquaresDiscriminator if is_data => (l - 1.0) / half,
        LeastSquaresDiscriminator => l / half,
        LeastSquaresGenerator => (l - 1.0) / rows,
        WassersteinDiscriminator if is_data => -1.0 / half,
        WassersteinDiscriminator => 1.0 / half,
        WassersteinGenerator => -1.0 / rows,
    };
    weight * unweighted
}

/// The sums that one call adds to the monitors.
pub(crate) fn sums(loss: Weighted, logits: &[f64]) -> MonitorSums {
    let mut sums = MonitorSums::default();
    let value = (0..logits.len()).map(|row| term(loss, logits, row)).sum();
    if !loss.0.is_discriminator() {
        sums[Monitor::GeneratorUpdates] = 1.0;
        sums[Monitor::GeneratorObjective] = value;
        return sums;
    }
    sums[Monitor::DiscriminatorUpdates] = 1.0;
    sums[Monitor::DiscriminatorObjective] = value;
    let (data, samples) = logits.split_at(logits.len() / 2);
    for &l in data {
        sums[Monitor::DataRows] += 1.0;
        sums[Monitor::LogData] += log_d(l);
        sums[Monitor::Data] += d(l);
        sums[Monitor::FalseNegatives] += f64::from(d(l) < 0.5);
    }
    for &l in samples {
        sums[Monitor::SampleRows] += 1.0;
        sums[Monitor::LogSamples] += log_one_minus_d(l);
        sums[Monitor::Samples] += d(l);
        sums[Monitor::FalsePositives] += f64::from(d(l) > 0.5);
    }
    sums
}

/// By how much the data's logit leads in the pair that `row` belongs to.
pub(crate) fn lead(logits: &[f64], row: usize) -> f64 {
    let half = logits.len() / 2;
    logits[row % half] - logits[row % half + half]
}

/// D = 1 / (1 + e⁻ˡ).
pub(crate) fn d(l: f64) -> f64 {
    if l < 0.0 {
        l.exp() / (1.0 + l.exp())
    } else {
        1.0 / (1.0 + (-l).exp())
    }
}

/// 1 − D.
pub(crate) fn one_minus_d(l: f64) -> f64 {
    d(-l)
}

/// log D.
pub(crate) fn log_d(l: f64) -> f64 {
    log_one_minus_d(-l)
}

/// log(1 − D).
pub(crate) fn log_one_minus_d(l: f64) -> f64 {
    if l > 30.0 {
        -l - (-l).exp()
    } else {
        -l.exp().ln_1p()
    }
}
