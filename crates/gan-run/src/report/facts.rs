//! What a page shows of a run: everything is read from its directory, which stays as it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gan_eval::table::ColumnScore;
use gan_eval::{Finding as Verdict, Section};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::config::RunConfig;
use crate::diagnosis::{DIVERGED_MARK, Diagnosis, Finding, remedy};
use crate::model::{Model, ModelConfig};
use crate::problem::Problem;
use crate::reading::Reading;
use crate::record::shape_in_words;
use crate::rival::RivalRun;
use crate::run_dir::{
    self, DEVICE_MARK, DONE_MARK, EVALUATION_REPORT, EXECUTION_MARK, INTERRUPTED_MARK,
};
use crate::stopping::CHECKS;
use crate::text::{duration, thousands};

/// A run, as far as its directory tells.
pub struct RunFacts {
    /// The directory.
    pub(super) path: PathBuf,
    /// The name of the directory.
    pub(super) name: String,
    /// Where a server has the files of the run; without one, pages have them in themselves.
    pub(super) address: Option<String>,
    pub(super) state: State,
    /// Iterations done.
    pub(super) step: u64,
    /// Iterations of the whole run, where they are known.
    pub(super) total: Option<u64>,
    /// The configuration, if it can be read.
    config: Option<ModelConfig>,
    /// The configuration as `config.toml` has it.
    pub(super) config_text: String,
    pub(super) readings: Vec<Reading>,
    /// The last number of each kind in `metrics.jsonl`.
    last: Map<String, Value>,
    pub(super) findings: Vec<Finding>,
    /// What a checkpoint says.
    pub(super) about: Option<Arc<About>>,
    pub(super) pictures: Vec<(u64, PathBuf)>,
    /// The newest evaluation.
    pub(super) evaluation: Option<Evaluation>,
    pub(super) device: Option<String>,
    pub(super) execution: Option<String>,
    /// Files that are damaged or missing.
    pub(super) remarks: Vec<String>,
}

/// What a run does, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Training,
    Done,
    Interrupted,
    Diverged,
    /// It ended without a word, as when it was killed.
    Ended,
}

impl State {
    /// The state of a run that nobody trains any more.
    fn at_the_end(run: &Path) -> Self {
        Self::of_log(&run_dir::last_log_line(run).unwrap_or_default())
    }

    /// The same, whose log ends with `line`.
    fn of_log(line: &str) -> Self {
        match line {
            _ if line.contains(&format!(" INFO {DONE_MARK}")) => Self::Done,
            _ if line.contains(&format!(" INFO {INTERRUPTED_MARK}")) => Self::Interrupted,
            _ if line.contains(DIVERGED_MARK) => Self::Diverged,
            _ => Self::Ended,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Done => "done",
            Self::Interrupted => "interrupted",
            Self::Diverged => "diverged",
            Self::Ended => "stopped",
        }
    }
}

/// What a checkpoint says of itself.
pub struct About {
    pub(super) preset: String,
    pub(super) data: String,
    pub(super) fingerprint: String,
    pub(super) train_records: usize,
    pub(super) shape: String,
    /// True if samples are images.
    pub(super) is_image: bool,
    /// Values of a record as the players see it.
    pub(super) cols: usize,
    pub(super) parameters: [usize; 2],
    /// The step that samples are drawn from, where comparisons with held-out records chose it.
    pub(super) best_step: Option<u64>,
    pub(super) config_hash: String,
    pub(super) written_by: Option<String>,
}

impl About {
    fn of(model: &Model) -> Self {
        let record = &model.record;
        Self {
            preset: record.preset.clone(),
            data: record.data.clone(),
            fingerprint: record.fingerprint.clone(),
            train_records: record.train_records,
            shape: shape_in_words(&record.shape),
            is_image: record.shape.image().is_some(),
            cols: model.cols,
            parameters: model.parameter_counts(),
            best_step: model
                .checkpoint
                .annotations
                .contains_key(CHECKS)
                .then_some(model.checkpoint.step),
            config_hash: model.checkpoint.config_hash(),
            written_by: model.checkpoint.annotations.get("program").cloned(),
        }
    }
}

