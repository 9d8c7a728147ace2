//! When a mixed table is learnt: samples are compared with held-out and with training records as
//! training goes on, the best step is kept, and a game that gets no better ends.

use gan_data::{Dataset, Encoding, RecordShape, TableShape};
use gan_eval::table::{Column, Table, TellingApart};
use gan_kernels::Backend;
use gan_model::{Checkpoint, GeneratorConfig, Sampler, Trainer};
use serde::{Deserialize, Serialize};

use crate::calibration::Calibrated;
use crate::pictures::columns_of;
use crate::problem::Problem;

/// The annotation of a checkpoint that is [`Checks`], as JSON.
pub(crate) const CHECKS: &str = "checks";

/// Held-out records below which a score is chance.
const FEWEST: usize = 50;
/// Draws that the calibration for a score is fitted to.
const DRAWS: usize = 2048;
/// How much worse it is to repeat training records than to be as far from them.
const REPEATING: f64 = 2.0;
/// Seed of the samples that are judged, which are the same latents at every check.
const SEED: u64 = 0x00c4_ec75;

/// Judges a generator by how well its samples can be told from real records.
pub(crate) struct Judge {
    shape: TableShape,
    encoding: Encoding,
    columns: Vec<Column>,
    held_out: Vec<f64>,
    training: Vec<f64>,
    generator: GeneratorConfig,
}

/// How well samples can be told from real records: areas under the ROC curve, of which 1/2 is ideal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Comparison {
    pub(crate) held_out: f64,
    /// Below 1/2 where samples repeat training records: a classifier that knows the record takes
    /// the sample for a record, and one that knows the sample takes the record for a sample.
    pub(crate) training: f64,
}

impl Comparison {
    /// The lower, the better; 1/2 is ideal.
    fn score(self) -> f64 {
        // Held-out records are few: below 1/2 is chance. Training records are many, so their number
        // says best how far G has come, and when it has gone too far, which is worse.
        let (far, too_far) = (self.training - 0.5, REPEATING * (0.5 - self.training));
        self.held_out.max(0.5) + far.max(too_far).max(0.0)
    }
}

impl Judge {
    /// The judge of a game on `dataset`, if that is a mixed table with enough records to validate.
    pub(crate) fn new(dataset: &Dataset, generator: &GeneratorConfig) -> Option<Self> {
        let (RecordShape::Table(shape), Some(rows)) = (&dataset.shape, &dataset.user_rows) else {
            return None;
        };
        let encoding = dataset.transform.encoding()?;
        let of = |part: std::ops::Range<usize>| {
            let spacing = part.len().div_ceil(TellingApart::MOST_ROWS).max(1);
            let indices = part.step_by(spacing);
            indices.flat_map(|index| rows.row(index)).copied().collect()
        };
        let [train, valid] = [&dataset.splits.train, &dataset.splits.valid].map(Clone::clone);
        (valid.len() >= FEWEST).then(|| Self {
            columns: columns_of(shape),
            held_out: of(valid),
            training: of(train),
            shape: shape.clone(),
            encoding: encoding.clone(),
            generator: generator.clone(),
        })
    }

    /// Compares samples with real records.
    ///
    /// # Errors
    /// If the device fails.
    pub(crate) fn compare<B: Backend>(
        &self,
        trainer: &mut Trainer<B>,
    ) -> Result<Comparison, Problem> {
        let backend = trainer.backend().clone();
        let checkpoint = trainer.checkpoint(String::new(), Default::default())?;
        let mut sampler = Sampler::new(backend, &self.generator, &checkpoint)?;
        let mut calibrated = Calibrated::new(&mut sampler, &self.encoding, DRAWS)?;
        let [held_out, training] = [&self.held_out, &self.training]
            .map(|rows| TellingApart::new(&Table::new(&self.columns, rows)));
        let count = held_out.rows().max(training.rows());
        let samples = calibrated.sample(&mut sampler, SEED, 0, count)?;
        let shape = RecordShape::Table(self.shape.clone());
        let rows = samples.chunks_exact(sampler.cols()).flat_map(|record| {
            let mut row = self.encoding.user_row(record);
            shape.round(&mut row);
            row
        });
        let rows: Vec<f64> = rows.collect();
        let samples = Table::new(&self.columns, &rows);
        Ok(Comparison {
            held_out: held_out.score(&samples),
            training: training.score(&samples),
        })
    }

