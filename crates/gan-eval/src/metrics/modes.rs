//! The modes of a known mixture that the samples have found.

use gan_kernels::Backend;
use serde::{Deserialize, Serialize};

use super::Needs;
use crate::evaluation::{Evaluation, thousands};
use crate::verdict::Evidence;
use crate::{EvalError, Points, Row, Section};

/// A sample within so many standard deviations of a centre is of high quality (as PacGAN counts).
const HIGH_QUALITY: f32 = 3.0;
/// A mode is found where it has one part in so many of an even share: with one sample, a cloud that
/// covers all modes would find them all.
const PARTS: usize = 5;

/// The metric `modes`.
pub(super) fn section<B: Backend>(
    evaluation: &mut Evaluation<'_, B>,
    evidence: &mut Evidence,
) -> Result<Section, EvalError> {
    let samples = evaluation.samples;
    let known = Needs::Modes.met("modes", evaluation.reference.modes)?;
    let found = Modes::count(known.count, samples, known.nearest);
    let mut rows = vec![
        Row::model("modes_found", "modes found", found.modes_found as f64)
            .with_ideal(found.modes.to_string())
            .with_note("with at least a fifth of an even share of all samples"),
        Row::model("high_quality", "within 3 sigma", found.high_quality)
            .with_ideal("0.989 in two dimensions"),
    ];
    rows.extend(found.reverse_kl.map(|divergence| {
        Row::model("reverse_kl", "reverse KL of their counts", divergence)
            .with_ideal("0")
            .with_note("in nats, over samples within 3 sigma of a mode")
    }));
    evidence.modes = Some(found);
    let samples = thousands(samples.rows());
    let title = format!("Modes of a known mixture, in {samples} samples");
    Ok(Section::new("modes", title, rows))
}

/// Modes found, share of good samples, and how evenly they fill the modes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Modes {
    /// Modes whose samples of high quality are at least a fifth of an even share, samples / modes.
    pub modes_found: usize,
    /// Modes of the data.
    pub modes: usize,
    /// Samples, good or not.
    #[serde(default)]
    pub samples: usize,
    /// Share of samples of high quality; 0.989 for the data themselves in two dimensions.
    pub high_quality: f64,
    /// KL(q ‖ uniform) in nats, where q is how the high-quality samples (and only they, as PacGAN
    /// counts) fill the modes; 0 is ideal, log of the number of modes is a collapse to one.
    /// `None` without such samples.
    pub reverse_kl: Option<f64>,
    /// High-quality samples of each mode.
    pub counts: Vec<usize>,
}

impl Modes {
    /// Counts over `samples`; `nearest` gives the mode whose centre is nearest to a sample, below
    /// `modes`, and the distance in standard deviations.
    ///
    /// # Panics
    /// If `nearest` gives a mode that is not below `modes`.
    /// # Source
    /// Srivastava et al. 2017 (the measures), Lin et al. 2018 (PacGAN, how they are counted; there
    /// one sample finds a mode).
    #[must_use]
    #[track_caller]
    pub fn count(
        modes: usize,
        samples: Points<'_>,
        nearest: impl Fn(&[f32]) -> (usize, f32),
    ) -> Self {
        let mut counts = vec![0usize; modes];
        for row in samples.iter() {
            let (mode, sigmas) = nearest(row);
            if sigmas <= HIGH_QUALITY {
                counts[mode] += 1;
            }
        }
        let good: usize = counts.iter().sum();
        Self {
            modes_found: modes - short_of_a_fifth(&counts, samples.rows()),
            modes,
            samples: samples.rows(),
            high_quality: good as f64 / samples.rows().max(1) as f64,
            reverse_kl: (good > 0).then(|| from_uniform(&counts, good)),
            counts,
        }
    }

    /// Modes that have less than a fifth of an even share of the good samples; `None` where those
    /// are too few to tell.
    pub(crate) fn missed(&self) -> Option<usize> {
        /// Good samples for each mode: of ten that are due, fewer than two come by chance once in
        /// 2,000 times.
        const DUE: usize = 10;
        let good: usize = self.counts.iter().sum();
        (good >= DUE * self.modes).then(|| short_of_a_fifth(&self.counts, good))
    }
}

