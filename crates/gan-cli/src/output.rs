//! The only module that writes to stdout and stderr.
//!
//! A closed pipe is no reason to stop a training, so nothing here fails.

use std::io::{IsTerminal, Write};

use console::Term;
use serde::Serialize;

/// Writes messages and events, for the reader of stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// People: lines of text.
    Text,
    /// Programs: one JSON object per line and nothing else.
    Json,
}

impl Output {
    /// The output that the flag `--json` asks for.
    pub(crate) fn of_flag(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }

    /// True if programs read stdout.
    pub(crate) fn is_json(self) -> bool {
        self == Self::Json
    }

    /// True if a person watches.
    pub(crate) fn is_terminal(self) -> bool {
        !self.is_json() && std::io::stdout().is_terminal() && std::io::stderr().is_terminal()
    }

    /// Columns of the terminal; as many as one likes where there is none.
    pub(crate) fn columns(self) -> usize {
        if self.is_terminal() {
            usize::from(Term::stderr().size().1)
        } else {
            usize::MAX
        }
    }

    /// A line for people.
    pub(crate) fn line(self, text: impl AsRef<str>) {
        if !self.is_json() {
            let _ = writeln!(std::io::stdout().lock(), "{}", text.as_ref());
        }
    }

    /// A line that both people and the readers of JSON should see, the latter on stderr.
    pub(crate) fn notice(self, text: impl AsRef<str>) {
        let text = text.as_ref();
        if self.is_json() {
            let _ = writeln!(std::io::stderr().lock(), "{text}");
        } else {
            self.line(text);
        }
    }

    /// A line for programs.
    pub(crate) fn event(self, event: &impl Serialize) {
        if self.is_json()
            && let Ok(text) = serde_json::to_string(event)
        {
            let _ = writeln!(std::io::stdout().lock(), "{text}");
        }
    }
}

/// Text as it is, such as a file.
pub(crate) fn raw(text: &str) {
    let _ = write!(std::io::stdout().lock(), "{text}");
}

/// An error and what can be done.
pub(crate) fn error(message: &str, hint: Option<&str>) {
    let mut stderr = std::io::stderr().lock();
    let _ = writeln!(stderr, "error: {message}");
    if let Some(hint) = hint {
        let _ = writeln!(stderr, "hint: {hint}");
    }
}
