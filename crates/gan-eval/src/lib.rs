//! How good samples are, when the losses of a game do not say.
//!
//! [`evaluate`] compares samples with the records of a [`Reference`]: each metric computes its
//! numbers and explains them in a [`Section`], and a verdict in words reads them all together.
//! Nothing here prints, reads a file or a clock, and the expensive work runs on any
//! [`gan_kernels::Backend`].
//!
//! One metric, `parzen`, is the paper's log-likelihood, with controls without whose numbers it says
//! little.
//! The others, in `metrics/`, answer one question each:
//!
//! | question | metric | ideal |
//! |---|---|---|
//! | are samples good, is all of the data there? | `prdc` | precision, recall, density, coverage as of records |
//! | are they one distribution? | `mmd`, `c2st`, `nn` | p-value not small; accuracy 1/2 |
//! | how far off? | `wasserstein` | as far as two sets of records |
//! | are they copies? | `memorisation` | 1/2 closer to training |
//! | which modes, which classes, which values of a column? | `modes`, `classes`, `values` | all, evenly |
//! | how far off in a classifier's eyes? | `classes` | 0 |

mod affine;
mod classifier;
mod controls;
mod distances;
mod draws;
mod error;
mod evaluation;
mod frechet;
mod gaussian;
mod kmeans;
mod metrics;
mod parzen;
mod points;
mod report;
mod tail;
#[cfg(test)]
mod testing;
mod verdict;

pub use distances::{Nearest, Neighbour, nearest};
pub use error::EvalError;
pub use evaluation::{
    Caller, KnownModes, Labels, PROTOCOL_VERSION, Reference, Subject, evaluate, thousands,
};
pub use metrics::modes::Modes;
pub use metrics::values::{DiscreteColumns, ValueShare};
pub use metrics::{metric_names, unmet_need};
pub use parzen::{authors_sigmas, mean_and_standard_error};
pub use points::{Points, gather};
pub use report::{Estimate, Row, RowKind, Section, Uncertainty};
pub use verdict::{Finding, Quality};