/// An `evaluation.json`, as far as a page shows it.
#[derive(Deserialize)]
pub(super) struct Evaluation {
    pub(super) step: u64,
    pub(super) seed: u64,
    pub(super) samples: usize,
    pub(super) device: String,
    pub(super) seconds: f64,
    pub(super) data: EvaluationData,
    pub(super) sections: Vec<Section>,
    #[serde(default)]
    pub(super) verdict: Vec<Verdict>,
    #[serde(default)]
    pub(super) table: Option<TableScores>,
    /// Its pictures.
    #[serde(skip)]
    pub(super) pictures: Vec<PathBuf>,
}

/// The records that samples were compared with.
#[derive(Deserialize)]
pub(super) struct EvaluationData {
    pub(super) source: String,
    pub(super) train: usize,
    pub(super) valid: usize,
    pub(super) test: usize,
    pub(super) units: String,
    pub(super) warning: Option<String>,
}

/// The columns of a mixed table.
#[derive(Deserialize)]
pub(super) struct TableScores {
    pub(super) target: String,
    pub(super) columns: Vec<ColumnScore>,
}

impl RunFacts {
    /// Reads the directory of a run.
    ///
    /// `known` is what a checkpoint of the same run said before, so that a page that is drawn every
    /// few seconds need not read one each time while the run is trained.
    ///
    /// # Errors
    /// If it is no directory of a run.
    pub fn read(path: &Path, known: Option<Arc<About>>) -> Result<Self, Problem> {
        let path = run_dir::find(path);
        run_dir::check_is_run(&path)?;
        let mut remarks = Vec::new();
        let is_training = run_dir::is_training(&path);
        // At its end the step that samples are drawn from may be another one.
        let about = match known.filter(|_| is_training) {
            Some(known) => Some(known),
            None => match Model::load(&path) {
                Ok(model) => {
                    remarks.extend(model.warnings.iter().cloned());
                    Some(Arc::new(About::of(&model)))
                }
                Err(problem) => {
                    remarks.push(problem.message);
                    None
                }
            },
        };
        let config_text = run_dir::config_text(&path).unwrap_or_default();
        let name = "config.toml";
        let config = ModelConfig::from_toml(&config_text, name);
        let config = config.map_err(|problem| remarks.push(problem.message)).ok();
        let game = config.as_ref().and_then(ModelConfig::game);
        let loss = game.map(|game| game.game.loss);
        let mut diagnosis = Diagnosis::new(loss.unwrap_or_default());
        let (mut readings, mut last) = (Vec::new(), Map::new());
        remarks.extend(run_dir::each_reading(&path, |line| {
            if let Some(reading) = Reading::of(&line) {
                diagnosis.observe(&reading);
                readings.push(reading);
            }
            if let Value::Object(line) = line {
                last.extend(line.into_iter().filter(|(_, value)| !value.is_null()));
            }
        }));
        let state = match is_training {
            true => State::Training,
            false => State::at_the_end(&path),
        };
        let saved = run_dir::checkpoints(&path).last().map(|(step, _)| *step);
        let read = readings.last().map(|reading: &Reading| reading.step);
        let total = game.zip(about.as_ref()).map(|(game, about)| {
            let per_epoch = game.game().steps_per_epoch(about.train_records);
            game.clone().settle(per_epoch).total
        });
        Ok(Self {
            name: name_of(&path),
            address: None,
            state,
            step: saved.max(read).unwrap_or(0),
            total,
            findings: diagnosis.findings().to_vec(),
            pictures: run_dir::pictures(&path),
            evaluation: newest_evaluation(&path, &mut remarks),
            device: run_dir::last_logged(&path, DEVICE_MARK),
            execution: run_dir::last_logged(&path, EXECUTION_MARK),
            config,
            config_text,
            readings,
            last,
            about,
            remarks,
            path,
        })
    }

