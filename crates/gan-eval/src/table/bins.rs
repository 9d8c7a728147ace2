//! The values of a table in at most 255 bins a column, and one for blanks: what trees are grown on.

use super::{Column, Table, levels_by_count, sorted};

/// Bins of known values at most; blanks have another.
const BINS: usize = 255;
/// Levels that have a bin of their own; all others share one.
const FREQUENT_LEVELS: usize = 250;
/// The bin of blanks.
pub(super) const BLANK: u8 = u8::MAX;

/// How the values of a column become bins.
#[derive(Clone, Debug)]
pub(super) enum Bins {
    /// A value's bin is the number of thresholds below it.
    Thresholds(Vec<f64>),
    /// The bin of each level.
    Levels(Vec<u8>),
}

/// How the values of a table become bins.
#[derive(Clone, Debug)]
pub(super) struct Binning {
    pub(super) columns: Vec<Bins>,
}

/// A table in bins, column by column.
#[derive(Clone, Debug)]
pub(super) struct Binned {
    pub(super) columns: Vec<Vec<u8>>,
}

impl Binning {
    /// Thresholds between the distinct values of each column of `table`, or between its quantiles;
    /// the levels of a category by frequency, with one bin for all that are not among the
    /// most frequent.
    pub(super) fn of(table: &Table<'_>) -> Self {
        let bins = |(column, values): (&Column, &[f64])| match column.levels() {
            None => Bins::Thresholds(thresholds(values)),
            Some(levels) => {
                let mut frequent = levels_by_count(values, levels);
                frequent.truncate(FREQUENT_LEVELS);
                let mut bins = vec![frequent.len() as u8; levels];
                for (bin, (level, _)) in frequent.into_iter().enumerate() {
                    bins[level] = bin as u8;
                }
                Bins::Levels(bins)
            }
        };
        Self {
            columns: table.iter().map(bins).collect(),
        }
    }

    /// The columns of `table` in bins, but for those of `left_out`, which are blanks all.
    pub(super) fn bin(&self, table: &Table<'_>, left_out: Option<usize>) -> Binned {
        let column = |(at, bins): (usize, &Bins)| {
            let values = table.column(at).iter();
            values
                .map(|&value| match bins {
                    _ if value.is_nan() || left_out == Some(at) => BLANK,
                    Bins::Thresholds(thresholds) => {
                        thresholds.partition_point(|&threshold| threshold < value) as u8
                    }
                    Bins::Levels(levels) => levels.get(value as usize).copied().unwrap_or(BLANK),
                })
                .collect()
        };
        Binned {
            columns: self.columns.iter().enumerate().map(column).collect(),
        }
    }
}

/// Values that split those of a column into bins.
fn thresholds(values: &[f64]) -> Vec<f64> {
    let sorted = sorted(values);
    let mut distinct = sorted.clone();
    distinct.dedup();
    if distinct.len() <= BINS {
        let middles = distinct
            .windows(2)
            .map(|pair| f64::midpoint(pair[0], pair[1]));
        return middles.collect();
    }
    let edge = |bin: usize| sorted[(bin * sorted.len()).div_ceil(BINS) - 1];
    let mut thresholds: Vec<f64> = (1..BINS).map(edge).collect();
    thresholds.dedup();
    thresholds
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::*;

    #[test]
    fn bins_are_between_distinct_values_or_quantiles_and_levels_by_frequency() {
        assert_eq!(thresholds(&[3.0, 1.0, f64::NAN, 1.0]), [2.0]);
        assert_eq!(thresholds(&[7.0]), [0.0; 0]);
        let many: Vec<f64> = (0..2550).map(f64::from).collect();
        let found = thresholds(&many);
        assert_eq!((found.len(), found[0], found[253]), (254, 9.0, 2539.0));

        let levels = (0..400).map(|level| level.to_string()).collect();
        let columns = [Column {
            name: "town".into(),
            kind: Kind::Category { levels },
        }];
        let values: Vec<f64> = (0..400).chain([399, 399]).map(f64::from).collect();
        let table = Table::new(&columns, &values);
        let binned = Binning::of(&table).bin(&table, None);
        let bins = &binned.columns[0];
        assert_eq!((bins[399], bins[0], bins[248], bins[249]), (0, 1, 249, 250));
        let left_out = Binning::of(&table).bin(&table, Some(0));
        assert!(left_out.columns[0].iter().all(|&bin| bin == BLANK));
    }
}
