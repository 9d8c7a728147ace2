//! IDX files, and the four of them that make MNIST or Fashion-MNIST.
//!
//! Format: <http://yann.lecun.com/exdb/mnist/>, big-endian words `magic, count, height, width`, then
//! bytes.

use std::path::{Path, PathBuf};

use crate::error::{DataError, DataProblem};
use crate::input::Input;
use crate::record::Loaded;

/// Unsigned bytes in three dimensions: images.
pub(crate) const IMAGES: u32 = 0x0000_0803;
/// Unsigned bytes in one dimension: labels.
pub(crate) const LABELS: u32 = 0x0000_0801;

/// Images and labels to train and validate, then those to test.
const NAMES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// Classes of MNIST and of Fashion-MNIST.
const CLASSES: u8 = 10;

/// Loads a lone file of images; a file of labels is an error.
pub(crate) fn load_file(mut input: Input) -> Result<Loaded, DataError> {
    let mut data = Vec::new();
    let [_, height, width] = read_images(&mut input, &mut data)?;
    Ok(Loaded::images([height, width, 1], data))
}

/// Loads MNIST if one of its names is in the directory, else `None`.
pub(crate) fn load_directory(path: &Path, names: &[String]) -> Option<Result<Loaded, DataError>> {
    let found = NAMES.map(|wanted| names.iter().find(|name| canonical_name(name) == wanted));
    if let [
        Some(images),
        Some(labels),
        Some(test_images),
        Some(test_labels),
    ] = found
    {
        let train = [images, labels].map(|name| path.join(name));
        let test = [test_images, test_labels].map(|name| path.join(name));
        return Some(load_four(&train, &test));
    }
    let absent = NAMES.iter().zip(found).filter(|(_, found)| found.is_none());
    let missing: Vec<_> = absent.map(|(name, _)| format!("{name}.gz")).collect();
    (missing.len() < NAMES.len()).then(|| {
        let expected = "MNIST";
        Err(DataProblem::Incomplete { missing, expected }.at(path))
    })
}

/// The name without `.gz`, as the authors write it; some mirrors write `train-images.idx3-ubyte`.
fn canonical_name(name: &str) -> String {
    let name = name.strip_suffix(".gz").unwrap_or(name);
    name.replace(".idx", "-idx")
}

/// True if the name looks like that of an IDX file.
pub(crate) fn is_idx_name(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.to_lowercase();
    name.contains("idx") || name.contains("ubyte")
}

fn load_four(train: &[PathBuf; 2], test: &[PathBuf; 2]) -> Result<Loaded, DataError> {
    let (mut data, mut labels) = (Vec::new(), Vec::new());
    let [_, height, width] = read_pair(train, &mut data, &mut labels)?;
    let [test_rows, test_height, test_width] = read_pair(test, &mut data, &mut labels)?;
    if (test_height, test_width) != (height, width) {
        let problem = DataProblem::ImageSize {
            found: format!("{test_height}×{test_width}"),
            expected: format!("{height}×{width} as in the training file"),
        };
        return Err(problem.at(&test[0]));
    }
    Ok(Loaded {
        test_rows: Some(test_rows),
        ..Loaded::images([height, width, 1], data).with_labels(labels, CLASSES.into())
    })
}

/// Reads a file of images and one of their labels; returns the number, height and width of the
/// images.
fn read_pair(
    [images, labels]: &[PathBuf; 2],
    data: &mut Vec<u8>,
    all_labels: &mut Vec<u8>,
) -> Result<[usize; 3], DataError> {
    let shape = read_images(&mut Input::open(images)?, data)?;
    let mut input = Input::open(labels)?;
    let start = all_labels.len();
    expect_magic(&mut input, LABELS)?;
    let count = u64::from(input.word()?);
    input.payload(Some(count), &count.to_string(), all_labels)?;
    let (found, expected) = (all_labels.len() - start, shape[0]);
    if found != expected {
        return Err(input.error(DataProblem::LabelCount { found, expected }));
    }
    check_labels(&all_labels[start..], CLASSES).map_err(|problem| input.error(problem))?;
    Ok(shape)
}

/// Refuses a label that is not below `classes`.
pub(crate) fn check_labels(labels: &[u8], classes: u8) -> Result<(), DataProblem> {
    match labels.iter().position(|&label| label >= classes) {
        None => Ok(()),
        Some(row) => Err(DataProblem::BadLabel {
            row: row + 1,
            found: labels[row],
            expected: classes - 1,
        }),
    }
}

/// Appends the pixels of a file; returns the number, height and width of its images.
fn read_images(input: &mut Input, data: &mut Vec<u8>) -> Result<[usize; 3], DataError> {
    expect_magic(input, IMAGES)?;
    let shape @ [count, height, width] = [input.word()?, input.word()?, input.word()?];
    if count == 0 {
        return Err(input.error(DataProblem::NoRecords));
    }
    if height == 0 || width == 0 {
        return Err(input.error(DataProblem::ImageSize {
            found: format!("{height}×{width}"),
            expected: "at least 1×1".into(),
        }));
    }
    let bytes = (u64::from(height) * u64::from(width)).checked_mul(u64::from(count));
    input.payload(bytes, &format!("{count}×{height}×{width}"), data)?;
    // The payload is in memory, so each factor fits in a usize.
    Ok(shape.map(|size| size as usize))
}

fn expect_magic(input: &mut Input, expected: u32) -> Result<(), DataError> {
    match input.word()? {
        found if found == expected => Ok(()),
        _ => Err(bad_magic(input, expected)),
    }
}

/// The error of a file that does not begin as it should, or ends before.
pub(crate) fn bad_magic(input: &Input, expected: u32) -> DataError {
    input.error(match input.magic() {
        Some(found) => DataProblem::BadMagic { found, expected },
        None => DataProblem::Truncated {
            found: input.prefix().len() as u64,
            expected: 4,
        },
    })
}
