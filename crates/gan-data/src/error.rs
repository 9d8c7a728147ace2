//! Everything that can be wrong with data, told with the path, what was found and what was expected.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{fmt, io};

use crate::array::shortest;
use crate::config::{ColumnKind, Normalize};
use crate::draw::builtin_names;

/// Data that could not be loaded or written.
#[derive(Debug)]
pub struct DataError {
    /// The file, directory or built-in source.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: DataProblem,
}

/// A kind of file whose columns have types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypedFile {
    /// Parquet.
    Parquet,
    /// Arrow's IPC format, which is Feather's of version 2.
    Arrow,
}

/// A form of Arrow's tables that is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherArrow {
    /// Arrow's IPC format as a stream, whose parts no footer tells.
    Stream,
    /// Feather of version 1.
    FeatherOne,
}

impl fmt::Display for OtherArrow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stream => "an Arrow IPC stream",
            Self::FeatherOne => "a Feather file of version 1",
        })
    }
}

/// Reasons why data could not be loaded or written, as the messages say them.
///
/// Rows, lines and columns count from 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what variants and fields are")]
pub enum DataProblem {
    #[error("no such file or directory found, expected a path or one of the built-in sources")]
    Missing,
    #[error("cannot be read")]
    Unreadable(#[source] io::Error),
    #[error("cannot be written")]
    Unwritable(#[source] io::Error),
    #[error("found a {0}, expected a file")]
    NotAFile(&'static str),
    #[error("found {}, expected the files of {expected}", list(found))]
    NotADataSet {
        found: Vec<String>,
        expected: &'static str,
        /// A file or directory among those found that may be a data set.
        candidate: Option<PathBuf>,
    },
    #[error("{expected} is incomplete: missing {}", list(missing))]
    Incomplete {
        missing: Vec<String>,
        expected: &'static str,
    },
    #[error("found 0 bytes, expected {SUPPORTED}")]
    Empty,
    /// Neither content nor name tells a kind that is read here.
    #[error("found {found}, expected {SUPPORTED}")]
    UnknownKind { found: String },
    #[error(
        "found the first bytes {found:#010x}, expected those of an IDX file, such as 0x00000803"
    )]
    BadMagic { found: u32 },
    #[error("found an IDX file of one dimension, which labels have, expected images or vectors")]
    LoneLabels,
    #[error("found vectors, expected images")]
    NoImages,
    #[error("found several sets of training images: {}", list(found))]
    SeveralSets {
        found: Vec<String>,
        /// One of them, which loads.
        candidate: PathBuf,
    },
    #[error("damaged npy header: found {found}, expected {expected}")]
    BadHeader {
        found: String,
        expected: &'static str,
    },
    /// An element type or a number of dimensions of a `.npy` file.
    #[error("found {found}, expected {expected}")]
    Unsupported {
        found: String,
        expected: &'static str,
    },
    #[error("truncated: found {found} bytes, expected {expected}")]
    Truncated { found: u64, expected: u64 },
    #[error("bytes after the end of the data: found at least {found} bytes, expected {expected}")]
    Trailing { found: u64, expected: u64 },
    #[error("header promises {found} bytes, expected at most {expected} from this file")]
    TooLarge { found: String, expected: u64 },
    #[error("found more than {expected} bytes when decompressed, expected at most that many")]
    Expands { expected: u64 },
    #[error("needs about {found} bytes of memory, expected at most {expected}, which are free")]
    Memory { found: u64, expected: u64 },
    #[error("found {found} records, expected at most {expected}")]
    TooManyRecords { found: usize, expected: usize },
    #[error("the environment variable {name} is {found:?}, expected {expected}")]
    Variable {
        name: &'static str,
        found: String,
        expected: &'static str,
    },
    #[error("damaged archive: {0}")]
    Archive(String),
    #[error("{}{}", asked(found.as_deref()), arrays(expected))]
    Arrays {
        /// The array that was asked for and is not there.
        found: Option<String>,
        /// Name and sizes of each.
        expected: Vec<String>,
        /// The name of one of them.
        example: String,
    },
    #[error("damaged or truncated compressed data")]
    Compressed(#[source] io::Error),
    #[error("found {found} bytes, expected a multiple of {expected} (label byte + 32×32×3 pixels)")]
    RecordLength { found: u64, expected: u64 },
    #[error("cannot be read as a picture: {0}")]
    Picture(String),
    #[error("found a picture of {}×{} pixels, expected {}×{} as the first has", found[0], found[1], expected[0], expected[1])]
    PictureSize {
        /// Height and width.
        found: [usize; 2],
        expected: [usize; 2],
    },
    #[error(
        "found CIFAR-10 as Python's pickles, expected its binary version, data_batch_1.bin to test_batch.bin"
    )]
    Pickles,
    #[error("data.resize: found {found:?}, expected a height and a width from 1 to {expected}")]
    Resize { found: [usize; 2], expected: usize },
    #[error("found images of {found} pixels, expected {expected}")]
    ImageSize { found: String, expected: String },
    #[error(
        "data.image: found {found:?}, expected a height and a width, and 1 or 3 channels, that make {cols} values"
    )]
    ImageKey { found: Vec<usize>, cols: usize },
    #[error("found pixels from {found}, expected 0 to 1, −1 to 1, or 0 to 255")]
    ImageRange { found: String },
    #[error("row {row}: found label {found}, expected 0 to {expected}")]
    BadLabel { row: usize, found: u8, expected: u8 },
    #[error("found 0 records, expected at least 1")]
    NoRecords,
    #[error("found {found} columns, expected at most {expected}")]
    TooManyColumns { found: usize, expected: usize },
    #[error("line {line}: found {found} columns, expected {expected}")]
    Ragged {
        line: u64,
        found: usize,
        expected: usize,
    },
    #[error(
        "line {line}: found {found} names of columns, expected {expected}, as the lines below have cells"
    )]
    Names {
        line: u64,
        found: usize,
        expected: usize,
    },
    #[error("found bytes that are no text, expected a table as text")]
    NotText,
    #[error("found {}, expected numbers, dates, or yes and no", texts(columns))]
    TextColumns {
        /// Name and some cells of each, or the type of a column of other values.
        columns: Vec<(String, Vec<String>)>,
    },
    #[error(
        "{}, expected a number as in the other records",
        places(column, strays)
    )]
    Strays { column: String, strays: Vec<Stray> },
    #[error(
        "{key}: found {found:?}, expected one of the columns {}",
        list(expected)
    )]
    UnknownColumn {
        key: &'static str,
        found: String,
        expected: Vec<String>,
    },
    #[error(
        "column {}: found {found}, expected a {expected}, as [columns] says",
        excerpt(column)
    )]
    NotOfKind {
        column: String,
        found: String,
        expected: ColumnKind,
    },
    #[error("found a missing value in every record, expected complete records: {columns}")]
    NoCompleteRecord { columns: String },
    #[error(
        "found no column with different values{}, expected at least one",
        left_out(columns)
    )]
    NothingToLearn {
        /// Each column that is left out, and why.
        columns: Vec<String>,
    },
    #[error("{place}: found {}, expected a finite 32-bit number", shortest(*found))]
    NotFinite { place: String, found: f64 },
    /// A cell of a table.
    #[error("{place}: found {}, expected {expected}", excerpt(found))]
    TooLargeNumber {
        place: String,
        found: String,
        expected: &'static str,
    },
    #[error("normalize is {0}, expected none or standardize for floats, columns for tables")]
    Normalize(Normalize),
    #[error(
        "splits of {found} records (train, valid, test), expected 1 or more to train and no more \
         than {expected}"
    )]
    Splits { found: String, expected: String },
    #[error("count is {found}, expected 1 to {expected}")]
    Count { found: usize, expected: usize },
    #[error("found a table of Parquet or Arrow, which this program was built without")]
    NotBuilt,
    #[error("found a compression that is not read: {found}; expected Snappy, LZ4 or none")]
    Codec { found: String, kind: TypedFile },
    #[error("found {found}, expected an Arrow IPC file (Feather 2) or Parquet")]
    OtherArrow { found: OtherArrow },
    #[error("found count beside a path, expected it with a built-in source only")]
    CountOfFile,
}

