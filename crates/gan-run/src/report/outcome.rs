//! What a run has come to, as numbers for a table of several runs.

use std::cmp::Ordering;
use std::fmt;

use super::RunFacts;
use super::facts::State;
use crate::reading::Reading;

/// What a run has come to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// `done`, `training`, `interrupted`, `diverged` or `stopped`.
    pub state: &'static str,
    /// True if nothing is left to do.
    pub is_done: bool,
    /// Iterations after which samples are drawn: those of the best step, where comparisons with
    /// held-out records chose one, otherwise all that are done.
    pub step: u64,
    /// Iterations done.
    pub steps: u64,
    /// How good the samples are, where the run has measured it.
    pub measure: Option<Measure>,
    /// Mean V(D, G) of the last reading, in nats.
    pub value: Option<f64>,
    /// Seconds of training.
    pub seconds: Option<f64>,
    /// What is wrong with the game at its end, each in a few words.
    pub findings: Vec<&'static str>,
}

/// How good samples are, by the numbers that a run records as it goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measure {
    /// Of a mixed table: how well samples can be told from held-out records at the best step, as the
    /// area under the ROC curve; 1/2 is ideal.
    ToldApart(f64),
    /// Of a mixture, at the last look at samples.
    Modes {
        /// Modes that the samples find.
        found: usize,
        /// Modes of the data.
        modes: usize,
        /// Share of samples within 3 standard deviations of a mode.
        high_quality: f64,
    },
}

impl Measure {
    /// Which of two is better; the better one is less.
    #[must_use]
    pub fn compare(self, other: Self) -> Ordering {
        self.key()
            .partial_cmp(&other.key())
            .unwrap_or(Ordering::Equal)
    }

    /// Numbers of which the first, and after it the second, is the lower the better the samples are.
    fn key(self) -> [f64; 2] {
        match self {
            // Below 1/2 is chance.
            Self::ToldApart(area) => [area.max(0.5), 0.0],
            Self::Modes {
                found,
                high_quality,
                ..
            } => [-(found as f64), -high_quality],
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ToldApart(area) => write!(f, "told apart {area:.3}"),
            Self::Modes {
                found,
                modes,
                high_quality,
            } => write!(
                f,
                "{found}/{modes} modes, {:.1} % close",
                100.0 * high_quality
            ),
        }
    }
}

impl RunFacts {
    /// What the run has come to.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let best = self.about.as_ref().and_then(|about| about.best_step);
        Outcome {
            state: self.state.word(),
            is_done: self.state == State::Done,
            step: best.unwrap_or(self.step),
            steps: self.step,
            measure: measure(&self.readings, best),
            value: self.number("value"),
            seconds: self.number("seconds"),
            findings: (self.findings.iter())
                .filter(|finding| finding.passed.is_none())
                .map(|finding| finding.kind.label())
                .collect(),
        }
    }
}

/// How good samples are by `readings`, of a run whose best step is `best`, if it has one.
fn measure(readings: &[Reading], best: Option<u64>) -> Option<Measure> {
    let told_apart = || {
        let mut all = readings.iter();
        all.find(|reading| Some(reading.step) == best)?.told_apart
    };
    let modes = |reading: &Reading| {
        Some(Measure::Modes {
            found: reading.modes_found? as usize,
            modes: reading.modes? as usize,
            high_quality: reading.high_quality?,
        })
    };
    let told_apart = told_apart().map(Measure::ToldApart);
    told_apart.or_else(|| readings.iter().rev().find_map(modes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measure_is_of_the_best_step_or_of_the_last_look_at_modes() {
        let told = |step, told_apart| Reading {
            step,
            told_apart,
            ..Reading::default()
        };
        let table = [told(5, Some(0.7)), told(10, Some(0.6)), told(15, None)];
        assert_eq!(measure(&table, Some(5)), Some(Measure::ToldApart(0.7)));
        assert_eq!(measure(&table, Some(15)), None);
        assert_eq!(measure(&table, None), None);
        let looked = |found| Reading {
            modes_found: Some(found),
            modes: Some(8.0),
            high_quality: Some(0.5),
            ..Reading::default()
        };
        let mixture = [looked(3.0), looked(4.0), told(9, None)];
        let expected = Measure::Modes {
            found: 4,
            modes: 8,
            high_quality: 0.5,
        };
        assert_eq!(measure(&mixture, None), Some(expected));
    }

    #[test]
    fn better_measures_come_first() {
        let modes = |found, high_quality| Measure::Modes {
            found,
            modes: 8,
            high_quality,
        };
        let told = Measure::ToldApart;
        for (better, worse) in [
            (told(0.6), told(0.7)),
            (modes(8, 0.3), modes(7, 0.9)),
            (modes(8, 0.9), modes(8, 0.3)),
        ] {
            assert_eq!(better.compare(worse), Ordering::Less);
            assert_eq!(worse.compare(better), Ordering::Greater);
        }
        assert_eq!(told(0.45).compare(told(0.5)), Ordering::Equal);
    }
}
