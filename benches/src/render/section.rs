//! The section of one device: a sentence about it, then a table per subject, with charts.

use gan_pictures::{BLUE, Bar, BarChart, BarGroup, BarSeries, GREEN, ORANGE, SILVER};

use super::scaling;
use super::table::{NOTHING, Table, in_units, number, percent, spread};
use crate::results::{
    Comparison, Device, LimitKind, Machine, Outcome, Purpose, Results, Row, known,
};

/// A load average above this, before anything is measured, makes all times doubtful.
const BUSY: f64 = 0.5;

const MILLI: f64 = 1e-3;
const MICRO: f64 = 1e-6;
const GIGA: f64 = 1e9;

/// A section in the making, and its pictures: names in `docs/images/`, and contents.
struct Section<'a> {
    device: Device<'a>,
    text: String,
    images: &'a mut Vec<(String, String)>,
}

/// Everything but the heading; pushes its pictures to `images`.
pub(super) fn section(device: Device<'_>, images: &mut Vec<(String, String)>) -> String {
    let text = provenance(device);
    let mut section = Section {
        device,
        text,
        images,
    };
    section.table("Limits", &limits(device));
    section.table("Iterations", &iterations(device));
    let peers = device.all(|file| &file.peers).collect();
    section.peers("The MNIST iteration", "peers", peers);
    let peers = device.all(|file| &file.parzen_peers).collect();
    section.peers("The Parzen window", "parzen", peers);
    section.table("Whole tasks", &tasks(device));
    section.table("Other numbers", &facts(device));
    section.operations();
    let products: Vec<_> = device.all(|file| &file.products).collect();
    let heading = "Operations beside the products of other libraries";
    section.table(heading, &comparisons(&products, "µs", MICRO));
    section.curves();
    section.text
}

impl Section<'_> {
    /// A heading and a table, if there is anything in it.
    fn table(&mut self, heading: &str, table: &Table) {
        if !table.is_empty() {
            self.text += &format!("\n### {heading}\n\n{table}");
        }
    }

    fn image(&mut self, name: &str, alt: &str, svg: String) {
        let slug = self.device.files.first().map(Results::slug);
        let name = format!("bench-{}-{name}.svg", slug.unwrap_or_default());
        self.text += &format!("\n![{alt}](images/{name})\n");
        self.images.push((name, svg));
    }

    /// A table of other frameworks, and a chart of their ratios for each number of threads.
    fn peers(&mut self, what: &str, name: &str, peers: Vec<&Comparison>) {
        self.table(
            &format!("{what} beside others"),
            &comparisons(&peers, "ms", MILLI),
        );
        for threads in distinct(peers.iter().map(|it| it.threads)) {
            let of_threads = peers.iter().filter(|it| it.threads == threads);
            let groups = of_threads.filter_map(|it| {
                let ratio = known(Some(it.measured()?.ratio))?;
                Some(BarGroup {
                    name: format!("{}, {}, {}", it.name, it.variant, it.precision),
                    bars: vec![bar(0, Some(ratio), format!("{ratio:.2}"))],
                })
            });
            let groups: Vec<_> = groups.collect();
            if groups.is_empty() {
                continue;
            }
            let threads_text = threads_text(Some(threads));
            let chart = BarChart {
                title: &format!("Time of others over ours, {threads_text}"),
                series: vec![BarSeries {
                    name: "theirs / ours".into(),
                    color: ORANGE,
                }],
                groups,
                reference: Some((1.0, "as fast as ours")),
            };
            let alt = format!("time of others over ours, {threads_text}");
            self.image(&format!("{name}-{threads}"), &alt, chart.draw().to_svg());
        }
    }

    /// The operations of an iteration: a chart, and a table for each number of threads and
    /// precision, because only their times add up to an iteration's.
    fn operations(&mut self) {
        let device = self.device;
        let is_operation = |row: &&Row| row.name.starts_with("op/");
        let all: Vec<&Row> = device.rows().filter(is_operation).collect();
        let Some(first) = all.first() else { return };
        self.text += "\n### Operations of an iteration\n";
        let alt = "share of the limit that each operation reaches";
        self.image("operations", alt, operations_chart(device, &all));
        let of_one_precision = all.iter().all(|row| row.precision == first.precision);
        for rows in all.chunk_by(|a, b| (a.threads, &a.precision) == (b.threads, &b.precision)) {
            let mut heading = capital(&threads_text(rows[0].threads));
            if !of_one_precision {
                heading = format!("{heading}, {}", rows[0].precision);
            }
            let table = operations_table(device, rows);
            self.text += &format!("\n{heading}:\n\n{table}");
        }
    }

    fn curves(&mut self) {
        let curves: Vec<_> = self.device.all(|file| &file.curves).collect();
        if !curves.is_empty() {
            self.text += "\n### Scaling\n";
        }
        for curve in curves {
            self.text += &scaling::part(curve);
            let name = format!("scaling-{}", curve.variable.replace(' ', "-"));
            let alt = format!("time per iteration against {}", curve.variable);
            self.image(&name, &alt, scaling::chart(curve, self.device));
        }
    }
}

