//! Plays the game: step by step, with everything that is written on the way.

use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use gan_data::RecordShape;
use gan_eval::Modes;
use gan_kernels::{Backend, BackendError};
use gan_model::{Metrics, Trainer};
use gan_pictures::Event;
use serde::Serialize;
use tracing::{error, info, warn};

use crate::config::{Pace, RunConfig};
use crate::devices::PrecisionChoice;
use crate::diagnosis::{Diagnosis, Finding, lower_rates, remedy};
use crate::interrupt;
use crate::output::{Output, word};
use crate::pictures::{self, Backdrop};
use crate::probe::{self, Probe, Sight};
use crate::problem::Problem;
use crate::progress::{Progress, duration};
use crate::reading::{History, Reading};
use crate::record::RecordInfo;
use crate::run_dir::{self, EXECUTION_MARK, RunDir};

/// A checkpoint is at most so old when the machine fails.
const CHECKPOINT_AGE: Duration = Duration::from_secs(60);
/// Saving takes at most one part in so many of the time.
const CHECKPOINT_SHARE: u32 = 20;
/// Points at which D is drawn over one dimension.
const AXIS_POINTS: usize = 241;
/// What leads from a finding to its remedy: the rules of a game cannot change while it is played.
const ADVICE: &str = "in a new run this usually helps:";

/// How a game ended.
pub(crate) enum Ending {
    /// All iterations are done.
    Done,
    /// The user stopped it, and it was saved.
    Interrupted,
}

/// What a training is to see of its data, beside the trainer's own.
pub(crate) struct Seen {
    pub(crate) record: RecordInfo,
    pub(crate) backdrop: Backdrop,
    pub(crate) probe: Probe,
    /// What a run does not remember, so that hints must repeat it.
    pub(crate) precision: PrecisionChoice,
}

/// A game and the directory that it is written to.
pub(crate) struct Training<'a, B: Backend> {
    trainer: Trainer<B>,
    config: RunConfig,
    /// The configuration as `config.toml` and the checkpoints have it.
    config_text: String,
    pace: Pace,
    record: RecordInfo,
    backdrop: Backdrop,
    probe: Probe,
    precision: PrecisionChoice,
    dir: RunDir,
    metrics: File,
    history: History,
    diagnosis: Diagnosis,
    output: &'a Output,
    /// Seconds of training before this process.
    seconds_before: f64,
    started: Instant,
    saved: Instant,
    /// What the last save cost.
    save_time: Duration,
    saved_step: Option<u64>,
    pictured_step: Option<u64>,
    quality: Option<Modes>,
    /// How iterations are run, until an event has told it.
    execution: Option<String>,
}

/// A line of `metrics.jsonl`.
#[derive(Serialize)]
struct Line {
    #[serde(flatten)]
    metrics: Metrics,
    /// What a look at fixed samples shows, where there was one.
    #[serde(flatten)]
    sight: Option<Sight>,
    /// Seconds of training so far.
    seconds: f64,
}

/// A line of `--json`.
#[derive(Serialize)]
struct MetricsEvent<'a> {
    event: &'static str,
    #[serde(flatten)]
    line: &'a Line,
    /// How iterations are run; in the first event alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    execution: Option<String>,
}

/// A finding, or its end, for `--json`.
#[derive(Serialize)]
struct DiagnosisEvent<'a> {
    event: &'static str,
    /// Of the reading that told.
    step: u64,
    #[serde(flatten)]
    finding: &'a Finding,
    remedy: &'a str,
}

impl<'a, B: Backend> Training<'a, B> {
    /// Writes the configuration and, for a new run, the first checkpoint, so that a directory that
    /// cannot take them is found out before any work is done.
    ///
    /// # Errors
    /// If the directory cannot be written.
    pub(crate) fn new(
        trainer: Trainer<B>,
        config: RunConfig,
        pace: Pace,
        seen: Seen,
        dir: RunDir,
        output: &'a Output,
    ) -> anyhow::Result<Self> {
        let step = trainer.steps_done();
        let config_text = config.to_toml()?;
        dir.rewind(step);
        RunDir::replace(&dir.config(), config_text.as_bytes())?;
        let lines = dir.truncate_metrics(step)?;
        let mut history = History::default();
        let readings = lines.iter().filter_map(Reading::of);
        readings.for_each(|reading| history.push(reading));
        let now = Instant::now();
        let mut training = Self {
            metrics: dir.append_metrics()?,
            history,
            // What the run has said before is known, and not said again.
            diagnosis: Diagnosis::of(config.game.loss, &lines),
            seconds_before: lines
                .last()
                .and_then(|line| line["seconds"].as_f64())
                .unwrap_or(0.0),
            trainer,
            config,
            config_text,
            pace,
            precision: seen.precision,
            record: seen.record,
            backdrop: seen.backdrop,
            probe: seen.probe,
            dir,
            output,
            started: now,
            saved: now,
            save_time: Duration::ZERO,
            saved_step: (step > 0).then_some(step),
            pictured_step: None,
            quality: None,
            execution: None,
        };
        if step == 0 {
            training.save()?;
        }
        Ok(training)
    }

