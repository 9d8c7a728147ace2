//! The values of discrete columns, such as 0/1: which of them the samples have lost.

use std::fmt;

use gan_kernels::Backend;
use serde::{Deserialize, Serialize};

use super::Needs;
use crate::evaluation::{Evaluation, thousands};
use crate::verdict::Evidence;
use crate::{EvalError, Points, Row, Section};

/// A column of more distinct values is not discrete.
const MOST_VALUES: usize = 20;
/// And so is one whose values occur less often than this on average: in a few records every column
/// has few values.
const REPEATS: usize = 10;
/// Part of its share of the records that a value must have of the samples; the same is asked of
/// modes.
const LOST_BELOW: f64 = 0.2;
/// A value is judged where so many samples are due to it. Of 16 that are due, fewer than a fifth
/// come by chance once in 10,000 times (Poisson).
const DUE: f64 = 16.0;
/// Lost values that a report names one by one.
const NAMED: usize = 10;

/// The metric `values`.
pub(super) fn section<B: Backend>(
    evaluation: &mut Evaluation<'_, B>,
    evidence: &mut Evidence,
) -> Result<Section, EvalError> {
    let samples = evaluation.samples;
    let columns = Needs::Discrete.met("values", evaluation.reference.discrete)?;
    let shares = columns.shares(samples);
    let judged = shares.iter().filter(|share| share.is_due(samples.rows()));
    let judged = judged.count();
    let lost = columns.lost(samples);
    let mut rows = vec![
        Row::model("values_found", "values found", (judged - lost.len()) as f64)
            .with_ideal(judged.to_string())
            .with_note("with at least a fifth of their share of the records"),
    ];
    let difference = |share: &ValueShare| (share.samples - share.records).abs();
    let furthest = shares
        .iter()
        .max_by(|a, b| difference(a).total_cmp(&difference(b)));
    rows.extend(furthest.map(|share| {
        Row::model(
            "largest_difference",
            "largest difference of a share",
            difference(share),
        )
        .with_ideal("0")
        .with_note(&share.to_string())
    }));
    let title = format!(
        "Values of {} discrete columns, in {} samples",
        columns.columns.len(),
        thousands(samples.rows())
    );
    let mut section = Section::new("values", title, rows);
    let notes = lost
        .iter()
        .take(NAMED)
        .map(|share| format!("lost: {share}"));
    section.notes = notes.collect();
    if lost.len() > NAMED {
        let more = format!("and {} more values are lost", lost.len() - NAMED);
        section.notes.push(more);
    }
    evidence.lost_values = lost;
    Ok(section)
}

/// The columns of a data set that have few distinct values, and how often each value occurs.
#[derive(Clone, Debug, PartialEq)]
pub struct DiscreteColumns {
    columns: Vec<DiscreteColumn>,
}

#[derive(Clone, Debug, PartialEq)]
struct DiscreteColumn {
    /// Its place in a record.
    index: usize,
    /// Its distinct values, rising.
    values: Vec<f32>,
    /// The names of column and value for each.
    names: Vec<[String; 2]>,
    /// The share of the records that has each.
    shares: Vec<f64>,
}

/// How often a value of a discrete column occurs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValueShare {
    /// Name of the column.
    pub column: String,
    /// The value, as it stands in the column.
    pub value: String,
    /// Share of the records that have it.
    pub records: f64,
    /// Share of the samples to which no other value of the column is nearer.
    pub samples: f64,
}

impl ValueShare {
    /// True if `samples` samples are enough to tell whether the value is lost.
    fn is_due(&self, samples: usize) -> bool {
        self.records * samples as f64 >= DUE
    }
}

/// `job = nurse is in 0.0 % of samples, and in 24.7 % of records`.
impl fmt::Display for ValueShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} = {} is in {:.1} % of samples, and in {:.1} % of records",
            self.column,
            self.value,
            100.0 * self.samples,
            100.0 * self.records
        )
    }
}

impl DiscreteColumns {
    /// The discrete columns of `records`; `name` gives the names of a column and of a value in it.
    /// `None` if there is none.
    ///
    /// A column is discrete if it has 2 to 20 distinct values, each in ten records or more on
    /// average.
    #[must_use]
    pub fn of(records: Points<'_>, name: impl Fn(usize, f32) -> [String; 2]) -> Option<Self> {
        let columns = (0..records.cols()).filter_map(|index| {
            let (values, counts) = distinct(records, index)?;
            let rows = records.rows() as f64;
            Some(DiscreteColumn {
                index,
                names: values.iter().map(|&value| name(index, value)).collect(),
                shares: counts
                    .iter()
                    .map(|&count| f64::from(count) / rows)
                    .collect(),
                values,
            })
        });
        let columns: Vec<_> = columns.collect();
        (!columns.is_empty()).then_some(Self { columns })
    }

