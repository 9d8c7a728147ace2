//! The lines of `metrics.jsonl`, read back: curves and diagnosis are made from them.

use std::io::{self, BufRead, BufReader};
use std::path::Path;

use gan_eval::ValueShare;
use serde::Deserialize;

/// One line of `metrics.jsonl`, as far as curves and diagnosis need it; `None` is what was not
/// measured, was no number, or is of a program that did not write it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(crate) struct Reading {
    /// Iterations done.
    pub(crate) step: u64,
    /// V(D, G) of eq. 1, in nats.
    pub(crate) value: Option<f64>,
    /// Mean D(x) over data.
    pub(crate) d_data: Option<f64>,
    /// Mean D(G(z)) over samples.
    pub(crate) d_samples: Option<f64>,
    /// Share of data that D takes for samples.
    pub(crate) false_negatives: Option<f64>,
    /// Share of samples that D takes for data.
    pub(crate) false_positives: Option<f64>,
    /// D's objective, mean over the reading's minibatches.
    pub(crate) discriminator_objective: Option<f64>,
    /// G's objective, mean over the reading's minibatches.
    pub(crate) generator_objective: Option<f64>,
    /// Norm of D's gradient.
    pub(crate) discriminator_gradient: Option<f64>,
    /// Norm of G's gradient.
    pub(crate) generator_gradient: Option<f64>,
    /// The first iteration whose objective is not a finite number.
    pub(crate) first_non_finite: Option<u64>,
    /// Root mean square distance of two samples, as a share of that of two records.
    pub(crate) diversity: Option<f64>,
    /// Mean distance of a sample to its nearest neighbour, as a share of that of records.
    pub(crate) nearest: Option<f64>,
    /// How far D is from being undecided, 0 to 1.
    pub(crate) saturation: Option<f64>,
    /// Samples that the numbers below are of.
    pub(crate) probe_samples: Option<usize>,
    /// Modes of the data that the samples find.
    pub(crate) modes_found: Option<f64>,
    /// Modes of the data.
    pub(crate) modes: Option<f64>,
    /// Share of samples close to a mode.
    pub(crate) high_quality: Option<f64>,
    /// Area under the ROC curve of telling samples of a mixed table from held-out records.
    pub(crate) told_apart: Option<f64>,
    /// The same of training records.
    pub(crate) told_from_training: Option<f64>,
    /// Values of discrete columns that hardly occur among the samples.
    pub(crate) lost_values: Option<Vec<ValueShare>>,
}

impl Reading {
    /// The reading of a line of `metrics.jsonl`; `None` if it is of another form.
    pub(crate) fn of(line: &serde_json::Value) -> Option<Self> {
        Self::deserialize(line).ok()
    }
}

/// The lines of a `metrics.jsonl` that are no readings.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Damage {
    lines: usize,
    /// Number of the first of them, from 1.
    first: usize,
}

impl Damage {
    /// What there is to say of `path` where some lines are no readings.
    pub(crate) fn warning(&self, path: &Path) -> Option<String> {
        let path = path.display();
        match self.lines {
            0 => None,
            1 => Some(format!(
                "{path}: line {} is damaged; the reading in it is left out",
                self.first
            )),
            lines => Some(format!(
                "{path}: {lines} lines from line {} on are damaged; the readings in them are left \
                 out",
                self.first
            )),
        }
    }
}

/// Hands over each line of the `metrics.jsonl` at `path`, as text and parsed; of a file that is not
/// there, none.
///
/// A line that a killed process left half-written at the end is none, and not damaged.
///
/// # Errors
/// If the file cannot be read.
pub(crate) fn each_line(
    path: &Path,
    mut take: impl FnMut(&str, serde_json::Value),
) -> io::Result<Damage> {
    let mut damage = Damage::default();
    let mut file = match gan_data::open_file(path) {
        Ok(file) => BufReader::new(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(damage),
        Err(error) => return Err(error),
    };
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if file.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let reading = str::from_utf8(&line).ok().and_then(|text| {
            let value: serde_json::Value = serde_json::from_str(text).ok()?;
            value["step"].is_u64().then(|| (text.trim_end(), value))
        });
        match reading {
            Some((text, value)) => take(text, value),
            None if line.ends_with(b"\n") => {
                damage.lines += 1;
                if damage.lines == 1 {
                    damage.first = number;
                }
            }
            None => {}
        }
    }
    Ok(damage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_of_older_programs_are_readings() {
        let line = serde_json::json!({ "step": 7, "value": -1.5, "d_data": null, "seconds": 2.0 });
        let expected = Reading {
            step: 7,
            value: Some(-1.5),
            ..Reading::default()
        };
        assert_eq!(Reading::of(&line), Some(expected));
        assert_eq!(Reading::of(&serde_json::json!({ "value": 1.0 })), None);
    }

    #[test]
    fn each_line_skips_the_damaged_lines_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let read = || {
            let mut steps = Vec::new();
            let damage = each_line(&path, |text, line| {
                assert!(text.ends_with('}'));
                steps.push(line["step"].as_u64().unwrap());
            });
            (steps, damage.unwrap().warning(Path::new("m")))
        };
        assert_eq!(read(), (vec![], None), "no file");
        let one = "m: line 2 is damaged; the reading in it is left out";
        let two = "m: 2 lines from line 1 on are damaged; the readings in them are left out";
        for (bytes, steps, warning) in [
            (&b"{\"step\":1}\n{\"step\":2}\r\n"[..], &[1, 2][..], None),
            (
                b"{\"step\":1}\n{\"ste\xff\":2}\n{\"step\":3}\n",
                &[1, 3],
                Some(one),
            ),
            (b"{\"step\":1}\n\0\0\n{\"step\":3}\n", &[1, 3], Some(one)),
            (b"7\n{\"step\":1}\n{\"step\":-1}\n", &[1], Some(two)),
            // Half-written by a process that was killed.
            (b"{\"step\":1}\n{\"st", &[1], None),
            (b"{\"step\":1}\n{\"step\":2}", &[1, 2], None),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let expected = (steps.to_vec(), warning.map(str::to_owned));
            assert_eq!(read(), expected, "{bytes:?}");
        }
    }
}
