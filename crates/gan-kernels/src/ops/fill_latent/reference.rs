//! What [`FillLatent`](super::FillLatent) computes, as plain loops in f64.

use std::f64::consts::TAU;

use super::Prior;
use crate::StepState;
use crate::ops::reference::Table;
use crate::random::{Stream, unit_open};

/// m × n latents, the first row being row `first_row` of the stream.
pub(crate) fn fill_latent(
    (m, n): (usize, usize),
    prior: Prior,
    stream: Stream,
    first_row: usize,
    state: &StepState,
) -> Table {
    let address = state.address(stream);
    let row_words = (n.div_ceil(4) * 4) as u64;
    let mut z = Table::zeros(m, n);
    for i in 0..m {
        let first = (first_row + i) as u64 * row_words;
        let unit = |j: usize| f64::from(unit_open(address.word(first + j as u64)));
        for j in 0..n {
            z[(i, j)] = match prior {
                Prior::Uniform => (2.0 * unit(j) - 1.0) * 3.0_f64.sqrt(),
                Prior::Normal | Prior::Spherical => {
                    // Two numbers make two: the radius and the angle of a point in the plane.
                    let even = j / 2 * 2;
                    let (radius, turn) = ((-2.0 * unit(even).ln()).sqrt(), TAU * unit(even + 1));
                    radius * if j == even { turn.cos() } else { turn.sin() }
                }
            };
        }
        if prior == Prior::Spherical {
            let length = z.row(i).iter().map(|z| z * z).sum::<f64>().sqrt();
            z.row_mut(i).iter_mut().for_each(|z| *z /= length);
        }
    }
    z
}
