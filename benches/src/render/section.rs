//! The section of one device: a sentence about it, then a table per subject, with charts.

use std::fmt::Write;

use gan_pictures::{BLUE, Bar, BarChart, BarGroup, BarSeries, GREEN, ORANGE, SILVER};

use super::scaling;
use super::table::Side::{Left, Right};
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
    section.peers("iteration", "peers", device.all(|file| &file.peers));
    section.peers(
        "Parzen window",
        "parzen",
        device.all(|file| &file.parzen_peers),
    );
    section.table("Whole tasks", &tasks(device));
    section.table("Other numbers", &facts(device));
    section.operations();
    let products = comparisons(device.all(|file| &file.products), "µs", MICRO);
    section.table(
        "Operations beside the products of other libraries",
        &products,
    );
    section.curves();
    section.text
}

impl Section<'_> {
    /// A heading and a table, if there is anything in it.
    fn table(&mut self, heading: &str, table: &Table) {
        if !table.is_empty() {
            self.push(format_args!("\n### {heading}\n\n{table}"));
        }
    }

    fn image(&mut self, name: &str, alt: &str, svg: String) {
        let slug = self.device.files.first().map(Results::slug);
        let name = format!("bench-{}-{name}.svg", slug.unwrap_or_default());
        self.push(format_args!("\n![{alt}](images/{name})\n"));
        self.images.push((name, svg));
    }

    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = self.text.write_fmt(text);
    }

    /// A table of other frameworks, and a chart of their ratios for each number of threads.
    fn peers<'a>(&mut self, what: &str, name: &str, peers: impl Iterator<Item = &'a Comparison>) {
        let peers: Vec<_> = peers.collect();
        let game = if what == "iteration" { "MNIST " } else { "" };
        let heading = format!("The {game}{what} beside others");
        self.table(&heading, &comparisons(peers.iter().copied(), "ms", MILLI));
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
        self.push(format_args!("\n### Operations of an iteration\n"));
        let alt = "share of the limit that each operation reaches";
        self.image("operations", alt, operations_chart(device, &all));
        let of_one_precision = all.iter().all(|row| row.precision == first.precision);
        for rows in all.chunk_by(|a, b| (a.threads, &a.precision) == (b.threads, &b.precision)) {
            let mut heading = capital(&threads_text(rows[0].threads));
            if !of_one_precision {
                heading = format!("{heading}, {}", rows[0].precision);
            }
            let table = operations_table(device, rows);
            self.push(format_args!("\n{heading}:\n\n{table}"));
        }
    }

    fn curves(&mut self) {
        let curves: Vec<_> = self.device.all(|file| &file.curves).collect();
        if !curves.is_empty() {
            self.push(format_args!("\n### Scaling\n"));
        }
        for curve in curves {
            self.push(format_args!("{}", scaling::part(curve)));
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
    let what = match purpose {
        Purpose::Report => "Operations, iterations and tasks",
        Purpose::Peers => "Other frameworks",
        Purpose::Scaling => "Scaling",
        Purpose::Builds => "Builds",
    };
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

pub(super) fn threads_text(threads: Option<usize>) -> String {
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
    let mut values: Vec<_> = values.collect();
    values.sort_unstable();
    values.dedup();
    values
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
    let name = |kind, name: &str| match kind {
        LimitKind::Product => format!("product by {name}, GFLOP/s"),
        LimitKind::Registers => format!("multiply-adds in registers, {name}, GFLOP/s"),
        LimitKind::Copy => format!("{name}, GB/s, read and written"),
    };
    let mut table = Table::of(
        &firsts,
        &[
            ("limit", Left, &|((kind, library, _), _)| {
                name(*kind, library)
            }),
            ("precision", Left, &|((.., precision), _)| {
                (*precision).clone()
            }),
            ("why there is no number", Left, &|(_, limit)| {
                in_a_cell(limit.skipped.as_deref().unwrap_or_default())
            }),
        ],
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
        let cells = cells.collect();
        table = table.with(2 + index, threads_text(threads), Right, cells);
    }
    table
}

fn iterations(device: Device<'_>) -> Table {
    let rows = device.rows();
    let rows = rows.filter_map(|row| Some((row.name.strip_prefix("train_step/")?, row)));
    Table::of(
        rows,
        &[
            ("game", Left, &|(game, _)| (*game).into()),
            ("threads", Right, &|(_, row)| threads_cell(row)),
            ("precision", Left, &|(_, row)| row.precision.clone()),
            ("ms", Right, &|(_, row)| in_units(row.seconds(), MILLI)),
            ("spread", Right, &|(_, row)| spread(row.spread)),
            ("iterations/s", Right, &|(_, row)| {
                number(row.seconds().map(f64::recip))
            }),
            ("GFLOP", Right, &|(_, row)| {
                in_units((row.flop > 0.0).then_some(row.flop), GIGA)
            }),
            ("GFLOP/s", Right, &|(_, row)| in_units(row.rate(), GIGA)),
            ("of limit", Right, &|(_, row)| {
                percent(device.share_of_limit(row))
            }),
            ("GB/s", Right, &|(_, row)| in_units(row.bandwidth(), GIGA)),
        ],
    )
}

fn tasks(device: Device<'_>) -> Table {
    let is_task = |row: &&Row| {
        !["train_step/", "op/"]
            .iter()
            .any(|it| row.name.starts_with(it))
    };
    Table::of(
        device.rows().filter(is_task),
        &[
            ("task", Left, &|row| row.name.clone()),
            ("threads", Right, &|row| threads_cell(row)),
            ("precision", Left, &|row| row.precision.clone()),
            ("ms", Right, &|row| in_units(row.seconds(), MILLI)),
            ("spread", Right, &|row| spread(row.spread)),
            ("per second", Right, &|row| {
                let per_second = row.seconds().map(|seconds| row.items / seconds);
                number(per_second.filter(|&it| it > 0.0))
            }),
            ("GFLOP/s", Right, &|row| in_units(row.rate(), GIGA)),
            ("of limit", Right, &|row| {
                percent(device.share_of_limit(row))
            }),
        ],
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
    Table::of(
        facts.chain(floors(device)),
        &[
            ("what", Left, &|(name, ..)| name.clone()),
            ("number", Right, &|(_, value, _)| number(*value)),
            ("unit", Left, &|(.., unit)| (*unit).into()),
        ],
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
    let table = Table::of(
        rows,
        &[
            ("operation", Left, &|row| {
                row.name.trim_start_matches("op/").into()
            }),
            ("precision", Left, &|row| row.precision.clone()),
            ("×", Right, &|row| row.count.to_string()),
            ("µs", Right, &|row| in_units(row.seconds(), MICRO)),
            ("spread", Right, &|row| spread(row.spread)),
            ("share", Right, &|row| {
                known(all(row)).map_or(NOTHING.into(), |it| format!("{:.1} %", 100.0 * it / total))
            }),
            ("GFLOP/s", Right, &|row| in_units(row.rate(), GIGA)),
            ("of limit", Right, &|row| {
                percent(device.share_of_limit(row))
            }),
            ("GB/s", Right, &|row| in_units(row.bandwidth(), GIGA)),
            ("unfused / fused", Right, &|row| number(row.unfused)),
        ],
    );
    table.total(&[
        (0, "all operations of an iteration".into()),
        (2, count.to_string()),
        (3, in_units(Some(total), MICRO)),
    ])
}

fn operations_chart(device: Device<'_>, all: &[&Row]) -> String {
    let all: Vec<&Row> = all
        .iter()
        .copied()
        .filter(|row| row.precision == "f32")
        .collect();
    let counts = distinct(all.iter().map(|row| row.threads));
    let mut names: Vec<&str> = Vec::new();
    for row in all.iter().filter(|row| row.flop > 0.0) {
        if !names.contains(&row.name.as_str()) {
            names.push(&row.name);
        }
    }
    let groups = names.into_iter().map(|name| {
        let bar = |(series, &threads): (usize, &Option<usize>)| {
            let mut same = all.iter();
            let same = same.find(|row| row.name == name && row.threads == threads);
            let share = same.and_then(|row| device.share_of_limit(row));
            bar(series, share.map(|share| 100.0 * share), percent(share))
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
fn comparisons<'a>(all: impl Iterator<Item = &'a Comparison>, unit_name: &str, unit: f64) -> Table {
    let heads = ["ours", "theirs"].map(|side| format!("{side}, {unit_name}"));
    let time = |ms: Option<f64>| in_units(ms, unit / MILLI);
    Table::of(
        all,
        &[
            ("program", Left, &|it| it.name.clone()),
            ("how", Left, &|it| it.variant.clone()),
            ("threads", Right, &|it| it.threads.to_string()),
            ("precision", Left, &|it| it.precision.clone()),
            (&heads[0], Right, &|it| {
                time(it.measured().map(|it| it.ours_ms))
            }),
            ("spread", Right, &|it| {
                spread(it.measured().map(|it| it.ours_spread))
            }),
            (&heads[1], Right, &|it| {
                time(it.measured().map(|it| it.theirs_ms))
            }),
            ("spread", Right, &|it| {
                spread(it.measured().map(|it| it.theirs_spread))
            }),
            ("theirs / ours", Right, &|it| {
                number(it.measured().map(|it| it.ratio))
            }),
            ("losses differ by", Right, &|it| {
                number(it.measured().and_then(|it| it.loss_gap))
            }),
            ("versions, or why there is no number", Left, &remark),
        ],
    )
}

fn remark(comparison: &&Comparison) -> String {
    let versions = comparison.versions.iter();
    let mut remarks: Vec<_> = versions
        .map(|(of, version)| format!("{of} {version}"))
        .collect();
    if let Outcome::Skipped(reason) = &comparison.outcome {
        remarks.insert(0, reason.clone());
    }
    in_a_cell(&remarks.join(", "))
}

/// Text that others wrote, which is not Markdown.
fn in_a_cell(text: &str) -> String {
    text.replace('|', "/")
}
