//! Values that a table like this one can have, and the levels and blanks that it should have.

use serde::{Deserialize, Serialize};

use super::{Kind, Table, blank_share, known, levels_by_count};

/// A level of at least so many known rows should occur among samples.
const LEVEL_ROWS: usize = 10;
/// Only levels of which at least so many samples are expected are missed: even odds of exp(−10).
const EXPECTED: f64 = 10.0;
/// Values are compared with a tolerance of this share of themselves.
const ROUNDING: f64 = 1e-9;

/// Shares of the samples' values that no row like the known ones could have, and what is missing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Validity {
    /// Share of numbers beyond the smallest and the largest of the known rows.
    pub out_of_range: f64,
    /// Share of numbers with more decimals than the column has, such as 1.5 children.
    pub too_many_decimals: f64,
    /// Share of categories that no known row has.
    pub unseen: f64,
    /// Share of the levels of the known rows that occur, over all columns.
    pub levels_covered: f64,
    /// Columns and levels of ten known rows or more that do not occur, though ten samples or
    /// more should have them; the most frequent first.
    pub lost_levels: Vec<[String; 2]>,
    /// Mean of the difference of the share of blanks, over all columns.
    pub blanks_gap_mean: f64,
    /// The largest such difference, and its column.
    pub blanks_gap: f64,
    /// The column of the largest difference.
    pub blanks_column: String,
}

/// What `samples` have and lack beside `known_rows`.
pub(super) fn validity(known_rows: &Table<'_>, samples: &Table<'_>) -> Validity {
    let mut found = Validity::default();
    let (mut numbers, mut categories, mut seen, mut covered) = (0, 0, 0, 0);
    let (mut beyond, mut fractions, mut unseen) = (0, 0, 0);
    let mut lost: Vec<(usize, [String; 2])> = Vec::new();
    for ((column, of_known), (_, of_samples)) in known_rows.iter().zip(samples.iter()) {
        let gap = (blank_share(of_known) - blank_share(of_samples)).abs();
        found.blanks_gap_mean += gap / known_rows.columns().len() as f64;
        if found.blanks_column.is_empty() || gap > found.blanks_gap {
            (found.blanks_gap, found.blanks_column) = (gap, column.name.clone());
        }
        match &column.kind {
            Kind::Number { decimals } => {
                let ends = known(of_known).fold([f64::INFINITY, f64::NEG_INFINITY], |ends, x| {
                    [ends[0].min(x), ends[1].max(x)]
                });
                let tolerance = |x: f64| ROUNDING * x.abs().max(1.0);
                for value in known(of_samples) {
                    numbers += 1;
                    let slack = tolerance(value);
                    let inside = ends[0] - slack <= value && value <= ends[1] + slack;
                    beyond += usize::from(!inside);
                    let scaled = value * 10_f64.powi(decimals.map_or(0, |it| it.min(300) as i32));
                    let off = (scaled - scaled.round()).abs();
                    fractions += usize::from(decimals.is_some() && off > tolerance(scaled));
                }
            }
            Kind::Category { levels } => {
                let [known_counts, sample_counts] =
                    [of_known, of_samples].map(|values| counts(values, levels.len()));
                for (level, (&known_count, &count)) in
                    known_counts.iter().zip(&sample_counts).enumerate()
                {
                    categories += count;
                    seen += usize::from(known_count > 0);
                    covered += usize::from(known_count > 0 && count > 0);
                    unseen += if known_count == 0 { count } else { 0 };
                    let share = known_count as f64 / known_rows.rows() as f64;
                    let expected = share * samples.rows() as f64;
                    if count == 0 && known_count >= LEVEL_ROWS && expected >= EXPECTED {
                        lost.push((known_count, [column.name.clone(), levels[level].clone()]));
                    }
                }
            }
        }
    }
    let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
    found.out_of_range = share(beyond, numbers);
    found.too_many_decimals = share(fractions, numbers);
    found.unseen = share(unseen, categories);
    found.levels_covered = if seen == 0 { 1.0 } else { share(covered, seen) };
    lost.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    found.lost_levels = lost.into_iter().map(|(_, names)| names).collect();
    found
}

/// The rows of each level.
fn counts(values: &[f64], levels: usize) -> Vec<usize> {
    let mut counts = vec![0; levels];
    for (level, count) in levels_by_count(values, levels) {
        counts[level] = count;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::super::testing::{columns, rows};
    use super::*;
    use crate::testing::close;

    #[test]
    fn real_rows_are_valid() {
        let columns = columns();
        let [train, other] = [1, 2].map(|seed| rows(1000, seed));
        let [train, other] = [train, other].map(|values| Table::new(&columns, &values));
        let found = validity(&train, &other);
        assert_eq!((found.too_many_decimals, found.unseen), (0.0, 0.0));
        assert_eq!((found.levels_covered, found.lost_levels.len()), (1.0, 0));
        assert!(found.out_of_range < 0.005, "{found:?}");
        assert!(
            found.blanks_gap < 0.05 && found.blanks_column == "age",
            "{found:?}"
        );
    }

    #[test]
    fn each_fault_is_counted() {
        let columns = columns();
        // South is in 90 rows, the islands are unknown to the training rows.
        let row = |at: usize| [at as f64, 40.0, 0.0, f64::from(u8::from(at < 90))];
        let train: Vec<f64> = (0..200).flat_map(row).collect();
        let row = |at: usize| {
            [
                if at < 50 { 300.0 } else { 1.0 },
                if at < 20 {
                    40.5
                } else if at < 40 {
                    f64::NAN
                } else {
                    40.0
                },
                0.0,
                if at < 10 { 2.0 } else { 0.0 },
            ]
        };
        let samples: Vec<f64> = (0..100).flat_map(row).collect();
        let [train, samples] = [train, samples].map(|values| Table::new(&columns, &values));
        let found = validity(&train, &samples);
        close(found.out_of_range, 70.0 / 180.0, 1e-12);
        close(found.too_many_decimals, 20.0 / 180.0, 1e-12);
        close(found.unseen, 10.0 / 200.0, 1e-12);
        close(found.levels_covered, 2.0 / 3.0, 1e-12);
        assert_eq!(found.lost_levels, [["region", "south"].map(String::from)]);
        close(found.blanks_gap, 0.2, 1e-12);
        close(found.blanks_gap_mean, 0.05, 1e-12);
        assert_eq!(found.blanks_column, "age");
    }

    #[test]
    fn levels_of_few_rows_or_few_expected_samples_are_not_lost() {
        let columns = columns();
        let row = |at: usize| {
            [
                0.0,
                40.0,
                f64::from(u8::from(at < 9)),
                f64::from(u8::from(at < 90)),
            ]
        };
        let train: Vec<f64> = (0..200).flat_map(row).collect();
        let train = Table::new(&columns, &train);
        let samples = |rows: usize| [0.0, 40.0, 0.0, 0.0].repeat(rows);
        let few = validity(&train, &Table::new(&columns, &samples(20)));
        assert_eq!(few.lost_levels.len(), 0);
        let many = validity(&train, &Table::new(&columns, &samples(1000)));
        assert_eq!(many.lost_levels, [["region", "south"].map(String::from)]);
    }
}
