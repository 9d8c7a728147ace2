//! The section of one device.

use std::fmt::Write;

use gan_pictures::{BLUE, Bar, BarChart, BarGroup, BarSeries, GREEN, ORANGE, SILVER};

use super::table::{NOTHING, Table, left, number, percent, right, spread};
use super::{products, scaling};
use crate::bars::best_limit;
use crate::peers::{Outcome, PeerRow};
use crate::results::{Fact, LimitKind, Machine, Purpose, Results, Row, known};

/// A load average above this, before anything is measured, makes all times doubtful.
const BUSY: f64 = 0.5;

/// Everything but the heading; pushes its pictures to `images`.
pub(super) fn section(
    device: &str,
    files: &[&Results],
    images: &mut Vec<(String, String)>,
) -> String {
    let mut section = String::new();
    let mut said = String::new();
    for file in files {
        let machine = machine(&file.machine);
        if machine != said {
            push(&mut section, &machine);
            said = machine;
        }
        push(&mut section, &provenance(file.purpose, &file.machine));
    }
    let slug = files.first().map(|file| file.slug()).unwrap_or_default();
    let mut image = |section: &mut String, name: &str, alt: &str, svg: String| {
        let name = format!("bench-{slug}-{name}.svg");
        push(section, &format!("\n![{alt}](images/{name})\n"));
        images.push((name, svg));
    };
    part(&mut section, "Limits", &limits(files));
    part(&mut section, "Iterations", &iterations(files));
    let of_all = |rows: fn(&Results) -> &Vec<PeerRow>| -> Vec<&PeerRow> {
        files.iter().flat_map(|file| rows(file)).collect()
    };
    for (heading, name, peers) in [
        (
            "The MNIST iteration beside others",
            "peers",
            of_all(|file| &file.peers),
        ),
        (
            "The Parzen window beside others",
            "parzen",
            of_all(|file| &file.parzen_peers),
        ),
    ] {
        part(&mut section, heading, &peers_table(&peers));
        for threads in thread_counts(&peers) {
            if let Some(chart) = peers_chart(&peers, threads) {
                let threads_text = threads_text(Some(threads));
                let alt = format!("time of others over ours, {threads_text}");
                image(&mut section, &format!("{name}-{threads}"), &alt, chart);
            }
        }
    }
    part(&mut section, "Whole tasks", &tasks(files));
    part(&mut section, "Other numbers", &facts(files));
    let operations = operations(files);
    if !operations.is_empty() {
        push(&mut section, "\n### Operations of an iteration\n");
        let chart = operations_chart(device, files);
        let alt = "share of the limit that each operation reaches";
        image(&mut section, "operations", alt, chart);
        push(&mut section, &operations);
    }
    let products: Vec<_> = files.iter().flat_map(|file| &file.products).collect();
    part(
        &mut section,
        "Operations beside the products of other libraries",
        &products::table(&products),
    );
    let curves: Vec<_> = files.iter().flat_map(|file| &file.curves).collect();
    if !curves.is_empty() {
        push(&mut section, "\n### Scaling\n");
        for curve in curves {
            push(&mut section, &scaling::part(curve));
            let name = format!("scaling-{}", curve.variable.replace(' ', "-"));
            let alt = format!("time per iteration against {}", curve.variable);
            image(&mut section, &name, &alt, scaling::chart(curve, files));
        }
    }
    section
}

fn push(section: &mut String, text: &str) {
    section.push_str(text);
}

/// A heading and a table, if there is anything in it.
fn part(section: &mut String, heading: &str, table: &Table) {
    if !table.is_empty() {
        // Writing to a string does not fail.
        let _ = write!(section, "\n### {heading}\n\n{table}");
    }
}

/// One sentence: what computes.
fn machine(machine: &Machine) -> String {
    let mut text = format!("{}; {}", machine.backend, machine.rustc);
    if !machine.flags.is_empty() {
        let _ = write!(text, "; processor flags {}", machine.flags.join(" "));
    }
    text + ".\n\n"
}

