//! Sampling of mixed records so that each column is distributed as it is in the training records.
//!
//! A generator that has learnt how columns go together is still a little off in how frequent each
//! level is. Four corrections mend that, which change no column by more than a monotone map and
//! leave alone how columns go together:
//! a summand for each logit, so that every level has its share;
//! a monotone map of each scalar, so that its ranks are uniform;
//! as samples are decided one after the other, a small summand for each level that has come less
//! often by then than its share says, so that a few hundred samples have the shares as well;
//! and for the same reason, within each group of samples, ranks that are spaced evenly.

use gan_data::{Encoding, normal_quantile};
use gan_kernels::random::{Address, Purpose, Stream, unit_open};
use gan_kernels::{Backend, BackendError, Head, HeadSpan};
use gan_model::Sampler;

/// The seed of the draws that a calibration is fitted to, whatever the seed of the samples is.
const SEED: u64 = 0x00ca_11b8_a7ed;

/// Draws to fit to, at most, and values of all of them.
pub(crate) const MOST_DRAWS: usize = 8192;
const MOST_VALUES: usize = 4_000_000;
const FEWEST_DRAWS: usize = 500;

/// Summand of the logit of a level that no training record has.
const NEVER: f64 = -1e4;

/// Rounds of the search for summands, and the error of a share at which it ends.
const ROUNDS: usize = 40;
const CLOSE: f64 = 1e-5;

/// Samples after which levels are counted anew, so that sample i needs no more than those before it.
const BLOCK: usize = 1 << 14;
/// Summand of a logit for each time that its level has come too rarely, and the largest.
const PER_MISSING: f64 = 0.3;
const LARGEST: f64 = 6.0;

/// Samples whose ranks are spaced evenly together; a block has a whole number of groups.
const GROUP: usize = 1 << 10;
/// Ranks of fewer samples are left as they are: even ones would be far from them.
const FEWEST_EVEN: usize = 200;

/// A generator's corrections, and where its samples stand.
pub(crate) struct Calibrated {
    heads: Vec<Head>,
    /// The share of each level among the training records.
    shares: Vec<f64>,
    summands: Vec<f64>,
    /// For each head with a scalar.
    ranks: Vec<Ranks>,
    /// The last group of samples that was made: seed, number of the first, and records; `counts` are
    /// those after it.
    group: Option<(u64, usize, Vec<f32>)>,
    /// How often each level has come in this block.
    counts: Vec<f64>,
    /// The levels that samples are given and that stay as they are.
    given: Vec<bool>,
    /// How often each level should have come in this block by the conditions of its samples, where
    /// they are given some: the sum of its probabilities, since those of the records that satisfy
    /// a condition have other shares than all.
    expected: Option<Vec<f64>>,
    /// Room for the noise of a sample.
    words: Vec<u32>,
}

impl Calibrated {
    /// Fits the corrections to draws of `sampler`, at most `most` of them.
    ///
    /// # Errors
    /// If the device failed.
    pub(crate) fn new<B: Backend>(
        sampler: &mut Sampler<B>,
        encoding: &Encoding,
        most: usize,
    ) -> Result<Self, BackendError> {
        let draws = (MOST_VALUES / sampler.cols().max(1)).clamp(FEWEST_DRAWS, MOST_DRAWS);
        let undecided = sampler.undecided(SEED, 0, draws.min(most))?;
        let mut given = vec![false; encoding.width()];
        let conditions = sampler.conditions().into_iter();
        let places = conditions.flat_map(|conditions| conditions.columns());
        places.for_each(|places| given[places.clone()].fill(true));
        let (heads, shares) = (encoding.heads(), encoding.shares());
        Ok(Self::fit(heads, shares, given, &undecided))
    }

