//! Rules on Markdown: links, decisions, the change log; and what other rules read of a document.

use std::collections::BTreeMap;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::{Finding, Tree};

/// What the rules read of a document.
#[derive(Default)]
pub(super) struct Document {
    /// Inline code, with its line.
    pub(super) code: Vec<(usize, String)>,
    /// Targets of links and pictures, with their line.
    pub(super) links: Vec<(usize, String)>,
    /// What a link puts behind `#` to lead to a heading, as GitHub forms it.
    pub(super) anchors: Vec<String>,
}

impl Document {
    /// Parses Markdown with tables and footnotes.
    pub(super) fn parse(text: &str) -> Self {
        let mut document = Self::default();
        let mut heading: Option<String> = None;
        let mut seen = BTreeMap::new();
        let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES;
        for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
            let line = 1 + text[..range.start].matches('\n').count();
            if let (Some(title), Event::Text(part) | Event::Code(part)) = (&mut heading, &event) {
                title.push_str(part);
            }
            match event {
                Event::Code(code) => document.code.push((line, code.trim().to_owned())),
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    document.links.push((line, dest_url.into_string()));
                }
                Event::Html(html) | Event::InlineHtml(html) => {
                    let targets = ["src=\"", "href=\""].map(|attribute| html.split(attribute));
                    let targets = targets.into_iter().flat_map(|parts| parts.skip(1));
                    let targets = targets.filter_map(|part| part.split('"').next());
                    document
                        .links
                        .extend(targets.map(|target| (line, target.to_owned())));
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    let anchor = anchor(&heading.take().unwrap_or_default());
                    let count: &mut usize = seen.entry(anchor.clone()).or_default();
                    document.anchors.push(match *count {
                        0 => anchor,
                        again => format!("{anchor}-{again}"),
                    });
                    *count += 1;
                }
                _ => {}
            }
        }
        document
    }
}