/// One line: what was measured, when, and beside what else.
fn provenance(purpose: Purpose, machine: &Machine) -> String {
    let what = match purpose {
        Purpose::Report => "Operations, iterations and tasks",
        Purpose::Peers => "Other frameworks",
        Purpose::Scaling => "Scaling",
        Purpose::Builds => "Builds",
    };
    let [begin, end] = machine.load.map(number);
    let mut text = format!(
        "- {what}: {}, commit {}, load average {begin} at the beginning and {end} at the end",
        machine.date, machine.commit
    );
    for (name, version) in &machine.versions {
        let _ = write!(text, ", {name} {version}");
    }
    if known(machine.load[0]).is_some_and(|load| load > BUSY) {
        text.push_str(
            "; **the machine was busy before, with another program or with what stands above**",
        );
    }
    text + ".\n"
}

pub(super) fn threads_text(threads: Option<usize>) -> String {
    match threads {
        None => "whole device".into(),
        Some(1) => "1 thread".into(),
        Some(threads) => format!("{threads} threads"),
    }
}

fn threads_cell(threads: Option<usize>) -> String {
    threads.map_or(NOTHING.into(), |threads| threads.to_string())
}

fn thread_counts(peers: &[&PeerRow]) -> Vec<usize> {
    let mut counts: Vec<_> = peers.iter().map(|row| row.threads).collect();
    counts.sort_unstable();
    counts.dedup();
    counts
}

/// What the device can do: a column per number of threads.
fn limits(files: &[&Results]) -> Table {
    let limits = || files.iter().flat_map(|file| &file.limits);
    let mut counts: Vec<_> = limits().map(|limit| limit.threads).collect();
    counts.sort_unstable();
    counts.dedup();
    let mut columns = vec![left("limit"), left("precision")];
    columns.extend(counts.iter().map(|&threads| right(threads_text(threads))));
    columns.push(left("why there is no number"));
    let mut table = Table::new(columns);
    for (kind, words, unit) in [
        (LimitKind::Product, "product by ", "GFLOP/s"),
        (
            LimitKind::Registers,
            "multiply-adds in registers, ",
            "GFLOP/s",
        ),
        (LimitKind::Copy, "", "GB/s, read and written"),
    ] {
        let mut seen = Vec::new();
        for limit in limits().filter(|limit| limit.kind == kind) {
            let key = (&limit.name, &limit.precision);
            if seen.contains(&key) {
                continue;
            }
            seen.push(key);
            let mut cells = vec![
                format!("{words}{}, {unit}", limit.name),
                limit.precision.clone(),
            ];
            cells.extend(counts.iter().map(|&threads| {
                let same = limits().find(|it| {
                    it.kind == kind && it.threads == threads && key == (&it.name, &it.precision)
                });
                number(same.and_then(|it| it.rate).map(|rate| rate / 1e9))
            }));
            cells.push(limit.skipped.clone().unwrap_or_default().replace('|', "/"));
            table.row(cells);
        }
    }
    table
}

/// Share of the best product with as many threads in the same precision.
fn of_limit(files: &[&Results], row: &Row) -> Option<f64> {
    let limit = best_limit(files, LimitKind::Product, row.threads, &row.precision)?;
    Some(row.rate()? / limit)
}

fn rows<'a>(files: &'a [&Results]) -> impl Iterator<Item = &'a Row> {
    files.iter().flat_map(|file| &file.rows)
}

fn iterations(files: &[&Results]) -> Table {
    let mut table = Table::new(vec![
        left("game"),
        right("threads"),
        left("precision"),
        right("ms"),
        right("spread"),
        right("iterations/s"),
        right("GFLOP"),
        right("GFLOP/s"),
        right("of limit"),
        right("GB/s"),
    ]);
    for row in rows(files) {
        let Some(game) = row.name.strip_prefix("train_step/") else {
            continue;
        };
        let seconds = row.seconds();
        table.row(vec![
            game.into(),
            threads_cell(row.threads),
            row.precision.clone(),
            number(seconds.map(|it| 1e3 * it)),
            spread(row.spread),
            number(seconds.map(|it| 1.0 / it)),
            number((row.flop > 0.0).then_some(row.flop / 1e9)),
            number(row.rate().map(|it| it / 1e9)),
            percent(of_limit(files, row)),
            number(row.bandwidth().map(|it| it / 1e9)),
        ]);
    }
    table
}

