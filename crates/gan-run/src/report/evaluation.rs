//! The section of a page about an evaluation: its verdict, each metric beside its controls, and its
//! pictures.

use gan_eval::{Row, RowKind, Section};
use maud::{Markup, html};

use super::facts::{Evaluation, RunFacts};
use super::pictures::source;
use crate::evaluation::value_in_words;
use crate::text::{duration, four_digits, printable, shell_word, thousands};

/// Bytes of text that all pictures of an evaluation may take in a page.
const PICTURES: usize = 800_000;
/// Rows of a section, and columns of a table, that are shown at most.
const MOST_ROWS: usize = 60;

pub(super) fn evaluation(facts: &RunFacts) -> Markup {
    html! {
        section #evaluation {
            h2 { "Evaluation" }
            @match &facts.evaluation {
                Some(found) => (body(facts, found)),
                None => p.quiet {
                    "Not evaluated yet. This measures its samples beside controls: "
                    code { "gan-cli evaluate " (shell_word(&facts.path)) }
                },
            }
        }
    }
}

fn body(facts: &RunFacts, found: &Evaluation) -> Markup {
    let data = &found.data;
    let [train, valid, test] = [data.train, data.valid, data.test].map(thousands);
    let share = PICTURES / found.pictures.len().max(1);
    let pictures = found.pictures.iter();
    let pictures =
        pictures.filter_map(|path| Some((path.file_stem()?, source(facts, path, share)?)));
    html! {
        p {
            (thousands(found.samples)) " samples of step " (thousands(found.step as usize))
            ", seed " (found.seed) ", beside the records of " (printable(&data.source)) ": "
            (train) " to train, " (valid) " to validate, " (test) " to test; "
            (printable(&data.units)) ". Computed on " (printable(&found.device)) " in "
            (duration(found.seconds)) "."
        }
        @if let Some(warning) = &data.warning { p.warning { (printable(warning)) } }
        @for finding in &found.verdict {
            p.verdict {
                strong { (finding.finds.word()) } ": " (finding.finds.meaning())
                br;
                span.quiet { (printable(&finding.because)) }
            }
        }
        @for section in &found.sections { (metric(section)) }
        @if let Some(table) = &found.table {
            h3 { "Columns of the table" }
            p.quiet {
                "1 is the shape of the real column. Models learnt the column "
                strong { (printable(&table.target)) } " from the others."
            }
            div.wide {
                table {
                    thead { tr {
                        th { "column" }
                        th.number { "shape" }
                        th.number { "with blanks" }
                        th.number { "more blanks than real rows" }
                    } }
                    tbody {
                        @for column in table.columns.iter().take(MOST_ROWS) {
                            tr {
                                th scope="row" { (printable(&column.column)) }
                                td.number { (column.shape.map_or("–".into(), |shape| format!("{shape:.3}"))) }
                                td.number { (format!("{:.3}", column.with_blanks)) }
                                td.number { (format!("{:+.1} %", 100.0 * column.blanks_gap)) }
                            }
                        }
                    }
                }
            }
            (left_out(table.columns.len()))
        }
        @for (name, source) in pictures {
            figure.chart { img src=(source) alt={ "chart of " (name.to_string_lossy()) } loading="lazy"; }
        }
    }
}

/// A remark, where not all of `count` rows are shown.
fn left_out(count: usize) -> Markup {
    html! {
        @if count > MOST_ROWS {
            p.quiet { "and " (thousands(count - MOST_ROWS)) " more, in evaluation.json" }
        }
    }
}

fn metric(section: &Section) -> Markup {
    let origin = |row: &Row| match row.kind {
        RowKind::Model => "samples",
        RowKind::Control => "control",
        RowKind::Published => "published",
    };
    let beside = |row: &Row| {
        let details = row.details.iter().rev();
        let details = details.map(|(name, value)| format!("{name} {}", four_digits(*value)));
        let ideal = row.ideal.iter().map(|ideal| format!("ideal {ideal}"));
        let words: Vec<String> = details.chain(ideal).chain(row.note.clone()).collect();
        words.join("; ")
    };
    html! {
        h3 { (printable(&section.title)) }
        div.wide {
            table.metric {
                tbody {
                    @for row in section.rows.iter().take(MOST_ROWS) {
                        tr.(origin(row)) {
                            th scope="row" { (printable(&row.name)) }
                            td.number { (value_in_words(row)) }
                            td.quiet { (origin(row)) }
                            td.quiet { (printable(&beside(row))) }
                        }
                    }
                }
            }
        }
        (left_out(section.rows.len()))
        @for note in &section.notes { p.quiet { (printable(note)) } }
    }
}