    /// Checks of a new game.
    pub(crate) fn checks(&self) -> Checks {
        let rows = (self.held_out.len() / self.columns.len()) as f64;
        Checks {
            // The standard error of the area where nothing can be told (Hanley and McNeil 1982), of
            // which half is the held-out records' own and the same at every check.
            margin: 0.5 * ((2.0 * rows + 1.0) / (12.0 * rows * rows)).sqrt(),
            lowest: 1.0,
            best: 0,
            told_apart: 1.0,
            since: 0,
        }
    }
}

/// The checks so far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Checks {
    /// Scores that are closer than this are as good as each other.
    margin: f64,
    /// The lowest score so far.
    lowest: f64,
    /// The last step that was as good as that, and how well its samples were told from held-out
    /// records.
    pub(crate) best: u64,
    #[serde(rename = "score")]
    pub(crate) told_apart: f64,
    /// Checks since.
    pub(crate) since: u64,
}

impl Checks {
    /// Those that `checkpoint` tells of, called `name` in messages.
    ///
    /// # Errors
    /// If what it says is something else.
    pub(crate) fn of(checkpoint: &Checkpoint, name: &str) -> Result<Option<Self>, Problem> {
        let text = checkpoint.annotations.get(CHECKS);
        let checks = text.map(|text| serde_json::from_str(text)).transpose();
        checks.map_err(|error| {
            Problem::failed(format!("{name}: annotation {CHECKS} is damaged: {error}"))
        })
    }

    /// True if `patience` checks in a row found nothing better.
    pub(crate) fn are_over(&self, patience: u64) -> bool {
        patience > 0 && self.since >= patience
    }

    /// Takes in the comparison at `step`; true if that is the best step now.
    pub(crate) fn take(&mut self, step: u64, found: Comparison) -> bool {
        let score = found.score();
        let is_best = score <= self.lowest + self.margin;
        self.lowest = self.lowest.min(score);
        if is_best {
            (self.best, self.told_apart, self.since) = (step, found.held_out, 0);
        } else {
            self.since += 1;
        }
        is_best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The best step and the checks since, after each of `found`.
    fn best(found: impl IntoIterator<Item = Comparison>) -> Vec<(u64, u64)> {
        let mut checks = Checks {
            margin: 0.02,
            lowest: 1.0,
            best: 0,
            told_apart: 1.0,
            since: 0,
        };
        let take = |(step, found): (u64, Comparison)| {
            let is_best = checks.take(step, found);
            assert_eq!(is_best, checks.since == 0);
            (checks.best, checks.since)
        };
        (1..).zip(found).map(take).collect()
    }

    #[test]
    fn the_best_step_is_the_last_one_as_good_as_the_lowest_score() {
        let scores = [0.9, 0.6, 0.61, 0.63, 0.58, 0.59, f64::NAN, 0.7, 0.4, 0.51];
        let found = best(scores.map(|held_out| Comparison {
            held_out,
            training: 0.5,
        }));
        let steps = [1, 2, 3, 3, 5, 6, 7, 7, 9, 10];
        let since = [0, 0, 0, 1, 0, 0, 0, 1, 0, 0];
        assert_eq!(found, steps.into_iter().zip(since).collect::<Vec<_>>());
    }

    #[test]
    fn a_step_whose_samples_repeat_training_records_is_not_the_best() {
        // Held-out records alone would have the last step.
        let found = [
            (0.62, 0.7),
            (0.58, 0.55),
            (0.57, 0.49),
            (0.56, 0.44),
            (0.55, 0.4),
        ];
        let found = best(found.map(|(held_out, training)| Comparison { held_out, training }));
        assert_eq!(found, [(1, 0), (2, 0), (3, 0), (3, 1), (3, 2)]);
    }
}
