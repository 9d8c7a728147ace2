//! What [`GatherRows`](super::GatherRows) computes, as plain loops in f64.

use crate::StepState;
use crate::ops::Dropout;
use crate::ops::reference::{Table, dropout_factor};
use crate::random::{Permutation, Purpose, Stream};

/// Groups of records, each with its weight.
#[derive(Clone, Debug)]
pub(crate) struct Grouped {
    /// The group of each record.
    pub(crate) group_of: Vec<u32>,
    pub(crate) weights: Vec<f64>,
}

/// The record at a position: one of the groups', or the next one of its epoch.
pub(crate) fn record_at(
    position: u64,
    records: usize,
    grouped: Option<&Grouped>,
    seed: u64,
) -> usize {
    let Some(Grouped { group_of, weights }) = grouped else {
        // Positions count on from epoch to epoch, each of which has a permutation of its own.
        let (epoch, within) = (position / records as u64, position % records as u64);
        return Permutation::new(seed, epoch, records).at(within as usize);
    };
    let stream = Stream::new(Purpose::Shuffle, 1, 0);
    let address = StepState::without_rates(seed, position).address(stream);
    let all: f64 = weights.iter().sum();
    let mut below = 0.0;
    let mut group = 0;
    for (index, weight) in weights.iter().enumerate() {
        group = index;
        below += weight;
        // The bounds of groups are whole words.
        if f64::from(address.word(0)) < (below / all * 2.0_f64.powi(32)).floor() {
            break;
        }
    }
    let members = (0..records).filter(|&record| group_of[record] as usize == group);
    let members: Vec<usize> = members.collect();
    let share = f64::from(address.word(1)) / 2.0_f64.powi(32);
    members[(share * members.len() as f64).floor() as usize]
}

/// The m records from row `first` on of the `per_step` rows that the state's iteration takes.
pub(crate) fn gather_rows(
    records: &Table,
    m: usize,
    [per_step, first]: [usize; 2],
    grouped: Option<&Grouped>,
    dropout: Option<Dropout>,
    state: &StepState,
) -> Table {
    let mut y = Table::zeros(m, records.cols);
    for i in 0..m {
        let position = state.step as usize * per_step + first + i;
        let record = record_at(position as u64, records.rows, grouped, state.seed);
        for j in 0..records.cols {
            let mask = dropout_factor(dropout, state, (i, j), records.cols);
            y[(i, j)] = records[(record, j)] * mask;
        }
    }
    y
}
