//! The presets: configurations that come with the program.

use std::process::ExitCode;

use crate::cli::PresetsArgs;
use crate::output::{self, Output};
use crate::problem::{Problem, nearest};

/// Name and text of each, the ones that need no data first.
const PRESETS: [(&str, &str); 13] = [
    ("digits", include_str!("../../../configs/digits.toml")),
    ("ring8", include_str!("../../../configs/ring8.toml")),
    ("grid25", include_str!("../../../configs/grid25.toml")),
    (
        "ring8-modern",
        include_str!("../../../configs/ring8-modern.toml"),
    ),
    (
        "grid25-modern",
        include_str!("../../../configs/grid25-modern.toml"),
    ),
    ("figure1", include_str!("../../../configs/figure1.toml")),
    ("table", include_str!("../../../configs/table.toml")),
    ("mnist", include_str!("../../../configs/mnist.toml")),
    (
        "mnist-simultaneous",
        include_str!("../../../configs/mnist-simultaneous.toml"),
    ),
    (
        "mnist-tuned",
        include_str!("../../../configs/mnist-tuned.toml"),
    ),
    (
        "mnist-modern",
        include_str!("../../../configs/mnist-modern.toml"),
    ),
    (
        "cifar10-fc",
        include_str!("../../../configs/cifar10-fc.toml"),
    ),
    ("tfd", include_str!("../../../configs/tfd.toml")),
];

/// What `train` takes without an argument.
pub(crate) const DEFAULT: &str = "digits";

/// A data set that a preset names and the user has to bring.
pub(crate) struct DataSet {
    /// The name that stands in `data.source`.
    name: &'static str,
    /// What `--data` must lead to.
    files: &'static str,
    /// What else there is to know.
    note: &'static str,
}

const DATA_SETS: [DataSet; 4] = [
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
    /// What to say if it is not there; `preset` is what the user typed.
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

/// The names.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|(name, _)| *name)
}

/// The text of one.
pub(crate) fn text(name: &str) -> Option<&'static str> {
    PRESETS
        .iter()
        .find(|(preset, _)| *preset == name)
        .map(|(_, text)| *text)
}

/// Neither a preset nor a file.
pub(crate) fn unknown(what: &str) -> Problem {
    let known = names().collect::<Vec<_>>().join(", ");
    let near = nearest(what, names());
    Problem::usage(format!(
        "{what}: found no preset and no file of this name, expected one of {known}, or FILE.toml"
    ))
    .maybe_hint(near.map(|near| format!("did you mean {near}?")))
}

/// The first line of a preset's text, which says what it is.
fn summary(text: &str) -> &str {
    let line = text.lines().next().unwrap_or_default();
    line.trim_start_matches('#').trim()
}

/// `gan-cli presets`.
pub(crate) fn run(args: &PresetsArgs, output: &Output) -> anyhow::Result<ExitCode> {
    match &args.name {
        None => {
            for (name, text) in PRESETS {
                output.line(format!("{name:<20}{}", summary(text)));
            }
            output.line("");
            output.line("gan-cli presets NAME > my.toml prints one to start from");
        }
        Some(name) => output::raw(text(name).ok_or_else(|| unknown(name))?),
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_begins_with_its_summary() {
        for (name, text) in PRESETS {
            assert!(summary(text).len() > 20, "{name}");
            assert!(!summary(text).ends_with('.'), "{name}");
        }
    }

    #[test]
    fn unknown_preset_names_the_nearest() {
        assert!(unknown("minst").to_string().contains("mnist-simultaneous"));
    }
}