    /// Plays until all iterations are done or the user stops it.
    ///
    /// # Errors
    /// If an objective or a parameter is no longer finite, or something cannot be written; the
    /// last good checkpoint stays.
    pub(crate) fn play(&mut self) -> anyhow::Result<Ending> {
        let total = self.pace.total;
        let first = self.trainer.steps_done();
        let mut progress = Progress::new(self.output, first, total, self.trainer.steps_per_epoch());
        self.started = Instant::now();
        let played = self.iterate(&mut progress);
        // However it ended: what is said next must not run into the bar.
        progress.finish();
        match played? {
            Ending::Interrupted => self.stop(),
            Ending::Done => {
                if total == 0 {
                    self.picture()?;
                }
                self.conclude()?;
                Ok(Ending::Done)
            }
        }
    }

    /// Plays and writes what is due, until all iterations are done or the user stops it.
    fn iterate(&mut self, progress: &mut Progress<'_>) -> anyhow::Result<Ending> {
        let Pace {
            total,
            log,
            sample,
            checkpoint,
        } = self.pace;
        let due = |step: u64, every: u64| every > 0 && step.is_multiple_of(every);
        let first = self.trainer.steps_done();
        while self.trainer.steps_done() < total {
            if interrupt::requested() {
                return Ok(Ending::Interrupted);
            }
            self.trainer.step();
            let step = self.trainer.steps_done();
            if step == first + 1 {
                self.note_execution();
            }
            let last = step == total;
            let read = last || due(step, log);
            if read {
                let (metrics, news) = self.read()?;
                progress.reading(metrics);
                news.iter().for_each(|news| progress.say(news));
            }
            if last || due(step, sample) {
                self.picture()?;
            }
            if last || due(step, checkpoint) || (read && self.checkpoint_is_old()) {
                self.save()?;
            }
            progress.tick(step);
        }
        Ok(Ending::Done)
    }

    /// Logs how iterations are run, which is known after the first.
    fn note_execution(&mut self) {
        if let Some(execution) = self.trainer.execution() {
            info!("{EXECUTION_MARK}{execution}");
            self.execution = Some(execution.to_string());
        }
    }

    /// Takes the numbers since the last reading, and what they say is wrong; beside saving and
    /// drawing, what waits for the device.
    fn read(&mut self) -> anyhow::Result<(Metrics, Option<String>)> {
        let metrics = self.trainer.take_metrics();
        let metrics = metrics.map_err(|error| self.broken(&error))?;
        let due = probe::is_due(metrics.step, self.pace.log);
        let sight = due.then(|| {
            let modes = self.backdrop.modes();
            self.probe.look(&mut self.trainer, &self.record, modes)
        });
        let sight = sight.transpose().map_err(|error| self.broken(&error))?;
        let seconds = self.seconds_before + self.started.elapsed().as_secs_f64();
        let line = Line {
            metrics,
            sight,
            seconds,
        };
        let text = serde_json::to_string(&line).context("cannot write the metrics as JSON")?;
        run_dir::append(&mut self.metrics, &self.dir.metrics(), &text)?;
        self.output.event(&MetricsEvent {
            event: "metrics",
            line: &line,
            execution: self.execution.take(),
        });
        let news = serde_json::from_str(&text)
            .ok()
            .and_then(|line| self.diagnose(Reading::of(&line)?));
        match metrics.first_non_finite {
            Some(step) => {
                self.draw_curves()?;
                Err(self
                    .diverged(&format!("the objective of step {step}"))
                    .into())
            }
            None => Ok((metrics, news)),
        }
    }

