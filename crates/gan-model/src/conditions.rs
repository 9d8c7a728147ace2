//! Conditions: columns of a record that are inputs of both players (Mirza and Osindero 2014).
//!
//! D sees them as a part of the record. G is given them beside its latent, and what it makes in their
//! place is overwritten with them. In training they are those of training records; afterwards a
//! checkpoint has how often each combination of their levels occurs, from which samples draw theirs.

use std::collections::BTreeMap;
use std::ops::Range;

use gan_kernels::random::{Address, Purpose, Stream};
use gan_kernels::{
    Backend, GatherConditions, Given, PlaceConditions, Records, RowGroups, Rows, RowsMut,
};
use serde::{Deserialize, Serialize};

use crate::config::{ConditionBy, ConfigError};

/// The levels of the columns that are conditions, and how often each combination of them occurs among
/// the training records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conditions {
    /// The places of each column's levels in a record, in ascending order.
    columns: Vec<Range<usize>>,
    /// The level of each column in every combination, one combination after the other.
    levels: Vec<u32>,
    /// The number of training records with each combination.
    counts: Vec<u64>,
}

/// Combinations that a checkpoint holds at most: a few megabytes of it.
const MOST_COMBINATIONS: usize = 1 << 20;

impl Conditions {
    /// Those of `records`, in whose `columns` one value is 1 and the others are 0; beside them the
    /// combination of each record.
    pub(crate) fn of(
        records: &Records,
        columns: &[Range<usize>],
    ) -> Result<(Self, Vec<u32>), ConfigError> {
        let error = |found: String, expected: &str| ConfigError::Value {
            key: "game.condition".into(),
            found,
            expected: expected.into(),
        };
        let mut row = vec![0.0_f32; records.cols()];
        let mut found: BTreeMap<Vec<u32>, (u32, u64)> = BTreeMap::new();
        let mut of_records = Vec::with_capacity(records.rows());
        let mut levels = Vec::with_capacity(columns.len());
        for index in 0..records.rows() {
            records.copy_row(index, &mut row);
            levels.clear();
            for column in columns {
                let values = &row[column.clone()];
                let level = values.iter().position(|&value| value == 1.0);
                let is_one = values.iter().filter(|&&value| value != 0.0).count() == 1;
                let level = level.filter(|_| is_one).ok_or_else(|| {
                    let found = format!("record {index} with {values:?}");
                    error(found, "one value of a condition that is 1, and zeros")
                })?;
                levels.push(level as u32);
            }
            let next = found.len() as u32;
            if !found.contains_key(&levels) {
                found.insert(levels.clone(), (next, 0));
            }
            if let Some((number, count)) = found.get_mut(&levels) {
                of_records.push(*number);
                *count += 1;
            }
        }
        if found.len() > MOST_COMBINATIONS {
            let expected = "at most 1,048,576, of fewer columns";
            let found = format!("{} combinations of levels", found.len());
            return Err(error(found, expected));
        }
        // In the order of their levels, and not in that of their first records.
        let mut place = vec![0; found.len()];
        let mut conditions = Self {
            columns: columns.to_vec(),
            levels: Vec::with_capacity(found.len() * columns.len()),
            counts: Vec::with_capacity(found.len()),
        };
        for (index, (levels, (number, count))) in found.into_iter().enumerate() {
            place[number as usize] = index as u32;
            conditions.levels.extend(levels);
            conditions.counts.push(count);
        }
        of_records
            .iter_mut()
            .for_each(|number| *number = place[*number as usize]);
        Ok((conditions, of_records))
    }

