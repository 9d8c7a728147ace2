//! Tables as people keep them: text in some encoding, with some delimiter, perhaps a header, columns
//! of numbers, dates or yes and no, blanks, an index.
//!
//! A table is read twice: once to tell what its columns are, from all of their cells, and once for
//! the values. What cannot be told from the file is settled by [`TableKeys`].
//! Tables of typed columns, such as Arrow's, take the same way as [`Cells`].

mod cell;
mod codes;
mod column;
mod decode;
mod dialect;
mod header;
mod mixed;
mod text;
mod time;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub(crate) use cell::guarded;
#[cfg(feature = "parquet")]
pub(crate) use cell::is_missing_text;
pub use cell::{Marks, NumberStyle};
pub use column::Style;
#[cfg(feature = "parquet")]
pub(crate) use time::{DAY_OF_DIGITS, microseconds, write as write_time};

use crate::config::{self, ColumnKind};
use crate::error::{DataProblem, OTHER_TYPE, excerpt, first_few, listed};
use column::{Kind, Scan, Values};
use dialect::Delimiter;
use text::Text;

/// The keys of `[data]` that say how a table is read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TableKeys<'a> {
    /// What separates the cells of a table as text; to be told from the file if not given.
    pub(crate) delimiter: Option<config::Delimiter>,
    /// True if the first record names the columns; to be told from the file if not given.
    pub(crate) header: Option<bool>,
    /// The columns to take, by name or number; all but an index if not given.
    pub(crate) columns: Option<&'a [String]>,
    /// Columns to leave out.
    pub(crate) drop: &'a [String],
    /// True if every column is a value of the records, whatever its cells are.
    pub(crate) all: bool,
    /// What columns are, where each is learnt as what it is: the user's word for some of them.
    pub(crate) mixed: Option<&'a BTreeMap<String, ColumnKind>>,
}

#[cfg(feature = "parquet")]
impl TableKeys<'_> {
    /// True if they leave out column `index` of those called `names`.
    pub(crate) fn leave_out(&self, names: &[String], index: usize) -> bool {
        let is_it = |wanted: &String| place(names, wanted) == Some(index);
        self.drop.iter().any(is_it) || self.columns.is_some_and(|names| !names.iter().any(is_it))
    }
}

/// The index of the column that `wanted` means, by its name among `names` or by its number from 1.
fn place(names: &[String], wanted: &str) -> Option<usize> {
    let by_number = || wanted.parse::<usize>().ok()?.checked_sub(1);
    let by_name = names.iter().position(|name| name == wanted);
    by_name
        .or_else(by_number)
        .filter(|&index| index < names.len())
}

/// What pandas calls an index that it writes beside the columns.
const PANDAS_INDEX: &str = "__index_level_0__";

/// A table's records and how it is written.
pub(crate) struct Table {
    /// Values of the columns that are [`Role::Values`], record by record.
    pub(crate) values: Vec<f64>,
    /// How many columns these are.
    pub(crate) cols: usize,
    pub(crate) shape: TableShape,
    /// Remarks for the user.
    pub(crate) notes: Vec<String>,
}

impl Table {
    /// Says of which type whole numbers are that need more than the usual one.
    fn with_wide_numbers(mut self) -> Self {
        let mut ranges = vec![[f64::INFINITY, f64::NEG_INFINITY]; self.cols];
        for row in self.values.chunks_exact(self.cols.max(1)) {
            for (&value, [low, high]) in row.iter().zip(&mut ranges) {
                // A blank is neither the least nor the greatest.
                (*low, *high) = (low.min(value), high.max(value));
            }
        }
        let columns = self.shape.columns.iter_mut();
        let learnt = columns.filter_map(|column| match &column.role {
            Role::Values(style) => Some((matches!(style, Style::Number(_)), &mut column.typed)),
            _ => None,
        });
        for ((is_number, typed), range) in learnt.zip(ranges) {
            if is_number {
                *typed = Typed::of_range(range);
            }
        }
        self
    }
}

