//! What the players see of a mixed table, and the way back.
//!
//! A column is levels, of which a record has one, or a scalar, or both.
//! Categories and numbers of few values are levels alone.
//! Any other number is a scalar, its rank among the training records as a normal score; beside it
//! stand levels for values that many records share, such as 0 or 999, and for blanks.
//! So every distribution looks alike to the players, whatever its tails are, and comes back as it
//! was.

mod codes;
mod exact;
mod fit;
mod score;

use std::ops::Range;

use gan_kernels::{Computed, Head, Records, Values};
use serde::{Deserialize, Serialize};

use codes::Codes;
use fit::fit;
use score::normal_cdf;
pub use score::normal_quantile;

/// A number of so many different values or fewer is levels alone.
const FEW: usize = 25;
/// A value that this share of the training records holds is a level beside the scalar.
const SPIKE: f64 = 0.04;
/// Order statistics that are kept of a column; of more training records, evenly spaced ones.
const ORDER: usize = 4096;

/// How the records of a mixed table are encoded, and decoded without the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Encoding {
    columns: Vec<ColumnEncoding>,
}

/// The encoding of one column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnEncoding {
    /// The values that are levels, in their order; of a category, the places of its texts.
    #[serde(with = "exact")]
    values: Vec<f64>,
    /// True if a level stands for blanks, the last one.
    blank: bool,
    /// Order statistics of the training records' values that are no levels; empty where all values
    /// are levels.
    #[serde(with = "exact")]
    order: Vec<f64>,
    /// The share of each level among the training records: of the scalar's, if there is a scalar, of
    /// `values`, and of blanks.
    #[serde(with = "exact")]
    shares: Vec<f64>,
}

impl ColumnEncoding {
    /// The column as the players see it.
    #[must_use]
    pub fn head(&self) -> Head {
        let levels = self.values.len() + usize::from(self.blank);
        let scalar = !self.order.is_empty();
        Head {
            scalar,
            levels: if scalar && levels > 0 {
                levels + 1
            } else {
                levels
            },
        }
    }

    /// The values that are levels: all values of a column without a scalar, otherwise those that many
    /// records share.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Order statistics of the training records' values that are no levels, statistic i of n at the
    /// rank (i + 1/2) / n; none where all values are levels.
    #[must_use]
    pub fn order(&self) -> &[f64] {
        &self.order
    }

    /// The share of blanks among the training records, if there are any.
    #[must_use]
    pub fn blanks(&self) -> Option<f64> {
        self.blank
            .then(|| self.shares.last().copied().unwrap_or(0.0))
    }

    /// The share of each level among the training records.
    #[must_use]
    pub fn shares(&self) -> &[f64] {
        &self.shares
    }

    /// The smallest and the largest value that is decoded; none of blanks alone.
    #[must_use]
    pub fn range(&self) -> Option<[f64; 2]> {
        let ends =
            [&self.values, &self.order].map(|sorted| Some([*sorted.first()?, *sorted.last()?]));
        let both = |a: [f64; 2], b: [f64; 2]| [a[0].min(b[0]), a[1].max(b[1])];
        ends.into_iter().flatten().reduce(both)
    }

    /// The number of values besides the scalar's level that come before the level of `values[0]`.
    fn first(&self) -> usize {
        usize::from(!self.order.is_empty())
    }

    /// The level of `value`: 0 is the scalar's where there is a scalar.
    ///
    /// A value that is no level of a column without a scalar gets the nearest, and a blank of a column
    /// without blanks the first.
    fn level(&self, value: f64) -> usize {
        let (first, values) = (self.first(), &self.values);
        if value.is_nan() {
            return if self.blank { first + values.len() } else { 0 };
        }
        let at = values.partition_point(|level| *level < value);
        if values.get(at) == Some(&value) {
            return first + at;
        }
        if first == 1 {
            return 0;
        }
        match (at.checked_sub(1), values.get(at)) {
            (Some(below), Some(above)) if value - values[below] > above - value => below + 1,
            (Some(below), _) => below,
            (None, _) => 0,
        }
    }

    /// The value of level `level`, which is not the scalar's.
    fn value(&self, level: usize) -> f64 {
        let value = level
            .checked_sub(self.first())
            .and_then(|at| self.values.get(at));
        value.copied().unwrap_or(f64::NAN)
    }

    /// The value at the share `rank` of the free values.
    fn quantile(&self, rank: f64) -> f64 {
        let last = self.order.len() - 1;
        // Order statistic i stands at the rank (i + 1/2) / n.
        let at = (rank * self.order.len() as f64 - 0.5).clamp(0.0, last as f64);
        // A score of 32 bits misses its record by less than this.
        let at = match at.round() {
            near if (at - near).abs() < 1e-3 => near,
            _ => at,
        };
        let (below, part) = (at.floor() as usize, at.fract());
        let (a, b) = (self.order[below], self.order[(below + 1).min(last)]);
        // Not a + part · (b − a), which may leave the numbers.
        (a * (1.0 - part) + b * part).clamp(a, b)
    }

    /// The scalar of the free value `value`, in the middle of its ranks.
    fn score(&self, value: f64) -> f32 {
        let below = self.order.partition_point(|known| *known < value);
        let upto = self.order.partition_point(|known| *known <= value);
        score(0.5 * (below + upto) as f64, self.order.len())
    }

    fn decode(&self, values: &[f32]) -> f64 {
        let head = self.head();
        let (scalar, levels) = values.split_at(usize::from(head.scalar));
        // The first of the largest: of players that decide, the only one that is not 0.
        let mut level = 0;
        for (index, value) in levels.iter().enumerate() {
            if *value > levels[level] {
                level = index;
            }
        }
        match scalar.first() {
            Some(z) if level == 0 => self.quantile(normal_cdf(f64::from(*z))),
            _ => self.value(level),
        }
    }

