//! Conditions in the records that a generator makes, and no gradient by them.

pub mod cases;
pub(crate) mod cpu;
#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod reference;

use super::check_shape;
use crate::{Backend, Given, Rows, RowsMut};

/// `Y at the given places = the last c columns of X`, or 0 where there is no X.
///
/// A generator makes whole records of its input [Z | C]; what it makes at the given places is
/// overwritten with C, and the gradient there with 0, since C is no function of its parameters.
///
/// # Panics
/// If the shapes disagree or a given place is not in a record.
/// # Numerics
/// Exact.
/// # Source
/// See [`GatherConditions`](crate::GatherConditions).
pub struct PlaceConditions<'a, B: Backend> {
    /// The c places.
    pub given: &'a Given<B>,
    /// X, m × (n + c).
    pub x: Option<Rows<'a, B>>,
    /// Y, m × the values of a record; what is not given stays.
    pub y: RowsMut<'a, B>,
}

impl<B: Backend> PlaceConditions<'_, B> {
    /// Checks every operand; returns m, c and, where there is an X, n.
    #[track_caller]
    pub(crate) fn check(&self) -> (usize, usize, usize) {
        let ((m, cols), given) = (self.y.shape(), self.given.width());
        self.given.check("place_conditions", cols);
        let latents = self.x.map_or(0, |x| {
            let (_, found) = x.shape();
            let latents = found.saturating_sub(given);
            check_shape("place_conditions", "x", x.shape(), (m, latents + given));
            latents
        });
        (m, given, latents)
    }
}
