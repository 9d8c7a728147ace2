//! The only module that writes to stdout and stderr.
//!
//! What cannot be written is no reason to stop a training, so nothing here fails; but a command whose
//! output is not whole has failed at its end, unless nobody reads on.
//! Names and texts come from files, which come from anywhere, so nothing here passes on what a
//! terminal would obey.

use std::fmt::Arguments;
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::OnceLock;

use console::Term;
use gan_run::problem::Problem;
use gan_run::text::{printable, replace_obeyed};
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
            out(format_args!("{}\n", printable(text.as_ref())));
        }
    }

    /// A line that both people and the readers of JSON should see, the latter on stderr.
    pub(crate) fn notice(self, text: impl AsRef<str>) {
        let text = printable(text.as_ref());
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
            // Within strings, where alone they can be, JSON has its own words for these.
            let text = replace_obeyed(&text, |c| format!("\\u{:04x}", u32::from(c)));
            out(format_args!("{text}\n"));
        }
    }
}

/// Text as it is, such as a file.
pub(crate) fn raw(text: &str) {
    out(format_args!("{text}"));
}

/// What went wrong first in writing to stdout.
static BROKEN: OnceLock<std::io::Error> = OnceLock::new();

fn out(text: Arguments<'_>) {
    let mut stdout = std::io::stdout().lock();
    if let Err(error) = stdout.write_fmt(text).and_then(|()| stdout.flush()) {
        let _ = BROKEN.set(error);
    }
}

/// Checks that all that was written to stdout is there, or that its reader wanted no more.
///
/// # Errors
/// If some of it is not.
pub(crate) fn check() -> Result<(), Problem> {
    match BROKEN.get() {
        Some(error) if error.kind() != ErrorKind::BrokenPipe => Err(Problem::failed(format!(
            "stdout: cannot be written: {error}"
        ))
        .hint("what was written is not whole: make room, and run the command again")),
        _ => Ok(()),
    }
}

/// A line for people on stderr, from any thread, in place of a progress line.
pub(crate) fn aside(text: &str) {
    let stderr = Term::stderr();
    if stderr.is_term() {
        let _ = stderr.clear_line();
    }
    let _ = stderr.write_line(text);
}

/// An error and what can be done.
pub(crate) fn error(message: &str, hint: Option<&str>) {
    let mut stderr = std::io::stderr().lock();
    let _ = writeln!(stderr, "error: {}", indented(message));
    if let Some(hint) = hint {
        let _ = writeln!(stderr, "hint: {}", indented(hint));
    }
}

/// The lines of `text`, as those of drivers are many, so that none but the first can be taken for one
/// of the program's own.
fn indented(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(printable).collect();
    lines.join("\n  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_passed_on() {
        let two = indented("lost\u{1b}[2J\nhint: type this");
        assert_eq!(two, "lost\\u{1b}[2J\n  hint: type this");
        let json = serde_json::to_string("\u{9b}\u{1b}\u{202e}").unwrap();
        let shown = replace_obeyed(&json, |c| format!("\\u{:04x}", u32::from(c)));
        assert!(shown.is_ascii(), "{shown}");
        let back: String = serde_json::from_str(&shown).unwrap();
        assert_eq!(back, "\u{9b}\u{1b}\u{202e}");
    }
}
