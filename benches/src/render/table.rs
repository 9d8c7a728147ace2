//! Tables in markdown, and numbers in their cells.

use std::fmt;

use crate::results::known;

/// What stands where nothing was measured.
pub(super) const NOTHING: &str = "–";

/// A head and its side.
pub(super) struct Column {
    head: String,
    right: bool,
}

/// For words.
pub(super) fn left(head: impl Into<String>) -> Column {
    let head = head.into();
    Column { head, right: false }
}

/// For numbers.
pub(super) fn right(head: impl Into<String>) -> Column {
    let head = head.into();
    Column { head, right: true }
}

/// Rows under heads; columns that hold nothing in any row are left out.
pub(super) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(columns: Vec<Column>) -> Self {
        Self {
            columns,
            rows: Vec::new(),
        }
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let says = |cell: &String| !cell.is_empty() && cell != NOTHING;
        let kept: Vec<usize> = (0..self.columns.len())
            .filter(|&column| self.rows.iter().any(|row| says(&row[column])))
            .collect();
        let mut line = |cells: &mut dyn Iterator<Item = &str>| {
            let cells: Vec<&str> = cells.collect();
            writeln!(f, "| {} |", cells.join(" | "))
        };
        line(
            &mut kept
                .iter()
                .map(|&column| self.columns[column].head.as_str()),
        )?;
        let side = |&column: &usize| match self.columns[column].right {
            true => "---:",
            false => "---",
        };
        line(&mut kept.iter().map(side))?;
        for row in &self.rows {
            line(&mut kept.iter().map(|&column| row[column].as_str()))?;
        }
        Ok(())
    }
}

/// A number with three digits that count, or [`NOTHING`].
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

/// A share as a percentage.
pub(super) fn percent(share: Option<f64>) -> String {
    known(share).map_or(NOTHING.into(), |share| format!("{:.0} %", 100.0 * share))
}

/// Half a width, as a percentage with a digit.
pub(super) fn spread(share: Option<f64>) -> String {
    known(share).map_or(NOTHING.into(), |share| format!("±{:.1} %", 100.0 * share))
}
