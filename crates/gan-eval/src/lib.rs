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
//!
//! [`table`] asks the same of synthetic tables, whose columns are numbers and categories with blanks.
//!
//! ```
//! use gan_eval::{Caller, Points, Reference, Subject, evaluate};
//! use gan_kernels::Native;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // 600 records of two values, row-major, and 300 samples that lie aside of them.
//! let place = |i: usize| (i as f32 * 0.618).fract() - 0.5;
//! let records: Vec<f32> = (0..600).flat_map(|i| [place(i), place(7 * i)]).collect();
//! let samples: Vec<f32> = (0..300).flat_map(|i| [place(i) + 0.7, place(7 * i)]).collect();
//! let (train, held_out) = records.split_at(600);
//!
//! let reference = Reference::new(Points::new(train, 2), Points::new(held_out, 2));
//! let subject = Subject {
//!     samples: Points::new(&samples, 2),
//!     reference: &reference,
//!     metrics: &["prdc", "c2st"],
//!     step: 1000,
//!     sigma: None,
//!     controls: Default::default(),
//! };
//! let caller = Caller {
//!     progress: &mut |_, _| {},
//!     kept: Default::default(),
//!     keep: &mut |_| {},
//! };
//! let (sections, findings) = evaluate(&Native::<f32>::new(None)?, &subject, caller)?;
//! assert_eq!(sections.len(), 2);
//! for finding in &findings {
//!     println!("{finding}"); // Told apart from data, and part of the data is not covered.
//! }
//! # Ok(())
//! # }
//! ```

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
pub mod table;
mod tail;
#[cfg(test)]
mod testing;
mod verdict;

pub use distances::{Nearest, Neighbour, nearest};
pub use error::EvalError;
pub use evaluation::{
    Caller, ControlSet, KnownModes, Labels, PROTOCOL_VERSION, Reference, Subject, evaluate,
    thousands,
};
pub use metrics::modes::Modes;
pub use metrics::values::{DiscreteColumns, ValueShare};
pub use metrics::{metric_names, unmet_need};
pub use parzen::{authors_sigmas, mean_and_standard_error};
pub use points::{Points, gather};
pub use report::{Estimate, Row, RowKind, Section, Uncertainty};
pub use verdict::{Finding, Quality};
