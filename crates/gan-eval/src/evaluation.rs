//! One evaluation: the samples, the records that they are compared with, and the caller who shows
//! progress and keeps numbers; what every [metric](crate::Metric) starts from.

use std::collections::BTreeMap;

use gan_kernels::random::Permutation;
use gan_kernels::{Backend, BackendError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::EvalError;
use crate::points::Points;
use crate::report::Estimate;

/// Fewer records or samples than this compare with nothing.
pub(crate) const FEWEST: usize = 20;
/// Records and samples of the metrics that look at every pair: 10,000 as in the literature, half a
/// teraflop of MNIST each.
pub(crate) const PAIRS: usize = 10_000;

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

impl Reference<'_> {
    /// `12 test records`, or the set that serves for them.
    pub(crate) fn test_records(&self, count: usize) -> String {
        let set = self.only_set.unwrap_or("test");
        format!("{} {set} records", thousands(count))
    }
}

/// Records of each split, drawn without replacement, for metrics that look at every pair.
///
/// Files have an order (MNIST's test file begins with its cleaner half), so that the first records
/// are no fair sample.
struct Drawn {
    train: Vec<f32>,
    valid: Vec<f32>,
    test: Vec<f32>,
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

/// One evaluation of a generator's samples.
pub struct Evaluation<'a, B: Backend> {
    pub(crate) backend: &'a B,
    pub(crate) reference: &'a Reference<'a>,
    pub(crate) samples: Points<'a>,
    /// Iterations that the generator was trained for.
    pub(crate) step: u64,
    /// Width of the Parzen window, if it was given.
    pub(crate) sigma: Option<f64>,
    drawn: Drawn,
    caller: Caller<'a>,
}

impl<'a, B: Backend> Evaluation<'a, B> {
    /// Prepares to compare `samples`, of a generator trained for `step` iterations, with the
    /// records of `reference`; `sigma` is the width of the Parzen window, if it is given.
    ///
    /// # Panics
    /// If the columns disagree.
    #[must_use]
    #[track_caller]
    pub fn new(
        backend: &'a B,
        reference: &'a Reference<'a>,
        samples: Points<'a>,
        step: u64,
        sigma: Option<f64>,
        caller: Caller<'a>,
    ) -> Self {
        reference.train.check_cols("evaluation", samples);
        Self {
            backend,
            reference,
            samples,
            step,
            sigma,
            drawn: Drawn {
                train: drawn(reference.train),
                valid: drawn(reference.valid),
                test: drawn(reference.test),
            },
            caller,
        }
    }

    /// Reports that a stage of the work begins.
    pub(crate) fn begin(&mut self, stage: &str) {
        self.progress(stage, 0.0);
    }

    /// Reports that the share `done` of a stage is done.
    pub(crate) fn progress(&mut self, stage: &str, done: f64) {
        (self.caller.progress)(stage, done);
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

    /// Up to [`PAIRS`] training records.
    pub(crate) fn drawn_train(&self) -> Points<'_> {
        Points::new(&self.drawn.train, self.samples.cols())
    }

    /// Up to [`PAIRS`] held-out records that come from the same pool as the training records.
    pub(crate) fn drawn_valid(&self) -> Points<'_> {
        Points::new(&self.drawn.valid, self.samples.cols())
    }

    /// Up to [`PAIRS`] records to report on.
    pub(crate) fn drawn_test(&self) -> Points<'_> {
        Points::new(&self.drawn.test, self.samples.cols())
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
        let [records, samples] = equal(metric, self.drawn_test(), self.samples, most)?;
        let count = records.rows();
        let found = measure(self.backend, records, samples)?;
        let real = self.control(control, |this| {
            this.begin(&format!("control: {control}"));
            let [records, others] = equal(metric, this.drawn_test(), this.drawn_train(), count)?;
            Ok(measure(this.backend, records, others)?)
        })?;
        Ok([found, real])
    }
}

/// Up to [`PAIRS`] of `points` in random order: the same at every evaluation of the same data.
fn drawn(points: Points<'_>) -> Vec<f32> {
    let count = PAIRS.min(points.rows());
    if count == 0 {
        return Vec::new();
    }
    let order = Permutation::new(0, 0, points.rows());
    (0..count)
        .flat_map(|index| points.row(order.at(index)))
        .copied()
        .collect()
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
        let mut some = drawn(points);
        assert!(some.iter().any(|&x| x > 11_000.0));
        assert!(some.windows(2).any(|pair| pair[0] > pair[1]));
        some.sort_by(f32::total_cmp);
        some.dedup();
        assert_eq!(some.len(), PAIRS);
        assert_eq!(drawn(points.first(50)).len(), 50);
        assert!(drawn(points.first(0)).is_empty());
    }

    #[test]
    fn equal_sets_are_cut_to_the_smaller_and_not_below_the_fewest() {
        let (many, few) = ([0.0_f32; 120], [1.0_f32; 90]);
        let (many, few) = (Points::new(&many, 3), Points::new(&few, 3));
        let [records, samples] = equal("prdc", many, few, 25).unwrap();
        assert_eq!((records.rows(), samples.rows()), (25, 25));
        assert_eq!(equal("prdc", few, many, 99).unwrap()[1].rows(), 30);
        let error = equal("prdc", few.first(19), many, 99).unwrap_err();
        assert_eq!(
            error.to_string(),
            "--metrics prdc: found 19 held-out records and 40 samples, expected 20 or more of each"
        );
    }

    #[test]
    fn thousands_are_grouped_from_the_right() {
        assert_eq!(
            [1, 123, 1_234_567].map(thousands),
            ["1", "123", "1,234,567"]
        );
    }
}
