//! The loop that trains and writes: step by step, with everything that is written on the way.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gan_eval::Modes;
use gan_kernels::{Backend, BackendError};
use gan_model::{LossConfig, Trainer};
use gan_pictures::Surface;
use tracing::{error, info, warn};

use crate::config::{Pace, RunConfig};
use crate::device::PrecisionChoice;
use crate::diagnosis::{Diagnosis, Finding, lower_rates, remedy};
use crate::event::{Best, Done, Event, MetricsLine, Observer};
use crate::pictures::{self, Backdrop};
use crate::prepared::annotations;
use crate::probe::{self, Probe};
use crate::problem::{Problem, device_hint};
use crate::reading::Reading;
use crate::record::RecordInfo;
use crate::report;
use crate::run_dir::{self, EXECUTION_MARK, RunDir};
use crate::stopping::{CHECKS, Checks, Judge};
use crate::tensorboard::EventLog;
use crate::text::shell_word;

/// Largest age of the last checkpoint when the machine fails.
const CHECKPOINT_AGE: Duration = Duration::from_secs(60);
/// Saving takes at most one part in 20 of the time.
const CHECKPOINT_SHARE: u32 = 20;
/// Points at which D is drawn over one dimension.
const AXIS_POINTS: usize = 241;

/// How a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All iterations are done.
    Done,
    /// The observer stopped it, and it was saved.
    Interrupted,
}

