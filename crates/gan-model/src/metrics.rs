//! The numbers of a game, as means between two readings.

use gan_kernels::{Monitor, MonitorSums, Rates};
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
    /// Means from the sums of a reading; `rates` are G's in the coming iteration.
    pub(crate) fn new(sums: &MonitorSums, step: u64, epoch: f64, rates: Rates) -> Self {
        use Monitor as M;
        let mean = |sum, count| sums[sum] / sums[count];
        let of_data = |sum| mean(sum, M::DataRows);
        let of_samples = |sum| mean(sum, M::SampleRows);
        let of_d = |sum| mean(sum, M::DiscriminatorUpdates);
        let of_g = |sum| mean(sum, M::GeneratorUpdates);
        let first = sums[M::FirstNonFinite];
        Self {
            step,
            epoch,
            value: of_data(M::LogData) + of_samples(M::LogSamples),
            d_data: of_data(M::Data),
            d_samples: of_samples(M::Samples),
            false_negatives: of_data(M::FalseNegatives),
            false_positives: of_samples(M::FalsePositives),
            discriminator_objective: of_d(M::DiscriminatorObjective),
            generator_objective: of_g(M::GeneratorObjective),
            discriminator_gradient: of_d(M::DiscriminatorGradient).sqrt(),
            generator_gradient: of_g(M::GeneratorGradient).sqrt(),
            penalty: of_d(M::Penalty),
            input_gradient: mean(M::InputGradient, M::PenalisedRows).sqrt(),
            learning_rate: rates.learning_rate,
            momentum: rates.momentum,
            first_non_finite: (first > 0.0).then_some(first as u64),
        }
    }
}
