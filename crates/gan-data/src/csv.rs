//! Tables of numbers as text.
//!
//! Comma, semicolon or tab separates columns, whichever the first line has most of.
//! The first line is a header if no cell of it is a number.

use std::path::{Path, PathBuf};

use ::csv::{ByteRecord, ReaderBuilder, Trim};

use crate::dataset::{Loaded, RecordShape};
use crate::input::{Input, unreadable};
use crate::normalize::{Raw, is_finite};
use crate::npy::excerpt;
use crate::{DataError, Normalize};

/// Loads a table, one record per line.
pub(crate) fn load(input: Input) -> Result<Loaded, DataError> {
    let path = input.path().to_path_buf();
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter(input.prefix()))
        .has_headers(false)
        // Unequal lengths are found here, where the message can be ours.
        .flexible(true)
        .trim(Trim::All)
        .from_reader(input.into_reader());
    let mut record = ByteRecord::new();
    let mut table: Option<Table> = None;
    while reader
        .read_byte_record(&mut record)
        .map_err(|error| read_error(&path, error))?
    {
        match &mut table {
            Some(table) => table.push(&record)?,
            None => table = Some(Table::begin(&path, &record)?),
        }
    }
    match table {
        Some(table) if !table.values.is_empty() => Ok(table.loaded()),
        _ => Err(DataError::NoRecords { path }),
    }
}

struct Table {
    path: PathBuf,
    cols: usize,
    columns: Option<Vec<String>>,
    values: Vec<f64>,
}

impl Table {
    /// A table whose first line is `record`: a header or numbers.
    fn begin(path: &Path, record: &ByteRecord) -> Result<Self, DataError> {
        let is_header = record.iter().all(|cell| number(cell).is_none());
        let mut table = Self {
            path: path.into(),
            cols: record.len(),
            columns: is_header.then(|| names(record)),
            values: Vec::new(),
        };
        if !is_header {
            table.push(record)?;
        }
        Ok(table)
    }

    fn push(&mut self, record: &ByteRecord) -> Result<(), DataError> {
        let line = record.position().map_or(0, ::csv::Position::line);
        if record.len() != self.cols {
            return Err(DataError::Ragged {
                path: self.path.clone(),
                line,
                found: record.len(),
                expected: self.cols,
            });
        }
        for (col, cell) in record.iter().enumerate() {
            let Some(value) = number(cell) else {
                return Err(DataError::NotANumber {
                    path: self.path.clone(),
                    place: self.place(line, col),
                    found: excerpt(&String::from_utf8_lossy(cell)),
                });
            };
            if !is_finite(value) {
                return Err(DataError::NotFinite {
                    path: self.path.clone(),
                    place: self.place(line, col),
                    found: value,
                });
            }
            self.values.push(value);
        }
        Ok(())
    }

    fn place(&self, line: u64, col: usize) -> String {
        let name = self
            .columns
            .as_ref()
            .map(|columns| format!(" ({})", excerpt(&columns[col])));
        format!(
            "line {line}, column {}{}",
            col + 1,
            name.unwrap_or_default()
        )
    }

    fn loaded(self) -> Loaded {
        Loaded {
            raw: Raw::Doubles(self.values),
            cols: self.cols,
            shape: RecordShape::Vector {
                columns: self.columns,
            },
            labels: None,
            classes: None,
            test_rows: None,
            auto: Normalize::Standardize,
            mixture: None,
        }
    }
}

/// The delimiter that occurs most in the first line; a comma if none does.
fn delimiter(prefix: &[u8]) -> u8 {
    let line = prefix
        .split(|&byte| byte == b'\n')
        .find(|line| !line.trim_ascii().is_empty());
    let line = line.unwrap_or_default();
    let count = |delimiter: u8| line.iter().filter(|&&byte| byte == delimiter).count();
    // The last of equals wins, so the comma comes last.
    [b'\t', b';', b',']
        .into_iter()
        .max_by_key(|&delimiter| count(delimiter))
        .unwrap_or(b',')
}

fn number(cell: &[u8]) -> Option<f64> {
    std::str::from_utf8(cell).ok()?.parse().ok()
}

/// Names of a header's columns; `numpy.savetxt` begins its header with `#`.
fn names(record: &ByteRecord) -> Vec<String> {
    let name = |cell| {
        String::from_utf8_lossy(cell)
            .trim_start_matches(['#', ' '])
            .to_owned()
    };
    record.iter().map(name).collect()
}

fn read_error(path: &Path, error: ::csv::Error) -> DataError {
    let source = match error.into_kind() {
        ::csv::ErrorKind::Io(source) => source,
        // Byte records of any length leave only I/O to fail.
        other => std::io::Error::other(format!("{other:?}")),
    };
    unreadable(path, source)
}
