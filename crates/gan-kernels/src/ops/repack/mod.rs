//! The same values in rows of another length.

pub mod cases;
pub(crate) mod cpu;
#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod reference;

use crate::{Backend, Rows, RowsMut};

/// `Y = X` as sequences of values, row after row: packs several records into one row of D's input,
/// or takes such rows apart.
///
/// # Panics
/// If the numbers of values differ.
/// # Numerics
/// Exact.
/// # Source
/// PacGAN (Lin et al. 2018) for what it serves.
pub struct Repack<'a, B: Backend> {
    /// X, m × n.
    pub x: Rows<'a, B>,
    /// Y, m′ × n′, overwritten; m′·n′ = m·n.
    pub y: RowsMut<'a, B>,
}

impl<B: Backend> Repack<'_, B> {
    /// Checks both operands; returns the number of values.
    #[track_caller]
    pub(crate) fn check(&self) -> usize {
        let ((m, n), (m2, n2)) = (self.x.shape(), self.y.shape());
        assert!(
            m * n == m2 * n2,
            "repack: y has shape {:?}, expected as many values as x of shape {:?}",
            (m2, n2),
            (m, n)
        );
        m * n
    }
}