/// A sentence about the machine, wherever it changes, and a line per file.
fn provenance(device: Device<'_>) -> String {
    let (mut text, mut last) = (String::new(), String::new());
    for file in device.files {
        let machine = machine(&file.machine);
        if machine != last {
            text.push_str(&machine);
            last = machine;
        }
        text.push_str(&circumstances(file.purpose, &file.machine));
    }
    text
}

fn machine(machine: &Machine) -> String {
    let flags = match machine.flags.as_slice() {
        [] => String::new(),
        flags => format!("; processor flags {}", flags.join(" ")),
    };
    format!("{}; {}{flags}.\n\n", machine.backend, machine.rustc)
}

fn circumstances(purpose: Purpose, machine: &Machine) -> String {
    let (_, what) = purpose.names();
    let [begin, end] = machine.load.map(number);
    let versions = machine.versions.iter();
    let versions: String = versions
        .map(|(of, version)| format!(", {of} {version}"))
        .collect();
    let busy = if known(machine.load[0]).is_some_and(|load| load > BUSY) {
        "; **the machine was busy before, with another program or with what stands above**"
    } else {
        ""
    };
    format!(
        "- {what}: {}, commit {}, load average {begin} at the beginning and {end} at the end\
         {versions}{busy}.\n",
        machine.date, machine.commit
    )
}

fn threads_text(threads: Option<usize>) -> String {
    match threads {
        None => "whole device".into(),
        Some(1) => "1 thread".into(),
        Some(threads) => format!("{threads} threads"),
    }
}

fn threads_cell(row: &Row) -> String {
    row.threads
        .map_or(NOTHING.into(), |threads| threads.to_string())
}

pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// The different values, in their order.
fn distinct<T: Ord>(values: impl Iterator<Item = T>) -> Vec<T> {
    let values: std::collections::BTreeSet<T> = values.collect();
    values.into_iter().collect()
}

/// What the device can do: a row per kind, library and precision, a column per number of threads.
fn limits(device: Device<'_>) -> Table {
    let all = || device.all(|file| &file.limits);
    let mut firsts = Vec::new();
    for kind in [LimitKind::Product, LimitKind::Registers, LimitKind::Copy] {
        for limit in all().filter(|limit| limit.kind == kind) {
            let key = (kind, &limit.name, &limit.precision);
            if !firsts.iter().any(|&(known, _)| known == key) {
                firsts.push((key, limit));
            }
        }
    }
    let mut table = Table::new(
        "limit | precision | why there is no number",
        firsts.iter().map(|((kind, name, precision), limit)| {
            let words = match kind {
                LimitKind::Product => format!("product by {name}, GFLOP/s"),
                LimitKind::Registers => format!("multiply-adds in registers, {name}, GFLOP/s"),
                LimitKind::Copy => format!("{name}, GB/s, read and written"),
            };
            let reason = limit.skipped.as_deref().unwrap_or_default();
            [words, (*precision).clone(), in_a_cell(reason)]
        }),
    );
    let counts = distinct(all().map(|limit| limit.threads));
    for (index, threads) in counts.into_iter().enumerate() {
        let cells = firsts.iter().map(|((kind, name, precision), _)| {
            let same = all().find(|it| {
                let key = (it.kind, it.threads, &it.name, &it.precision);
                key == (*kind, threads, *name, *precision)
            });
            in_units(same.and_then(|it| it.rate), GIGA)
        });
        table.insert(2 + index, threads_text(threads) + ":", cells);
    }
    table
}