    /// Checks conditions that a file tells of, for records of `cols` values.
    pub(crate) fn check(&self, cols: usize) -> Result<(), String> {
        let mut end = 0;
        for column in &self.columns {
            if column.start < end || column.len() < 2 || column.end > cols {
                return Err(format!("a condition at {column:?} of {cols} values"));
            }
            end = column.end;
        }
        let (columns, counts) = (self.columns.len(), self.counts.len());
        if columns == 0 || counts == 0 || self.levels.len() != columns * counts {
            let levels = self.levels.len();
            return Err(format!(
                "{levels} levels of {columns} conditions in {counts} combinations"
            ));
        }
        let all = self.combinations();
        let is_level = |(level, column): (&u32, &Range<usize>)| (*level as usize) < column.len();
        let mut levels = all.flat_map(|(levels, _)| levels.iter().zip(&self.columns));
        let sum = self.counts.iter().try_fold(0_u64, |sum, &count| {
            sum.checked_add(count).filter(|_| count > 0)
        });
        match (levels.all(is_level), sum) {
            (true, Some(_)) => Ok(()),
            _ => Err("a level or a number of records that cannot be".into()),
        }
    }

    /// The places of each column's levels in a record.
    #[must_use]
    pub fn columns(&self) -> &[Range<usize>] {
        &self.columns
    }

    /// Values of all columns.
    #[must_use]
    pub fn width(&self) -> usize {
        self.columns.iter().map(Range::len).sum()
    }

    /// The level of each column in each combination, and the training records that have it.
    pub fn combinations(&self) -> impl Iterator<Item = (&[u32], u64)> {
        let levels = self.levels.chunks_exact(self.columns.len().max(1));
        levels.zip(self.counts.iter().copied())
    }

    /// The places of all values in a record.
    pub(crate) fn places(&self) -> impl Iterator<Item = usize> {
        self.columns.iter().cloned().flatten()
    }

    /// The combinations whose levels `keep` keeps, by the numbers of their training records.
    #[must_use]
    pub fn shares(&self, keep: impl Fn(&[u32]) -> bool) -> Shares {
        let mut shares = Shares::default();
        let mut below = 0;
        for (index, (levels, count)) in self.combinations().enumerate() {
            if keep(levels) {
                below += count;
                shares.combinations.push(index);
                shares.upto.push(below);
            }
        }
        shares
    }

    /// The level of each column of sample number `index` of `seed`.
    pub(crate) fn levels(&self, shares: &Shares, seed: u64, index: usize) -> &[u32] {
        let cols = self.columns.len();
        &self.levels[shares.combination(seed, index) * cols..][..cols]
    }

    /// The conditions of samples number `first .. first + count` of `seed`, row-major.
    pub(crate) fn of_samples(
        &self,
        shares: &Shares,
        seed: u64,
        first: usize,
        count: usize,
    ) -> Vec<f32> {
        let mut values = Vec::with_capacity(count * self.width());
        for index in first..first + count {
            let levels = self.levels(shares, seed, index);
            for (column, &level) in self.columns.iter().zip(levels) {
                let value = |index| f32::from(u8::from(index == level as usize));
                values.extend((0..column.len()).map(value));
            }
        }
        values
    }

    /// Overwrites the conditions of `records`, rows of `cols` values, with `conditions`.
    pub(crate) fn place(&self, conditions: &[f32], records: &mut [f32], cols: usize) {
        let rows = conditions.chunks_exact(self.width());
        for (record, row) in records.chunks_exact_mut(cols).zip(rows) {
            let values = self.places().zip(row);
            values.for_each(|(place, &value)| record[place] = value);
        }
    }

    /// Weights of the combinations under which each column in turn has its levels by the logarithms
    /// of their numbers of records (the training by sampling of Xu et al. 2019).
    fn by_log_frequency(&self) -> Vec<f64> {
        let cols = self.columns.len();
        let mut weights = vec![0.0; self.counts.len()];
        for (column, places) in self.columns.iter().enumerate() {
            let mut counts = vec![0_u64; places.len()];
            for (levels, count) in self.combinations() {
                counts[levels[column] as usize] += count;
            }
            let log = |count: u64| (1.0 + count as f64).ln();
            let all: f64 = counts.iter().map(|&count| log(count)).sum();
            for (weight, (levels, count)) in weights.iter_mut().zip(self.combinations()) {
                let of_level = counts[levels[column] as usize];
                *weight += log(of_level) / all * count as f64 / of_level as f64 / cols as f64;
            }
        }
        weights
    }
}

