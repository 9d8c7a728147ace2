//! The loop that trains and writes: step by step, with everything that is written on the way.

mod picture;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gan_eval::Modes;
use gan_kernels::{Backend, BackendError};
use gan_model::Trainer;
use tracing::{error, info, warn};

use crate::config::{Pace, RunConfig};
use crate::device::PrecisionChoice;
use crate::diagnosis::{DIVERGED_MARK, Diagnosis, Finding, diverged, remedy};
use crate::event::{Best, Done, Event, MetricsLine, Observer};
use crate::pictures::Backdrop;
use crate::prepared::annotations;
use crate::probe::{self, Probe};
use crate::problem::{Problem, device_hint};
use crate::reading::Reading;
use crate::record::RecordInfo;
use crate::report;
use crate::run_dir::{self, DONE_MARK, EXECUTION_MARK, INTERRUPTED_MARK, RunDir};
use crate::stopping::{CHECKS, Checks, Judge};
use crate::tensorboard::EventLog;
use crate::text::shell_word;

/// Largest age of the last checkpoint when the machine fails.
pub(crate) const CHECKPOINT_AGE: Duration = Duration::from_secs(60);
/// Saving takes at most one part in 20 of the time.
const CHECKPOINT_SHARE: u32 = 20;

/// How a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All iterations are done.
    Done,
    /// The observer stopped it, and it was saved.
    Interrupted,
}

/// The command that continues a run, for hints.
#[must_use]
pub fn resume_command(run: &Path, precision: PrecisionChoice) -> String {
    let run = shell_word(run);
    format!("gan-cli train --resume {run}{}", precision.flag())
}

/// The records' form, and the background that samples are drawn on.
pub(crate) struct Shown {
    pub(crate) record: RecordInfo,
    pub(crate) backdrop: Backdrop,
    pub(crate) probe: Probe,
    /// Of a mixed table.
    pub(crate) judge: Option<Judge>,
    /// Comparisons with held-out records so far, of a run that is continued.
    pub(crate) checks: Option<Checks>,
}

/// A game and the directory that it is written to.
pub(crate) struct Training<'a, B: Backend> {
    trainer: Trainer<B>,
    config: RunConfig,
    /// The configuration as `config.toml` and the checkpoints have it.
    config_text: String,
    pace: Pace,
    shown: Shown,
    /// A run does not remember it, so that hints must repeat it.
    precision: PrecisionChoice,
    dir: RunDir,
    metrics: File,
    /// For TensorBoard, if the configuration asks for it.
    events: Option<EventLog>,
    readings: Vec<Reading>,
    diagnosis: Diagnosis,
    observer: &'a mut dyn Observer,
    /// Seconds of training before this session.
    seconds_before: f64,
    started: Instant,
    saved: Instant,
    /// How long the last save took.
    save_time: Duration,
    saved_step: Option<u64>,
    pictured_step: Option<u64>,
    quality: Option<Modes>,
    /// Comparisons with held-out records so far, where there are some.
    checks: Option<Checks>,
    /// How iterations are run, until an event has told it.
    execution: Option<String>,
}

