//! The description of the training data that a checkpoint carries, so that sampling needs no data.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use gan_data::{Dataset, Mean, RecordShape, Records, Transform, UserRows, Values};
use gan_eval::{DiscreteColumns, Points, gather};
use sha2::{Digest, Sha256};

use crate::problem::{OTHER_CHECKPOINT, Problem};
use crate::text::{five_digits, hexadecimal};

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
    /// Number of classes, where the class is a condition: its levels stand behind the values of a
    /// record as the players see it, and not in what users see.
    pub labels: Option<usize>,
}

impl RecordInfo {
    /// The description of `dataset`, whose training split is `train`.
    pub(crate) fn new(preset: &str, dataset: &Dataset, train: &Records) -> Self {
        let fingerprint = match &dataset.user_rows {
            Some(rows) => fingerprint_of_table(rows, dataset.splits.train.clone()),
            None => fingerprint(train),
        };
        Self::with_fingerprint(fingerprint, preset, dataset, train)
    }

    /// The same, and the mean of `train`: of a large file, one pass over it tells both.
    pub(crate) fn with_mean(preset: &str, dataset: &Dataset, train: &Records) -> (Self, Vec<f32>) {
        if dataset.user_rows.is_some() {
            return (Self::new(preset, dataset, train), dataset.mean());
        }
        let mut mean = Mean::new(train.cols());
        let fingerprint = fingerprint_and(train, |part, rows| mean.add(part, rows));
        let record = Self::with_fingerprint(fingerprint, preset, dataset, train);
        (record, mean.get())
    }

