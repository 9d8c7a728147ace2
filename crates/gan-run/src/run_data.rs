//! The data of a run that is there already, for commands that look back at it.

use std::mem::discriminant;
use std::path::Path;

use gan_data::{DataProblem, Dataset, FileContents, RecordShape, Records, Transform};

use crate::config::{not_text, presets};
use crate::model::Model;
use crate::problem::{Cause, Problem};
use crate::record::RecordInfo;
use crate::text::shell_word;

/// A data set in the units of a run's players, and whether it is the run's.
pub struct RunData {
    /// The data set, in the units of the players.
    pub dataset: Dataset,
    /// Its training records.
    pub train: Records,
    /// SHA-256 of these.
    pub fingerprint: String,
    /// A warning, if they are not those that the generator was trained on.
    pub warning: Option<String>,
}

impl RunData {
    /// The data of `model`'s run, or that of `given` split and normalised the same way.
    ///
    /// # Errors
    /// If it is not there, or its records are not what the generator makes.
    pub fn load(model: &Model, given: Option<&Path>) -> Result<Self, Problem> {
        let (mut config, seed) = model.data();
        if let Some(given) = given {
            config.source = named_data(given)?;
            let built_in = gan_data::builtin_names().contains(&config.source.as_str());
            config.count = config.count.filter(|_| built_in);
        }
        let dataset = gan_data::load(&config, seed).map_err(|error| match error.problem {
            DataProblem::Missing if given.is_none() => gone(&config.source, &model.path),
            _ => error.into(),
        })?;
        let train = dataset.records.slice(dataset.splits.train.clone());
        let found = RecordInfo::new(&model.record.preset, &dataset, &train);
        refuse_other_records(
            (&model.record, model.cols),
            (&found, dataset.records.cols()),
        )?;
        let warning = (found.fingerprint != model.record.fingerprint).then(|| {
            format!(
                "{}: other training records than the generator was trained on ({}, {} records)",
                dataset.source, model.record.data, model.record.train_records
            )
        });
        Ok(Self {
            fingerprint: found.fingerprint,
            dataset,
            train,
            warning,
        })
    }
}

/// A file of data in the place of a preset, and the preset that learns it.
pub struct DataFile {
    /// The file, for `data.source`.
    pub source: String,
    /// The name of the preset.
    pub preset: &'static str,
    /// The name of the file without its extensions, after which a run is named.
    pub name: String,
}

/// What to train if `what` is a file of data, and no preset or configuration.
///
/// # Errors
/// If it is images, for which several presets may be meant.
pub fn data_file(what: &Path) -> Result<Option<DataFile>, Problem> {
    let is_preset = |name: &str| presets::find(name).is_some();
    let is_toml = what
        .extension()
        .is_some_and(|extension| extension == "toml");
    // A run is no data.
    if is_toml || what.to_str().is_some_and(is_preset) || what.join("config.toml").exists() {
        return Ok(None);
    }
    let preset = match gan_data::contents_of(what) {
        None => return Ok(None),
        Some(FileContents::Table) => "mixed-table",
        Some(FileContents::Array) => "table",
        Some(FileContents::Images) => {
            let path = shell_word(what);
            return Err(Problem::usage(format!(
                "{}: found data that may be images, expected a table, an array or a preset",
                what.display()
            ))
            .hint(format!(
                "name the preset as well: gan-cli train mnist --data {path} for small grey images, \
                 gan-cli train cifar10-fc --data {path} for coloured ones"
            )));
        }
    };
    Ok(Some(DataFile {
        source: named_data(what)?,
        preset,
        name: gan_data::stem(what),
    }))
}

/// The source that `--data` means: typed there, `mnist` is a folder of that name if there is one, and
/// not the data set that a preset means by it.
///
/// # Errors
/// If it is not UTF-8.
pub fn named_data(given: &Path) -> Result<String, Problem> {
    let Some(name) = given.to_str() else {
        return Err(not_text(given));
    };
    let is_data_set = presets::data_set(name).is_some();
    Ok(match is_data_set && Path::new(".").join(name).exists() {
        true => format!("./{name}"),
        false => name.to_owned(),
    })
}

pub(crate) fn gone(source: &str, checkpoint: &Path) -> Problem {
    Problem::failed(format!(
        "{source}: not found; {} was trained on it",
        checkpoint.display()
    ))
    .hint("say where the data is now with --data PATH")
}

/// Records of another shape, or in units that another scale was fitted for, are no comparison.
fn refuse_other_records(
    (trained, trained_cols): (&RecordInfo, usize),
    (found, cols): (&RecordInfo, usize),
) -> Result<(), Problem> {
    let wrong = |found_what: String, expected: String| {
        let problem = Problem::failed(format!(
            "{}: found {found_what}, expected {expected}, as the generator makes them",
            found.data
        ));
        Err(Problem {
            cause: Cause::Data,
            ..problem
        }
        .hint("name the data that the generator was trained on with --data PATH"))
    };
    let in_words = |shape: &RecordShape, cols: usize| match shape.image() {
        Some([height, width, channels]) => format!("images of {channels}×{height}×{width}"),
        None => format!("records of {cols} columns"),
    };
    let (old, new) = (&trained.shape, &found.shape);
    if old.image() != new.image() || trained_cols != cols {
        return wrong(in_words(new, cols), in_words(old, trained_cols));
    }
    if let (Some(expected), Some(names)) = (old.columns(), new.columns())
        && expected != names
    {
        return wrong(format!("columns {}", names.join(", ")), expected.join(", "));
    }
    if !same_units(&trained.transform, &found.transform) {
        return wrong(
            match found.transform {
                Transform::Columns(_) => "a table of other levels or ranks",
                _ => "records standardised by other means and deviations",
            }
            .into(),
            "the units of the run".into(),
        );
    }
    Ok(())
}

/// True if the players see both in the same units.
fn same_units(old: &Transform, new: &Transform) -> bool {
    // A checkpoint's numbers have been through text, which may cost them their last bit.
    let near = |a: &[f64], b: &[f64]| {
        let pairs = || a.iter().zip(b);
        a.len() == b.len() && pairs().all(|(a, b)| (a - b).abs() <= 1e-9 * a.abs())
    };
    match (old, new) {
        (
            Transform::Standardize { mean, std, .. },
            Transform::Standardize {
                mean: other_mean,
                std: other_std,
                ..
            },
        ) => near(mean, other_mean) && near(std, other_std),
        (Transform::Columns(old), Transform::Columns(new)) => old == new,
        _ => discriminant(old) == discriminant(new),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_the_same_but_for_the_last_bit() {
        let standardize = |mean: f64, std: f64| Transform::Standardize {
            limits: Vec::new(),
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
