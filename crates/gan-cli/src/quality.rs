//! How well samples cover a mixture whose modes are known.

use gan_data::Mixture;
use serde::Serialize;

/// A sample within so many standard deviations of a centre is of high quality (as PacGAN counts).
const HIGH_QUALITY: f32 = 3.0;

/// Modes found and share of good samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Quality {
    /// Modes with at least one sample of high quality.
    pub(crate) modes_found: usize,
    /// Modes of the data.
    pub(crate) modes: usize,
    /// Share of samples of high quality; 0.989 for the data themselves in two dimensions.
    pub(crate) high_quality: f64,
}

impl Quality {
    /// Counts over `samples`, rows of the mixture's dimension.
    pub(crate) fn of(mixture: &Mixture, samples: &[f32]) -> Self {
        let mut found = vec![false; mixture.modes()];
        let mut good = 0usize;
        let rows = samples.chunks_exact(mixture.cols);
        let count = rows.len().max(1);
        for row in rows {
            let (mode, sigmas) = mixture.nearest(row);
            if sigmas <= HIGH_QUALITY {
                found[mode] = true;
                good += 1;
            }
        }
        Self {
            modes_found: found.iter().filter(|found| **found).count(),
            modes: found.len(),
            high_quality: good as f64 / count as f64,
        }
    }
}

impl std::fmt::Display for Quality {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} of {} modes, {:.1} % of samples within {HIGH_QUALITY} sigma of one",
            self.modes_found,
            self.modes,
            100.0 * self.high_quality
        )
    }
}
