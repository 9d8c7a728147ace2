//! `cargo xtask tidy`: the checks that need no compiler.
//!
//! A rule is a function from the [`Tree`] of files to [`Finding`]s; adding one costs the function
//! and a line in [`RULES`].

mod doc_map;
mod documents;
mod lex;
mod markdown;
mod sources;
mod symbols;
mod tree;

use std::fmt;
use std::path::Path;

use anyhow::{Result, bail};
use tree::Tree;

type Rule = fn(&Tree) -> Vec<Finding>;

const RULES: &[(&str, Rule)] = &[
    ("doc-map", doc_map::check),
    ("file-length", sources::length),
    ("todo", sources::todo),
    ("ignored-test", sources::ignored_tests),
    ("machine-path", sources::machine_paths),
    ("workspace-lints", sources::workspace_lints),
    ("decision", documents::decisions),
    ("link", documents::links),
    ("changelog", documents::changelog),
];

/// A place where a rule is not met.
#[derive(Debug, PartialEq)]
struct Finding {
    severity: Severity,
    path: String,
    line: usize,
    found: String,
    expected: String,
}

/// Whether a finding fails the check.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Severity {
    Error,
    Warning,
}

impl Finding {
    fn error(
        path: &str,
        line: usize,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Error,
            path: path.to_owned(),
            line,
            found: found.into(),
            expected: expected.into(),
        }
    }

    fn into_warning(self) -> Self {
        Self {
            severity: Severity::Warning,
            ..self
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            line,
            found,
            expected,
            ..
        } = self;
        write!(f, "{path}:{line}: found {found}, expected {expected}")
    }
}

/// Applies every rule to the files of the repository and prints the findings.
///
/// # Errors
/// If the files cannot be read or a rule is broken; warnings alone pass.
pub(crate) fn run(root: &Path) -> Result<()> {
    let tree = Tree::read(root)?;
    let mut errors = 0;
    for (rule, check) in RULES {
        for finding in check(&tree) {
            let label = match finding.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            errors += usize::from(finding.severity == Severity::Error);
            println!("{label}[{rule}]: {finding}");
        }
    }
    if errors > 0 {
        bail!("tidy: {errors} broken rule(s)");
    }
    println!("tidy: {} files, {} rules", tree.len(), RULES.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finding_displays_place_found_and_expected() {
        let finding = Finding::error("docs/a.md", 3, "`x`", "a path");
        assert_eq!(
            finding.to_string(),
            "docs/a.md:3: found `x`, expected a path"
        );
    }
}
