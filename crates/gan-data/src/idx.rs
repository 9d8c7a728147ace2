//! IDX files, and the folders of them that MNIST and its kin come in.
//!
//! Format: <http://yann.lecun.com/exdb/mnist/>: two zero bytes, the type of the elements, the number
//! of dimensions, the sizes as big-endian words, then the elements.

use std::path::{Path, PathBuf};

use crate::array::{self, Element, Kind};
use crate::error::{DataError, DataProblem};
use crate::input::{Input, as_text, list};
use crate::mapped::Form;
use crate::record::{Loaded, Raw};

/// The part of a name that files of images have.
const IMAGES: &str = "images-idx3-ubyte";
/// And that files of labels have.
const LABELS: &str = "labels-idx1-ubyte";
/// What precedes it in the names of training files.
const TRAIN: &str = "train-";
/// And in those of test files.
const TEST: [&str; 2] = ["t10k-", "test-"];

/// Classes of MNIST; other sets have as many as their largest label says.
const CLASSES: usize = 10;

/// The elements and the number of dimensions that a file's first word tells, if it is one of an IDX
/// file.
fn kind(magic: u32) -> Option<(Element, usize)> {
    let [zero, nothing, kind, dimensions] = magic.to_be_bytes();
    let (kind, size) = match kind {
        0x08 => (Kind::Unsigned, 1),
        0x09 => (Kind::Signed, 1),
        0x0b => (Kind::Signed, 2),
        0x0c => (Kind::Signed, 4),
        0x0d => (Kind::Float, 4),
        0x0e => (Kind::Float, 8),
        _ => return None,
    };
    let element = Element {
        kind,
        size,
        big_endian: true,
    };
    let is_idx = (zero, nothing) == (0, 0) && (1..=4).contains(&dimensions);
    is_idx.then_some((element, usize::from(dimensions)))
}

/// True if a file begins as IDX files do.
pub(crate) fn is_idx(input: &Input) -> bool {
    input.magic().and_then(kind).is_some()
}

/// An array and its sizes.
struct Array {
    raw: Raw,
    sizes: Vec<usize>,
}

fn read(input: &mut Input) -> Result<Array, DataError> {
    let Some((element, dimensions)) = kind(input.word()?) else {
        return Err(bad_magic(input));
    };
    let mut sizes = Vec::with_capacity(dimensions);
    for _ in 0..dimensions {
        sizes.push(u64::from(input.word()?));
    }
    if sizes[0] == 0 {
        return Err(input.error(DataProblem::NoRecords));
    }
    let shape: Vec<_> = sizes.iter().map(u64::to_string).collect();
    let shape = shape.join("×");
    if sizes.contains(&0) {
        return Err(input.error(DataProblem::ImageSize {
            found: shape,
            expected: "sizes of 1 or more".into(),
        }));
    }
    let factors = sizes.iter().copied().chain([element.size as u64]);
    let length = factors.into_iter().try_fold(1u64, u64::checked_mul);
    let content = input.content(length, &shape)?;
    // The content is there, so each factor fits in a usize.
    let sizes: Vec<_> = sizes.into_iter().map(|size| size as usize).collect();
    let raw = element.array(content, &sizes, false);
    Ok(Array { raw, sizes })
}

/// Loads a lone file of images or vectors; a file of labels is an error.
pub(crate) fn load_file(mut input: Input, image: Option<&[usize]>) -> Result<Loaded, DataError> {
    let Array { raw, sizes } = read(&mut input)?;
    if sizes.len() == 1 {
        return Err(input.error(DataProblem::LoneLabels));
    }
    array::records(raw, &sizes, image).map_err(|problem| input.error(problem))
}

