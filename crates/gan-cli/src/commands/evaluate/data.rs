//! The records that samples are compared with.

use std::cell::RefCell;
use std::path::Path;

use gan_data::{Dataset, Mixture, RecordShape, Transform};
use gan_eval::{
    DiscreteColumns, Estimate, KnownModes, Labels, Points, Reference, gather,
    mean_and_standard_error,
};
use gan_run::model::Model;
use gan_run::problem::Problem;
use gan_run::record;
use gan_run::run_data::RunData;
use gan_run::text::{hexadecimal, thousands};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// SHA-256 of the authors' 50,000 training images of MNIST, as checkpoints carry it.
const MNIST: &str = "a0f3ad6759e4f04293e3b27efe1137351a94612d85d36830fcb24cfc80d531da";

/// Records of each split, in the players' units.
pub(super) struct EvaluationData {
    dataset: Dataset,
    train: Vec<f32>,
    valid: Vec<f32>,
    test: Vec<f32>,
    /// The columns of few distinct values.
    discrete: Option<DiscreteColumns>,
    /// SHA-256 of the training records.
    fingerprint: String,
    /// A reason why the numbers may mean less than they say.
    pub(super) warning: Option<String>,
}

/// The data in a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct DataFacts {
    /// The path, or the built-in source.
    source: String,
    /// SHA-256 of the training records.
    sha256: String,
    /// Training records.
    train: usize,
    /// Validation records.
    valid: usize,
    /// Test records.
    test: usize,
    /// The meaning of a record's numbers, to the players and to every metric.
    units: String,
    /// A reason why the numbers may mean less than they say.
    warning: Option<String>,
}

impl EvaluationData {
    /// The data of `model`'s run, or that of `given` split and normalised the same way.
    ///
    /// # Errors
    /// If it is not there, its records are not what the generator makes, or none are held out.
    pub(super) fn load(model: &Model, given: Option<&Path>) -> Result<Self, Problem> {
        let RunData {
            dataset,
            train,
            fingerprint,
            warning,
        } = RunData::load(model, given)?;
        if dataset.splits.valid.is_empty() && dataset.splits.test.is_empty() {
            return Err(nothing_held_out(&dataset.source));
        }
        let rows = |range: &std::ops::Range<usize>| gather(&dataset.records, range.clone());
        Ok(Self {
            train: rows(&dataset.splits.train),
            valid: rows(&dataset.splits.valid),
            test: rows(&dataset.splits.test),
            discrete: model.record.discrete_columns(&train),
            fingerprint,
            warning,
            dataset,
        })
    }

    /// Values per record.
    pub(super) fn cols(&self) -> usize {
        self.dataset.records.cols()
    }

    /// The modes of a mixture, if the data was drawn from one of several: a function from a sample
    /// to the nearest mode and its distance in standard deviations.
    pub(super) fn nearest_mode(&self) -> impl Fn(&[f32]) -> (usize, f32) {
        let in_user_units = RefCell::new(Vec::new());
        // The mixture is in the units of the data as they came.
        move |row| {
            let mut user_row = in_user_units.borrow_mut();
            user_row.clear();
            user_row.extend_from_slice(row);
            self.dataset.transform.invert(&mut user_row);
            let mixture = self.dataset.mixture.as_ref();
            mixture.map_or((0, f32::INFINITY), |mixture| mixture.nearest(&user_row))
        }
    }