    /// Checks what a file says: sorted finite numbers, and a share for each level.
    fn check(&self) -> Result<(), String> {
        let is_sorted =
            |values: &[f64]| values.iter().all(|value| value.is_finite()) && values.is_sorted();
        let is_strict = self.values.windows(2).all(|two| two[0] < two[1]);
        let head = self.head();
        if !is_sorted(&self.values) || !is_strict {
            return Err("levels out of order".into());
        }
        if !is_sorted(&self.order) || self.order.len() > ORDER {
            return Err(format!(
                "order statistics out of order, or more than {ORDER}"
            ));
        }
        if head.levels == 1 || head.width() == 0 {
            return Err(format!("{} levels", head.levels));
        }
        let is_share = |share: &f64| (0.0..=1.0).contains(share);
        if self.shares.len() != head.levels || !self.shares.iter().all(is_share) {
            return Err(format!(
                "{} shares for {} levels",
                self.shares.len(),
                head.levels
            ));
        }
        Ok(())
    }
}

/// Writes the values of a column, which are all 0.
fn write(head: Head, level: usize, scalar: f32, out: &mut [f32]) {
    let first = usize::from(head.scalar);
    // Under any other level than its own the scalar is 0.
    if head.scalar && level == 0 {
        out[0] = scalar;
    }
    if head.levels > 0 {
        out[first + level] = 1.0;
    }
}

/// The normal score of the rank `rank` among `count` values.
fn score(rank: f64, count: usize) -> f32 {
    let count = count as f64;
    normal_quantile(rank.clamp(0.5, count - 0.5) / count) as f32
}

impl Encoding {
    /// Encodes `values`, rows of one value for each of `levels`, which says of how many texts each is
    /// the place of one, if it is; blanks are NaN.
    ///
    /// Fitted to the records `train`; `seed` draws the ranks of equal values.
    pub(crate) fn fit(
        values: &[f64],
        levels: &[Option<usize>],
        train: Range<usize>,
        seed: u64,
    ) -> (Self, Records) {
        let columns = fit(values, levels, train, seed);
        let (codes, encodings) = Codes::of(columns, values.len() / levels.len().max(1));
        let encoding = Self { columns: encodings };
        let rows = Computed::new(codes.rows(), move |row, out: &mut [f32]| {
            codes.write_row(row, out)
        });
        let records = Records::new(encoding.width(), Values::Computed(rows));
        (encoding, records)
    }

    /// The encoding of each column that is learnt.
    #[must_use]
    pub fn columns(&self) -> &[ColumnEncoding] {
        &self.columns
    }

    /// How the values of a record are grouped into columns.
    #[must_use]
    pub fn heads(&self) -> Vec<Head> {
        self.columns.iter().map(ColumnEncoding::head).collect()
    }

    /// Values of a record.
    #[must_use]
    pub fn width(&self) -> usize {
        let widths = self.columns.iter().map(|column| column.head().width());
        widths.sum()
    }

    /// For each value of a record the share of its level among the training records; 0 for a scalar.
    #[must_use]
    pub fn shares(&self) -> Vec<f64> {
        let mut shares = Vec::with_capacity(self.width());
        for column in &self.columns {
            shares.extend((!column.order.is_empty()).then_some(0.0));
            shares.extend(&column.shares);
        }
        shares
    }

    /// A record in the user's units: one number for each column, that of a category the place of its
    /// text, and NaN for a blank.
    ///
    /// # Panics
    /// If `row` has not as many values as a record.
    #[must_use]
    #[track_caller]
    pub fn user_row(&self, row: &[f32]) -> Vec<f64> {
        assert!(
            row.len() == self.width(),
            "encoding: one value per scalar and level"
        );
        let mut rest = row;
        let columns = self.columns.iter().map(|column| {
            let (own, more) = rest.split_at(column.head().width());
            rest = more;
            column.decode(own)
        });
        columns.collect()
    }

    /// A record of the user's units as the players would see it.
    ///
    /// # Panics
    /// If there is not one value for each column.
    #[must_use]
    #[track_caller]
    pub fn player_row(&self, row: &[f64]) -> Vec<f32> {
        assert!(
            row.len() == self.columns.len(),
            "encoding: one value per column"
        );
        let mut values = vec![0.0; self.width()];
        let mut rest = values.as_mut_slice();
        for (column, &value) in self.columns.iter().zip(row) {
            let (own, more) = rest.split_at_mut(column.head().width());
            let level = column.level(value);
            let is_free = column.head().scalar && level == 0 && !value.is_nan();
            let scalar = if is_free { column.score(value) } else { 0.0 };
            write(column.head(), level, scalar, own);
            rest = more;
        }
        values
    }

    /// Checks an encoding that comes from a file, for columns of which `levels` says how many texts
    /// each has, if it is of texts.
    ///
    /// # Errors
    /// What was found that no encoding is.
    pub fn check(&self, levels: &[Option<usize>]) -> Result<(), String> {
        if self.columns.len() != levels.len() {
            return Err(format!(
                "{} encodings of {} columns",
                self.columns.len(),
                levels.len()
            ));
        }
        for (index, (column, texts)) in self.columns.iter().zip(levels).enumerate() {
            let wrong = |found: String| format!("{found} in column {}", index + 1);
            column.check().map_err(wrong)?;
            let is_place = |(at, value): (usize, &f64)| *value == at as f64;
            if let Some(texts) = texts
                && (column.values.len() != *texts
                    || !column.order.is_empty()
                    || !column.values.iter().enumerate().all(is_place))
            {
                return Err(wrong(format!(
                    "{} levels of {texts} texts",
                    column.values.len()
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
