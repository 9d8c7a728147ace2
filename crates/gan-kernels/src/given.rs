//! The values of a record that are given to a generator, and laws by which records are drawn.

use crate::{Affine, Backend, ByteScale, Matrix, Real, Records, Values};

/// The places, within a record, of the values that a generator is given and does not make.
pub struct Given<B: Backend> {
    pub(crate) places: Vec<usize>,
    /// The same for a device, as one row.
    #[cfg_attr(
        not(feature = "cube"),
        allow(dead_code, reason = "the CPU reads the places")
    )]
    pub(crate) layout: Matrix<B>,
}

impl<B: Backend> Given<B> {
    /// Values at these places of a record.
    ///
    /// # Panics
    /// If there is none, or they are not in ascending order.
    #[must_use]
    #[track_caller]
    pub fn new(backend: &B, places: Vec<usize>) -> Self {
        let is_ascending = places.windows(2).all(|two| two[0] < two[1]);
        assert!(
            is_ascending && !places.is_empty(),
            "given: places {places:?}, expected some in ascending order"
        );
        let mut layout = backend.matrix(1, places.len());
        let row: Vec<_> = places
            .iter()
            .map(|&place| B::Elem::from_f64(place as f64))
            .collect();
        backend.write(&mut layout, &row);
        Self { places, layout }
    }

    /// Number of values.
    #[must_use]
    pub fn width(&self) -> usize {
        self.places.len()
    }

    /// Asserts that records of `cols` values have all of them.
    #[track_caller]
    pub(crate) fn check(&self, op: &str, cols: usize) {
        let last = self.places[self.width() - 1];
        assert!(
            last < cols,
            "{op}: the value at place {last} is given, of a record of {cols} values"
        );
    }
}

/// Records in groups, each of which is drawn with a probability of its own: first a group by its
/// weight, then one of its records, all of which are equally likely.
///
/// The records by their group are one permutation of their numbers, whatever the groups are of.
pub struct RowGroups<B: Backend> {
    /// Words of four bytes, one in each row, since rows of bytes are the integers that every back
    /// end keeps: for each group the bound below which a random word chooses it or one before; for
    /// each group, and the end, its beginning in the permutation; the permutation.
    pub(crate) words: B::Resident,
    pub(crate) groups: usize,
    pub(crate) records: usize,
}

/// Bytes of a word.
const BYTES: usize = 4;

impl<B: Backend> RowGroups<B> {
    /// Record number i is in group `group_of[i]`, which is drawn by `weights`.
    ///
    /// # Panics
    /// If a group has no record or no weight, or a record no group.
    #[must_use]
    #[track_caller]
    pub fn new(backend: &B, group_of: &[u32], weights: &[f64]) -> Self {
        let mut starts = vec![0_u32; weights.len() + 1];
        group_of
            .iter()
            .for_each(|&group| starts[group as usize + 1] += 1);
        let has_records = starts[1..].iter().all(|&count| count > 0);
        let is_weight = |&weight: &f64| weight > 0.0 && weight.is_finite();
        assert!(
            has_records && !weights.is_empty() && weights.iter().all(is_weight),
            "row groups: a group without a record or a weight"
        );
        for group in 0..weights.len() {
            starts[group + 1] += starts[group];
        }
        let mut next = starts.clone();
        let mut order = vec![0_u32; group_of.len()];
        for (record, &group) in group_of.iter().enumerate() {
            let place = &mut next[group as usize];
            order[*place as usize] = record as u32;
            *place += 1;
        }
        let all: f64 = weights.iter().sum();
        let mut sum = 0.0;
        let bounds = weights.iter().map(|weight| {
            sum += weight;
            (sum / all * 4_294_967_296.0).min(4_294_967_295.0) as u32
        });
        let words: Vec<u32> = bounds.chain(starts).chain(order).collect();
        let data = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let scale = ByteScale::Uniform(Affine {
            scale: 1.0,
            offset: 0.0,
        });
        Self {
            words: backend.resident(Records::new(BYTES, Values::Bytes { data, scale })),
            groups: weights.len(),
            records: group_of.len(),
        }
    }

    /// Asserts that there are as many records as are drawn from.
    #[track_caller]
    pub(crate) fn check(&self, op: &str, records: usize) {
        let found = self.records;
        assert!(
            found == records,
            "{op}: groups of {found} records, expected {records}"
        );
    }
}

/// Word `at` of the words of [`RowGroups`], as the processor keeps them.
pub(crate) fn word(words: &Records, at: usize) -> u32 {
    let Values::Bytes { data, .. } = words.values() else {
        unreachable!("row groups: words are kept as bytes")
    };
    u32::from_le_bytes(data.as_chunks().0[at])
}
