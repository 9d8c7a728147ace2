//! What [`ColumnParts`](super::ColumnParts) computes, in f64.

use super::columns;
use crate::ops::reference::Table;

/// W over b in `count` parts of columns, one under another.
pub(crate) fn cut(w: &Table, b: &Table, count: usize) -> Table {
    let (rows, cols) = (w.rows + 1, w.cols.div_ceil(count));
    let mut parts = Table::zeros(count * rows, cols);
    for part in 0..count {
        for (to, from) in columns(part, cols, w.cols).enumerate() {
            for row in 0..w.rows {
                parts[(part * rows + row, to)] = w[(row, from)];
            }
            parts[(part * rows + w.rows, to)] = b[(0, from)];
        }
    }
    parts
}