/// The beginning of a message that an array is not there.
fn asked(found: Option<&str>) -> String {
    match found {
        Some(name) => format!("data.array: found {name:?}, expected one of those of the file; "),
        None => String::new(),
    }
}

/// The arrays of a file, in a message that the one that is meant is not among them.
fn arrays(found: &[String]) -> String {
    listed(found).map_or_else(
        || "found no array, expected at least one".into(),
        |arrays| format!("found the arrays {arrays}"),
    )
}

/// A cell that is not of its column's style.
#[derive(Clone, Debug, PartialEq)]
pub struct Stray {
    /// The line that its record begins on.
    pub line: u64,
    /// Its text.
    pub cell: String,
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.problem)
    }
}

impl Error for DataError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.problem.source()
    }
}

impl DataProblem {
    /// The error that this is of `path`.
    pub(crate) fn at(self, path: impl Into<PathBuf>) -> DataError {
        DataError {
            path: path.into(),
            problem: self,
        }
    }

    /// The system's refusal to let something be read.
    pub(crate) fn unreadable(source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            _ => Self::Unreadable(source),
        }
    }
}

/// What a symbolic link is that names no file.
pub(crate) const DEAD_LINK: &str = "symbolic link to a file that is not there";

/// The kinds of file that are read, for messages.
pub(crate) const SUPPORTED: &str = "IDX (.gz or plain), CIFAR-10 .bin, .npy, .npz, .safetensors, .parquet, .feather, or a table as text";

