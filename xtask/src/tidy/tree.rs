//! The repository's files in memory: what every rule reads.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::{fs, str};

use anyhow::{Context, Result, bail};

/// Files by their path from the repository's root, with `/` between folders.
pub(super) struct Tree {
    files: BTreeMap<String, Contents>,
}

enum Contents {
    Text(String),
    /// Not UTF-8: a picture, say. It can be linked to and has no lines.
    Binary,
}

impl Tree {
    /// Reads the files that git tracks or would track.
    ///
    /// # Errors
    /// If git cannot list them or one cannot be read.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let output = Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(root)
            .output()
            .context("git: cannot be started")?;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr);
            bail!("git ls-files: {}", message.trim());
        }
        let mut files = BTreeMap::new();
        for name in output.stdout.split(|&byte| byte == 0) {
            let name = str::from_utf8(name).context("git ls-files: a path that is not UTF-8")?;
            let path = root.join(name);
            // A tracked file may be gone from the working tree, a tracked link may be a folder.
            if !path.is_file() {
                continue;
            }
            let bytes = fs::read(&path).with_context(|| format!("{name}: cannot be read"))?;
            let contents = match String::from_utf8(bytes) {
                Ok(text) => Contents::Text(text),
                Err(_) => Contents::Binary,
            };
            files.insert(name.to_owned(), contents);
        }
        Ok(Self { files })
    }

    /// Number of files.
    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    /// Every file's path.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Every text file with its path.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .filter_map(|(path, contents)| match contents {
                Contents::Text(text) => Some((path.as_str(), text.as_str())),
                Contents::Binary => None,
            })
    }

    /// Every text file whose path ends in `suffix`.
    pub(super) fn texts_ending<'a>(
        &'a self,
        suffix: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.texts().filter(move |(path, _)| path.ends_with(suffix))
    }

    /// The text of one file.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        match self.files.get(path)? {
            Contents::Text(text) => Some(text),
            Contents::Binary => None,
        }
    }

    /// Whether `path` is a file or, with or without a final `/`, a folder that holds one.
    pub(super) fn contains(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        path.is_empty()
            || self.files.contains_key(path)
            || self
                .files
                .range(folder.clone()..)
                .next()
                .is_some_and(|(file, _)| file.starts_with(&folder))
    }
}

#[cfg(test)]
impl Tree {
    /// A tree of the given files.
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let entry = |(path, text): &(&str, &str)| ((*path).into(), Contents::Text((*text).into()));
        Self {
            files: files.iter().map(entry).collect(),
        }
    }
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
