//! Markdown, as far as the rules need: inline code and link targets, outside fenced blocks.
//!
//! Line by line: a code span or a link that runs over the end of a line is not seen.

use std::ops::Range;

/// Something found in a document.
#[derive(Debug, PartialEq)]
pub(super) struct Span<'a> {
    /// From 1.
    pub(super) line: usize,
    pub(super) text: &'a str,
}

/// Inline code: what stands between backticks.
pub(super) fn code_spans(text: &str) -> Vec<Span<'_>> {
    unfenced(text)
        .flat_map(|(line, content)| {
            code(content).into_iter().map(move |range| Span {
                line,
                text: content[range].trim(),
            })
        })
        .collect()
}

/// Targets of links and pictures: `[text](target)`, `[label]: target`, `src="target"` and
/// `href="target"`, without a title.
pub(super) fn links(text: &str) -> Vec<Span<'_>> {
    let mut spans = Vec::new();
    for (line, content) in unfenced(text) {
        let code = code(content);
        let definition = content.starts_with('[') && !content.starts_with("[^");
        let openings = [("](", ')'), ("src=\"", '"'), ("href=\"", '"')];
        let inline = openings.iter().flat_map(|&(open, close)| {
            content
                .match_indices(open)
                .map(move |(at, _)| (at, at + open.len(), close))
        });
        let labelled = content
            .find("]: ")
            .filter(|_| definition)
            .map(|at| (at, at + "]: ".len(), '\n'));
        for (at, start, close) in inline.chain(labelled) {
            if !code.iter().any(|range| range.contains(&at)) {
                let text = target(&content[start..], close);
                spans.push(Span { line, text });
            }
        }
    }
    spans
}

/// The target at the start of `rest`: `<a b>`, or up to `close` or the space before a title.
fn target(rest: &str, close: char) -> &str {
    let rest = rest.trim_start();
    if let Some((inside, _)) = rest.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
        return inside;
    }
    let mut depth = 0_usize;
    let end = rest.find(|c: char| {
        let ends = c.is_whitespace() || (c == close && depth == 0);
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        ends
    });
    &rest[..end.unwrap_or(rest.len())]
}

/// Lines with their numbers, fenced blocks left out.
fn unfenced(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fence: Option<&str> = None;
    (1..).zip(text.lines()).filter(move |(_, content)| {
        let trimmed = content.trim_start();
        match fence {
            Some(open) => {
                if trimmed.starts_with(open) {
                    fence = None;
                }
                false
            }
            None => {
                fence = ["```", "~~~"]
                    .into_iter()
                    .find(|marker| trimmed.starts_with(marker));
                fence.is_none()
            }
        }
    })
}

/// Where a line holds code: between two equally long runs of backticks.
fn code(line: &str) -> Vec<Range<usize>> {
    let runs = backtick_runs(line);
    let mut ranges = Vec::new();
    let mut at = 0;
    while let Some(open) = runs.get(at) {
        let close = runs[at + 1..]
            .iter()
            .position(|run| run.len() == open.len());
        match close {
            Some(offset) => {
                ranges.push(open.end..runs[at + 1 + offset].start);
                at += offset + 2;
            }
            None => at += 1,
        }
    }
    ranges
}

fn backtick_runs(line: &str) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (at, _) in line.match_indices('`') {
        match runs.last_mut().filter(|run| run.end == at) {
            Some(run) => run.end += 1,
            None => runs.push(at..at + 1),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(spans: Vec<Span<'_>>) -> Vec<(usize, &str)> {
        spans
            .into_iter()
            .map(|span| (span.line, span.text))
            .collect()
    }

    #[test]
    fn code_spans_skip_fences_and_unpaired_backticks() {
        let text = "a `b` and ``c`d``\n```rust\n`e`\n```\n`f`, `open";
        assert_eq!(texts(code_spans(text)), [(1, "b"), (1, "c`d"), (5, "f")]);
    }

    #[test]
    fn links_of_every_form_are_found() {
        let text = "\
[a](a.md) ![b](b(1).png \"title\")
[c]: c.md
<img src=\"d.png\"> [`e`](<e f.md>)
[^note]: no.md";
        assert_eq!(
            texts(links(text)),
            [
                (1, "a.md"),
                (1, "b(1).png"),
                (2, "c.md"),
                (3, "e f.md"),
                (3, "d.png"),
            ]
        );
    }

    #[test]
    fn links_in_code_are_not_links() {
        assert_eq!(texts(links("`[a](a.md)`\n```\n[b](b.md)\n```\n")), []);
    }
}