/// The most names that a message lists.
const LISTED: usize = 8;

impl DataError {
    /// A remedy; none where the system refuses for a reason of its own.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        use DataProblem as P;
        let hint = match &self.problem {
            P::Missing => {
                let names = builtin_names().join(", ");
                return Some(format!(
                    "give a path, or one of the built-in sources: {names}"
                ));
            }
            P::Unreadable(source) | P::Unwritable(source) => match source.kind() {
                io::ErrorKind::PermissionDenied => {
                    "check the owner and the permissions of the path"
                }
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    "free some space, or write to another disk"
                }
                io::ErrorKind::NotFound => "make the folder first",
                _ => return None,
            },
            P::NotAFile(DEAD_LINK) => "remove it, or bring the file back",
            P::NotAFile(_) => "copy what it holds into a file",
            P::NotADataSet { candidate, .. } => match candidate {
                Some(candidate) => {
                    let candidate = candidate.display();
                    return Some(format!("name one of them, for instance {candidate}"));
                }
                None => "name a directory with data in it, or a file",
            },
            P::Incomplete { .. } => "bring the missing files, or name one file of it",
            P::Empty => "the download or copy may have been cut short; fetch the file again",
            P::UnknownKind { .. } => "if it is a table, say so with data.format=\"table\"",
            P::BadMagic { .. } | P::Trailing { .. } => {
                "it is of another kind, or damaged; fetch the file again"
            }
            P::LoneLabels | P::NoImages => "name the file of the images",
            P::SeveralSets { candidate, .. } => {
                let candidate = candidate.display();
                return Some(format!(
                    "name the file of one of them, for instance {candidate}"
                ));
            }
            P::Arrays { expected, .. } if expected.is_empty() => NO_RECORDS,
            P::Arrays { example, .. } => {
                return Some(format!("name the array with data.array={example:?}"));
            }
            P::BadHeader { .. } => "write it again in Python: np.save(path, np.load(path))",
            P::Unsupported { .. } => {
                "convert it in Python: np.save(path, x.reshape(len(x), -1).astype(np.float64))"
            }
            P::Truncated { .. } | P::Compressed(_) | P::Archive(_) => {
                "the download or copy may have been cut short; fetch the file again"
            }
            P::TooManyRecords { .. } => "bring a part of the records",
            P::Variable { name, .. } => return Some(format!("unset {name}")),
            P::Memory { .. } => {
                "end other programs, use a machine with more memory, or bring a part of the records"
            }
            P::Expands { .. } | P::TooLarge { .. } if unpacker(&self.path).is_some() => {
                let (program, path) = (unpacker(&self.path)?, quoted(&self.path));
                return Some(format!(
                    "if you trust it, unpack it first: {program} {path}"
                ));
            }
            P::Expands { .. } => "unpack it first, if you trust it",
            P::TooLarge { .. } => "its header is damaged; fetch the file again",
            P::RecordLength { found, .. } if found.is_multiple_of(3074) => {
                "this looks like CIFAR-100, which has two label bytes per record; its images can be \
                 brought as a .npy file"
            }
            P::RecordLength { .. } => {
                "the download or copy may have been cut short; fetch the file again"
            }
            P::Picture(_) => "remove it from the folder, or save it anew as PNG",
            P::PictureSize { expected, .. } => {
                return Some(format!(
                    "bring them to one size with data.resize={expected:?}"
                ));
            }
            P::Pickles => return Some(unpickle(&self.path)),
            P::Resize { .. } => "choose for instance data.resize=[28, 28]",
            P::ImageSize { .. } => "bring all images to one size, of 1 pixel or more",
            P::ImageKey { .. } => {
                "28×28 grey pixels are image = [28, 28], 32×32 coloured ones image = [32, 32, 3]"
            }
            P::ImageRange { .. } => "scale the pixels to whole numbers from 0 to 255",
            P::BadLabel { .. } => "it is of another kind, or damaged; fetch the file again",
            P::NoRecords => NO_RECORDS,
            P::TooManyColumns { .. } => "choose fewer with data.columns=[\"NAME\"]",
            P::Ragged { .. } => {
                "look for a delimiter or a quote too many in that line; lines above the table have to \
                 go, or to begin with #; say what else separates the cells with data.delimiter=\";\""
            }
            P::Names { .. } => {
                "give each column a name; a line that names none has to go, or to begin with #; say what \
                 separates the cells, if it is something else, with data.delimiter=\";\""
            }
            P::NotText => "save a spreadsheet as CSV; an archive must be unpacked",
            // Nobody types more.
            P::TextColumns { columns } if columns.len() > 5 * LISTED => {
                "name the columns to learn with data.columns=[\"NAME\"]"
            }
            P::TextColumns { columns } => {
                let names = columns.iter().map(|(name, _)| name);
                return Some(format!("leave them out with {}", drop_key(names)));
            }
            P::Strays { column, .. } => {
                let key = drop_key(std::iter::once(column));
                return Some(format!(
                    "remove or mend these lines, or leave the column out with {key}"
                ));
            }
            P::UnknownColumn { .. } => "name a column as its header does, or by its number from 1",
            P::NotOfKind { .. } => {
                "take the column out of [columns], or say there that it is another kind: number, \
                 category or leave-out"
            }
            P::NoCompleteRecord { .. } => {
                "leave out the columns with the most missing values by name, with data.drop=[\"NAME\"]"
            }
            P::NothingToLearn { columns } if columns.is_empty() => {
                "bring records that differ in at least one column"
            }
            P::NothingToLearn { .. } => {
                "leave fewer columns out, or say in [columns] that one of text is a category"
            }
            P::NotFinite { .. } => MISSING_VALUES,
            P::TooLargeNumber { .. } => {
                "mend that cell, or leave its column out by name, with data.drop=[\"NAME\"]"
            }
            P::Normalize(_) => "pixels and gcn are for bytes (images), columns is for tables",
            P::Splits { .. } => "lower train, valid or test in [data]",
            P::Count { .. } => "choose another number with data.count=1000",
            P::NotBuilt => {
                "save the table as .csv, or build the program with Parquet in its source's folder: \
                 cargo build --release -p gan-cli --no-default-features --features parquet"
            }
            P::Codec { kind, .. } => {
                let (reads, writes) = match kind {
                    TypedFile::Parquet => (
                        "read_parquet",
                        "to_parquet('again.parquet', compression='snappy')",
                    ),
                    TypedFile::Arrow => (
                        "read_feather",
                        "to_feather('again.feather', compression='lz4')",
                    ),
                };
                return Some(format!(
                    "write it again: python3 -c \"import pandas, sys; \
                     pandas.{reads}(sys.argv[1]).{writes}\" {}",
                    quoted(&self.path)
                ));
            }
            P::OtherArrow { found } => {
                let reads = match found {
                    OtherArrow::Stream => {
                        "from pyarrow import ipc; ipc.open_stream(sys.argv[1]).read_pandas()"
                    }
                    OtherArrow::FeatherOne => "import pandas; pandas.read_feather(sys.argv[1])",
                };
                return Some(format!(
                    "save it as an Arrow IPC file (Feather 2): python3 -c \"import sys; \
                     {reads}.to_feather('again.feather', compression='lz4')\" {}",
                    quoted(&self.path)
                ));
            }
            P::CountOfFile => "use train, valid and test to take part of a file",
        };
        Some(hint.into())
    }
}