    /// What a checkpoint says, for the next [`Self::read`] while the run goes on: after its end
    /// another run may begin in the directory.
    #[must_use]
    pub fn known(&self) -> Option<Arc<About>> {
        self.about.clone().filter(|_| self.is_training())
    }

    /// The configuration of a game.
    pub(super) fn game(&self) -> Option<&RunConfig> {
        self.config.as_ref()?.game()
    }

    /// The configuration of a rival.
    pub(super) fn rival(&self) -> Option<&RivalRun> {
        self.config.as_ref()?.rival()
    }

    /// True if a process trains it.
    #[must_use]
    pub fn is_training(&self) -> bool {
        self.state == State::Training
    }

    /// The flag that usually helps against a finding in a new run.
    pub(super) fn remedy(&self, finding: &Finding) -> String {
        let game = self.game();
        game.map_or(String::new(), |game| remedy(finding.kind, game))
    }

    /// The run as one that has just ended, whose directory this process still holds.
    pub(super) fn ended(self) -> Self {
        let state = State::at_the_end(&self.path);
        Self { state, ..self }
    }

    /// Says where a server has the files of the run.
    #[must_use]
    pub fn served_at(self, address: String) -> Self {
        let address = Some(address);
        Self { address, ..self }
    }

    /// A number of the last reading that has it.
    pub(super) fn number(&self, key: &str) -> Option<f64> {
        self.last.get(key)?.as_f64()
    }

    /// The state and how far it is, in one line.
    pub(super) fn state_in_words(&self) -> String {
        let (step, word) = (thousands(self.step as usize), self.state.word());
        let of = match self.total {
            Some(total) if self.state != State::Done && total > self.step => {
                format!(" of {}", thousands(total as usize))
            }
            _ => String::new(),
        };
        let mut line = match self.state {
            State::Training => format!("{word}: step {step}{of}"),
            _ => format!("{word} after {step}{of} steps"),
        };
        if let Some(seconds) = self.number("seconds") {
            line += &format!(", {} of training", duration(seconds));
            let left = self
                .total
                .map_or(0, |total| total.saturating_sub(self.step));
            if self.is_training() && self.step > 0 && left > 0 {
                let left = seconds / self.step as f64 * left as f64;
                line += &format!(", about {} left", duration(left));
            }
        }
        line
    }
}

/// True if the run in the directory `run` is done: all its iterations, or as many as it needed.
#[must_use]
pub fn is_done(run: &Path) -> bool {
    !run_dir::is_training(run) && State::at_the_end(run) == State::Done
}

/// The name of a directory, also of one that is called `.` here.
fn name_of(path: &Path) -> String {
    let whole = path.canonicalize();
    let path = whole.as_deref().unwrap_or(path);
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// The evaluation of the last step that was evaluated; of one that cannot be read, a remark.
fn newest_evaluation(run: &Path, remarks: &mut Vec<String>) -> Option<Evaluation> {
    let (_, folder) = run_dir::evaluations(run).pop()?;
    let path = folder.join(EVALUATION_REPORT);
    let file = gan_data::open_file(&path).ok()?;
    match serde_json::from_reader::<_, Evaluation>(std::io::BufReader::new(file)) {
        Ok(evaluation) => Some(Evaluation {
            pictures: run_dir::evaluation_pictures(&folder),
            ..evaluation
        }),
        Err(error) => {
            remarks.push(format!("{}: is damaged: {error}", path.display()));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_is_what_the_log_says_last() {
        for (line, expected) in [
            ("2026-01-01T00:00:00Z  INFO done: 16000 steps", State::Done),
            (
                "2026-01-01T00:00:00Z  INFO interrupted after step 7",
                State::Interrupted,
            ),
            (
                "2026-01-01T00:00:00Z ERROR the objective of step 3 is not a finite number",
                State::Diverged,
            ),
            ("2026-01-01T00:00:00Z  INFO samples of step 7", State::Ended),
            ("", State::Ended),
        ] {
            assert_eq!(State::of_log(line), expected, "{line}");
        }
    }
}
