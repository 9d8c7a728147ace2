//! Rules on sources and manifests: length, module docs, markers, switched-off tests, paths, lints.

use super::{Finding, Severity, Tree};

/// A Rust file fits in a head.
pub(super) fn length(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts_ending(".rs") {
        let lines = text.lines().count();
        let (severity, allowed) = match lines {
            0..=500 => continue,
            501..=800 => (Severity::Warning, 500),
            _ => (Severity::Error, 800),
        };
        let message = format!("found {lines} lines, expected at most {allowed}: split by subject");
        findings.push(Finding {
            severity,
            ..Finding::error(path, allowed + 1, message)
        });
    }
    findings
}

/// A Rust file begins by saying what its place is.
pub(super) fn module_docs(tree: &Tree) -> Vec<Finding> {
    let message = "found no module doc, expected `//!`";
    first_lines(tree, ".rs", message, |text| !text.starts_with("//!"))
}

/// Every package takes the lints of the workspace.
pub(super) fn workspace_lints(tree: &Tree) -> Vec<Finding> {
    let message = "found a package without, expected [lints] with workspace = true";
    first_lines(tree, "Cargo.toml", message, |text| {
        text.contains("[package]") && !text.contains("\n[lints]\nworkspace = true\n")
    })
}

/// The files whose path ends in `suffix` and whose text `is_wrong`.
fn first_lines(
    tree: &Tree,
    suffix: &str,
    message: &str,
    is_wrong: fn(&str) -> bool,
) -> Vec<Finding> {
    let files = tree.texts_ending(suffix).filter(|(_, text)| is_wrong(text));
    files
        .map(|(path, _)| Finding::error(path, 1, message))
        .collect()
}

/// What `message` says of the lines of every text, given its path.
fn lines(tree: &Tree, message: impl Fn(&str, &str) -> Option<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts() {
        for (line, content) in (1..).zip(text.lines()) {
            let message = message(path, content);
            findings.extend(message.map(|message| Finding::error(path, line, message)));
        }
    }
    findings
}

/// A marker of unfinished work names the issue that will finish it, on its line.
pub(super) fn todo(tree: &Tree) -> Vec<Finding> {
    lines(tree, |path, content| {
        let start = match path.rsplit('.').next() {
            // A document may speak of markers.
            Some("md" | "lock") => None,
            Some("rs") => content.find("//").or_else(|| content.find("/*")),
            _ => Some(0),
        };
        let comment = &content[start?..];
        let mut words = comment.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        let marker = words.find(|word| ["TODO", "FIXME", "XXX"].contains(word))?;
        let starts_number = |after: &str| after.starts_with(|c: char| c.is_ascii_digit());
        let names_issue = comment.split('#').skip(1).any(starts_number);
        let message = format!("found {marker}, expected an issue on the same line, such as #12");
        (!names_issue).then_some(message)
    })
}

/// No test is switched off, also not under a condition, and no example of an item's doc.
pub(super) fn ignored_tests(tree: &Tree) -> Vec<Finding> {
    lines(tree, |path, content| {
        let attribute = content.trim_start();
        let conditional = attribute.strip_prefix("#[cfg_attr(");
        let ignores = conditional.is_some_and(|inside| inside.contains(", ignore"));
        // A long `cfg_attr` stands over several lines.
        let broken = attribute == "ignore" || attribute.starts_with("ignore = \"");
        let fence = ["/// ```", "//! ```"].map(|start| attribute.strip_prefix(start));
        let mut words = fence
            .into_iter()
            .flatten()
            .flat_map(|it| it.split([',', ' ']));
        let is_example = words.any(|word| ["ignore", "no_run"].contains(&word));
        let is_found = ignores || broken || is_example || attribute.starts_with("#[ignore");
        let message = "found an ignored test, expected one that runs, or none";
        (is_found && path.ends_with(".rs")).then(|| message.to_owned())
    })
}

/// First folders of paths that exist on one machine only.
const MACHINE_FOLDERS: [&str; 4] = ["work", "root", "home", "tmp"];