    /// Fits to scalars and logits, as [`Sampler::undecided`] gives them, of which some are conditions.
    fn fit(heads: Vec<Head>, shares: Vec<f64>, given: Vec<bool>, undecided: &[f32]) -> Self {
        let cols = shares.len();
        let rows = undecided.len() / cols.max(1);
        let (mut all, mut ranks) = (vec![0.0; cols], Vec::new());
        for HeadSpan { scalar, levels } in Head::spans(&heads) {
            if given[levels.clone()].first() == Some(&true) {
                continue;
            }
            let logits = |row: usize| &undecided[row * cols..][levels.clone()];
            let summands = summands(rows, logits, &shares[levels.clone()]);
            if let Some(scalar) = scalar {
                // Each draw counts by the probability that its scalar is the column's value.
                let weighted = (0..rows).map(|row| {
                    let chosen = softmax(logits(row), &summands).first().copied();
                    (undecided[row * cols + scalar], chosen.unwrap_or(1.0))
                });
                ranks.push(Ranks::new(weighted.collect()));
            }
            all[levels].copy_from_slice(&summands);
        }
        Self {
            heads,
            summands: all,
            ranks,
            group: None,
            counts: vec![0.0; cols],
            expected: given.contains(&true).then(|| vec![0.0; cols]),
            given,
            words: vec![0; cols],
            shares,
        }
    }

    /// A summand for each logit, and 0 for a scalar.
    pub(crate) fn summands(&self) -> &[f64] {
        &self.summands
    }

    /// The ranks of each scalar.
    pub(crate) fn ranks(&self) -> &[Ranks] {
        &self.ranks
    }

    /// Samples number `first .. first + count` of `seed`, row-major.
    ///
    /// # Errors
    /// If the device failed.
    pub(crate) fn sample<B: Backend>(
        &mut self,
        sampler: &mut Sampler<B>,
        seed: u64,
        first: usize,
        count: usize,
    ) -> Result<Vec<f32>, BackendError> {
        let (cols, end) = (self.shares.len(), first + count);
        let mut records = Vec::with_capacity(count * cols);
        for group in (first - first % GROUP..end).step_by(GROUP) {
            let made = self.group_from(sampler, seed, group)?;
            let wanted = first.max(group) - group..end.min(group + GROUP) - group;
            records.extend_from_slice(&made[wanted.start * cols..wanted.end * cols]);
        }
        Ok(records)
    }

    /// The group of samples that begins with number `first` of `seed`.
    fn group_from<B: Backend>(
        &mut self,
        sampler: &mut Sampler<B>,
        seed: u64,
        first: usize,
    ) -> Result<&[f32], BackendError> {
        let cols = self.shares.len();
        // Levels are counted from the beginning of a block on.
        let begin = match &self.group {
            Some((known, at, _)) if (*known, *at) == (seed, first) => first + GROUP,
            Some((known, at, _)) if (*known, *at + GROUP) == (seed, first) => first,
            _ => first - first % BLOCK,
        };
        for group in (begin..=first).step_by(GROUP) {
            let mut records = sampler.undecided(seed, group, GROUP)?;
            for (row, record) in records.chunks_exact_mut(cols).enumerate() {
                self.decide(seed, group + row, record);
            }
            self.space_evenly(seed, group, &mut records);
            self.group = Some((seed, group, records));
        }
        Ok(self.group.as_ref().map_or(&[], |(_, _, records)| records))
    }

    /// Spaces the ranks of each scalar evenly among the samples of which it is the value, which begin
    /// with number `first`; their order stays. Not where samples are given conditions: those of
    /// the records that satisfy one have other ranks than all.
    fn space_evenly(&self, seed: u64, first: usize, records: &mut [f32]) {
        if self.expected.is_some() {
            return;
        }
        let cols = self.shares.len();
        let address = Address {
            seed,
            stream: Stream::new(Purpose::Evaluation, 4, 0),
            step: (first / BLOCK) as u64,
        };
        for HeadSpan { scalar, levels } in Head::spans(&self.heads) {
            let Some(scalar) = scalar else {
                continue;
            };
            let rows = 0..records.len() / cols;
            let is_value =
                |&row: &usize| levels.is_empty() || records[row * cols + levels.start] == 1.0;
            let mut rows: Vec<usize> = rows.filter(is_value).collect();
            if rows.len() < FEWEST_EVEN {
                continue;
            }
            rows.sort_by(|a, b| {
                let [a, b] = [a, b].map(|row| records[row * cols + scalar]);
                a.total_cmp(&b)
            });
            for (rank, row) in rows.iter().enumerate() {
                let index = (first % BLOCK + row) * cols + scalar;
                let within = f64::from(unit_open(address.word(index as u64)));
                let rank = (rank as f64 + within) / rows.len() as f64;
                records[row * cols + scalar] = normal_quantile(rank) as f32;
            }
        }
    }