/// GitHub's anchor of a heading: in lower case, without punctuation, `-` for a space.
fn anchor(heading: &str) -> String {
    let lower = heading.trim().to_lowercase();
    let kept = lower
        .chars()
        .filter(|&c| c.is_alphanumeric() || " -_".contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Relative links lead to files, folders and headings of the repository.
pub(super) fn links(tree: &Tree) -> Vec<Finding> {
    let parsed = tree.texts_ending(".md");
    let documents: BTreeMap<_, _> = parsed
        .map(|(path, text)| (path, Document::parse(text)))
        .collect();
    let mut findings = Vec::new();
    for (&path, document) in &documents {
        for (line, link) in &document.links {
            // An address of the web.
            if link.contains(':') {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                Some(path.to_owned())
            } else {
                resolve(path, file).filter(|target| tree.contains(target))
            };
            let Some(target) = target else {
                let message =
                    format!("found {file}, expected a file or folder, relative to the document");
                findings.push(Finding::error(path, *line, message));
                continue;
            };
            let anchors = documents.get(target.as_str()).map(|target| &target.anchors);
            let leads =
                anchors.is_none_or(|anchors| anchors.iter().any(|anchor| anchor == heading));
            if !heading.is_empty() && !leads {
                let message = format!("found #{heading}, expected a heading of {target}");
                findings.push(Finding::error(path, *line, message));
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

/// A decision is short, and named by a number of its own and a title.
pub(super) fn decisions(tree: &Tree) -> Vec<Finding> {
    const LINES: usize = 40;
    let mut findings = Vec::new();
    let mut previous = "";
    for (path, text) in tree.texts_ending(".md") {
        let Some(name) = path.strip_prefix("docs/decisions/") else {
            continue;
        };
        let lines = text.lines().count();
        if lines > LINES {
            let message = format!("found {lines} lines, expected at most {LINES}");
            findings.push(Finding::error(path, LINES + 1, message));
        }
        let number = decision_number(name);
        if number.is_none() {
            let message = "found another name, expected NNNN-title-in-lower-case.md";
            findings.push(Finding::error(path, 1, message));
        }
        // Paths are in order, so equal numbers are neighbours.
        if number == Some(previous) {
            let message = format!("found a second decision {previous}, expected another number");
            findings.push(Finding::error(path, 1, message));
        }
        previous = number.unwrap_or(previous);
    }
    findings
}

/// The `NNNN` of `NNNN-title.md`.
fn decision_number(name: &str) -> Option<&str> {
    let (number, title) = name.strip_suffix(".md")?.split_once('-')?;
    let is_number = number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit());
    let is_lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_title = !title.is_empty() && !title.starts_with('-') && title.chars().all(is_lower);
    (is_number && is_title).then_some(number)
}

/// The change log exists and has a section to add to.
pub(super) fn changelog(tree: &Tree) -> Vec<Finding> {
    const PATH: &str = "CHANGELOG.md";
    let is_section = |line: &str| {
        let title = line
            .strip_prefix("## ")
            .unwrap_or_default()
            .trim_start_matches('[');
        title.starts_with("Unreleased") || title.starts_with(|c: char| c.is_ascii_digit())
    };
    let text = tree.text(PATH).unwrap_or_default();
    if text.lines().any(is_section) {
        return Vec::new();
    }
    let message = "found no section, expected `## [Unreleased]` or `## [1.2.3] - date`";
    vec![Finding::error(PATH, 1, message)]
}

#[cfg(test)]
mod tests {
    use super::super::messages;
    use super::*;

    #[test]
    fn links_of_every_form_are_found_outside_code() {
        let text = "\
[a](a.md) ![b](b(1).png \"title\") `[x](x.md)`

[c]: c.md

<img src=\"d.png\"> [`e`](<e f.md>) [c]

```
[y](y.md)
```
";
        let links = Document::parse(text).links;
        let expected = [
            (1, "a.md"),
            (1, "b(1).png"),
            (5, "d.png"),
            (5, "e f.md"),
            (5, "c.md"),
        ];
        assert_eq!(links, expected.map(|(line, link)| (line, link.to_owned())));
    }

    #[test]
    fn links_lead_to_files_folders_headings_and_the_web() {
        let good = "[a](../README.md#the-top) [b](./b.md) [c](../crates) [d](#d) \
                    [e](https://e.org)\n\n# D\n";
        let with = |text: &str| {
            let files = [
                ("README.md", "# The *top*!"),
                ("docs/a.md", text),
                ("docs/b.md", ""),
                ("crates/x.rs", ""),
            ];
            messages(links, &files)
        };
        assert_eq!(with(good), [""; 0]);
        for bad in ["gone.md", "/README.md", "../../README.md", "docs/a.md"] {
            let expected = format!(
                "docs/a.md:3: found {bad}, expected a file or folder, relative to the document"
            );
            assert_eq!(with(&format!("\n\n[a]({bad}#top)")), [expected]);
        }
        let expected = "docs/a.md:1: found #bottom, expected a heading of README.md";
        assert_eq!(with("[a](../README.md#bottom)"), [expected]);
        let expected = "docs/a.md:1: found #e, expected a heading of docs/a.md";
        assert_eq!(with("[a](#e)\n# D"), [expected]);
    }

    #[test]
    fn decisions_are_short_and_numbered_once() {
        let (short, long) = ("line\n".repeat(40), "line\n".repeat(41));
        let files = [
            ("docs/decisions/0001-long.md", long.as_str()),
            ("docs/decisions/0001-second.md", &short),
            ("docs/decisions/0002-f32-or-f64.md", "a"),
            ("docs/decisions/2-short.md", ""),
            ("docs/decisions/README.md", ""),
            ("docs/numerics.md", &long),
        ];
        let name = "found another name, expected NNNN-title-in-lower-case.md";
        assert_eq!(
            messages(decisions, &files),
            [
                "docs/decisions/0001-long.md:41: found 41 lines, expected at most 40",
                "docs/decisions/0001-second.md:1: found a second decision 0001, \
                 expected another number",
                &format!("docs/decisions/2-short.md:1: {name}"),
                &format!("docs/decisions/README.md:1: {name}"),
            ]
        );
    }

    #[test]
    fn changelog_needs_a_section() {
        for good in ["## [Unreleased]", "# C\n\n## [0.1.0] - 2026-01-31"] {
            assert_eq!(messages(changelog, &[("CHANGELOG.md", good)]), [""; 0]);
        }
        let without = messages(changelog, &[("CHANGELOG.md", "# Changes\n## Soon\n")]);
        assert_eq!(without.len(), 1);
        assert_eq!(messages(changelog, &[]).len(), 1);
    }
}
