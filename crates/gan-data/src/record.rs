//! Records as a source gives them: values in its own units and what is known of them, before they
//! are split and normalised.

use std::ops::Range;

use gan_kernels::random::Permutation;
use serde::{Deserialize, Serialize};

use crate::array::in_pixels;
use crate::config::Normalize;
use crate::error::DataProblem;
use crate::mapped::{Form, Mapped};
use crate::mixture::Mixture;
use crate::table::{Table, TableShape};

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
        /// Names of the columns, if they have any.
        columns: Option<Vec<String>>,
        /// True if the file holds 64-bit numbers, otherwise samples have 32 bits.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        double: bool,
        /// For each column, whether it holds whole numbers alone; empty where none does.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        whole: Vec<bool>,
    },
    /// Columns of a table as text, whose cells are written as it writes them.
    Table(TableShape),
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
            Self::Vector { .. } | Self::Table(_) => None,
        }
    }

    /// Names of the columns that a record has a value of, where they have names.
    #[must_use]
    pub fn columns(&self) -> Option<Vec<&str>> {
        match self {
            Self::Image { .. } => None,
            Self::Vector { columns, .. } => {
                let columns = columns.as_ref()?;
                Some(columns.iter().map(String::as_str).collect())
            }
            Self::Table(table) => table
                .header
                .then(|| table.learnt().map(|(name, _)| name).collect()),
        }
    }

    /// Rounds a record in the user's units to what a file of this shape holds; blanks stay.
    ///
    /// # Panics
    /// If it is a table's, and there is not one value for each column that is learnt.
    pub fn round(&self, row: &mut [f64]) {
        match self {
            Self::Table(table) => {
                assert_eq!(row.len(), table.learnt().count(), "one value per column");
                let columns = row.iter_mut().zip(table.learnt());
                columns.for_each(|(value, (_, style))| *value = style.round(*value));
            }
            Self::Vector { double, whole, .. } => {
                let columns = row.iter_mut().zip(whole).filter(|(_, whole)| **whole);
                // No column has a negative zero.
                columns.for_each(|(value, _)| *value = value.round() + 0.0);
                if !double {
                    in_singles(row);
                }
            }
            Self::Image { .. } => in_singles(row),
        }
    }
}

/// Rounds to numbers of 32 bits.
fn in_singles(row: &mut [f64]) {
    row.iter_mut()
        .for_each(|value| *value = f64::from(*value as f32));
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
    /// Remarks for the user.
    pub(crate) notes: Vec<String>,
}

impl Loaded {
    /// Images of one byte per value, plane after plane, seen as pixels.
    pub(crate) fn images([height, width, channels]: [usize; 3], raw: Raw) -> Self {
        let shape = RecordShape::Image {
            height,
            width,
            channels,
        };
        let cols = height * width * channels;
        Self::new(shape, cols, raw)
    }

    /// Rows of numbers.
    pub(crate) fn vectors(cols: usize, raw: Raw) -> Self {
        let double = raw.form() == Form::Doubles;
        let shape = RecordShape::Vector {
            columns: None,
            double,
            whole: Vec::new(),
        };
        Self::new(shape, cols, raw)
    }

    /// Records of a table.
    pub(crate) fn table(table: Table) -> Self {
        Self {
            notes: table.notes,
            ..Self::new(
                RecordShape::Table(table.shape),
                table.cols,
                Raw::Doubles(table.values),
            )
        }
    }

    /// The same records in an order that `seed` draws. Where there are labels, each is as frequent
    /// in every part of it.
    pub(crate) fn drawn(self, seed: u64) -> Self {
        let rows = self.raw.len() / self.cols;
        let permutation = Permutation::new(seed, HOLD_OUT, rows);
        let (raw, labels) = match (self.raw, self.labels) {
            // As many numbers as records would take memory.
            (Raw::Mapped(mapped), None) => {
                let mapped = mapped.reordered(move |index| permutation.at(index));
                (Raw::Mapped(mapped), None)
            }
            (raw, labels) => {
                let mut order: Vec<usize> = (0..rows).map(|index| permutation.at(index)).collect();
                if let Some(labels) = &labels {
                    order = spread_evenly(order, labels);
                }
                let labels = labels.map(|labels| order.iter().map(|&row| labels[row]).collect());
                (raw.reordered(self.cols, order), labels)
            }
        };
        Self {
            raw,
            labels,
            ..self
        }
    }