    fn with_fingerprint(
        fingerprint: String,
        preset: &str,
        dataset: &Dataset,
        train: &Records,
    ) -> Self {
        Self {
            preset: preset.to_owned(),
            data: dataset.source.clone(),
            fingerprint,
            train_records: train.rows(),
            shape: dataset.shape.clone(),
            transform: dataset.transform.clone(),
            labels: None,
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
        let labels = self.labels.map(|classes| ("labels", classes.to_string()));
        Ok(BTreeMap::from_iter(
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
            .into_iter()
            .chain(labels)
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
                .hint(OTHER_CHECKPOINT)
            })
        };
        let damaged = |key: &str, error: &dyn std::fmt::Display| {
            Problem::failed(format!("{name}: annotation {key} is damaged: {error}"))
                .hint(OTHER_CHECKPOINT)
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
            labels: annotations
                .get("labels")
                .map(|text| text.parse())
                .transpose()
                .map_err(|error| damaged("labels", &error))?,
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
            ))
            .hint(OTHER_CHECKPOINT))
        };
        if let Some([height, width, channels]) = self.shape.image() {
            let pixels = height.checked_mul(width);
            let values = pixels.and_then(|pixels| pixels.checked_mul(channels));
            if values != Some(cols) {
                return wrong("shape", format!("images of {channels}×{height}×{width}"));
            }
        }
        if let Transform::Columns(encoding) = &self.transform {
            let damaged = |found: String| {
                let text = format!("{name}: annotation transform is damaged: found {found}");
                Problem::failed(text).hint(OTHER_CHECKPOINT)
            };
            let RecordShape::Table(table) = &self.shape else {
                return Err(damaged("an encoding of records that are no table".into()));
            };
            encoding.check(&table.levels()).map_err(damaged)?;
            return match encoding.width() {
                width if width != cols => wrong("transform", format!("{width} scalars and levels")),
                _ => Ok(()),
            };
        }
        if let Some(columns) = self.shape.columns().filter(|columns| columns.len() != cols) {
            return wrong("shape", format!("{} names of columns", columns.len()));
        }
        if let RecordShape::Table(table) = &self.shape
            && table.learnt().count() != cols
        {
            return wrong("shape", format!("{} columns", table.learnt().count()));
        }
        match &self.transform {
            Transform::Standardize { mean, std, .. } if mean.len() != cols || std.len() != cols => {
                let found = format!("{} means and {} deviations", mean.len(), std.len());
                wrong("transform", found)
            }
            Transform::Standardize { limits, .. } if !limits.is_empty() && limits.len() != cols => {
                wrong("transform", format!("{} limits", limits.len()))
            }
            Transform::Standardize { limits, .. }
                if limits.iter().any(|[low, high]| low.max(*high) != *high) =>
            {
                wrong("transform", "limits out of order".into())
            }
            _ => Ok(()),
        }
    }

    /// Rows of so many values as the players see them without the levels of the class, where there
    /// are some.
    pub(crate) fn unlabelled<'a>(&self, rows: &'a [f32], cols: usize) -> Cow<'a, [f32]> {
        match self.labels {
            None => Cow::Borrowed(rows),
            Some(classes) => {
                let own = rows.chunks_exact(cols).map(|row| &row[..cols - classes]);
                Cow::Owned(own.flatten().copied().collect())
            }
        }
    }

    /// The discrete columns of `train`, records in the players' units, as the user knows them: names
    /// of columns, and values in their own units. `None` where there is none, and for images.
    ///
    /// Of many records, 10,000 evenly spaced ones are looked at, since files may be sorted.
    pub(crate) fn discrete_columns(&self, train: &Records) -> Option<DiscreteColumns> {
        const MOST: usize = 10_000;
        // The values of a mixed table are the players' own.
        if self.shape.image().is_some() || matches!(self.transform, Transform::Columns(_)) {
            return None;
        }
        let (rows, cols) = (train.rows().min(MOST), train.cols());
        let records = gather(train, (0..rows).map(|i| i * train.rows() / rows));
        DiscreteColumns::of(Points::new(&records, cols), |column, value| {
            let names = self.shape.columns();
            let name = names.and_then(|names| names.get(column).map(ToString::to_string));
            let in_user_units = |value: f32| {
                let mut row = vec![0.0; cols];
                row[column] = value;
                f64::from(self.user_values(&row, cols)[column])
            };
            // What the way to the players' units and back has rounded is far below their unit.
            let small = 1e-5 * (in_user_units(1.0) - in_user_units(0.0)).abs();
            let value = in_user_units(value);
            let rounded = if small > 0.0 {
                (value / small).round() * small
            } else {
                value
            };
            [
                name.unwrap_or_else(|| format!("column {}", column + 1)),
                five_digits(rounded),
            ]
        })
    }

    /// Brings rows of `cols` values from the user's units to the players'; false where these units
    /// are not those of columns of numbers, and nothing is changed.
    pub(crate) fn to_players_units(&self, rows: &mut [f32], cols: usize) -> bool {
        match &self.transform {
            Transform::Identity => true,
            Transform::Standardize { mean, std, .. } => {
                for row in rows.chunks_exact_mut(cols) {
                    for (value, (mean, std)) in row.iter_mut().zip(mean.iter().zip(std)) {
                        *value = ((f64::from(*value) - mean) / std) as f32;
                    }
                }
                true
            }
            _ => false,
        }
    }

    /// The records that are written for rows of `cols` values in the players' units: in the user's
    /// units, with as many digits as the file of the records has.
    #[must_use]
    pub fn written(&self, rows: &[f32], cols: usize) -> Vec<f64> {
        let mut written = Vec::with_capacity(rows.len());
        for row in rows.chunks_exact(cols) {
            let mut user = self.transform.user_row(row);
            self.shape.round(&mut user);
            written.extend(user);
        }
        written
    }

    /// True if an array needs 64 bits to hold what is [written](Self::written).
    pub(crate) fn is_double(&self) -> bool {
        let is_double = match &self.shape {
            RecordShape::Vector { double, .. } => *double,
            RecordShape::Table(_) => true,
            _ => false,
        };
        // What the players make has 32 bits, and more only on its way to other units.
        is_double && self.transform != Transform::Identity
    }

    /// Makes rows of `cols` values in the players' units those that are read back from a table or an
    /// array that they are written to; other records stay as they are.
    pub(crate) fn as_written(&self, rows: &mut [f32], cols: usize) {
        let is_limited = match (&self.shape, &self.transform) {
            (RecordShape::Table(_), _) => true,
            (RecordShape::Vector { .. }, Transform::Standardize { limits, .. }) => {
                !limits.is_empty()
            }
            _ => false,
        };
        if is_limited {
            for row in rows.chunks_exact_mut(cols) {
                let written = self.written(row, cols);
                row.copy_from_slice(&self.transform.player_row(&written));
            }
        }
    }

    /// Rows of `cols` values in the players' units in the user's, for pictures: of a mixed table these
    /// are of another number of values.
    #[must_use]
    pub fn user_values(&self, rows: &[f32], cols: usize) -> Vec<f32> {
        self.transform.user_values(rows, cols)
    }
}

