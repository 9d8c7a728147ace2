//! What [`GatherConditions`](super::GatherConditions) computes, as plain loops in f64.

use crate::StepState;
use crate::ops::gather_rows::reference::{Grouped, record_at};
use crate::ops::reference::Table;

/// Z with the values at `places` of a record beside each row.
pub(crate) fn gather_conditions(
    records: &Table,
    places: &[usize],
    z: &Table,
    [per_step, first]: [usize; 2],
    grouped: Option<&Grouped>,
    state: &StepState,
) -> Table {
    let mut y = Table::zeros(z.rows, z.cols + places.len());
    for i in 0..z.rows {
        let position = state.step as usize * per_step + first + i;
        let record = record_at(position as u64, records.rows, grouped, state.seed);
        for j in 0..z.cols {
            y[(i, j)] = z[(i, j)];
        }
        for (j, &place) in places.iter().enumerate() {
            y[(i, z.cols + j)] = records[(record, place)];
        }
    }
    y
}
