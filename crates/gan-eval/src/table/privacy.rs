//! Are samples copies? Distances to the closest training row, against those to rows held out.
//!
//! The distance of two rows is the sum over columns (Gower): of numbers, their difference over the
//! range from the 5 % to the 95 % quantile of the training rows; of categories, 1 where they differ;
//! a blank is as far from any value as two categories are.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};

use super::{Column, Table, quantile, sorted, threads};

/// Samples that are looked at.
const PROBES: usize = 2_000;
/// Rows held out that they are compared with at most.
const HELD_OUT: usize = 10_000;
/// Training rows that they are compared with at most.
const TRAIN: usize = 50_000;
/// Probes of one task.
const CHUNK: usize = 100;
/// Values of a row between two looks at the distance so far.
const STRIDE: usize = 8;
/// How far beyond the range of most values a number counts, in ranges.
const BEYOND: f64 = 2.0;

/// How near samples are to training rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Privacy {
    /// 0 for samples that know nothing of single training rows, 1 for plain copies; below 0 for
    /// samples that are nearer to rows held out.
    pub(super) memorised: f64,
    /// Standard error of that number, for samples that know nothing.
    pub(super) standard_error: f64,
    /// Share of all samples that are a training row, value by value.
    pub(super) copies: f64,
    /// The same share of the rows held out: what chance repeats.
    pub(super) copies_held_out: f64,
    /// Median distance of samples to the closest training row, over that of rows held out; NaN
    /// where most rows held out are copies themselves.
    pub(super) distance_ratio: f64,
}

/// Compares `samples` with rows that were trained on, and with rows that were not.
///
/// The closest row of all is a training row with a probability that is the share of training rows,
/// if samples are as far from them as from rows held out; *memorised* is how much more often it is
/// one, (share − fair) / (1 − fair).
pub(super) fn privacy(
    train: &Table<'_>,
    held_out: &Table<'_>,
    samples: &Table<'_>,
    threads: usize,
) -> Privacy {
    let space = Space::of(train);
    let probes = space.place(&samples.drawn(PROBES, 6));
    let known = space.place(&train.drawn(TRAIN, 7));
    let unknown = held_out.drawn(HELD_OUT, 8);
    let unknown_probes = space.place(&unknown.drawn(PROBES, 9));
    let unknown = space.place(&unknown);
    let to_known = nearest(&probes, &known, threads);
    let to_unknown = nearest(&probes, &unknown, threads);
    let nearer = to_known.iter().zip(&to_unknown).map(|(known, unknown)| {
        // Equal distances count half.
        0.5 * (f64::from(u8::from(known < unknown)) + f64::from(u8::from(known <= unknown)))
    });
    let share = nearer.sum::<f64>() / probes.rows as f64;
    let fair = known.rows as f64 / (known.rows + unknown.rows) as f64;
    let median = |distances: Vec<f32>| {
        let distances = distances.into_iter().map(f64::from).collect::<Vec<_>>();
        quantile(&sorted(&distances), 0.5)
    };
    let usual = median(nearest(&unknown_probes, &known, threads));
    let rows = Rows::of(train);
    Privacy {
        memorised: (share - fair) / (1.0 - fair),
        standard_error: (fair / (1.0 - fair) / probes.rows as f64).sqrt(),
        copies: rows.repeated_by(samples),
        copies_held_out: rows.repeated_by(held_out),
        distance_ratio: match median(to_known) / usual {
            ratio if ratio.is_finite() => ratio,
            _ => f64::NAN,
        },
    }
}

/// What differences of columns are divided by.
struct Space {
    /// The low end and the width of most values of a number; `None` for a category.
    columns: Vec<Option<[f64; 2]>>,
}

/// Rows as points, of which the sum of differences is the distance.
struct Places {
    rows: usize,
    /// Numbers per row; each has another value that says whether it is a blank.
    numbers: usize,
    numeric: Vec<f32>,
    /// Categories per row.
    categories: usize,
    levels: Vec<f32>,
}

impl Space {
    fn of(train: &Table<'_>) -> Self {
        let scale = |(column, values): (&Column, &[f64])| {
            column.levels().is_none().then(|| {
                let sorted = sorted(values);
                let ends = |tail: f64| [tail, 1.0 - tail].map(|share| quantile(&sorted, share));
                let [mut low, mut high] = ends(0.05);
                if high <= low {
                    [low, high] = ends(0.0);
                }
                match high - low {
                    width if width > 0.0 => [low, width],
                    _ => [if low.is_nan() { 0.0 } else { low }, 1.0],
                }
            })
        };
        Self {
            columns: train.iter().map(scale).collect(),
        }
    }

    fn place(&self, table: &Table<'_>) -> Places {
        let numbers = 2 * self.columns.iter().flatten().count();
        let categories = self.columns.len() - numbers / 2;
        let mut places = Places {
            rows: table.rows(),
            numbers,
            numeric: Vec::with_capacity(numbers * table.rows()),
            categories,
            levels: Vec::with_capacity(categories * table.rows()),
        };
        for row in 0..table.rows() {
            for (at, scale) in self.columns.iter().enumerate() {
                let value = table.column(at)[row];
                match scale {
                    Some(_) if value.is_nan() => places.numeric.extend([0.5, 1.0]),
                    Some([low, width]) => {
                        let place = ((value - low) / width).clamp(-BEYOND, 1.0 + BEYOND);
                        places.numeric.extend([place as f32, 0.0]);
                    }
                    None if value.is_nan() => places.levels.push(-1.0),
                    // A float tells sixteen million levels apart.
                    None => places.levels.push(value as f32),
                }
            }
        }
        places
    }
}

