//! The error of this crate: what is wrong, what the user can do about it, and whose fault it is.

use std::error::Error;

use gan_data::DataError;
use gan_eval::EvalError;
use gan_kernels::BackendError;
use gan_model::{CheckpointError, ConfigError};
use gan_pictures::PictureError;

/// Something that keeps a command from being carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// What is wrong, in words.
    pub message: String,
    /// What the user can do, if anything is known.
    pub hint: Option<String>,
    /// Where it comes from.
    pub cause: Cause,
}

/// Where a [`Problem`] comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The command or the configuration cannot be carried out as it is.
    Usage,
    /// The command is right, and carrying it out failed.
    Failure,
}

impl Problem {
    /// A command that is right failed.
    #[must_use]
    pub fn failed(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            cause: Cause::Failure,
        }
    }

    /// The command or the configuration cannot be carried out as it is.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            cause: Cause::Usage,
            ..Self::failed(message)
        }
    }

    /// Adds what the user can do.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        self.maybe_hint(Some(hint.into()))
    }

    /// Adds what the user can do, if anything is known.
    #[must_use]
    pub fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }
}

/// The message of `error` and of its sources, without those that the message already quotes.
pub(crate) fn with_sources(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let message = error.to_string();
        if !text.contains(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        source = error.source();
    }
    text
}

impl From<DataError> for Problem {
    fn from(error: DataError) -> Self {
        Self::failed(with_sources(&error)).maybe_hint(error.hint())
    }
}

impl From<BackendError> for Problem {
    fn from(error: BackendError) -> Self {
        Self::failed(with_sources(&error)).maybe_hint(error.hint().map(str::to_owned))
    }
}

impl From<EvalError> for Problem {
    fn from(error: EvalError) -> Self {
        Self::failed(with_sources(&error)).maybe_hint(error.hint().map(str::to_owned))
    }
}

impl From<CheckpointError> for Problem {
    fn from(error: CheckpointError) -> Self {
        Self::failed(with_sources(&error))
    }
}

impl From<ConfigError> for Problem {
    fn from(error: ConfigError) -> Self {
        Self::failed(with_sources(&error))
    }
}

impl From<PictureError> for Problem {
    fn from(error: PictureError) -> Self {
        Self::failed(format!("cannot draw the picture: {}", with_sources(&error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{message}")]
    struct Outer {
        message: &'static str,
        source: std::io::Error,
    }

    #[test]
    fn sources_are_quoted_once() {
        let text = |message| {
            let source = std::io::Error::other("disk full");
            with_sources(&Outer { message, source })
        };
        assert_eq!(
            text("a.txt: cannot write"),
            "a.txt: cannot write: disk full"
        );
        let quoted = "a.txt: cannot write: disk full";
        assert_eq!(text(quoted), quoted);
    }
}