    /// The records as metrics see them; `nearest` is [`Self::nearest_mode`].
    pub(super) fn reference<'a>(
        &'a self,
        nearest: &'a dyn Fn(&[f32]) -> (usize, f32),
    ) -> Reference<'a> {
        let Dataset {
            transform,
            mixture,
            splits,
            ..
        } = &self.dataset;
        let points = |rows: &'a [f32]| Points::new(rows, self.cols());
        let (valid, test, only_set) = match (self.valid.is_empty(), self.test.is_empty()) {
            (false, false) => (&self.valid, &self.test, None),
            (true, _) => (&self.test, &self.test, Some("test")),
            (_, true) => (&self.valid, &self.valid, Some("validation")),
        };
        let modes = mixture.as_ref().map_or(0, Mixture::modes);
        let range = matches!(transform, Transform::Pixels).then_some([0.0, 1.0]);
        let is_image = self.dataset.shape.image().is_some();
        let labels = self.dataset.labels.as_ref().filter(|_| is_image);
        let labels = labels.zip(self.dataset.classes).map(|(labels, classes)| {
            let test = match only_set {
                Some("validation") => &splits.valid,
                _ => &splits.test,
            };
            Labels {
                train: &labels[splits.train.clone()],
                test: &labels[test.clone()],
                classes,
            }
        });
        Reference {
            train: points(&self.train),
            valid: points(valid),
            test: points(test),
            only_set,
            units: self.units(),
            range,
            labels,
            modes: (modes > 1).then_some(KnownModes {
                count: modes,
                nearest,
            }),
            discrete: self.discrete.as_ref(),
            log_density: self.mean_log_density(points(test)),
            is_mnist: self.fingerprint == MNIST
                && range.is_some()
                && test.len() == 10_000 * self.cols(),
        }
    }

    /// Mean of the logarithm of the records' own density over the test records, in nats, where the
    /// density is known.
    fn mean_log_density(&self, test: Points<'_>) -> Option<Estimate> {
        let known = self.dataset.mixture.as_ref()?;
        let own_units = matches!(self.dataset.transform, Transform::Identity);
        own_units.then(|| {
            let logs = test.iter().map(|row| known.density(row).ln());
            let (value, standard_error) = mean_and_standard_error(&logs.collect::<Vec<_>>());
            Estimate {
                value,
                standard_error,
            }
        })
    }

    /// The meaning of a record's numbers.
    fn units(&self) -> &'static str {
        match (&self.dataset.transform, &self.dataset.shape) {
            (Transform::Pixels, _) => "pixels in [0, 1]",
            (Transform::Standardize { .. }, _) => {
                "columns standardised to mean 0 and deviation 1, not their own units"
            }
            (Transform::Gcn { .. }, _) => "contrast-normalised pixels, as the players see them",
            (_, RecordShape::Image { .. }) => "bytes, 0 to 255",
            _ => "the data's own units",
        }
    }

    /// A digest of all splits in the units of the players, on which numbers of controls depend.
    pub(super) fn digest(&self) -> String {
        let mut hash = Sha256::new();
        let splits = &self.dataset.splits;
        for range in [&splits.train, &splits.valid, &splits.test] {
            hash.update(record::fingerprint(
                &self.dataset.records.slice(range.clone()),
            ));
        }
        // The same bytes may be seen as pixels or as they are.
        hash.update(format!("{:?}", self.dataset.transform));
        hexadecimal(&hash.finalize())
    }

    /// Numbers of training, validation and test records.
    fn counts(&self) -> [usize; 3] {
        [&self.train, &self.valid, &self.test].map(|rows| rows.len() / self.cols())
    }

    /// The data in one line for people.
    pub(super) fn in_words(&self) -> String {
        let [train, valid, test] = self.counts().map(thousands);
        format!(
            "{}: {train} to train, {valid} to validate, {test} to test; {}",
            self.dataset.source,
            self.units()
        )
    }

    /// The data for the report.
    pub(super) fn facts(&self) -> DataFacts {
        let [train, valid, test] = self.counts();
        DataFacts {
            source: self.dataset.source.clone(),
            sha256: self.fingerprint.clone(),
            train,
            valid,
            test,
            units: self.units().to_owned(),
            warning: self.warning.clone(),
        }
    }
}

fn nothing_held_out(source: &str) -> Problem {
    Problem::failed(format!(
        "{source}: found no validation and no test records, expected some that the generator was \
         not trained on"
    ))
    .hint("hold some out with data.valid and data.test when you train")
}
