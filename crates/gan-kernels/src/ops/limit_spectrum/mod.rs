//! A limit on how much a layer can stretch its input.

pub mod cases;
pub(crate) mod cpu;
#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod reference;

use super::check_shape;
use crate::{Backend, Matrix};

/// `W ← W · min(1, limit / σ)`, where σ is the estimate of W's largest singular value that one step
/// of power iteration gives: `t = W·u`, `r = Wᵀ·t / ‖t‖`, `σ = ‖r‖`, `u ← r / σ`.
///
/// The estimate never exceeds σ, and closes in on it while W changes little from call to call.
/// Where ‖t‖ or σ is zero nothing changes.
///
/// # Panics
/// If the shapes disagree, or the limit is not above 0.
/// # Numerics
/// Sums in f64 on the CPU, elsewhere in f32, from factors that no precision rounds; on a GPU three
/// launches, as each product and the scaling need all of what went before (docs/numerics.md §11).
/// # Source
/// The power iteration carried along: Miyato et al. 2018; the projection after each update in place
/// of a division in the forward pass: Gouk et al. 2021.
pub struct LimitSpectrum<'a, B: Backend> {
    /// W, k × n, updated in place.
    pub w: &'a mut Matrix<B>,
    /// u, 1 × n, from one call to the next; must not start at zero.
    pub direction: &'a mut Matrix<B>,
    /// Largest singular value that W may have.
    pub limit: f64,
}

impl<B: Backend> LimitSpectrum<'_, B> {
    /// Checks both operands; returns k and n.
    #[track_caller]
    pub(crate) fn check(&self) -> (usize, usize) {
        let (k, n) = self.w.shape();
        let direction = self.direction.shape();
        check_shape("limit_spectrum", "direction", direction, (1, n));
        assert!(
            self.limit > 0.0,
            "limit_spectrum: limit {}, expected above 0",
            self.limit
        );
        (k, n)
    }
}
