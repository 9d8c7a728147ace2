//! The probe: from time to time it looks at samples of the same latents, and so tells what sums over
//! minibatches do not.

use gan_data::Mixture;
use gan_eval::{DiscreteColumns, Modes, Points, ValueShare, gather};
use gan_kernels::{Backend, BackendError, Records};
use gan_model::{Diversity, Spread, Trainer};
use serde::Serialize;

use crate::record::RecordInfo;

/// Samples looked at, and as many records: with 8 modes each is due 32 samples and found with 7 of
/// them, with 25 modes 10 and 3, so that a healthy G hardly misses one by chance.
const ROWS: usize = 256;
/// Records, and as many samples, that D is asked about.
const ASKED: usize = 128;
/// Readings from one look to the next.
const READINGS: u64 = 10;
/// Iterations from one look to the next, at least: a look costs about three quarters of one with the
/// players of `digits` on a CPU, so that looks take 1 to 2 % of the time at most.
const ITERATIONS: u64 = 50;

/// Looks at a trainer, always at the same latents and records.
pub(crate) struct Probe {
    seed: u64,
    cols: usize,
    /// Records in the players' units, evenly spaced over the training split, since files may be
    /// sorted.
    records: Vec<f32>,
    spread: Spread,
    /// The columns of few distinct values.
    discrete: Option<DiscreteColumns>,
}

/// True if the reading after `step` iterations, one of those every `log` iterations, comes with a
/// look of the probe: a matter of the step alone, so that a continued run looks where one that was not
/// interrupted does.
pub(crate) fn is_due(step: u64, log: u64) -> bool {
    step.is_multiple_of(log * READINGS.max(ITERATIONS.div_ceil(log)))
}

/// The numbers of one look of the probe.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ProbeReading {
    /// Samples that were looked at.
    probe_samples: usize,
    /// Root mean square distance of two samples, as a share of that of two records.
    diversity: f64,
    /// Mean distance of a sample to its nearest neighbour, as a share of that of records.
    nearest: f64,
    /// How far D is from being undecided: 1 − mean 4·D·(1 − D) over records and samples, without
    /// dropout; 4·D·(1 − D) is the slope of the sigmoid as a share of its largest.
    saturation: f64,
    /// Modes found, where they are known.
    #[serde(flatten)]
    found: Option<Found>,
    /// Values of discrete columns that hardly occur, where there are such columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    lost_values: Option<Vec<ValueShare>>,
}

/// The part of [`Modes`] that is written at every look.
#[derive(Clone, Copy, Debug, Serialize)]
struct Found {
    modes_found: usize,
    modes: usize,
    high_quality: f64,
    reverse_kl: Option<f64>,
}

/// How `samples`, rows in the units of `mixture`, cover its modes.
pub(crate) fn modes_of(mixture: &Mixture, samples: &[f32]) -> Modes {
    let samples = Points::new(samples, mixture.cols);
    Modes::count(mixture.modes(), samples, |row| mixture.nearest(row))
}

impl Probe {
    /// The probe of a run of `seed` on the training records `train`, of which `discrete` describes
    /// the columns of few distinct values.
    pub(crate) fn new(seed: u64, train: &Records, discrete: Option<DiscreteColumns>) -> Self {
        let (rows, cols) = (train.rows().min(ROWS), train.cols());
        let records = gather(train, (0..rows).map(|i| i * train.rows() / rows));
        Self {
            seed,
            cols,
            spread: Spread::of(&records, cols),
            records,
            discrete,
        }
    }

    /// Looks at `trainer`'s players; `mixture` has the modes of the data, in the user's units.
    pub(crate) fn look<B: Backend>(
        &self,
        trainer: &mut Trainer<B>,
        record: &RecordInfo,
        mixture: Option<&Mixture>,
    ) -> Result<ProbeReading, BackendError> {
        // As many as records, since nearest neighbours are nearer among more.
        let samples = trainer.sample(self.seed, 0, self.records.len() / self.cols)?;
        let asked = self.records.len().min(ASKED * self.cols);
        let asked = [&self.records[..asked], &samples[..asked]].concat();
        let saturation = saturation(&trainer.discriminate(&asked)?);
        let diversity = Diversity::of(&Spread::of(&samples, self.cols), &self.spread);
        let points = Points::new(&samples, self.cols);
        let lost_values = self.discrete.as_ref().map(|columns| columns.lost(points));
        let probe_samples = points.rows();
        let found = mixture.map(|mixture| {
            let samples = record.unlabelled(&samples, self.cols);
            let modes = modes_of(mixture, &record.user_values(&samples, mixture.cols));
            Found {
                modes_found: modes.modes_found,
                modes: modes.modes,
                high_quality: modes.high_quality,
                reverse_kl: modes.reverse_kl,
            }
        });
        Ok(ProbeReading {
            probe_samples,
            diversity: diversity.distance,
            nearest: diversity.nearest,
            saturation,
            found,
            lost_values,
        })
    }
}

/// 1 − mean 4·D·(1 − D).
fn saturation(d: &[f32]) -> f64 {
    let slopes = d.iter().map(|&d| 4.0 * f64::from(d) * f64::from(1.0 - d));
    1.0 - slopes.sum::<f64>() / d.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use gan_kernels::Values;

    #[test]
    fn saturation_is_0_of_the_undecided_and_1_of_the_certain() {
        assert_eq!(saturation(&[0.5, 0.5, 0.5]), 0.0);
        assert_eq!(saturation(&[1.0, 0.0, 1.0]), 1.0);
        assert_eq!(saturation(&[0.5, 1.0]), 0.5);
    }

    #[test]
    fn looks_are_apart_whatever_the_readings_are() {
        for (log, every) in [(1, 50), (3, 51), (7, 70), (100, 1000)] {
            assert!(is_due(2 * every, log) && !is_due(every + log, log), "{log}");
        }
    }

    #[test]
    fn records_are_evenly_spaced_and_not_more_than_there_are() {
        let values = (0..1400).map(|i| i as f32).collect();
        let records = Records::new(2, Values::Floats(values));
        let few = Probe::new(1, &records.slice(0..3), None);
        assert_eq!(few.records, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        let some = Probe::new(1, &records, None);
        assert_eq!(some.records.len(), 2 * ROWS);
        assert!(some.records[2 * ROWS - 1] > 1390.0);
    }
}
