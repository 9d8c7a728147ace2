//! Gradient of one layer's parameters, and their update.

pub mod cases;
pub(crate) mod cpu;
#[cfg(feature = "cube")]
pub(crate) mod cube;
#[cfg(feature = "cube")]
pub(crate) mod cube_rule;
pub(crate) mod reference;
pub(crate) mod rule;

use std::mem::Discriminant;

use super::check_shape;
use crate::{Backend, Matrix, Monitor, Rows};

/// `dW = Xᵀ·dZ`, `db = colsum(dZ)` or `sᵀ·dZ`, and the update of W and b in the epilogue.
///
/// No gradient buffer exists: an update consumes each tile of dW while it is in registers.
/// Run [`LinearBwdData`](crate::LinearBwdData) first; it needs W as the forward pass saw it.
///
/// # Panics
/// If the shapes disagree, the moments are not as many as the update's, a gradient that is stored
/// has a limit on its columns, or the state has no rates for the update's slot.
/// # Numerics
/// The same as of [`LinearFwd`](crate::LinearFwd), with depth m; the update is in the element type,
/// but for Adam's 1 − β and corrected η, which are taken in f64 and rounded once.
/// # Source
/// Momentum as the authors' Pylearn2 code has it; Adam: Kingma and Ba 2015; the limit on a column's
/// norm: Srebro and Shraibman 2005, Hinton et al. 2012.
pub struct LinearBwdParams<'a, B: Backend> {
    /// X, m × k: the layer's input, dropout applied.
    pub x: Rows<'a, B>,
    /// dZ, m × n: the gradient of its pre-activation.
    pub dz: Rows<'a, B>,
    /// s, m × 1: the factor of each row in db; without, all are 1.
    pub bias_weights: Option<Rows<'a, B>>,
    /// W, k × n, updated in place, or overwritten by the gradient.
    pub w: &'a mut Matrix<B>,
    /// b, 1 × n, likewise.
    pub b: &'a mut Matrix<B>,
    /// The moments of W and of b, in pairs of their shapes: as many as
    /// [`Update::moments`] says, updated in place.
    pub moments: &'a mut [[Matrix<B>; 2]],
    /// The rule by which W and b follow the gradient.
    pub update: Update,
    /// Index of the state's rates that apply.
    pub slot: usize,
    /// Largest norm of a column of W; longer ones are scaled back after the update.
    pub max_column_norm: Option<f64>,
    /// Gives the rates of the update.
    pub state: &'a B::State,
    /// The sum to which `‖dW‖² + ‖db‖²` is added, if any.
    pub monitor: Option<(&'a mut B::Monitors, Monitor)>,
}

/// The rule by which a parameter θ follows its gradient g.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Update {
    /// θ ← g: the gradient itself, so that checks exercise the kernel that trains.
    Store,
    /// v ← μ·v − η·g, θ ← θ + v, as in the authors' code; v is the one moment.
    Momentum,
    /// Adam (Kingma and Ba 2015), whose moments are the first and the second.
    Adam(Adam),
}

impl Update {
    /// Values that are kept for each parameter.
    #[must_use]
    pub fn moments(self) -> usize {
        match self {
            Self::Store => 0,
            Self::Momentum => 1,
            Self::Adam(_) => 2,
        }
    }
}

/// The properties that layers share if one kernel can step them.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct KernelKey {
    rule: Discriminant<Update>,
    is_limited: bool,
    is_weighted: bool,
}

impl KernelKey {
    pub(crate) fn new(update: Update, max_column_norm: Option<f64>, is_weighted: bool) -> Self {
        Self {
            rule: std::mem::discriminant(&update),
            is_limited: max_column_norm.is_some(),
            is_weighted,
        }
    }
}

/// The constants of Adam.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// β₁.
    pub beta1: f64,
    /// β₂.
    pub beta2: f64,
    /// ε, added to the square root.
    pub epsilon: f64,
}

impl<'a, B: Backend> LinearBwdParams<'a, B> {
    /// The gradient itself, in the place of W and b.
    #[must_use]
    pub fn gradient(
        x: Rows<'a, B>,
        dz: Rows<'a, B>,
        w: &'a mut Matrix<B>,
        b: &'a mut Matrix<B>,
        state: &'a B::State,
    ) -> Self {
        Self {
            x,
            dz,
            bias_weights: None,
            w,
            b,
            moments: &mut [],
            update: Update::Store,
            slot: 0,
            max_column_norm: None,
            state,
            monitor: None,
        }
    }

    /// Checks every operand; returns k (rows of W), n and m (the depth).
    #[track_caller]
    pub(crate) fn check(&self) -> (usize, usize, usize) {
        let ((m, k), n) = (self.x.shape(), self.dz.shape().1);
        check_shape("linear_bwd_params", "dz", self.dz.shape(), (m, n));
        if let Some(weights) = &self.bias_weights {
            check_shape("linear_bwd_params", "bias_weights", weights.shape(), (m, 1));
        }
        check_shape("linear_bwd_params", "w", self.w.shape(), (k, n));
        check_shape("linear_bwd_params", "b", self.b.shape(), (1, n));
        let (found, expected) = (self.moments.len(), self.update.moments());
        assert!(
            found == expected,
            "linear_bwd_params: {found} pairs of moments, expected {expected}"
        );
        assert!(
            self.update != Update::Store || self.max_column_norm.is_none(),
            "linear_bwd_params: a limit on the columns of a stored gradient, expected none"
        );
        for [weights, bias] in &*self.moments {
            check_shape("linear_bwd_params", "moment of w", weights.shape(), (k, n));
            check_shape("linear_bwd_params", "moment of b", bias.shape(), (1, n));
        }
        (k, n, m)
    }
}
