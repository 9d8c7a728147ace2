//! A game that is played in memory, an iteration or a phase at a time, and writes no run: what a page
//! or a notebook plays, by the same configuration, records, readings and findings as a run.

mod view;

use std::path::Path;

use gan_data::{Dataset, Mixture, builtin_density};
use gan_kernels::{Native, Records};
use gan_model::{Checkpoint, Phase, Trainer};

use crate::config::{Pace, RunConfig, Sources};
use crate::diagnosis::{Diagnosis, Finding, diverged, remedy};
use crate::event::MetricsLine;
use crate::prepared::{
    Prepared, annotations, begun_reading, checkpoint_name, last_reading, refuse_other_data,
    warnings,
};
use crate::probe::{self, Probe};
use crate::problem::Problem;
use crate::reading::Reading;
use crate::record::RecordInfo;

pub use view::{Axis, Plane};

/// A game on the processor.
pub struct LiveGame {
    trainer: Trainer<Native<f32>>,
    config: RunConfig,
    /// The configuration as a run's `config.toml` has it.
    config_text: String,
    pace: Pace,
    record: RecordInfo,
    records: Records,
    probe: Probe,
    /// The modes that samples are looked for at.
    modes: Option<Mixture>,
    /// The density of the data, where it has a formula.
    density: Option<Mixture>,
    diagnosis: Diagnosis,
    last_reading: Option<u64>,
    /// What ended it.
    diverged: Option<Problem>,
    /// Remarks about the data and the configuration.
    pub notes: Vec<String>,
    /// Seconds of training so far, which the caller counts.
    pub seconds: f64,
}

/// A reading of a game, and what it says is wrong since, or no longer.
pub struct LiveReading {
    /// The numbers: what would be a line of `metrics.jsonl`.
    pub line: MetricsLine,
    /// What was found by it, and the flag that usually helps.
    pub finding: Option<(Finding, String)>,
    /// The error that the run would end with, where a number is no longer finite.
    pub diverged: Option<Problem>,
}

impl LiveGame {
    /// The game that `sources` describe, with `content` in the place of the file that they name, if
    /// they name one.
    ///
    /// # Errors
    /// If the configuration is not valid, or does not fit the data.
    pub fn new(
        native: Native<f32>,
        sources: &Sources,
        content: Option<Vec<u8>>,
    ) -> Result<Self, Problem> {
        let mut config = sources.resolve()?;
        let dataset = load(&config, content)?;
        let train = dataset.records.slice(dataset.splits.train.clone());
        let mut notes = dataset.notes.clone();
        notes.extend(sources.fit_length(&mut config, train.rows()));
        let prepared = Prepared::of(&config, &sources.name, &dataset, train.clone())?;
        let Prepared {
            record,
            probe,
            data,
        } = prepared;
        notes.extend(warnings(&config, &dataset, &record));
        let game = config.game();
        let explain = |error| sources.explain(&error);
        game.validate(data.records.cols()).map_err(explain)?;
        let trainer = Trainer::new(native, &game, config.seed, data).map_err(explain)?;
        let pace = config.settle(trainer.steps_per_epoch());
        Ok(Self {
            config_text: config.to_toml()?,
            density: builtin_density(&config.data.source),
            modes: dataset.mixture.filter(|mixture| mixture.modes() > 1),
            diagnosis: Diagnosis::new(config.game.loss),
            records: train,
            trainer,
            config,
            pace,
            record,
            probe,
            last_reading: None,
            diverged: None,
            notes,
            seconds: 0.0,
        })
    }

    /// Goes on from the bytes of a checkpoint, which is called `name` in messages, with its own
    /// configuration and `content` in the place of the file that it was trained on.
    ///
    /// # Errors
    /// If it is no checkpoint of this program, or of other records.
    pub fn resume(
        native: Native<f32>,
        (bytes, name): (&[u8], &str),
        content: Option<Vec<u8>>,
    ) -> Result<Self, Problem> {
        let path = Path::new(name);
        let checkpoint = Checkpoint::from_bytes(bytes, path)?;
        let record = RecordInfo::from_annotations(&checkpoint.annotations, name)?;
        let none = crate::config::Overrides::default();
        let mut sources = Sources::of_text(name, checkpoint.config.clone(), &none)?;
        sources.name.clone_from(&record.preset);
        let mut game = Self::new(native, &sources, content)?;
        let microbatches = game.config.game.microbatches;
        let sums = begun_reading(&checkpoint, microbatches, name)?;
        refuse_other_data(&record, &game.record, path)?;
        game.trainer.restore(&checkpoint)?;
        game.trainer.give_back_sums(&sums);
        game.last_reading = last_reading(&checkpoint);
        Ok(game)
    }