/// No file names a path of somebody's machine; tests, which come last in a source file, may name
/// the temporary folder.
pub(super) fn machine_paths(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts() {
        let mut in_tests = path.split('/').any(|folder| folder == "tests");
        for (line, content) in (1..).zip(text.lines()) {
            in_tests |= path.ends_with(".rs") && content.starts_with("#[cfg(test)]");
            for folder in MACHINE_FOLDERS {
                if starts_path(content, folder) && !(in_tests && folder == "tmp") {
                    let message = format!(
                        "found /{folder}/, expected a path from the repository's root, \
                         or one that is asked for"
                    );
                    findings.push(Finding::error(path, line, message));
                }
            }
        }
    }
    findings
}

/// Whether a path starts with `folder` in `line`, rather than going on: `../work/` and
/// `src/work/` are relative.
fn starts_path(line: &str, folder: &str) -> bool {
    line.match_indices(&format!("/{folder}/")).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "._-*/}>".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Rule, Tree};
    use super::*;

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
    fn rules_on_lines_find_what_they_should() {
        let path = |folder: &str| format!("a\nlet x = \"/{folder}/x\";");
        let in_tests = |folder: &str| format!("#[cfg(test)]\nmod tests {{ \"/{folder}/x\" }}");
        let lints = "[package]\n\n[lints]\nworkspace = true\n";
        let cases: &[(Rule, &str, &str, &[usize])] = &[
            (module_docs, "a.rs", "//! A.\n", &[]),
            (module_docs, "a.rs", "use b;\n", &[1]),
            (todo, "a.rs", concat!("x\n// TO", "DO: later\n"), &[2]),
            (todo, "a.rs", concat!("x // FIX", "ME b"), &[1]),
            (todo, "a.rs", concat!("x /* TO", "DO */ y"), &[1]),
            (todo, "a.toml", "# XXX", &[1]),
            (todo, "a.rs", "// TODO(#12): later", &[]),
            (todo, "a.rs", "\"TODO\"", &[]),
            (todo, "a.rs", "// mktemp XXXXXX", &[]),
            (todo, "a.md", "no TODO without an issue", &[]),
            (ignored_tests, "a.rs", "#[ignore]", &[1]),
            (ignored_tests, "a.rs", "    #[ignore = \"slow\"]", &[1]),
            (ignored_tests, "a.rs", "#[cfg_attr(windows, ignore)]", &[1]),
            (
                ignored_tests,
                "a.rs",
                "#[cfg_attr(\n    windows,\n    ignore = \"x\"\n)]",
                &[3],
            ),
            (ignored_tests, "a.rs", "// #[ignore]", &[]),
            (ignored_tests, "a.rs", "\"#[ignore]\"", &[]),
            (ignored_tests, "a.rs", "#[test] fn ignore() {}", &[]),
            (ignored_tests, "a.rs", "/// ```rust,no_run", &[1]),
            (ignored_tests, "a.rs", "//! ```ignore", &[1]),
            (ignored_tests, "a.rs", "/// ```text", &[]),
            (machine_paths, "a.rs", &path("work"), &[2]),
            (machine_paths, "a.md", &path("root"), &[2]),
            (machine_paths, "a.sh", &path("home"), &[2]),
            (machine_paths, "a.rs", &path("tmp"), &[2]),
            (machine_paths, "a.rs", &in_tests("tmp"), &[]),
            (machine_paths, "a.rs", &in_tests("root"), &[2]),
            (machine_paths, "tests/a.rs", &path("tmp"), &[]),
            (machine_paths, "a.md", "../work/x, src/work/x, work/x", &[]),
            (machine_paths, "a.md", "https://a.org/home/x", &[]),
            (workspace_lints, "a/Cargo.toml", lints, &[]),
            (workspace_lints, "Cargo.toml", "[workspace]", &[]),
            (workspace_lints, "a/x.toml", "[package]", &[]),
            (workspace_lints, "a/Cargo.toml", "[package]\n", &[1]),
        ];
        for (rule, path, text, expected) in cases {
            assert_eq!(lines(*rule, path, text), *expected, "{path}: {text}");
        }
    }
}
