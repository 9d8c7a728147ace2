//! The page of several runs, side by side.

use std::collections::{BTreeMap, BTreeSet};

use gan_eval::RowKind;
use maud::{Markup, PreEscaped, html};
use toml::Value;

use super::facts::{About, RunFacts};
use super::pictures::source;
use crate::evaluation::value_in_words;
use crate::pictures;
use crate::text::{duration, excerpt, four_digits, printable, thousands};

/// Keys that differ, and numbers of evaluations, that are shown at most.
const MOST_ROWS: usize = 200;

/// All sections; pictures that stand in the page take what is left of `most` bytes.
pub(super) fn sections(runs: &[&RunFacts], most: usize) -> Markup {
    let text = html! {
        (listed(runs))
        (numbers(runs))
        (differences(runs))
        (curves(runs))
        (evaluations(runs))
    };
    let findings = findings(runs);
    let left = most.saturating_sub(text.0.len() + findings.0.len()) / runs.len().max(1);
    html! { (text) (samples(runs, left)) (findings) }
}

/// The letter that stands for a run; of many a number.
fn letter(at: usize) -> String {
    match u8::try_from(at) {
        Ok(at) if at < 26 => char::from(b'A' + at).to_string(),
        _ => (at + 1).to_string(),
    }
}

/// A table with a column for each run; rows in which no run has a value are left out.
fn table(runs: &[&RunFacts], rows: &[(String, Vec<Option<String>>)]) -> Markup {
    html! {
        div.wide {
            table {
                thead { tr { th {} @for at in 0..runs.len() { th.number { (letter(at)) } } } }
                tbody {
                    @for (name, values) in rows.iter().take(MOST_ROWS) {
                        @if values.iter().any(Option::is_some) {
                            tr {
                                th scope="row" { (printable(name)) }
                                @for value in values {
                                    td.number { (printable(value.as_deref().unwrap_or("–"))) }
                                }
                            }
                        }
                    }
                }
            }
        }
        @if rows.len() > MOST_ROWS { p.quiet { "and " (rows.len() - MOST_ROWS) " more" } }
    }
}

fn listed(runs: &[&RunFacts]) -> Markup {
    html! {
        section #head {
            ul.runs {
                @for (at, facts) in runs.iter().enumerate() {
                    li {
                        span class={ "key key-" (at % 8) } { (letter(at)) } " "
                        @match &facts.address {
                            Some(address) => a href=(address) { (printable(&facts.name)) },
                            None => strong { (printable(&facts.name)) },
                        }
                        ": " (facts.state_in_words())
                        @for remark in &facts.remarks { p.warning { (excerpt(&printable(remark))) } }
                    }
                }
            }
        }
    }
}

fn numbers(runs: &[&RunFacts]) -> Markup {
    let row = |name: &str, value: &dyn Fn(&RunFacts) -> Option<String>| {
        (
            name.to_owned(),
            runs.iter().map(|facts| value(facts)).collect::<Vec<_>>(),
        )
    };
    let of = |key: &'static str| move |facts: &RunFacts| facts.number(key).map(four_digits);
    let about = |number: fn(&About) -> usize| {
        move |facts: &RunFacts| Some(thousands(number(facts.about.as_deref()?)))
    };
    let rows = [
        row("step", &|facts| Some(thousands(facts.step as usize))),
        row("training time", &|facts| {
            facts.number("seconds").map(duration)
        }),
        row("V(D, G), nats", &of("value")),
        row("D(x)", &of("d_data")),
        row("D(G(z))", &of("d_samples")),
        row("G's objective", &of("generator_objective")),
        row("distance of two samples / of records", &of("diversity")),
        row("distance to the nearest / of records", &of("nearest")),
        row("modes found", &of("modes_found")),
        row("samples close to a mode", &of("high_quality")),
        row("told from held-out records", &of("told_apart")),
        row("told from training records", &of("told_from_training")),
        row("findings that are open", &|facts| {
            let open = facts.findings.iter().filter(|found| found.passed.is_none());
            Some(open.count().to_string())
        }),
        row("parameters of G", &about(|about| about.parameters[0])),
        row("parameters of D", &about(|about| about.parameters[1])),
        row("training records", &about(|about| about.train_records)),
        row("verdict", &|facts| {
            let verdict = &facts.evaluation.as_ref()?.verdict;
            Some(verdict.first()?.finds.word().to_owned())
        }),
    ];
    html! { section #numbers { h2 { "Last numbers" } (table(runs, &rows)) } }
}

fn differences(runs: &[&RunFacts]) -> Markup {
    let configs: Vec<_> = runs
        .iter()
        .map(|facts| {
            let mut values = BTreeMap::new();
            if let Ok(table) = facts.config_text.parse::<toml::Table>() {
                flatten(&Value::Table(table), "", &mut values);
            }
            values
        })
        .collect();
    let keys: BTreeSet<&String> = configs.iter().flat_map(BTreeMap::keys).collect();
    let rows: Vec<_> = keys
        .into_iter()
        .map(|key| {
            let values = configs.iter().map(|config| config.get(key).cloned());
            (key.clone(), values.collect::<Vec<_>>())
        })
        .filter(|(_, values)| values.windows(2).any(|two| two[0] != two[1]))
        .collect();
    html! {
        section #differences {
            h2 { "Differences in the configuration" }
            @if rows.is_empty() { p.quiet { "None: they differ in nothing that a configuration says." } }
            @else { (table(runs, &rows)) }
        }
    }
}

