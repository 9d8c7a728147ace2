//! The only module that writes to stdout and stderr.
//!
//! A closed pipe is no reason to stop a training, so nothing here fails.

use std::io::{IsTerminal, Write};

use serde::Serialize;

/// Where messages and events go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// Lines for people, or, with `json`, one JSON object per line and nothing else.
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether stdout is for programs.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether a person watches.
    pub(crate) fn is_terminal(&self) -> bool {
        !self.json && std::io::stdout().is_terminal() && std::io::stderr().is_terminal()
    }

    /// A line for people.
    pub(crate) fn line(&self, text: impl AsRef<str>) {
        if !self.json {
            let _ = writeln!(std::io::stdout().lock(), "{}", text.as_ref());
        }
    }

    /// A line that both people and the readers of JSON should see, the latter on stderr.
    pub(crate) fn notice(&self, text: impl AsRef<str>) {
        let text = text.as_ref();
        if self.json {
            let _ = writeln!(std::io::stderr().lock(), "{text}");
        } else {
            self.line(text);
        }
    }

    /// A line for programs.
    pub(crate) fn event(&self, event: &impl Serialize) {
        if self.json
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