    fn new(shape: RecordShape, cols: usize, raw: Raw) -> Self {
        Self {
            // Bytes that are no image's are numbers like any others.
            auto: match (&shape, raw.form()) {
                (RecordShape::Image { .. }, Form::Bytes) => Normalize::Pixels,
                _ => Normalize::Standardize,
            },
            raw,
            cols,
            shape,
            labels: None,
            classes: None,
            test_rows: None,
            mixture: None,
            notes: Vec::new(),
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

/// The epoch of the permutation that draws the held-out records; no training comes so far.
const HOLD_OUT: u64 = u64::MAX;

/// `order` with the records of each label spread evenly over it.
fn spread_evenly(order: Vec<usize>, labels: &[u8]) -> Vec<usize> {
    let mut counts = [0usize; 256];
    labels
        .iter()
        .for_each(|&label| counts[usize::from(label)] += 1);
    let mut seen = [0usize; 256];
    let mut placed: Vec<(f64, usize)> = Vec::with_capacity(order.len());
    for row in order {
        let label = usize::from(labels[row]);
        // The k-th of n records of a label belongs into the k-th of n parts of the order.
        placed.push(((seen[label] as f64 + 0.5) / counts[label] as f64, row));
        seen[label] += 1;
    }
    placed.sort_by(|a, b| a.0.total_cmp(&b.0));
    placed.into_iter().map(|(_, row)| row).collect()
}

/// Values as a file keeps them, row-major.
pub(crate) enum Raw {
    Bytes(Vec<u8>),
    Singles(Vec<f32>),
    /// Kept in 64 bits until standardised: a column of timestamps would lose its differences.
    Doubles(Vec<f64>),
    /// In a file, that is not read into memory.
    Mapped(Mapped),
}

impl Raw {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Bytes(data) => data.len(),
            Self::Singles(data) => data.len(),
            Self::Doubles(data) => data.len(),
            Self::Mapped(mapped) => mapped.rows * mapped.cols,
        }
    }

    /// What its values are.
    pub(crate) fn form(&self) -> Form {
        match self {
            Self::Bytes(_) => Form::Bytes,
            Self::Singles(_) => Form::Singles,
            Self::Doubles(_) => Form::Doubles,
            Self::Mapped(mapped) => mapped.form,
        }
    }

    /// The value at `index`.
    pub(crate) fn at(&self, index: usize) -> f64 {
        match self {
            Self::Bytes(data) => f64::from(data[index]),
            Self::Singles(data) => f64::from(data[index]),
            Self::Doubles(data) => data[index],
            Self::Mapped(mapped) => {
                let cols = mapped.cols;
                mapped.with_row(index / cols, |row| row[index % cols])
            }
        }
    }

    /// Calls `is` on each of the records `rows` of `cols` values until it is false of one; true if it
    /// is of none.
    pub(crate) fn all_rows(
        &self,
        cols: usize,
        mut rows: Range<usize>,
        mut is: impl FnMut(&[f64]) -> bool,
    ) -> bool {
        if let Self::Mapped(mapped) = self {
            return mapped.all_rows(rows, &mut is);
        }
        let mut values = vec![0.0; cols];
        rows.all(|row| {
            let place = row * cols..(row + 1) * cols;
            let out = values.iter_mut();
            match self {
                Self::Bytes(data) => out.zip(&data[place]).for_each(|(x, &y)| *x = y.into()),
                Self::Singles(data) => out.zip(&data[place]).for_each(|(x, &y)| *x = y.into()),
                Self::Doubles(data) => out.zip(&data[place]).for_each(|(x, &y)| *x = y),
                Self::Mapped(_) => {}
            }
            is(&values)
        })
    }

    /// Refuses NaN, infinities and numbers that 32 bits cannot hold.
    pub(crate) fn check_finite(&self, cols: usize) -> Result<(), DataProblem> {
        let wrong = match self {
            Self::Bytes(_) => None,
            Self::Singles(data) => data.iter().position(|value| !value.is_finite()),
            Self::Doubles(data) => data.iter().position(|&value| !is_finite(value)),
            Self::Mapped(mapped) => {
                let wrong = mapped.first_not_finite();
                return wrong.map_or(Ok(()), |(index, found)| Err(not_finite(index, cols, found)));
            }
        };
        wrong.map_or(Ok(()), |index| Err(not_finite(index, cols, self.at(index))))
    }

    /// The same records in the order `order`, which names each of them once.
    pub(crate) fn reordered(self, cols: usize, order: Vec<usize>) -> Self {
        match self {
            Self::Bytes(data) => Self::Bytes(reorder(&data, cols, &order)),
            Self::Singles(data) => Self::Singles(reorder(&data, cols, &order)),
            Self::Doubles(data) => Self::Doubles(reorder(&data, cols, &order)),
            Self::Mapped(mapped) => Self::Mapped(mapped.reordered(move |index| order[index])),
        }
    }

    /// The same array of the sizes `shape` with the last index varying fastest, where the first did.
    ///
    /// # Panics
    /// If it is mapped: [`Mapped::array`] does this.
    pub(crate) fn transposed(self, shape: &[usize]) -> Self {
        match self {
            Self::Bytes(data) => Self::Bytes(transpose(&data, shape)),
            Self::Singles(data) => Self::Singles(transpose(&data, shape)),
            Self::Doubles(data) => Self::Doubles(transpose(&data, shape)),
            Self::Mapped(_) => unreachable!("a mapped array knows its order"),
        }
    }

    /// Images of `size`, height, width and channels, with the values of each channel side by side
    /// where those of each pixel were.
    pub(crate) fn in_planes(self, size: [usize; 3]) -> Self {
        match self {
            Self::Bytes(data) => Self::Bytes(in_planes(&data, size)),
            Self::Singles(data) => Self::Singles(in_planes(&data, size)),
            Self::Doubles(data) => Self::Doubles(in_planes(&data, size)),
            Self::Mapped(mapped) => Self::Mapped(mapped.in_planes(size)),
        }
    }

    /// The same values in bytes, each `value · scale + offset`, rounded.
    pub(crate) fn in_bytes(self, scale: f64, offset: f64) -> Self {
        let byte = |value: f64| (value * scale + offset).round() as u8;
        let data = match self {
            Self::Bytes(data) => data.into_iter().map(|value| byte(value.into())).collect(),
            Self::Singles(data) => data.into_iter().map(|value| byte(value.into())).collect(),
            Self::Doubles(data) => data.into_iter().map(byte).collect(),
            Self::Mapped(mapped) => return Self::Mapped(mapped.in_bytes(scale, offset)),
        };
        Self::Bytes(data)
    }

    /// These records of bytes, then those of `other`, all of `cols` values.
    ///
    /// # Panics
    /// If they are no bytes.
    pub(crate) fn followed_by(self, other: Self, cols: usize) -> Self {
        let mapped = |raw| match raw {
            Self::Mapped(mapped) => mapped,
            Self::Bytes(data) => Mapped::held(data, cols),
            Self::Singles(_) | Self::Doubles(_) => unreachable!("bytes"),
        };
        match (self, other) {
            (Self::Bytes(mut all), Self::Bytes(more)) => {
                all.extend(more);
                Self::Bytes(all)
            }
            (one, two) => Self::Mapped(mapped(one).followed_by(mapped(two))),
        }
    }
}

fn not_finite(index: usize, cols: usize, found: f64) -> DataProblem {
    DataProblem::NotFinite {
        place: format!("row {}, column {}", index / cols + 1, index % cols + 1),
        found,
    }
}

fn in_planes<T: Copy>(data: &[T], size: [usize; 3]) -> Vec<T> {
    let pixels = data.chunks_exact(size.iter().product());
    pixels
        .flat_map(|image| (0..image.len()).map(move |place| image[in_pixels(size, place)]))
        .collect()
}

fn reorder<T: Copy>(data: &[T], cols: usize, order: &[usize]) -> Vec<T> {
    let mut reordered = Vec::with_capacity(data.len());
    for row in order {
        reordered.extend_from_slice(&data[row * cols..][..cols]);
    }
    reordered
}

fn transpose<T: Copy>(data: &[T], shape: &[usize]) -> Vec<T> {
    let place = |mut index: usize| {
        // From the last axis, which varies fastest here, to the first, which does there.
        let mut places = [0; 4];
        for (axis, &size) in shape.iter().enumerate().rev() {
            (places[axis], index) = (index % size, index / size);
        }
        let axes = places.iter().zip(shape).rev();
        axes.fold(0, |there, (place, size)| there * size + place)
    };
    (0..data.len()).map(|index| data[place(index)]).collect()
}

/// True for a number that 32 bits can hold.
pub(crate) fn is_finite(value: f64) -> bool {
    value.abs() <= f64::from(f32::MAX)
}
