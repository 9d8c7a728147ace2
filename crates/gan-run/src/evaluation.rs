//! The metrics of `gan-eval` on a device.

use gan_eval::{Caller, EvalError, Finding, Nearest, Points, Section, Subject};
use gan_kernels::BackendError;

use crate::device::Device;

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
