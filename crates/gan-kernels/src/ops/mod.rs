//! The operations, one folder each: contract and algebra in `mod.rs`, plain loops in `reference.rs`,
//! the CPU's code in `cpu.rs`, the GPU's kernels in `cube.rs`, what is checked in `cases.rs`.
//!
//! A new operation is a folder, its word in the list below, and its `mod` line.

/// Every operation, as `module: Arguments` and what it returns, handed to the macro `$then`.
///
/// The only list of them: the methods of [`Backend`](crate::Backend), the calls of both back ends,
/// the cases of the checker and the exports all follow from it.
macro_rules! for_each_operation {
    ($then:ident $($argument:tt)*) => {
        $then! {
            $($argument)*
            linear_fwd: LinearFwd,
            linear_bwd_data: LinearBwdData,
            linear_bwd_params: LinearBwdParams,
            logit_loss: LogitLoss,
            linear_logit_loss: LinearLogitLoss,
            squared_error: SquaredError,
            fill_latent: FillLatent,
            gather_rows: GatherRows,
            parzen: Parzen -> Result<Vec<f64>, $crate::BackendError>,
            advance: Advance,
            linear_tangent: LinearTangent,
            input_penalty: InputPenalty,
            interpolate: Interpolate,
            repack: Repack,
            average: Average,
            limit_spectrum: LimitSpectrum,
            heads_fwd: HeadsFwd,
            heads_bwd: HeadsBwd,
            gather_conditions: GatherConditions,
            place_conditions: PlaceConditions,
            column_parts: ColumnParts,
            step_columns: StepColumns,
        }
    };
}
pub(crate) use for_each_operation;

// Written out, since rustfmt does not look for modules inside of macros.
pub(crate) mod advance;
pub(crate) mod average;
pub(crate) mod column_parts;
pub(crate) mod fill_latent;
pub(crate) mod gather_conditions;
pub(crate) mod gather_rows;
pub(crate) mod heads_bwd;
pub(crate) mod heads_fwd;
pub(crate) mod input_penalty;
pub(crate) mod interpolate;
pub(crate) mod limit_spectrum;
pub(crate) mod linear_bwd_data;
pub(crate) mod linear_bwd_params;
pub(crate) mod linear_fwd;
pub(crate) mod linear_logit_loss;
pub(crate) mod linear_tangent;
pub(crate) mod logit_loss;
pub(crate) mod parzen;
pub(crate) mod place_conditions;
pub(crate) mod repack;
pub(crate) mod squared_error;
pub(crate) mod step_columns;

pub(crate) mod reference;

macro_rules! export {
    ($($module:ident: $Arguments:ident $(-> $Result:ty)?,)*) => {
        $(pub use $module::$Arguments;)*
    };
}
for_each_operation!(export);

pub use fill_latent::Prior;
pub use input_penalty::Penalty;
pub use linear_bwd_data::Below;
pub use linear_bwd_params::{Adam, Update};
pub use logit_loss::Objective;

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
#[track_caller]
pub(crate) fn check_shape(
    op: &str,
    operand: &str,
    found: (usize, usize),
    expected: (usize, usize),
) {
    assert!(
        found == expected,
        "{op}: {operand} has shape {found:?}, expected {expected:?}"
    );
}

/// Asserts that there are winners for maxout, with a row for each of the operand's, and else none.
#[track_caller]
pub(crate) fn check_winners(
    op: &str,
    operand: &str,
    act: Activation,
    found: Option<(usize, usize)>,
    (rows, cols): (usize, usize),
) {
    match (act, found) {
        (Activation::Maxout { .. }, Some(found)) => {
            check_shape(op, operand, (found.0.min(rows), found.1), (rows, cols));
        }
        (Activation::Maxout { .. }, None) => panic!("{op}: maxout needs winners"),
        (_, Some(_)) => panic!("{op}: winners without maxout"),
        (_, None) => {}
    }
}
