//! Records as a source gives them: values in its own units and what is known of them, before they
//! are split and normalised.

use serde::{Deserialize, Serialize};

use crate::config::Normalize;
use crate::error::DataProblem;
use crate::mixture::Mixture;

/// The meaning of the values of one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RecordShape {
    /// Pixels, one plane per channel, each plane row by row from the top left.
    Image {
        /// Rows of pixels.
        height: usize,
        /// Pixels per row.
        width: usize,
        /// 1 for grey, 3 for red, green and blue.
        channels: usize,
    },
    /// Numbers in columns.
    Vector {
        /// Names of the columns, if the file has a header.
        columns: Option<Vec<String>>,
    },
}

impl RecordShape {
    /// Height, width and channels of an image; `None` for other records.
    #[must_use]
    pub fn image(&self) -> Option<[usize; 3]> {
        match *self {
            Self::Image {
                height,
                width,
                channels,
            } => Some([height, width, channels]),
            Self::Vector { .. } => None,
        }
    }

    /// Names of the columns, where there are columns with names.
    #[must_use]
    pub fn columns(&self) -> Option<&[String]> {
        match self {
            Self::Image { .. } => None,
            Self::Vector { columns } => columns.as_deref(),
        }
    }
}

/// Everything that a loader or a built-in source hands over.
pub(crate) struct Loaded {
    pub(crate) raw: Raw,
    /// Values per record.
    pub(crate) cols: usize,
    pub(crate) shape: RecordShape,
    /// Class of each record, where known.
    pub(crate) labels: Option<Vec<u8>>,
    /// Number of classes, where there are labels.
    pub(crate) classes: Option<usize>,
    /// Number of rows at the end that came as a test set of their own, if any did.
    pub(crate) test_rows: Option<usize>,
    /// The normalisation that [`Normalize::Auto`] stands for.
    pub(crate) auto: Normalize,
    /// The density that the records were drawn from, where known.
    pub(crate) mixture: Option<Mixture>,
}

impl Loaded {
    /// Images of one byte per value, plane after plane, seen as pixels.
    pub(crate) fn images([height, width, channels]: [usize; 3], bytes: Vec<u8>) -> Self {
        let shape = RecordShape::Image {
            height,
            width,
            channels,
        };
        let cols = height * width * channels;
        Self::new(shape, cols, Raw::Bytes(bytes))
    }

    /// Rows of numbers.
    pub(crate) fn table(cols: usize, columns: Option<Vec<String>>, raw: Raw) -> Self {
        Self::new(RecordShape::Vector { columns }, cols, raw)
    }

    fn new(shape: RecordShape, cols: usize, raw: Raw) -> Self {
        Self {
            auto: match raw {
                Raw::Bytes(_) => Normalize::Pixels,
                Raw::Singles(_) | Raw::Doubles(_) => Normalize::Standardize,
            },
            raw,
            cols,
            shape,
            labels: None,
            classes: None,
            test_rows: None,
            mixture: None,
        }
    }

    /// The same records with the class of each, below `classes`.
    pub(crate) fn with_labels(self, labels: Vec<u8>, classes: usize) -> Self {
        Self {
            labels: Some(labels),
            classes: Some(classes),
            ..self
        }
    }
}

/// Values as a file keeps them, row-major.
pub(crate) enum Raw {
    Bytes(Vec<u8>),
    Singles(Vec<f32>),
    /// Kept in 64 bits until standardised: a column of timestamps would lose its differences.
    Doubles(Vec<f64>),
}

impl Raw {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Bytes(data) => data.len(),
            Self::Singles(data) => data.len(),
            Self::Doubles(data) => data.len(),
        }
    }

    /// The value at `index`.
    pub(crate) fn at(&self, index: usize) -> f64 {
        match self {
            Self::Bytes(data) => f64::from(data[index]),
            Self::Singles(data) => f64::from(data[index]),
            Self::Doubles(data) => data[index],
        }
    }

    /// Refuses NaN, infinities and numbers that 32 bits cannot hold.
    pub(crate) fn check_finite(&self, cols: usize) -> Result<(), DataProblem> {
        let wrong = match self {
            Self::Bytes(_) => None,
            Self::Singles(data) => data.iter().position(|value| !value.is_finite()),
            Self::Doubles(data) => data.iter().position(|&value| !is_finite(value)),
        };
        match wrong {
            None => Ok(()),
            Some(index) => Err(DataProblem::NotFinite {
                place: format!("row {}, column {}", index / cols + 1, index % cols + 1),
                found: self.at(index),
            }),
        }
    }

    /// The same table from column-major values.
    pub(crate) fn transposed(self, cols: usize) -> Self {
        match self {
            Self::Bytes(data) => Self::Bytes(transpose(&data, cols)),
            Self::Singles(data) => Self::Singles(transpose(&data, cols)),
            Self::Doubles(data) => Self::Doubles(transpose(&data, cols)),
        }
    }
}

fn transpose<T: Copy>(data: &[T], cols: usize) -> Vec<T> {
    let rows = data.len() / cols;
    (0..data.len())
        .map(|index| data[index % cols * rows + index / cols])
        .collect()
}

/// True for a number that 32 bits can hold.
pub(crate) fn is_finite(value: f64) -> bool {
    value.abs() <= f64::from(f32::MAX)
}
