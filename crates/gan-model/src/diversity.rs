//! How much samples differ from each other, measured against records.

/// Distances between the rows of a set, in the rows' own units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Root mean square distance of two rows drawn with replacement.
    pub distance: f64,
    /// Mean distance of a row to the nearest other one.
    pub nearest: f64,
}

/// The spread of samples as a share of the spread of records: 1 is ideal, 0 is one point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Diversity {
    /// Share of the root mean square distances; small where all samples are about the same.
    pub distance: f64,
    /// Share of the mean nearest distances; small also where the samples are copies of a few that
    /// are far apart, which the other number does not notice.
    pub nearest: f64,
}

/// Nearest neighbours are sought among so many rows: the work grows with their square.
const NEIGHBOURS: usize = 64;

impl Spread {
    /// The spread of `rows` of `cols` values; nearest neighbours among the first 64 alone.
    ///
    /// ‖x − y‖² has the mean 2·Σⱼ var(xⱼ), so the distance takes one pass per column sum and none
    /// over pairs. Fewer than two rows have no spread: both numbers are 0.
    ///
    /// # Panics
    /// If `rows` is no whole number of rows.
    #[must_use]
    pub fn of(rows: &[f32], cols: usize) -> Self {
        assert!(
            cols > 0 && rows.len().is_multiple_of(cols),
            "Spread::of: no whole number of rows"
        );
        Self {
            distance: (2.0 * total_variance(rows, cols)).sqrt(),
            nearest: mean_nearest(&rows[..rows.len().min(NEIGHBOURS * cols)], cols),
        }
    }
}

impl Diversity {
    /// The spread of `samples` relative to that of `records`, of equally many rows each: the mean
    /// nearest distance falls with their number.
    ///
    /// A number is NaN where the records' own is 0.
    #[must_use]
    pub fn of(samples: &Spread, records: &Spread) -> Self {
        let share = |samples: f64, records: f64| match records {
            0.0 => f64::NAN,
            _ => samples / records,
        };
        Self {
            distance: share(samples.distance, records.distance),
            nearest: share(samples.nearest, records.nearest),
        }
    }
}

/// Σⱼ var(xⱼ), in two passes: the columns' squares alone would cancel where the mean is far from 0.
fn total_variance(rows: &[f32], cols: usize) -> f64 {
    let count = (rows.len() / cols).max(1) as f64;
    let mut mean = vec![0.0; cols];
    for row in rows.chunks_exact(cols) {
        for (sum, &value) in mean.iter_mut().zip(row) {
            *sum += f64::from(value);
        }
    }
    // Divided once, so that rows that are all alike have a variance of exactly 0.
    mean.iter_mut().for_each(|sum| *sum /= count);
    let squares = rows
        .chunks_exact(cols)
        .flat_map(|row| row.iter().zip(&mean))
        .map(|(&value, mean)| (f64::from(value) - mean).powi(2));
    squares.sum::<f64>() / count
}

fn mean_nearest(rows: &[f32], cols: usize) -> f64 {
    let count = rows.len() / cols;
    if count < 2 {
        return 0.0;
    }
    let mut nearest = vec![f64::INFINITY; count];
    for (i, a) in rows.chunks_exact(cols).enumerate() {
        for (j, b) in rows.chunks_exact(cols).enumerate().take(i) {
            let square: f32 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
            let distance = f64::from(square).sqrt();
            nearest[i] = nearest[i].min(distance);
            nearest[j] = nearest[j].min(distance);
        }
    }
    nearest.iter().sum::<f64>() / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_of_three_points_is_that_of_their_pairs() {
        // Distances 3, 4 and 5, each pair twice among the nine ordered ones.
        let spread = Spread::of(&[7.0, 1.0, 10.0, 1.0, 7.0, 5.0], 2);
        let expected: f64 = 2.0 * (9.0 + 16.0 + 25.0) / 9.0;
        assert!((spread.distance - expected.sqrt()).abs() < 1e-12);
        assert!((spread.nearest - (3.0 + 3.0 + 4.0) / 3.0).abs() < 1e-6);
    }

    #[test]
    fn diversity_is_1_of_alike_sets_0_of_one_point_and_halves_with_the_scale() {
        let records: Vec<f32> = (0..300).map(|i| (i * 71 % 300) as f32).collect();
        let of = |samples: &[f32]| Diversity::of(&Spread::of(samples, 3), &Spread::of(&records, 3));
        let alike = of(&records);
        assert_eq!([alike.distance, alike.nearest], [1.0; 2]);
        let halves: Vec<f32> = records.iter().map(|value| 1000.0 + value / 2.0).collect();
        assert!((of(&halves).distance - 0.5).abs() < 1e-9);
        assert!((of(&halves).nearest - 0.5).abs() < 1e-6);
        let point = [4.0, 5.0, 6.0].repeat(100);
        let one = of(&point);
        assert_eq!([one.distance, one.nearest], [0.0; 2]);
    }

    #[test]
    fn nearest_notices_copies_of_a_few_points() {
        let records: Vec<f32> = (0..128).map(|i| i as f32).collect();
        let copies: Vec<f32> = (0..128).map(|i| (i % 4 * 40) as f32).collect();
        let found = Diversity::of(&Spread::of(&copies, 1), &Spread::of(&records, 1));
        assert!(found.distance > 0.9, "{found:?}");
        assert_eq!(found.nearest, 0.0);
    }

    #[test]
    fn diversity_against_records_that_are_all_alike_is_no_number() {
        let spread = |rows: &[f32]| Spread::of(rows, 2);
        let [samples, alike] = [[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 1.0, 2.0]];
        let found = Diversity::of(&spread(&samples), &spread(&alike));
        assert!(found.distance.is_nan() && found.nearest.is_nan());
        assert_eq!(spread(&[1.0, 2.0]).nearest, 0.0);
    }
}
