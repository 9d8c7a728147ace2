//! The record that stands at each position of a game.

use super::Native;
use crate::given::word;
use crate::random::{Address, Permutation, Purpose, Stream};
use crate::{Real, Records, RowGroups};

/// Records in the order in which a game visits them.
pub(crate) struct Visits<'a> {
    seed: u64,
    records: usize,
    /// The words of groups that records are drawn from, and the number of groups.
    groups: Option<(&'a Records, usize)>,
}

impl<'a> Visits<'a> {
    pub(crate) fn new<T: Real>(
        seed: u64,
        records: usize,
        groups: Option<&'a RowGroups<Native<T>>>,
    ) -> Self {
        Self {
            seed,
            records,
            groups: groups.map(|groups| (&groups.words, groups.groups)),
        }
    }

    /// The record at a position.
    pub(crate) fn record(&self, position: u64) -> usize {
        let (seed, count) = (self.seed, self.records as u64);
        let Some((words, groups)) = self.groups else {
            let (epoch, within) = (position / count, position % count);
            return Permutation::new(seed, epoch, self.records).at(within as usize);
        };
        let address = Address {
            seed,
            stream: Stream::new(Purpose::Shuffle, 1, 0),
            step: position,
        };
        let [chosen, of_group, ..] = address.block(0);
        let (mut low, mut high) = (0, groups - 1);
        while low < high {
            let middle = (low + high) / 2;
            match word(words, middle) > chosen {
                true => high = middle,
                false => low = middle + 1,
            }
        }
        let (start, end) = (word(words, groups + low), word(words, groups + low + 1));
        // The high half of the product: a number below that of the group's records.
        let within = (u64::from(of_group) * u64::from(end - start)) >> 32;
        word(words, 2 * groups + 1 + start as usize + within as usize) as usize
    }
}
