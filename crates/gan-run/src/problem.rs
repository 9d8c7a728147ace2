//! The error of this crate: what is wrong, what the user can do about it, and whose fault it is.

use std::error::Error;
use std::io;
use std::path::Path;

use gan_data::{DataError, DataProblem};
use gan_eval::EvalError;
use gan_kernels::BackendError;
use gan_model::{CheckpointError, ConfigError};
#[cfg(feature = "runs")]
use gan_pictures::PictureError;

use crate::text::shell_word;

/// Something that keeps a command from being carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// The fault, in words.
    pub message: String,
    /// A remedy for the user, if one is known.
    pub hint: Option<String>,
    /// Where it comes from.
    pub cause: Cause,
}

/// Where a [`Problem`] comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The command or the configuration cannot be carried out as it is.
    Usage,
    /// A file holds something else than it should.
    Data,
    /// The system does not give or take a file.
    System,
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

    /// From an error about what is in the checkpoint at `path`, which such errors do not name.
    pub(crate) fn of_checkpoint(path: &Path) -> impl Fn(CheckpointError) -> Self {
        move |error| {
            let mut problem = Self::from(error);
            if let Some(rest) = problem.message.strip_prefix("checkpoint: ") {
                problem.message = format!("{}: {rest}", path.display());
            }
            problem
        }
    }

    /// From an error while drawing the picture at `path`.
    #[cfg(feature = "runs")]
    pub fn undrawn(path: &Path) -> impl Fn(PictureError) -> Self {
        move |error| {
            let (path, error) = (path.display(), with_sources(&error));
            Self::failed(format!("{path}: cannot draw the picture: {error}"))
        }
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

/// The hint about a checkpoint that cannot be used.
pub(crate) const OTHER_CHECKPOINT: &str = "use another checkpoint of its run";

/// What a user can do about `error` of the system, where that is known.
pub(crate) fn system_hint(error: &io::Error) -> Option<&'static str> {
    Some(match error.kind() {
        io::ErrorKind::PermissionDenied => "check the owner and the permissions of the path",
        io::ErrorKind::ReadOnlyFilesystem => "choose a directory that can be written, with --out",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space, or choose another disk with --out"
        }
        io::ErrorKind::InvalidData => "it must be text in UTF-8",
        io::ErrorKind::OutOfMemory => "end other programs, or use a machine with more memory",
        _ => return None,
    })
}

/// What a user can do about `error` of a device: the library's hint in the words of the program.
pub(crate) fn device_hint(error: &BackendError) -> Option<String> {
    let words = match error {
        BackendError::NoDevice { .. } => "`gan-cli info` lists the devices; ",
        BackendError::NotLinked { feature, .. } => {
            return Some(format!("build with `--features {feature}`"));
        }
        BackendError::Refused { .. } | BackendError::HostMemory { .. } => {
            "go on with `--device cpu`; "
        }
        _ => "",
    };
    error.hint().map(|hint| format!("{words}{hint}"))
}

/// Likewise, about `error` of an evaluation.
fn evaluation_hint(error: &EvalError) -> Option<String> {
    match error {
        EvalError::Backend(error) => device_hint(error),
        EvalError::TooFew { .. } => {
            Some("hold more out with data.test, or draw more with --samples".into())
        }
        EvalError::Overflow { .. } => Some("a larger --sigma, or none".into()),
        EvalError::UnmetNeed { .. } => {
            Some("without --metrics, all that apply to the data are computed".into())
        }
        _ => {
            let key = match error {
                EvalError::OutOfRange { what, .. } if *what != "samples" => ": data.normalize",
                _ => "",
            };
            error.hint().map(|hint| format!("{hint}{key}"))
        }
    }
}

macro_rules! failures {
    ($($error:ty, $cause:expr, $hint:expr;)+) => {
        $(impl From<$error> for Problem {
            fn from(error: $error) -> Self {
                let cause: fn(&$error) -> Cause = $cause;
                let hint: fn(&$error) -> Option<String> = $hint;
                Self {
                    message: with_sources(&error),
                    hint: hint(&error),
                    cause: cause(&error),
                }
            }
        })+
    };
}

