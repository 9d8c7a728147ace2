//! The ailments that a game can have, and how long it must show before it is said.

use gan_model::LossConfig;
use serde::Serialize;

/// Iterations that readings must span before anything but [`Ailment::Diverging`] is said.
pub(crate) const SHORTEST_SPAN: u64 = 1000;

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
    /// Values of discrete columns are missing from the samples.
    ValuesLost,
}

impl Ailment {
    /// All of them; one that explains others stands before those.
    pub const ALL: [Self; 7] = [
        Self::Diverging,
        Self::GradientVanished,
        Self::DiscriminatorWins,
        Self::DiscriminatorBlind,
        Self::GeneratorCollapsed,
        Self::ModesLost,
        Self::ValuesLost,
    ];

    /// A name of few words, for curves, and a clause that says it.
    fn names(self) -> [&'static str; 2] {
        match self {
            Self::Diverging => ["diverging", "the game is diverging"],
            Self::GradientVanished => [
                "G's gradient vanished",
                "D wins and G's gradient has vanished",
            ],
            Self::DiscriminatorWins => ["D wins", "D wins outright"],
            Self::DiscriminatorBlind => [
                "D cannot tell",
                "D cannot tell samples from data, though they differ",
            ],
            Self::GeneratorCollapsed => ["G collapsed", "G has collapsed"],
            Self::ModesLost => ["modes lost", "G has lost modes of the data"],
            Self::ValuesLost => ["values lost", "G has lost values of discrete columns"],
        }
    }

    /// A name of few words, for curves.
    pub(crate) fn label(self) -> &'static str {
        self.names()[0]
    }

    /// A clause that says it.
    pub(super) fn words(self) -> &'static str {
        self.names()[1]
    }

    /// True if it can be told in a game for `loss`.
    ///
    /// What D says is a probability, and objectives are in nats, under the paper's loss alone: the
    /// others leave the level of D's output free, or its scale.
    pub(super) fn applies(self, loss: LossConfig) -> bool {
        match self {
            Self::GeneratorCollapsed | Self::ModesLost | Self::ValuesLost => true,
            // Wasserstein's objectives have the unit of D's output, whatever that is.
            Self::Diverging => loss != LossConfig::Wasserstein,
            _ => loss == LossConfig::CrossEntropy,
        }
    }

    /// Number of readings in a row that must speak for it to make it a finding, or against it to end
    /// the finding.
    pub(super) fn patience(self) -> u32 {
        match self {
            // Numbers that blow up leave no time.
            Self::Diverging => 3,
            // Every reading tells; single minibatches are noisy.
            Self::GradientVanished | Self::DiscriminatorWins => 10,
            // Only probes tell, of which there is one in ten readings.
            Self::DiscriminatorBlind
            | Self::GeneratorCollapsed
            | Self::ModesLost
            | Self::ValuesLost => 3,
        }
    }

    /// Smallest number of iterations that these readings must span.
    ///
    /// A healthy game may look ill for long: with the authors' MNIST settings D does not err for
    /// about 300 iterations before G has learnt anything, and G, which begins at the mean record,
    /// has no diversity for about 600. Three times that is asked for.
    pub(super) fn span(self) -> u64 {
        match self {
            Self::Diverging => 0,
            Self::GeneratorCollapsed | Self::ValuesLost => 2000,
            _ => SHORTEST_SPAN,
        }
    }
}
