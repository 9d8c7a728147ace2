//! A minibatch of the data set.

pub mod cases;
pub(crate) mod cpu;
#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod reference;

use super::{Dropout, check_shape};
use crate::{Backend, RowGroups, RowsMut};

/// `Y = dropout(records[π(position + row)])`: rows of the resident data set in shuffled order.
///
/// Positions run on through the epochs: row r of Y is record `p mod N` of epoch `p / N`, with
/// `p = step · rows_per_step + first_row + r`, each epoch under a permutation of its own.
/// So every record is visited once per epoch, whether or not m divides N.
/// Where there are groups, the record at p is drawn from them instead, by the address of p.
///
/// # Panics
/// If the columns disagree, there is no record or groups of others, dropout makes no mask, or a row
/// lies beyond `rows_per_step`.
pub struct GatherRows<'a, B: Backend> {
    /// The data set: N records of n values, kept as bytes or floats.
    pub records: &'a B::Resident,
    /// Y, m × n, overwritten.
    pub y: RowsMut<'a, B>,
    /// Rows that one iteration takes.
    pub rows_per_step: usize,
    /// Row of the iteration that the first row of Y is.
    pub first_row: usize,
    /// The groups that records are drawn from; without them they are visited in turn.
    pub groups: Option<&'a RowGroups<B>>,
    /// Dropout of the layer above's input.
    pub dropout: Option<Dropout>,
    /// Gives seed and step.
    pub state: &'a B::State,
}

impl<B: Backend> GatherRows<'_, B> {
    #[track_caller]
    pub(crate) fn check(&self, records: usize, record_cols: usize) {
        if let Some(dropout) = self.dropout {
            dropout.check("gather_rows", self.y.shape());
        }
        let (m, _) = self.y.shape();
        check_shape("gather_rows", "y", self.y.shape(), (m, record_cols));
        assert!(records > 0, "gather_rows: no records");
        if let Some(groups) = self.groups {
            groups.check("gather_rows", records);
        }
        let (end, rows) = (self.first_row + m, self.rows_per_step);
        assert!(end <= rows, "gather_rows: rows up to {end} of {rows}");
    }
}
