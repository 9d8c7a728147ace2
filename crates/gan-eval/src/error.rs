//! Everything that can go wrong in an evaluation.

use gan_kernels::BackendError;

/// An evaluation that came to no number.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what variants and fields are")]
pub enum EvalError {
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// Points with a value that is no number, or so large that 32 bits do not hold its square; the
    /// first such row, counted from 1.
    #[error("{what}: row {row}: found {found}, expected numbers within ±{limit:.0e}")]
    OutOfRange {
        what: &'static str,
        row: usize,
        found: f32,
        limit: f32,
    },
    #[error(
        "{metric}: found {records} held-out records and {samples} samples, expected \
         {expected} or more of each"
    )]
    TooFew {
        metric: &'static str,
        records: usize,
        samples: usize,
        expected: usize,
    },
    /// Data without something that a metric needs.
    #[error("{metric} needs {need}")]
    UnmetNeed {
        metric: &'static str,
        need: &'static str,
    },
    /// A log-likelihood beyond what the device's numbers can hold.
    #[error(
        "log-likelihood: found {found} at sigma {sigma}, expected a finite number; \
         the window is too narrow for values this far apart"
    )]
    Overflow { found: f64, sigma: f64 },
}

impl EvalError {
    /// A remedy, where one is known.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Backend(error) => error.hint(),
            Self::OutOfRange {
                what: "samples", ..
            } => Some("the generator has diverged; evaluate an earlier checkpoint"),
            Self::OutOfRange { .. } => Some("standardise the data"),
            Self::TooFew { .. } => Some("hold more records out, or draw more samples"),
            Self::UnmetNeed { .. } => None,
            Self::Overflow { .. } => Some("a larger bandwidth, or the one that validation chooses"),
        }
    }
}
