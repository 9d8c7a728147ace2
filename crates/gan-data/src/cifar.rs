//! CIFAR-10's binary version: a label byte, then 32×32 pixels in planes red, green, blue.
//!
//! Format: <https://www.cs.toronto.edu/~kriz/cifar.html>.

use std::path::Path;

use crate::array::{Element, Kind};
use crate::config::Normalize;
use crate::error::{DataError, DataProblem};
use crate::input::{Content, Input};
use crate::mapped::Mapped;
use crate::record::{Loaded, Raw};

const SIDE: usize = 32;
const CHANNELS: usize = 3;
const PIXELS: usize = SIDE * SIDE * CHANNELS;
const RECORD: usize = 1 + PIXELS;
const CLASSES: u8 = 10;
const BYTE: Element = Element {
    kind: Kind::Unsigned,
    size: 1,
    big_endian: false,
};

/// Batches to train and validate, then the one to test.
#[rustfmt::skip]
const NAMES: [&str; 6] = [
    "data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
    "data_batch_5.bin", "test_batch.bin",
];

/// Loads a lone file of records.
pub(crate) fn load_file(input: Input) -> Result<Loaded, DataError> {
    let mut batches = Batches::default();
    batches.append(input)?;
    Ok(batches.loaded(None))
}

/// Loads CIFAR-10 if one of its names is in the directory, else `None`.
pub(crate) fn load_directory(path: &Path, names: &[String]) -> Option<Result<Loaded, DataError>> {
    let has = |wanted: &&str| names.iter().any(|name| name == wanted);
    let missing: Vec<_> = NAMES.iter().filter(|name| !has(name)).collect();
    if missing.len() == NAMES.len() {
        const PICKLES: &str = "cifar-10-batches-py/";
        let folder = match names.iter().any(|name| name == PICKLES) {
            true => path.join(PICKLES),
            false => path.to_path_buf(),
        };
        if folder.join("data_batch_1").is_file() {
            // Converted files may be there already.
            return Some(match folder.join(NAMES[0]).is_file() {
                true => load_six(&folder),
                false => Err(DataProblem::Pickles.at(folder)),
            });
        }
        return None;
    }
    if !missing.is_empty() {
        let problem = DataProblem::Incomplete {
            missing: missing.into_iter().map(ToString::to_string).collect(),
            expected: "CIFAR-10",
        };
        return Some(Err(problem.at(path)));
    }
    Some(load_six(path))
}

fn load_six(path: &Path) -> Result<Loaded, DataError> {
    let mut batches = Batches::default();
    let mut before_last = 0;
    for name in NAMES {
        before_last = batches.labels.len();
        batches.append(Input::open(&path.join(name))?)?;
    }
    let test_rows = batches.labels.len() - before_last;
    Ok(batches.loaded(Some(test_rows)))
}

#[derive(Default)]
struct Batches {
    pixels: Option<Raw>,
    labels: Vec<u8>,
}

impl Batches {
    fn append(&mut self, mut input: Input) -> Result<(), DataError> {
        let (found, expected) = (input.length(), RECORD as u64);
        if !found.is_multiple_of(expected) {
            return Err(input.error(DataProblem::RecordLength { found, expected }));
        }
        let content = input.content(Some(found), &found.to_string())?;
        let (start, records) = (self.labels.len(), content.chunks_exact(RECORD));
        self.labels.extend(records.clone().map(|record| record[0]));
        let more = match &content {
            Content::Held(_) => {
                Raw::Bytes(records.flat_map(|record| &record[1..]).copied().collect())
            }
            Content::Mapped(part) => {
                let rows = records.len();
                let pixels = Mapped::records(part.clone(), BYTE, [rows, PIXELS], RECORD, 1);
                Raw::Mapped(pixels)
            }
        };
        self.pixels = Some(match self.pixels.take() {
            Some(pixels) => pixels.followed_by(more, PIXELS),
            None => more,
        });
        check_labels(&self.labels[start..], CLASSES).map_err(|problem| input.error(problem))
    }

    fn loaded(self, test_rows: Option<usize>) -> Loaded {
        let pixels = self.pixels.unwrap_or(Raw::Bytes(Vec::new()));
        Loaded {
            test_rows,
            auto: Normalize::Gcn,
            ..Loaded::images([SIDE, SIDE, CHANNELS], pixels)
                .with_labels(self.labels, CLASSES.into())
        }
    }
}

/// Refuses a label that is not below `classes`.
fn check_labels(labels: &[u8], classes: u8) -> Result<(), DataProblem> {
    match labels.iter().position(|&label| label >= classes) {
        None => Ok(()),
        Some(row) => Err(DataProblem::BadLabel {
            row: row + 1,
            found: labels[row],
            expected: classes - 1,
        }),
    }
}
