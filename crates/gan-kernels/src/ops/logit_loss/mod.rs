//! Both players' objectives, from D's logits.

pub mod cases;
pub(crate) mod cpu;
#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod reference;

use super::check_shape;
use crate::{Backend, Rows, RowsMut};

/// Objectives from logits: the objective's gradient `dZ` and the sums that monitoring needs.
///
/// With s(t) = log(1 + eᵗ) and D = 1 / (1 + e⁻ˡ): −log D = s(−l), −log(1 − D) = s(l), which are
/// finite for every finite logit l.
///
/// # Panics
/// If the shapes disagree, there is no row, or logits of data and samples are no equal halves.
/// # Numerics
/// In f64 from logits of the element type; only `dz` is rounded to it, once, and the sums stay f64.
/// 1 − D is taken as 1 / (1 + eˡ), never by subtraction, which is 0 where D rounds to 1.
/// # Source
/// Goodfellow et al. 2014 eq. 1 and §3.
pub struct LogitLoss<'a, B: Backend> {
    /// l, m × 1.
    pub logits: Rows<'a, B>,
    /// The objective.
    pub objective: Objective,
    /// Factor of the objective: 1 for eq. 1; the authors' code has 1/2 for D.
    pub weight: f64,
    /// dZ, m × 1, overwritten by the gradient of the objective.
    pub dz: RowsMut<'a, B>,
    /// Sums to which those of this call are added.
    pub monitors: &'a mut B::Monitors,
    /// Gives the step, to name the first whose objective is not finite.
    pub state: &'a B::State,
}

/// The quantity that a player minimises, a mean over its minibatch; l is D's output before its
/// sigmoid, and s(t) = log(1 + eᵗ).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Objective {
    /// D: mean s(−l_data) + mean s(l_sample), that is −V; the first half of the rows is data, the
    /// second samples, as for all of D's objectives.
    Discriminator,
    /// G in the minimax game: mean log(1 − D(G(z))) = −mean s(l).
    Minimax,
    /// G in the non-saturating game: −mean log D(G(z)) = mean s(−l).
    NonSaturating,
    /// D in the game of pairs: mean s(−(l_data − l_sample)), each data row against the sample of
    /// the same number (Jolicoeur-Martineau 2019; Huang et al. 2024).
    RelativisticDiscriminator,
    /// G in the game of pairs: mean s(−(l_sample − l_data)), over halves as for D.
    RelativisticGenerator,
    /// D: mean max(0, 1 − l_data) + mean max(0, 1 + l_sample) (Lim and Ye 2017); its G is
    /// [`Objective::WassersteinGenerator`].
    HingeDiscriminator,
    /// D: (mean (l_data − 1)² + mean l_sample²) / 2 (Mao et al. 2017).
    LeastSquaresDiscriminator,
    /// G: mean (l − 1)² / 2.
    LeastSquaresGenerator,
    /// D: mean l_sample − mean l_data (Arjovsky et al. 2017).
    WassersteinDiscriminator,
    /// G: −mean l.
    WassersteinGenerator,
}

impl Objective {
    /// True of D's objectives.
    #[must_use]
    pub fn is_discriminator(self) -> bool {
        matches!(
            self,
            Self::Discriminator
                | Self::RelativisticDiscriminator
                | Self::HingeDiscriminator
                | Self::LeastSquaresDiscriminator
                | Self::WassersteinDiscriminator
        )
    }

    /// True if its rows are two halves, data and samples.
    #[must_use]
    pub fn sees_data(self) -> bool {
        self.is_discriminator() || self == Self::RelativisticGenerator
    }

    /// True if a row's term depends on the other half's row of the same number.
    #[cfg(feature = "cube")]
    pub(crate) fn pairs(self) -> bool {
        matches!(
            self,
            Self::RelativisticDiscriminator | Self::RelativisticGenerator
        )
    }

    /// True if it changes when all logits change by the same amount.
    #[must_use]
    pub fn sees_level(self) -> bool {
        !matches!(
            self,
            Self::RelativisticDiscriminator
                | Self::RelativisticGenerator
                | Self::WassersteinDiscriminator
        )
    }
}

impl<B: Backend> LogitLoss<'_, B> {
    /// Checks every operand; returns m.
    #[track_caller]
    pub(crate) fn check(&self) -> usize {
        let (m, _) = self.logits.shape();
        check_shape("logit_loss", "logits", self.logits.shape(), (m, 1));
        check_shape("logit_loss", "dz", self.dz.shape(), (m, 1));
        assert!(m > 0, "logit_loss: no rows");
        if self.objective.sees_data() {
            assert!(
                m.is_multiple_of(2),
                "logit_loss: {m} rows are no two halves"
            );
        }
        m
    }
}