    /// Makes sample number `index` of its scalars and logits.
    fn decide(&mut self, seed: u64, index: usize, record: &mut [f32]) {
        let (block, within) = (index / BLOCK, index % BLOCK);
        if within == 0 {
            self.counts.fill(0.0);
            self.expected.iter_mut().for_each(|sums| sums.fill(0.0));
        }
        let address = Address {
            seed,
            stream: Stream::new(Purpose::Evaluation, 3, 0),
            step: block as u64,
        };
        address.fill_words((within * record.len()) as u64, &mut self.words);
        let mut ranks = self.ranks.iter();
        for HeadSpan { scalar, levels } in Head::spans(&self.heads) {
            if self.given[levels.clone()].first() == Some(&true) {
                continue;
            }
            if let Some(expected) = &mut self.expected {
                let p = softmax(&record[levels.clone()], &self.summands[levels.clone()]);
                let sums = expected[levels.clone()].iter_mut();
                sums.zip(p).for_each(|(sum, p)| *sum += p);
            }
            let mut best = (f64::NEG_INFINITY, levels.start);
            for level in levels.clone() {
                let own = record[level];
                let noise = -(-f64::from(unit_open(self.words[level])).ln()).ln();
                let due = match &self.expected {
                    None => self.shares[level] * (within + 1) as f64,
                    Some(expected) => expected[level],
                };
                let missing = due - self.counts[level];
                let missing = (PER_MISSING * missing).clamp(-LARGEST, LARGEST);
                let logit = f64::from(own) + self.summands[level] + missing + noise;
                if logit > best.0 {
                    best = (logit, level);
                }
            }
            record[levels.clone()].fill(0.0);
            if !levels.is_empty() {
                record[best.1] = 1.0;
                self.counts[best.1] += 1.0;
            }
            if let Some(scalar) = scalar {
                let is_scalar = levels.is_empty() || best.1 == levels.start;
                let ranks = ranks.next().filter(|_| is_scalar);
                record[scalar] = ranks.map_or(0.0, |ranks| {
                    normal_quantile(ranks.of(record[scalar])) as f32
                });
            }
        }
    }
}

/// Summands of a head's logits, under which each level is decided as often as `shares` say.
///
/// The share of a level is the mean of its softmax over the draws, since the noise decides by that;
/// each round adds the logarithm of how much too rare the level is (Berry, Levinsohn and Pakes
/// 1995).
fn summands<'a>(rows: usize, logits: impl Fn(usize) -> &'a [f32], shares: &[f64]) -> Vec<f64> {
    let never = |share: &f64| if *share > 0.0 { 0.0 } else { NEVER };
    let mut summands: Vec<f64> = shares.iter().map(never).collect();
    for _ in 0..ROUNDS {
        let mut found = vec![0.0; shares.len()];
        for row in 0..rows {
            let chosen = softmax(logits(row), &summands);
            found.iter_mut().zip(chosen).for_each(|(sum, p)| *sum += p);
        }
        let mut worst: f64 = 0.0;
        for ((summand, found), &share) in summands.iter_mut().zip(found).zip(shares) {
            let found = found / rows as f64;
            worst = worst.max((found - share).abs());
            if share > 0.0 {
                // A level that G has all but forgotten comes back in several rounds.
                *summand += (share / found.max(1e-12)).ln().clamp(-4.0, 4.0);
            }
        }
        if worst < CLOSE {
            break;
        }
    }
    summands
}

/// The probability of each level.
fn softmax(logits: &[f32], summands: &[f64]) -> Vec<f64> {
    let shifted = logits.iter().zip(summands);
    let mut p: Vec<f64> = shifted
        .map(|(&logit, summand)| f64::from(logit) + summand)
        .collect();
    let largest = p.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    p.iter_mut().for_each(|p| *p = (*p - largest).exp());
    let sum: f64 = p.iter().sum();
    p.iter_mut().for_each(|p| *p /= sum);
    p
}

/// The ranks of a scalar among the draws.
pub(crate) struct Ranks {
    /// The draws' scalars, sorted, each once.
    pub(crate) scalars: Vec<f32>,
    /// The share of the draws below each, with half of its own.
    pub(crate) ranks: Vec<f64>,
}

