//! `cargo xtask tidy`: the checks of sources and documents that need no compiler.
//!
//! A rule is a function from the [`Tree`] of files to [`Finding`]s; adding one costs the function
//! and a line in [`RULES`].

mod documents;
mod references;
mod sources;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::{fmt, fs, str};

use anyhow::{Context, Result, bail, ensure};

type Rule = fn(&Tree) -> Vec<Finding>;

const RULES: &[(&str, Rule)] = &[
    ("reference", references::names),
    ("code-map", references::folders),
    ("link", documents::links),
    ("decision", documents::decisions),
    ("changelog", documents::changelog),
    ("file-length", sources::length),
    ("module-doc", sources::module_docs),
    ("todo", sources::todo),
    ("ignored-test", sources::ignored_tests),
    ("machine-path", sources::machine_paths),
    ("workspace-lints", sources::workspace_lints),
];

/// A line at which a rule is not met.
#[derive(Debug, PartialEq)]
struct Finding {
    severity: Severity,
    path: String,
    line: usize,
    message: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Severity {
    /// Fails the check.
    Error,
    Warning,
}

impl Finding {
    fn error(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            path: path.to_owned(),
            line,
            message: message.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
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
        bail!("tidy: found {errors} broken rule(s)");
    }
    println!("tidy: {} files, {} rules", tree.0.len(), RULES.len());
    Ok(())
}

/// The text of every file by its path from the repository's root, with `/` between folders.
///
/// A file that is not UTF-8, such as a picture, has no text: it can be linked to, and no more.
struct Tree(BTreeMap<String, Option<String>>);

impl Tree {
    /// Reads the files that git tracks or would track.
    fn read(root: &Path) -> Result<Self> {
        let output = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others"])
            .arg("--exclude-standard")
            .current_dir(root)
            .output()
            .context("git: cannot be started")?;
        let message = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "git ls-files: {}",
            message.trim_end()
        );
        let mut files = BTreeMap::new();
        for name in output.stdout.split(|&byte| byte == 0) {
            let name = str::from_utf8(name).context("git ls-files: a path that is not UTF-8")?;
            let path = root.join(name);
            // A tracked file may be gone from the working tree, a tracked link may be a folder.
            if path.is_file() {
                let bytes = fs::read(&path).with_context(|| format!("{name}: cannot be read"))?;
                files.insert(name.to_owned(), String::from_utf8(bytes).ok());
            }
        }
        Ok(Self(files))
    }

    /// Every text file with its path.
    fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        let files = self.0.iter();
        files.filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)))
    }

    /// Every text file whose path ends in `suffix`.
    fn texts_ending<'a>(&'a self, suffix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.texts().filter(move |(path, _)| path.ends_with(suffix))
    }

    /// The text of one file.
    fn text(&self, path: &str) -> Option<&str> {
        self.0.get(path)?.as_deref()
    }

    /// Whether `path` is a file or, with or without a final `/`, a folder that holds one.
    fn contains(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        path.is_empty()
            || self.0.contains_key(path)
            || self.0.keys().any(|file| file.starts_with(&folder))
    }
}

#[cfg(test)]
impl Tree {
    /// A tree of the given files.
    fn of(files: &[(&str, &str)]) -> Self {
        let entry = |(path, text): &(&str, &str)| ((*path).into(), Some((*text).into()));
        Self(files.iter().map(entry).collect())
    }
}

/// Findings of `rule` as they are printed, in a tree of `files`.
#[cfg(test)]
fn messages(rule: Rule, files: &[(&str, &str)]) -> Vec<String> {
    let findings = rule(&Tree::of(files));
    findings.iter().map(Finding::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contains_takes_files_and_folders() {
        let tree = Tree::of(&[("a/b/c.rs", ""), ("a/bc.rs", "")]);
        assert!(tree.contains("a/b/c.rs"));
        assert!(tree.contains("a/b"));
        assert!(tree.contains("a/b/"));
        assert!(!tree.contains("a/c"));
        assert!(!tree.contains("a/b/c.rs/"));
    }
}