/// The form of a record, in words.
#[must_use]
pub fn shape_in_words(shape: &RecordShape) -> String {
    if let Some([height, width, channels]) = shape.image() {
        let kind = if channels == 3 { "colour " } else { "" };
        return format!("{height}×{width} {kind}images");
    }
    match shape.columns().as_deref() {
        Some([name]) => format!("1 column: {name}"),
        Some(names) => format!("{} columns: {}", names.len(), names.join(", ")),
        None => "numbers in columns without names".into(),
    }
}

/// SHA-256 of the records `train` of a mixed table in the user's units, which are fewer numbers than
/// the players see.
fn fingerprint_of_table(rows: &UserRows, train: Range<usize>) -> String {
    let mut hash = Sha256::new();
    hash.update((rows.cols() as u64).to_le_bytes());
    for index in train {
        // Every NaN is the same blank.
        let bits = rows.row(index).iter().map(|value| match value.is_nan() {
            true => f64::NAN.to_bits(),
            false => value.to_bits(),
        });
        let bytes: Vec<u8> = bits.flat_map(u64::to_le_bytes).collect();
        hash.update(&bytes);
    }
    hexadecimal(&hash.finalize())
}

/// SHA-256 of the stored form of `records`, in hexadecimal.
pub fn fingerprint(records: &Records) -> String {
    fingerprint_and(records, |_, _| {})
}

/// The same; `with` is called on the parts that the records are read in.
fn fingerprint_and(records: &Records, mut with: impl FnMut(&Records, Range<usize>)) -> String {
    let (mut hash, cols) = (Sha256::new(), records.cols());
    hash.update((cols as u64).to_le_bytes());
    records.each_part(0..records.rows(), |part, rows| {
        let values = rows.start * cols..rows.end * cols;
        match part.values() {
            Values::Bytes { data, .. } => hash.update(&data[values]),
            Values::Floats(data) => update(&mut hash, &data[values]),
            // Parts are in memory.
            _ => {}
        }
        with(part, rows);
    });
    hexadecimal(&hash.finalize())
}

