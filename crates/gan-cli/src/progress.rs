//! How far the work is: one line that is redrawn on a terminal, a line every few seconds elsewhere.

use std::time::{Duration, Instant};

use gan_model::Metrics;
use gan_run::text::{duration, three_digits};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::Output;

/// Between two redrawings on a terminal.
const REDRAW: Duration = Duration::from_millis(100);
/// Between two lines elsewhere.
const LINE: Duration = Duration::from_secs(5);
/// Seconds that the speed is averaged over.
const MEMORY: f64 = 10.0;

/// A line about the work, taken away when it is dropped.
struct StatusLine<'a> {
    output: &'a Output,
    /// On a terminal.
    bar: Option<ProgressBar>,
    shown: Instant,
}

impl<'a> StatusLine<'a> {
    /// A line whose bar has `length` parts.
    fn new(output: &'a Output, length: u64) -> Self {
        let bar = output.is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{bar:20} {msg}");
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self {
            output,
            bar,
            shown: Instant::now(),
        }
    }

    /// The time since the line was shown, if it is time to show it again.
    fn due(&self) -> Option<Duration> {
        let every = if self.bar.is_some() { REDRAW } else { LINE };
        let passed = self.shown.elapsed();
        (!self.output.is_json() && passed >= every).then_some(passed)
    }

    /// Shows `text`, with `done` parts of the bar.
    fn show(&mut self, done: u64, text: String) {
        self.shown = Instant::now();
        match &self.bar {
            Some(bar) => {
                bar.set_position(done);
                bar.set_message(text);
            }
            None => self.output.line(text),
        }
    }
}

impl Drop for StatusLine<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Shows the progress of a training; the line goes when it is dropped.
pub(crate) struct Progress<'a> {
    line: StatusLine<'a>,
    total: u64,
    steps_per_epoch: u64,
    metrics: Option<Metrics>,
    /// Iterations done when it was shown last.
    shown_step: u64,
    /// Iterations per second.
    speed: Option<f64>,
}

impl<'a> Progress<'a> {
    /// The progress from iteration `first` to `total`.
    pub(crate) fn new(output: &'a Output, first: u64, total: u64, steps_per_epoch: u64) -> Self {
        Self {
            line: StatusLine::new(output, total),
            total,
            steps_per_epoch,
            metrics: None,
            shown_step: first,
            speed: None,
        }
    }

    /// Takes new numbers to show.
    pub(crate) fn reading(&mut self, metrics: Metrics) {
        self.metrics = Some(metrics);
    }

    /// Shows that `step` iterations are done, if it is time to.
    pub(crate) fn tick(&mut self, step: u64) {
        let Some(passed) = self.line.due() else {
            return;
        };
        let seconds = passed.as_secs_f64();
        let now = (step - self.shown_step) as f64 / seconds;
        let weight = 1.0 - (-seconds / MEMORY).exp();
        self.speed = Some(self.speed.map_or(now, |old| old + weight * (now - old)));
        self.shown_step = step;
        self.line.show(step, self.text(step));
    }

    fn text(&self, step: u64) -> String {
        let per_epoch = self.steps_per_epoch as f64;
        let mut text = format!(
            "epoch {:.1}/{:.0}  step {step}/{}",
            step as f64 / per_epoch,
            (self.total as f64 / per_epoch).ceil(),
            self.total
        );
        if let Some(speed) = self.speed {
            text += &format!("  {} it/s", three_digits(speed));
        }
        if let Some(metrics) = &self.metrics {
            text += &format!(
                "  V {:.3}  D(x) {:.2}  D(G(z)) {:.2}",
                metrics.value, metrics.d_data, metrics.d_samples
            );
        }
        if let Some(speed) = self.speed.filter(|speed| *speed > 0.0) {
            let left = (self.total - step) as f64 / speed;
            text += &format!("  {} left", duration(left));
        }
        text
    }

    /// Says a line of its own, above the one that is redrawn.
    pub(crate) fn say(&self, text: &str) {
        let output = self.line.output;
        match &self.line.bar {
            Some(bar) => bar.suspend(|| output.line(text)),
            None => output.line(text),
        }
    }
}

/// Shows how far one stage of a longer work is.
pub(crate) struct Stage<'a> {
    line: StatusLine<'a>,
    name: String,
    start: Instant,
}

impl<'a> Stage<'a> {
    /// Parts of the bar.
    const PARTS: u64 = 1000;

    /// A stage that begins now.
    pub(crate) fn new(output: &'a Output, name: impl Into<String>) -> Self {
        let name = name.into();
        let line = StatusLine::new(output, Self::PARTS);
        if let Some(bar) = &line.bar {
            // A stage shorter than a second is not worth a number, but a silent second is worth a
            // word.
            bar.set_message(name.clone());
        }
        Self {
            line,
            name,
            start: Instant::now(),
        }
    }

    /// Shows that the share `done` of it is done, if it is time to.
    pub(crate) fn tick(&mut self, done: f64) {
        if self.line.due().is_none() {
            return;
        }
        let mut text = format!("{}  {:.0} %", self.name, 100.0 * done);
        if done > 0.0 {
            let left = self.start.elapsed().as_secs_f64() * (1.0 / done - 1.0);
            text += &format!("  {} left", duration(left));
        }
        self.line.show((done * Self::PARTS as f64) as u64, text);
    }
}
