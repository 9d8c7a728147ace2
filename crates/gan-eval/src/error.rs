//! What can go wrong in an evaluation.

use gan_kernels::BackendError;

/// An evaluation that came to no number.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// The device.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// Points with a value that is no number, or so large that 32 bits do not hold its square.
    #[error("{what}: row {row}: found {found}, expected numbers within ±{limit:.0e}")]
    OutOfRange {
        /// Which points.
        what: &'static str,
        /// The first such row, from 1.
        row: usize,
        /// The value.
        found: f32,
        /// What every magnitude must be below.
        limit: f32,
    },
    /// A log-likelihood beyond what the device's numbers can hold.
    #[error(
        "log-likelihood: found {found} at sigma {sigma}, expected a finite number; \
         the window is too narrow for values this far apart"
    )]
    Overflow {
        /// The mean.
        found: f64,
        /// Width of the window.
        sigma: f64,
    },
}

impl EvalError {
    /// What the user can do about it, if anything is known.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Backend(error) => error.hint(),
            Self::OutOfRange {
                what: "samples", ..
            } => Some("the generator has diverged; evaluate an earlier checkpoint"),
            Self::OutOfRange { .. } => Some("standardise the data: data.normalize"),
            Self::Overflow { .. } => Some("a larger --sigma, or none"),
        }
    }
}
