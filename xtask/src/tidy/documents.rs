//! Rules on documents: decisions, links, the change log.

use super::tree::Tree;
use super::{Finding, markdown};

const DECISIONS: &str = "docs/decisions/";
const DECISION_LINES: usize = 40;

/// A decision is short, and named by a number of its own and a title.
pub(super) fn decisions(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut previous = "";
    for (path, text) in tree.texts_ending(".md") {
        let Some(name) = path.strip_prefix(DECISIONS) else {
            continue;
        };
        let lines = text.lines().count();
        if lines > DECISION_LINES {
            let found = format!("{lines} lines");
            let expected = format!("at most {DECISION_LINES}");
            findings.push(Finding::error(path, DECISION_LINES + 1, found, expected));
        }
        let Some(number) = decision_number(name) else {
            let expected = "NNNN-title-in-lower-case.md";
            findings.push(Finding::error(path, 1, name, expected));
            continue;
        };
        // Paths are in order, so equal numbers are neighbours.
        if number == previous {
            let found = format!("a second decision {number}");
            findings.push(Finding::error(path, 1, found, "a number of its own"));
        }
        previous = number;
    }
    findings
}

/// The `NNNN` of `NNNN-title.md`.
fn decision_number(name: &str) -> Option<&str> {
    let (number, title) = name.strip_suffix(".md")?.split_once('-')?;
    let is_number = number.len() == 4 && number.chars().all(|c| c.is_ascii_digit());
    let is_title = title.starts_with(|c: char| c.is_ascii_alphanumeric())
        && title
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    (is_number && is_title).then_some(number)
}

/// Relative links lead to files or folders of the repository.
pub(super) fn links(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (document, text) in tree.texts_ending(".md") {
        for link in markdown::links(text) {
            let path = link.text.split(['#', '?']).next().unwrap_or_default();
            // An address of the web, or a heading of this document.
            if path.contains(':') || path.is_empty() {
                continue;
            }
            if !resolve(document, path).is_some_and(|path| tree.contains(&path)) {
                let expected = "a file or folder, relative to the document";
                findings.push(Finding::error(document, link.line, path, expected));
            }
        }
    }
    findings
}

/// The path from the root that `link` has in `document`; `None` if it leaves the repository.
fn resolve(document: &str, link: &str) -> Option<String> {
    if link.starts_with('/') {
        return None;
    }
    let mut folders: Vec<_> = document.split('/').collect();
    folders.pop();
    for segment in link.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                folders.pop()?;
            }
            name => folders.push(name),
        }
    }
    Some(folders.join("/"))
}

/// The change log exists and has a section to add to.
pub(super) fn changelog(tree: &Tree) -> Vec<Finding> {
    const PATH: &str = "CHANGELOG.md";
    let expected = "a section `## [Unreleased]` or `## [1.2.3] - date`";
    let Some(text) = tree.text(PATH) else {
        return vec![Finding::error(PATH, 1, "no file", expected)];
    };
    let is_section = |line: &str| {
        let title = line.strip_prefix("## ").unwrap_or_default();
        let title = title.trim_start_matches('[');
        title.starts_with("Unreleased") || title.starts_with(|c: char| c.is_ascii_digit())
    };
    if text.lines().any(is_section) {
        Vec::new()
    } else {
        vec![Finding::error(PATH, 1, "no section", expected)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(findings: Vec<Finding>) -> Vec<String> {
        findings.iter().map(Finding::to_string).collect()
    }

    #[test]
    fn decisions_short_and_numbered_pass() {
        let text = "line\n".repeat(40);
        let tree = Tree::of(&[
            ("docs/decisions/0001-workspace-shape.md", &text),
            ("docs/decisions/0002-f32-or-f64.md", "a"),
            ("docs/numerics.md", &text.repeat(2)),
        ]);
        assert_eq!(decisions(&tree), []);
    }

    #[test]
    fn decisions_long_misnamed_or_twice_are_found() {
        let text = "line\n".repeat(41);
        let tree = Tree::of(&[
            ("docs/decisions/0001-long.md", &text),
            ("docs/decisions/0001-second.md", ""),
            ("docs/decisions/2-short.md", ""),
            ("docs/decisions/README.md", ""),
        ]);
        assert_eq!(
            messages(decisions(&tree)),
            [
                "docs/decisions/0001-long.md:41: found 41 lines, expected at most 40",
                "docs/decisions/0001-second.md:1: found a second decision 0001, \
                 expected a number of its own",
                "docs/decisions/2-short.md:1: found 2-short.md, \
                 expected NNNN-title-in-lower-case.md",
                "docs/decisions/README.md:1: found README.md, \
                 expected NNNN-title-in-lower-case.md",
            ]
        );
    }

    #[test]
    fn links_to_files_folders_headings_and_the_web_pass() {
        let text = "[a](../README.md#top) [b](./b.md) [c](../crates) [d](#d) [e](https://e.org)";
        let tree = Tree::of(&[
            ("README.md", "[docs](docs/)"),
            ("docs/a.md", text),
            ("docs/b.md", ""),
            ("crates/x.rs", ""),
        ]);
        assert_eq!(links(&tree), []);
    }

    #[test]
    fn links_to_nothing_are_found() {
        for bad in ["gone.md", "/README.md", "../../README.md", "docs/a.md"] {
            let text = format!("\n[a]({bad}#top)");
            let tree = Tree::of(&[("README.md", ""), ("docs/a.md", &text)]);
            let expected = format!(
                "docs/a.md:2: found {bad}, expected a file or folder, relative to the document"
            );
            assert_eq!(messages(links(&tree)), [expected]);
        }
    }

    #[test]
    fn changelog_needs_a_section() {
        for good in ["## [Unreleased]", "# C\n\n## [0.1.0] - 2026-01-31"] {
            assert_eq!(changelog(&Tree::of(&[("CHANGELOG.md", good)])), []);
        }
        let empty = Tree::of(&[("CHANGELOG.md", "# Changes\n## Soon\n")]);
        assert_eq!(changelog(&empty).len(), 1);
        assert_eq!(changelog(&Tree::of(&[])).len(), 1);
    }
}
