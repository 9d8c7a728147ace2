//! How good samples are, when the losses of a game do not say.
//!
//! Functions from records and samples to numbers: nothing here prints, reads a file or a clock.
//! What is expensive runs on any [`gan_kernels::Backend`].
//!
//! | question | function | ideal |
//! |---|---|---|
//! | are samples good, is all of the data there? | [`neighbourhood`] | precision, recall, density and coverage near 1 |
//! | are they one distribution? | [`mmd`], [`two_sample`] | p-value not small; accuracy 1/2 |
//! | how far off? | [`sliced_wasserstein`] | as far as two sets of records |
//! | are they copies? | [`memorisation`] | 1/2 closer to training |
//! | which modes, which classes? | [`Modes::count`], [`classes`] | all, evenly |
//! | how far off in a classifier's eyes? | [`frechet`] of [`Classifier::features`] | 0 |

mod classes;
mod classifier;
mod distances;
mod draws;
mod frechet;
mod memorisation;
mod mmd;
mod modes;
mod neighbours;
mod points;
mod tail;
#[cfg(test)]
mod testing;
mod two_sample;
mod wasserstein;

pub use classes::{Classes, MISSING_SHARE, classes};
pub use classifier::{Classifier, Features, Training};
pub use distances::{
    Nearest, Neighbour, nearest, nearest_others, squared_distance, squared_distances,
};
pub use frechet::frechet;
pub use memorisation::{Memorisation, memorisation};
pub use mmd::{BANDWIDTHS, Mmd, mmd};
pub use modes::{HIGH_QUALITY, Modes};
pub use neighbours::{NEIGHBOURS, Neighbourhood, OneNearestNeighbour, neighbourhood};
pub use points::Points;
pub use two_sample::{TwoSample, two_sample};
pub use wasserstein::{DIRECTIONS, SlicedWasserstein, sliced_wasserstein};
