//! Fused operations for training multilayer perceptrons: forward pass, backward pass and update.
//!
//! One trait, [`Backend`], of fifteen operations over row-major matrices, and the implementor
//! [`Native`] for the CPU, in f32 to train and in f64 to check against.
//! Eight of them play the game of Goodfellow et al. 2014, [`Parzen`] evaluates it, and the others
//! serve the games that came later: penalties on D's gradient by its input, packed records,
//! averages of parameters, limits on singular values.
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
pub use ops::{
    Adam, Advance, Average, Below, Dropout, FillLatent, GatherRows, InputPenalty, Interpolate,
    LimitSpectrum, LinearBwdData, LinearBwdParams, LinearFwd, LinearLogitLoss, LinearTangent,
    LogitLoss, Objective, Parzen, Penalty, Prior, Repack, Update,
};
pub use real::Real;
pub use records::{Affine, ByteScale, Records, Values};
pub use state::{LearningRate, Momentum, Rates, Schedule, SlotSchedule, StepState};
