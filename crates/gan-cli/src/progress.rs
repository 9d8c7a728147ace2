//! How far the work is: one line on a terminal, a line every few seconds elsewhere.

use std::time::{Duration, Instant};

use gan_model::Metrics;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::Output;

/// Between two redrawings on a terminal.
const REDRAW: Duration = Duration::from_millis(100);
/// Between two lines elsewhere.
const LINE: Duration = Duration::from_secs(5);
/// The speed shown is that of about so many seconds.
const MEMORY: f64 = 10.0;

/// Shows the progress of a training.
pub(crate) struct Progress<'a> {
    output: &'a Output,
    /// On a terminal.
    bar: Option<ProgressBar>,
    total: u64,
    steps_per_epoch: u64,
    metrics: Option<Metrics>,
    /// When and where it was shown last.
    shown: (Instant, u64),
    /// Iterations per second.
    speed: Option<f64>,
}

impl<'a> Progress<'a> {
    /// From iteration `first` to `total`.
    pub(crate) fn new(output: &'a Output, first: u64, total: u64, steps_per_epoch: u64) -> Self {
        let bar = output.is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{bar:20} {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Self {
            output,
            bar,
            total,
            steps_per_epoch,
            metrics: None,
            shown: (Instant::now(), first),
            speed: None,
        }
    }

    /// New numbers to show.
    pub(crate) fn reading(&mut self, metrics: Metrics) {
        self.metrics = Some(metrics);
    }

    /// Shows that `step` iterations are done, if it is time to.
    pub(crate) fn tick(&mut self, step: u64) {
        if self.output.is_json() {
            return;
        }
        let (at, from) = self.shown;
        let every = if self.bar.is_some() { REDRAW } else { LINE };
        let passed = at.elapsed();
        if passed < every {
            return;
        }
        let seconds = passed.as_secs_f64();
        let now = (step - from) as f64 / seconds;
        let weight = 1.0 - (-seconds / MEMORY).exp();
        self.speed = Some(self.speed.map_or(now, |old| old + weight * (now - old)));
        self.shown = (Instant::now(), step);
        let text = self.text(step);
        match &self.bar {
            Some(bar) => {
                bar.set_position(step);
                bar.set_message(text);
            }
            None => self.output.line(text),
        }
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

    /// Takes the line away.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Shows how far one stage of a longer work is.
pub(crate) struct Stage<'a> {
    output: &'a Output,
    name: String,
    /// On a terminal.
    bar: Option<ProgressBar>,
    start: Instant,
    shown: Instant,
}

impl<'a> Stage<'a> {
    /// Parts of a whole in the bar of a stage.
    const PARTS: u64 = 1000;

    /// A stage that begins now.
    pub(crate) fn new(output: &'a Output, name: impl Into<String>) -> Self {
        let name = name.into();
        let bar = output.is_terminal().then(|| {
            let target = ProgressDrawTarget::stderr();
            let bar = ProgressBar::with_draw_target(Some(Self::PARTS), target);
            let style = ProgressStyle::with_template("{bar:20} {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            // What takes no second is not worth a number, but a silent second is worth a word.
            bar.set_message(name.clone());
            bar
        });
        let now = Instant::now();
        Self {
            output,
            name,
            bar,
            start: now,
            shown: now,
        }
    }

    /// Shows that the share `done` of it is done, if it is time to.
    pub(crate) fn tick(&mut self, done: f64) {
        let every = if self.bar.is_some() { REDRAW } else { LINE };
        if self.output.is_json() || self.shown.elapsed() < every {
            return;
        }
        self.shown = Instant::now();
        let mut text = format!("{}  {:.0} %", self.name, 100.0 * done);
        if done > 0.0 {
            let left = self.start.elapsed().as_secs_f64() * (1.0 / done - 1.0);
            text += &format!("  {} left", duration(left));
        }
        match &self.bar {
            Some(bar) => {
                bar.set_position((done * Self::PARTS as f64) as u64);
                bar.set_message(text);
            }
            None => self.output.line(text),
        }
    }
}

impl Drop for Stage<'_> {
    /// Takes the line away.
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn three_digits(number: f64) -> String {
    match number {
        small if small < 10.0 => format!("{small:.2}"),
        middle if middle < 100.0 => format!("{middle:.1}"),
        large => format!("{large:.0}"),
    }
}

/// Seconds as `1:02:03`, `2:03` or `4.5 s`.
pub(crate) fn duration(seconds: f64) -> String {
    if seconds < 10.0 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_like_a_clock() {
        assert_eq!(duration(4.54), "4.5 s");
        assert_eq!(duration(62.0), "1:02");
        assert_eq!(duration(3723.4), "1:02:03");
    }
}
