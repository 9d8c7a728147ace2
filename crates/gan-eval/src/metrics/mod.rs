//! The metrics: a file computes the numbers of one (`neighbourhood.rs`: of two) and explains them in
//! a [`Section`].

mod classes;
pub(crate) mod memorisation;
pub(crate) mod mmd;
pub(crate) mod modes;
pub(crate) mod neighbourhood;
mod parzen;
pub(crate) mod two_sample;
pub(crate) mod values;
mod wasserstein;

use gan_kernels::{Backend, Native};

pub(crate) use classes::Classes;

use crate::error::EvalError;
use crate::evaluation::{Evaluation, FEWEST, Reference};
use crate::report::Section;
use crate::verdict::Evidence;

/// One metric.
pub(crate) struct Metric<B: Backend> {
    /// The name that it is asked for by, and that its section bears.
    pub(crate) name: &'static str,
    needs: Needs,
    /// Computes the metric, adds its numbers to the evidence, and explains them.
    pub(crate) section: fn(&mut Evaluation<'_, B>, &mut Evidence) -> Result<Section, EvalError>,
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
    /// Columns of few distinct values.
    Discrete,
    /// Enough records and samples, which are images of known classes.
    Labels,
}

impl Needs {
    const fn words(self) -> &'static str {
        match self {
            Self::Anything => "records and samples",
            Self::Enough => "20 held-out records and 20 samples",
            Self::Modes => "data with known modes",
            Self::Discrete => "columns of few distinct values",
            Self::Labels => "images with labels",
        }
    }

    /// `found`, which the metric needs.
    fn met<T>(self, metric: &'static str, found: Option<T>) -> Result<T, EvalError> {
        let need = self.words();
        found.ok_or(EvalError::UnmetNeed { metric, need })
    }
}

impl<B: Backend> Metric<B> {
    /// All metrics, in the order in which they are reported: what is said of the samples without
    /// much explanation first, the log-likelihood last.
    pub(crate) const ALL: [Self; 10] = [
        Self::new("modes", Needs::Modes, modes::section),
        Self::new("values", Needs::Discrete, values::section),
        Self::new("classes", Needs::Labels, classes::section),
        Self::new("mmd", Needs::Enough, mmd::section),
        Self::new("prdc", Needs::Enough, neighbourhood::prdc_section),
        Self::new("c2st", Needs::Enough, two_sample::section),
        Self::new("nn", Needs::Enough, neighbourhood::nn_section),
        Self::new("wasserstein", Needs::Enough, wasserstein::section),
        Self::new("memorisation", Needs::Enough, memorisation::section),
        Self::new("parzen", Needs::Anything, parzen::section),
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
}

/// The names of all metrics, in the order in which they are reported.
pub fn metric_names() -> impl Iterator<Item = &'static str> {
    // The names do not depend on the back end.
    Metric::<Native<f32>>::ALL.iter().map(|metric| metric.name)
}

/// What the metric called `name` needs, and `data` or the number of `samples` does not give.
#[must_use]
pub fn unmet_need(name: &str, data: &Reference<'_>, samples: usize) -> Option<&'static str> {
    let mut metrics = Metric::<Native<f32>>::ALL.iter();
    let needs = metrics.find(|metric| metric.name == name)?.needs;
    let enough = data.valid.rows().min(data.test.rows()).min(samples) >= FEWEST;
    let unmet = match needs {
        Needs::Modes if data.modes.is_none() => needs,
        Needs::Discrete if data.discrete.is_none() => needs,
        Needs::Labels if data.labels.is_none() => needs,
        Needs::Labels | Needs::Enough if !enough => Needs::Enough,
        _ => return None,
    };
    Some(unmet.words())
}