const NO_RECORDS: &str = "bring a file with records in it";
const MISSING_VALUES: &str = "remove or fill in the rows with missing values";

/// `path` as a shell takes it.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

/// The program that unpacks the file, by its name.
fn unpacker(path: &Path) -> Option<&'static str> {
    match path.extension()?.to_str()?.to_lowercase().as_str() {
        "gz" => Some("gunzip"),
        "zst" => Some("unzstd"),
        _ => None,
    }
}

/// A command that writes CIFAR-10's pickles, which are programs and are not read here, as the binary
/// version beside them.
fn unpickle(path: &Path) -> String {
    let path = path.display();
    format!(
        "if you trust them, convert them: python3 -c \"import glob, pickle, numpy as np; \
         [np.c_[np.uint8(b[b'labels']), b[b'data']].tofile(f + '.bin') \
         for f in glob.glob('{path}/*_batch*') if not f.endswith('.bin') \
         for b in [pickle.load(open(f, 'rb'), encoding='bytes')]]\""
    )
}

/// The key that leaves the columns `names` out.
fn drop_key<'a>(names: impl Iterator<Item = &'a String>) -> String {
    // As TOML has it, where a name may hold what Rust would write differently.
    let names: Vec<_> = names
        .map(|name| toml::Value::from(name.as_str()).to_string())
        .collect();
    format!("data.drop=[{}]", names.join(", "))
}

