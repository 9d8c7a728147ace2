//! The description of the training data that a checkpoint carries, so that sampling needs no data.

use std::collections::BTreeMap;

use gan_data::{Dataset, RecordShape, Records, Transform, Values};
use sha2::{Digest, Sha256};

use crate::problem::Problem;
use crate::text::hexadecimal;

/// The description of the training data in a checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordInfo {
    /// Name of the preset or file.
    pub preset: String,
    /// The source of the data.
    pub data: String,
    /// SHA-256 of the training records.
    pub fingerprint: String,
    /// Number of training records.
    pub train_records: usize,
    /// The shape of a record.
    pub shape: RecordShape,
    /// From the players' units back to the user's.
    pub transform: Transform,
}

impl RecordInfo {
    /// The description of `dataset`, whose training split is `train`.
    pub(crate) fn new(preset: &str, dataset: &Dataset, train: &Records) -> Self {
        Self {
            preset: preset.to_owned(),
            data: dataset.source.clone(),
            fingerprint: fingerprint(train),
            train_records: train.rows(),
            shape: dataset.shape.clone(),
            transform: dataset.transform.clone(),
        }
    }

    /// The annotations of a checkpoint that say so.
    ///
    /// # Errors
    /// If the transform holds numbers that JSON cannot.
    pub(crate) fn to_annotations(&self) -> Result<BTreeMap<String, String>, Problem> {
        let json = |error| Problem::failed(format!("cannot describe the records: {error}"));
        // The name is a part of the format, whichever program trains.
        let program = concat!("gan-cli ", env!("CARGO_PKG_VERSION"));
        Ok(BTreeMap::from(
            [
                ("program", program.to_owned()),
                ("preset", self.preset.clone()),
                ("data", self.data.clone()),
                ("data_sha256", self.fingerprint.clone()),
                ("train_records", self.train_records.to_string()),
                ("shape", serde_json::to_string(&self.shape).map_err(json)?),
                (
                    "transform",
                    serde_json::to_string(&self.transform).map_err(json)?,
                ),
            ]
            .map(|(key, value)| (key.to_owned(), value)),
        ))
    }

    /// The description in the annotations of a checkpoint, which is called `name` in messages.
    pub(crate) fn from_annotations(
        annotations: &BTreeMap<String, String>,
        name: &str,
    ) -> Result<Self, Problem> {
        let text = |key: &str| {
            annotations.get(key).map(String::as_str).ok_or_else(|| {
                Problem::failed(format!(
                    "{name}: annotation {key} is missing: not a checkpoint of this program"
                ))
            })
        };
        let damaged = |key: &str, error: &dyn std::fmt::Display| {
            Problem::failed(format!("{name}: annotation {key} is damaged: {error}"))
        };
        Ok(Self {
            preset: text("preset")?.to_owned(),
            data: text("data")?.to_owned(),
            fingerprint: text("data_sha256")?.to_owned(),
            train_records: text("train_records")?
                .parse()
                .map_err(|error| damaged("train_records", &error))?,
            shape: serde_json::from_str(text("shape")?)
                .map_err(|error| damaged("shape", &error))?,
            transform: serde_json::from_str(text("transform")?)
                .map_err(|error| damaged("transform", &error))?,
        })
    }

    /// Checks that this describes records of `cols` values, in the file named `name`.
    ///
    /// # Errors
    /// If an image has another number of pixels, or there are names or a transform for another
    /// number of columns.
    pub(crate) fn check(&self, cols: usize, name: &str) -> Result<(), Problem> {
        let wrong = |key: &str, found: String| {
            Err(Problem::failed(format!(
                "{name}: annotation {key} is damaged: found {found}, expected {cols}, the number \
                 of values that the generator makes"
            )))
        };
        if let Some([height, width, channels]) = self.shape.image() {
            let pixels = height.checked_mul(width);
            let values = pixels.and_then(|pixels| pixels.checked_mul(channels));
            if values != Some(cols) {
                return wrong("shape", format!("images of {channels}×{height}×{width}"));
            }
        }
        if let Some(columns) = self.shape.columns().filter(|columns| columns.len() != cols) {
            return wrong("shape", format!("{} names of columns", columns.len()));
        }
        match &self.transform {
            Transform::Standardize { mean, std } if mean.len() != cols || std.len() != cols => {
                let found = format!("{} means and {} deviations", mean.len(), std.len());
                wrong("transform", found)
            }
            _ => Ok(()),
        }
    }

    /// Brings rows of `cols` values from the players' units to the user's.
    pub fn to_user_units(&self, rows: &mut [f32], cols: usize) {
        for row in rows.chunks_exact_mut(cols) {
            self.transform.invert(row);
        }
    }
}

/// SHA-256 of the stored form of `records`, in hexadecimal.
pub fn fingerprint(records: &Records) -> String {
    let mut hash = Sha256::new();
    hash.update((records.cols() as u64).to_le_bytes());
    match records.values() {
        Values::Bytes { data, .. } => hash.update(data),
        Values::Floats(values) => {
            let mut bytes = Vec::with_capacity(4 * 4096);
            for chunk in values.chunks(4096) {
                bytes.clear();
                bytes.extend(chunk.iter().flat_map(|value| value.to_le_bytes()));
                hash.update(&bytes);
            }
        }
        // A form of records that this program does not know cannot come from its loaders.
        _ => {}
    }
    hexadecimal(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_refuses_what_the_generator_does_not_make() {
        let check = |shape: RecordShape, transform: Transform| {
            let (preset, data, fingerprint) = Default::default();
            let record = RecordInfo {
                preset,
                data,
                fingerprint,
                train_records: 1,
                shape,
                transform,
            };
            record.check(6, "a").map_err(|error| error.to_string())
        };
        let image = |height, width, channels| RecordShape::Image {
            height,
            width,
            channels,
        };
        let vector = |names: usize| RecordShape::Vector {
            columns: Some(vec!["x".into(); names]),
        };
        let standardize = |mean, std| Transform::Standardize {
            mean: vec![0.0; mean],
            std: vec![1.0; std],
        };
        assert_eq!(check(image(2, 3, 1), Transform::Pixels), Ok(()));
        assert_eq!(check(vector(6), standardize(6, 6)), Ok(()));
        for (shape, transform, found) in [
            (image(0, 3, 1), Transform::Pixels, "1×0×3"),
            (image(2, 3, 3), Transform::Pixels, "3×2×3"),
            (image(usize::MAX, 3, 1), Transform::Pixels, "×3"),
            (vector(5), Transform::Identity, "5 names"),
            (vector(6), standardize(5, 6), "5 means and 6"),
            (vector(6), standardize(6, 7), "6 means and 7"),
        ] {
            let message = check(shape, transform).unwrap_err();
            assert!(message.contains(found), "{message}");
            assert!(message.contains("expected 6"), "{message}");
        }
    }
}