fn iterations(device: Device<'_>) -> Table {
    let rows = device.rows();
    let rows = rows.filter_map(|row| Some((row.name.strip_prefix("train_step/")?, row)));
    Table::new(
        "game | threads: | precision | ms: | spread: | iterations/s: | GFLOP: | GFLOP/s: | \
         of limit: | GB/s:",
        rows.map(|(game, row)| {
            [
                game.into(),
                threads_cell(row),
                row.precision.clone(),
                in_units(row.seconds(), MILLI),
                spread(row.spread),
                number(row.seconds().map(f64::recip)),
                in_units((row.flop > 0.0).then_some(row.flop), GIGA),
                in_units(row.rate(), GIGA),
                percent(device.share_of_limit(row), 0),
                in_units(row.bandwidth(), GIGA),
            ]
        }),
    )
}

fn tasks(device: Device<'_>) -> Table {
    let is_other = |row: &&Row, group| !row.name.starts_with(group);
    let tasks = device
        .rows()
        .filter(|row| is_other(row, "train_step/") && is_other(row, "op/"));
    Table::new(
        "task | threads: | precision | ms: | spread: | per second: | GFLOP/s: | of limit:",
        tasks.map(|row| {
            let per_second = row.seconds().map(|seconds| row.items / seconds);
            [
                row.name.clone(),
                threads_cell(row),
                row.precision.clone(),
                in_units(row.seconds(), MILLI),
                spread(row.spread),
                number(per_second.filter(|&it| it > 0.0)),
                in_units(row.rate(), GIGA),
                percent(device.share_of_limit(row), 0),
            ]
        }),
    )
}

fn facts(device: Device<'_>) -> Table {
    let facts = device.all(|file| &file.facts).map(|fact| {
        let name = fact.name.clone();
        match fact.unit.as_str() {
            "bytes" => (name, fact.value.map(|bytes| bytes / 1e6), "MB"),
            unit => (name, fact.value, unit),
        }
    });
    Table::new(
        "what | number: | unit",
        facts
            .chain(floors(device))
            .map(|(name, value, unit)| [name, number(value), unit.into()]),
    )
}

/// The least time of an MNIST iteration on a GPU in each precision: its launches, and the longer of
/// computing and moving.
///
/// Each operation has to wait for the one before, so launches are not hidden behind work; that they
/// could be is why this is a floor and no forecast.
fn floors<'a>(device: Device<'a>) -> impl Iterator<Item = (String, Option<f64>, &'a str)> {
    let precisions = device
        .all(|file| &file.limits)
        .filter(|limit| limit.kind == LimitKind::Product)
        .map(|limit| limit.precision.as_str());
    let mut precisions: Vec<_> = precisions.collect();
    // Those of one precision follow each other.
    precisions.dedup();
    precisions.into_iter().filter_map(move |precision| {
        let rate = |kind| device.limit(kind, None, precision);
        let computing = device.fact("mnist/products")? / rate(LimitKind::Product)?;
        let moving = device.fact("mnist/traffic")? / rate(LimitKind::Copy)?;
        let launch = device.seconds("launch/empty/replayed")?;
        let floor = computing.max(moving) + device.fact("mnist/launches")? * launch;
        Some((format!("mnist/floor in {precision}"), Some(floor), "s"))
    })
}

