//! Everything that can be wrong with data, told with the path, what was found and what was expected.

use std::io;
use std::path::{Path, PathBuf};

use crate::config::Normalize;
use crate::draw::builtin_names;

/// Reasons why data could not be loaded or written.
///
/// Rows, lines and columns count from 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum DataError {
    /// Nothing is there, and it is no built-in source.
    #[error("{path}: no such file or directory, and not one of the built-in sources")]
    Missing { path: PathBuf },
    /// The system refuses, for instance for want of permission.
    #[error("{path}: cannot be read")]
    Unreadable { path: PathBuf, source: io::Error },
    /// A generated file could not be written.
    #[error("{path}: cannot be written")]
    Unwritable { path: PathBuf, source: io::Error },
    /// A directory, pipe or device in a file's place.
    #[error("{path}: found a {found}, expected a file")]
    NotAFile { path: PathBuf, found: &'static str },
    /// A directory without the files of a known data set.
    #[error("{path}: found {}, expected the files of {expected}", list(found))]
    NotADataSet {
        path: PathBuf,
        found: Vec<String>,
        expected: &'static str,
        /// A file or directory among those found that may be a data set.
        candidate: Option<PathBuf>,
    },
    /// Some files of a data set are absent.
    #[error("{path}: {expected} is incomplete: missing {}", found.join(", "))]
    Incomplete {
        path: PathBuf,
        found: Vec<String>,
        expected: &'static str,
    },
    /// A file of no bytes.
    #[error("{path}: found 0 bytes, expected {expected}")]
    Empty {
        path: PathBuf,
        expected: &'static str,
    },
    /// Neither content nor name tells a kind that is read here.
    #[error("{path}: found {found}, expected {}", SUPPORTED)]
    UnknownKind { path: PathBuf, found: String },
    /// An IDX file of another kind than its place asks for.
    #[error(
        "{path}: not the IDX file that is wanted: found magic {found:#010x}, expected {expected:#010x}"
    )]
    BadMagic {
        path: PathBuf,
        found: u32,
        expected: u32,
    },
    /// The header of a `.npy` file does not parse.
    #[error("{path}: damaged npy header: found {found}, expected {expected}")]
    BadHeader {
        path: PathBuf,
        found: String,
        expected: &'static str,
    },
    /// An element type or a number of dimensions that is not read.
    #[error("{path}: found {found}, expected {expected}")]
    Unsupported {
        path: PathBuf,
        found: String,
        expected: &'static str,
    },
    /// Fewer bytes than the header promises.
    #[error("{path}: truncated: found {found} bytes, expected {expected}")]
    Truncated {
        path: PathBuf,
        found: u64,
        expected: u64,
    },
    /// More bytes than the header promises.
    #[error(
        "{path}: bytes after the end of the data: found at least {found} bytes, expected {expected}"
    )]
    Trailing {
        path: PathBuf,
        found: u64,
        expected: u64,
    },
    /// A header that promises more than any file of this size can hold.
    #[error("{path}: header promises {found} bytes, expected at most {expected} from this file")]
    TooLarge {
        path: PathBuf,
        found: String,
        expected: u64,
    },
    /// Compressed data that does not decompress.
    #[error("{path}: damaged or truncated gzip data")]
    Gzip { path: PathBuf, source: io::Error },
    /// A length that is no whole number of CIFAR-10 records.
    #[error(
        "{path}: found {found} bytes, expected a multiple of {expected} (label byte + 32×32×3 pixels)"
    )]
    RecordLength {
        path: PathBuf,
        found: u64,
        expected: u64,
    },
    /// Images of no pixels, or test images of another size than the training images.
    #[error("{path}: found images of {found} pixels, expected {expected}")]
    ImageSize {
        path: PathBuf,
        found: String,
        expected: String,
    },
    /// A label beyond the classes of the data set.
    #[error("{path}: row {row}: found label {found}, expected 0 to {expected}")]
    BadLabel {
        path: PathBuf,
        row: usize,
        found: u8,
        expected: u8,
    },
    /// Not one label per image.
    #[error("{path}: found {found} labels, expected {expected}, one per image")]
    LabelCount {
        path: PathBuf,
        found: usize,
        expected: usize,
    },
    /// No record at all.
    #[error("{path}: found 0 records, expected at least 1")]
    NoRecords { path: PathBuf },
    /// Lines of unequal length.
    #[error("{path}: line {line}: found {found} columns, expected {expected}")]
    Ragged {
        path: PathBuf,
        line: u64,
        found: usize,
        expected: usize,
    },
    /// Text in a numeric column.
    #[error("{path}: {place}: found {found:?}, expected a number")]
    NotANumber {
        path: PathBuf,
        place: String,
        found: String,
    },
    /// NaN, infinity, or a number that 32 bits cannot hold.
    #[error("{path}: {place}: found {found}, expected a finite 32-bit number")]
    NotFinite {
        path: PathBuf,
        place: String,
        found: f64,
    },
    /// A normalisation that these values do not admit.
    #[error("{path}: normalize is {found}, expected none or standardize for floats")]
    Normalize { path: PathBuf, found: Normalize },
    /// Splits that do not fit the records.
    #[error(
        "{path}: splits of {found} records (train, valid, test), expected 1 or more to train and \
         no more than {expected}"
    )]
    Splits {
        path: PathBuf,
        found: String,
        expected: String,
    },
    /// A `count` that a built-in source cannot draw.
    #[error("{source_name}: count is {found}, expected 1 to {expected}")]
    Count {
        source_name: String,
        found: usize,
        expected: usize,
    },
    /// A `count` beside a path.
    #[error("{path}: found count beside a path, expected it with a built-in source only")]
    CountOfFile { path: PathBuf },
}