impl<'a, B: Backend> Training<'a, B> {
    /// Writes the configuration and, for a new run, the first checkpoint, so that a directory that
    /// cannot take them is found out before any work is done.
    pub(crate) fn new(
        trainer: Trainer<B>,
        config: RunConfig,
        pace: Pace,
        shown: Shown,
        dir: RunDir,
        precision: PrecisionChoice,
        observer: &'a mut dyn Observer,
    ) -> Result<Self, Problem> {
        let step = trainer.steps_done();
        let judge = shown.judge.as_ref().filter(|_| pace.check > 0);
        let checks = judge.map(|judge| shown.checks.unwrap_or_else(|| judge.checks()));
        let config_text = config.to_toml()?;
        dir.rewind(step);
        dir.remove_report();
        // The program may have ended between a checkpoint and the end of an older one.
        let best = checks.map(|checks| checks.best);
        dir.prune_checkpoints(config.run.keep_checkpoints, best);
        dir.replace(&dir.config(), config_text.as_bytes())?;
        // What the run has said before is known, and not said again.
        let mut diagnosis = Diagnosis::new(config.game.loss);
        let (mut readings, mut seconds_before) = (Vec::new(), 0.0);
        let warning = dir.truncate_metrics(step, |line| {
            diagnosis.take(line);
            readings.extend(Reading::of(line));
            seconds_before = line["seconds"].as_f64().unwrap_or(0.0);
        })?;
        if let Some(text) = warning {
            warn!("{text}");
            observer.event(&Event::Warning { text });
        }
        let events = config.run.tensorboard == Some(true);
        let events = events
            .then(|| EventLog::begin(dir.path(), step))
            .transpose()?;
        let now = Instant::now();
        let mut training = Self {
            events,
            metrics: run_dir::open_to_append(&dir.metrics())?,
            readings,
            diagnosis,
            seconds_before,
            trainer,
            config,
            config_text,
            pace,
            shown,
            precision,
            dir,
            observer,
            started: now,
            saved: now,
            save_time: Duration::ZERO,
            saved_step: (step > 0).then_some(step),
            pictured_step: None,
            quality: None,
            checks,
            execution: None,
        };
        if step == 0 {
            training.save()?;
        }
        Ok(training)
    }

    /// Says so if readings are lost that the run had, the last of them at the step `had`.
    pub(crate) fn warn_of_lost_readings(&mut self, had: Option<u64>) {
        let found = self.readings.last().map(|reading| reading.step);
        let Some(had) = had.filter(|had| found < Some(*had)) else {
            return;
        };
        let text = format!(
            "{}: the readings from after step {} to step {had} are lost; the curves and the \
             findings go on without them",
            self.dir.metrics().display(),
            found.unwrap_or(0)
        );
        self.warn(text);
    }

    /// Says and logs what the user should know, and what does not keep the run from training.
    fn warn(&mut self, text: String) {
        warn!("{text}");
        self.observer.event(&Event::Warning { text });
    }

    /// Trains until all iterations are done or the observer stops it.
    ///
    /// # Errors
    /// If an objective or a parameter is no longer finite, or something cannot be written; the
    /// last good checkpoint stays.
    pub(crate) fn play(&mut self) -> Result<Ending, Problem> {
        let ended = self.play_on();
        if ended.is_err() {
            // What is wrong is told by the error.
            let written = report::write_at_end(self.dir.path());
            let _ = written.inspect_err(|problem| warn!("{problem}"));
        }
        ended
    }

    fn play_on(&mut self) -> Result<Ending, Problem> {
        let (pace, total) = (self.pace, self.pace.total);
        let due = |step: u64, every: u64| every > 0 && step.is_multiple_of(every);
        let first = self.trainer.steps_done();
        self.started = Instant::now();
        // The picture that was due after the checkpoint, if the program ended between the two.
        let pictured = first == total || (first > 0 && due(first, pace.sample));
        if pictured && !self.dir.samples(first).exists() {
            self.picture()?;
        }
        while self.trainer.steps_done() < total {
            if self.observer.stop_requested() {
                return self.stop();
            }
            self.trainer.step();
            let step = self.trainer.steps_done();
            if step == first + 1 {
                self.note_execution();
            }
            let last = step == total;
            let read = last || due(step, pace.log);
            if read {
                self.read(last || due(step, pace.check))?;
            }
            let last = last || self.is_learnt();
            let is_best = self.checks.is_some_and(|checks| checks.best == step);
            let is_due = last || is_best || due(step, pace.checkpoint);
            // Whatever keeps a picture from being drawn, the work is saved before.
            if is_due || (read && self.checkpoint_is_old()) {
                self.save()?;
            }
            if last || due(step, pace.sample) {
                self.picture()?;
            }
            self.observer.progress(step);
            if last {
                break;
            }
        }
        self.conclude();
        Ok(Ending::Done)
    }

    /// True if comparisons with held-out records have found nothing better for long enough.
    fn is_learnt(&self) -> bool {
        let checks = self.checks;
        checks.is_some_and(|checks| checks.are_over(self.pace.patience))
    }