    /// Adds a reading to those before; if something is wrong since, or no longer, logs it and
    /// returns it as a line.
    fn diagnose(&mut self, reading: Reading) -> Option<String> {
        self.history.push(reading);
        let finding = self.diagnosis.observe(&reading)?;
        let remedy = remedy(finding.kind, &self.config);
        self.output.event(&DiagnosisEvent {
            event: "diagnosis",
            step: reading.step,
            finding,
            remedy: &remedy,
        });
        let line = match finding.passed {
            Some(_) => format!("finding  {finding}"),
            None => format!("finding  {finding}; {ADVICE} {remedy}"),
        };
        warn!("{line}");
        Some(line)
    }

    /// What to say when the game has left the numbers.
    fn diverged(&self, what: &str) -> Problem {
        error!("{what} is not a finite number");
        let kept = match self.saved_step {
            Some(step) => self.dir.checkpoint(step).display().to_string(),
            None => "none".into(),
        };
        Problem::failed(format!(
            "{what} is not a finite number: the game has diverged"
        ))
        .hint(format!(
            "the learning rate is probably too high; try {}; last good checkpoint: {kept}",
            lower_rates(&self.config)
        ))
    }

    /// What to say when the device has failed: what it still held is lost, what was saved is not.
    fn broken(&self, error: &BackendError) -> Problem {
        error!("{error}");
        let intact = self.saved_step.map(|step| {
            format!(
                "the checkpoint of step {step} is intact; go on with: {}",
                self.resume_command()
            )
        });
        let hints: Vec<_> = [error.hint().map(str::to_owned), intact]
            .into_iter()
            .flatten()
            .collect();
        let hint = (!hints.is_empty()).then(|| hints.join("; "));
        Problem::failed(error.to_string()).maybe_hint(hint)
    }

    fn checkpoint_is_old(&self) -> bool {
        self.saved.elapsed() > CHECKPOINT_AGE.max(self.save_time * CHECKPOINT_SHARE)
    }

    /// Writes a checkpoint, unless there is one of this step or the state is not worth one.
    fn save(&mut self) -> anyhow::Result<()> {
        let step = self.trainer.steps_done();
        if self.saved_step == Some(step) {
            return Ok(());
        }
        let begun = Instant::now();
        let annotations = self.record.to_annotations()?;
        let checkpoint = self
            .trainer
            .checkpoint(self.config_text.clone(), annotations)
            .map_err(|error| self.broken(&error))?;
        if !checkpoint.is_finite() {
            return Err(self
                .diverged(&format!("a parameter after step {step}"))
                .into());
        }
        let path = self.dir.checkpoint(step);
        checkpoint.save(&path).map_err(|error| {
            let hint = self.saved_step.map(|step| {
                format!(
                    "the checkpoint of step {step} is intact; then go on with: {}",
                    self.resume_command()
                )
            });
            Problem::failed(error.to_string()).maybe_hint(hint)
        })?;
        self.dir.prune_checkpoints(self.config.run.keep_checkpoints);
        self.saved_step = Some(step);
        self.saved = Instant::now();
        self.save_time = begun.elapsed();
        info!("checkpoint of step {step}");
        self.output.event(&serde_json::json!({
            "event": "checkpoint", "step": step, "path": path,
        }));
        Ok(())
    }

    /// Draws the samples of the fixed latents, and the curves.
    fn picture(&mut self) -> anyhow::Result<()> {
        let step = self.trainer.steps_done();
        let cols = self.cols()?;
        let grid = [self.config.run.rows, self.config.run.cols];
        let count = pictures::sample_count(&self.record.shape, cols, grid);
        let samples = self.trainer.sample(self.config.seed, 0, count);
        let mut samples = samples.map_err(|error| self.broken(&error))?;
        self.record.to_user_units(&mut samples, cols);
        // The mixture is in the units of the data as they came.
        let modes = self.backdrop.modes();
        self.quality = modes.map(|mixture| probe::modes_of(mixture, &samples));
        if cols == 1 {
            self.judge_axis()?;
        }
        let path = self.dir.samples(step);
        let title = format!("{}, step {step}", self.dir.path().display());
        let shape = &self.record.shape;
        let picture = pictures::draw(&title, shape, cols, &samples, grid, &self.backdrop)
            .context("cannot draw the samples")?;
        RunDir::replace(&path, &picture)?;
        self.pictured_step = Some(step);
        self.draw_curves()?;
        info!("samples of step {step}");
        self.output.event(&serde_json::json!({
            "event": "sample", "step": step, "path": path, "quality": self.quality,
        }));
        Ok(())
    }

