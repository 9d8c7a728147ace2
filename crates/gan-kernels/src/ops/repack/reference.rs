//! What [`Repack`](super::Repack) computes, in f64.

use crate::ops::reference::Table;

/// The values of X, row after row, in rows of `cols`.
pub(crate) fn repack(x: &Table, cols: usize) -> Table {
    Table::new(x.values.len() / cols, cols, x.values.clone())
}