/// Combinations of conditions that samples are given, each as often as training records have it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shares {
    combinations: Vec<usize>,
    /// Training records of each combination and of those before.
    upto: Vec<u64>,
}

impl Shares {
    /// Training records that have one of the combinations.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.upto.last().copied().unwrap_or(0)
    }

    /// The combination of sample number `index` of `seed`.
    ///
    /// Steps of the golden ratio's fraction from a start that the seed draws: any run of samples has
    /// the combinations by their shares, more nearly than draws would.
    fn combination(&self, seed: u64, index: usize) -> usize {
        const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
        let start = Address {
            seed,
            stream: Stream::new(Purpose::Evaluation, 16, 0),
            step: 0,
        };
        let [high, low, ..] = start.block(0);
        let start = u64::from(high) << 32 | u64::from(low);
        let at = start.wrapping_add(GOLDEN.wrapping_mul(index as u64));
        let at = (u128::from(at) * u128::from(self.records())) >> 64;
        let place = self.upto.partition_point(|&upto| u128::from(upto) <= at);
        self.combinations[place]
    }
}

/// The conditions of a game on a device.
pub(crate) struct GameConditions<B: Backend> {
    /// Those of the training records, which a checkpoint tells.
    pub(crate) of_records: Conditions,
    given: Given<B>,
    /// Where records are not drawn by their share.
    pub(crate) groups: Option<RowGroups<B>>,
}

impl<B: Backend> GameConditions<B> {
    /// Those of `records` in `columns`.
    pub(crate) fn new(
        backend: &B,
        records: &Records,
        columns: &[Range<usize>],
        by: ConditionBy,
    ) -> Result<Self, ConfigError> {
        let (of_records, group_of) = Conditions::of(records, columns)?;
        Ok(Self {
            given: Given::new(backend, of_records.places().collect()),
            groups: (by == ConditionBy::LogFrequency)
                .then(|| RowGroups::new(backend, &group_of, &of_records.by_log_frequency())),
            of_records,
        })
    }

    /// Their places where D sees `pack` records of `cols` values as one.
    pub(crate) fn in_packs(&self, backend: &B, pack: usize, cols: usize) -> Given<B> {
        let places = (0..pack).flat_map(|record| {
            let places = self.of_records.places();
            places.map(move |place| record * cols + place)
        });
        Given::new(backend, places.collect())
    }

    /// Makes G's input of the latents `z` and the conditions of the iteration's records from row
    /// `first_row` on.
    pub(crate) fn gather(
        &self,
        backend: &B,
        records: &B::Resident,
        (z, input): (Rows<'_, B>, RowsMut<'_, B>),
        [rows_per_step, first_row]: [usize; 2],
        state: &B::State,
    ) {
        backend.gather_conditions(GatherConditions {
            records,
            given: &self.given,
            z,
            y: input,
            rows_per_step,
            first_row,
            groups: self.groups.as_ref(),
            state,
        });
    }

    /// Writes the conditions of G's `input` into the iteration's samples.
    pub(crate) fn place(&self, backend: &B, input: Rows<'_, B>, samples: RowsMut<'_, B>) {
        backend.place_conditions(PlaceConditions {
            given: &self.given,
            x: Some(input),
            y: samples,
        });
    }

