//! How good samples are, when the losses of a game do not say.
//!
//! Functions from records and samples to numbers: nothing here prints, reads a file or a clock.
//! What is expensive runs on any [`gan_kernels::Backend`].
//!
//! [`ParzenProtocol`] is the paper's evaluation, and [`Controls`] are the points without whose
//! numbers it says little; what a metric found goes into a [`Section`] of a report.

mod controls;
mod error;
mod gaussian;
mod kmeans;
mod parzen;
mod points;
mod report;

pub use controls::{Control, Controls};
pub use error::EvalError;
pub use gaussian::Moments;
pub use kmeans::kmeans;
pub use parzen::{
    Bandwidth, LogLikelihood, PROTOCOL_VERSION, ParzenProtocol, authors_sigmas,
    mean_and_standard_error,
};
pub use points::{Points, gather};
pub use report::{Kind, Row, Section, Uncertainty};
