//! What [`Average`](super::Average) computes, as a plain loop in f64.

use crate::ops::reference::Table;

/// `β·A + (1 − β)·W`, k × n.
pub(crate) fn average(w: &Table, average: &Table, decay: f64) -> Table {
    let mut after = average.clone();
    for (after, w) in after.values.iter_mut().zip(&w.values) {
        *after = decay * *after + (1.0 - decay) * w;
    }
    after
}
