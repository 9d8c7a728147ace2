//! The operations, one folder each: contract and algebra in `mod.rs`, the CPU's in `cpu.rs`,
//! the kernels in `cube.rs`.

mod advance;
mod average;
mod fill_latent;
mod gather_rows;
mod input_penalty;
mod interpolate;
mod limit_spectrum;
mod linear_bwd_data;
mod linear_bwd_params;
mod linear_fwd;
mod linear_logit_loss;
mod linear_tangent;
mod logit_loss;
mod parzen;
mod repack;

pub use advance::Advance;
pub use average::Average;
pub use fill_latent::{FillLatent, Prior};
pub use gather_rows::GatherRows;
pub use input_penalty::{InputPenalty, Penalty};
pub use interpolate::Interpolate;
pub use limit_spectrum::LimitSpectrum;
pub use linear_bwd_data::{Below, LinearBwdData};
pub use linear_bwd_params::{Adam, LinearBwdParams, Update};
pub use linear_fwd::LinearFwd;
pub use linear_logit_loss::LinearLogitLoss;
pub use linear_tangent::LinearTangent;
pub use logit_loss::{LogitLoss, Objective};
pub use parzen::Parzen;
pub use repack::Repack;

pub(crate) use {
    advance::cpu as advance_cpu, average::cpu as average_cpu, fill_latent::cpu as fill_latent_cpu,
    gather_rows::cpu as gather_rows_cpu, input_penalty::cpu as input_penalty_cpu,
    interpolate::cpu as interpolate_cpu, limit_spectrum::cpu as limit_spectrum_cpu,
    linear_bwd_data::cpu as linear_bwd_data_cpu, linear_bwd_params::cpu as linear_bwd_params_cpu,
    linear_fwd::cpu as linear_fwd_cpu, linear_tangent::cpu as linear_tangent_cpu,
    logit_loss::cpu as logit_loss_cpu, parzen::cpu as parzen_cpu, repack::cpu as repack_cpu,
};

#[cfg(feature = "cube")]
pub(crate) use {
    advance::cube as advance_cube, average::cube as average_cube,
    fill_latent::cube as fill_latent_cube, gather_rows::cube as gather_rows_cube,
    input_penalty::cube as input_penalty_cube, interpolate::cube as interpolate_cube,
    limit_spectrum::cube as limit_spectrum_cube, linear_bwd_data::cube as linear_bwd_data_cube,
    linear_bwd_params::cube as linear_bwd_params_cube, linear_fwd::cube as linear_fwd_cube,
    linear_logit_loss::cube as linear_logit_loss_cube, linear_tangent::cube as linear_tangent_cube,
    parzen::cube as parzen_cube, repack::cube as repack_cube,
};

use crate::Activation;
use crate::random::Stream;

/// Inverted dropout of a layer's input (Hinton et al. 2012): an element is kept with probability
/// `keep` and multiplied by `scale`, else zero.
///
/// The mask is a function of the address (seed, `stream`, step, row and column), so the backward
/// pass computes it again instead of reading it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// Probability of keeping an element, above 0 and below 1.
    pub keep: f64,
    /// Factor of what is kept, above 0; 1 / `keep` keeps the expectation.
    pub scale: f64,
    /// Address of the mask.
    pub stream: Stream,
    /// Row of the mask that belongs to the first row of the operand.
    pub first_row: usize,
}

impl Dropout {
    /// Asserts that the numbers make a mask, and that one of `rows × cols` elements has words.
    #[track_caller]
    pub(crate) fn check(self, op: &str, (rows, cols): (usize, usize)) {
        let Self { keep, scale, .. } = self;
        assert!(
            keep > 0.0 && keep < 1.0 && scale > 0.0,
            "{op}: dropout keeps {keep} at scale {scale}, expected 0 < keep < 1 and scale > 0"
        );
        let end = self.first_row + rows;
        assert!(
            end as u64 * cols.div_ceil(4) as u64 <= 1 << 32,
            "{op}: row {end} of a dropout mask lies beyond the address space"
        );
    }

    /// Index of the element in `row` and `col` of a mask with `cols` columns.
    ///
    /// Rows begin at multiples of four, so that each begins a Philox block.
    #[inline]
    pub(crate) fn index(self, row: usize, col: usize, cols: usize) -> u64 {
        (self.first_row + row) as u64 * cols.next_multiple_of(4) as u64 + col as u64
    }
}

/// Asserts that a maxout has a number of pieces that a byte can tell apart.
#[track_caller]
pub(crate) fn check_pieces(op: &str, act: Activation) {
    if let Activation::Maxout { pieces } = act {
        assert!(
            (2..=255).contains(&pieces),
            "{op}: {pieces} pieces, expected 2 to 255"
        );
    }
}

/// Asserts that an operand has the shape it must have.
macro_rules! assert_shape {
    ($op:literal, $operand:literal, $found:expr, $expected:expr) => {
        assert!(
            $found == $expected,
            concat!($op, ": ", $operand, " has shape {:?}, expected {:?}"),
            $found,
            $expected
        )
    };
}
pub(crate) use assert_shape;
