//! Rules on sources and manifests: length, markers, switched-off tests, machine paths, lints.

use super::Finding;
use super::lex::{Kind, Token, tokens};
use super::tree::Tree;

const LINES_WARNED: usize = 500;
const LINES_ALLOWED: usize = 800;

/// A Rust file fits in a head.
pub(super) fn length(tree: &Tree) -> Vec<Finding> {
    tree.texts_ending(".rs")
        .filter_map(|(path, text)| {
            let lines = text.lines().count();
            let finding = |allowed| {
                let expected = format!("at most {allowed}: split by subject");
                Finding::error(path, allowed + 1, format!("{lines} lines"), expected)
            };
            if lines > LINES_ALLOWED {
                Some(finding(LINES_ALLOWED))
            } else if lines > LINES_WARNED {
                Some(finding(LINES_WARNED).into_warning())
            } else {
                None
            }
        })
        .collect()
}

/// A marker of unfinished work names the issue that will finish it, on its line.
pub(super) fn todo(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts() {
        for (line, comment) in comments(path, text) {
            let words = comment.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            let marker = words
                .into_iter()
                .find(|word| ["TODO", "FIXME", "XXX"].contains(word));
            if let Some(marker) = marker.filter(|_| !names_issue(comment)) {
                let expected = "an issue on the same line, such as #12";
                findings.push(Finding::error(path, line, marker, expected));
            }
        }
    }
    findings
}

/// Lines of comments with their numbers: in Rust the comments, in other code the whole line.
///
/// Markdown has none: a document may speak of markers.
fn comments<'a>(path: &str, text: &'a str) -> Vec<(usize, &'a str)> {
    if path.ends_with(".rs") {
        let comments = tokens(text)
            .into_iter()
            .filter(|token| token.kind == Kind::Comment);
        comments
            .flat_map(|comment| (comment.line..).zip(comment.text.lines()))
            .collect()
    } else if path.ends_with(".md") || path.ends_with(".lock") {
        Vec::new()
    } else {
        (1..).zip(text.lines()).collect()
    }
}

fn names_issue(comment: &str) -> bool {
    comment
        .split('#')
        .skip(1)
        .any(|after| after.starts_with(|c: char| c.is_ascii_digit()))
}

/// No test is switched off, also not under a condition.
pub(super) fn ignored_tests(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts_ending(".rs") {
        let tokens = code(text);
        for (at, token) in tokens.iter().enumerate() {
            if token.is('#') && attribute_ignores(&tokens[at + 1..]) {
                let expected = "a test that runs, or none";
                findings.push(Finding::error(path, token.line, "#[ignore]", expected));
            }
        }
    }
    findings
}

/// Whether the tokens behind a `#` are `[ignore…` or `[cfg_attr(…, ignore…`.
fn attribute_ignores(rest: &[Token<'_>]) -> bool {
    let [open, name, inside @ ..] = rest else {
        return false;
    };
    let is_ignore = |token: &Token<'_>| token.is_word("ignore");
    open.is('[')
        && (is_ignore(name)
            || name.is_word("cfg_attr")
                && inside
                    .iter()
                    .take_while(|token| !token.is(']'))
                    .any(is_ignore))
}

fn code(text: &str) -> Vec<Token<'_>> {
    let mut tokens = tokens(text);
    tokens.retain(|token| token.kind != Kind::Comment);
    tokens
}

/// First folders of paths that exist on one machine only.
const MACHINE_FOLDERS: [&str; 4] = ["work", "root", "home", "tmp"];

/// No file names a path of somebody's machine; tests may name the temporary folder.
pub(super) fn machine_paths(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts() {
        let first_test = first_test_line(path, text);
        for (line, content) in (1..).zip(text.lines()) {
            let found = MACHINE_FOLDERS
                .into_iter()
                .filter(|&folder| folder != "tmp" || line < first_test)
                .map(|folder| format!("/{folder}/"))
                .find(|folder| starts_path(content, folder));
            if let Some(found) = found {
                let expected = "a path from the repository's root, or one that is asked for";
                findings.push(Finding::error(path, line, found, expected));
            }
        }
    }
    findings
}

/// Whether a path starts with `folder` in `line`, rather than going on: `../work/` and
/// `src/work/` are relative.
fn starts_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "._-*/}>".contains(c))
    })
}

/// From which line on a file holds tests: they come last in a source file.
fn first_test_line(path: &str, text: &str) -> usize {
    if path.split('/').any(|folder| folder == "tests") {
        return 1;
    }
    if !path.ends_with(".rs") {
        return usize::MAX;
    }
    let tokens = code(text);
    let is_test = |window: &[Token<'_>]| {
        window[0].is('#') && window[2].is_word("cfg") && window[4].is_word("test")
    };
    let first = tokens.windows(5).find(|window| is_test(window));
    first.map_or(usize::MAX, |window| window[0].line)
}

