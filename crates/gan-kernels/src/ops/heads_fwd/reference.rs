//! What [`HeadsFwd`](super::HeadsFwd) computes, as plain loops in f64.

use crate::ops::reference::Table;
use crate::random::{Stream, unit_open};
use crate::{Head, StepState};

/// The Gumbel noise of an element of a row of n values.
pub(crate) fn gumbel(
    stream: Stream,
    state: &StepState,
    (row, col): (usize, usize),
    n: usize,
) -> f64 {
    let index = row * n.div_ceil(4) * 4 + col;
    let u = f64::from(unit_open(state.address(stream).word(index as u64)));
    -(-u.ln()).ln()
}

/// P, m × n: scalars as they are, and relaxed levels.
pub(crate) fn relax(
    z: &Table,
    heads: &[Head],
    temperature: f64,
    noise: impl Fn(usize, usize) -> f64,
) -> Table {
    let mut p = Table::new(z.rows, z.cols, z.values.clone());
    for i in 0..z.rows {
        let mut begin = 0;
        for head in heads {
            let first = begin + usize::from(head.scalar);
            let levels = first..first + head.levels;
            let logit = |j: usize| (z[(i, j)] + noise(i, j)) / temperature;
            let largest = levels.clone().map(logit).fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = levels.clone().map(|j| (logit(j) - largest).exp()).sum();
            for j in levels.clone() {
                p[(i, j)] = (logit(j) - largest).exp() / sum;
            }
            begin = levels.end;
        }
    }
    p
}

/// X, m × n, of P.
pub(crate) fn records(p: &Table, heads: &[Head], decided: bool) -> Table {
    let mut x = Table::new(p.rows, p.cols, p.values.clone());
    for i in 0..p.rows {
        let mut begin = 0;
        for head in heads {
            let first = begin + usize::from(head.scalar);
            let end = first + head.levels;
            if decided {
                let mut largest = first;
                for j in first..end {
                    if p[(i, j)] > p[(i, largest)] {
                        largest = j;
                    }
                }
                for j in first..end {
                    x[(i, j)] = f64::from(j == largest);
                }
            }
            if head.scalar && head.levels > 0 {
                x[(i, begin)] = p[(i, begin)] * x[(i, first)];
            }
            begin = end;
        }
    }
    x
}
