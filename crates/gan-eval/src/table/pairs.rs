//! The trend of each pair of columns, by two definitions.
//!
//! The first is that of SDMetrics: the similarity of Pearson's correlations for two numbers, and
//! 1 − total variation of the joint shares for all others, where a number is cut into ten bins of
//! equal width.
//! SDMetrics cuts real and synthetic rows each by their own range, and since version 0.2x averages
//! only over pairs that are strongly related in the real rows.
//! The second definition is stricter: 1 − total variation for every pair, with numbers cut at the
//! deciles of the real rows.

use serde::{Deserialize, Serialize};

use super::{Table, known, levels_by_count, mean, quantile, sorted, threads};

/// Rows that are counted at most.
const ROWS: usize = 50_000;
/// |r| above which two numbers are strongly related.
const STRONG_CORRELATION: f64 = 0.5;
/// Cramér's V above which any other two columns are.
const STRONG_ASSOCIATION: f64 = 0.3;
/// Bins of equal width.
const WIDTHS: usize = 10;
/// Levels of a category that are counted one by one in fixed bins; all others are one.
const LEVELS: usize = 30;
/// Cells of a pair up to which all are counted in one array.
const DENSE: usize = 1 << 16;

/// How the relation of a pair is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairKind {
    /// Pearson's correlation.
    Correlation,
    /// Cramér's V.
    Association,
}

/// How well a pair of columns has kept its trend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairScore {
    /// The two columns.
    pub columns: [String; 2],
    /// How the relation is measured.
    pub kind: PairKind,
    /// The relation in the real rows; `None` where it has no number, as for a column of one value.
    pub real: Option<f64>,
    /// The relation in the samples.
    pub samples: Option<f64>,
    /// SDMetrics' similarity; `None` where it has none.
    pub trend: Option<f64>,
    /// True if the real rows relate the columns strongly.
    pub strong: bool,
    /// 1 − total variation in bins fixed by the real rows.
    pub fixed_bins: f64,
}

/// The means over all pairs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct PairMeans {
    /// Over strongly related pairs, as SDMetrics; NaN where there are none.
    pub(super) strong: f64,
    /// Over all pairs.
    pub(super) all: f64,
    pub(super) fixed_bins: f64,
}

impl PairMeans {
    pub(super) fn of(scores: &[PairScore]) -> Self {
        let strong = scores.iter().filter(|score| score.strong);
        Self {
            strong: mean(strong.filter_map(|score| score.trend)),
            all: mean(scores.iter().filter_map(|score| score.trend)),
            fixed_bins: mean(scores.iter().map(|score| score.fixed_bins)),
        }
    }
}

/// The score of each pair of columns of `samples` against `real`.
pub(super) fn pair_scores(real: &Table<'_>, samples: &Table<'_>, threads: usize) -> Vec<PairScore> {
    let [real, samples] = [real.drawn(ROWS, 0), samples.drawn(ROWS, 0)];
    let codes: Vec<Codes> = (0..real.columns().len())
        .map(|column| Codes::of(&real, &samples, column))
        .collect();
    let columns = real.columns().len();
    let pairs: Vec<[usize; 2]> = (0..columns)
        .flat_map(|one| (one + 1..columns).map(move |other| [one, other]))
        .collect();
    threads::each(threads, pairs.len(), |at| {
        let [one, other] = pairs[at];
        score(
            [&real, &samples],
            [one, other],
            [&codes[one], &codes[other]],
        )
    })
}

/// The values of a column as small whole numbers, of real rows and of samples.
struct Codes {
    /// As SDMetrics counts them, where they are not correlated.
    own: [Vec<u32>; 2],
    /// In bins fixed by the real rows.
    fixed: [Vec<u32>; 2],
}

