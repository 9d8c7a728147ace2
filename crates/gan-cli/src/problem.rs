//! Errors as the user sees them: what is wrong, what to do about it, and the exit code.

use std::process::ExitCode;

use gan_data::DataError;
use gan_kernels::BackendError;

use crate::output;

/// Exit code of a run that failed.
const FAILED: u8 = 1;
/// Exit code of a command that cannot be meant: as clap's.
const USAGE: u8 = 2;
/// Exit code of a run that was interrupted after a clean save: 128 + SIGINT.
pub(crate) const INTERRUPTED: u8 = 130;

/// An error that this crate found itself.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Problem {
    message: String,
    hint: Option<String>,
    code: u8,
}

impl Problem {
    /// Something went wrong in carrying out the command.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            code: FAILED,
        }
    }

    /// The command or a configuration file cannot be carried out.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            code: USAGE,
        }
    }

    /// Adds what the user can do.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds what the user can do, if anything is known.
    pub(crate) fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }
}

/// Prints `error` with its causes and its remedy, and says how to exit.
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
    output::error(&chain(error), hint.as_deref());
    ExitCode::from(problem.map_or(FAILED, |problem| problem.code))
}

/// The message and its causes, without those that the message already quotes.
pub(crate) fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

/// The candidate that `word` was probably meant to be.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    /// Below this two words are unrelated.
    const ALIKE: f64 = 0.7;
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&word, candidate), candidate))
        .filter(|(alike, _)| *alike > ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_finds_the_typo_and_nothing_far_away() {
        let known = ["learning_rate", "momentum", "schedule"];
        assert_eq!(nearest("learnin_rate", known), Some("learning_rate"));
        assert_eq!(nearest("Momentun", known), Some("momentum"));
        assert_eq!(nearest("zebra", known), None);
    }

    #[test]
    fn chain_quotes_each_cause_once() {
        let io = std::io::Error::other("disk full");
        let error = anyhow::Error::from(io).context("a.txt: cannot write: disk full");
        assert_eq!(chain(&error), "a.txt: cannot write: disk full");
    }
}
