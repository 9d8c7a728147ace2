//! How good the rows of a synthetic table are: columns of numbers and of categories, in the user's
//! units.
//!
//! [`evaluate`] compares rows that were sampled with the rows that the generator learnt from, and
//! with rows that it has never seen.
//! Every number stands beside the same number of real rows, and of rows each of whose columns was
//! shuffled alone, which keeps all shapes and destroys all that columns have to do with each other.
//!
//! | question | file |
//! |---|---|
//! | does each column have its shape, does each pair its trend? | `shapes.rs`, `pairs.rs` |
//! | can real and synthetic rows be told apart? | `two_sample.rs` |
//! | does a model learn from them what it learns from real rows? | `usefulness.rs` |
//! | are they copies? | `privacy.rs` |
//! | do they have values that a table like this can have, and all of its levels? | `validity.rs` |
//!
//! Nothing here needs a back end: the learner is gradient boosting (`boosting.rs`), which is the
//! best there is on tables, and runs on the processor.

mod bins;
mod boosting;
mod evaluation;
mod pairs;
mod privacy;
mod shapes;
mod threads;
mod two_sample;
mod usefulness;
mod validity;
mod verdict;

pub use evaluation::{Subject, TableEvaluation, evaluate};
pub use pairs::{PairKind, PairScore};
pub use shapes::ColumnScore;
pub use two_sample::TellingApart;
pub use validity::Validity;

use crate::draws::Draw;

/// Seed of every draw of an evaluation, so that the same rows get the same numbers.
const SEED: u64 = 2014;

/// Rows of a table that are looked at.
const ROWS: usize = 200_000;

/// A column of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its values.
    pub kind: Kind,
}

/// The values of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Numbers, and whatever else has an order and distances, such as dates.
    Number {
        /// Digits behind the point that a value can have; 0 for whole numbers, `None` for any
        /// number of digits.
        decimals: Option<usize>,
    },
    /// Categories, whose value is the index of a level.
    Category {
        /// The names of the levels.
        levels: Vec<String>,
    },
}

impl Column {
    /// The number of levels of a category.
    pub(crate) fn levels(&self) -> Option<usize> {
        match &self.kind {
            Kind::Number { .. } => None,
            Kind::Category { levels } => Some(levels.len()),
        }
    }
}

/// Rows of values, kept column by column; a blank is NaN.
#[derive(Clone, Debug)]
pub struct Table<'a> {
    columns: &'a [Column],
    values: Vec<Vec<f64>>,
    rows: usize,
}

impl<'a> Table<'a> {
    /// The rows of `values`, row-major: a number for each of `columns`.
    ///
    /// Infinite numbers are blanks.
    /// Of more than 200,000 rows so many are drawn, the same in every table of as many rows.
    ///
    /// # Panics
    /// If there is no whole number of rows, or there are no columns.
    #[must_use]
    #[track_caller]
    pub fn new(columns: &'a [Column], values: &[f64]) -> Self {
        assert!(
            !columns.is_empty() && values.len().is_multiple_of(columns.len()),
            "table: {} values are no whole number of rows of {}",
            values.len(),
            columns.len()
        );
        let rows = values.len() / columns.len();
        let row = |row: usize| &values[row * columns.len()..][..columns.len()];
        let drawn = (rows > ROWS).then(|| {
            let mut order = Draw::Rows.order(SEED, 10, rows);
            order.truncate(ROWS);
            order
        });
        let rows = rows.min(ROWS);
        let value = |x: f64| if x.is_finite() { x } else { f64::NAN };
        let column = |at: usize| {
            let places = (0..rows).map(|place| drawn.as_ref().map_or(place, |order| order[place]));
            places.map(|place| value(row(place)[at])).collect()
        };
        Self {
            columns,
            values: (0..columns.len()).map(column).collect(),
            rows,
        }
    }

    /// The columns.
    #[must_use]
    pub fn columns(&self) -> &'a [Column] {
        self.columns
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The values of a column, blanks included.
    #[must_use]
    pub fn column(&self, column: usize) -> &[f64] {
        &self.values[column]
    }

    /// Each column with its values.
    fn iter(&self) -> impl Iterator<Item = (&'a Column, &[f64])> {
        self.columns
            .iter()
            .zip(self.values.iter().map(Vec::as_slice))
    }

    /// The rows at `indices`.
    fn select(&self, indices: &[usize]) -> Self {
        let column = |values: &Vec<f64>| indices.iter().map(|&row| values[row]).collect();
        Self {
            columns: self.columns,
            values: self.values.iter().map(column).collect(),
            rows: indices.len(),
        }
    }

    /// These rows and those of `other`, which has the same columns.
    fn joined(&self, other: &Self) -> Self {
        let columns = self.values.iter().zip(&other.values);
        Self {
            columns: self.columns,
            values: columns
                .map(|(one, other)| [&one[..], other].concat())
                .collect(),
            rows: self.rows + other.rows,
        }
    }

    /// Up to `most` rows, drawn without replacement; draws of different `draw` are independent.
    fn drawn(&self, most: usize, draw: usize) -> Self {
        let mut order = Draw::Rows.order(SEED, draw, self.rows);
        order.truncate(most);
        self.select(&order)
    }

    /// Two tables of half of the rows each.
    fn halves(&self) -> [Self; 2] {
        let order = Draw::Rows.order(SEED, usize::MAX, self.rows);
        let (one, other) = order.split_at(self.rows / 2);
        [self.select(one), self.select(other)]
    }