    /// How often each value of each discrete column occurs among `samples`.
    ///
    /// # Panics
    /// If the samples have fewer columns than the records.
    #[must_use]
    #[track_caller]
    pub fn shares(&self, samples: Points<'_>) -> Vec<ValueShare> {
        let of_column = |column: &DiscreteColumn| {
            let mut counts = vec![0usize; column.values.len()];
            for row in samples.iter() {
                counts[column.nearest(row[column.index])] += 1;
            }
            let named = column.names.iter().zip(&column.shares).zip(counts);
            let share =
                |(([name, value], &records), count): ((&[String; 2], &f64), usize)| ValueShare {
                    column: name.clone(),
                    value: value.clone(),
                    records,
                    samples: count as f64 / samples.rows().max(1) as f64,
                };
            named.map(share).collect::<Vec<_>>()
        };
        self.columns.iter().flat_map(of_column).collect()
    }

    /// The values that have less than a fifth of their share of the records among `samples`, the
    /// most frequent first. Values to which fewer than 16 of the samples are due are left out.
    ///
    /// # Panics
    /// If the samples have fewer columns than the records.
    #[must_use]
    #[track_caller]
    pub fn lost(&self, samples: Points<'_>) -> Vec<ValueShare> {
        let mut shares = self.shares(samples);
        shares.retain(|share| {
            // A fifth that division has rounded is a fifth.
            let missing = share.records - share.samples / LOST_BELOW;
            share.is_due(samples.rows()) && missing > 1e-9
        });
        shares.sort_by(|a, b| b.records.total_cmp(&a.records));
        shares
    }
}

impl DiscreteColumn {
    /// The place of the value that is nearest to `value`.
    fn nearest(&self, value: f32) -> usize {
        let after = self.values.partition_point(|&known| known < value);
        let last = self.values.len() - 1;
        match after {
            0 => 0,
            after if after > last => last,
            after if value - self.values[after - 1] <= self.values[after] - value => after - 1,
            after => after,
        }
    }
}

/// The distinct values of column `index`, rising, and how many records have each; `None` if the
/// column is not discrete.
fn distinct(records: Points<'_>, index: usize) -> Option<(Vec<f32>, Vec<u32>)> {
    let (mut values, mut counts) = (Vec::<f32>::new(), Vec::<u32>::new());
    for row in records.iter() {
        let value = row[index];
        match values.binary_search_by(|known| known.total_cmp(&value)) {
            Ok(place) => counts[place] += 1,
            Err(_) if values.len() == MOST_VALUES => return None,
            Err(place) => {
                values.insert(place, value);
                counts.insert(place, 1);
            }
        }
    }
    let discrete = values.len() > 1 && REPEATS * values.len() <= records.rows();
    discrete.then_some((values, counts))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns: continuous, 0/1 with `ones` ones in 100, 0/5/6 evenly, constant.
    fn records(rows: usize, ones: usize) -> Vec<f32> {
        let row = |i: usize| {
            let second = f32::from(u8::from(i % 100 < ones));
            [i as f32 * 0.37, second, [0.0, 5.0, 6.0][i % 3], 4.0]
        };
        (0..rows).flat_map(row).collect()
    }

    fn names(index: usize, value: f32) -> [String; 2] {
        [format!("c{index}"), value.to_string()]
    }

    fn columns(rows: usize, ones: usize) -> Option<DiscreteColumns> {
        DiscreteColumns::of(Points::new(&records(rows, ones), 4), names)
    }

    #[test]
    fn columns_of_few_values_that_repeat_are_discrete() {
        let of = |rows| {
            let columns = columns(rows, 20).map_or(vec![], |found| found.columns);
            let discrete = columns
                .iter()
                .map(|column| (column.index, column.values.len()));
            discrete.collect::<Vec<_>>()
        };
        assert_eq!(of(300), [(1, 2), (2, 3)]);
        // Ten records for each value, or it may be chance.
        assert_eq!(of(25), [(1, 2)]);
        assert_eq!(of(15), []);
    }

    #[test]
    fn samples_of_the_data_lose_nothing_and_count_to_the_nearest_value() {
        let known = columns(3000, 20).unwrap();
        let near: Vec<f32> = records(3000, 20).iter().map(|x| x + 0.3).collect();
        let near = Points::new(&near, 4);
        assert_eq!(known.lost(near), []);
        for share in known.shares(near) {
            assert!((share.samples - share.records).abs() < 1e-12, "{share}");
        }
        let beyond = [f32::MIN, 9.0, 5.4, 0.0];
        let shares = known.shares(Points::new(&beyond, 4));
        let found: Vec<f64> = shares.iter().map(|share| share.samples).collect();
        assert_eq!(found, [0.0, 1.0, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn values_that_vanish_are_named_the_most_frequent_first() {
        let known = columns(3000, 20).unwrap();
        let mut samples = records(3000, 3);
        samples
            .chunks_exact_mut(4)
            .for_each(|row| row[2] = row[2].min(5.0));
        let lost = known.lost(Points::new(&samples, 4));
        let words: Vec<_> = lost.iter().map(ToString::to_string).collect();
        assert_eq!(
            words,
            [
                "c2 = 6 is in 0.0 % of samples, and in 33.3 % of records",
                "c1 = 1 is in 3.0 % of samples, and in 20.0 % of records",
            ]
        );
        // A fifth of its share is enough, and of 50 samples ten are too few to judge c1 by.
        let enough = records(3000, 4);
        assert_eq!(known.lost(Points::new(&enough, 4)), []);
        let few = known.lost(Points::new(&samples[..4 * 50], 4));
        assert_eq!(few.len(), 1, "{few:?}");
    }
}
