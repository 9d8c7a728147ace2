//! How strong a penalty on D's gradient by its input should be, from the data alone.

use gan_kernels::Records;
use gan_kernels::random::{Address, Purpose, Stream};
use rand::RngExt;

/// Records whose distances are looked at.
const RECORDS: usize = 500;
/// The neighbour that tells how wide the data are around a record, as a share of the records.
const NEIGHBOUR: f64 = 0.02;

/// γ in mean squares of the distance to that neighbour: 9·10⁻⁵ on `ring8`, whose modes have the
/// variance 10⁻⁴.
const FACTOR: f64 = 3.0;

/// γ of the zero-centred penalty for `records`: three times the mean square per value of the
/// distance from a record to its near neighbours.
///
/// γ has the unit of the data squared: where D's gradient has the length 1/w, D's output changes by
/// 1 over the distance w, and γ = w² makes that cost as much as the loss is worth.
/// So w should be the width of what the data are made of, their modes, and not that of the whole:
/// D must be able to tell a mode from the void beside it.
/// The median distance to the 10th of 500 neighbours is of that size where modes are few, and is
/// the same whatever the number of records.
/// On pixels it is 0.2; γ = 1 served MNIST as well.
pub(crate) fn auto_gamma(records: &Records) -> f64 {
    let (rows, cols) = (records.rows(), records.cols());
    let count = rows.min(RECORDS);
    if count < 2 || cols == 0 {
        return 1.0;
    }
    let address = Address {
        seed: 0,
        stream: Stream::new(Purpose::Evaluation, 1, 0),
        step: 0,
    };
    let mut rng = address.rng();
    let mut values = vec![0.0f32; count * cols];
    for (i, values) in values.chunks_exact_mut(cols).enumerate() {
        // Without repetition where there are few; else hardly any is drawn twice.
        let all = rows <= RECORDS;
        records.copy_row(if all { i } else { rng.random_range(0..rows) }, values);
    }
    let rank = ((NEIGHBOUR * count as f64).round() as usize).clamp(1, count - 1);
    let rows = || values.chunks_exact(cols);
    let squared = |a: &[f32], b: &[f32]| -> f64 {
        let differences = a.iter().zip(b).map(|(a, b)| f64::from(a - b));
        differences.map(|difference| difference.powi(2)).sum()
    };
    let to_neighbour = |a| {
        let mut distances: Vec<f64> = rows().map(|b| squared(a, b)).collect();
        // The record itself is among them, at distance 0.
        *distances.select_nth_unstable_by(rank, f64::total_cmp).1
    };
    let mut near: Vec<f64> = rows().map(to_neighbour).collect();
    let middle = near.len() / 2;
    let median = *near.select_nth_unstable_by(middle, f64::total_cmp).1;
    // Copies of one record have no width; the smallest that f32 makes something of.
    (FACTOR * median / cols as f64).max(1e-8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gan_kernels::Values;

    /// `rows` records of two values, in eight modes of width `sigma` around a circle of `radius`.
    fn ring(rows: usize, radius: f32, sigma: f32) -> Records {
        let address = Address {
            seed: 3,
            stream: Stream::new(Purpose::Data, 0, 0),
            step: 0,
        };
        let mut rng = address.rng();
        // A sum of twelve uniform numbers is nearly normal.
        let mut normal = || (0..12).map(|_| rng.random::<f32>()).sum::<f32>() - 6.0;
        let values = (0..rows).flat_map(|i| {
            let angle = (i % 8) as f32 * std::f32::consts::TAU / 8.0;
            [angle.cos(), angle.sin()].map(|at| radius * at + sigma * normal())
        });
        Records::new(2, Values::Floats(values.collect()))
    }

    #[test]
    fn auto_gamma_is_the_variance_of_the_modes_and_not_of_the_whole() {
        for (radius, sigma) in [(1.0, 0.01), (5.0, 0.01), (1.0, 0.03)] {
            let share = auto_gamma(&ring(4000, radius, sigma)) / f64::from(sigma * sigma);
            assert!((0.5..2.0).contains(&share), "{radius}, {sigma}: {share}");
        }
    }

    #[test]
    fn auto_gamma_has_the_unit_of_the_data_squared_and_none_of_their_number() {
        let gamma = auto_gamma(&ring(4000, 1.0, 0.01));
        let tenfold = auto_gamma(&ring(4000, 10.0, 0.1));
        assert!((tenfold / gamma - 100.0).abs() < 0.1, "{tenfold} {gamma}");
        let more = auto_gamma(&ring(16_000, 1.0, 0.01));
        assert!((0.7..1.4).contains(&(more / gamma)), "{more} {gamma}");
    }

    #[test]
    fn auto_gamma_of_copies_or_of_one_record_is_positive() {
        let same = Records::new(3, Values::Floats(vec![0.5; 300]));
        let one = Records::new(3, Values::Floats(vec![0.5; 3]));
        assert!(auto_gamma(&same) > 0.0 && auto_gamma(&one) > 0.0);
    }
}