    fn cols(&mut self) -> anyhow::Result<usize> {
        let sample = self.trainer.sample(self.config.seed, 0, 1);
        Ok(sample.map_err(|error| self.broken(&error))?.len())
    }

    /// D over the axis of one dimension.
    fn judge_axis(&mut self) -> anyhow::Result<()> {
        // The data are in the user's units; standardised ones span about ±4 in the players'.
        let mut axis: Vec<f32> = (0..AXIS_POINTS)
            .map(|i| 16.0 * i as f32 / (AXIS_POINTS - 1) as f32 - 8.0)
            .collect();
        let judged = self.trainer.discriminate(&axis);
        let judged = judged.map_err(|error| self.broken(&error))?;
        self.record.to_user_units(&mut axis, 1);
        let points = axis.into_iter().zip(judged).map(|(x, d)| [x, d]);
        self.backdrop.discriminator = points.collect();
        Ok(())
    }

    fn draw_curves(&self) -> Result<(), Problem> {
        let title = self.dir.path().display().to_string();
        let events = self.diagnosis.findings().iter().map(|finding| Event {
            step: finding.since as f64,
            name: finding.kind.label(),
        });
        let curves = pictures::curves(&self.history, events.collect(), &title);
        RunDir::replace(&self.dir.losses(), curves.to_svg().as_bytes())
    }

    /// The user wants to stop: what is there is saved.
    fn stop(&mut self) -> anyhow::Result<Ending> {
        let step = self.trainer.steps_done();
        if self.saved_step != Some(step) {
            if !step.is_multiple_of(self.pace.log) {
                let (_, news) = self.read()?;
                news.iter().for_each(|news| self.output.line(news));
            }
            self.save()?;
        }
        self.draw_curves()?;
        info!("interrupted after step {step}");
        self.output.event(&serde_json::json!({
            "event": "interrupted", "step": step, "run": self.dir.path(),
        }));
        self.output.line(format!(
            "interrupted and saved at step {step} of {}\n  go on: {}",
            self.pace.total,
            self.resume_command()
        ));
        Ok(Ending::Interrupted)
    }

    fn resume_command(&self) -> String {
        let precision = self.precision.flag();
        format!(
            "gan-cli train --resume {}{precision}",
            word(self.dir.path())
        )
    }

    /// Says what there is now, and what can be done with it.
    fn conclude(&self) -> anyhow::Result<()> {
        let step = self.trainer.steps_done();
        let seconds = self.started.elapsed().as_secs_f64();
        let samples: Option<PathBuf> = self.pictured_step.map(|step| self.dir.samples(step));
        let checkpoint = self.dir.checkpoint(step);
        info!("done: {step} steps");
        self.output.event(&serde_json::json!({
            "event": "done", "step": step, "seconds": self.seconds_before + seconds,
            "run": self.dir.path(), "samples": samples, "checkpoint": checkpoint,
            "quality": self.quality, "findings": self.diagnosis.open().collect::<Vec<_>>(),
        }));
        let run = word(self.dir.path());
        let out = self.output;
        out.line(format!("\ndone: {step} steps in {}", duration(seconds)));
        if let Some(quality) = &self.quality {
            out.line(format!("  quality       {quality}"));
        }
        for finding in self.diagnosis.open() {
            let remedy = remedy(finding.kind, &self.config);
            out.line(format!("  finding       {finding}; {ADVICE} {remedy}"));
        }
        if let Some(samples) = samples {
            out.line(format!("  samples       {}", samples.display()));
        }
        out.line(format!("  curves        {}", self.dir.losses().display()));
        out.line(format!("  checkpoint    {}", checkpoint.display()));
        let kind = match self.record.shape {
            RecordShape::Image { .. } => "png",
            _ => "csv",
        };
        out.line(format!(
            "  more samples  gan-cli sample {run} -n 100 --seed 2 --out samples.{kind}{}",
            self.precision.flag()
        ));
        let further = match self.config.run.epochs {
            Some(epochs) => format!("--epochs {}", 2.0 * epochs.max(1.0)),
            None => format!("--steps {}", 2 * step.max(1)),
        };
        out.line(format!(
            "  go on         {} {further}",
            self.resume_command()
        ));
        Ok(())
    }
}
