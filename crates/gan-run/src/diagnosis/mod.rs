//! Diagnosis: finds from the readings of a run what is wrong with its game.
//!
//! Nothing here measures, prints or reads a clock: the same readings give the same findings, so a
//! continued run, and `info`, find again what a run found, from its `metrics.jsonl`.

mod remedy;
mod signs;

use gan_model::LossConfig;
use serde::Serialize;

use crate::reading::Reading;
use signs::{Memory, Sign, sign};

pub use remedy::{lower_rates, remedy};

/// Something that can be wrong with a game.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ailment {
    /// Gradients or objectives grow beyond what a game has, or are no numbers any more.
    Diverging,
    /// D is right throughout and G's gradient is gone.
    GradientVanished,
    /// D is right throughout.
    DiscriminatorWins,
    /// D cannot tell samples that do differ from data.
    DiscriminatorBlind,
    /// G's samples are all about the same, or copies of a few.
    GeneratorCollapsed,
    /// Modes of a mixture are missing from the samples.
    ModesLost,
}

impl Ailment {
    /// All of them; one that explains others stands before those.
    pub const ALL: [Self; 6] = [
        Self::Diverging,
        Self::GradientVanished,
        Self::DiscriminatorWins,
        Self::DiscriminatorBlind,
        Self::GeneratorCollapsed,
        Self::ModesLost,
    ];

    /// A name of few words, for curves.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Diverging => "diverging",
            Self::GradientVanished => "G's gradient vanished",
            Self::DiscriminatorWins => "D wins",
            Self::DiscriminatorBlind => "D cannot tell",
            Self::GeneratorCollapsed => "G collapsed",
            Self::ModesLost => "modes lost",
        }
    }

    /// A clause that says it.
    fn words(self) -> &'static str {
        match self {
            Self::Diverging => "the game is diverging",
            Self::GradientVanished => "D wins and G's gradient has vanished",
            Self::DiscriminatorWins => "D wins outright",
            Self::DiscriminatorBlind => "D cannot tell samples from data, though they differ",
            Self::GeneratorCollapsed => "G has collapsed",
            Self::ModesLost => "G has lost modes of the data",
        }
    }

    /// True if it can be told in a game for `loss`.
    ///
    /// What D says is a probability, and objectives are in nats, under the paper's loss alone: the
    /// others leave the level of D's output free, or its scale.
    fn applies(self, loss: LossConfig) -> bool {
        match self {
            Self::GeneratorCollapsed | Self::ModesLost => true,
            // Wasserstein's objectives have the unit of D's output, whatever that is.
            Self::Diverging => loss != LossConfig::Wasserstein,
            _ => loss == LossConfig::CrossEntropy,
        }
    }

    /// Number of readings in a row that must speak for it to make it a finding, or against it to end
    /// the finding.
    fn patience(self) -> u32 {
        match self {
            // Numbers that blow up leave no time.
            Self::Diverging => 3,
            // Every reading tells; single minibatches are noisy.
            Self::GradientVanished | Self::DiscriminatorWins => 10,
            // Only probes tell, of which there is one in ten readings.
            Self::DiscriminatorBlind | Self::GeneratorCollapsed | Self::ModesLost => 3,
        }
    }

    /// Smallest number of iterations that these readings must span.
    ///
    /// A healthy game may look ill for long: with the authors' MNIST settings D does not err for
    /// about 300 iterations before G has learnt anything, and G, which begins at the mean record,
    /// has no diversity for about 600. Three times that is asked for.
    fn span(self) -> u64 {
        match self {
            Self::Diverging => 0,
            Self::GeneratorCollapsed => 2000,
            _ => 1000,
        }
    }
}

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
    /// The findings of a run for `loss` with these lines of `metrics.jsonl`.
    #[must_use]
    pub fn of(loss: LossConfig, lines: &[serde_json::Value]) -> Self {
        let mut diagnosis = Self {
            loss,
            ..Self::default()
        };
        for reading in lines.iter().filter_map(Reading::of) {
            diagnosis.observe(&reading);
        }
        diagnosis
    }

    /// Takes the next reading in; returns what was found, or found to be over, by it: at most one
    /// thing, since what else is ripe will be at the next reading too.
    pub fn observe(&mut self, reading: &Reading) -> Option<&Finding> {
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

    /// The findings that are not over.
    pub fn open(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|found| found.passed.is_none())
    }
}

#[cfg(test)]
mod tests;
