//! The interface: a configuration goes in, a [`Dataset`] comes out.

use std::path::Path;

use gan_kernels::Records;
use serde::{Deserialize, Serialize};

use crate::normalize::{Normalized, Raw, normalize};
use crate::{DataConfig, DataError, Mixture, Normalize, Splits, Transform, builtin, source};

/// Records of all splits and what is known of them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Dataset {
    /// Short name: the built-in source, or the stem of the file or directory.
    pub name: String,
    /// Where the records come from, in full: the canonical path, or the source, count and seed.
    pub source: String,
    /// All records: to train, then to validate, then to test.
    pub records: Records,
    /// Which records serve what.
    pub splits: Splits,
    /// Class of each record, where known: the digit, the CIFAR-10 class, the mixture's component.
    pub labels: Option<Vec<u8>>,
    /// Number of classes, where there are labels.
    pub classes: Option<usize>,
    /// What one record is.
    pub shape: RecordShape,
    /// From the players' units back to the user's.
    pub transform: Transform,
    /// The known density of a built-in mixture.
    pub mixture: Option<Mixture>,
    /// What the user should know, one sentence each without a period: constant columns.
    pub notes: Vec<String>,
}

/// What the values of one record are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RecordShape {
    /// Pixels, one plane per channel, each plane row by row from the top left.
    Image {
        /// Rows of pixels.
        height: usize,
        /// Pixels per row.
        width: usize,
        /// 1 for grey, 3 for red, green and blue.
        channels: usize,
    },
    /// Numbers in columns.
    Vector {
        /// Names of the columns, if the file has a header.
        columns: Option<Vec<String>>,
    },
}

/// What a loader hands over: values as the file has them.
pub(crate) struct Loaded {
    pub(crate) raw: Raw,
    pub(crate) cols: usize,
    pub(crate) shape: RecordShape,
    pub(crate) labels: Option<Vec<u8>>,
    pub(crate) classes: Option<usize>,
    /// How many of the last rows came as a test set of their own, if any did.
    pub(crate) test_rows: Option<usize>,
    /// What [`Normalize::Auto`] means for this kind.
    pub(crate) auto: Normalize,
    pub(crate) mixture: Option<Mixture>,
}

/// Loads the data of `config`; `seed` is that of the run and serves the built-in sources only.
///
/// # Errors
/// Whatever is wrong with the path, the file or the sizes asked for; see [`DataError`].
pub fn load(config: &DataConfig, seed: u64) -> Result<Dataset, DataError> {
    let path = Path::new(&config.source);
    let (name, source, loaded) = if builtin::builtin_names().contains(&config.source.as_str()) {
        let (count, loaded) = builtin::draw(&config.source, config.count, seed)?;
        let source = format!("built-in {}, {count} records, seed {seed}", config.source);
        (config.source.clone(), source, loaded)
    } else {
        let loaded = source::read(path)?;
        if config.count.is_some() {
            return Err(DataError::CountOfFile { path: path.into() });
        }
        let canonical = path.canonicalize().unwrap_or_else(|_| path.into());
        (stem(&canonical), canonical.display().to_string(), loaded)
    };
    let rows = loaded.raw.len() / loaded.cols;
    if rows == 0 {
        return Err(DataError::NoRecords { path: path.into() });
    }
    let splits = Splits::new(path, rows, loaded.test_rows, config)?;
    let how = match config.normalize {
        Normalize::Auto => loaded.auto,
        given => given,
    };
    let Normalized {
        records,
        transform,
        notes,
    } = normalize(path, loaded.raw, loaded.cols, how, splits.train.clone())?;
    Ok(Dataset {
        name,
        source,
        records,
        splits,
        labels: loaded.labels,
        classes: loaded.classes,
        shape: loaded.shape,
        transform,
        mixture: loaded.mixture,
        notes,
    })
}

/// `mnist` of `data/mnist`, `rows` of `data/rows.csv`, `train` of `train.idx3.gz`.
fn stem(path: &Path) -> String {
    let name = path
        .file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy();
    if path.is_dir() {
        return name.into_owned();
    }
    name.split('.')
        .find(|part| !part.is_empty())
        .unwrap_or("data")
        .to_owned()
}

impl Dataset {
    /// Mean of each column over the training records, in the players' units.
    ///
    /// The authors start the biases of a sigmoid output layer at the logit of this.
    #[must_use]
    pub fn mean(&self) -> Vec<f32> {
        let mut sums = vec![0.0f64; self.records.cols()];
        let mut row = vec![0.0f32; self.records.cols()];
        for index in self.splits.train.clone() {
            self.records.copy_row(index, &mut row);
            for (sum, &value) in sums.iter_mut().zip(&row) {
                *sum += f64::from(value);
            }
        }
        let count = self.splits.train.len() as f64;
        sums.into_iter().map(|sum| (sum / count) as f32).collect()
    }

    /// Names of the columns, if the file has a header.
    #[must_use]
    pub fn columns(&self) -> Option<&[String]> {
        match &self.shape {
            RecordShape::Vector { columns } => columns.as_deref(),
            RecordShape::Image { .. } => None,
        }
    }
}
