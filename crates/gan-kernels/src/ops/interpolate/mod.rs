//! Points between data and samples.

pub mod cases;
pub(crate) mod cpu;
#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod reference;

use super::check_shape;
use crate::random::Stream;
use crate::{Backend, Rows, RowsMut};

/// `Y = ε ⊙ A + (1 − ε) ⊙ B` with one ε ~ U(0, 1) a row, by address.
///
/// # Panics
/// If the shapes disagree.
/// # Numerics
/// `b + ε·(a − b)`, with ε as [`unit_open`](crate::random::unit_open) makes it of the word whose
/// index is the row.
/// # Source
/// Gulrajani et al. 2017.
pub struct Interpolate<'a, B: Backend> {
    /// A, m × n.
    pub a: Rows<'a, B>,
    /// B, m × n.
    pub b: Rows<'a, B>,
    /// Y, m × n, overwritten.
    pub y: RowsMut<'a, B>,
    /// Address of ε.
    pub stream: Stream,
    /// Gives seed and step of the address.
    pub state: &'a B::State,
}

impl<B: Backend> Interpolate<'_, B> {
    /// Checks every operand; returns m and n.
    #[track_caller]
    pub(crate) fn check(&self) -> (usize, usize) {
        let shape = self.a.shape();
        check_shape("interpolate", "b", self.b.shape(), shape);
        check_shape("interpolate", "y", self.y.shape(), shape);
        shape
    }
}
