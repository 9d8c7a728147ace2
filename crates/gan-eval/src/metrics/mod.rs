//! The metrics: one file each, which computes its numbers and explains them in a [`Section`].

pub(crate) mod classes;
pub(crate) mod memorisation;
pub(crate) mod mmd;
pub(crate) mod modes;
pub(crate) mod neighbourhood;
mod parzen;
pub(crate) mod two_sample;
pub(crate) mod wasserstein;

use gan_kernels::Backend;

use crate::evaluation::FEWEST;
use crate::{EvalError, Evaluation, Reference, Section};

/// One metric.
pub struct Metric<B: Backend> {
    /// The name that `--metrics` takes and that the section bears.
    pub name: &'static str,
    needs: Needs,
    section: fn(&mut Evaluation<'_, B>) -> Result<Section, EvalError>,
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
        Self { name: "parzen", needs: Needs::Anything, section: parzen::section },
        Self { name: "mmd", needs: Needs::Enough, section: mmd::section },
        Self { name: "prdc", needs: Needs::Enough, section: neighbourhood::prdc_section },
        Self { name: "c2st", needs: Needs::Enough, section: two_sample::section },
        Self { name: "nn", needs: Needs::Enough, section: neighbourhood::nn_section },
        Self { name: "wasserstein", needs: Needs::Enough, section: wasserstein::section },
        Self { name: "modes", needs: Needs::Modes, section: modes::section },
        Self { name: "memorisation", needs: Needs::Enough, section: memorisation::section },
        Self { name: "classes", needs: Needs::Labels, section: classes::section },
    ];

    /// Computes the metric.
    ///
    /// # Errors
    /// If the device fails, or the data do not meet a [need](Self::unmet_need).
    pub fn section(&self, evaluation: &mut Evaluation<'_, B>) -> Result<Section, EvalError> {
        (self.section)(evaluation)
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
