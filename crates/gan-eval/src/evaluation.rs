//! One evaluation: the samples, the records that they are compared with, and the caller who shows
//! progress and keeps numbers; what every metric starts from.

use std::collections::BTreeMap;

use gan_kernels::random::Permutation;
use gan_kernels::{Backend, BackendError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::EvalError;
use crate::metrics::Metric;
use crate::metrics::values::DiscreteColumns;
use crate::points::{OwnedPoints, Points};
use crate::report::{Estimate, Section};
use crate::verdict::{Evidence, Finding, verdict};

/// Fewer records or samples than this compare with nothing.
pub(crate) const FEWEST: usize = 20;
/// Records and samples of the metrics that look at every pair: 10,000 as in the literature, half a
/// teraflop of MNIST each.
pub(crate) const PAIRS: usize = 10_000;

/// Samples of a generator, and how to measure them.
pub struct Subject<'a> {
    /// The samples, in the units of `reference`.
    pub samples: Points<'a>,
    /// The records that they are compared with.
    pub reference: &'a Reference<'a>,
    /// The names of the metrics to take, of those of [`metric_names`](crate::metric_names).
    pub metrics: &'a [&'static str],
    /// Iterations that the generator was trained for.
    pub step: u64,
    /// Width of the Parzen window; without it, the best on the validation records.
    pub sigma: Option<f64>,
    /// The controls of the log-likelihood.
    pub controls: ControlSet,
}

/// The controls of the log-likelihood that are taken, beside those that are kept from before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ControlSet {
    /// All of them.
    #[default]
    All,
    /// Those without which the number says nothing, and which take no longer than it: training records
    /// and their mean.
    Quick,
}

/// The records of a data set and what is known of them; all points are in the players' units.
pub struct Reference<'a> {
    /// Records that the generator was trained on.
    pub train: Points<'a>,
    /// Records to choose settings on.
    pub valid: Points<'a>,
    /// Records to report on.
    pub test: Points<'a>,
    /// The name of the held-out set, where `valid` and `test` are one.
    pub only_set: Option<&'static str>,
    /// The meaning of a record's numbers, such as `pixels in [0, 1]`.
    pub units: &'static str,
    /// The bounds of every value, where there are such.
    pub range: Option<[f32; 2]>,
    /// Classes of the records, if they are images and their classes are known.
    pub labels: Option<Labels<'a>>,
    /// The modes of a mixture that the records were drawn from.
    pub modes: Option<KnownModes<'a>>,
    /// The columns that have few distinct values, if any do.
    pub discrete: Option<&'a DiscreteColumns>,
    /// Mean of the logarithm of the records' own density over the test records, in nats, where the
    /// density is known.
    pub log_density: Option<Estimate>,
    /// True if these are the authors' images of MNIST, whole, as pixels in [0, 1].
    pub is_mnist: bool,
}

/// The class of each record of two splits.
#[derive(Clone, Copy)]
pub struct Labels<'a> {
    /// Classes of [`Reference::train`].
    pub train: &'a [u8],
    /// Classes of [`Reference::test`].
    pub test: &'a [u8],
    /// Number of classes.
    pub classes: usize,
}

/// The modes of a mixture of Gaussians of one width.
#[derive(Clone, Copy)]
pub struct KnownModes<'a> {
    /// Number of modes, two or more.
    pub count: usize,
    /// The mode whose centre is nearest to a sample, and the distance in standard deviations.
    pub nearest: &'a dyn Fn(&[f32]) -> (usize, f32),
}

impl<'a> Reference<'a> {
    /// Records of which nothing more is known: `held_out` serves to choose settings on and to report
    /// on.
    #[must_use]
    pub fn new(train: Points<'a>, held_out: Points<'a>) -> Self {
        Self {
            train,
            valid: held_out,
            test: held_out,
            only_set: Some("held-out"),
            units: "units of the records",
            range: None,
            labels: None,
            modes: None,
            discrete: None,
            log_density: None,
            is_mnist: false,
        }
    }