impl Codes {
    fn of(real: &Table<'_>, samples: &Table<'_>, column: usize) -> Self {
        let both = [real.column(column), samples.column(column)];
        match real.columns()[column].levels() {
            None => {
                let edges = deciles(both[0]);
                Self {
                    own: both.map(equal_widths),
                    fixed: both.map(|values| cut(values, &edges)),
                }
            }
            Some(levels) => {
                let mut frequent = levels_by_count(both[0], levels);
                frequent.truncate(LEVELS);
                let (other, blank) = (frequent.len() as u32, frequent.len() as u32 + 1);
                let mut codes = vec![other; levels];
                for (code, (level, _)) in frequent.into_iter().enumerate() {
                    codes[level] = code as u32;
                }
                let fixed = |value: f64| match value.is_nan() {
                    true => blank,
                    false => codes.get(value as usize).copied().unwrap_or(other),
                };
                let own = |value: f64| match value.is_nan() {
                    true => levels as u32,
                    false => value as u32,
                };
                Self {
                    own: both.map(|values| values.iter().map(|&value| own(value)).collect()),
                    fixed: both.map(|values| values.iter().map(|&value| fixed(value)).collect()),
                }
            }
        }
    }
}

/// The different deciles of a column.
fn deciles(values: &[f64]) -> Vec<f64> {
    let sorted = sorted(values);
    if sorted.is_empty() {
        return Vec::new();
    }
    let mut edges: Vec<f64> = (1..10)
        .map(|tenth| quantile(&sorted, f64::from(tenth) / 10.0))
        .collect();
    edges.dedup();
    edges
}

/// The number of `edges` below each value; blanks have a code of their own.
fn cut(values: &[f64], edges: &[f64]) -> Vec<u32> {
    let code = |&value: &f64| match value.is_nan() {
        true => edges.len() as u32 + 1,
        false => edges.partition_point(|&edge| edge < value) as u32,
    };
    values.iter().map(code).collect()
}

/// Bins of equal width between the smallest and the largest value.
///
/// As in SDMetrics, the largest value has a bin of its own, and blanks share it.
fn equal_widths(values: &[f64]) -> Vec<u32> {
    let ends = [f64::INFINITY, f64::NEG_INFINITY];
    let [mut low, mut high] =
        known(values).fold(ends, |[low, high], value| [low.min(value), high.max(value)]);
    if low > high {
        return vec![WIDTHS as u32 + 1; values.len()];
    }
    if low == high {
        (low, high) = (low - 0.5, high + 0.5);
    }
    let width = (high - low) / WIDTHS as f64;
    let mut edges: Vec<f64> = (0..WIDTHS).map(|at| at as f64 * width + low).collect();
    edges.push(high);
    let code = |&value: &f64| match value.is_nan() {
        true => WIDTHS as u32 + 1,
        false => edges.partition_point(|&edge| edge <= value) as u32,
    };
    values.iter().map(code).collect()
}

