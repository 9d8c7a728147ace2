//! Fused operations for training multilayer perceptrons: forward pass, backward pass and update.
//!
//! One trait, [`Backend`], of fused operations over row-major matrices, with two implementors:
//! [`Native`] for the CPU, in f32 to train and in f64 to check against, and `cube::Cube` for GPUs,
//! behind the feature `cube`.
//! Seven of the operations play the game of Goodfellow et al. 2014, where [`LogitLoss`] is a part of
//! one of them; [`Parzen`] evaluates it, and the others serve the games that came later: penalties on D's gradient by its input, packed
//! records, averages of parameters, limits on singular values.
//! Elementwise work (bias, activation, maxout, dropout, derivatives, the update itself) is the
//! epilogue of the matrix product it belongs to and is done while a tile is in cache.
//! Random numbers are addressed, not drawn: see [`random`].

mod activation;
mod backend;
#[cfg(feature = "cube")]
pub mod cube;
mod native;
mod ops;
mod real;
mod recorder;
mod records;
mod state;

pub mod cases;
pub mod random;

pub use activation::{Activation, ActivationKind};
pub use backend::{
    Backend, BackendError, Execution, Matrix, Monitor, MonitorSums, Rows, RowsMut, Winners,
    WinnersRows, WinnersRowsMut,
};
pub use native::Native;
pub use ops::{Adam, Below, Dropout, Objective, Penalty, Prior, Update};
pub use real::Real;
pub use recorder::{RecordedCall, Recorder};
pub use records::{Affine, ByteScale, RecordFormat, Records, RecordsError, Values};
pub use state::{LearningRate, Momentum, Rates, Schedule, SlotSchedule, StepState};

macro_rules! export {
    ($($module:ident: $Arguments:ident $(-> $Result:ty)?,)*) => {
        $(pub use ops::$Arguments;)*
    };
}
ops::for_each_operation!(export);