    /// `12 test records`, or the set that serves for them.
    pub(crate) fn test_records(&self, count: usize) -> String {
        let set = self.only_set.unwrap_or("test");
        format!("{} {set} records", thousands(count))
    }
}

/// Version of the numbers of controls, of every metric, that callers keep between evaluations: to be
/// raised whenever the same points would get another number.
pub const PROTOCOL_VERSION: u32 = 1;

/// The caller's part in an evaluation: it may show progress and keep numbers, or ignore both.
pub struct Caller<'a> {
    /// Called with the name of what is computed and the share of it that is done.
    pub progress: &'a mut dyn FnMut(&str, f64),
    /// Numbers of controls by name, from earlier evaluations on the same records: they do not
    /// depend on the model.
    pub kept: BTreeMap<String, Value>,
    /// Called with all numbers of controls when there is a new one.
    pub keep: &'a mut dyn FnMut(&BTreeMap<String, Value>),
}

/// A section for each of the subject's metrics, and what they mean together, the gravest first.
///
/// # Panics
/// If samples and records have different columns.
/// # Errors
/// If the device fails, the data do not meet a [need](crate::unmet_need), or a number comes to
/// nothing.
#[track_caller]
pub fn evaluate<'a, B: Backend>(
    backend: &'a B,
    subject: &Subject<'a>,
    caller: Caller<'a>,
) -> Result<(Vec<Section>, Vec<Finding>), EvalError> {
    let Reference {
        train, valid, test, ..
    } = *subject.reference;
    train.check_cols("evaluation", subject.samples);
    let mut evaluation = Evaluation {
        backend,
        reference: subject.reference,
        samples: subject.samples,
        step: subject.step,
        sigma: subject.sigma,
        controls: subject.controls,
        train: drawn(train),
        valid: drawn(valid),
        test: drawn(test),
        caller,
    };
    let mut evidence = Evidence::default();
    let wanted = |metric: &&Metric<B>| subject.metrics.contains(&metric.name);
    let sections = Metric::ALL
        .iter()
        .filter(wanted)
        .map(|metric| (metric.section)(&mut evaluation, &mut evidence))
        .collect::<Result<_, _>>()?;
    Ok((sections, verdict(&evidence)))
}

/// One evaluation of a generator's samples.
pub(crate) struct Evaluation<'a, B: Backend> {
    pub(crate) backend: &'a B,
    pub(crate) reference: &'a Reference<'a>,
    pub(crate) samples: Points<'a>,
    pub(crate) step: u64,
    pub(crate) sigma: Option<f64>,
    pub(crate) controls: ControlSet,
    /// Up to [`PAIRS`] records of each split, drawn without replacement, for metrics that look at
    /// every pair.
    ///
    /// Files have an order (MNIST's test file begins with its cleaner half), so that the first
    /// records are no fair sample.
    pub(crate) train: OwnedPoints,
    pub(crate) valid: OwnedPoints,
    pub(crate) test: OwnedPoints,
    caller: Caller<'a>,
}