fn tasks(files: &[&Results]) -> Table {
    let mut table = Table::new(vec![
        left("task"),
        right("threads"),
        left("precision"),
        right("ms"),
        right("spread"),
        right("per second"),
        right("GFLOP/s"),
        right("of limit"),
    ]);
    for row in rows(files) {
        if row.name.starts_with("train_step/") || row.name.starts_with("op/") {
            continue;
        }
        let per_second = row.seconds().map(|it| row.items / it);
        table.row(vec![
            row.name.clone(),
            threads_cell(row.threads),
            row.precision.clone(),
            number(row.seconds().map(|it| 1e3 * it)),
            spread(row.spread),
            number(per_second.filter(|&it| it > 0.0)),
            number(row.rate().map(|it| it / 1e9)),
            percent(of_limit(files, row)),
        ]);
    }
    table
}

fn facts(files: &[&Results]) -> Table {
    let mut table = Table::new(vec![left("what"), right("number"), left("unit")]);
    for Fact { name, value, unit } in files.iter().flat_map(|file| &file.facts) {
        let (value, unit) = match unit.as_str() {
            "bytes" => (value.map(|bytes| bytes / 1e6), "MB"),
            unit => (*value, unit),
        };
        table.row(vec![name.clone(), number(value), unit.into()]);
    }
    table
}

fn is_operation(row: &&Row) -> bool {
    row.name.starts_with("op/")
}