    /// Logs how iterations are run, which is known after the first.
    fn note_execution(&mut self) {
        if let Some(execution) = self.trainer.execution() {
            info!("{EXECUTION_MARK}{execution}");
            self.execution = Some(execution.to_string());
        }
    }

    /// Takes the numbers since the last reading, writes them, and finds what they say is wrong;
    /// beside saving and drawing, this is what waits for the device.
    fn read(&mut self, check: bool) -> Result<(), Problem> {
        let metrics = self.trainer.take_metrics();
        let metrics = metrics.map_err(|error| self.broken(&error))?;
        let shown = &self.shown;
        let look = || {
            let modes = shown.backdrop.modes();
            shown.probe.look(&mut self.trainer, &shown.record, modes)
        };
        let probe = probe::is_due(metrics.step, self.pace.log).then(look);
        let probe = probe.transpose().map_err(|error| self.broken(&error))?;
        let judge = self.shown.judge.as_ref().filter(|_| check);
        let mut comparison = None;
        if let (Some(judge), Some(checks)) = (judge, &mut self.checks) {
            let found = judge.compare(&mut self.trainer)?;
            checks.take(metrics.step, found);
            comparison = Some(found);
        }
        let line = MetricsLine {
            metrics,
            probe,
            told_apart: comparison.map(|found| found.held_out),
            told_from_training: comparison.map(|found| found.training),
            seconds: self.seconds_before + self.started.elapsed().as_secs_f64(),
        };
        let text = self.dir.append_reading(&mut self.metrics, &line)?;
        self.observer.event(&Event::Metrics {
            line: &line,
            execution: self.execution.take(),
        });
        // Read back, so that a continued run finds the same from the file.
        let reading = serde_json::from_str(&text).ok();
        if let (Some(events), Some(reading)) = (&mut self.events, &reading) {
            events.reading(reading)?;
        }
        if let Some(reading) = reading.as_ref().and_then(Reading::of) {
            self.diagnose(reading);
        }
        match metrics.first_non_finite {
            Some(step) => {
                self.draw_curves()?;
                Err(self.diverged(&format!("the objective of step {step}")))
            }
            None => Ok(()),
        }
    }

    /// Adds a reading to those before; if something is wrong since, or no longer, says and logs it.
    fn diagnose(&mut self, reading: Reading) {
        let step = reading.step;
        let found = self.diagnosis.observe(&reading);
        self.readings.push(reading);
        let Some(finding) = found else {
            return;
        };
        let remedy = remedy(finding.kind, &self.config);
        warn!("finding  {}", finding.with_remedy(&remedy));
        self.observer.event(&Event::Diagnosis {
            step,
            finding,
            remedy: &remedy,
        });
    }

    /// The error for a game that has left the finite numbers.
    fn diverged(&self, what: &str) -> Problem {
        error!("{what}{DIVERGED_MARK}");
        let kept = match self.step_on_disk() {
            Some(step) => self.dir.checkpoint(step).display().to_string(),
            None => "none".into(),
        };
        let kept = format!("; last good checkpoint: {kept}");
        diverged(what, &self.config, &kept)
    }

    /// The error for a device that has failed: what it still held is lost, what was saved is not.
    fn broken(&self, error: &BackendError) -> Problem {
        error!("{error}");
        let own = device_hint(error);
        let hints: Vec<_> = own.into_iter().chain(self.intact("go on with")).collect();
        let hint = (!hints.is_empty()).then(|| hints.join("; "));
        Problem::failed(error.to_string()).maybe_hint(hint)
    }

    /// The step of the last checkpoint, if nobody has removed it.
    fn step_on_disk(&self) -> Option<u64> {
        self.saved_step
            .filter(|step| self.dir.checkpoint(*step).is_file())
    }

    /// The hint that the last checkpoint is there, if there is one.
    fn intact(&self, then: &str) -> Option<String> {
        self.step_on_disk().map(|step| {
            let command = resume_command(self.dir.path(), self.precision);
            format!("the checkpoint of step {step} is intact; {then}: {command}")
        })
    }