failures! {
    DataError, data_cause, data_hint;
    BackendError, |_| Cause::Failure, device_hint;
    EvalError, |_| Cause::Failure, evaluation_hint;
    CheckpointError, checkpoint_cause, CheckpointError::hint;
    ConfigError, |_| Cause::Usage, |_| None;
}

fn data_cause(error: &DataError) -> Cause {
    use DataProblem as P;
    match error.problem {
        P::Missing | P::Unreadable(_) | P::Unwritable(_) | P::NotAFile(_) => Cause::System,
        _ => Cause::Data,
    }
}

fn checkpoint_cause(error: &CheckpointError) -> Cause {
    match error {
        CheckpointError::Io { .. } => Cause::System,
        _ => Cause::Data,
    }
}

/// What a user can do about `error` of data, in the words of the program.
fn data_hint(error: &DataError) -> Option<String> {
    let hint = as_flag(&error.hint()?);
    Some(match error.problem {
        DataProblem::TextColumns { .. } => format!(
            "{hint}, or learn texts as well: gan-cli train mixed-table --data {}",
            shell_word(&error.path)
        ),
        _ => hint,
    })
}

/// `hint` with the key of `[data]` that it ends in, such as `data.drop=["id"]`, as a flag that can be
/// typed.
fn as_flag(hint: &str) -> String {
    // A path in a hint may have any words in it, but no key follows them.
    match hint.rsplit_once(" with data.") {
        Some((before, key))
            if key.starts_with(|c: char| c.is_ascii_lowercase()) && key.contains('=') =>
        {
            let word = format!("data.{key}").replace('\'', r"'\''");
            format!("{before} with --set '{word}'")
        }
        _ => hint.to_owned(),
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
        let quoted = "a.txt: cannot write: disk full";
        for message in ["a.txt: cannot write", quoted] {
            let source = std::io::Error::other("disk full");
            assert_eq!(with_sources(&Outer { message, source }), quoted);
        }
    }

    #[test]
    fn hints_name_the_flags_and_the_libraries_do_not() {
        let reason = || "old".to_owned();
        let asked = || "cuda:1".to_owned();
        let (found, feature) = ("none".to_owned(), "cuda");
        let devices = [
            (
                BackendError::NoDevice {
                    asked: asked(),
                    found,
                },
                "`gan-cli info` lists",
            ),
            (
                BackendError::NotLinked {
                    asked: asked(),
                    feature,
                },
                "`--features cuda`",
            ),
            (BackendError::Refused { reason: reason() }, "`--device cpu`"),
            (
                BackendError::HostMemory { needed: 9, free: 2 },
                "`--device cpu`",
            ),
            (BackendError::Lost { reason: reason() }, "the system's log"),
        ];
        for (error, expected) in devices {
            let own = error.hint().unwrap();
            assert!(!own.contains("--") && !own.contains("gan-cli"), "{own}");
            let problem = Problem::from(error);
            let hint = problem.hint.unwrap();
            assert!(hint.contains(expected), "{hint:?}, not {expected:?}");
        }
    }

    #[test]
    fn keys_in_hints_become_flags() {
        let hint = r#"leave them out with data.drop=["it's", "b"]"#;
        let flag = r#"leave them out with --set 'data.drop=["it'\''s", "b"]'"#;
        assert_eq!(as_flag(hint), flag);
        for plain in ["unpack it first", "for instance /my data.d/x"] {
            assert_eq!(as_flag(plain), plain);
        }
    }

    #[test]
    fn error_of_a_picture_names_it() {
        let error = gan_pictures::Drawing::new(1e6, 1e6).to_png(1.0);
        let problem = Problem::undrawn(Path::new("a.png"))(error.unwrap_err());
        let expected = "a.png: cannot draw the picture: found a picture of 1000000×1000000";
        assert!(problem.message.starts_with(expected), "{problem}");
    }
}
