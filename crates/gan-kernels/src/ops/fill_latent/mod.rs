//! Latents from the prior.

pub mod cases;
pub(crate) mod cpu;
#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod reference;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::random::Stream;
use crate::{Backend, RowsMut};

/// `z ~ p_z` by address: element (row, col) depends on seed, stream, step and its place alone.
///
/// # Panics
/// If a row lies beyond the address space, 2³⁴ values of one stream and step.
/// # Numerics
/// The random words are the same integers on every back end. A uniform value is exact in f32 on
/// (−1, 1) and rounded when it is scaled by √3; a normal one is computed in f64 and rounded once;
/// a spherical one is a normal one over the row's length, which is summed in f64, and rounded once
/// more.
/// # Source
/// Philox4x32-10: Salmon et al. 2011; Box and Muller 1958; the priors are those of the authors'
/// code.
pub struct FillLatent<'a, B: Backend> {
    /// z, m × n, overwritten.
    pub z: RowsMut<'a, B>,
    /// p_z.
    pub prior: Prior,
    /// Address, of which seed and step come from the state.
    pub stream: Stream,
    /// Row of the address space that the first row of `z` is.
    pub first_row: usize,
    /// Gives seed and step.
    pub state: &'a B::State,
}

impl<B: Backend> FillLatent<'_, B> {
    /// Checks that every row has an address; returns m and n.
    #[track_caller]
    pub(crate) fn check(&self) -> (usize, usize) {
        let (m, n) = self.z.shape();
        let end = self.first_row + m;
        assert!(
            end as u64 * n.div_ceil(4) as u64 <= 1 << 32,
            "fill_latent: row {end} lies beyond the address space"
        );
        (m, n)
    }
}

/// The prior p_z, as configuration files name it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Prior {
    /// Uniform on [−√3, √3]: mean 0, variance 1.
    #[default]
    Uniform,
    /// Standard normal, by Box and Muller.
    Normal,
    /// Standard normal, scaled to unit length.
    Spherical,
}

impl Prior {
    /// √3, where [`Prior::Uniform`] ends on either side.
    pub const UNIFORM_END: f64 = 1.732_050_807_568_877_2;
}