    fn checkpoint_is_old(&self) -> bool {
        self.saved.elapsed() > CHECKPOINT_AGE.max(self.save_time * CHECKPOINT_SHARE)
    }

    /// Writes a checkpoint, unless there is one of this step or the state is not worth one.
    fn save(&mut self) -> Result<(), Problem> {
        let step = self.trainer.steps_done();
        if self.saved_step == Some(step) {
            return Ok(());
        }
        let begun = Instant::now();
        let sums = self.trainer.sums();
        let sums = sums.map_err(|error| self.broken(&error))?;
        let last = self.readings.last().map(|reading| reading.step);
        let mut annotations = annotations(&self.shown.record, last, &sums)?;
        if let Some(checks) = &self.checks {
            annotations.insert(CHECKS.into(), serde_json::json!(checks).to_string());
        }
        let checkpoint = self
            .trainer
            .checkpoint(self.config_text.clone(), annotations)
            .map_err(|error| self.broken(&error))?;
        if !checkpoint.is_finite() {
            return Err(self.diverged(&format!("a parameter after step {step}")));
        }
        let path = self.dir.checkpoint(step);
        run_dir::make_folder_of(&path)?;
        self.dir.sync(&self.metrics)?;
        checkpoint.save(&path).map_err(|error| {
            let own = error.hint().into_iter();
            let hints: Vec<_> = own.chain(self.intact("then go on with")).collect();
            let hint = (!hints.is_empty()).then(|| hints.join("; "));
            Problem::failed(error.to_string()).maybe_hint(hint)
        })?;
        let best = self.checks.map(|checks| checks.best);
        self.dir
            .prune_checkpoints(self.config.run.keep_checkpoints, best);
        self.saved_step = Some(step);
        self.saved = Instant::now();
        self.save_time = begun.elapsed();
        info!("checkpoint of step {step}");
        let path = &path;
        self.observer.event(&Event::Checkpoint { step, path });
        Ok(())
    }

    /// Writes the report of the run as it is now, at its end; a run whose report cannot be written has
    /// not failed.
    fn report_or_warn(&mut self) -> Option<PathBuf> {
        let written = report::write_at_end(self.dir.path());
        let warning = |problem| {
            let run = shell_word(self.dir.path());
            self.warn(format!(
                "{problem}; to make the report later: gan-cli report {run}"
            ));
        };
        written.map_err(warning).ok()
    }

    /// Saves what is there, since the observer wants to stop.
    fn stop(&mut self) -> Result<Ending, Problem> {
        let step = self.trainer.steps_done();
        // No reading: a run that was stopped has the same ones as a run that was not.
        self.save()?;
        self.draw_curves()?;
        info!("{INTERRUPTED_MARK}{step}");
        self.report_or_warn();
        self.observer.event(&Event::Interrupted {
            step,
            steps: self.pace.total,
            run: self.dir.path(),
        });
        Ok(Ending::Interrupted)
    }

    /// Says what there is now.
    fn conclude(&mut self) {
        let step = self.trainer.steps_done();
        let session_seconds = self.started.elapsed().as_secs_f64();
        let samples = self.pictured_step.map(|step| self.dir.samples(step));
        let findings: Vec<Finding> = self.diagnosis.open().collect();
        info!("{DONE_MARK}{step} steps");
        let report = self.report_or_warn();
        let of = |finding: &Finding| remedy(finding.kind, &self.config);
        self.observer.event(&Event::Done(Done {
            step,
            seconds: self.seconds_before + session_seconds,
            session_seconds,
            run: self.dir.path(),
            samples: samples.as_deref(),
            curves: &self.dir.losses(),
            report: report.as_deref(),
            checkpoint: &self.dir.checkpoint(step),
            quality: self.quality.as_ref(),
            best: self.checks.map(|checks| Best {
                step: checks.best,
                told_apart: checks.told_apart,
                ended_after: self.is_learnt().then_some(checks.since),
            }),
            remedies: &findings.iter().map(of).collect::<Vec<_>>(),
            findings: &findings,
            shape: &self.shown.record.shape,
            epochs: self.config.run.epochs,
        }));
    }
}
