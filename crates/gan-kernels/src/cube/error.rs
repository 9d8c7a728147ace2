//! From cubecl's errors to ours.

use cubecl::server::{IoError, LaunchError, ServerError};

use crate::BackendError;

/// What `error` means; `free` bytes are said to be left where memory ran out.
pub(super) fn from_server(error: &ServerError, free: Option<u64>) -> BackendError {
    let out_of_memory = |needed: u64| BackendError::OutOfMemory { needed, free };
    match error {
        ServerError::Unwritten { root, .. } => from_server(root, free),
        ServerError::Several { errors, .. } => errors.first().map_or_else(
            || BackendError::Failed {
                reason: first_lines(error),
            },
            |error| from_server(error, free),
        ),
        ServerError::DevicePoisoned(_) | ServerError::Launch(LaunchError::DevicePoisoned(_)) => {
            BackendError::Lost {
                reason: first_lines(error),
            }
        }
        ServerError::Io(
            IoError::OutOfMemory { size, .. } | IoError::PageSizesExhausted { size, .. },
        ) => out_of_memory(*size),
        ServerError::Io(IoError::BufferTooBig { size, .. }) => BackendError::BufferTooLarge {
            bytes: *size,
            largest: 0,
        },
        _ if error.is_refusal() => BackendError::Refused {
            reason: first_lines(error),
        },
        _ => BackendError::Failed {
            reason: first_lines(error),
        },
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