/// How a table is written, so that generated records are written alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableShape {
    /// True if the first record names the columns.
    pub header: bool,
    /// What separates the cells.
    pub delimiter: char,
    /// The columns that are written, in the order of the file.
    pub columns: Vec<Column>,
}

impl TableShape {
    /// Name and style of each column that a record has a value of, in the order of the values.
    pub fn learnt(&self) -> impl Iterator<Item = (&str, &Style)> {
        let columns = self.learnt_columns();
        columns.map(|(column, style)| (column.name.as_str(), style))
    }

    /// Each column that a record has a value of, with its style, in the order of the values.
    pub fn learnt_columns(&self) -> impl Iterator<Item = (&Column, &Style)> {
        self.columns.iter().filter_map(|column| match &column.role {
            Role::Values(style) => Some((column, style)),
            Role::Constant(_) | Role::Counted(_) => None,
        })
    }

    /// For each column that a record has a value of, how many texts it holds, if it holds some alone.
    #[must_use]
    pub fn levels(&self) -> Vec<Option<usize>> {
        let texts = self.learnt().map(|(_, style)| style.levels());
        texts.map(|texts| texts.map(<[String]>::len)).collect()
    }

    /// The cells of the record of number `number`, from 0, in the user's units: also those of columns
    /// that are not learnt. NaN is a blank.
    ///
    /// # Panics
    /// If there is not one value for each column that is learnt.
    #[must_use]
    pub fn cells(&self, row: &[f64], number: usize) -> Vec<String> {
        assert_eq!(row.len(), self.learnt().count(), "one value per column");
        let mut values = row.iter();
        let cells = self.columns.iter().map(|column| match &column.role {
            Role::Values(style) => match values.next() {
                Some(value) if !value.is_nan() => style.write(*value),
                _ => column.blank.clone().unwrap_or_default(),
            },
            Role::Constant(text) => text.clone(),
            Role::Counted(first) => first.saturating_add(number as u64).to_string(),
        });
        cells.collect()
    }

    /// Names of all columns that are written, if the file has a header.
    #[must_use]
    pub fn names(&self) -> Option<Vec<String>> {
        let names = self.columns.iter().map(|column| column.name.clone());
        self.header.then(|| names.collect())
    }
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name in the header; its number in a table without one.
    pub name: String,
    /// Where its cells come from.
    pub role: Role,
    /// What stands for a missing value, if any is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blank: Option<String>,
    /// Its type in files of typed columns, where its role does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub typed: Option<Typed>,
}

/// A type that cells do not tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Typed {
    /// Whole numbers from 0 on, some of them 2⁶³ or more.
    Unsigned,
    /// Whole numbers, some of them beyond 64 bits.
    Float,
    /// Times that are shown in this zone; their values are in UTC.
    Zone(String),
}

impl Typed {
    /// The type of whole numbers from `low` to `high`, if it is not that of 64 bits with a sign.
    fn of_range([low, high]: [f64; 2]) -> Option<Self> {
        const HALF: f64 = (1u64 << 63) as f64;
        match low >= 0.0 && high <= 2.0 * HALF {
            _ if low >= -HALF && high < HALF => None,
            true => Some(Self::Unsigned),
            false => Some(Self::Float),
        }
    }
}

/// Where the cells of a column come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// From one value of a record.
    Values(Style),
    /// Always this text.
    Constant(String),
    /// They number the records, from this number on.
    Counted(u64),
}

