//! Errors as the user sees them: what is wrong, what to do about it, and the exit code.

use std::process::ExitCode;

use gan_data::DataError;
use gan_kernels::BackendError;
pub(crate) use gan_run::problem::Problem;
use gan_run::problem::{Cause, with_sources};

use crate::output;

/// Exit code of a run that failed.
const FAILED: u8 = 1;
/// Exit code of a command that cannot be meant: as clap's.
const USAGE: u8 = 2;

/// Prints `error` with its causes and its remedy, and returns the exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let problem = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<Problem>());
    let data = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<DataError>());
    let device = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<BackendError>());
    let hint = problem
        .and_then(|problem| problem.hint.clone())
        .or_else(|| data.and_then(DataError::hint))
        .or_else(|| device.and_then(BackendError::hint).map(str::to_owned));
    output::error(&with_sources(error.as_ref()), hint.as_deref());
    ExitCode::from(match problem.map(|problem| problem.cause) {
        Some(Cause::Usage) => USAGE,
        _ => FAILED,
    })
}
