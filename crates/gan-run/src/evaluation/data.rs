//! The records that samples are compared with.

use std::ops::Range;
use std::path::Path;

use crate::model::Model;
use crate::problem::Problem;
use crate::record;
use crate::run_data::RunData;
use crate::text::{hexadecimal, thousands};
use gan_data::{Dataset, Mixture, RecordShape, Transform};
use gan_eval::{
    DiscreteColumns, Estimate, KnownModes, Labels, Points, Reference, gather,
    mean_and_standard_error,
};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// SHA-256 of the authors' 50,000 training images of MNIST, as checkpoints carry it.
const MNIST: &str = "a0f3ad6759e4f04293e3b27efe1137351a94612d85d36830fcb24cfc80d531da";

/// The most values of training records, and of those of each other split, that metrics look at: they
/// have them in memory, as floats, where the data set may be larger than that.
const MOST_TRAIN: usize = 1 << 28;
const MOST_HELD_OUT: usize = 1 << 26;

/// Records of each split, in the players' units.
pub(super) struct EvaluationData {
    dataset: Dataset,
    /// The classes of the records below, where they are known.
    labels: Option<[Vec<u8>; 3]>,
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
#[derive(Clone, Debug, Serialize)]
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
        let cols = dataset.records.cols();
        let looked_at = [
            spaced(&dataset.splits.train, MOST_TRAIN / cols),
            spaced(&dataset.splits.valid, MOST_HELD_OUT / cols),
            spaced(&dataset.splits.test, MOST_HELD_OUT / cols),
        ];
        let warnings = [warning, left_out(&dataset, &looked_at)];
        let warnings: Vec<_> = warnings.into_iter().flatten().collect();
        let [train_rows, valid, test] = &looked_at;
        let rows = |rows: &[usize]| gather(&dataset.records, rows.iter().copied());
        let labels_of = |labels: &Vec<u8>| {
            looked_at
                .each_ref()
                .map(|rows| rows.iter().map(|&row| labels[row]).collect())
        };
        Ok(Self {
            train: rows(train_rows),
            valid: rows(valid),
            test: rows(test),
            labels: dataset.labels.as_ref().map(labels_of),
            discrete: model.record.discrete_columns(&train),
            fingerprint,
            warning: (!warnings.is_empty()).then(|| warnings.join("; ")),
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
        // The mixture is in the units of the data as they came.
        move |row| {
            let user_row = self.dataset.transform.user_values(row, row.len());
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
            transform, mixture, ..
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
        let labels = self.labels.as_ref().filter(|_| is_image);
        let labels = labels.zip(self.dataset.classes).map(|(labels, classes)| {
            let [train, valid, test] = labels;
            Labels {
                train,
                test: match only_set {
                    Some("validation") => valid,
                    _ => test,
                },
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
            (Transform::Columns(_), _) => {
                "ranks as normal scores, and levels as 0 and 1, as the players see them"
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
        // That of the training records is known.
        hash.update(&self.fingerprint);
        for range in [&splits.valid, &splits.test] {
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

/// The rows of `range`, or as many as `most` evenly spaced ones, since files may be sorted.
fn spaced(range: &Range<usize>, most: usize) -> Vec<usize> {
    let (all, count) = (range.len(), range.len().min(most.max(1)));
    (0..count)
        .map(|at| range.start + (at as u128 * all as u128 / count as u128) as usize)
        .collect()
}

/// A remark, where only a part of the records is `looked_at`.
fn left_out(dataset: &Dataset, looked_at: &[Vec<usize>; 3]) -> Option<String> {
    let splits = &dataset.splits;
    let all = [&splits.train, &splits.valid, &splits.test].map(|range| range.len());
    let parts = ["training", "validation", "test"].into_iter().zip(all);
    let parts = parts.zip(looked_at).filter_map(|((name, all), some)| {
        let (some, of) = (thousands(some.len()), thousands(all));
        (some != of).then(|| format!("{some} of {of} {name} records"))
    });
    let parts: Vec<_> = parts.collect();
    (!parts.is_empty()).then(|| {
        format!(
            "{}: {}, evenly spaced, are looked at: all would take too much memory",
            dataset.source,
            parts.join(" and ")
        )
    })
}

impl DataFacts {
    /// A mixed table in the user's units.
    pub(super) fn of_table(data: &RunData) -> Self {
        let splits = &data.dataset.splits;
        Self {
            source: data.dataset.source.clone(),
            sha256: data.fingerprint.clone(),
            train: splits.train.len(),
            valid: splits.valid.len(),
            test: splits.test.len(),
            units: "the table's own units".to_owned(),
            warning: data.warning.clone(),
        }
    }
}

pub(super) fn nothing_held_out(source: &str) -> Problem {
    Problem::failed(format!(
        "{source}: found no validation and no test records, expected some that the generator was \
         not trained on"
    ))
    .hint("hold some out with data.valid and data.test when you train")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_all_of_few_and_evenly_spaced_of_many() {
        assert_eq!(spaced(&(3..7), 9), [3, 4, 5, 6]);
        assert!(spaced(&(3..3), 9).is_empty());
        assert_eq!(spaced(&(10..20), 4), [10, 12, 15, 17]);
        assert_eq!(spaced(&(10..20), 0), [10]);
        assert_eq!(spaced(&(0..1 << 31), 2), [0, 1 << 30]);
    }

    #[test]
    fn a_part_of_the_records_is_told() {
        let dataset = gan_data::load(&gan_data::DataConfig::new("ring8"), 1).unwrap();
        let splits = dataset.splits.clone();
        let of = |most| {
            [
                splits.train.clone(),
                splits.valid.clone(),
                splits.test.clone(),
            ]
            .map(|range| spaced(&range, most))
        };
        assert_eq!(left_out(&dataset, &of(40_000)), None);
        let told = left_out(&dataset, &of(10_000)).unwrap();
        assert!(
            told.contains("10,000 of 40,000 training records, evenly"),
            "{told}"
        );
        let told = left_out(&dataset, &of(1000)).unwrap();
        assert!(told.contains("and 1,000 of 5,000 test records"), "{told}");
    }
}