/// Reads a table.
///
/// # Errors
/// If it is no text, its lines are of unequal length, or a column is no numbers, dates or truths.
pub(crate) fn read(bytes: Vec<u8>, keys: TableKeys<'_>) -> Result<Table, DataProblem> {
    let other = decode::line_of_other_encoding(&bytes);
    let (text, encoding) = decode::decode(bytes).ok_or(DataProblem::NotText)?;
    let mut notes = Vec::new();
    if let Some(line) = other.filter(|_| encoding == encoding_rs::WINDOWS_1252) {
        notes.push(format!(
            "it is not UTF-8, first on line {line}, and was read as Windows-1252"
        ));
    }
    let text = Text::new(&text, keys.delimiter.map(Delimiter::from));
    let layout = header::layout(&text, keys.header)?;
    notes.extend(match text.comments(layout.cols) {
        (0, _) => None,
        (1, line) => Some(format!(
            "line {line} begins with # and is taken for a comment"
        )),
        (count, line) => Some(format!(
            "{count} lines begin with # and are taken for comments, the first of them line {line}"
        )),
    });
    notes.extend(listed(&layout.renamed).map(|names| {
        format!("columns whose names are missing, or there before, are called: {names}")
    }));
    let delimiter = match text.dialect.delimiter {
        Delimiter::Byte(byte) => char::from(byte),
        Delimiter::Blanks => ' ',
    };
    let file = File {
        names: layout.names,
        cols: layout.cols,
        source: Source::Text {
            text: &text,
            skip: layout.skip,
        },
    };
    let table = file.table(keys, delimiter, notes)?;
    Ok(table.with_wide_numbers())
}

/// A table whose columns have names and types: its cells, as a table as text would have them.
pub(crate) struct Cells<'a> {
    /// The names of the columns, each once.
    pub(crate) names: Vec<String>,
    /// The type of each column that is not read.
    pub(crate) other_types: Vec<Option<String>>,
    /// The type of each column whose cells do not tell it.
    pub(crate) typed: Vec<Option<Typed>>,
    /// Number of records.
    pub(crate) rows: usize,
    /// The cell of a record and a column that is read; empty where a value is missing.
    pub(crate) cell: Box<dyn Fn(usize, usize) -> String + 'a>,
    /// How many dates and times of each column no cell holds.
    pub(crate) lost: Vec<usize>,
}

/// Reads a table of typed columns.
///
/// # Errors
/// If a column is no numbers, dates or truths.
pub(crate) fn of_cells(cells: Cells<'_>, keys: TableKeys<'_>) -> Result<Table, DataProblem> {
    let names: Vec<_> = cells
        .names
        .iter()
        .map(|name| name.as_str().into())
        .collect();
    let file = File {
        names: Some(column::names(&names)),
        cols: names.len(),
        source: Source::Cells(&cells),
    };
    let mut table = file.table(keys, ',', Vec::new())?;
    table.notes.extend(file.typed_notes(&cells));
    Ok(table.with_wide_numbers())
}

/// The largest value: that of 32 bits, in which the players compute.
const LARGEST: f64 = f32::MAX as f64;

/// A column with a name that counts up in fewer records may do so by chance.
const FEWEST_COUNTED: u64 = 10;

/// A table and what stands where in it.
struct File<'a> {
    /// The names of the columns, empty where the header has none; none without a header.
    names: Option<Vec<String>>,
    cols: usize,
    source: Source<'a>,
}

/// The line and the cells of a record, if it has as many as there are columns.
type Record<'a> = Result<(u64, Vec<Cow<'a, str>>), DataProblem>;

enum Source<'a> {
    /// Text, and the records before its data.
    Text {
        text: &'a Text<'a>,
        skip: usize,
    },
    Cells(&'a Cells<'a>),
}

/// What becomes of a column.
enum Plan {
    Values(Values),
    Constant(String),
    LeftOut,
}