    /// The bytes of a checkpoint: its `config.toml` and this make a run that any program continues.
    ///
    /// # Errors
    /// If a parameter is no longer finite.
    pub fn checkpoint(&mut self) -> Result<Vec<u8>, Problem> {
        self.finish_iteration();
        let sums = self.trainer.sums()?;
        let annotations = annotations(&self.record, self.last_reading, &sums)?;
        let checkpoint = self
            .trainer
            .checkpoint(self.config_text.clone(), annotations)?;
        if !checkpoint.is_finite() {
            let step = self.steps_done();
            return Err(diverged(
                &format!("a parameter after step {step}"),
                &self.config,
                "",
            ));
        }
        Ok(checkpoint.to_bytes(Path::new("checkpoint"))?)
    }

    /// The name that the file of such a checkpoint has in a run.
    #[must_use]
    pub fn checkpoint_name(&self) -> String {
        checkpoint_name(self.steps_done())
    }

    /// Plays an iteration, or the rest of one that [`LiveGame::step_phase`] has begun; its reading,
    /// if one is due.
    ///
    /// # Errors
    /// If the game has diverged.
    pub fn step(&mut self) -> Result<Option<LiveReading>, Problem> {
        if let Some(problem) = &self.diverged {
            return Err(problem.clone());
        }
        self.trainer.step();
        self.read_if_due()
    }

    /// Plays the next phase of an iteration; which one it was, and the reading that is due.
    ///
    /// # Errors
    /// As [`LiveGame::step`].
    pub fn step_phase(&mut self) -> Result<(Phase, Option<LiveReading>), Problem> {
        if let Some(problem) = &self.diverged {
            return Err(problem.clone());
        }
        let (phase, goes_on) = self.trainer.step_phase();
        let reading = if goes_on { None } else { self.read_if_due()? };
        Ok((phase, reading))
    }

    /// Plays what is left of an iteration whose phases are played one by one.
    fn finish_iteration(&mut self) {
        while self.trainer.is_within_iteration() {
            self.trainer.step_phase();
        }
    }

    fn read_if_due(&mut self) -> Result<Option<LiveReading>, Problem> {
        let step = self.steps_done();
        if !step.is_multiple_of(self.pace.log) && step != self.pace.total {
            return Ok(None);
        }
        let metrics = self.trainer.take_metrics()?;
        let probe = probe::is_due(step, self.pace.log).then(|| {
            let modes = self.modes.as_ref();
            self.probe.look(&mut self.trainer, &self.record, modes)
        });
        let line = MetricsLine {
            metrics,
            probe: probe.transpose()?,
            told_apart: None,
            told_from_training: None,
            seconds: self.seconds,
        };
        let value = serde_json::to_value(&line).map_err(|error| {
            Problem::failed(format!("cannot write the metrics as JSON: {error}"))
        })?;
        self.last_reading = Some(step);
        let found = Reading::of(&value).and_then(|reading| {
            let found = self.diagnosis.observe(&reading)?;
            Some((found.clone(), remedy(found.kind, &self.config)))
        });
        let broken = metrics.first_non_finite;
        self.diverged =
            broken.map(|step| diverged(&format!("the objective of step {step}"), &self.config, ""));
        Ok(Some(LiveReading {
            line,
            finding: found,
            diverged: self.diverged.clone(),
        }))
    }

    /// Iterations done.
    #[must_use]
    pub fn steps_done(&self) -> u64 {
        self.trainer.steps_done()
    }

    /// Iterations of the run that the configuration describes.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.pace.total
    }

    /// The configuration, complete.
    #[must_use]
    pub fn config(&self) -> &RunConfig {
        &self.config
    }

    /// The configuration as a run's `config.toml` has it.
    #[must_use]
    pub fn config_text(&self) -> &str {
        &self.config_text
    }

    /// What a record is.
    #[must_use]
    pub fn record(&self) -> &RecordInfo {
        &self.record
    }

    /// Numbers of parameters of G and of D.
    #[must_use]
    pub fn parameter_counts(&self) -> [usize; 2] {
        self.trainer.parameter_counts()
    }

    /// All findings so far, the oldest first.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        self.diagnosis.findings()
    }
}

/// The data of `config`, from `content` where they are a file.
fn load(config: &RunConfig, content: Option<Vec<u8>>) -> Result<Dataset, Problem> {
    let (source, data) = (&config.data.source, config.data_config());
    if gan_data::builtin_names().contains(&source.as_str()) {
        return Ok(gan_data::load(&data, config.seed)?);
    }
    let content = content.ok_or_else(|| {
        let names = gan_data::builtin_names().join(", ");
        Problem::usage(format!(
            "data.source: found {source:?} without its content, expected one of {names}, or a \
             table that is given"
        ))
        .hint("draw points, paste a table of two columns, or open a file")
    })?;
    Ok(gan_data::load_held(&data, config.seed, || content)?)
}
