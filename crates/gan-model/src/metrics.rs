//! The numbers of a game, as means between two readings.

use gan_kernels::{Monitor, MonitorSums};
use serde::Serialize;

/// One reading of the monitors; all means are over the iterations since the reading before.
///
/// A number that was not observed is NaN.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Metrics {
    /// Iterations done.
    pub step: u64,
    /// Epochs done.
    pub epoch: f64,
    /// V(D, G) of eq. 1, in nats; −log 4 where D cannot tell.
    pub value: f64,
    /// Mean D(x).
    pub d_data: f64,
    /// Mean D(G(z)), of the samples in D's own minibatches.
    pub d_samples: f64,
    /// Share of data that D takes for samples: D(x) < 1/2.
    pub false_negatives: f64,
    /// Share of samples that D takes for data: D(G(z)) > 1/2.
    pub false_positives: f64,
    /// Mean of D's loss.
    pub discriminator_objective: f64,
    /// Mean of G's loss.
    pub generator_objective: f64,
    /// Root mean square of ‖∇θ_d‖.
    pub discriminator_gradient: f64,
    /// Root mean square of ‖∇θ_g‖.
    pub generator_gradient: f64,
    /// Mean penalty on D's gradient by its input, in nats.
    pub penalty: f64,
    /// Root mean square of that gradient's length, over the penalised records.
    pub input_gradient: f64,
    /// G's η in the coming iteration.
    pub learning_rate: f64,
    /// G's μ in the coming iteration.
    pub momentum: f64,
    /// The first iteration, counted from 1, since the reading before whose objective was not
    /// finite.
    pub first_non_finite: Option<u64>,
}

impl Metrics {
    /// Means from the sums of a reading.
    pub(crate) fn new(sums: &MonitorSums, step: u64, epoch: f64) -> Self {
        let mean = |sum, count| sums[sum] / sums[count];
        let first = sums[Monitor::FirstNonFinite];
        Self {
            step,
            epoch,
            value: mean(Monitor::LogData, Monitor::DataRows)
                + mean(Monitor::LogSamples, Monitor::SampleRows),
            d_data: mean(Monitor::Data, Monitor::DataRows),
            d_samples: mean(Monitor::Samples, Monitor::SampleRows),
            false_negatives: mean(Monitor::FalseNegatives, Monitor::DataRows),
            false_positives: mean(Monitor::FalsePositives, Monitor::SampleRows),
            discriminator_objective: mean(
                Monitor::DiscriminatorObjective,
                Monitor::DiscriminatorUpdates,
            ),
            generator_objective: mean(Monitor::GeneratorObjective, Monitor::GeneratorUpdates),
            discriminator_gradient: mean(
                Monitor::DiscriminatorGradient,
                Monitor::DiscriminatorUpdates,
            )
            .sqrt(),
            generator_gradient: mean(Monitor::GeneratorGradient, Monitor::GeneratorUpdates).sqrt(),
            penalty: mean(Monitor::Penalty, Monitor::DiscriminatorUpdates),
            input_gradient: mean(Monitor::InputGradient, Monitor::PenalisedRows).sqrt(),
            learning_rate: f64::NAN,
            momentum: f64::NAN,
            first_non_finite: (first > 0.0).then_some(first as u64),
        }
    }
}