impl<B: Backend> Evaluation<'_, B> {
    /// Reports that the share `done` of a stage is done.
    pub(crate) fn progress(&mut self, stage: &str, done: f64) {
        (self.caller.progress)(stage, done);
    }

    /// True if the number of a control is kept from an earlier evaluation.
    pub(crate) fn is_kept(&self, name: &str) -> bool {
        self.caller.kept.contains_key(name)
    }

    /// The number of a control: kept from an earlier evaluation, or computed and kept now.
    pub(crate) fn control<T: Serialize + DeserializeOwned>(
        &mut self,
        name: &str,
        compute: impl FnOnce(&mut Self) -> Result<T, EvalError>,
    ) -> Result<T, EvalError> {
        let kept = self.caller.kept.get(name);
        if let Some(number) = kept.and_then(|value| serde_json::from_value(value.clone()).ok()) {
            return Ok(number);
        }
        let number = compute(self)?;
        if let Ok(value) = serde_json::to_value(&number) {
            self.caller.kept.insert(name.to_owned(), value);
            (self.caller.keep)(&self.caller.kept);
        }
        Ok(number)
    }

    /// Compares the samples with test records, then training records in the samples' place: as many
    /// points of each set, up to `most`.
    ///
    /// # Errors
    /// If there are too few points, or the device fails.
    pub(crate) fn compare<T: Serialize + DeserializeOwned>(
        &mut self,
        metric: &'static str,
        control: &str,
        most: usize,
        measure: impl Fn(&B, Points<'_>, Points<'_>) -> Result<T, BackendError>,
    ) -> Result<[T; 2], EvalError> {
        let [records, samples] = equal(metric, self.test.view(), self.samples, most)?;
        let count = records.rows();
        let found = measure(self.backend, records, samples)?;
        let real = self.control(control, |this| {
            this.progress(&format!("control: {control}"), 0.0);
            let [records, others] = equal(metric, this.test.view(), this.train.view(), count)?;
            Ok(measure(this.backend, records, others)?)
        })?;
        Ok([found, real])
    }
}

/// Up to [`PAIRS`] of `points` in random order: the same at every evaluation of the same data.
fn drawn(points: Points<'_>) -> OwnedPoints {
    let count = PAIRS.min(points.rows());
    // There is no permutation of nothing.
    let order = Permutation::new(0, 0, points.rows().max(1));
    let rows = (0..count).flat_map(|index| points.row(order.at(index)));
    OwnedPoints::new(rows.copied().collect(), points.cols())
}

/// The first points of both sets: as many as the smaller one has, up to `most`.
///
/// # Errors
/// [`EvalError::TooFew`] if that is fewer than [`FEWEST`].
pub(crate) fn equal<'a>(
    metric: &'static str,
    records: Points<'a>,
    samples: Points<'a>,
    most: usize,
) -> Result<[Points<'a>; 2], EvalError> {
    let count = records.rows().min(samples.rows()).min(most);
    if count < FEWEST {
        return Err(EvalError::TooFew {
            metric,
            records: records.rows(),
            samples: samples.rows(),
            expected: FEWEST,
        });
    }
    Ok([records.first(count), samples.first(count)])
}

/// 1234567 as `1,234,567`.
#[must_use]
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().collect();
    String::from_utf8_lossy(&groups.join(&b',')).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_records_are_different_and_not_in_the_order_of_the_file() {
        let values: Vec<f32> = (0..12_000).map(|i| i as f32).collect();
        let points = Points::new(&values, 1);
        let mut some = drawn(points).view().values().to_vec();
        assert!(some.iter().any(|&x| x > 11_000.0));
        assert!(some.windows(2).any(|pair| pair[0] > pair[1]));
        some.sort_by(f32::total_cmp);
        some.dedup();
        assert_eq!(some.len(), PAIRS);
        assert_eq!(drawn(points.first(50)).view().rows(), 50);
        assert_eq!(drawn(points.first(0)).view().rows(), 0);
    }

    #[test]
    fn equal_sets_are_cut_to_the_smaller_and_not_below_the_fewest() {
        let (many, few) = ([0.0_f32; 120], [1.0_f32; 90]);
        let (many, few) = (Points::new(&many, 3), Points::new(&few, 3));
        let [records, samples] = equal("prdc", many, few, 25).unwrap();
        assert_eq!((records.rows(), samples.rows()), (25, 25));
        assert_eq!(equal("prdc", few, many, 99).unwrap()[1].rows(), 30);
        let error = equal("prdc", few.first(19), many, 99).unwrap_err();
        let expected = "prdc: found 19 held-out records and 40 samples, expected 20 or \
                        more of each";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn thousands_are_grouped_from_the_right() {
        let found = [1, 123, 1_234_567].map(thousands);
        assert_eq!(found, ["1", "123", "1,234,567"]);
    }
}