/// Loads the images of a directory with MNIST's names, else `None`; labels are taken where they fit.
pub(crate) fn load_directory(path: &Path, names: &[String]) -> Option<Result<Loaded, DataError>> {
    // As torchvision lays it down.
    if names.iter().any(|name| name == "raw/") {
        let raw = path.join("raw");
        return load_directory(&raw, &as_text(&list(&raw).ok()?));
    }
    let found = |part: &str, sets: &[&str]| -> Vec<&String> {
        let is_part = |name: &&String| {
            let name = canonical_name(name);
            name.contains(part) && sets.iter().any(|set| name.contains(set))
        };
        names.iter().filter(is_part).collect()
    };
    let (train, test) = (found(IMAGES, &[TRAIN]), found(IMAGES, &TEST));
    let file = |name: &str| file_in(path, name);
    match (train.as_slice(), test.as_slice()) {
        ([], []) => None,
        ([], [..]) => {
            let missing = vec![format!("train-{IMAGES}.gz")];
            let expected = "MNIST";
            Some(Err(DataProblem::Incomplete { missing, expected }.at(path)))
        }
        ([train], [] | [_]) => {
            let labels = |sets: &[&str]| match found(LABELS, sets).as_slice() {
                [labels] => Some(file(labels)),
                _ => None,
            };
            let train = (file(train), labels(&[TRAIN]));
            let test = test.first().map(|test| (file(test), labels(&TEST)));
            Some(load_parts(train, test))
        }
        ([first, ..], _) => {
            let problem = DataProblem::SeveralSets {
                found: train.iter().map(ToString::to_string).collect(),
                candidate: file(first),
            };
            Some(Err(problem.at(path)))
        }
    }
}

/// The file `name` in `path`; Kaggle has it in a folder of its own name.
fn file_in(path: &Path, name: &str) -> PathBuf {
    match name.strip_suffix('/') {
        Some(folder) => path.join(folder).join(folder),
        None => path.join(name),
    }
}

/// The name as the authors write it; some mirrors write `train-images.idx3-ubyte`.
fn canonical_name(name: &str) -> String {
    name.to_lowercase().replace(".idx", "-idx")
}

/// True if the name looks like that of an IDX file.
pub(crate) fn is_idx_name(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.to_lowercase();
    name.contains("idx") || name.contains("ubyte")
}

/// A file of images, and one of their labels if there is one.
type Part = (PathBuf, Option<PathBuf>);

fn load_parts(train: Part, test: Option<Part>) -> Result<Loaded, DataError> {
    let mut loaded = images(&train.0)?;
    let rows = |loaded: &Loaded| loaded.raw.len() / loaded.cols;
    let train_rows = rows(&loaded);
    let mut labels = labels(train.1.as_deref(), train_rows);
    match test {
        None => loaded
            .notes
            .push("no test images are there; some training images are held out".into()),
        Some((path, file)) => {
            let test = images(&path)?;
            if test.shape != loaded.shape {
                let in_words = |loaded: &Loaded| {
                    let [height, width, _] = loaded.shape.image().unwrap_or_default();
                    format!("{height}×{width}")
                };
                return Err(DataProblem::ImageSize {
                    found: in_words(&test),
                    expected: in_words(&loaded) + " as in the training file",
                }
                .at(path));
            }
            let test_rows = rows(&test);
            loaded.test_rows = Some(test_rows);
            // Images of either file are bytes.
            loaded.raw = loaded.raw.followed_by(test.raw, loaded.cols);
            labels = labels.and_then(|mut all| {
                all.extend(self::labels(file.as_deref(), test_rows)?);
                Ok(all)
            });
        }
    }
    match labels {
        Ok(labels) => {
            let largest = labels.iter().max().copied().unwrap_or(0);
            let classes = CLASSES.max(usize::from(largest) + 1);
            Ok(loaded.with_labels(labels, classes))
        }
        Err(why) => {
            loaded.notes.push(format!("labels are left out: {why}"));
            Ok(loaded)
        }
    }
}

/// A file of images.
fn images(path: &Path) -> Result<Loaded, DataError> {
    let loaded = load_file(Input::open(path)?, None)?;
    match loaded.shape.image() {
        Some(_) => Ok(loaded),
        None => Err(DataProblem::NoImages.at(path)),
    }
}

/// The labels of `rows` images, or why there are none; training needs none.
fn labels(path: Option<&Path>, rows: usize) -> Result<Vec<u8>, String> {
    let path = path.ok_or_else(|| "a file of them is not there".to_owned())?;
    let array = Input::open(path).and_then(|mut input| read(&mut input));
    let raw = array.map_err(|error| error.to_string())?.raw;
    match raw.form() {
        Form::Bytes if raw.len() == rows => Ok((0..rows).map(|at| raw.at(at) as u8).collect()),
        _ => {
            let (path, found) = (path.display(), raw.len());
            Err(format!(
                "{path}: found {found} labels, expected {rows}, one per image"
            ))
        }
    }
}

/// The error of a file that does not begin as it should, or ends before.
pub(crate) fn bad_magic(input: &Input) -> DataError {
    input.error(match input.magic() {
        Some(found) => DataProblem::BadMagic { found },
        None => DataProblem::Truncated {
            found: input.prefix().len() as u64,
            expected: 4,
        },
    })
}
