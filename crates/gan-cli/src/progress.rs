//! How far the work is: one line that is redrawn on a terminal; elsewhere lines that become rarer, from
//! one in five seconds to one in a minute, so that the log of an hour is read at a glance.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use gan_model::Metrics;
use gan_run::text::{duration, three_digits};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::Output;

/// Between two redrawings on a terminal.
const REDRAW: Duration = Duration::from_millis(100);
/// Between the first two lines elsewhere, and at most between any two.
const LINES: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(60)];
/// Seconds that the speed is averaged over.
const MEMORY: f64 = 10.0;
/// Columns of the bar.
const BAR: usize = 12;

/// When a line is shown again.
#[derive(Clone, Copy)]
struct Pace {
    shown: Instant,
    /// Time until the next one.
    every: Duration,
}

impl Pace {
    /// That of a line which is redrawn or not, from now on.
    fn new(output: Output) -> Self {
        Self {
            shown: Instant::now(),
            every: if output.is_terminal() {
                REDRAW
            } else {
                LINES[0]
            },
        }
    }

    /// Takes notice that the line is shown, at `now`.
    fn show(&mut self, now: Instant) {
        self.shown = now;
        if self.every >= LINES[0] {
            self.every = (2 * self.every).min(LINES[1]);
        }
    }
}

/// A line about the work, taken away when it is dropped.
struct StatusLine {
    output: Output,
    /// On a terminal.
    bar: Option<ProgressBar>,
    pace: Pace,
}

impl StatusLine {
    /// A line whose bar has `length` parts.
    fn new(output: Output, length: u64, pace: Pace) -> Self {
        let bar = output.is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template(&format!("{{bar:{BAR}}} {{msg}}"));
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { output, bar, pace }
    }

    /// Columns that the text may take beside the bar; one stays free, since a full line makes some
    /// terminals wrap.
    fn columns(&self) -> usize {
        self.output.columns().saturating_sub(BAR + 2)
    }

    /// The time since the line was shown, if it is time to show it again.
    fn due(&self) -> Option<Duration> {
        let passed = self.pace.shown.elapsed();
        (!self.output.is_json() && passed >= self.pace.every).then_some(passed)
    }

    /// Says a line of its own, above the one that is redrawn.
    fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.output.line(text)),
            None => self.output.line(text),
        }
    }

    /// Shows `text`, with `done` parts of the bar.
    fn show(&mut self, done: u64, text: String) {
        self.pace.show(Instant::now());
        match &self.bar {
            Some(bar) => {
                bar.set_position(done);
                bar.set_message(text);
            }
            None => self.output.line(text),
        }
    }
}

impl Drop for StatusLine {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Shows the progress of a training; the line goes when it is dropped.
pub(crate) struct Progress {
    line: StatusLine,
    total: u64,
    steps_per_epoch: u64,
    /// The value of the game, and what D thinks, as they are shown.
    metrics: Option<[String; 2]>,
    /// Iterations done when it was shown last.
    shown_step: u64,
    /// Iterations per second.
    speed: Option<f64>,
}

impl Progress {
    /// The progress from iteration `first` to `total`.
    pub(crate) fn new(output: Output, first: u64, total: u64, steps_per_epoch: u64) -> Self {
        Self {
            line: StatusLine::new(output, total, Pace::new(output)),
            total,
            steps_per_epoch,
            metrics: None,
            shown_step: first,
            speed: None,
        }
    }

    /// Takes new numbers to show.
    pub(crate) fn reading(&mut self, metrics: Metrics) {
        let Metrics {
            value,
            d_data,
            d_samples,
            ..
        } = metrics;
        self.metrics = Some([
            format!("V {value:.3}"),
            format!("D(x) {d_data:.2}  D(G(z)) {d_samples:.2}"),
        ]);
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
        self.line.show(step, self.text(step, self.line.columns()));
    }

    /// How far it is, in at most `columns` columns: what a person needs least is left out first.
    fn text(&self, step: u64, columns: usize) -> String {
        let per_epoch = self.steps_per_epoch as f64;
        let epochs = (self.total as f64 / per_epoch).ceil();
        // Parts as they stand in the line, with the order in which they are left out.
        let mut parts = vec![
            (
                2,
                format!("epoch {:.1}/{epochs:.0}", step as f64 / per_epoch),
            ),
            (5, format!("step {step}/{}", self.total)),
        ];
        if let Some(speed) = self.speed {
            parts.push((1, format!("{} it/s", three_digits(speed))));
        }
        if let Some([value, opinion]) = &self.metrics {
            parts.push((3, value.clone()));
            parts.push((4, opinion.clone()));
        }
        if let Some(speed) = self.speed.filter(|speed| *speed > 0.0) {
            let left = (self.total - step) as f64 / speed;
            parts.push((6, format!("{} left", duration(left))));
        }
        fitted(parts, columns)
    }

