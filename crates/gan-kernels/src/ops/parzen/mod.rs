//! Parzen-window log-likelihood.

pub mod cases;
pub(crate) mod cpu;
#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod reference;

use super::check_shape;
use crate::{Backend, Rows};

/// `log p(x) = log mean_s N(x; s, σ²I)` in nats, for each point x and each σ, under Gaussians on
/// M samples.
///
/// The result is σ × N, row-major: all points under the first σ, then under the second, and so on.
/// The N × M matrix of distances never exists: an online log-sum-exp is the product's epilogue.
///
/// # Panics
/// If the columns disagree, there is no sample, or a σ is not positive.
/// # Errors
/// If something went wrong on the device.
/// # Numerics
/// ‖x − s‖² = ‖x‖² + ‖s‖² − 2·x·s after the samples' mean is taken from both, which more than
/// halves what cancels on images, and sums of products are taken in short runs; on MNIST at
/// σ = 0.1667 a point is within about 1e-3 nats of the f64 oracle, the mean within 1e-4; errors grow
/// as 1/σ².
/// # Source
/// Breuleux, Bengio, Vincent 2011; Goodfellow et al. 2014 §5.
pub struct Parzen<'a, B: Backend> {
    /// x, N × d.
    pub points: Rows<'a, B>,
    /// s, M × d.
    pub samples: Rows<'a, B>,
    /// σ, in the data's units.
    pub sigmas: &'a [f64],
}

impl<B: Backend> Parzen<'_, B> {
    /// Checks every operand; returns N, M and d.
    #[track_caller]
    pub(crate) fn check(&self) -> (usize, usize, usize) {
        let ((n, d), (m, _)) = (self.points.shape(), self.samples.shape());
        check_shape("parzen", "samples", self.samples.shape(), (m, d));
        assert!(m > 0, "parzen: no samples");
        assert!(
            self.sigmas.iter().all(|&sigma| sigma > 0.0),
            "parzen: sigma must be positive"
        );
        (n, m, d)
    }
}