/// The kinds of file that are read, for messages.
pub(crate) const SUPPORTED: &str = "IDX (.gz or plain), CIFAR-10 .bin, .npy or .csv";

/// The most names of a directory that a message lists.
const LISTED: usize = 8;

impl DataError {
    /// The system's refusal to let `path` be read.
    pub(crate) fn unreadable(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            _ => Self::Unreadable { path, source },
        }
    }

    /// A remedy, where one is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Missing { .. } => format!(
                "give a path, or one of the built-in sources: {}",
                builtin_names().join(", ")
            ),
            Self::Unreadable { source, .. } | Self::Unwritable { source, .. }
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                "check the owner and the permissions of the path".into()
            }
            Self::NotADataSet { candidate, .. } => {
                let candidate = candidate.as_ref()?.display();
                format!("name one of them, for instance {candidate}")
            }
            Self::UnknownKind { found, .. } if found.contains("gzip") => {
                "only IDX files are read compressed; unpack the others".into()
            }
            Self::Unsupported { found, .. } if found.contains("array of") => {
                "convert it in Python: images on [0, 1] by \
                 np.save(path, np.round(255 * x).astype(np.uint8)), \
                 rows of numbers by np.save(path, x.reshape(len(x), -1).astype(np.float32))"
                    .into()
            }
            Self::Truncated { .. } | Self::Gzip { .. } => {
                "the download or copy may have been cut short; fetch the file again".into()
            }
            Self::RecordLength { found, .. } if found.is_multiple_of(3074) => {
                "this looks like CIFAR-100, which has two label bytes per record".into()
            }
            Self::NotANumber { found, .. } => return number_hint(found),
            Self::NotFinite { .. } => "remove or fill in the rows with missing values".into(),
            Self::Normalize { .. } => "pixels and gcn are for bytes (images)".into(),
            Self::Splits { .. } => "lower train, valid or test in [data]".into(),
            Self::CountOfFile { .. } => "use train, valid and test to take part of a file".into(),
            _ => return None,
        };
        Some(hint)
    }
}

fn list(found: &[String]) -> String {
    match found.len() {
        0 => "an empty directory".into(),
        n if n > LISTED => format!("{} and {} more", found[..LISTED].join(", "), n - LISTED),
        _ => found.join(", "),
    }
}

fn number_hint(found: &str) -> Option<String> {
    if found.is_empty() {
        return Some("remove or fill in the rows with missing values".into());
    }
    let decimal_comma = found.contains(',') && found.replace(',', ".").parse::<f64>().is_ok();
    decimal_comma.then(|| "write decimal points, not commas".into())
}

/// The beginning of a text, printable.
pub(crate) fn excerpt(text: &str) -> String {
    const SHOWN: usize = 40;
    let more = if text.chars().nth(SHOWN).is_some() {
        "…"
    } else {
        ""
    };
    let shown: String = text.chars().take(SHOWN).collect();
    format!("{}{more}", shown.escape_debug())
}