impl Ranks {
    fn new(mut weighted: Vec<(f32, f64)>) -> Self {
        weighted.retain(|(scalar, weight)| scalar.is_finite() && *weight > 0.0);
        weighted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total: f64 = weighted.iter().map(|(_, weight)| weight).sum();
        let (mut scalars, mut ranks) = (Vec::new(), Vec::new());
        let mut below = 0.0;
        for same in weighted.chunk_by(|a, b| a.0 == b.0) {
            let weight: f64 = same.iter().map(|(_, weight)| weight).sum();
            scalars.push(same[0].0);
            ranks.push((below + 0.5 * weight) / total);
            below += weight;
        }
        Self { scalars, ranks }
    }

    /// The rank of `scalar`, in (0, 1).
    fn of(&self, scalar: f32) -> f64 {
        let above = self.scalars.partition_point(|known| *known < scalar);
        let (Some(&first), Some(&last)) = (self.ranks.first(), self.ranks.last()) else {
            return 0.5;
        };
        let rank = match (above.checked_sub(1), self.scalars.get(above)) {
            (None, _) => first,
            (_, None) => last,
            (Some(below), Some(&next)) => {
                let start = self.scalars[below];
                let part = f64::from(scalar - start) / f64::from(next - start);
                self.ranks[below] + part * (self.ranks[above] - self.ranks[below])
            }
        };
        rank.clamp(1e-9, 1.0 - 1e-9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Deterministic numbers that look uniform on (0, 1).
    fn uniform(index: usize) -> f64 {
        (index as f64 * 0.618_033_988_749_895 + 0.1).fract()
    }

    const LEVELS: Head = Head {
        scalar: false,
        levels: 4,
    };

    #[test]
    fn every_level_gets_its_share_and_those_without_one_never_come() {
        let shares = [0.5, 0.3, 0.198, 0.002, 0.0];
        let head = Head {
            levels: 5,
            ..LEVELS
        };
        let rows = 2000;
        // Every level is likely in some rows and unlikely in others.
        let value = |index| (6.0 * uniform(index) - 3.0) as f32;
        let undecided: Vec<f32> = (0..5 * rows).map(value).collect();
        let mut calibrated =
            Calibrated::fit(vec![head], shares.to_vec(), vec![false; 5], &undecided);
        let mut found = [0.0; 5];
        for logits in undecided.chunks(5) {
            let p = softmax(logits, &calibrated.summands);
            found
                .iter_mut()
                .zip(p)
                .for_each(|(sum, p)| *sum += p / rows as f64);
        }
        for (found, share) in found.into_iter().zip(shares) {
            assert!((found - share).abs() < 2e-5, "{found} and {share}");
        }
        // And a few hundred samples have the shares, which independent ones would miss by .02.
        let mut counts = [0.0; 5];
        for (index, logits) in undecided.chunks(5).take(600).enumerate() {
            let mut record = logits.to_vec();
            calibrated.decide(7, index, &mut record);
            assert_eq!(record.iter().sum::<f32>(), 1.0);
            counts
                .iter_mut()
                .zip(record)
                .for_each(|(count, x)| *count += f64::from(x));
        }
        for (count, share) in counts.into_iter().zip(shares) {
            assert!((count / 600.0 - share).abs() < 0.006, "{counts:?}");
        }
        assert_eq!(counts[4], 0.0);
    }

    #[test]
    fn scalars_become_normal_scores_where_they_are_the_value() {
        let heads = [(true, 2), (true, 0)].map(|(scalar, levels)| Head { scalar, levels });
        let rows = 4000;
        // The first scalar is the larger the less likely it is the value.
        let undecided: Vec<f32> = (0..rows)
            .flat_map(|row| {
                let u = uniform(row);
                [u, -2.0 * u, 0.0, u * u].map(|value| value as f32)
            })
            .collect();
        let shares = vec![0.0, 0.4, 0.6, 0.0];
        let mut calibrated = Calibrated::fit(heads.to_vec(), shares, vec![false; 4], &undecided);
        let mut scores: [Vec<f32>; 2] = Default::default();
        for (index, row) in undecided.chunks(4).enumerate() {
            let mut record = row.to_vec();
            calibrated.decide(3, index, &mut record);
            match record[1] == 1.0 {
                true => scores[0].push(record[0]),
                false => assert_eq!(record[..3], [0.0, 0.0, 1.0]),
            }
            scores[1].push(record[3]);
        }
        for scores in scores {
            let mean = scores.iter().sum::<f32>() / scores.len() as f32;
            let square = scores.iter().map(|z| z * z).sum::<f32>() / scores.len() as f32;
            assert!(
                mean.abs() < 0.05 && (square - 1.0).abs() < 0.08,
                "{mean} {square}"
            );
        }
        // Beyond the draws a scalar is at their end.
        let mut record = [9.0, 50.0, 0.0, 9.0];
        calibrated.decide(3, rows, &mut record);
        let is_at_the_end = |z: f32| z > 3.0 && z.is_finite();
        assert!(
            is_at_the_end(record[0]) && is_at_the_end(record[3]),
            "{record:?}"
        );
    }

    #[test]
    fn samples_that_are_given_a_level_keep_it_and_the_shares_that_it_has() {
        let heads = [(false, 2), (false, 2)].map(|(scalar, levels)| Head { scalar, levels });
        // Given the first level, G makes the second one of the other column in a fifth of the rows, and
        // given the second in four fifths: half of all, as it should be.
        let logit = |p: f64| (p / (1.0 - p)).ln() as f32;
        let row = |first: bool| match first {
            true => [1.0, 0.0, 0.0, logit(0.2)],
            false => [0.0, 1.0, 0.0, logit(0.8)],
        };
        let undecided: Vec<f32> = (0..4000).flat_map(|i| row(i % 2 == 0)).collect();
        let given = vec![true, true, false, false];
        let shares = vec![0.5; 4];
        let mut calibrated = Calibrated::fit(heads.to_vec(), shares, given, &undecided);
        // Of the first condition alone.
        let mut count = 0.0;
        for index in 0..500 {
            let mut record = row(true);
            calibrated.decide(7, index, &mut record);
            assert_eq!(record[..2], [1.0, 0.0]);
            assert_eq!(record[2] + record[3], 1.0);
            count += record[3];
        }
        assert!((count - 100.0).abs() <= 6.0, "{count}, not a fifth of 500");
    }

    #[test]
    fn ranks_of_a_group_are_spaced_evenly_in_their_order() {
        let head = Head {
            scalar: true,
            levels: 2,
        };
        let shares = vec![0.0, 0.75, 0.25];
        let row = |i: usize| {
            [
                3.0 * uniform(i) as f32,
                f32::from(u8::from(!i.is_multiple_of(4))),
                0.0,
            ]
        };
        let before: Vec<f32> = (0..GROUP).flat_map(row).collect();
        let spaced = |given| {
            let calibrated = Calibrated::fit(vec![head], shares.clone(), given, &before);
            let mut records = before.clone();
            calibrated.space_evenly(1, GROUP, &mut records);
            records
        };
        let records = spaced(vec![false; 3]);
        let mut pairs = Vec::new();
        for (old, new) in before.chunks(3).zip(records.chunks(3)) {
            assert_eq!(old[1..], new[1..]);
            match new[1] == 1.0 {
                true => pairs.push((old[0], new[0])),
                false => assert_eq!(old, new),
            }
        }
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(pairs.is_sorted_by(|a, b| a.1 < b.1));
        let count = pairs.len() as f64;
        for (rank, (_, score)) in pairs.into_iter().enumerate() {
            // The first and the last may be any number below and above.
            let end = |part: f64| {
                normal_quantile(((rank as f64 + part) / count).clamp(1e-12, 1.0 - 1e-12))
            };
            let [low, high] = [end(0.0), end(1.0)];
            assert!(
                (low - 1e-6..=high + 1e-6).contains(&f64::from(score)),
                "{rank}"
            );
        }
        // And not where some are given.
        assert_eq!(spaced(vec![false, true, true]), before);
    }

    #[test]
    fn draws_that_say_nothing_leave_finite_numbers() {
        let head = Head {
            scalar: true,
            levels: 2,
        };
        let mut calibrated = Calibrated::fit(
            vec![head],
            vec![0.0, 0.5, 0.5],
            vec![false; 3],
            &[f32::NAN; 3],
        );
        let mut record = [1.0, 1.0, 0.0];
        calibrated.decide(1, 0, &mut record);
        assert!(record.iter().all(|value| value.is_finite()), "{record:?}");
    }
}
