//! The records that samples are compared with.

use gan_data::{Dataset, RecordShape, Transform};
use gan_eval::{Modes, Points, gather, mean_and_standard_error};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::probe::modes_of;
use crate::problem::Problem;
use crate::record::{self, hexadecimal};
use crate::run_data::RunData;
use crate::sample::Model;
use crate::session::thousands;

/// SHA-256 of the authors' 50,000 training images of MNIST, as checkpoints carry it.
const MNIST: &str = "a0f3ad6759e4f04293e3b27efe1137351a94612d85d36830fcb24cfc80d531da";

/// Records of each split, in the players' units.
pub(crate) struct EvaluationData {
    dataset: Dataset,
    train: Vec<f32>,
    valid: Vec<f32>,
    test: Vec<f32>,
    /// SHA-256 of the training records.
    fingerprint: String,
    /// Why the numbers may mean less than they say.
    pub(crate) warning: Option<String>,
}

/// The class of each record of two splits.
#[derive(Clone, Copy)]
pub(crate) struct Labels<'a> {
    /// Of [`EvaluationData::train`].
    pub(crate) train: &'a [u8],
    /// Of [`EvaluationData::test`].
    pub(crate) test: &'a [u8],
    /// How many classes there are.
    pub(crate) classes: usize,
}

/// What a report says of the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct DataFacts {
    /// Where it comes from.
    source: String,
    /// SHA-256 of the training records.
    sha256: String,
    /// Training records.
    train: usize,
    /// Validation records.
    valid: usize,
    /// Test records.
    test: usize,
    /// What the numbers of a record are, to the players and to every metric.
    units: String,
    /// Why the numbers may mean less than they say.
    warning: Option<String>,
}

impl EvaluationData {
    /// The data of `model`'s run, or that of `given` split and normalised the same way.
    ///
    /// # Errors
    /// If it is not there, its records are not what the generator makes, or none are held out.
    pub(crate) fn load(model: &Model, given: Option<&str>) -> anyhow::Result<Self> {
        let RunData {
            dataset,
            fingerprint,
            warning,
            ..
        } = RunData::load(model, given)?;
        if dataset.splits.valid.is_empty() && dataset.splits.test.is_empty() {
            return Err(nothing_held_out(&dataset.source).into());
        }
        let rows = |range: &std::ops::Range<usize>| gather(&dataset.records, range.clone());
        Ok(Self {
            train: rows(&dataset.splits.train),
            valid: rows(&dataset.splits.valid),
            test: rows(&dataset.splits.test),
            fingerprint,
            warning,
            dataset,
        })
    }

    /// Values per record.
    pub(crate) fn cols(&self) -> usize {
        self.dataset.records.cols()
    }

    /// Records that the generator was trained on.
    pub(crate) fn train(&self) -> Points<'_> {
        Points::new(&self.train, self.cols())
    }

    /// Records to choose settings on; if there are none, those to report on.
    pub(crate) fn valid(&self) -> Points<'_> {
        let rows = if self.valid.is_empty() {
            &self.test
        } else {
            &self.valid
        };
        Points::new(rows, self.cols())
    }

    /// Records to report on; if there are none, those to choose settings on.
    pub(crate) fn test(&self) -> Points<'_> {
        let rows = if self.test.is_empty() {
            &self.valid
        } else {
            &self.test
        };
        Points::new(rows, self.cols())
    }

    /// What [`Self::valid`] and [`Self::test`] are, where they are one set.
    pub(crate) fn only_set(&self) -> Option<&'static str> {
        match (self.valid.is_empty(), self.test.is_empty()) {
            (false, false) => None,
            (true, _) => Some("test"),
            (_, true) => Some("validation"),
        }
    }

    /// The ends that every value is between, where there are such.
    pub(crate) fn range(&self) -> Option<[f32; 2]> {
        matches!(self.dataset.transform, Transform::Pixels).then_some([0.0, 1.0])
    }

    /// Mean of the logarithm of the records' own density over the test records, in nats, and its
    /// standard error; where the density is known.
    pub(crate) fn mean_log_density(&self) -> Option<(f64, f64)> {
        let known = self.dataset.mixture.as_ref()?;
        let own_units = matches!(self.dataset.transform, Transform::Identity);
        let logs = self.test().iter().map(|row| known.density(row).ln());
        own_units.then(|| mean_and_standard_error(&logs.collect::<Vec<_>>()))
    }

    /// Whether the data has modes that are known, and more than one.
    pub(crate) fn has_modes(&self) -> bool {
        let mixture = self.dataset.mixture.as_ref();
        mixture.is_some_and(|mixture| mixture.modes() > 1)
    }

    /// Which of them `samples` have found.
    pub(crate) fn modes(&self, samples: Points<'_>) -> Option<Modes> {
        let mixture = self.dataset.mixture.as_ref().filter(|_| self.has_modes())?;
        // The mixture is in the units of the data as they came.
        let mut values = samples.values().to_vec();
        for row in values.chunks_exact_mut(samples.cols()) {
            self.dataset.transform.invert(row);
        }
        Some(modes_of(mixture, &values))
    }

    /// Classes of the records, if they are images and their classes are known.
    pub(crate) fn labels(&self) -> Option<Labels<'_>> {
        let images = matches!(self.dataset.shape, RecordShape::Image { .. });
        let labels = self.dataset.labels.as_ref().filter(|_| images)?;
        let splits = &self.dataset.splits;
        let test = if self.test.is_empty() {
            &splits.valid
        } else {
            &splits.test
        };
        Some(Labels {
            train: &labels[splits.train.clone()],
            test: &labels[test.clone()],
            classes: self.dataset.classes?,
        })
    }

    /// Whether these are the authors' images of MNIST, whole, in the authors' units.
    pub(crate) fn is_mnist(&self) -> bool {
        self.fingerprint == MNIST && self.range().is_some() && self.test().rows() == 10_000
    }

    /// What the numbers of a record are.
    pub(crate) fn units(&self) -> &'static str {
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

    /// A digest of all splits in the units of the players: what numbers of controls depend on.
    pub(crate) fn digest(&self) -> String {
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

    /// A line for people.
    pub(crate) fn in_words(&self) -> String {
        let [train, valid, test] =
            [&self.train, &self.valid, &self.test].map(|rows| thousands(rows.len() / self.cols()));
        format!(
            "{}: {train} to train, {valid} to validate, {test} to test; {}",
            self.dataset.source,
            self.units()
        )
    }

    /// For the report.
    pub(crate) fn facts(&self) -> DataFacts {
        let [train, valid, test] =
            [&self.train, &self.valid, &self.test].map(|rows| rows.len() / self.cols());
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
