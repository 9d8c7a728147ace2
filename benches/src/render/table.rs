//! Tables in Markdown, and numbers in their cells.

use std::fmt;

use crate::results::known;

/// The cell of what was not measured.
pub(super) const NOTHING: &str = "–";

/// The side that the cells of a column stand at.
#[derive(Clone, Copy)]
pub(super) enum Side {
    /// For words.
    Left,
    /// For numbers.
    Right,
}

/// Head, side, and the cell of each item.
pub(super) type Column<'a, T> = (&'a str, Side, &'a dyn Fn(&T) -> String);

/// Rows under heads; columns that hold nothing in any row are left out.
pub(super) struct Table {
    heads: Vec<(String, Side)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A row per item.
    pub(super) fn of<T>(items: impl IntoIterator<Item = T>, columns: &[Column<'_, T>]) -> Self {
        let cells = |item: T| columns.iter().map(|(.., cell)| cell(&item)).collect();
        Self {
            heads: columns
                .iter()
                .map(|&(head, side, _)| (head.to_owned(), side))
                .collect(),
            rows: items.into_iter().map(cells).collect(),
        }
    }

    /// The same with further columns in front of column `at`, whose cells stand in `cells`.
    pub(super) fn with(mut self, at: usize, head: String, side: Side, cells: Vec<String>) -> Self {
        self.heads.insert(at, (head, side));
        for (row, cell) in self.rows.iter_mut().zip(cells) {
            row.insert(at, cell);
        }
        self
    }

    /// A last row, with cells in some columns.
    pub(super) fn total(mut self, cells: &[(usize, String)]) -> Self {
        let mut row = vec![String::new(); self.heads.len()];
        for (column, cell) in cells {
            row[*column].clone_from(cell);
        }
        self.rows.push(row);
        self
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
        line(&|column| self.heads[column].0.clone())?;
        line(&|column| match self.heads[column].1 {
            Side::Left => "---".into(),
            Side::Right => "---:".into(),
        })?;
        for row in &self.rows {
            line(&|column| row[column].clone())?;
        }
        Ok(())
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

/// A share as a percentage.
pub(super) fn percent(share: Option<f64>) -> String {
    known(share).map_or(NOTHING.into(), |share| format!("{:.0} %", 100.0 * share))
}

/// Half a width, as a percentage with a digit.
pub(super) fn spread(share: Option<f64>) -> String {
    known(share).map_or(NOTHING.into(), |share| format!("±{:.1} %", 100.0 * share))
}
