//! How good samples are, when the losses of a game do not say.
//!
//! Functions from records and samples to numbers: nothing here prints, reads a file or a clock.
//! Expensive work runs on any [`gan_kernels::Backend`].
//!
//! An [`Evaluation`] holds samples and the records of a [`Reference`]; each [`Metric`] computes its
//! numbers from it, adds them to the [`Evidence`], and explains them in a [`Section`] of the report.
//! The first metric is the paper's: [`ParzenProtocol`], with [`Controls`] without whose numbers it
//! says little.
//! The other metrics answer one question each, and [`verdict`] reads them all together:
//!
//! | question | function | ideal |
//! |---|---|---|
//! | are samples good, is all of the data there? | [`neighbourhood`] | precision, recall, density, coverage as of records |
//! | are they one distribution? | [`mmd`], [`two_sample`] | p-value not small; accuracy 1/2 |
//! | how far off? | [`sliced_wasserstein`] | as far as two sets of records |
//! | are they copies? | [`memorisation`] | 1/2 closer to training |
//! | which modes, which classes? | [`Modes::count`], [`classes`] | all, evenly |
//! | how far off in a classifier's eyes? | [`frechet`] of [`Classifier::features`] | 0 |

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

pub use classifier::{Classifier, Features, Training};
pub use controls::{Control, Controls};
pub use distances::{
    Nearest, Neighbour, nearest, nearest_others, squared_distance, squared_distances,
};
pub use error::EvalError;
pub use evaluation::{
    Caller, Evaluation, KnownModes, Labels, PROTOCOL_VERSION, Reference, thousands,
};
pub use frechet::frechet;
pub use gaussian::Moments;
pub use kmeans::kmeans;
pub use metrics::Metric;
pub use metrics::classes::{Classes, MISSING_SHARE, classes};
pub use metrics::memorisation::{Memorisation, memorisation};
pub use metrics::mmd::{BANDWIDTHS, Mmd, mmd};
pub use metrics::modes::{HIGH_QUALITY, Modes};
pub use metrics::neighbourhood::{NEIGHBOURS, Neighbourhood, OneNearestNeighbour, neighbourhood};
pub use metrics::two_sample::{TwoSample, two_sample};
pub use metrics::wasserstein::{DIRECTIONS, SlicedWasserstein, sliced_wasserstein};
pub use parzen::{
    Bandwidth, LogLikelihood, ParzenProtocol, authors_sigmas, mean_and_standard_error,
};
pub use points::{Points, gather};
pub use report::{Estimate, Row, RowKind, Section, Uncertainty};
pub use verdict::{Evidence, Finding, Quality, verdict};
