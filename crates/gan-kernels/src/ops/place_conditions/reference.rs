//! What [`PlaceConditions`](super::PlaceConditions) computes, as plain loops in f64.

use crate::ops::reference::Table;

/// Y with the last columns of X, or 0, at `places`.
pub(crate) fn place_conditions(places: &[usize], x: Option<&Table>, y: &Table) -> Table {
    let mut placed = Table::new(y.rows, y.cols, y.values.clone());
    for i in 0..y.rows {
        for (j, &place) in places.iter().enumerate() {
            let last = |x: &Table| x[(i, x.cols - places.len() + j)];
            placed[(i, place)] = x.map_or(0.0, last);
        }
    }
    placed
}