impl File<'_> {
    /// Tells what the columns are, and takes their values.
    fn table(
        &self,
        keys: TableKeys<'_>,
        delimiter: char,
        mut notes: Vec<String>,
    ) -> Result<Table, DataProblem> {
        if let Some(kinds) = keys.mixed {
            return self.mixed(keys, kinds, delimiter, notes);
        }
        let scans = self.scan(|_| Scan::default())?;
        let mut plans = self.plan(&scans, keys, &mut notes)?;
        let values = self.values(&mut plans, &mut notes)?;
        let is_learnt = |plan: &&Plan| matches!(plan, Plan::Values(_));
        let cols = plans.iter().filter(is_learnt).count();
        if scans.iter().all(|scan| scan.kind() == Kind::Empty) {
            return Err(DataProblem::NoRecords);
        }
        if cols == 0 {
            let left_out = plans.iter().enumerate();
            let left_out = left_out.filter(|(_, plan)| matches!(plan, Plan::LeftOut));
            let columns = left_out.map(|(index, _)| excerpt(&self.name(index)));
            return Err(DataProblem::NothingToLearn {
                columns: columns.collect(),
            });
        }
        let column = |(index, plan)| {
            let role = match plan {
                Plan::Values(values) => Role::Values(values.style()),
                Plan::Constant(text) => Role::Constant(text),
                Plan::LeftOut => return None,
            };
            let name = self.name(index);
            Some(Column {
                name,
                role,
                blank: None,
                typed: self.typed(index),
            })
        };
        let shape = TableShape {
            header: self.names.is_some(),
            delimiter,
            columns: plans.into_iter().enumerate().filter_map(column).collect(),
        };
        Ok(Table {
            values,
            cols,
            shape,
            notes,
        })
    }

    /// The type of a column that is not read, if it is none of those that are.
    fn other_type(&self, index: usize) -> Option<&str> {
        match &self.source {
            Source::Text { .. } => None,
            Source::Cells(cells) => cells.other_types[index].as_deref(),
        }
    }

    /// The type of a column, where its cells do not tell.
    fn typed(&self, index: usize) -> Option<Typed> {
        match &self.source {
            Source::Text { .. } => None,
            Source::Cells(cells) => cells.typed[index].clone(),
        }
    }

    /// What its cells do not say of a table of typed columns.
    fn typed_notes(&self, cells: &Cells<'_>) -> impl Iterator<Item = String> {
        let note = |words: &str, what: &dyn Fn(usize) -> Option<String>| {
            let name = |index| Some(format!("{} ({})", excerpt(&self.name(index)), what(index)?));
            let columns: Vec<_> = (0..self.cols).filter_map(name).collect();
            first_few(&columns, columns.len()).map(|columns| format!("{words}: {columns}"))
        };
        let zone = |index: usize| match &cells.typed[index] {
            Some(Typed::Zone(zone)) if zone != "UTC" && zone != "+00:00" => Some(zone.clone()),
            _ => None,
        };
        let lost = |index: usize| Some(cells.lost[index].to_string()).filter(|count| count != "0");
        let notes = [
            note("times in a zone are read as UTC", &zone),
            note(
                "dates beyond the years 0 to 9999, and times beyond a day, are blanks",
                &lost,
            ),
        ];
        notes.into_iter().flatten()
    }

    /// True if the header names the column.
    fn has_name(&self, index: usize) -> bool {
        let names = self.names.as_ref();
        names.is_some_and(|names| !names[index].is_empty())
    }

    /// True if 784 columns are called pixel and a number, or as 28x28, as in tables of MNIST.
    fn names_pixels(&self) -> bool {
        let is_pixel = |name: &&String| {
            let number = name
                .strip_prefix("pixel")
                .or_else(|| name.split_once('x').map(|two| two.1));
            number.is_some_and(|number| number.parse::<u32>().is_ok())
        };
        let names = self.names.as_deref().unwrap_or_default();
        names.iter().filter(is_pixel).count() == 784
    }

    /// The columns' names in messages: their own, or else their numbers.
    fn name(&self, index: usize) -> String {
        let own = self.names.as_ref().map(|names| names[index].as_str());
        match own {
            Some(name) if !name.is_empty() => name.to_owned(),
            _ => (index + 1).to_string(),
        }
    }

    /// The cells of each record, and its line; its number where there are no lines.
    fn records(&self) -> Box<dyn Iterator<Item = Record<'_>> + '_> {
        let cols = self.cols;
        match &self.source {
            Source::Cells(cells) => Box::new((0..cells.rows).map(move |row| {
                let cell = |col| match &cells.other_types[col] {
                    Some(_) => "".into(),
                    None => (cells.cell)(row, col).into(),
                };
                Ok((row as u64 + 1, (0..cols).map(cell).collect()))
            })),
            Source::Text { text, skip } => {
                Box::new(
                    text.records(Some(cols))
                        .skip(*skip)
                        .map(move |(line, mut cells)| {
                            // Spreadsheets write commas behind the last column.
                            if cells.len() < cols
                                || cells[cols..].iter().any(|cell| !cell.is_empty())
                            {
                                return Err(DataProblem::Ragged {
                                    line,
                                    found: cells.len(),
                                    expected: cols,
                                });
                            }
                            cells.truncate(cols);
                            Ok((line, cells))
                        }),
                )
            }
        }
    }

    /// Looks at every cell; `scan` begins a column.
    fn scan(&self, scan: impl Fn(usize) -> Scan) -> Result<Vec<Scan>, DataProblem> {
        let named = |index| scan(index).of_name(&self.name(index));
        let mut scans: Vec<Scan> = (0..self.cols).map(named).collect();
        for record in self.records() {
            let (line, cells) = record?;
            for (scan, cell) in scans.iter_mut().zip(&cells) {
                scan.take(line, cell);
            }
        }
        let mut decimals = scans.iter().filter_map(Scan::decimal);
        if decimals.next() == Some(',') && decimals.all(|mark| mark == ',') {
            scans.iter_mut().for_each(Scan::prefer_commas);
        }
        Ok(scans)
    }

    /// The error that the cell of a column, in the record of this line or number, is no number.
    fn too_large(
        &self,
        line: u64,
        index: usize,
        cell: &str,
        expected: &'static str,
    ) -> DataProblem {
        let place = format!(
            "{} {line}, column {}",
            self.unit(),
            excerpt(&self.name(index))
        );
        let found = cell.to_owned();
        DataProblem::TooLargeNumber {
            place,
            found,
            expected,
        }
    }

    /// What records are counted by.
    fn unit(&self) -> &'static str {
        match self.source {
            Source::Text { .. } => "line",
            Source::Cells(_) => "record",
        }
    }

    /// The indices of the columns that `wanted`, the value of `key`, means by name or number.
    fn find(&self, key: &'static str, wanted: &[String]) -> Result<Vec<usize>, DataProblem> {
        let all: Vec<_> = (0..self.cols).map(|index| self.name(index)).collect();
        let find = |wanted: &String| {
            place(&all, wanted).ok_or_else(|| DataProblem::UnknownColumn {
                key,
                found: wanted.clone(),
                expected: all.clone(),
            })
        };
        wanted.iter().map(find).collect()
    }

    /// The columns that the user chooses, if any, and those that they leave out.
    fn chosen(&self, keys: TableKeys<'_>) -> Result<(Option<Vec<usize>>, Vec<usize>), DataProblem> {
        let chosen = keys
            .columns
            .map(|columns| self.find("data.columns", columns))
            .transpose()?;
        Ok((chosen, self.find("data.drop", keys.drop)?))
    }

    /// What becomes of each column, and remarks on it.
    fn plan(
        &self,
        scans: &[Scan],
        keys: TableKeys<'_>,
        notes: &mut Vec<String>,
    ) -> Result<Vec<Plan>, DataProblem> {
        let (chosen, dropped) = self.chosen(keys)?;
        let (mut texts, mut strays) = (Vec::new(), None);
        let (mut indices, mut constant, mut empty) = (Vec::new(), Vec::new(), Vec::new());
        let mut plans = Vec::with_capacity(scans.len());
        for (index, scan) in scans.iter().enumerate() {
            let is_chosen = chosen.as_ref().map(|chosen| chosen.contains(&index));
            let name = || self.name(index);
            let left_out = dropped.contains(&index) || is_chosen == Some(false);
            plans.push(match scan.kind() {
                _ if left_out => Plan::LeftOut,
                _ if is_chosen.is_none() && !keys.all && name() == PANDAS_INDEX => {
                    indices.push(name());
                    Plan::LeftOut
                }
                _ if let Some(other) = self.other_type(index) => {
                    texts.push((name(), vec![format!("{OTHER_TYPE}{other}")]));
                    Plan::LeftOut
                }
                Kind::Values(style) | Kind::Index(style) | Kind::Constant(_, Some(style))
                    if keys.all =>
                {
                    Plan::Values(Values::new(style))
                }
                Kind::Values(style) => Plan::Values(Values::new(style)),
                Kind::Index(style)
                    if is_chosen == Some(true)
                        || scans.len() == 1
                        || (self.has_name(index) && scan.cells() < FEWEST_COUNTED) =>
                {
                    Plan::Values(Values::new(style))
                }
                Kind::Index(_) => {
                    indices.push(name());
                    Plan::LeftOut
                }
                Kind::Constant(text, _) => {
                    constant.push(format!("{} ({})", excerpt(&name()), excerpt(&text)));
                    Plan::Constant(text)
                }
                Kind::Empty => {
                    // A delimiter at the end of every line makes no column.
                    if self.has_name(index) {
                        empty.push(name());
                    }
                    Plan::LeftOut
                }
                Kind::Text(examples) => {
                    texts.push((name(), examples));
                    Plan::LeftOut
                }
                Kind::Strays(found) => {
                    strays = strays.or_else(|| Some((name(), found)));
                    Plan::LeftOut
                }
            });
        }
        if !texts.is_empty() {
            return Err(DataProblem::TextColumns { columns: texts });
        }
        if let Some((column, strays)) = strays {
            return Err(DataProblem::Strays { column, strays });
        }
        if !keys.all && self.names_pixels() {
            notes.push(
                "its columns are called as pixels; data.image=[28, 28] makes images of them".into(),
            );
        }
        notes.extend(listed(&indices).map(|names| match indices.len() {
            1 => format!(
                "column {names} numbers the records and is left out; data.columns brings it back"
            ),
            _ => format!(
                "columns {names} number the records and are left out; data.columns brings them back"
            ),
        }));
        notes.extend(first_few(&constant, constant.len()).map(|names| {
            format!("constant columns are written as they are and not learnt: {names}")
        }));
        notes.extend(listed(&empty).map(|names| format!("empty columns are left out: {names}")));
        Ok(plans)
    }

    /// The values of the complete records, and a remark on the others.
    fn values(&self, plans: &mut [Plan], notes: &mut Vec<String>) -> Result<Vec<f64>, DataProblem> {
        let mut missing = vec![0u64; plans.len()];
        let (mut values, mut complete, mut rows) = (Vec::new(), 0u64, 0u64);
        for record in self.records() {
            let (line, cells) = record?;
            let begin = values.len();
            let mut is_complete = true;
            for (index, (plan, cell)) in plans.iter_mut().zip(&cells).enumerate() {
                let Plan::Values(reader) = plan else {
                    continue;
                };
                if cell::is_missing(cell) {
                    missing[index] += 1;
                    is_complete = false;
                    continue;
                }
                let value = reader.read(cell).unwrap_or(f64::INFINITY);
                if value.abs() > LARGEST {
                    let expected = "a finite 32-bit number";
                    return Err(self.too_large(line, index, cell, expected));
                }
                values.push(value);
            }
            rows += 1;
            complete += u64::from(is_complete);
            if !is_complete {
                values.truncate(begin);
            }
        }
        let named = |(index, count): (usize, &u64)| format!("{} {count}", self.name(index));
        let gaps = missing.iter().enumerate().filter(|(_, count)| **count > 0);
        let gaps: Vec<_> = gaps.map(named).collect();
        match listed(&gaps) {
            Some(columns) if complete == 0 => {
                return Err(DataProblem::NoCompleteRecord { columns });
            }
            Some(columns) => notes.push(format!(
                "{} of {rows} records have missing values and are left out: {columns}",
                rows - complete
            )),
            None => {}
        }
        Ok(values)
    }
}
