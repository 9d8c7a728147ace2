//! Tables of numbers as text.
//!
//! Columns are separated by semicolons if the first line has one, else by tabs, else by commas.
//! The first line is a header if no cell of it is a number.

use std::io::Read;

use ::csv::{ByteRecord, ReaderBuilder, Terminator};

use crate::error::{DataError, DataProblem, excerpt};
use crate::input::Input;
use crate::record::{Loaded, Raw, is_finite};

/// Loads a table, one record per line.
pub(crate) fn load(input: Input) -> Result<Loaded, DataError> {
    let path = input.path().to_path_buf();
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter(input.prefix()))
        .has_headers(false)
        // The default counts a line only when it sees the feed after the return, one record late;
        // a return at the end of a cell is trimmed as any white space.
        .terminator(Terminator::Any(b'\n'))
        // Unequal lengths are found here, where the message can be ours.
        .flexible(true)
        .from_reader(input.into_reader().chain(&b"\n"[..]));
    let mut record = ByteRecord::new();
    let mut table: Option<Table> = None;
    let at = |problem: DataProblem| problem.at(&path);
    while reader
        .read_byte_record(&mut record)
        .map_err(|error| at(read_error(error)))?
    {
        if record.len() == 1 && record[0].trim_ascii().is_empty() {
            continue;
        }
        // The reader stands behind the line's end; the last line was given one if it had none.
        let line = reader.position().line().saturating_sub(1);
        match &mut table {
            Some(table) => table.push(line, &record).map_err(at)?,
            None => table = Some(Table::begin(line, &record).map_err(at)?),
        }
    }
    match table {
        Some(table) if !table.values.is_empty() => Ok(table.loaded()),
        _ => Err(at(DataProblem::NoRecords)),
    }
}

struct Table {
    cols: usize,
    columns: Option<Vec<String>>,
    values: Vec<f64>,
}

impl Table {
    /// A table whose first line is `record`: a header or numbers.
    fn begin(line: u64, record: &ByteRecord) -> Result<Self, DataProblem> {
        let is_header = record.iter().all(|cell| number(cell).is_none());
        let mut table = Self {
            cols: record.len(),
            columns: is_header.then(|| names(record)),
            values: Vec::new(),
        };
        if !is_header {
            table.push(line, record)?;
        }
        Ok(table)
    }

    fn push(&mut self, line: u64, record: &ByteRecord) -> Result<(), DataProblem> {
        if record.len() != self.cols {
            return Err(DataProblem::Ragged {
                line,
                found: record.len(),
                expected: self.cols,
            });
        }
        for (col, cell) in record.iter().enumerate() {
            let Some(value) = number(cell) else {
                return Err(DataProblem::NotANumber {
                    place: self.place(line, col),
                    found: excerpt(&String::from_utf8_lossy(cell.trim_ascii())),
                });
            };
            if !is_finite(value) {
                let (place, found) = (self.place(line, col), value);
                return Err(DataProblem::NotFinite { place, found });
            }
            self.values.push(value);
        }
        Ok(())
    }

    fn place(&self, line: u64, col: usize) -> String {
        let columns = self.columns.as_ref();
        let name = columns.map(|columns| format!(" ({})", excerpt(&columns[col])));
        format!(
            "line {line}, column {}{}",
            col + 1,
            name.unwrap_or_default()
        )
    }

    fn loaded(self) -> Loaded {
        Loaded::table(self.cols, self.columns, Raw::Doubles(self.values))
    }
}

/// The byte that separates the columns of the first line.
///
/// Semicolons come first: where they separate, commas may be decimal.
fn delimiter(prefix: &[u8]) -> u8 {
    let mut lines = prefix.split(|&byte| byte == b'\n');
    let line = lines
        .find(|line| !line.trim_ascii().is_empty())
        .unwrap_or_default();
    let mut separators = [b';', b'\t'].into_iter();
    let found = separators.find(|separator| line.contains(separator));
    found.unwrap_or(b',')
}

fn number(cell: &[u8]) -> Option<f64> {
    std::str::from_utf8(cell.trim_ascii()).ok()?.parse().ok()
}

/// Names of a header's columns; `numpy.savetxt` begins its header with `#`.
fn names(record: &ByteRecord) -> Vec<String> {
    let name = |cell: &[u8]| String::from_utf8_lossy(cell).trim().to_owned();
    let mut names: Vec<_> = record.iter().map(name).collect();
    if let Some(first) = names.first_mut() {
        *first = first.trim_start_matches(['#', ' ']).to_owned();
    }
    names
}

fn read_error(error: ::csv::Error) -> DataProblem {
    DataProblem::unreadable(match error.into_kind() {
        ::csv::ErrorKind::Io(source) => source,
        // Byte records of any length leave only I/O to fail.
        other => std::io::Error::other(format!("{other:?}")),
    })
}
