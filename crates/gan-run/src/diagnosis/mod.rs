//! Diagnosis: finds from the readings of a run what is wrong with its game.
//!
//! Nothing here measures, prints or reads a clock: the same readings give the same findings, so a
//! continued run, and `info`, find again what a run found, from its `metrics.jsonl`.

mod ailment;
mod remedy;
mod signs;

use gan_model::LossConfig;
use serde::Serialize;

use crate::reading::Reading;
use signs::{Memory, Sign, sign};

pub use ailment::Ailment;
pub(crate) use ailment::SHORTEST_SPAN;
#[cfg(feature = "runs")]
pub(crate) use remedy::DIVERGED_MARK;
pub(crate) use remedy::{diverged, remedy};

/// An ailment that a game has, or had.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// The ailment.
    pub kind: Ailment,
    /// The first step that spoke for it.
    pub since: u64,
    /// The step at which it was found.
    pub found: u64,
    /// The number that says so.
    pub evidence: String,
    /// The step at which it was found to be over.
    pub passed: Option<u64>,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (words, since, evidence) = (self.kind.words(), self.since, &self.evidence);
        write!(f, "{words} since step {since}: {evidence}")?;
        match self.passed {
            Some(step) => write!(f, "; over at step {step}"),
            None => Ok(()),
        }
    }
}

impl Finding {
    /// The finding, and while it is not over the flag that usually helps.
    #[must_use]
    pub fn with_remedy(&self, remedy: &str) -> String {
        match self.passed {
            Some(_) => self.to_string(),
            // The rules of a game cannot change while it is played.
            None => format!("{self}; in a new run this usually helps: {remedy}"),
        }
    }
}

/// All findings of a run so far.
#[derive(Clone, Debug, Default)]
pub struct Diagnosis {
    /// The loss of the game.
    loss: LossConfig,
    memory: Memory,
    watches: [Watch; Ailment::ALL.len()],
    findings: Vec<Finding>,
}

/// The state of one [`Ailment`].
#[derive(Clone, Copy, Debug, Default)]
struct Watch {
    /// True while it is a finding.
    open: bool,
    /// Readings in a row that ask for the other state, and the step of the first.
    streak: Option<(u32, u64)>,
}

impl Watch {
    /// Takes `sign` in; returns the first step of a streak that is long enough to turn it.
    fn turn(&mut self, kind: Ailment, sign: Sign, step: u64) -> Option<u64> {
        match (sign, self.open) {
            // It neither speaks for another state nor for this one.
            (Sign::Unclear, _) => return None,
            (Sign::Present, true) | (Sign::Absent, false) => {
                self.streak = None;
                return None;
            }
            (Sign::Present, false) | (Sign::Absent, true) => {}
        }
        let (count, since) = self.streak.unwrap_or((0, step));
        self.streak = Some((count + 1, since));
        (count + 1 >= kind.patience() && step - since >= kind.span()).then_some(since)
    }
}

impl Diagnosis {
    /// No findings yet, of a run for `loss`.
    #[must_use]
    pub fn new(loss: LossConfig) -> Self {
        Self {
            loss,
            ..Self::default()
        }
    }

    /// Takes the next line of `metrics.jsonl` in.
    pub fn take(&mut self, line: &serde_json::Value) {
        if let Some(reading) = Reading::of(line) {
            self.observe(&reading);
        }
    }

    /// Takes the next reading in; returns what was found, or found to be over, by it: at most one
    /// thing, since what else is ripe will be at the next reading too.
    pub(crate) fn observe(&mut self, reading: &Reading) -> Option<&Finding> {
        self.memory.take(reading);
        let step = reading.step;
        let mut news = None;
        for (kind, watch) in Ailment::ALL.into_iter().zip(&mut self.watches) {
            let sign = if kind.applies(self.loss) {
                sign(kind, reading, &self.memory)
            } else {
                Sign::Unclear
            };
            let turned = watch.turn(kind, sign, step);
            // No later reading could speak for what ends the run.
            let at_once = (kind == Ailment::Diverging)
                .then_some(reading.first_non_finite)
                .flatten();
            if news.is_none()
                && let Some(since) = at_once.or(turned)
            {
                *watch = Watch {
                    open: !watch.open || at_once.is_some(),
                    streak: None,
                };
                news = Some((kind, since, watch.open));
            }
        }
        let (kind, since, open) = news?;
        if open {
            self.findings.push(Finding {
                kind,
                since,
                found: step,
                evidence: signs::evidence(kind, &self.memory),
                passed: None,
            });
            return self.findings.last();
        }
        let over = self.findings.iter_mut().rfind(|found| found.kind == kind)?;
        over.passed = Some(step);
        Some(over)
    }

    /// All findings, the oldest first.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The findings that are not over, with what speaks for them now.
    pub(crate) fn open(&self) -> impl Iterator<Item = Finding> {
        let open = self.findings.iter().filter(|found| found.passed.is_none());
        open.map(|found| Finding {
            evidence: signs::evidence(found.kind, &self.memory),
            ..found.clone()
        })
    }
}

#[cfg(test)]
mod tests;
