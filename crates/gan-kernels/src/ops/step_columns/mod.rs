//! A gradient that is summed over microbatches, and the update of columns by it.

pub mod cases;
pub(crate) mod cpu;
#[cfg(feature = "cube")]
pub(crate) mod cube;

use super::{Update, check_shape};
use crate::{Backend, Matrix, Monitor, Rows, RowsMut};

/// `G = G₀ + G₁ + … + G_s`, in this order, and the update by G of some columns of W over b.
///
/// What [`LinearBwdParams`](crate::LinearBwdParams) does in its epilogue, by gradients that it has
/// stored.
///
/// # Panics
/// If the shapes disagree, the moments are not as many as the update's, a gradient that is stored
/// has a limit on its columns, or the state has no rates for the update's slot.
/// # Numerics
/// Sums and the update are in the element type, the latter as of `LinearBwdParams`.
pub struct StepColumns<'a, B: Backend> {
    /// G₀, (k + 1) × n, if there is one.
    pub before: Option<Rows<'a, B>>,
    /// G₁ to G_s, one under another: s·(k + 1) × n.
    pub gradients: Rows<'a, B>,
    /// W over b, (k + 1) × n, updated in place, or overwritten by G.
    pub parameters: RowsMut<'a, B>,
    /// The moments, of which the same rows are updated in place as of the parameters.
    pub moments: &'a mut [Matrix<B>],
    /// The rule by which W and b follow the gradient.
    pub update: Update,
    /// Index of the state's rates that apply.
    pub slot: usize,
    /// Largest norm of a column of W; longer ones are scaled back after the update.
    pub max_column_norm: Option<f64>,
    /// Gives the rates of the update.
    pub state: &'a B::State,
    /// The sum to which `‖G‖²` is added, if any.
    pub monitor: Option<(&'a mut B::Monitors, Monitor)>,
}

impl<B: Backend> StepColumns<'_, B> {
    /// Checks every operand; returns k + 1, n and s.
    #[track_caller]
    pub(crate) fn check(&self) -> (usize, usize, usize) {
        let (rows, n) = self.parameters.shape();
        let count = self.gradients.shape().0.div_ceil(rows.max(1));
        let (gradients, expected) = (self.gradients.shape(), (count * rows, n));
        check_shape("step_columns", "gradients", gradients, expected);
        assert!(count > 0, "step_columns: no gradients, expected some");
        if let Some(before) = &self.before {
            check_shape("step_columns", "before", before.shape(), (rows, n));
        }
        let (found, expected) = (self.moments.len(), self.update.moments());
        assert!(
            found == expected,
            "step_columns: {found} moments, expected {expected}"
        );
        assert!(
            self.update != Update::Store || self.max_column_norm.is_none(),
            "step_columns: a limit on the columns of a stored gradient, expected none"
        );
        let whole = self.parameters.matrix.shape();
        for moment in &*self.moments {
            check_shape("step_columns", "moment", moment.shape(), whole);
        }
        (rows, n, count)
    }
}