/// A table for each number of threads and precision: only their times add up to an iteration's.
fn operations(files: &[&Results]) -> String {
    let mut text = String::new();
    for file in files {
        let all: Vec<&Row> = file.rows.iter().filter(is_operation).collect();
        let of_one = all.iter().all(|row| row.precision == all[0].precision);
        for rows in all.chunk_by(|a, b| (a.threads, &a.precision) == (b.threads, &b.precision)) {
            let mut heading = capital(&threads_text(rows[0].threads));
            if !of_one {
                heading = format!("{heading}, {}", rows[0].precision);
            }
            let table = operations_table(files, rows);
            // Writing to a string does not fail.
            let _ = write!(text, "\n{heading}:\n\n{table}");
        }
    }
    text
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

fn operations_table(files: &[&Results], rows: &[&Row]) -> Table {
    let mut table = Table::new(vec![
        left("operation"),
        left("precision"),
        right("×"),
        right("µs"),
        right("spread"),
        right("share"),
        right("GFLOP/s"),
        right("of limit"),
        right("GB/s"),
        right("unfused / fused"),
    ]);
    let all = |row: &&Row| row.seconds().map(|it| row.count as f64 * it);
    let total: f64 = rows.iter().filter_map(all).sum();
    for row in rows {
        table.row(vec![
            row.name.trim_start_matches("op/").into(),
            row.precision.clone(),
            row.count.to_string(),
            number(row.seconds().map(|it| 1e6 * it)),
            spread(row.spread),
            known(all(row)).map_or(NOTHING.into(), |it| format!("{:.1} %", 100.0 * it / total)),
            number(row.rate().map(|it| it / 1e9)),
            percent(of_limit(files, row)),
            number(row.bandwidth().map(|it| it / 1e9)),
            number(row.unfused),
        ]);
    }
    let count: usize = rows.iter().map(|row| row.count).sum();
    let mut last = vec![String::new(); 10];
    last[0] = "all operations of an iteration".into();
    (last[2], last[3]) = (count.to_string(), number(Some(1e6 * total)));
    table.row(last);
    table
}

fn operations_chart(device: &str, files: &[&Results]) -> String {
    let all: Vec<&Row> = rows(files)
        .filter(is_operation)
        .filter(|row| row.precision == "f32")
        .collect();
    let mut counts: Vec<_> = all.iter().map(|row| row.threads).collect();
    counts.sort_unstable();
    counts.dedup();
    let mut names: Vec<&str> = Vec::new();
    for row in all.iter().filter(|row| row.flop > 0.0) {
        if !names.contains(&row.name.as_str()) {
            names.push(&row.name);
        }
    }
    let groups = names.into_iter().map(|name| {
        let bar = |(series, &threads)| {
            let mut same = all
                .iter()
                .filter(|row| row.name == name && row.threads == threads);
            let share = same.find_map(|row| of_limit(files, row));
            let text = share.map(|share| format!("{:.0} %", 100.0 * share));
            bar(series, share, text)
        };
        BarGroup {
            name: name.trim_start_matches("op/").to_owned(),
            bars: counts.iter().enumerate().map(bar).collect(),
        }
    });
    let series = counts
        .iter()
        .zip([ORANGE, BLUE, GREEN, SILVER].into_iter().cycle());
    let chart = BarChart {
        title: &format!("Share of the best f32 product of {device}"),
        series: series
            .map(|(&threads, color)| BarSeries {
                name: threads_text(threads),
                color,
            })
            .collect(),
        groups: groups.collect(),
        reference: Some((1.0, "as fast as the best product")),
    };
    chart.draw().to_svg()
}

fn bar(series: usize, value: Option<f64>, text: Option<String>) -> Bar {
    Bar {
        series,
        value: value.unwrap_or(f64::NAN),
        error: 0.0,
        text: text.unwrap_or_else(|| NOTHING.into()),
    }
}

fn peers_table(peers: &[&PeerRow]) -> Table {
    let mut table = Table::new(vec![
        left("program"),
        left("how"),
        right("threads"),
        left("precision"),
        right("ours, ms"),
        right("spread"),
        right("theirs, ms"),
        right("spread"),
        right("theirs / ours"),
        right("losses differ by"),
        left("versions, or why there is no number"),
    ]);
    for row in peers {
        let mut cells = vec![
            row.name.clone(),
            row.variant.clone(),
            row.threads.to_string(),
            row.precision.clone(),
        ];
        match &row.outcome {
            Outcome::Skipped(why) => {
                cells.extend(vec![NOTHING.to_owned(); 6]);
                cells.push(why.clone());
            }
            Outcome::Measured {
                ours_ms,
                ours_spread,
                theirs_ms,
                theirs_spread,
                ratio,
                loss_gap,
            } => cells.extend([
                number(Some(*ours_ms)),
                spread(Some(*ours_spread)),
                number(Some(*theirs_ms)),
                spread(Some(*theirs_spread)),
                number(Some(*ratio)),
                number(Some(*loss_gap)),
                versions(row),
            ]),
        }
        table.row(cells);
    }
    table
}

fn versions(row: &PeerRow) -> String {
    let versions = row.versions.iter();
    let versions: Vec<_> = versions
        .map(|(of, version)| format!("{of} {version}"))
        .collect();
    versions.join(", ")
}

/// The ratios of those that were measured; `None` where none was.
fn peers_chart(peers: &[&PeerRow], threads: usize) -> Option<String> {
    let of_threads = peers.iter().filter(|row| row.threads == threads);
    let groups: Vec<BarGroup> = of_threads
        .filter_map(|row| match row.outcome {
            Outcome::Measured { ratio, .. } => Some(BarGroup {
                name: format!("{}, {}, {}", row.name, row.variant, row.precision),
                bars: vec![bar(0, Some(ratio), Some(format!("{ratio:.2}")))],
            }),
            Outcome::Skipped(_) => None,
        })
        .collect();
    let chart = BarChart {
        title: &format!("Time of others over ours, {}", threads_text(Some(threads))),
        series: vec![BarSeries {
            name: "theirs / ours".into(),
            color: ORANGE,
        }],
        groups,
        reference: Some((1.0, "as fast as ours")),
    };
    (!chart.groups.is_empty()).then(|| chart.draw().to_svg())
}
