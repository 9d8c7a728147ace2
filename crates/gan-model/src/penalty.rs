//! How strong a penalty on D's gradient by its input should be, from the data alone.

use gan_kernels::Records;
use gan_kernels::random::{Address, Purpose, Stream};
use rand::RngExt;

/// Records whose distances are looked at.
const RECORDS: usize = 500;
/// The neighbour that tells how wide the data are around a record, as a share of the records.
const NEIGHBOUR: f64 = 0.02;

/// γ in mean squares of that distance: what serves on mixtures of Gaussians and on digits.
const FACTOR: f64 = 3.0;

/// γ of the zero-centred penalty for `records`, of which D sees `pack` at once: the mean square per
/// value of the distance from a record to its near neighbours.
///
/// γ has the unit of the data squared: where D's gradient has the length 1/w, D's output changes by
/// 1 over the distance w, and γ = w² makes that cost as much as the loss is worth.
/// So w should be the width of what the data are made of, their modes, and not that of the whole:
/// D must be able to tell a mode from the void beside it.
/// The median distance to the 10th of 500 neighbours is of that size, and is the same whatever
/// the number of records.
#[must_use]
pub fn auto_gamma(records: &Records) -> f64 {
    let (rows, cols) = (records.rows(), records.cols());
    let count = rows.min(RECORDS);
    if count < 2 || cols == 0 {
        return 1.0;
    }
    let stream = Stream::new(Purpose::Evaluation, 1, 0);
    let mut rng = Address {
        seed: 0,
        stream,
        step: 0,
    }
    .rng();
    // Without repetition where there are few; else hardly any is drawn twice.
    let chosen: Vec<usize> = (0..count)
        .map(|i| {
            if rows <= RECORDS {
                i
            } else {
                rng.random_range(0..rows)
            }
        })
        .collect();
    let mut values = vec![0.0f32; count * cols];
    for (&row, values) in chosen.iter().zip(values.chunks_exact_mut(cols)) {
        records.copy_row(row, values);
    }
    let rank = ((NEIGHBOUR * count as f64).round() as usize).clamp(1, count - 1);
    let mut near: Vec<f64> = values
        .chunks_exact(cols)
        .map(|a| {
            let mut distances: Vec<f64> = values
                .chunks_exact(cols)
                .map(|b| {
                    let squares = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2));
                    squares.sum()
                })
                .collect();
            // The record itself is among them, at distance 0.
            *distances.select_nth_unstable_by(rank, f64::total_cmp).1
        })
        .collect();
    let middle = near.len() / 2;
    let median = *near.select_nth_unstable_by(middle, f64::total_cmp).1;
    // Copies of one record have no width; the smallest that f32 makes something of.
    (FACTOR * median / cols as f64).max(1e-8)
}