    /// The same values in each column, in an order of its own.
    fn shuffled(&self) -> Self {
        let column = |(at, values): (usize, &Vec<f64>)| {
            let order = Draw::Shuffle.order(SEED, at, self.rows);
            order.into_iter().map(|row| values[row]).collect()
        };
        Self {
            columns: self.columns,
            values: self.values.iter().enumerate().map(column).collect(),
            rows: self.rows,
        }
    }
}

/// The values of a column that are no blanks.
fn known(values: &[f64]) -> impl Iterator<Item = f64> + Clone {
    values.iter().copied().filter(|value| !value.is_nan())
}

/// Share of the values that are blanks.
fn blank_share(values: &[f64]) -> f64 {
    let blanks = values.iter().filter(|value| value.is_nan()).count();
    blanks as f64 / values.len().max(1) as f64
}

/// The known values of a column in order.
fn sorted(values: &[f64]) -> Vec<f64> {
    let mut known: Vec<f64> = known(values).collect();
    known.sort_by(f64::total_cmp);
    known
}

/// The quantile at `share` of values in order, linear between two of them; NaN if there are none.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = share * last as f64;
    let (low, part) = (place.floor() as usize, place.fract());
    let high = sorted[(low + 1).min(last)];
    sorted[low] + part * (high - sorted[low])
}

/// Mean; NaN of nothing.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), x| (sum + x, count + 1));
    sum / f64::from(count)
}

/// The levels of a category by their number of rows, the most frequent first and the first of
/// equals first; those without a row are left out.
fn levels_by_count(values: &[f64], levels: usize) -> Vec<(usize, usize)> {
    let mut counts: Vec<(usize, usize)> = (0..levels).map(|level| (level, 0)).collect();
    for level in known(values) {
        if let Some((_, count)) = counts.get_mut(level as usize) {
            *count += 1;
        }
    }
    counts.retain(|&(_, count)| count > 0);
    counts.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    counts
}

/// Tables for the tests of every file here.
#[cfg(test)]
mod testing {
    use rand::RngExt;
    use rand_distr::{Distribution, StandardNormal};

    use super::{Column, Kind};
    use crate::draws::Draw;

    /// A table of four columns that have to do with each other: a number, a whole number that
    /// rises with it and is blank in a tenth of the rows, a category that says its sign, and a
    /// category of one in twenty rows.
    pub(crate) fn columns() -> Vec<Column> {
        let column = |name: &str, kind| Column {
            name: name.into(),
            kind,
        };
        let levels = |names: &[&str]| Kind::Category {
            levels: names.iter().map(|&name| name.into()).collect(),
        };
        vec![
            column("income", Kind::Number { decimals: None }),
            column("age", Kind::Number { decimals: Some(0) }),
            column("smoker", levels(&["no", "yes"])),
            column("region", levels(&["north", "south", "islands"])),
        ]
    }

    /// `rows` rows of [`columns`]; other seeds, other draws.
    pub(crate) fn rows(rows: usize, seed: u64) -> Vec<f64> {
        let mut rng = Draw::Rows.address(seed, 1).rng();
        let mut values = Vec::new();
        for _ in 0..rows {
            let x: f64 = StandardNormal.sample(&mut rng);
            let noise: f64 = StandardNormal.sample(&mut rng);
            let age = (40.0 + 10.0 * x + 2.0 * noise).round();
            let blank = rng.random_range(0..10) == 0;
            let region = match rng.random_range(0..20) {
                0 => 2.0,
                1..10 => 1.0,
                _ => 0.0,
            };
            values.extend([
                x,
                if blank { f64::NAN } else { age },
                f64::from(u8::from(x > 0.0)),
                region,
            ]);
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_keeps_columns_and_shuffling_keeps_each_ones_values() {
        let columns = testing::columns();
        let table = Table::new(&columns, &testing::rows(200, 1));
        assert_eq!((table.rows(), table.columns().len()), (200, 4));
        let shuffled = table.shuffled();
        for at in 0..4 {
            assert_eq!(sorted(table.column(at)), sorted(shuffled.column(at)));
        }
        assert_ne!(table.column(0), shuffled.column(0));
        let [one, other] = table.halves();
        let both = [one.column(0), other.column(0)].concat();
        assert_eq!(sorted(&both), sorted(table.column(0)));
        assert_eq!(table.drawn(30, 0).rows(), 30);
        assert_eq!(table.drawn(300, 0).rows(), 200);
        assert_eq!(Table::new(&columns, &[]).rows(), 0);
        let many: Vec<f64> = (0..200_001).map(f64::from).collect();
        let table = Table::new(&columns[..1], &many);
        assert_eq!(table.rows(), 200_000);
        let mut different = sorted(table.column(0));
        different.dedup();
        assert_eq!(different.len(), 200_000);
    }

    #[test]
    fn quantiles_are_linear_between_values() {
        let values = [1.0, 2.0, 4.0];
        let found = [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| quantile(&values, share));
        assert_eq!(found, [1.0, 1.5, 2.0, 3.0, 4.0]);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn levels_are_ordered_by_their_rows() {
        let values = [2.0, 1.0, f64::NAN, 2.0, 0.0];
        assert_eq!(levels_by_count(&values, 4), [(2, 2), (0, 1), (1, 1)]);
    }
}