/// How many of `counts` are less than a fifth of an even share of `total`, or nothing.
fn short_of_a_fifth(counts: &[usize], total: usize) -> usize {
    let short = |count: &&usize| **count == 0 || PARTS * counts.len() * **count < total;
    counts.iter().filter(short).count()
}

/// Σ q log(q · modes) of counts.
fn from_uniform(counts: &[usize], total: usize) -> f64 {
    let shares = counts.iter().map(|&count| count as f64 / total as f64);
    let terms = shares
        .filter(|&q| q > 0.0)
        .map(|q| q * (q * counts.len() as f64).ln());
    terms.sum()
}

/// For people: `7 of 8 modes found, 92.1 % of 2,000 samples within 3 sigma of one, reverse KL 0.134`.
impl std::fmt::Display for Modes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} of {} modes found, {:.1} % of {} samples within {HIGH_QUALITY} sigma of one",
            self.modes_found,
            self.modes,
            100.0 * self.high_quality,
            thousands(self.samples)
        )?;
        match self.reverse_kl {
            Some(divergence) => write!(f, ", reverse KL {divergence:.3}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{blurred, close, drawn_modes};
    use gan_data::Mixture;

    fn count(mixture: &Mixture, samples: &[f32]) -> Modes {
        Modes::count(mixture.modes(), Points::new(samples, mixture.cols), |row| {
            mixture.nearest(row)
        })
    }

    #[test]
    fn modes_of_the_data_are_all_there_and_even() {
        let (samples, mixture) = drawn_modes("ring8", 4000, 1, |_| true);
        let found = count(&mixture, &samples);
        assert_eq!((found.modes_found, found.modes), (8, 8));
        // P(chi-squared with 2 degrees <= 9) = 0.9889; 0.007 is four deviations.
        close(found.high_quality, 0.9889, 0.007);
        // 2·N·KL is chi-squared with 7 degrees: 8.8e-4 expected, 3.3e-3 beyond 1e-3.
        assert!(found.reverse_kl.unwrap() < 3.3e-3, "{found:?}");
    }

    #[test]
    fn modes_that_were_dropped_are_missed_at_the_known_divergence() {
        let (samples, mixture) = drawn_modes("grid25", 4000, 1, |mode| mode % 5 != 2);
        let found = count(&mixture, &samples);
        assert_eq!(found.modes_found, 20);
        assert_eq!(found.counts[7], 0);
        let expected = (25.0_f64 / 20.0).ln();
        close(found.reverse_kl.unwrap(), expected, 0.01);
    }

    #[test]
    fn modes_of_blur_are_of_low_quality_and_of_no_samples_unknown() {
        let (samples, mixture) = drawn_modes("ring8", 3000, 1, |_| true);
        let blur = count(&mixture, &blurred(&samples, 2, 3));
        assert!(blur.high_quality < 0.1, "{blur:?}");
        let none = count(&mixture, &[9.0, 9.0]);
        assert_eq!((none.modes_found, none.reverse_kl), (0, None));
        let words = "0 of 8 modes found, 0.0 % of 1 samples within 3 sigma of one";
        assert_eq!(none.to_string(), words);
    }

    #[test]
    fn mode_is_found_with_a_fifth_of_its_share_and_not_with_one_sample() {
        let (good, mixture) = drawn_modes("ring8", 1600, 1, |_| true);
        let blur = blurred(&good, 2, 4);
        let of = |good_rows: usize| {
            let rows = [&good[..2 * good_rows], &blur].concat();
            let padding = vec![9.0; 2 * 1600 - rows.len()];
            count(&mixture, &[rows, padding].concat())
        };
        // 16 % of 1,600 samples are 32 in each mode, and a fifth of 200 are 40.
        let few = of(256);
        assert!(few.counts.iter().all(|&count| count > 10), "{few:?}");
        assert!(few.modes_found < 3, "{few:?}");
        assert_eq!(few.missed(), Some(0));
        let more = of(600);
        assert_eq!((more.modes_found, more.missed()), (8, Some(0)));
        assert_eq!(of(20).missed(), None);
    }
}
