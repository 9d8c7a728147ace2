//! Records as they are kept: two bytes for each column, and four more for a scalar, however many values
//! the players see.

use gan_kernels::Head;

use super::fit::Column;
use super::{ColumnEncoding, write};

/// The levels and scalars of all records, row by row.
pub(super) struct Codes {
    heads: Vec<Head>,
    levels: Vec<u16>,
    scalars: Vec<f32>,
    /// Scalars of a record.
    scalars_per_row: usize,
}

impl Codes {
    /// Those of `rows` records by their columns, and the columns' encodings.
    pub(super) fn of(columns: Vec<Column>, rows: usize) -> (Self, Vec<ColumnEncoding>) {
        let heads: Vec<Head> = columns
            .iter()
            .map(|column| column.encoding.head())
            .collect();
        let (cols, scalars_per_row) =
            (heads.len(), heads.iter().filter(|head| head.scalar).count());
        let mut levels = vec![0; rows * cols];
        let mut scalars = vec![0.0; rows * scalars_per_row];
        let (mut encodings, mut place) = (Vec::with_capacity(cols), 0);
        // A column at a time, each of which goes when it is copied.
        for (col, column) in columns.into_iter().enumerate() {
            let of_column = levels.iter_mut().skip(col).step_by(cols);
            of_column
                .zip(&column.levels)
                .for_each(|(to, from)| *to = *from);
            if column.encoding.head().scalar {
                let of_column = scalars.iter_mut().skip(place).step_by(scalars_per_row);
                of_column
                    .zip(&column.scalars)
                    .for_each(|(to, from)| *to = *from);
                place += 1;
            }
            encodings.push(column.encoding);
        }
        let codes = Self {
            heads,
            levels,
            scalars,
            scalars_per_row,
        };
        (codes, encodings)
    }

    pub(super) fn rows(&self) -> usize {
        self.levels.len() / self.heads.len()
    }

    /// The values of record `row`.
    pub(super) fn write_row(&self, row: usize, out: &mut [f32]) {
        out.fill(0.0);
        let levels = &self.levels[row * self.heads.len()..];
        let mut scalars = self.scalars[row * self.scalars_per_row..].iter();
        let mut rest = out;
        for (head, level) in self.heads.iter().zip(levels) {
            let (own, more) = rest.split_at_mut(head.width());
            let scalar = if head.scalar { scalars.next() } else { None };
            write(
                *head,
                usize::from(*level),
                scalar.copied().unwrap_or(0.0),
                own,
            );
            rest = more;
        }
    }
}
