//! IDX files, and the four of them that make MNIST or Fashion-MNIST.
//!
//! Format: <http://yann.lecun.com/exdb/mnist/>, big-endian words `magic, count, height, width`, then
//! bytes.

use std::path::Path;

use crate::error::DataError;
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
    let images = read_images(&mut input, &mut data)?;
    Ok(images.loaded(data))
}

/// Loads MNIST if one of its names is in the directory, else `None`.
pub(crate) fn load_directory(path: &Path, names: &[String]) -> Option<Result<Loaded, DataError>> {
    let found = NAMES.map(|wanted| names.iter().find(|name| canonical_name(name) == wanted));
    match found {
        [None, None, None, None] => None,
        [
            Some(images),
            Some(labels),
            Some(test_images),
            Some(test_labels),
        ] => {
            let files = [images, labels, test_images, test_labels].map(|name| path.join(name));
            Some(load_four(&files))
        }
        _ => {
            let missing = NAMES.iter().zip(found).filter(|(_, found)| found.is_none());
            Some(Err(DataError::Incomplete {
                path: path.into(),
                found: missing.map(|(name, _)| format!("{name}.gz")).collect(),
                expected: "MNIST",
            }))
        }
    }
}

/// The name without `.gz`, as the authors write it; some mirrors write `train-images.idx3-ubyte`.
fn canonical_name(name: &str) -> String {
    let name = name.strip_suffix(".gz").unwrap_or(name);
    name.replace(".idx", "-idx")
}

/// True if the name looks like that of an IDX file.
pub(crate) fn is_idx_name(path: &Path) -> bool {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    name.contains("idx") || name.contains("ubyte")
}

fn load_four(files: &[impl AsRef<Path>; 4]) -> Result<Loaded, DataError> {
    let mut data = Vec::new();
    let mut labels = Vec::new();
    let train = read_pair(&files[0], &files[1], &mut data, &mut labels)?;
    let test = read_pair(&files[2], &files[3], &mut data, &mut labels)?;
    if (test.height, test.width) != (train.height, train.width) {
        return Err(DataError::ImageSize {
            path: files[2].as_ref().into(),
            found: format!("{}×{}", test.height, test.width),
            expected: format!("{}×{} as in the training file", train.height, train.width),
        });
    }
    Ok(Loaded {
        test_rows: Some(test.count),
        ..train.loaded(data).with_labels(labels, CLASSES.into())
    })
}

fn read_pair(
    images: impl AsRef<Path>,
    labels: impl AsRef<Path>,
    data: &mut Vec<u8>,
    all_labels: &mut Vec<u8>,
) -> Result<Images, DataError> {
    let shape = read_images(&mut Input::open(images.as_ref())?, data)?;
    let mut input = Input::open(labels.as_ref())?;
    let start = all_labels.len();
    read_labels(&mut input, all_labels)?;
    let labels = &all_labels[start..];
    let path = input.path().to_path_buf();
    if labels.len() != shape.count {
        return Err(DataError::LabelCount {
            path,
            found: labels.len(),
            expected: shape.count,
        });
    }
    if let Some(row) = labels.iter().position(|&label| label >= CLASSES) {
        return Err(DataError::BadLabel {
            path,
            row: row + 1,
            found: labels[row],
            expected: CLASSES - 1,
        });
    }
    Ok(shape)
}

/// The header of an image file.
struct Images {
    count: usize,
    height: usize,
    width: usize,
}

impl Images {
    fn loaded(self, data: Vec<u8>) -> Loaded {
        Loaded::images([self.height, self.width, 1], data)
    }
}

fn read_images(input: &mut Input, data: &mut Vec<u8>) -> Result<Images, DataError> {
    expect_magic(input, IMAGES)?;
    let [count, height, width] = [input.word()?, input.word()?, input.word()?];
    let path = input.path().to_path_buf();
    if count == 0 {
        return Err(DataError::NoRecords { path });
    }
    if height == 0 || width == 0 {
        return Err(DataError::ImageSize {
            path,
            found: format!("{height}×{width}"),
            expected: "at least 1×1".into(),
        });
    }
    let shape = format!("{count}×{height}×{width}");
    let bytes = (u64::from(height) * u64::from(width)).checked_mul(u64::from(count));
    input.payload(bytes, &shape, data)?;
    // The payload is in memory, so each factor fits in a usize.
    Ok(Images {
        count: count as usize,
        height: height as usize,
        width: width as usize,
    })
}

fn read_labels(input: &mut Input, labels: &mut Vec<u8>) -> Result<(), DataError> {
    expect_magic(input, LABELS)?;
    let count = u64::from(input.word()?);
    input.payload(Some(count), &count.to_string(), labels)
}

fn expect_magic(input: &mut Input, expected: u32) -> Result<(), DataError> {
    match input.word()? {
        found if found == expected => Ok(()),
        _ => Err(bad_magic(input, expected)),
    }
}

/// The error of a file that does not begin as it should, or ends before.
pub(crate) fn bad_magic(input: &Input, expected: u32) -> DataError {
    let path = input.path().into();
    match input.magic() {
        Some(found) => DataError::BadMagic {
            path,
            found,
            expected,
        },
        None => DataError::Truncated {
            path,
            found: input.prefix().len() as u64,
            expected: 4,
        },
    }
}
