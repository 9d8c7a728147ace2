//! The end of an iteration.

pub mod cases;
pub(crate) mod cpu;
#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod reference;

use crate::{Backend, Schedule};

/// `step ← step + 1`, and the rates of the iteration that comes.
///
/// # Panics
/// If state and schedule have different numbers of slots.
pub struct Advance<'a, B: Backend> {
    /// The iteration's own numbers.
    pub state: &'a mut B::State,
    /// The rates as a function of the step.
    pub schedule: &'a Schedule,
}