fn texts(columns: &[(String, Vec<String>)]) -> String {
    let column = |(name, cells): &(String, Vec<String>)| {
        let cells: Vec<_> = cells.iter().map(|cell| excerpt(cell)).collect();
        format!("{} ({})", excerpt(name), cells.join(", "))
    };
    let shown: Vec<_> = columns.iter().take(LISTED + 1).map(column).collect();
    let is_other = |(_, cells): &(String, Vec<String>)| matches!(&cells[..], [only] if only.starts_with(OTHER_TYPE));
    let what = match columns.iter().any(is_other) {
        true => "text or values of other types",
        false => "text",
    };
    let columns = first_few(&shown, columns.len()).unwrap_or_default();
    format!("{what} in {columns}")
}

/// What stands before the type of a column that is neither text nor read.
pub(crate) const OTHER_TYPE: &str = "of type ";

fn left_out(columns: &[String]) -> String {
    let columns = first_few(columns, columns.len());
    columns.map_or_else(String::new, |columns| {
        format!(" beside those that are left out: {columns}")
    })
}

fn places(column: &str, strays: &[Stray]) -> String {
    let stray = |stray: &Stray| format!("\"{}\" on line {}", excerpt(&stray.cell), stray.line);
    let strays: Vec<_> = strays.iter().map(stray).collect();
    format!("column {}: found {}", excerpt(column), strays.join(", "))
}

fn list(found: &[String]) -> String {
    listed(found).unwrap_or_else(|| "an empty directory".into())
}

/// The beginnings of some names, the first few of many; nothing of none.
pub(crate) fn listed(names: &[String]) -> Option<String> {
    let shown: Vec<_> = names
        .iter()
        .take(LISTED + 1)
        .map(|name| excerpt(name))
        .collect();
    first_few(&shown, names.len())
}

/// The first few of `count` texts that can be shown as they are; nothing of none.
pub(crate) fn first_few(shown: &[String], count: usize) -> Option<String> {
    first_of(shown, count, LISTED)
}

/// The same, up to `most` of them.
pub(crate) fn first_of(shown: &[String], count: usize, most: usize) -> Option<String> {
    let few = shown[..shown.len().min(most)].join(", ");
    match count {
        0 => None,
        n if n > most => Some(format!("{few} and {} more", n - most)),
        _ => Some(few),
    }
}

