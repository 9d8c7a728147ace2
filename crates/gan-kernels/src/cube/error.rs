//! From cubecl's errors to ours.

use cubecl::server::{IoError, LaunchError, ServerError};

use crate::BackendError;

/// The meaning of `error` on a device whose largest buffer has `largest` bytes; `free` bytes are said
/// to be left where memory ran out.
pub(super) fn from_server(error: &ServerError, largest: u64, free: Option<u64>) -> BackendError {
    let reason = first_lines(error);
    match error {
        ServerError::Unwritten { root, .. } => from_server(root, largest, free),
        ServerError::Several { errors, .. } => match errors.first() {
            Some(error) => from_server(error, largest, free),
            None => BackendError::Failed { reason },
        },
        ServerError::DevicePoisoned(_) | ServerError::Launch(LaunchError::DevicePoisoned(_)) => {
            BackendError::Lost { reason }
        }
        &ServerError::Io(
            IoError::OutOfMemory { size: needed, .. }
            | IoError::PageSizesExhausted { size: needed, .. },
        ) => BackendError::OutOfMemory { needed, free },
        &ServerError::Io(IoError::BufferTooBig { size: bytes, .. }) => {
            BackendError::BufferTooLarge { bytes, largest }
        }
        _ if error.is_refusal() => BackendError::Refused { reason },
        _ => BackendError::Failed { reason },
    }
}

/// The message without the back trace that follows it.
fn first_lines(error: &ServerError) -> String {
    let text = error.to_string();
    let text = text.split("Backtrace").next().unwrap_or_default();
    let lines: Vec<_> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines.join(" ")
}
