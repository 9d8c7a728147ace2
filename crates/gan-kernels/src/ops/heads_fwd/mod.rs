//! Mixed records from what a generator's last layer makes.

pub mod cases;
pub(crate) mod cpu;
#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod reference;

use super::check_shape;
use crate::random::Stream;
use crate::{Backend, Heads, RowsMut};

/// `P = softmax((Z + g) / τ)` over the levels of each head, and the record X that is decided by it:
/// 1 at the largest level and 0 at the others.
///
/// g = −log(−log u) is Gumbel noise, so that a level is decided with the probability that the
/// softmax of its logits gives it.
/// A head's scalar is the scalar of Z, and is multiplied by its first level where it has levels.
/// Under `decided = false` the relaxed levels themselves are the record, which is differentiable.
///
/// # Panics
/// If the shapes disagree, τ is not positive, or a row lies beyond the address space, 2³⁴ values of
/// one stream and step.
/// # Numerics
/// Logarithms and exponentials are within 2 ulp in f32 and the C library's in f64; the largest
/// logit is subtracted before it is exponentiated, and the sum of a head's levels is taken in
/// their order.
/// # Source
/// Jang et al. 2017 and Maddison et al. 2017; the decision with the gradient of the relaxed levels
/// is the straight-through estimator of the former.
pub struct HeadsFwd<'a, B: Backend> {
    /// The heads.
    pub heads: &'a Heads<B>,
    /// Z, m × n: scalars and logits; the logits are overwritten with P.
    pub z: RowsMut<'a, B>,
    /// X, m × n, overwritten.
    pub x: RowsMut<'a, B>,
    /// τ.
    pub temperature: f64,
    /// True if one level of each head is decided.
    pub decided: bool,
    /// Address of the noise, of which seed and step come from the state.
    pub stream: Stream,
    /// Row of the address space that the first row of Z is.
    pub first_row: usize,
    /// Gives seed and step.
    pub state: &'a B::State,
}

impl<B: Backend> HeadsFwd<'_, B> {
    /// Checks every operand; returns m and n.
    #[track_caller]
    pub(crate) fn check(&self) -> (usize, usize) {
        let (m, n) = (self.z.shape().0, self.heads.width());
        check_shape("heads_fwd", "z", self.z.shape(), (m, n));
        check_shape("heads_fwd", "x", self.x.shape(), (m, n));
        let temperature = self.temperature;
        assert!(
            temperature > 0.0,
            "heads_fwd: temperature {temperature}, expected a positive number"
        );
        let end = self.first_row + m;
        assert!(
            end as u64 * n.div_ceil(4) as u64 <= 1 << 32,
            "heads_fwd: row {end} lies beyond the address space"
        );
        (m, n)
    }
}
