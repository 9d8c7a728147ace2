//! Sampling of mixed records so that each column is distributed as it is in the training records.
//!
//! A generator that has learnt how columns go together is still a little off in how frequent each
//! level is. Two corrections mend that and leave alone how columns go together: a summand for each
//! logit, so that every level has its share, and a monotone map of each scalar, so that its ranks
//! are uniform.

use gan_data::{Encoding, normal_quantile};
use gan_kernels::{Backend, BackendError, Head};
use gan_model::Sampler;

/// The seed of the draws that a calibration is fitted to, whatever the seed of the samples is.
const SEED: u64 = 0x00ca_11b8_a7ed;

/// Draws to fit to, at most, and values of all of them.
pub(crate) const MOST_DRAWS: usize = 8192;
const MOST_VALUES: usize = 4_000_000;
const FEWEST_DRAWS: usize = 500;

/// Summand of the logit of a level that no training record has.
const NEVER: f32 = -1e4;

/// Rounds of the search for summands, and the error of a share at which it ends.
const ROUNDS: usize = 40;
const CLOSE: f64 = 1e-5;

/// The corrections of one generator.
pub(crate) struct Calibration {
    heads: Vec<Head>,
    /// What is added to the bias of G's last layer.
    shift: Vec<f32>,
    /// For each head with a scalar.
    ranks: Vec<Ranks>,
}

/// Fits the corrections to draws of `sampler`, at most `most` of them, and shifts its logits; the
/// scalars of what it then draws are left to [`Calibration::apply`].
///
/// # Errors
/// If the device failed.
pub(crate) fn calibrate<B: Backend>(
    sampler: &mut Sampler<B>,
    encoding: &Encoding,
    most: usize,
) -> Result<Calibration, BackendError> {
    let draws = (MOST_VALUES / sampler.cols().max(1)).clamp(FEWEST_DRAWS, MOST_DRAWS);
    let undecided = sampler.undecided(SEED, 0, draws.min(most))?;
    let calibration = Calibration::fit(&encoding.heads(), &encoding.shares(), &undecided);
    sampler.shift_output(&calibration.shift)?;
    Ok(calibration)
}

impl Calibration {
    /// Fits to scalars and logits, as [`Sampler::undecided`](gan_model::Sampler::undecided) gives
    /// them; `shares` are those of each level among the training records.
    fn fit(heads: &[Head], shares: &[f64], undecided: &[f32]) -> Self {
        let cols: usize = heads.iter().map(|head| head.width()).sum();
        let rows = undecided.len() / cols.max(1);
        let (mut shift, mut ranks) = (vec![0.0; cols], Vec::new());
        let mut first = 0;
        for head in heads {
            let scalar = first;
            first += usize::from(head.scalar);
            let levels = first..first + head.levels;
            let logits = |row: usize| &undecided[row * cols..][levels.clone()];
            let summands = summands(rows, logits, &shares[levels.clone()]);
            if head.scalar {
                // Each draw counts by the probability that its scalar is the column's value.
                let weighted = (0..rows).map(|row| {
                    let chosen = softmax(logits(row), &summands).first().copied();
                    (undecided[row * cols + scalar], chosen.unwrap_or(1.0))
                });
                ranks.push(Ranks::new(weighted.collect()));
            }
            let of_head = shift[levels.clone()].iter_mut().zip(&summands);
            of_head.for_each(|(shift, summand)| *shift = *summand as f32);
            first = levels.end;
        }
        Self {
            heads: heads.to_vec(),
            shift,
            ranks,
        }
    }

    /// Maps the scalars of decided records, row-major, to normal scores.
    pub(crate) fn apply(&self, records: &mut [f32]) {
        for record in records.chunks_exact_mut(self.shift.len()) {
            let mut ranks = self.ranks.iter();
            let mut rest = record;
            for head in &self.heads {
                let (values, after) = rest.split_at_mut(head.width());
                rest = after;
                if !head.scalar {
                    continue;
                }
                let is_scalar = values.get(1).is_none_or(|&level| level > 0.0);
                if let Some(ranks) = ranks.next()
                    && is_scalar
                {
                    values[0] = normal_quantile(ranks.of(values[0])) as f32;
                }
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
    let never = |share: &f64| if *share > 0.0 { 0.0 } else { f64::from(NEVER) };
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
struct Ranks {
    /// The draws' scalars, sorted, each once.
    scalars: Vec<f32>,
    /// The share of the draws below each, with half of its own.
    ranks: Vec<f64>,
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

    #[test]
    fn every_level_gets_its_share_and_those_without_one_never_come() {
        let head = Head {
            scalar: false,
            levels: 4,
        };
        let shares = [0.5, 0.3, 0.2, 0.0];
        let rows = 2000;
        let value = |index| (6.0 * uniform(index) - 3.0) as f32;
        let undecided: Vec<f32> = (0..4 * rows).map(value).collect();
        let calibration = Calibration::fit(&[head], &shares, &undecided);
        let summands: Vec<f64> = calibration.shift.iter().map(|&s| s.into()).collect();
        let mut found = [0.0; 4];
        for logits in undecided.chunks(4) {
            let p = softmax(logits, &summands);
            found
                .iter_mut()
                .zip(p)
                .for_each(|(sum, p)| *sum += p / rows as f64);
        }
        for (found, share) in found.into_iter().zip(shares) {
            assert!((found - share).abs() < 2e-5, "{found} and {share}");
        }
    }

    #[test]
    fn scalars_become_normal_scores_where_they_are_the_value() {
        let heads = [
            Head {
                scalar: true,
                levels: 2,
            },
            Head {
                scalar: true,
                levels: 0,
            },
        ];
        let rows = 4000;
        // The first scalar is the larger the less likely it is the value.
        let undecided: Vec<f32> = (0..rows)
            .flat_map(|row| {
                let u = uniform(row);
                [u, -2.0 * u, 0.0, u * u].map(|value| value as f32)
            })
            .collect();
        let calibration = Calibration::fit(&heads, &[0.0, 0.4, 0.6, 0.0], &undecided);
        let mut median = f64::NAN;
        // The weighted median of the first scalar, by summing weights.
        let summands: Vec<f64> = calibration.shift[1..3].iter().map(|&s| s.into()).collect();
        let mut weighted: Vec<_> = undecided
            .chunks(4)
            .map(|row| (row[0], softmax(&row[1..3], &summands)[0]))
            .collect();
        weighted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total: f64 = weighted.iter().map(|(_, weight)| weight).sum();
        let mut below = 0.0;
        for (scalar, weight) in weighted {
            below += weight;
            if below >= total / 2.0 {
                median = scalar.into();
                break;
            }
        }
        assert!(median < 0.49);
        let mut records = [median as f32, 1.0, 0.0, 0.25, 0.0, 0.0, 1.0, 9.0];
        calibration.apply(&mut records);
        assert!(records[0].abs() < 2e-3, "{records:?}");
        assert!(records[3].abs() < 2e-3, "{records:?}");
        // Under another level the scalar is 0 and stays it; beyond the draws it is at their end.
        assert_eq!(records[4], 0.0);
        assert!(records[7] > 3.0 && records[7].is_finite());
    }

    #[test]
    fn draws_that_say_nothing_leave_finite_numbers() {
        let head = Head {
            scalar: true,
            levels: 2,
        };
        let calibration = Calibration::fit(&[head], &[0.0, 0.5, 0.5], &[f32::NAN; 3]);
        let mut record = [1.0, 1.0, 0.0];
        calibration.apply(&mut record);
        assert_eq!(record[0], 0.0);
    }
}
