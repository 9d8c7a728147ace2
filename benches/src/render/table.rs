//! Tables in Markdown, and numbers in their cells.

use std::fmt;

use crate::results::known;

/// The cell of what was not measured.
pub(super) const NOTHING: &str = "–";

/// Rows under heads; columns that hold nothing in any row are left out.
pub(super) struct Table {
    heads: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// `heads` are separated by ` | `; a colon behind one says that its column is of numbers, which
    /// stand on the right.
    pub(super) fn new<const N: usize>(
        heads: &str,
        rows: impl Iterator<Item = [String; N]>,
    ) -> Self {
        Self {
            heads: heads.split(" | ").map(str::to_owned).collect(),
            rows: rows.map(Vec::from).collect(),
        }
    }

    /// Puts a further column in front of column `at`.
    pub(super) fn insert(&mut self, at: usize, head: String, cells: impl Iterator<Item = String>) {
        self.heads.insert(at, head);
        for (row, cell) in self.rows.iter_mut().zip(cells) {
            row.insert(at, cell);
        }
    }

    /// Adds a last row, with cells in some columns.
    pub(super) fn total(&mut self, cells: &[(usize, String)]) {
        let mut row = vec![String::new(); self.heads.len()];
        for (column, cell) in cells {
            row[*column].clone_from(cell);
        }
        self.rows.push(row);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_kept = |&column: &usize| {
            let mut cells = self.rows.iter().map(|row| &row[column]);
            cells.any(|cell| !cell.is_empty() && cell != NOTHING)
        };
        let kept: Vec<usize> = (0..self.heads.len()).filter(is_kept).collect();
        let mut line = |cell: &dyn Fn(usize) -> String| {
            let cells: Vec<String> = kept.iter().map(|&column| cell(column)).collect();
            writeln!(f, "| {} |", cells.join(" | "))
        };
        line(&|column| self.heads[column].trim_end_matches(':').into())?;
        line(&|column| match self.heads[column].ends_with(':') {
            true => "---:".into(),
            false => "---".into(),
        })?;
        let mut rows = self.rows.iter();
        rows.try_for_each(|row| line(&|column| row[column].clone()))
    }
}

/// A number with three significant digits, or [`NOTHING`].
pub(super) fn number(value: Option<f64>) -> String {
    let Some(value) = known(value) else {
        return NOTHING.into();
    };
    let size = value.abs();
    let digits = match size {
        _ if size >= 99.95 || size == 0.0 => 0,
        _ if size >= 9.995 => 1,
        _ if size >= 0.01 => 2,
        _ => return format!("{value:.1e}"),
    };
    format!("{value:.digits$}")
}

/// A number of `unit`s, such as milliseconds where `unit` is 1e-3.
pub(super) fn in_units(value: Option<f64>, unit: f64) -> String {
    number(value.map(|value| value / unit))
}

/// A share as a percentage with so many digits.
pub(super) fn percent(share: Option<f64>, digits: usize) -> String {
    known(share).map_or(NOTHING.into(), |share| {
        format!("{:.digits$} %", 100.0 * share)
    })
}

/// Half a width, as a percentage with a digit.
pub(super) fn spread(share: Option<f64>) -> String {
    known(share).map_or(NOTHING.into(), |share| format!("±{:.1} %", 100.0 * share))
}
