//! The shape of each column: how far the distribution of its values is from that of real rows.

use serde::{Deserialize, Serialize};

use super::{Column, Table, blank_share, known, mean, sorted};

/// How well a column has kept its shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnScore {
    /// The column.
    pub column: String,
    /// 1 − Kolmogorov–Smirnov for numbers, 1 − total variation for categories, without blanks, as
    /// SDMetrics has it; `None` where one of the tables has no value in this column.
    pub shape: Option<f64>,
    /// The same with blanks as a value of their own.
    pub with_blanks: f64,
    /// Share of blanks among the samples, less their share among real rows.
    pub blanks_gap: f64,
}

/// The score of each column of `samples` against `real`.
pub(super) fn column_scores(real: &Table<'_>, samples: &Table<'_>) -> Vec<ColumnScore> {
    let columns = real.iter().zip(samples.iter());
    columns
        .map(|((column, real), (_, samples))| score(column, real, samples))
        .collect()
}

fn score(column: &Column, real: &[f64], samples: &[f64]) -> ColumnScore {
    let [distance, with_blanks] = match column.levels() {
        None => kolmogorov_smirnov(real, samples),
        Some(levels) => total_variation(real, samples, levels),
    };
    ColumnScore {
        column: column.name.clone(),
        shape: distance.is_finite().then_some(1.0 - distance),
        with_blanks: 1.0 - with_blanks,
        blanks_gap: blank_share(samples) - blank_share(real),
    }
}

/// The mean shape of all columns that have one.
pub(super) fn mean_shape(scores: &[ColumnScore]) -> f64 {
    mean(scores.iter().filter_map(|score| score.shape))
}

/// The largest difference of two empirical distribution functions: of known values alone, and of
/// all with blanks as the largest value.
fn kolmogorov_smirnov(real: &[f64], samples: &[f64]) -> [f64; 2] {
    let known = [sorted(real), sorted(samples)];
    let counts = [real.len(), samples.len()];
    let mut at = [0, 0];
    let mut largest = [0.0_f64, 0.0];
    while let (Some(&x), Some(&y)) = (known[0].get(at[0]), known[1].get(at[1])) {
        let value = x.min(y);
        for (at, values) in at.iter_mut().zip(&known) {
            while values.get(*at).is_some_and(|&next| next <= value) {
                *at += 1;
            }
        }
        let difference = |counts: [usize; 2]| {
            let [real, samples] = [0, 1].map(|side| at[side] as f64 / counts[side] as f64);
            (real - samples).abs()
        };
        largest[0] = largest[0].max(difference([known[0].len(), known[1].len()]));
        largest[1] = largest[1].max(difference(counts));
    }
    if known.iter().any(Vec::is_empty) {
        largest[0] = f64::NAN;
    }
    // Up to the blanks, all known values count.
    let blanks = blank_share(real) - blank_share(samples);
    largest[1] = largest[1].max(blanks.abs());
    largest
}

/// Half of the sum of the differences of shares: of known values, and with blanks as a level.
fn total_variation(real: &[f64], samples: &[f64], levels: usize) -> [f64; 2] {
    let counts = [real, samples].map(|values| {
        let mut counts = vec![0.0; levels];
        for level in known(values) {
            if let Some(count) = counts.get_mut(level as usize) {
                *count += 1.0;
            }
        }
        counts
    });
    let distance = |rows: [f64; 2]| -> f64 {
        let levels = counts[0].iter().zip(&counts[1]);
        levels.map(|(a, b)| (a / rows[0] - b / rows[1]).abs()).sum()
    };
    let known = [0, 1].map(|side| counts[side].iter().sum());
    let blanks = (blank_share(real) - blank_share(samples)).abs();
    let all = [real, samples].map(|values| values.len().max(1) as f64);
    [distance(known) / 2.0, (distance(all) + blanks) / 2.0]
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::*;
    use crate::testing::close;

    fn scores(kind: Kind, real: &[f64], samples: &[f64]) -> ColumnScore {
        let columns = [Column {
            name: "x".into(),
            kind,
        }];
        let [real, samples] = [real, samples].map(|values| Table::new(&columns, values));
        column_scores(&real, &samples).remove(0)
    }

    #[test]
    fn numbers_are_compared_by_their_distribution_functions() {
        let number = || Kind::Number { decimals: None };
        let found = scores(number(), &[1.0, 2.0, 3.0, 4.0], &[2.0, 2.0, 4.0, 4.0]);
        // At 1 the functions are 1/4 and 0, at 3 they are 3/4 and 1/2.
        close(found.shape.unwrap(), 0.75, 1e-12);
        close(found.with_blanks, 0.75, 1e-12);
        let blank = f64::NAN;
        let found = scores(number(), &[1.0, 2.0, blank, blank], &[1.0, 2.0, 2.0, 1.0]);
        close(found.shape.unwrap(), 1.0, 1e-12);
        close(found.with_blanks, 0.5, 1e-12);
        close(found.blanks_gap, -0.5, 1e-12);
        let found = scores(number(), &[1.0, 2.0], &[blank, blank]);
        assert_eq!((found.shape, found.with_blanks), (None, 0.0));
        close(scores(number(), &[1.0], &[2.0]).with_blanks, 0.0, 1e-12);
    }

    #[test]
    fn levels_are_compared_by_their_shares() {
        let category = || Kind::Category {
            levels: ["a", "b", "c"].map(String::from).into(),
        };
        let found = scores(category(), &[0.0, 0.0, 1.0, 1.0], &[0.0, 0.0, 0.0, 2.0]);
        close(found.shape.unwrap(), 0.5, 1e-12);
        let blank = f64::NAN;
        let found = scores(category(), &[0.0, 1.0, blank, blank], &[0.0, 1.0, 1.0, 0.0]);
        close(found.shape.unwrap(), 1.0, 1e-12);
        close(found.with_blanks, 0.5, 1e-12);
        assert_eq!(scores(category(), &[blank], &[0.0]).shape, None);
    }
}
