//! A generator's input: latents, and beside them values of records.

pub mod cases;
pub(crate) mod cpu;
#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod reference;

use super::check_shape;
use crate::{Backend, Given, RowGroups, Rows, RowsMut};

/// `Y = [Z | records[π(position + row)] at the given places]`: the conditions of a row are those of
/// the record that [`GatherRows`](crate::GatherRows) copies into the same row of the iteration's
/// minibatches.
///
/// Row r of Y belongs to position `step · rows_per_step + first_row + r`; the rows beyond those of
/// the iteration have the conditions of those that come next.
/// So a minibatch of samples has the conditions of the minibatch of data that it is compared with.
///
/// # Panics
/// If the shapes disagree, a given place is not in a record, there is no record, or groups of
/// others.
/// # Numerics
/// Exact: values are copied, those of bytes under their map in f32.
/// # Source
/// Conditions as inputs: Mirza and Osindero 2014.
pub struct GatherConditions<'a, B: Backend> {
    /// The data set: N records.
    pub records: &'a B::Resident,
    /// The c places of a record whose values are conditions.
    pub given: &'a Given<B>,
    /// Z, m × n.
    pub z: Rows<'a, B>,
    /// Y, m × (n + c), overwritten.
    pub y: RowsMut<'a, B>,
    /// Rows of records that one iteration takes.
    pub rows_per_step: usize,
    /// Row of the iteration that the first row of Y belongs to.
    pub first_row: usize,
    /// The groups that records are drawn from; without them they are visited in turn.
    pub groups: Option<&'a RowGroups<B>>,
    /// Gives seed and step.
    pub state: &'a B::State,
}

impl<B: Backend> GatherConditions<'_, B> {
    /// Checks every operand; returns m and n.
    #[track_caller]
    pub(crate) fn check(&self, records: usize, record_cols: usize) -> (usize, usize) {
        let (m, n) = self.z.shape();
        let cols = n + self.given.width();
        check_shape("gather_conditions", "y", self.y.shape(), (m, cols));
        self.given.check("gather_conditions", record_cols);
        assert!(records > 0, "gather_conditions: no records");
        assert!(
            self.rows_per_step > 0,
            "gather_conditions: no rows in a step"
        );
        if let Some(groups) = self.groups {
            groups.check("gather_conditions", records);
        }
        (m, n)
    }
}
