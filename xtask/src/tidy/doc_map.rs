//! The doc maps point only at what exists.
//!
//! The convention, for inline code on one line, paths always from the repository's root:
//! - `path/to/file.rs::symbol` and `path/to/file.rs::Type::method`, in every document: the file
//!   defines the symbol. Variants, fields, constants and modules are symbols too.
//! - `path/to/file.rs` or `path/to/folder/`, in the maps: it exists. A segment such as `<op>`
//!   stands for any name. Code without a `/`, or with a space, is prose and left alone.
//!
//! What has happened stays as it was written: decisions and the change log are exempt.

use super::symbols::defines;
use super::tree::Tree;
use super::{Finding, markdown};

const MAPS: [&str; 2] = ["docs/architecture.md", "docs/paper-map.md"];
const HISTORY: [&str; 2] = ["docs/decisions/", "CHANGELOG.md"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (document, text) in tree.texts_ending(".md") {
        if HISTORY.iter().any(|past| document.starts_with(past)) {
            continue;
        }
        let is_map = MAPS.contains(&document);
        let mut checked = 0;
        for span in markdown::code_spans(text) {
            let expected = match pointer(span.text) {
                Some(Pointer::Symbol(path, symbol)) => broken_symbol(tree, path, symbol),
                Some(Pointer::Path(path)) if is_map => broken_path(tree, path),
                _ => continue,
            };
            checked += 1;
            let found = format!("`{}`", span.text);
            findings.extend(expected.map(|text| Finding::error(document, span.line, found, text)));
        }
        if is_map && checked == 0 {
            findings.push(Finding::error(
                document,
                1,
                "a map without a path",
                "inline code such as `path/from/root/file.rs::Type::method`",
            ));
        }
    }
    for map in MAPS.iter().filter(|map| !tree.contains(map)) {
        findings.push(Finding::error(map, 1, "no file", "a map of the code").into_warning());
    }
    findings
}

enum Pointer<'a> {
    /// A file and a symbol in it.
    Symbol(&'a str, &'a str),
    /// A file or folder.
    Path(&'a str),
}

fn pointer(code: &str) -> Option<Pointer<'_>> {
    if code.contains(char::is_whitespace) {
        return None;
    }
    if let Some(at) = code.find(".rs::") {
        let end = at + ".rs".len();
        return Some(Pointer::Symbol(&code[..end], &code[end + "::".len()..]));
    }
    let (folders, name) = code.rsplit_once('/')?;
    // `mnist/60000` and `m/s` are no paths, nor is a path outside the repository.
    let is_path = name.is_empty() || name.contains('.');
    let is_outside = folders.is_empty() || folders.contains(':') || folders.starts_with(['~', '$']);
    (is_path && !is_outside).then_some(Pointer::Path(code))
}

/// What was expected in place of a symbol that is not there.
fn broken_symbol(tree: &Tree, path: &str, symbol: &str) -> Option<String> {
    let mut sources = tree
        .texts_ending(".rs")
        .filter(|(file, _)| matches(path, file))
        .peekable();
    if sources.peek().is_none() {
        return Some(format!("a Rust file at {path}"));
    }
    (!sources.any(|(_, source)| defines(source, symbol)))
        .then(|| format!("a definition of {symbol} in {path}"))
}

/// What was expected in place of a path that is not there.
fn broken_path(tree: &Tree, path: &str) -> Option<String> {
    let exists = if path.contains('<') {
        tree.paths().any(|file| matches(path, file))
    } else {
        tree.contains(path)
    };
    (!exists).then(|| "a file or folder, its path from the repository's root".to_owned())
}

/// Whether `file` has the path `pattern`, whose segments in angle brackets match any name. A
/// pattern with a final `/` matches the files below it.
fn matches(pattern: &str, file: &str) -> bool {
    let (mut wanted, mut names) = (pattern.split('/'), file.split('/'));
    loop {
        match (wanted.next(), names.next()) {
            (None, None) | (Some(""), Some(_)) => return true,
            (Some(want), Some(name)) if want == name || want.starts_with('<') => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [(&str, &str); 2] = [
        (
            "crates/gan-model/src/train.rs",
            "impl Trainer { fn step() {} }",
        ),
        (
            "crates/gan-kernels/src/ops/linear_fwd/cpu.rs",
            "fn linear_fwd() {}",
        ),
    ];

    fn errors(document: &str, text: &str) -> Vec<String> {
        let tree = Tree::of(&[FILES[0], FILES[1], (document, text)]);
        check(&tree)
            .iter()
            .filter(|finding| finding.severity == super::super::Severity::Error)
            .map(Finding::to_string)
            .collect()
    }

    #[test]
    fn check_accepts_what_exists() {
        for code in [
            "crates/gan-model/src/train.rs::Trainer::step",
            "crates/gan-model/src/train.rs",
            "crates/gan-kernels/src/ops/",
            "crates/gan-kernels/src/ops/<op>/cpu.rs",
            "crates/gan-kernels/src/ops/<op>/cpu.rs::linear_fwd",
        ] {
            let text = format!("one `{code}`, and `cpu.rs`, `m/s`, `cargo xtask tidy ./x`");
            assert_eq!(errors("docs/architecture.md", &text), [""; 0], "{code}");
        }
    }

    #[test]
    fn check_reports_what_does_not_exist() {
        let text = "\n| eq. 1 | `crates/gan-model/src/train.rs::Trainer::stop` |";
        assert_eq!(
            errors("docs/paper-map.md", text),
            [
                "docs/paper-map.md:2: found `crates/gan-model/src/train.rs::Trainer::stop`, \
                 expected a definition of Trainer::stop in crates/gan-model/src/train.rs"
            ]
        );
        for code in [
            "gan-model/src/train.rs",
            "crates/gan-model/src/gone.rs::Trainer",
            "crates/gone/",
            "crates/gan-kernels/src/<op>/cuda.rs",
            "train.rs::Trainer::step",
        ] {
            let text = format!("`{code}`");
            assert_eq!(errors("docs/architecture.md", &text).len(), 1, "{code}");
        }
    }

    #[test]
    fn check_outside_the_maps_looks_at_symbols_alone() {
        assert_eq!(errors("docs/numerics.md", "`runs/a.png`"), [""; 0]);
        assert_eq!(errors("docs/numerics.md", "`a/b.rs::c`").len(), 1);
        assert_eq!(errors("docs/decisions/0001-a.md", "`a/b.rs::c`"), [""; 0]);
    }

    #[test]
    fn check_rejects_a_map_without_a_path() {
        assert_eq!(errors("docs/architecture.md", "`train.rs`").len(), 1);
    }
}