/// Adds `values` to what `hash` is of.
fn update(hash: &mut Sha256, values: &[f32]) {
    let mut bytes = [0; 4 * 1024];
    for chunk in values.chunks(bytes.len() / 4) {
        let places = bytes.as_chunks_mut().0.iter_mut();
        places
            .zip(chunk)
            .for_each(|(place, value)| *place = value.to_le_bytes());
        hash.update(&bytes[..4 * chunk.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gan_data::{Affine, ByteScale, Computed};

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
                labels: None,
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
            double: false,
            whole: Vec::new(),
        };
        let standardize = |mean, std| Transform::Standardize {
            limits: Vec::new(),
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

    #[test]
    fn shapes_are_said_in_words() {
        let image = |channels| RecordShape::Image {
            height: 28,
            width: 20,
            channels,
        };
        assert_eq!(shape_in_words(&image(1)), "28×20 images");
        assert_eq!(shape_in_words(&image(3)), "28×20 colour images");
        let table = |columns| RecordShape::Vector {
            columns,
            double: false,
            whole: Vec::new(),
        };
        let columns = Some(["a", "b", "c"].map(String::from).to_vec());
        assert_eq!(shape_in_words(&table(columns)), "3 columns: a, b, c");
        assert!(shape_in_words(&table(None)).starts_with("numbers"));
    }

    #[test]
    fn fingerprints_are_of_the_values_wherever_they_are() {
        let (rows, cols) = (3, 2500);
        let byte = |at: usize| (at * 7) as u8;
        let scale = ByteScale::Uniform(Affine::PIXELS);
        let held = Values::Bytes {
            data: (0..rows * cols).map(byte).collect(),
            scale: scale.clone(),
        };
        let write = move |row: usize, out: &mut [u8]| {
            (0..cols).for_each(|col| out[col] = byte(row * cols + col));
        };
        let computed = Values::ComputedBytes {
            rows: Computed::new(rows, write),
            scale,
        };
        let held_floats = (0..rows * cols).map(|at| at as f32).collect();
        let write = move |row: usize, out: &mut [f32]| {
            (0..cols).for_each(|col| out[col] = (row * cols + col) as f32);
        };
        let computed_floats = Values::Computed(Computed::new(rows, write));
        for (held, computed) in [
            (held, computed),
            (Values::Floats(held_floats), computed_floats),
        ] {
            let [held, computed] = [held, computed].map(|values| Records::new(cols, values));
            assert_eq!(fingerprint(&held), fingerprint(&computed));
            let part = computed.slice(1..3);
            assert_eq!(fingerprint(&held.slice(1..3)), fingerprint(&part));
            assert_ne!(fingerprint(&held), fingerprint(&part));
        }
    }

    #[test]
    fn units_of_the_players_are_those_of_the_user_undone() {
        let record = |transform| RecordInfo {
            preset: String::new(),
            data: String::new(),
            fingerprint: String::new(),
            train_records: 1,
            shape: RecordShape::Vector {
                columns: None,
                double: false,
                whole: Vec::new(),
            },
            transform,
            labels: None,
        };
        let rows = [3.0, -7.5, 0.25, 100.0];
        let standardize = Transform::Standardize {
            limits: Vec::new(),
            mean: vec![1.0, -2.5],
            std: vec![2.0, 0.5],
        };
        for (transform, expected) in [
            (Transform::Identity, rows),
            (standardize, [1.0, -10.0, -0.375, 205.0]),
        ] {
            let (record, mut found) = (record(transform), rows);
            assert!(record.to_players_units(&mut found, 2));
            assert_eq!(found, expected);
            assert_eq!(record.user_values(&found, 2), rows);
        }
        let mut pixels = rows;
        assert!(!record(Transform::Pixels).to_players_units(&mut pixels, 2));
        assert_eq!(pixels, rows);
    }

    #[test]
    fn discrete_columns_are_named_as_the_user_knows_them() {
        let values = (0..200).flat_map(|i| [i as f32 * 0.1, if i % 4 == 0 { 3.0 } else { -1.0 }]);
        let records = Records::new(2, Values::Floats(values.collect()));
        let mut record = RecordInfo {
            preset: String::new(),
            data: String::new(),
            fingerprint: String::new(),
            train_records: 200,
            shape: RecordShape::Vector {
                columns: Some(vec!["age".into(), "smokes".into()]),
                double: false,
                whole: Vec::new(),
            },
            transform: Transform::Standardize {
                limits: Vec::new(),
                mean: vec![0.0, 0.25],
                std: vec![1.0, 0.25],
            },
            labels: None,
        };
        let never = vec![-1.0; 400];
        let lost = |record: &RecordInfo| {
            let columns = record.discrete_columns(&records).unwrap();
            columns.lost(Points::new(&never, 2))[0].to_string()
        };
        let words = "smokes = 1 is in 0.0 % of samples, and in 25.0 % of records";
        assert_eq!(lost(&record), words);
        // A zero that has become 1e-9 on its way is a zero.
        let shifted = |mean| Transform::Standardize {
            limits: Vec::new(),
            mean: vec![0.0, mean],
            std: vec![1.0, 0.25],
        };
        record.transform = shifted(-0.75 + 1e-9);
        assert!(
            lost(&record).starts_with("smokes = 0 is"),
            "{}",
            lost(&record)
        );
        record.transform = shifted(0.25);
        record.shape = RecordShape::Vector {
            columns: None,
            double: false,
            whole: Vec::new(),
        };
        assert!(lost(&record).starts_with("column 2 = 1 is"));
    }
}