/// Every package takes the lints of the workspace.
pub(super) fn workspace_lints(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts() {
        let is_manifest = path == "Cargo.toml" || path.ends_with("/Cargo.toml");
        let mut table = "";
        let (mut is_package, mut inherits) = (false, false);
        for line in text.lines().filter(|_| is_manifest).map(str::trim) {
            if line.starts_with('[') {
                table = line;
            }
            is_package |= table == "[package]";
            let key: String = line.split_whitespace().collect();
            inherits |= table == "[lints]" && key == "workspace=true";
            inherits |= key == "lints.workspace=true";
        }
        if is_package && !inherits {
            let expected = "[lints] with workspace = true";
            findings.push(Finding::error(path, 1, "a package without", expected));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::*;

    type Rule = fn(&Tree) -> Vec<Finding>;

    /// Lines at which `rule` finds something in a tree of one file.
    fn lines(rule: Rule, path: &str, text: &str) -> Vec<usize> {
        let findings = rule(&Tree::of(&[(path, text)]));
        findings.iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn length_warns_then_fails() {
        let severity = |lines: usize| {
            let text = "//\n".repeat(lines);
            let findings = length(&Tree::of(&[("a.rs", &text), ("a.csv", &text)]));
            findings.first().map(|finding| finding.severity)
        };
        assert_eq!(severity(500), None);
        assert_eq!(severity(501), Some(Severity::Warning));
        assert_eq!(severity(800), Some(Severity::Warning));
        assert_eq!(severity(801), Some(Severity::Error));
    }

    #[test]
    fn todo_without_issue_is_found() {
        assert_eq!(lines(todo, "a.rs", "x\n// TODO: later\n"), [2]);
        assert_eq!(lines(todo, "a.rs", "/* a\n FIXME b */"), [2]);
        assert_eq!(lines(todo, "a.toml", "# XXX"), [1]);
    }

    #[test]
    fn todo_with_issue_or_in_a_string_is_fine() {
        for good in [
            "// TODO(#12): later",
            "\"TODO\"",
            "// mktemp XXXXXX",
            "todo!()",
        ] {
            assert_eq!(lines(todo, "a.rs", good), [0; 0], "{good}");
        }
        assert_eq!(lines(todo, "a.md", "no TODO without an issue"), [0; 0]);
    }

    #[test]
    fn ignored_tests_are_found_in_every_form() {
        for bad in [
            "#[ignore]",
            "#[ignore = \"slow\"]",
            "#[test] #[ ignore ]",
            "#[cfg_attr(windows, ignore)]",
        ] {
            assert_eq!(lines(ignored_tests, "a.rs", bad), [1], "{bad}");
        }
        for good in [
            "// #[ignore]",
            "\"#[ignore]\"",
            "#[test] fn ignore() {}",
            "#[cfg_attr(windows, inline)] fn ignore() {}",
        ] {
            assert_eq!(lines(ignored_tests, "a.rs", good), [0; 0], "{good}");
        }
    }

    #[test]
    fn machine_paths_are_found_where_they_start() {
        let bad = |folder: &str| format!("a\nlet x = \"/{folder}/x\";");
        for folder in MACHINE_FOLDERS {
            let text = bad(folder);
            assert_eq!(lines(machine_paths, "a.rs", &text), [2], "{folder}");
            assert_eq!(lines(machine_paths, "a.md", &text), [2], "{folder}");
        }
        for good in ["../work/x", "src/work/x", "https://a.org/home/x", "work/x"] {
            assert_eq!(lines(machine_paths, "a.md", good), [0; 0], "{good}");
        }
    }

    #[test]
    fn machine_paths_let_tests_name_the_temporary_folder() {
        let temporary = format!("\"/{}/x\"", "tmp");
        let in_tests = format!("#[cfg(test)]\nmod tests {{ {temporary} }}");
        assert_eq!(lines(machine_paths, "a.rs", &in_tests), [0; 0]);
        assert_eq!(lines(machine_paths, "tests/a.rs", &temporary), [0; 0]);
        let other = format!("\"/{}/x\"", "root");
        assert_eq!(lines(machine_paths, "tests/a.rs", &other), [1]);
    }

    #[test]
    fn workspace_lints_are_inherited_by_packages() {
        let manifest = "a/Cargo.toml";
        for good in [
            "[package]\n[lints]\nworkspace = true",
            "lints.workspace = true\n[package]",
            "[workspace]",
        ] {
            assert_eq!(lines(workspace_lints, manifest, good), [0; 0], "{good}");
        }
        for bad in [
            "[package]\nversion.workspace = true",
            "[package]\n[lints]\n[dependencies.x]\nworkspace = true",
        ] {
            assert_eq!(lines(workspace_lints, manifest, bad), [1], "{bad}");
        }
        assert_eq!(lines(workspace_lints, "a/x.toml", "[package]"), [0; 0]);
    }
}
