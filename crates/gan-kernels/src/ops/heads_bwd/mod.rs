//! The gradient of mixed records, back through their heads.

pub mod cases;
pub(crate) mod cpu;
#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod reference;

use super::check_shape;
use crate::{Backend, Heads, Rows, RowsMut};

/// The gradient by Z of [`HeadsFwd`](crate::HeadsFwd), in place of that by X.
///
/// With d the gradient by a head's values and p its relaxed levels, the gradient by logit k is
/// `p_k·(d_k − Σ p_l·d_l)/τ`.
/// Where the head has a scalar s, the first level has made `s·x₀` of it: d of the first level grows
/// by s times the gradient by that product, and the gradient by s is that times x₀.
/// If a level was decided, this is the straight-through estimator: the gradient of the relaxed
/// levels, at the record that was decided.
///
/// # Panics
/// If the shapes disagree or τ is not positive.
/// # Numerics
/// Sums over the levels of a head in their order.
/// # Source
/// See [`HeadsFwd`](crate::HeadsFwd).
pub struct HeadsBwd<'a, B: Backend> {
    /// The heads.
    pub heads: &'a Heads<B>,
    /// P, m × n: scalars and relaxed levels.
    pub p: Rows<'a, B>,
    /// X, m × n: the records.
    pub x: Rows<'a, B>,
    /// The gradient by X, m × n, overwritten with that by Z.
    pub dz: RowsMut<'a, B>,
    /// τ.
    pub temperature: f64,
}

impl<B: Backend> HeadsBwd<'_, B> {
    /// Checks every operand; returns m and n.
    #[track_caller]
    pub(crate) fn check(&self) -> (usize, usize) {
        let (m, n) = (self.p.shape().0, self.heads.width());
        check_shape("heads_bwd", "p", self.p.shape(), (m, n));
        check_shape("heads_bwd", "x", self.x.shape(), (m, n));
        check_shape("heads_bwd", "dz", self.dz.shape(), (m, n));
        let temperature = self.temperature;
        assert!(
            temperature > 0.0,
            "heads_bwd: temperature {temperature}, expected a positive number"
        );
        (m, n)
    }
}
