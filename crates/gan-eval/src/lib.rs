//! How good samples are, when the losses of a game do not say.
//!
//! Functions from records and samples to numbers: nothing here prints, reads a file or a clock.
//! What is expensive runs on any [`gan_kernels::Backend`].
//!
//! [`ParzenProtocol`] is the paper's evaluation, and [`Controls`] are the points without whose
//! numbers it says little; what a metric found goes into a [`Section`] of a report.
//! The other metrics answer one question each, and [`verdict`] reads them together:
//!
//! | question | function | ideal |
//! |---|---|---|
//! | are samples good, is all of the data there? | [`neighbourhood`] | precision, recall, density, coverage as of records |
//! | are they one distribution? | [`mmd`], [`two_sample`] | p-value not small; accuracy 1/2 |
//! | how far off? | [`sliced_wasserstein`] | as far as two sets of records |
//! | are they copies? | [`memorisation`] | 1/2 closer to training |
//! | which modes, which classes? | [`Modes::count`], [`classes`] | all, evenly |
//! | how far off in a classifier's eyes? | [`frechet`] of [`Classifier::features`] | 0 |

mod classes;
mod classifier;
mod controls;
mod distances;
mod draws;
mod error;
mod frechet;
mod gaussian;
mod kmeans;
mod memorisation;
mod mmd;
mod modes;
mod neighbours;
mod parzen;
mod points;
mod report;
mod tail;
#[cfg(test)]
mod testing;
mod two_sample;
mod verdict;
mod wasserstein;

pub use classes::{Classes, MISSING_SHARE, classes};
pub use classifier::{Classifier, Features, Training};
pub use controls::{Control, Controls};
pub use distances::{
    Nearest, Neighbour, nearest, nearest_others, squared_distance, squared_distances,
};
pub use error::EvalError;
pub use frechet::frechet;
pub use gaussian::Moments;
pub use kmeans::kmeans;
pub use memorisation::{Memorisation, memorisation};
pub use mmd::{BANDWIDTHS, Mmd, mmd};
pub use modes::{HIGH_QUALITY, Modes};
pub use neighbours::{NEIGHBOURS, Neighbourhood, OneNearestNeighbour, neighbourhood};
pub use parzen::{
    Bandwidth, LogLikelihood, PROTOCOL_VERSION, ParzenProtocol, authors_sigmas,
    mean_and_standard_error,
};
pub use points::{Points, gather};
pub use report::{Kind, Row, Section, Uncertainty};
pub use two_sample::{TwoSample, two_sample};
pub use verdict::{Estimate, Evidence, Finding, Finds, verdict};
pub use wasserstein::{DIRECTIONS, SlicedWasserstein, sliced_wasserstein};