/// The logit of a probability, kept within what 32 bits tell from 0 and 1.
fn logit(probability: f32) -> f64 {
    let p = f64::from(probability).clamp(1e-7, 1.0 - 1e-7);
    (p / (1.0 - p)).ln()
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
        let text = serde_json::to_string(&line).map_err(|error| {
            Problem::failed(format!("cannot write the metrics as JSON: {error}"))
        })?;
        run_dir::append(&mut self.metrics, &self.dir.metrics(), &text)?;
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
        error!("{what} is not a finite number");
        let kept = match self.step_on_disk() {
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

    /// Draws the samples of the fixed latents, and the curves.
    fn picture(&mut self) -> Result<(), Problem> {
        let step = self.trainer.steps_done();
        let seed = self.config.seed;
        let one = self.trainer.sample(seed, 0, 1);
        let made = one.map_err(|error| self.broken(&error))?.len();
        let player_cols = made - self.shown.record.labels.unwrap_or(0);
        let cols = self.shown.record.transform.user_cols(player_cols);
        let grid = [self.config.run.rows, self.config.run.cols];
        let count = pictures::sample_count(&self.shown.record.shape, cols, grid);
        let samples = self.pictured(count, grid);
        let samples = samples.map_err(|error| self.broken(&error))?;
        let samples = self.shown.record.unlabelled(&samples, made);
        let samples = self.shown.record.user_values(&samples, player_cols);
        // The mixture is in the units of the data as they came.
        let modes = self.shown.backdrop.modes();
        self.quality = modes.map(|mixture| probe::modes_of(mixture, &samples));
        // A D that is given the class says nothing of a record alone.
        match player_cols {
            _ if made > player_cols => {}
            1 => self.discriminate_axis()?,
            2 => self.discriminate_plane(&samples)?,
            _ => {}
        }
        let path = self.dir.samples(step);
        // Neither the directory nor the folder of the data: the same run elsewhere gives the same
        // bytes.
        let source = Path::new(&self.config.data.source);
        let source = source.file_name().unwrap_or_default().to_string_lossy();
        let title = format!("{source}, seed {seed}, step {step}");
        let (shape, backdrop) = (&self.shown.record.shape, &self.shown.backdrop);
        let picture = pictures::draw(&title, shape, cols, &samples, grid, backdrop);
        // Before the picture, so that with it nothing is left to draw.
        self.draw_curves()?;
        let picture = match picture.map_err(Problem::undrawn(&path)) {
            Ok(picture) => picture,
            // The game goes on without it.
            Err(problem) => {
                self.warn(problem.message);
                return Ok(());
            }
        };
        self.dir.replace(&path, &picture)?;
        if let Some(events) = &mut self.events {
            events.picture(step, &picture)?;
        }
        self.pictured_step = Some(step);
        info!("samples of step {step}");
        self.observer.event(&Event::Sample {
            step,
            path: &path,
            quality: self.quality.as_ref(),
        });
        Ok(())
    }

    /// The samples of a picture: of images whose class is a condition, each row of `grid` has one.
    fn pictured(&mut self, count: usize, grid: [usize; 2]) -> Result<Vec<f32>, BackendError> {
        let seed = self.config.seed;
        let is_image = self.shown.record.shape.image().is_some();
        let conditions = self.trainer.conditions();
        let Some(conditions) = conditions.filter(|_| is_image) else {
            return self.trainer.sample(seed, 0, count);
        };
        let classes = conditions.combinations();
        let classes: BTreeSet<u32> = classes.map(|(levels, _)| levels[0]).collect();
        let mut samples = Vec::new();
        for (row, class) in (0..grid[0]).zip(classes.iter().copied().cycle()) {
            let is_class = |levels: &[u32]| levels[0] == class;
            let some = self
                .trainer
                .sample_where(seed, row * grid[1], grid[1], is_class)?;
            samples.extend(some);
        }
        Ok(samples)
    }

    /// Asks D over the axis of one dimension.
    fn discriminate_axis(&mut self) -> Result<(), Problem> {
        // The data are in the user's units; standardised ones span about ±4 in the players'.
        let axis: Vec<f32> = (0..AXIS_POINTS)
            .map(|i| 16.0 * i as f32 / (AXIS_POINTS - 1) as f32 - 8.0)
            .collect();
        let d = self.trainer.discriminate(&axis);
        let d = d.map_err(|error| self.broken(&error))?;
        let axis = self.shown.record.user_values(&axis, 1);
        let points = axis.into_iter().zip(d).map(|(x, d)| [x, d]);
        self.shown.backdrop.discriminator = points.collect();
        Ok(())
    }

    /// Asks D over the part of the plane that the picture of records of two values shows.
    fn discriminate_plane(&mut self, samples: &[f32]) -> Result<(), Problem> {
        let record = &self.shown.record;
        if record.shape.image().is_some() || !record.to_players_units(&mut [], 2) {
            return Ok(());
        }
        let data = pictures::first_two(&self.shown.backdrop.data, 2);
        let (trainer, record) = (&mut self.trainer, &self.shown.record);
        let mut ask = |points: &[[f32; 2]]| {
            let mut points = points.as_flattened().to_vec();
            record.to_players_units(&mut points, 2);
            trainer.discriminate(&points)
        };
        let surface = Surface::over(&data, &mut ask).and_then(|surface| {
            if self.config.game.loss == LossConfig::CrossEntropy {
                return Ok(surface);
            }
            // The other losses leave the level of D's output free: what counts is on which side of
            // the middle between data and samples it is.
            let mut mean = |points: &[[f32; 2]]| -> Result<f64, BackendError> {
                let d = ask(points)?;
                Ok(d.iter().map(|&d| logit(d)).sum::<f64>() / d.len().max(1) as f64)
            };
            let middle = 0.5 * (mean(&data)? + mean(&pictures::first_two(samples, 2))?);
            Ok(surface.map(|d| (1.0 / (1.0 + (middle - logit(d)).exp())) as f32))
        });
        self.shown.backdrop.surface = Some(surface.map_err(|error| self.broken(&error))?);
        Ok(())
    }

    fn draw_curves(&self) -> Result<(), Problem> {
        let title = self.dir.path().display().to_string();
        let curves = pictures::curves(&self.readings, self.diagnosis.findings(), &title);
        self.dir
            .replace(&self.dir.losses(), curves.to_svg().as_bytes())
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
        info!("interrupted after step {step}");
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
        info!("done: {step} steps");
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
