//! The metrics: one file each (two for neighbourhoods share theirs), which computes its numbers and explains them in a [`Section`].

pub(crate) mod classes;
pub(crate) mod memorisation;
pub(crate) mod mmd;
pub(crate) mod modes;
pub(crate) mod neighbourhood;
mod parzen;
pub(crate) mod two_sample;
pub(crate) mod wasserstein;

use gan_kernels::Backend;

use crate::error::EvalError;
use crate::evaluation::{Evaluation, FEWEST, Reference};
use crate::report::Section;
use crate::verdict::Evidence;
use neighbourhood::{nn_section, prdc_section};

/// One metric.
pub struct Metric<B: Backend> {
    /// The name that `--metrics` takes and that the section bears.
    pub name: &'static str,
    needs: Needs,
    section: fn(&mut Evaluation<'_, B>, &mut Evidence) -> Result<Section, EvalError>,
}

/// The data that a metric needs.
#[derive(Clone, Copy)]
enum Needs {
    /// Any records and samples.
    Anything,
    /// Enough records and samples to compare.
    Enough,
    /// The modes of the mixture that the records were drawn from.
    Modes,
    /// Enough records and samples, which are images of known classes.
    Labels,
}

impl<B: Backend> Metric<B> {
    /// All metrics, in the order in which they are reported.
    #[rustfmt::skip]
    pub const ALL: [Self; 9] = [
        Self::new("parzen", Needs::Anything, |e, found| {
            parzen::section(e, &mut found.log_likelihood)
        }),
        Self::new("mmd", Needs::Enough, |e, found| mmd::section(e, &mut found.mmd)),
        Self::new("prdc", Needs::Enough, |e, found| prdc_section(e, &mut found.neighbourhood)),
        Self::new("c2st", Needs::Enough, |e, found| two_sample::section(e, &mut found.two_sample)),
        Self::new("nn", Needs::Enough, |e, found| nn_section(e, &mut found.neighbourhood)),
        Self::new("wasserstein", Needs::Enough, |e, _| wasserstein::section(e)),
        Self::new("modes", Needs::Modes, |e, found| modes::section(e, &mut found.modes)),
        Self::new("memorisation", Needs::Enough, |e, found| {
            memorisation::section(e, &mut found.memorisation)
        }),
        Self::new("classes", Needs::Labels, |e, found| classes::section(e, &mut found.classes)),
    ];

    const fn new(
        name: &'static str,
        needs: Needs,
        section: fn(&mut Evaluation<'_, B>, &mut Evidence) -> Result<Section, EvalError>,
    ) -> Self {
        Self {
            name,
            needs,
            section,
        }
    }

    /// Computes the metric, adds its numbers to `evidence`, and explains them.
    ///
    /// # Errors
    /// If the device fails, or the data do not meet a [need](Self::unmet_need).
    pub fn section(
        &self,
        evaluation: &mut Evaluation<'_, B>,
        evidence: &mut Evidence,
    ) -> Result<Section, EvalError> {
        (self.section)(evaluation, evidence)
    }

    /// The need of this metric that the data or the number of samples do not meet, if any.
    #[must_use]
    pub fn unmet_need(&self, data: &Reference<'_>, samples: usize) -> Option<&'static str> {
        let enough = data.valid.rows().min(data.test.rows()).min(samples) >= FEWEST;
        let (met, need) = match self.needs {
            Needs::Anything => return None,
            Needs::Modes => (data.modes.is_some(), "data with known modes"),
            Needs::Labels if data.labels.is_none() => (false, "images with labels"),
            Needs::Labels | Needs::Enough => (enough, "20 held-out records and 20 samples"),
        };
        (!met).then_some(need)
    }
}
