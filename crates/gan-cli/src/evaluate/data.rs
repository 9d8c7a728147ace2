//! The records that samples are compared with.

use std::mem::discriminant;
use std::path::Path;

use gan_data::{DataError, Dataset, RecordShape, Transform};
use gan_eval::{Modes, Points, gather, mean_and_standard_error};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::problem::Problem;
use crate::record::{self, RecordInfo, hexadecimal};
use crate::sample::Model;
use crate::session::{named_data, thousands};

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
        let mut config = model.config.data.clone();
        if let Some(given) = given {
            config.source = named_data(given);
            let built_in = gan_data::builtin_names().contains(&config.source.as_str());
            config.count = config.count.filter(|_| built_in);
        }
        let dataset = gan_data::load(&config, model.config.seed).map_err(|error| match error {
            DataError::Missing { .. } if given.is_none() => {
                anyhow::Error::from(gone(&config.source, &model.path))
            }
            other => other.into(),
        })?;
        let train = dataset.records.slice(dataset.splits.train.clone());
        let found = RecordInfo::new(&model.record.preset, &dataset, &train);
        refuse_other_records(
            (&model.record, model.cols),
            (&found, dataset.records.cols()),
        )?;
        if dataset.splits.valid.is_empty() && dataset.splits.test.is_empty() {
            return Err(nothing_held_out(&dataset.source).into());
        }
        let warning = (found.fingerprint != model.record.fingerprint).then(|| {
            format!(
                "{}: other training records than the generator was trained on ({}, {} records)",
                dataset.source, model.record.data, model.record.train_records
            )
        });
        let rows = |range: &std::ops::Range<usize>| gather(&dataset.records, range.clone());
        Ok(Self {
            train: rows(&dataset.splits.train),
            valid: rows(&dataset.splits.valid),
            test: rows(&dataset.splits.test),
            fingerprint: found.fingerprint,
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
        let samples = Points::new(&values, samples.cols());
        Some(Modes::count(mixture.modes(), samples, |row| {
            mixture.nearest(row)
        }))
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

fn gone(source: &str, checkpoint: &Path) -> Problem {
    Problem::failed(format!(
        "{source}: not found; {} was trained on it",
        checkpoint.display()
    ))
    .hint("say where the data is now with --data PATH")
}

fn nothing_held_out(source: &str) -> Problem {
    Problem::failed(format!(
        "{source}: found no validation and no test records, expected some that the generator was \
         not trained on"
    ))
    .hint("hold some out with data.valid and data.test when you train")
}

/// Records of another shape, or in units that another scale was fitted for, are no comparison.
fn refuse_other_records(
    (trained, trained_cols): (&RecordInfo, usize),
    (found, cols): (&RecordInfo, usize),
) -> Result<(), Problem> {
    let wrong = |found_what: String, expected: String| {
        Err(Problem::failed(format!(
            "{}: found {found_what}, expected {expected}, as the generator makes them",
            found.data
        ))
        .hint("name the data that the generator was trained on with --data PATH"))
    };
    let images = |shape: &RecordShape| match shape {
        &RecordShape::Image {
            height,
            width,
            channels,
        } => Some([height, width, channels]),
        _ => None,
    };
    let in_words = |shape: &RecordShape, cols: usize| match images(shape) {
        Some([height, width, channels]) => format!("images of {channels}×{height}×{width}"),
        None => format!("records of {cols} columns"),
    };
    if images(&trained.shape) != images(&found.shape) || trained_cols != cols {
        return wrong(
            in_words(&found.shape, cols),
            in_words(&trained.shape, trained_cols),
        );
    }
    let columns = |shape: &RecordShape| match shape {
        RecordShape::Vector { columns } => columns.clone(),
        _ => None,
    };
    if let (Some(expected), Some(names)) = (columns(&trained.shape), columns(&found.shape))
        && expected != names
    {
        return wrong(format!("columns {}", names.join(", ")), expected.join(", "));
    }
    if !same_units(&trained.transform, &found.transform) {
        return wrong(
            "records standardised by other means and deviations".into(),
            "the units of the run".into(),
        );
    }
    Ok(())
}

/// Whether the players see both in the same units.
fn same_units(old: &Transform, new: &Transform) -> bool {
    // A checkpoint's numbers have been through text, which may cost them their last bit.
    let near = |a: &[f64], b: &[f64]| {
        let pairs = || a.iter().zip(b);
        a.len() == b.len() && pairs().all(|(a, b)| (a - b).abs() <= 1e-9 * a.abs())
    };
    match (old, new) {
        (
            Transform::Standardize { mean, std },
            Transform::Standardize {
                mean: other_mean,
                std: other_std,
            },
        ) => near(mean, other_mean) && near(std, other_std),
        _ => discriminant(old) == discriminant(new),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_the_same_but_for_the_last_bit() {
        let standardize = |mean: f64, std: f64| Transform::Standardize {
            mean: vec![0.0, mean],
            std: vec![1.0, std],
        };
        let old = standardize(-3.3, 0.7);
        let rounded = standardize(-3.3 * (1.0 + f64::EPSILON), 0.7);
        assert!(same_units(&old, &rounded));
        assert!(!same_units(&old, &standardize(-3.3, 0.700_01)));
        assert!(!same_units(&old, &Transform::Identity));
        assert!(same_units(&Transform::Pixels, &Transform::Pixels));
    }
}
