//! The presets: the configurations of `presets/`, which come with the program.

use crate::problem::Problem;
use crate::text::nearest_word;

/// A configuration that comes with the program.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// Its name, which the user types.
    pub name: &'static str,
    /// Its TOML.
    pub text: &'static str,
}

macro_rules! presets {
    ($($name:literal),+ $(,)?) => {
        &[$(Preset {
            name: $name,
            text: include_str!(concat!("../../presets/", $name, ".toml")),
        }),+]
    };
}

/// All presets, the ones that need no data first.
pub const PRESETS: &[Preset] = presets![
    "digits",
    "ring8",
    "grid25",
    "ring8-modern",
    "grid25-modern",
    "figure1",
    "fail-vanishing",
    "fail-collapse",
    "fail-diverging",
    "table",
    "mixed-table",
    "mnist",
    "mnist-simultaneous",
    "mnist-tuned",
    "mnist-modern",
    "mnist-conditional",
    "cifar10-fc",
    "tfd",
];

/// The preset that is trained when the user names none.
pub const DEFAULT: &str = "digits";

impl Preset {
    /// The first line of its text, which says what it is.
    #[must_use]
    pub fn summary(&self) -> &'static str {
        let line = self.text.lines().next().unwrap_or_default();
        line.trim_start_matches('#').trim()
    }
}

/// The preset called `name`.
#[must_use]
pub fn find(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

/// The names of all presets.
pub fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|preset| preset.name)
}

/// The names of all presets, for messages.
pub(super) fn listed() -> String {
    names().collect::<Vec<_>>().join(", ")
}

/// The error for a word that is neither a preset nor a file.
#[must_use]
pub fn unknown(what: &str) -> Problem {
    let near = nearest_word(what, names());
    Problem::usage(format!(
        "{what}: found no preset and no file of this name, expected one of {}, or FILE.toml",
        listed()
    ))
    .hint(did_you_mean(near))
}

/// The hint about a word that is no preset.
pub(super) fn did_you_mean(near: Option<&str>) -> String {
    match near {
        Some(near) => format!("did you mean {near}?"),
        None => "this lists the presets: gan-cli presets".into(),
    }
}

/// A data set that a preset names and the user has to bring.
pub(crate) struct DataSet {
    /// The name that stands in `data.source`.
    name: &'static str,
    /// The files that `--data` must lead to.
    files: &'static str,
    /// Anything else that the user should know.
    note: &'static str,
}

const DATA_SETS: [DataSet; 5] = [
    DataSet {
        name: "mixed-table",
        files: "a table as text, such as a .csv file, or a .parquet or .feather file",
        note: "",
    },
    DataSet {
        name: "table",
        files: "a numeric .csv file, with or without a line of names, or a .npy file of floats",
        note: "",
    },
    DataSet {
        name: "mnist",
        files: "a directory with train-images-idx3-ubyte, train-labels-idx1-ubyte, \
                t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, plain or .gz",
        note: "",
    },
    DataSet {
        name: "cifar10",
        files: "a directory with data_batch_1.bin to data_batch_5.bin and test_batch.bin \
                (the \"binary version\"), or one such file",
        note: "",
    },
    DataSet {
        name: "tfd",
        files: "a .npy file of bytes of shape records × 48 × 48",
        note: "the Toronto Face Database was never public; the preset keeps the authors' settings \
               for those who have it; ",
    },
];

/// The data set that the user has to bring, if `source` names one.
pub(crate) fn data_set(source: &str) -> Option<&'static DataSet> {
    DATA_SETS.iter().find(|set| set.name == source)
}

impl DataSet {
    /// The error for a data set that was not brought; `preset` is what the user typed.
    pub(crate) fn missing(&self, preset: &str) -> Problem {
        Problem::usage(format!(
            "{}: this data does not come with the program",
            self.name
        ))
        .hint(format!(
            "{}type: gan-cli train {preset} --data PATH, where PATH is {}; \
             ./{} would be one in this directory",
            self.note, self.files, self.name
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_begins_with_its_summary() {
        for preset in PRESETS {
            assert!(preset.summary().len() > 20, "{}", preset.name);
            assert!(!preset.summary().ends_with('.'), "{}", preset.name);
        }
    }

    #[test]
    fn unknown_preset_names_the_nearest() {
        assert!(unknown("minst").message.contains("mnist-simultaneous"));
    }
}
