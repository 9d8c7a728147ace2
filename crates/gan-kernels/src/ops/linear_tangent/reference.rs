//! What [`LinearTangent`](super::LinearTangent) computes, as plain loops in f64.

use crate::Activation;
use crate::ops::linear_bwd_data::reference::slope_of_unit;
use crate::ops::reference::Table;

/// `C·W + s·bᵀ`, m × n·pieces, and `C′`, m × n: what of it passes through the layer, whose
/// pre-activation was `z`.
pub(crate) fn linear_tangent([c, s, w, b]: [&Table; 4], z: &Table, act: Activation) -> [Table; 2] {
    let (m, k, n) = (c.rows, c.cols, w.cols / act.pieces());
    let (mut change, mut c_above) = (Table::zeros(m, w.cols), Table::zeros(m, n));
    for i in 0..m {
        for l in 0..k {
            for (change, w) in change.row_mut(i).iter_mut().zip(w.row(l)) {
                *change += c[(i, l)] * w;
            }
        }
        for (change, b) in change.row_mut(i).iter_mut().zip(b.row(0)) {
            *change += s[(i, 0)] * b;
        }
        for j in 0..n {
            let (column, slope) = slope_of_unit(z.row(i), act, j);
            c_above[(i, j)] = slope * change[(i, column)];
        }
    }
    [change, c_above]
}
