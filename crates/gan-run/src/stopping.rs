//! When a mixed table is learnt: samples are compared with held-out records as training goes on, the
//! best step is kept, and a game that gets no better ends.

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
/// Seed of the samples that are judged, which are the same latents at every check.
const SEED: u64 = 0x00c4_ec75;

/// Judges a generator by how well its samples can be told from held-out records.
pub(crate) struct Judge {
    shape: TableShape,
    encoding: Encoding,
    columns: Vec<Column>,
    held_out: Vec<f64>,
    generator: GeneratorConfig,
}

impl Judge {
    /// The judge of a game on `dataset`, if that is a mixed table with enough records to validate.
    pub(crate) fn new(dataset: &Dataset, generator: &GeneratorConfig) -> Option<Self> {
        let (RecordShape::Table(shape), Some(rows)) = (&dataset.shape, &dataset.user_rows) else {
            return None;
        };
        let encoding = dataset.transform.encoding()?;
        let valid = dataset.splits.valid.clone();
        (valid.len() >= FEWEST).then(|| Self {
            columns: columns_of(shape),
            held_out: valid.flat_map(|index| rows.row(index)).copied().collect(),
            shape: shape.clone(),
            encoding: encoding.clone(),
            generator: generator.clone(),
        })
    }

    /// Area under the ROC curve of telling samples from held-out records: 1/2 is ideal.
    ///
    /// # Errors
    /// If the device fails.
    pub(crate) fn score<B: Backend>(&self, trainer: &Trainer<B>) -> Result<f64, Problem> {
        let backend = trainer.backend().clone();
        let checkpoint = trainer.checkpoint(String::new(), Default::default())?;
        let mut sampler = Sampler::new(backend, &self.generator, &checkpoint)?;
        let mut calibrated = Calibrated::new(&mut sampler, &self.encoding, DRAWS)?;
        let held_out = Table::new(&self.columns, &self.held_out);
        let test = TellingApart::new(&held_out);
        let samples = calibrated.sample(&mut sampler, SEED, 0, test.rows())?;
        let shape = RecordShape::Table(self.shape.clone());
        let rows = samples.chunks_exact(sampler.cols()).flat_map(|record| {
            let mut row = self.encoding.user_row(record);
            shape.round(&mut row);
            row
        });
        let rows: Vec<f64> = rows.collect();
        Ok(test.score(&Table::new(&self.columns, &rows)))
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
            score: 1.0,
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
    /// The last step that was as good as that, and its score.
    pub(crate) best: u64,
    pub(crate) score: f64,
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

    /// Takes in the score of `step`; true if that is the best step now.
    pub(crate) fn take(&mut self, step: u64, score: f64) -> bool {
        // Below 1/2 it is chance.
        let score = score.max(0.5);
        let is_best = score <= self.lowest + self.margin;
        self.lowest = self.lowest.min(score);
        if is_best {
            (self.best, self.score, self.since) = (step, score, 0);
        } else {
            self.since += 1;
        }
        is_best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_step_is_the_last_one_as_good_as_the_lowest_score() {
        let mut checks = Checks {
            margin: 0.02,
            lowest: 1.0,
            best: 0,
            score: 1.0,
            since: 0,
        };
        let mut found = Vec::new();
        for (step, score) in [0.9, 0.6, 0.61, 0.63, 0.58, 0.59, f64::NAN, 0.7, 0.4, 0.51]
            .into_iter()
            .enumerate()
        {
            let is_best = checks.take(step as u64 + 1, score);
            found.push((is_best, checks.best, checks.since));
        }
        assert_eq!(
            found,
            [
                (true, 1, 0),
                (true, 2, 0),
                (true, 3, 0),
                (false, 3, 1),
                (true, 5, 0),
                (true, 6, 0),
                (true, 7, 0),
                (false, 7, 1),
                (true, 9, 0),
                (true, 10, 0),
            ]
        );
    }
}