/// Every value of a configuration by its full name.
fn flatten(value: &Value, at: &str, into: &mut BTreeMap<String, String>) {
    let name = |key: &str| match at {
        "" => key.to_owned(),
        at => format!("{at}.{key}"),
    };
    match value {
        Value::Table(table) => {
            for (key, value) in table {
                flatten(value, &name(key), into);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_table) => {
            for (index, value) in items.iter().enumerate() {
                flatten(value, &name(&index.to_string()), into);
            }
        }
        other => {
            into.insert(at.to_owned(), excerpt(&other.to_string()));
        }
    }
}

fn curves(runs: &[&RunFacts]) -> Markup {
    let names: Vec<String> = (0..runs.len()).map(letter).collect();
    let readings = names.iter().zip(runs);
    let readings = readings.map(|(name, facts)| (name.as_str(), &facts.readings[..]));
    let svg = pictures::comparison(&readings.collect::<Vec<_>>()).to_svg();
    html! {
        section #curves {
            h2 { "Curves" }
            figure.chart.drawn role="img" aria-label="curves of the runs" { (PreEscaped(svg)) }
        }
    }
}

fn evaluations(runs: &[&RunFacts]) -> Markup {
    // Measured on the samples; in the order of the first run that has them.
    let mut rows: Vec<(String, Vec<Option<String>>)> = Vec::new();
    for (at, facts) in runs.iter().enumerate() {
        let sections = facts.evaluation.iter().flat_map(|found| &found.sections);
        for section in sections {
            let measured = section.rows.iter().filter(|row| row.kind == RowKind::Model);
            for row in measured {
                let name = format!("{}: {}", section.id, row.name);
                let place = rows.iter().position(|(known, _)| *known == name);
                let place = place.unwrap_or_else(|| {
                    rows.push((name, vec![None; runs.len()]));
                    rows.len() - 1
                });
                rows[place].1[at] = Some(value_in_words(row));
            }
        }
    }
    html! {
        section #evaluation {
            h2 { "Evaluations" }
            @if rows.is_empty() { p.quiet { "None of them is evaluated yet: gan-cli evaluate RUN" } }
            @else { (table(runs, &rows)) }
        }
    }
}

fn samples(runs: &[&RunFacts], most: usize) -> Markup {
    let last = runs.iter().map(|facts| {
        let (step, path) = facts.pictures.last()?;
        Some((*step, source(facts, path, most)?))
    });
    html! {
        section #samples {
            h2 { "Last samples" }
            div.sheets {
                @for ((at, facts), last) in runs.iter().enumerate().zip(last) {
                    figure {
                        @match last {
                            Some((step, source)) => {
                                img src=(source) alt={ "samples of " (printable(&facts.name)) } loading="lazy";
                                figcaption { (letter(at)) ", step " (thousands(step as usize)) }
                            }
                            None => figcaption { (letter(at)) ": no picture" },
                        }
                    }
                }
            }
        }
    }
}

fn findings(runs: &[&RunFacts]) -> Markup {
    /// Of each run, the newest.
    const MOST: usize = 10;
    html! {
        section #findings {
            h2 { "Findings" }
            @for (at, facts) in runs.iter().enumerate() {
                h3 { (letter(at)) ": " (printable(&facts.name)) }
                @if facts.findings.is_empty() { p.quiet { "Nothing was found wrong with the game." } }
                @else {
                    ul {
                        @for finding in facts.findings.iter().rev().take(MOST).rev() {
                            li.over[finding.passed.is_some()] { (printable(&finding.to_string())) }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_are_flattened_to_their_values() {
        let table: toml::Table = "a = 1\nb = [1, 2]\n[c]\nd = \"x\"\n[[c.e]]\nf = 2"
            .parse()
            .unwrap();
        let mut found = BTreeMap::new();
        flatten(&Value::Table(table), "", &mut found);
        let expected = [
            ("a", "1"),
            ("b", "[1, 2]"),
            ("c.d", "\"x\""),
            ("c.e.0.f", "2"),
        ];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(found, BTreeMap::from(expected));
    }

    #[test]
    fn letters_end_where_the_alphabet_does() {
        assert_eq!([0, 25, 26, 300].map(letter), ["A", "Z", "27", "301"]);
    }
}