impl Places {
    fn row(&self, row: usize) -> [&[f32]; 2] {
        [
            &self.numeric[row * self.numbers..][..self.numbers],
            &self.levels[row * self.categories..][..self.categories],
        ]
    }
}

/// The distance of each of `probes` to the closest of `rows`.
fn nearest(probes: &Places, rows: &Places, threads: usize) -> Vec<f32> {
    let chunks = probes.rows.div_ceil(CHUNK);
    let distances = threads::each(threads, chunks, |chunk| {
        let probes = (chunk * CHUNK..probes.rows.min((chunk + 1) * CHUNK)).map(|at| probes.row(at));
        let closest = |probe: [&[f32]; 2]| {
            (0..rows.rows).fold(f32::INFINITY, |closest, at| {
                closest.min(distance(probe, rows.row(at), closest))
            })
        };
        probes.map(closest).collect::<Vec<_>>()
    });
    distances.concat()
}

/// The distance of two rows, or any number from `limit` on if it is not below that.
fn distance(a: [&[f32]; 2], b: [&[f32]; 2], limit: f32) -> f32 {
    let mut sum = 0.0;
    // Differing levels first: they are the coarser part.
    for (a, b) in a[1].chunks(STRIDE).zip(b[1].chunks(STRIDE)) {
        let differ = a.iter().zip(b).map(|(a, b)| f32::from(u8::from(a != b)));
        sum += differ.sum::<f32>();
        if sum >= limit {
            return sum;
        }
    }
    for (a, b) in a[0].chunks(STRIDE).zip(b[0].chunks(STRIDE)) {
        sum += a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f32>();
        if sum >= limit {
            return sum;
        }
    }
    sum
}

/// Rows by a digest of 64 bits: two different rows in a million have the same with a probability
/// of 3·10⁻⁸.
struct Rows(HashSet<u64>);

impl Rows {
    fn of(table: &Table<'_>) -> Self {
        Self((0..table.rows()).map(|row| digest(table, row)).collect())
    }

    /// Share of the rows of `table` that are among these.
    fn repeated_by(&self, table: &Table<'_>) -> f64 {
        let rows = 0..table.rows();
        let repeated = rows.filter(|&row| self.0.contains(&digest(table, row)));
        repeated.count() as f64 / table.rows() as f64
    }
}

fn digest(table: &Table<'_>, row: usize) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (_, values) in table.iter() {
        // All blanks are one value, and so are both zeros.
        let value = match values[row] {
            blank if blank.is_nan() => f64::NAN,
            value => value + 0.0,
        };
        value.to_bits().hash(&mut hasher);
    }
    hasher.finish()
}

/// Share of the rows of `table` that another row before them repeats.
pub(super) fn repeated_rows(table: &Table<'_>) -> f64 {
    1.0 - Rows::of(table).0.len() as f64 / table.rows() as f64
}

#[cfg(test)]
mod tests {
    use super::super::testing::{columns, rows};
    use super::*;
    use crate::testing::close;

    #[test]
    fn copies_are_memorised_and_fresh_rows_are_not() {
        let columns = columns();
        let [train, held_out, fresh] =
            [(800, 1), (200, 2), (1000, 3)].map(|(n, seed)| Table::new(&columns, &rows(n, seed)));
        let of = |samples| privacy(&train, &held_out, samples, 2);
        let copies = of(&train);
        close(copies.memorised, 1.0, 0.02);
        assert_eq!((copies.copies, copies.copies_held_out), (1.0, 0.0));
        assert_eq!(copies.distance_ratio, 0.0);
        let found = of(&fresh);
        close(found.memorised, 0.0, 4.0 * found.standard_error);
        assert_eq!(found.copies, 0.0);
        close(found.distance_ratio, 1.0, 0.2);
        let halves: Vec<f64> = rows(500, 1).into_iter().chain(rows(500, 3)).collect();
        let found = of(&Table::new(&columns, &halves));
        close(found.memorised, 0.5, 3.0 * found.standard_error);
        close(found.copies, 0.5, 1e-12);
    }

    #[test]
    fn distance_adds_up_columns_and_stops_early() {
        let columns = columns();
        let mut train = rows(100, 1);
        train.extend([f64::NAN; 4]);
        let train = Table::new(&columns, &train);
        let space = Space::of(&train);
        let [low, width] = space.columns[0].unwrap();
        let values = [low, 40.0, 0.0, 1.0, low + 0.5 * width, 40.0, 1.0, f64::NAN];
        let places = space.place(&Table::new(&columns, &values));
        let [a, b] = [places.row(0), places.row(1)];
        assert_eq!(distance(a, b, f32::INFINITY), 2.5);
        assert_eq!(distance(a, b, 1.0), 2.0);
        let blank = space.place(&Table::new(&columns, &[f64::NAN, 40.0, 0.0, 1.0]));
        assert_eq!(distance(a, blank.row(0), f32::INFINITY), 1.5);
        let far = space.place(&Table::new(&columns, &[1e9, 40.0, 0.0, 1.0]));
        assert_eq!(distance(a, far.row(0), f32::INFINITY), 3.0);
    }

    #[test]
    fn rows_are_equal_whatever_their_blanks_and_zeros_are_made_of() {
        let columns = columns();
        let table = |row: [f64; 4]| Table::new(&columns, &row);
        let rows = Rows::of(&table([0.0, f64::NAN, 1.0, 0.0]));
        assert_eq!(rows.repeated_by(&table([-0.0, -f64::NAN, 1.0, 0.0])), 1.0);
        assert_eq!(rows.repeated_by(&table([0.0, 0.0, 1.0, 0.0])), 0.0);
        let twice = [1.0, 2.0, 0.0, 0.0, 1.0, 2.0, 0.0, 0.0];
        assert_eq!(repeated_rows(&Table::new(&columns, &twice)), 0.5);
    }
}