/// The beginning of a text, printable.
pub(crate) fn excerpt(text: &str) -> String {
    const SHOWN: usize = 40;
    let shown: String = text.chars().take(SHOWN).collect();
    let more = if shown.len() < text.len() { "…" } else { "" };
    format!("{}{more}", shown.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The place of `problem` among all kinds; a new kind does not compile before it has one, and
    /// then a row below.
    fn place(problem: &DataProblem) -> usize {
        use DataProblem as P;
        match problem {
            P::Missing => 0,
            P::Unreadable(_) => 1,
            P::Unwritable(_) => 2,
            P::NotAFile(_) => 3,
            P::NotADataSet { .. } => 4,
            P::Incomplete { .. } => 5,
            P::Empty => 6,
            P::UnknownKind { .. } => 7,
            P::BadMagic { .. } => 8,
            P::LoneLabels => 9,
            P::NoImages => 10,
            P::SeveralSets { .. } => 11,
            P::BadHeader { .. } => 12,
            P::Unsupported { .. } => 13,
            P::Truncated { .. } => 14,
            P::Trailing { .. } => 15,
            P::TooLarge { .. } => 16,
            P::Expands { .. } => 17,
            P::Memory { .. } => 18,
            P::Compressed(_) => 19,
            P::RecordLength { .. } => 20,
            P::Picture(_) => 21,
            P::PictureSize { .. } => 22,
            P::Pickles => 23,
            P::Resize { .. } => 24,
            P::ImageSize { .. } => 25,
            P::ImageKey { .. } => 26,
            P::ImageRange { .. } => 27,
            P::BadLabel { .. } => 28,
            P::NoRecords => 29,
            P::TooManyColumns { .. } => 30,
            P::Ragged { .. } => 31,
            P::NotText => 32,
            P::TextColumns { .. } => 33,
            P::Strays { .. } => 34,
            P::UnknownColumn { .. } => 35,
            P::NoCompleteRecord { .. } => 36,
            P::NothingToLearn { .. } => 37,
            P::NotFinite { .. } => 38,
            P::Normalize(_) => 39,
            P::Splits { .. } => 40,
            P::Count { .. } => 41,
            P::CountOfFile => 42,
            P::Archive(_) => 43,
            P::Arrays { .. } => 44,
            P::NotBuilt => 45,
            P::Codec { .. } => 46,
            P::TooManyRecords { .. } => 47,
            P::Variable { .. } => 48,
            P::NotOfKind { .. } => 49,
            P::Names { .. } => 50,
            P::TooLargeNumber { .. } => 51,
            P::OtherArrow { .. } => 52,
        }
    }

    #[test]
    #[rustfmt::skip] // A kind a row: what it is, what was found, what was expected, the hint.
    fn every_kind_says_what_was_found_and_expected_and_what_helps() {
        use DataProblem as P;
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let names = || vec!["a\u{1b}".to_owned(), "b".to_owned()];
        let stray = Stray { line: 7, cell: "Total".into() };
        let (found, expected) = (3, 4);
        let rows: [(DataProblem, &str, &str, &str); 53] = [
            (P::Missing, "no such file", "expected a path", "built-in sources: "),
            (P::Unreadable(denied()), "cannot be read", "", "permissions"),
            (P::Unwritable(denied()), "cannot be written", "", "permissions"),
            (P::NotAFile("pipe or device"), "a pipe", "a file", "copy"),
            (P::NotADataSet { found: names(), expected: "MNIST", candidate: None },
                r"found a\u{1b}, b", "the files of MNIST", "name a directory"),
            (P::Incomplete { missing: names(), expected: "CIFAR-10" },
                r"missing a\u{1b}, b", "CIFAR-10", "bring the missing"),
            (P::Empty, "0 bytes", "expected IDX", "fetch"),
            (P::UnknownKind { found: "x".into() }, "found x", "expected IDX", "data.format="),
            (P::BadMagic { found: 3 }, "0x00000003", "0x00000803", "fetch"),
            (P::LoneLabels, "one dimension", "expected images", "name the file"),
            (P::NoImages, "vectors", "images", "name the file"),
            (P::SeveralSets { found: names(), candidate: "b".into() }, "b", "", "for instance b"),
            (P::BadHeader { found: "x".into(), expected: "y" }, "found x", "expected y", "np.save"),
            (P::Unsupported { found: "x".into(), expected: "y" }, "found x", "expected y", "np.save"),
            (P::Truncated { found, expected }, "found 3", "expected 4", "fetch"),
            (P::Trailing { found, expected }, "at least 3", "expected 4", "fetch"),
            (P::TooLarge { found: "9".into(), expected }, "9 bytes", "at most 4", "gunzip 'it'\\''s.gz'"),
            (P::Expands { expected }, "more than 4", "at most that many", "gunzip 'it'\\''s.gz'"),
            (P::Memory { found, expected }, "about 3", "at most 4", "more memory"),
            (P::Compressed(denied()), "damaged", "", "fetch"),
            (P::RecordLength { found, expected }, "found 3", "multiple of 4", "fetch"),
            (P::Picture("x".into()), "picture: x", "", "save it anew"),
            (P::PictureSize { found: [1, 2], expected: [3, 4] }, "1×2", "3×4", "data.resize=[3, 4]"),
            (P::Pickles, "pickles", "binary version", "python3"),
            (P::Resize { found: [0, 2], expected: 9 }, "[0, 2]", "1 to 9", "data.resize="),
            (P::ImageSize { found: "x".into(), expected: "y".into() }, "of x", "expected y", "one size"),
            (P::ImageKey { found: vec![7], cols: 9 }, "[7]", "make 9", "[28, 28]"),
            (P::ImageRange { found: "x".into() }, "from x", "0 to 1", "0 to 255"),
            (P::BadLabel { row: 8, found: 11, expected: 9 }, "row 8: found label 11", "0 to 9", "fetch"),
            (P::NoRecords, "0 records", "at least 1", "bring"),
            (P::TooManyColumns { found: 3, expected: 4 }, "found 3", "at most 4", "data.columns="),
            (P::Ragged { line: 8, found: 3, expected: 4 }, "line 8: found 3", "expected 4", "delimiter"),
            (P::NotText, "no text", "a table", "CSV"),
            (P::TextColumns { columns: vec![("a\u{1b}".into(), names())] },
                r"a\u{1b} (a\u{1b}, b)", "expected numbers", r#"data.drop=["a\u001B"]"#),
            (P::Strays { column: "a".into(), strays: vec![stray] },
                "\"Total\" on line 7", "expected a number", r#"data.drop=["a"]"#),
            (P::UnknownColumn { key: "data.drop", found: "x".into(), expected: names() },
                "\"x\"", r"a\u{1b}, b", "number from 1"),
            (P::NoCompleteRecord { columns: "a 3".into() }, "every record", "complete records", "data.drop="),
            (P::NothingToLearn { columns: Vec::new() }, "no column", "at least one", "differ"),
            (P::NotFinite { place: "line 3".into(), found: 1e99 }, "line 3: found 1", "32-bit", "fill in"),
            (P::Normalize(Normalize::Gcn), "gcn", "expected none", "bytes"),
            (P::Splits { found: "5".into(), expected: "4".into() }, "splits of 5", "no more than 4", "lower"),
            (P::Count { found: 3, expected: 4 }, "is 3", "1 to 4", "data.count="),
            (P::CountOfFile, "beside a path", "built-in source only", "train, valid"),
            (P::Archive("x".into()), "archive: x", "", "fetch"),
            (P::Arrays { found: Some("x".into()), expected: names(), example: "b".into() },
                "found \"x\"", r"a\u{1b}, b", "data.array=\"b\""),
            (P::NotBuilt, "Parquet", "built without", "--features parquet"),
            (P::Codec { found: "zstd".into(), kind: TypedFile::Arrow }, "not read: zstd", "Snappy",
                "to_feather('again.feather', "),
            (P::TooManyRecords { found: 5, expected: 4 }, "found 5", "at most 4", "bring a part"),
            (P::Variable { name: "X", found: "y".into(), expected: "z" }, "X is \"y\"", "expected z", "unset X"),
            (P::NotOfKind { column: "a\u{1b}".into(), found: "x".into(), expected: ColumnKind::Number },
                r"a\u{1b}: found x", "expected a number", "leave-out"),
            (P::Names { line: 8, found: 3, expected: 4 }, "line 8: found 3 names", "expected 4", "data.delimiter="),
            (P::TooLargeNumber { place: "line 3".into(), found: "1e999\u{1b}".into(), expected: "y" },
                r"line 3: found 1e999\u{1b}", "expected y", "data.drop"),
            (P::OtherArrow { found: OtherArrow::Stream }, "an Arrow IPC stream", "(Feather 2)", "open_stream"),
        ];
        for (index, (problem, found, expected, remedy)) in rows.into_iter().enumerate() {
            assert_eq!(place(&problem), index, "{problem}");
            let error = problem.at("it's.gz");
            let text = error.to_string();
            assert!(text.starts_with("it's.gz: "), "{text}");
            assert!(text.contains(found) && text.contains(expected), "{text}");
            let hint = error.hint().unwrap_or_default();
            assert!(hint.contains(remedy), "{text}: {hint}");
            assert!(!text.chars().chain(hint.chars()).any(char::is_control), "{text}: {hint}");
        }
    }
}