    /// Says a line of its own, above the one that is redrawn.
    pub(crate) fn say(&self, text: &str) {
        self.line.say(text);
    }
}

/// The texts of `parts` in one line of at most `columns` columns, without those of the lowest ranks
/// if they are too many.
fn fitted(mut parts: Vec<(u8, String)>, columns: usize) -> String {
    loop {
        let texts: Vec<_> = parts.iter().map(|(_, text)| text.as_str()).collect();
        let line = texts.join("  ");
        let least = parts.iter().map(|(rank, _)| *rank).min();
        match least {
            Some(least) if parts.len() > 1 && line.len() > columns => {
                parts.retain(|(rank, _)| *rank != least);
            }
            _ => return line,
        }
    }
}

/// Shows how far the stages of a longer work are, one after the other.
pub(crate) struct Stages {
    output: Output,
    /// Goes on from one stage to the next, so that many short ones say no more than a long one.
    pace: Pace,
    /// The name of the present one, its line and its beginning.
    current: Option<(String, StatusLine, Instant)>,
}

impl Stages {
    /// Parts of the bar.
    const PARTS: u64 = 1000;

    /// No stage yet.
    pub(crate) fn new(output: Output) -> Self {
        let (current, pace) = (None, Pace::new(output));
        Self {
            output,
            pace,
            current,
        }
    }

    /// Shows from now on, for the rest of the program, how far passes over large files are.
    pub(crate) fn show_passes(output: Output) {
        let stages = Mutex::new(Self::new(output));
        gan_data::watch_passes(move |done| {
            let mut stages = stages.lock().unwrap_or_else(PoisonError::into_inner);
            match done < 1.0 {
                true => stages.show("reading the records", done),
                false => stages.current = None,
            }
        });
    }

    /// Says a line of its own, above the one that is redrawn.
    pub(crate) fn say(&self, text: &str) {
        match &self.current {
            Some((_, line, _)) => line.say(text),
            None => self.output.line(text),
        }
    }

    /// Shows that the share `done` of the stage `name` is done, if it is time to.
    pub(crate) fn show(&mut self, name: &str, done: f64) {
        if self
            .current
            .as_ref()
            .is_none_or(|(current, ..)| current != name)
        {
            // The line of the stage before goes first.
            self.current = None;
            let line = StatusLine::new(self.output, Self::PARTS, self.pace);
            if let Some(bar) = &line.bar {
                // A stage shorter than a second is not worth a number, but a silent second is worth
                // a word.
                bar.set_message(name.to_owned());
            }
            self.current = Some((name.to_owned(), line, Instant::now()));
        }
        let Some((_, line, start)) = &mut self.current else {
            return;
        };
        if line.due().is_none() {
            return;
        }
        let mut text = format!("{name}  {:.0} %", 100.0 * done);
        if done > 0.0 {
            let left = start.elapsed().as_secs_f64() * (1.0 / done - 1.0);
            text += &format!("  {} left", duration(left));
        }
        line.show((done * Self::PARTS as f64) as u64, text);
        self.pace = line.pace;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_log_become_rarer_and_redrawn_ones_do_not() {
        let start = Instant::now();
        for (every, expected) in [(REDRAW, 35_999), (LINES[0], 62)] {
            let mut pace = Pace {
                shown: start,
                every,
            };
            // An hour.
            let mut count = 0;
            while pace.shown - start + pace.every < Duration::from_secs(3600) {
                pace.show(pace.shown + pace.every);
                count += 1;
            }
            assert_eq!(count, expected);
        }
    }

    #[test]
    fn line_keeps_what_matters_most_at_any_width() {
        let mut progress = Progress::new(Output::Text, 0, 1_500_000, 500);
        progress.metrics = Some(["V -1.386".into(), "D(x) 0.50  D(G(z)) 0.50".into()]);
        progress.speed = Some(1234.5);
        let whole = progress.text(123_456, usize::MAX);
        for part in ["epoch 246.9/3000", "it/s", "V -1.386", "D(G(z)) 0.50"] {
            assert!(whole.contains(part), "{whole}");
        }
        // A terminal of 60 columns leaves 46 beside the bar.
        for columns in 46..=whole.len() {
            let text = progress.text(123_456, columns);
            assert!(text.len() <= columns, "{text}");
            assert!(
                text.starts_with("step 123456/1500000") || text.starts_with("epoch"),
                "{text}"
            );
            assert!(text.ends_with(" left"), "{text}");
        }
    }
}
