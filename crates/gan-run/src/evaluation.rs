//! The metrics of `gan-eval` on a device, and their numbers in words.

use gan_eval::{Caller, EvalError, Finding, Nearest, Points, Row, Section, Subject, Uncertainty};
use gan_kernels::BackendError;

use crate::device::Device;
use crate::text::{decimals_of_error, four_digits};

/// [`gan_eval::evaluate`] on `device`.
///
/// # Errors
/// If the device fails, or a number comes to nothing.
pub fn evaluate<'a>(
    device: &'a Device,
    subject: &Subject<'a>,
    caller: Caller<'a>,
) -> Result<(Vec<Section>, Vec<Finding>), EvalError> {
    match device {
        Device::Cpu(native) => gan_eval::evaluate(native, subject, caller),
        #[cfg(feature = "gpu")]
        Device::Gpu(cube) => gan_eval::evaluate(cube, subject, caller),
    }
}

/// The `count` points of `among` that are nearest to each of `queries`.
///
/// # Errors
/// If the device fails.
pub fn nearest(
    device: &Device,
    queries: Points<'_>,
    among: Points<'_>,
    count: usize,
) -> Result<Nearest, BackendError> {
    match device {
        Device::Cpu(native) => gan_eval::nearest(native, queries, among, count),
        #[cfg(feature = "gpu")]
        Device::Gpu(cube) => gan_eval::nearest(cube, queries, among, count),
    }
}

/// The number of a row with its uncertainty: `225.3 ± 1.9`.
#[must_use]
pub fn value_in_words(row: &Row) -> String {
    match row.uncertainty {
        Some(Uncertainty::StandardError(error)) => {
            let digits = decimals_of_error(error);
            format!("{:.digits$} ± {error:.digits$}", row.value)
        }
        Some(Uncertainty::PValue(p)) => format!("{} (p {p:.3})", four_digits(row.value)),
        None => four_digits(row.value),
    }
}
