//! The `[data]` table of a run's configuration.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::input::extension;

/// The data that a run trains on: its source, its amount and its units.
///
/// ```toml
/// [data]
/// source = "digits"      # built-in name, or a path to a file or directory
/// count = 30000          # built-in sources only
/// normalize = "auto"
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// One of [`builtin_names`](crate::builtin_names), or a path to a file or directory;
    /// `file.npz:name` is the array `name` of a file.
    ///
    /// A file that bears a built-in name is reached as `./digits`.
    pub source: String,
    /// Records to draw from a built-in source; an error with a path.
    ///
    /// Default: 30,000 of `digits`, 50,000 of `ring8` and `grid25`, 20,000 of the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
    /// Training records.
    ///
    /// Default: all that the other two splits leave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<usize>,
    /// Validation records, of the training file where there is a test file.
    ///
    /// Default: 10,000 of a training file of at least 50,000 records, else a tenth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid: Option<usize>,
    /// Test records, of the test file where there is one.
    ///
    /// Default: the whole test file, or a tenth of a lone file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<usize>,
    /// How a lone file is divided; a data set with a test file keeps its own division.
    ///
    /// Default: drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    /// Units in which the players see the records.
    #[serde(default)]
    pub normalize: Normalize,
    /// The kind of a file whose name does not tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// The array that is meant in a file of several, `.npz` or `.safetensors`.
    ///
    /// Default: the only one, or the only one with several values a record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub array: Option<String>,
    /// Height and width of the images that the rows of an array or a table are, and 3 where pixels
    /// are red, green and blue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Vec<usize>>,
    /// Height and width that pictures in a folder are brought to; they must be alike if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resize: Option<[usize; 2]>,
    /// What separates the cells of a table as text; told from the file if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<Delimiter>,
    /// True if the first record of a table names its columns; told from the file if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<bool>,
    /// The columns of a table to learn, by name or number; all but an index if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// Columns of a table to leave out, by name or number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drop: Vec<String>,
    /// What columns of a table are, by name or number, where they are learnt as
    /// [`Normalize::Columns`]; told from the file if left out.
    ///
    /// In a run's file it is a table of its own, `[columns]`.
    #[serde(skip)]
    pub kinds: BTreeMap<String, ColumnKind>,
}

/// What a column of a mixed table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ColumnKind {
    /// Numbers, dates or times; cells that are none count as blank.
    Number,
    /// Some texts, each of which is a value of its own.
    Category,
    /// Nothing to learn: the column is left out.
    LeaveOut,
}

impl fmt::Display for ColumnKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number => "number",
            Self::Category => "category",
            Self::LeaveOut => "leave-out",
        })
    }
}

/// How a lone file is divided into records to train, to validate and to test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Split {
    /// The held-out records are drawn by the seed of the run.
    #[default]
    Drawn,
    /// The held-out records are the last ones of the file, as series in time want it.
    Tail,
}

/// A kind of file that a key has to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Format {
    /// A table as text, whatever its name.
    Table,
}

/// What separates the cells of a table as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub enum Delimiter {
    /// Commas.
    #[serde(rename = ",")]
    Comma,
    /// Semicolons.
    #[serde(rename = ";")]
    Semicolon,
    /// Tabs.
    #[serde(rename = "\t")]
    Tab,
    /// Bars.
    #[serde(rename = "|")]
    Bar,
    /// Any number of spaces and tabs.
    #[serde(rename = " ")]
    Blanks,
}

impl DataConfig {
    /// Takes `file.npz:name` apart: the array `name` of a file, if that is there and nothing of the
    /// whole name is.
    #[must_use]
    pub fn with_named_array(mut self) -> Self {
        if !Path::new(&self.source).exists()
            && let Some((file, name)) = self.source.rsplit_once(':')
            && !name.is_empty()
            && self.array.is_none()
            && Path::new(file).is_file()
            && ["npz", "safetensors"].contains(&extension(Path::new(file)).as_str())
        {
            self.array = Some(name.to_owned());
            self.source.truncate(file.len());
        }
        self
    }

    /// The defaults for `source`.
    #[must_use]
    pub fn new(source: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            count: None,
            train: None,
            valid: None,
            test: None,
            split: None,
            normalize: Normalize::Auto,
            format: None,
            array: None,
            image: None,
            resize: None,
            delimiter: None,
            header: None,
            columns: None,
            drop: Vec::new(),
            kinds: BTreeMap::new(),
        }
    }
}

impl Default for DataConfig {
    fn default() -> Self {
        Self::new("digits")
    }
}

/// Units in which the players see the records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Normalize {
    /// By kind: `gcn` for CIFAR-10 as the authors, `pixels` for other images, `standardize` for the
    /// columns of a `.csv` or of a `.npy`, `none` for the built-in mixtures.
    #[default]
    Auto,
    /// The values of the file; bytes as 0 to 255.
    None,
    /// Bytes to `[0, 1]`.
    Pixels,
    /// Each column to mean 0 and standard deviation 1 over the training records.
    Standardize,
    /// Global contrast normalisation: each image less its mean, divided to an L2 norm of 55.
    ///
    /// As `pylearn2.expr.preprocessing.global_contrast_normalize` with `scale = 55`, which the
    /// authors used for CIFAR-10.
    Gcn,
    /// The columns of a table, each as what it is: categories and blanks as levels, numbers, dates and
    /// times by their ranks.
    Columns,
}

impl fmt::Display for Normalize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::None => "none",
            Self::Pixels => "pixels",
            Self::Standardize => "standardize",
            Self::Gcn => "gcn",
            Self::Columns => "columns",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn config_with_source_alone_has_the_defaults() {
        let config: DataConfig = toml::from_str("source = 'ring8'").unwrap();
        assert_eq!(config, DataConfig::new("ring8"));
    }

    #[test]
    fn config_with_every_key_survives_a_round_trip() {
        let text = "source = 'x.csv'\ncount = 9\ntrain = 5\nvalid = 3\ntest = 1\nnormalize = 'gcn'\n\
                    split = 'tail'\nimage = [2, 3]\nresize = [8, 9]\nformat = 'table'\n\
                    delimiter = ';'\nheader = true\ncolumns = ['a']\ndrop = ['b']";
        let config: DataConfig = toml::from_str(text).unwrap();
        assert_eq!(config.normalize, Normalize::Gcn);
        let again: DataConfig = toml::from_str(&toml::to_string(&config).unwrap()).unwrap();
        assert_eq!(again, config);
    }

    #[test]
    fn config_with_unknown_key_is_refused() {
        assert!(toml::from_str::<DataConfig>("source = 'digits'\ncounts = 9").is_err());
        assert!(toml::from_str::<DataConfig>("source = 'digits'\nnormalize = 'zca'").is_err());
    }
}