fn score(tables: [&Table<'_>; 2], [one, other]: [usize; 2], codes: [&Codes; 2]) -> PairScore {
    let columns = [one, other].map(|column| &tables[0].columns()[column]);
    let fixed = [0, 1].map(|side| Cells::count(&codes[0].fixed[side], &codes[1].fixed[side]));
    let numbers = columns.iter().all(|column| column.levels().is_none());
    let finite = |x: f64| x.is_finite().then_some(x);
    let (kind, relations, trend, threshold) = if numbers {
        let relations = tables.map(|table| correlation(table.column(one), table.column(other)));
        let trend = 1.0 - (relations[0] - relations[1]).abs() / 2.0;
        (PairKind::Correlation, relations, trend, STRONG_CORRELATION)
    } else {
        let own = [0, 1].map(|side| Cells::count(&codes[0].own[side], &codes[1].own[side]));
        let relations = [&own[0], &own[1]].map(Cells::association);
        let trend = 1.0 - Cells::total_variation(&own[0], &own[1]);
        (PairKind::Association, relations, trend, STRONG_ASSOCIATION)
    };
    PairScore {
        columns: columns.map(|column| column.name.clone()),
        kind,
        real: finite(relations[0]),
        samples: finite(relations[1]),
        trend: finite(trend),
        strong: relations[0].abs() > threshold,
        fixed_bins: 1.0 - Cells::total_variation(&fixed[0], &fixed[1]),
    }
}

/// Pearson's correlation over the rows that have both values; NaN where one of them is constant.
fn correlation(x: &[f64], y: &[f64]) -> f64 {
    let both = || x.iter().zip(y).filter(|(x, y)| !x.is_nan() && !y.is_nan());
    let means = [mean(both().map(|(&x, _)| x)), mean(both().map(|(_, &y)| y))];
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (x, y) in both() {
        let (x, y) = (x - means[0], y - means[1]);
        xx += x * x;
        xy += x * y;
        yy += y * y;
    }
    (xy / (xx * yy).sqrt()).clamp(-1.0, 1.0)
}

/// The rows in each cell of two columns, in the order of cells; empty cells are left out.
struct Cells {
    cells: Vec<([u32; 2], f64)>,
    rows: f64,
}

impl Cells {
    fn count(one: &[u32], other: &[u32]) -> Self {
        let size = |codes: &[u32]| codes.iter().max().map_or(1, |&code| code as usize + 1);
        let (height, width) = (size(one), size(other));
        let rows = one.iter().zip(other);
        let mut cells = Vec::new();
        if height.saturating_mul(width) <= DENSE {
            let mut counts = vec![0_u32; height * width];
            for (&one, &other) in rows {
                counts[one as usize * width + other as usize] += 1;
            }
            for (cell, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                let place = [(cell / width) as u32, (cell % width) as u32];
                cells.push((place, f64::from(count)));
            }
        } else {
            let mut places: Vec<[u32; 2]> = rows.map(|(&one, &other)| [one, other]).collect();
            places.sort_unstable();
            let runs = places.chunk_by(|a, b| a == b);
            cells.extend(runs.map(|run| (run[0], run.len() as f64)));
        }
        Self {
            cells,
            rows: one.len() as f64,
        }
    }

    /// Half of the sum of the differences of shares.
    fn total_variation(a: &Self, b: &Self) -> f64 {
        let mut rest = (a.cells.as_slice(), b.cells.as_slice());
        let mut sum = 0.0;
        loop {
            let (x, y) = match (rest.0.first(), rest.1.first()) {
                (None, None) => return sum / 2.0,
                (Some((x, in_a)), Some((y, in_b))) if x == y => (*in_a, *in_b),
                (Some((x, in_a)), Some((y, _))) if x < y => (*in_a, 0.0),
                (Some((_, in_a)), None) => (*in_a, 0.0),
                (_, Some((_, in_b))) => (0.0, *in_b),
            };
            rest.0 = &rest.0[usize::from(x > 0.0)..];
            rest.1 = &rest.1[usize::from(y > 0.0)..];
            sum += (x / a.rows - y / b.rows).abs();
        }
    }

    /// Cramér's V = √(χ² / (n · (min(rows, columns) − 1))); NaN where a column has one value.
    fn association(&self) -> f64 {
        let sums = [0, 1].map(|side| {
            let size = self.cells.iter().map(|(place, _)| place[side] as usize + 1);
            let mut sums = vec![0.0; size.max().unwrap_or(0)];
            for (place, count) in &self.cells {
                sums[place[side] as usize] += count;
            }
            sums
        });
        let values = |side: usize| sums[side].iter().filter(|sum| **sum > 0.0).count();
        let freedom = values(0).min(values(1)) as f64 - 1.0;
        let expected = |[one, other]: [u32; 2]| sums[0][one as usize] * sums[1][other as usize];
        let cells = self.cells.iter();
        let sum: f64 = cells
            .map(|(place, count)| count * count / expected(*place))
            .sum();
        // χ² / n, which rounding may leave a little below 0.
        ((sum - 1.0).max(0.0) / freedom).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{columns, rows};
    use super::*;
    use crate::testing::close;

    #[test]
    fn pairs_of_the_same_distribution_score_high_and_shuffled_ones_low() {
        let columns = columns();
        let [real, other] = [1, 2].map(|seed| rows(4000, seed));
        let [real, other] = [real, other].map(|values| Table::new(&columns, &values));
        let same = pair_scores(&real, &other, 2);
        let shuffled = pair_scores(&real, &real.shuffled(), 2);
        let names = |score: &PairScore| format!("{} {}", score.columns[0], score.columns[1]);
        let strong = |scores: &[PairScore]| -> Vec<String> {
            scores
                .iter()
                .filter(|score| score.strong)
                .map(names)
                .collect()
        };
        let expected = ["income age", "income smoker", "age smoker"];
        assert_eq!(strong(&same), expected);
        assert_eq!(strong(&shuffled), expected, "strength is the real rows'");
        let [same, shuffled] = [same, shuffled].map(|scores| PairMeans::of(&scores));
        // The bins of two draws of a normal distribution begin and end elsewhere.
        assert!(same.strong > 0.8 && same.all > 0.8, "{same:?}");
        assert!(same.fixed_bins > 0.95, "{same:?}");
        assert!(
            shuffled.strong < 0.6 && shuffled.fixed_bins < 0.8,
            "{shuffled:?}"
        );
        assert!(shuffled.all > shuffled.strong, "{shuffled:?}");
    }

    #[test]
    fn association_is_cramers_v() {
        // scipy.stats.contingency.association([[10, 20, 30], [20, 15, 5]], method="cramer").
        let counts = [[10, 20, 30], [20, 15, 5]];
        let places = (0..2).flat_map(|i| (0..3).map(move |j| [i, j]));
        let rows: Vec<[u32; 2]> = places
            .flat_map(|[i, j]| std::iter::repeat_n([i as u32, j as u32], counts[i][j]))
            .collect();
        let [one, other] = [0, 1].map(|side| rows.iter().map(|row| row[side]).collect::<Vec<_>>());
        close(
            Cells::count(&one, &other).association(),
            0.431_865_646_362_310_84,
            1e-9,
        );
        assert!(Cells::count(&one, &vec![0; 100]).association().is_nan());
    }

    #[test]
    fn cells_of_many_codes_are_counted_as_those_of_few() {
        let [one, other] = [[0, 1, 1, 2], [3, 0, 0, 1]];
        let far = one.map(|code| 100_000 * code);
        let [near, far] = [one, far].map(|one| Cells::count(&one, &other));
        let counts = |cells: &Cells| {
            cells
                .cells
                .iter()
                .map(|(_, count)| *count)
                .collect::<Vec<_>>()
        };
        assert_eq!(counts(&near), [1.0, 2.0, 1.0]);
        assert_eq!(counts(&near), counts(&far));
        close(Cells::total_variation(&near, &near), 0.0, 1e-12);
        // Of the cells (0, 3) and (1, 0) and (2, 1), one row of four is in the first of both.
        close(Cells::total_variation(&near, &far), 0.75, 1e-12);
    }

    #[test]
    fn bins_are_those_of_sdmetrics_and_of_deciles() {
        let blank = f64::NAN;
        assert_eq!(
            equal_widths(&[0.0, 0.5, 9.9, 10.0, blank]),
            [1, 1, 10, 11, 11]
        );
        assert_eq!(equal_widths(&[3.0, blank]), [6, 11]);
        let values: Vec<f64> = (0..=10).map(f64::from).collect();
        let edges = deciles(&values);
        assert_eq!(cut(&[0.0, 1.0, 1.5, 99.0, blank], &edges), [0, 0, 1, 9, 10]);
        assert!(deciles(&[blank]).is_empty());
    }
}