    /// Leaves no gradient by the conditions in that of G's output.
    pub(crate) fn without_gradient(&self, backend: &B, dz: RowsMut<'_, B>) {
        backend.place_conditions(PlaceConditions {
            given: &self.given,
            x: None,
            y: dz,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gan_kernels::Values;

    /// Records of a number, and of two columns of 2 and of 3 levels that go together.
    fn conditions() -> (Conditions, Vec<u32>) {
        let rows: Vec<[usize; 2]> = [[1, 0]; 6]
            .into_iter()
            .chain([[0, 2]; 3])
            .chain([[1, 2]])
            .collect();
        let values = rows.iter().flat_map(|[a, b]| {
            let mut row = [0.0; 6];
            row[0] = 0.3;
            (row[1 + a], row[3 + b]) = (1.0, 1.0);
            row
        });
        let records = Records::new(6, Values::Floats(values.collect()));
        Conditions::of(&records, &[1..3, 3..6]).unwrap()
    }

    #[test]
    fn combinations_are_in_order_and_counted() {
        let (conditions, of_records) = conditions();
        let all: Vec<_> = conditions.combinations().collect();
        assert_eq!(all, [(&[0, 2][..], 3), (&[1, 0], 6), (&[1, 2], 1)]);
        assert_eq!(of_records, [1, 1, 1, 1, 1, 1, 0, 0, 0, 2]);
        assert_eq!(conditions.check(6), Ok(()));
        let text = serde_json::to_string(&conditions).unwrap();
        assert_eq!(
            serde_json::from_str::<Conditions>(&text).unwrap(),
            conditions
        );
    }

    #[test]
    fn samples_have_the_shares_and_only_combinations_that_are_kept() {
        let (conditions, _) = conditions();
        let all = conditions.shares(|_| true);
        assert_eq!(all.records(), 10);
        for (seed, first, count) in [(1, 0, 10_000), (u64::MAX, 70, 10_000), (5, 12_345, 100)] {
            let values = conditions.of_samples(&all, seed, first, count);
            for (place, share) in [(0, 0.3), (1, 0.7), (2, 0.6), (3, 0.0), (4, 0.4)] {
                let found: f32 = values.iter().skip(place).step_by(5).sum();
                let off = (f64::from(found) - share * count as f64).abs();
                assert!(off <= 4.0, "{seed}: {found} of {share}");
            }
        }
        let some = conditions.shares(|levels| levels[1] == 2);
        assert_eq!(some.records(), 4);
        let values = conditions.of_samples(&some, 1, 0, 1000);
        let of = |row: &[f32]| (row[4] == 1.0, row[0] == 1.0);
        assert!(values.chunks(5).all(|row| of(row).0));
        let first = values.chunks(5).filter(|row| of(row).1).count();
        assert!(first.abs_diff(750) <= 2, "{first}");
        assert_eq!(conditions.shares(|levels| levels == [0, 0]).records(), 0);
    }

    #[test]
    fn log_frequencies_weigh_each_column_alike() {
        let (conditions, _) = conditions();
        let weights = conditions.by_log_frequency();
        let log = |count: f64| (1.0 + count).ln();
        let first = |count| log(count) / (log(3.0) + log(7.0));
        let second = |count| log(count) / (log(6.0) + log(4.0) + log(0.0));
        let expected = [
            0.5 * (first(3.0) + second(4.0) * 0.75),
            0.5 * (first(7.0) * 6.0 / 7.0 + second(6.0)),
            0.5 * (first(7.0) / 7.0 + second(4.0) * 0.25),
        ];
        for (found, expected) in weights.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{weights:?}");
        }
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn records_without_a_level_and_damaged_files_are_errors() {
        for values in [[0.0, 0.0], [1.0, 1.0], [0.5, 0.5], [1.0, 0.2]] {
            let records = Records::new(2, Values::Floats(values.to_vec()));
            let error = Conditions::of(&records, std::slice::from_ref(&(0..2))).unwrap_err();
            assert!(error.to_string().contains("found record 0 with"), "{error}");
        }
        let (good, _) = conditions();
        type Change = fn(&mut Conditions);
        let changes: [Change; 8] = [
            |c| c.columns[0] = 1..2,
            |c| c.columns[1] = 2..5,
            |c| c.columns[1] = 3..7,
            |c| c.columns.clear(),
            |c| c.levels[0] = 2,
            |c| c.counts[1] = 0,
            |c| c.counts[1] = u64::MAX,
            |c| c.counts.push(1),
        ];
        for (index, change) in changes.into_iter().enumerate() {
            let mut damaged = good.clone();
            change(&mut damaged);
            assert!(damaged.check(6).is_err(), "{index}");
        }
    }
}