fn operations_table(device: Device<'_>, rows: &[&Row]) -> Table {
    let all = |row: &Row| row.seconds().map(|seconds| row.count as f64 * seconds);
    let total: f64 = rows.iter().filter_map(|row| all(row)).sum();
    let count: usize = rows.iter().map(|row| row.count).sum();
    let mut table = Table::new(
        "operation | precision | ×: | µs: | spread: | share: | GFLOP/s: | of limit: | GB/s: | \
         unfused / fused:",
        rows.iter().map(|row| {
            [
                row.name.trim_start_matches("op/").into(),
                row.precision.clone(),
                row.count.to_string(),
                in_units(row.seconds(), MICRO),
                spread(row.spread),
                percent(all(row).map(|seconds| seconds / total), 1),
                in_units(row.rate(), GIGA),
                percent(device.share_of_limit(row), 0),
                in_units(row.bandwidth(), GIGA),
                number(row.unfused),
            ]
        }),
    );
    table.total(&[
        (0, "all operations of an iteration".into()),
        (2, count.to_string()),
        (3, in_units(Some(total), MICRO)),
    ]);
    table
}

fn operations_chart(device: Device<'_>, all: &[&Row]) -> String {
    let all = || all.iter().copied().filter(|row| row.precision == "f32");
    let counts = distinct(all().map(|row| row.threads));
    let mut names: Vec<&str> = Vec::new();
    for row in all().filter(|row| row.flop > 0.0) {
        if !names.contains(&row.name.as_str()) {
            names.push(&row.name);
        }
    }
    let groups = names.into_iter().map(|name| {
        let bar = |(series, &threads): (usize, &Option<usize>)| {
            let same = all().find(|row| row.name == name && row.threads == threads);
            let share = same.and_then(|row| device.share_of_limit(row));
            bar(series, share.map(|share| 100.0 * share), percent(share, 0))
        };
        BarGroup {
            name: name.trim_start_matches("op/").to_owned(),
            bars: counts.iter().enumerate().map(bar).collect(),
        }
    });
    let colors = [ORANGE, BLUE, GREEN, SILVER].into_iter().cycle();
    let series = counts
        .iter()
        .zip(colors)
        .map(|(&threads, color)| BarSeries {
            name: threads_text(threads),
            color,
        });
    let chart = BarChart {
        title: &format!("Share of the best f32 product of {}, %", device.name()),
        series: series.collect(),
        groups: groups.collect(),
        reference: Some((100.0, "as fast as the best product")),
    };
    chart.draw().to_svg()
}

fn bar(series: usize, value: Option<f64>, text: String) -> Bar {
    Bar {
        series,
        value: value.unwrap_or(f64::NAN),
        error: 0.0,
        text,
    }
}

/// Ours beside others, with times in `unit`s of that name.
fn comparisons(all: &[&Comparison], unit_name: &str, unit: f64) -> Table {
    Table::new(
        &format!(
            "program | how | threads: | precision | ours, {unit_name}: | spread: | \
             theirs, {unit_name}: | spread: | theirs / ours: | losses differ by: | \
             versions, or why there is no number"
        ),
        all.iter().map(|it| {
            let measured = it.measured();
            let time = |ms: Option<f64>| in_units(ms, unit / MILLI);
            [
                it.name.clone(),
                it.variant.clone(),
                it.threads.to_string(),
                it.precision.clone(),
                time(measured.map(|it| it.ours_ms)),
                spread(measured.map(|it| it.ours_spread)),
                time(measured.map(|it| it.theirs_ms)),
                spread(measured.map(|it| it.theirs_spread)),
                number(measured.map(|it| it.ratio)),
                number(measured.and_then(|it| it.loss_gap)),
                remark(it),
            ]
        }),
    )
}

fn remark(comparison: &Comparison) -> String {
    let reason = match &comparison.outcome {
        Outcome::Skipped(reason) => Some(reason.clone()),
        Outcome::Measured(_) => None,
    };
    let versions = comparison.versions.iter();
    let versions = versions.map(|(of, version)| format!("{of} {version}"));
    in_a_cell(
        &reason
            .into_iter()
            .chain(versions)
            .collect::<Vec<_>>()
            .join(", "),
    )
}

/// Text that others wrote, which is not Markdown.
fn in_a_cell(text: &str) -> String {
    text.replace('|', "/")
}
