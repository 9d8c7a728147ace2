//! The CPU's [`ColumnParts`]: copies of pieces of rows.

use super::{ColumnParts, columns};
use crate::Real;
use crate::native::Native;

#[track_caller]
pub(crate) fn run<T: Real>(native: &Native<T>, op: ColumnParts<'_, Native<T>>) {
    let (k, n, _) = op.check();
    match op {
        ColumnParts::Cut { w, b, parts } => {
            let cols = parts.cols;
            native.each_row(&mut parts.all_mut(), |row, values| {
                let (part, row) = (row / (k + 1), row % (k + 1));
                let from = if row < k {
                    w.all().row(row)
                } else {
                    b.all().row(0)
                };
                let from = &from[columns(part, cols, n)];
                let (own, rest) = values.split_at_mut(from.len());
                own.copy_from_slice(from);
                rest.fill(T::ZERO);
            });
        }
        ColumnParts::Join { parts, w, b } => {
            let join = |row: usize, values: &mut [T]| {
                for (part, values) in values.chunks_mut(parts.cols.max(1)).enumerate() {
                    let from = parts.all().row(part * (k + 1) + row);
                    values.copy_from_slice(&from[..values.len()]);
                }
            };
            native.each_row(&mut w.all_mut(), join);
            native.each_row(&mut b.all_mut(), |_, values| join(k, values));
        }
    }
}
