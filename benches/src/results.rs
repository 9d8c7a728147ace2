//! What a measurement leaves: one JSON file per device and purpose in `benches/results/`.
//!
//! `docs/benchmarks.md` is rendered from these files alone; none of its numbers is typed.
//!
//! # Adding results
//!
//! A program that measures makes a [`Results`] with its [`Purpose`] and [`Machine`], pushes each
//! result to the list it belongs to as soon as it has it, and calls [`Results::write`]; empty lists
//! are left out of the file and of the document.
//! - A duration is a [`Row`]. Its name has the form `group/what/variant`: `op/…` are operations (with
//!   [`Row::count`] as often as an iteration has them), `train_step/…` iterations, and any other name
//!   lands in the table of whole tasks.
//! - What the device can do at best is a [`Limit`], to which the tables relate rows of the same
//!   threads and precision.
//! - Our time beside that of another program or library is a [`Comparison`].
//! - Any other number is a [`Fact`], and a series of rows over one variable a [`Curve`].
//!
//! What was not measured is absent or `None`, and is shown as "–"; nobody writes 0 for it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::timing::{Other, Times};

/// Version of the files' format; another one is refused.
pub const FORMAT: u32 = 1;

/// The subject of a file; with the device it names the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Limits, operations, iterations and whole tasks.
    Report,
    /// The same work in other programs.
    Peers,
    /// Time per iteration against the size of the game.
    Scaling,
    /// Duration of builds and size of the binaries.
    Builds,
}

impl Purpose {
    /// The word for it in the file's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Peers => "peers",
            Self::Scaling => "scaling",
            Self::Builds => "builds",
        }
    }
}

/// The contents of one file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// [`FORMAT`].
    pub format: u32,
    /// The subject.
    pub purpose: Purpose,
    /// The circumstances of the measurement.
    pub machine: Machine,
    /// What the device can do at best.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
    /// Durations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<Row>,
    /// Numbers that are not durations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
    /// The MNIST iteration in other frameworks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<Comparison>,
    /// The Parzen window in other frameworks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parzen_peers: Vec<Comparison>,
    /// Operations beside the matrix products of other libraries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub products: Vec<Comparison>,
    /// Durations over one variable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curves: Vec<Curve>,
}

/// Where and when something was measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Name of the device, for people; the name of the file is made from it.
    pub device: String,
    /// The back end, as [`gan_kernels::Backend::description`] says.
    pub backend: String,
    /// Flags of the processor that decide which code runs; empty for other devices.
    pub flags: Vec<String>,
    /// Threads that the machine offers.
    pub threads: usize,
    /// Load average over a minute when the measurement began and when it ended.
    pub load: [Option<f64>; 2],
    /// Version of the compiler.
    pub rustc: String,
    /// Commit, with a mark if files differed from it.
    pub commit: String,
    /// Day, as `2026-11-25`.
    pub date: String,
    /// Versions of drivers and libraries.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<String, String>,
}

/// The resource that a limit is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimitKind {
    /// FLOP per second of a large product, by one library.
    Product,
    /// FLOP per second of fused multiply-adds that touch no memory.
    Registers,
    /// Bytes per second of a large copy, read and written.
    Copy,
}

/// What the device can do at best, measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// The resource.
    pub kind: LimitKind,
    /// The library or loop that reached it.
    pub name: String,
    /// Threads; `None` on devices that have none to choose.
    pub threads: Option<usize>,
    /// Precision of the factors, such as `f32`.
    pub precision: String,
    /// FLOP or bytes per second.
    pub rate: Option<f64>,
    /// The reason where there is no rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
}

/// A duration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// `group/what/variant`.
    pub name: String,
    /// Threads; `None` on devices that have none to choose.
    pub threads: Option<usize>,
    /// Precision of the factors of products, such as `f32`.
    pub precision: String,
    /// How often an iteration has this operation; 1 for everything else.
    pub count: usize,
    /// Median of the runs, in seconds.
    pub seconds: Option<f64>,
    /// Half the distance between the quartiles over the median.
    pub spread: Option<f64>,
    /// FLOP of the products of one run; 0 where there are none.
    #[serde(default)]
    pub flop: f64,
    /// Bytes that one run must move at least, every operand once; 0 where nobody has counted.
    #[serde(default)]
    pub bytes: f64,
    /// Number of things that one run makes, such as samples; 0 where it makes none.
    #[serde(default)]
    pub items: f64,
    /// Time of the same work in separate passes over ours, median of pairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfused: Option<f64>,
}

/// Our time beside that of another program or library for the same work.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Comparison {
    /// The other program or library.
    pub name: String,
    /// The way it is used, or the operation whose product it computes.
    pub variant: String,
    /// Versions and settings that its speed depends on; empty if it did not run.
    pub versions: BTreeMap<String, String>,
    /// Threads of either side.
    pub threads: usize,
    /// Precision of the factors of products, on either side.
    pub precision: String,
    /// The result.
    pub outcome: Outcome,
}

/// The result of a comparison.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// No times; the reason in one line.
    Skipped(String),
    /// Times per run, taken in turns.
    Measured(Measured),
}

/// The times of both sides of a comparison.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Measured {
    /// Milliseconds of this library, the median of the turns.
    pub ours_ms: f64,
    /// Half the distance between the quartiles over the median.
    pub ours_spread: f64,
    /// Milliseconds of the other side.
    pub theirs_ms: f64,
    /// Its spread.
    pub theirs_spread: f64,
    /// Theirs over ours, the median of the pairs.
    pub ratio: f64,
    /// Largest relative difference of the losses that were checked before; products have none, and
    /// agreed to the last bit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_gap: Option<f64>,
}

/// A number that is not a duration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// `group/what`.
    pub name: String,
    /// The number.
    pub value: Option<f64>,
    /// Its unit, such as `nats` or `bytes`.
    pub unit: String,
}

/// Rows over one variable, in its order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// The variable, such as `minibatch`.
    pub variable: String,
    /// What stays the same, for people.
    pub fixed: String,
    /// The points.
    pub points: Vec<Point>,
}

/// One point of a curve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The variable's value.
    pub at: f64,
    /// The iteration there.
    pub row: Row,
}

impl Results {
    /// Results without entries.
    #[must_use]
    pub fn new(purpose: Purpose, machine: Machine) -> Self {
        Self {
            format: FORMAT,
            purpose,
            machine,
            limits: Vec::new(),
            rows: Vec::new(),
            facts: Vec::new(),
            peers: Vec::new(),
            parzen_peers: Vec::new(),
            products: Vec::new(),
            curves: Vec::new(),
        }
    }

    /// The name of the file in `benches/results/`.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}-{}.json", self.slug(), self.purpose.name())
    }

    /// The device's name as part of a file's name.
    #[must_use]
    pub fn slug(&self) -> String {
        let words = self.machine.device.to_lowercase();
        let words = words.split(|c: char| !c.is_ascii_alphanumeric());
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        words.join("-")
    }

    /// Writes these into `folder`, in place of those of the same device and purpose.
    ///
    /// The file appears whole: it is written beside and then renamed.
    ///
    /// # Errors
    /// If the folder cannot be written to.
    pub fn write(&self, folder: &Path) -> Result<PathBuf> {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let path = folder.join(self.file_name());
        replace(&path, &(serde_json::to_string_pretty(self)? + "\n"))?;
        Ok(path)
    }

    /// All results in `folder`, in the order of devices, then purposes.
    ///
    /// # Errors
    /// If a file cannot be read or has another format.
    pub fn read_all(folder: &Path) -> Result<Vec<Self>> {
        let mut all = Vec::new();
        let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
        for entry in entries {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                all.push(Self::read(&path).with_context(|| path.display().to_string())?);
            }
        }
        all.sort_by(|a, b| (&a.machine.device, a.purpose).cmp(&(&b.machine.device, b.purpose)));
        Ok(all)
    }

    fn read(path: &Path) -> Result<Self> {
        let results: Self = serde_json::from_str(&fs::read_to_string(path)?)?;
        let found = results.format;
        ensure!(found == FORMAT, "format {found}, expected {FORMAT}");
        Ok(results)
    }

    /// These with the entries of `newer`, each in place of one with the same name and precision.
    ///
    /// Parts of a measurement may be made one by one, each by a process that a time limit may end.
    #[must_use]
    pub fn joined(self, newer: Self) -> Self {
        let of_comparison = |it: &Comparison| {
            let Comparison {
                name,
                variant,
                precision,
                ..
            } = it;
            (name.clone(), variant.clone(), precision.clone())
        };
        Self {
            limits: joined(self.limits, newer.limits, |it| {
                (it.kind as u8, it.name.clone(), it.precision.clone())
            }),
            rows: joined(self.rows, newer.rows, |it| {
                (it.name.clone(), it.precision.clone())
            }),
            facts: joined(self.facts, newer.facts, |it| it.name.clone()),
            peers: joined(self.peers, newer.peers, of_comparison),
            products: joined(self.products, newer.products, of_comparison),
            curves: joined(self.curves, newer.curves, |it| {
                (it.variable.clone(), it.fixed.clone())
            }),
            ..newer
        }
    }
}

fn joined<T, K: PartialEq>(older: Vec<T>, newer: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let taken: Vec<K> = newer.iter().map(&key).collect();
    let kept = older.into_iter().filter(|it| !taken.contains(&key(it)));
    kept.chain(newer).collect()
}

/// All results of one device.
#[derive(Clone, Copy, Debug)]
pub struct Device<'a> {
    /// The files, in the order of their purposes.
    pub files: &'a [Results],
}

impl<'a> Device<'a> {
    /// The devices of `all`, which is in the order of [`Results::read_all`].
    pub fn each_of(all: &'a [Results]) -> impl Iterator<Item = Self> {
        all.chunk_by(|a, b| a.machine.device == b.machine.device)
            .map(|files| Self { files })
    }

    /// Its name, for people.
    #[must_use]
    pub fn name(self) -> &'a str {
        self.files.first().map_or("", |file| &file.machine.device)
    }

    /// Every entry of one list of the files.
    pub fn all<T: 'a>(self, list: fn(&Results) -> &Vec<T>) -> impl Iterator<Item = &'a T> {
        self.files.iter().flat_map(list)
    }

    /// Every duration.
    pub fn rows(self) -> impl Iterator<Item = &'a Row> {
        self.all(|file| &file.rows)
    }

    /// The duration of that name, with `threads` threads in `precision`.
    #[must_use]
    pub fn row(self, name: &str, threads: Option<usize>, precision: &str) -> Option<&'a Row> {
        self.rows()
            .find(|row| row.name == name && row.threads == threads && row.precision == precision)
    }

    /// Seconds of the first measured duration of that name.
    #[must_use]
    pub fn seconds(self, name: &str) -> Option<f64> {
        let mut rows = self.rows().filter(|row| row.name == name);
        rows.find_map(Row::seconds)
    }

    /// The fact of that name.
    #[must_use]
    pub fn fact(self, name: &str) -> Option<f64> {
        let mut facts = self.all(|file| &file.facts);
        known(facts.find(|fact| fact.name == name)?.value)
    }

    /// The highest rate of a kind with `threads` threads in `precision`.
    #[must_use]
    pub fn limit(self, kind: LimitKind, threads: Option<usize>, precision: &str) -> Option<f64> {
        self.all(|file| &file.limits)
            .filter(|it| it.kind == kind && it.threads == threads && it.precision == precision)
            .filter_map(|it| known(it.rate))
            .max_by(f64::total_cmp)
    }

    /// A row's rate over that of the best product with as many threads in the same precision.
    #[must_use]
    pub fn share_of_limit(self, row: &Row) -> Option<f64> {
        let limit = self.limit(LimitKind::Product, row.threads, &row.precision)?;
        Some(row.rate()? / limit)
    }
}

impl Row {
    /// A row with nothing but its times.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        threads: Option<usize>,
        precision: &str,
        times: &Times,
    ) -> Self {
        Self {
            name: name.into(),
            threads,
            precision: precision.into(),
            count: 1,
            seconds: Some(times.median()),
            spread: Some(times.spread()),
            ..Self::default()
        }
    }

    /// Seconds, if measured.
    #[must_use]
    pub fn seconds(&self) -> Option<f64> {
        known(self.seconds).filter(|&seconds| seconds > 0.0)
    }

    /// FLOP per second, where there are any.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        (self.flop > 0.0).then_some(self.flop / self.seconds()?)
    }

    /// Bytes per second, where they were counted.
    #[must_use]
    pub fn bandwidth(&self) -> Option<f64> {
        (self.bytes > 0.0).then_some(self.bytes / self.seconds()?)
    }
}

impl Comparison {
    /// The times, if measured.
    #[must_use]
    pub fn measured(&self) -> Option<&Measured> {
        match &self.outcome {
            Outcome::Measured(measured) => Some(measured),
            Outcome::Skipped(_) => None,
        }
    }
}

impl Outcome {
    /// Our times beside those of the other side, whose losses, if any, differed from ours by
    /// `loss_gap`.
    #[must_use]
    pub fn of(ours: &Times, theirs: Result<Other>, loss_gap: Option<f64>) -> Self {
        match theirs {
            Ok(Other { times, ratio }) => Self::Measured(Measured {
                ours_ms: 1e3 * ours.median(),
                ours_spread: ours.spread(),
                theirs_ms: 1e3 * times.median(),
                theirs_spread: times.spread(),
                ratio,
                loss_gap,
            }),
            Err(error) => Self::skipped(&error),
        }
    }

    /// No times, because of `error`.
    #[must_use]
    pub fn skipped(error: &anyhow::Error) -> Self {
        Self::Skipped(one_line(error))
    }
}

impl Fact {
    /// A number with its name and unit.
    #[must_use]
    pub fn new(name: impl Into<String>, value: f64, unit: &str) -> Self {
        Self {
            name: name.into(),
            value: Some(value),
            unit: unit.into(),
        }
    }
}

/// The value, unless it is NaN or infinite.
#[must_use]
pub fn known(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

/// The text of an error without line breaks.
#[must_use]
pub fn one_line(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Replaces the file `path` by `text`, so that a reader sees the old or the new whole.
///
/// # Errors
/// If the folder cannot be written to.
pub fn replace(path: &Path, text: &str) -> Result<()> {
    let beside = path.with_extension("tmp");
    fs::write(&beside, text).with_context(|| beside.display().to_string())?;
    fs::rename(&beside, path).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_puts_newer_entries_in_place_of_those_with_their_name_and_precision() {
        let of = |rows: &[(&str, &str, f64)]| {
            let mut results = Results::new(Purpose::Report, Machine::default());
            results.rows = rows
                .iter()
                .map(|&(name, precision, seconds)| Row {
                    name: name.into(),
                    precision: precision.into(),
                    seconds: Some(seconds),
                    ..Row::default()
                })
                .collect();
            results.products = rows
                .iter()
                .map(|&(name, precision, seconds)| Comparison {
                    name: "cubek".into(),
                    variant: name.into(),
                    versions: BTreeMap::new(),
                    threads: 1,
                    precision: precision.into(),
                    outcome: Outcome::Skipped(format!("after {seconds} s")),
                })
                .collect();
            results
        };
        let older = of(&[("a", "f32", 1.0), ("b", "f32", 2.0), ("a", "tf32", 3.0)]);
        let newer = of(&[("a", "f32", 4.0), ("c", "f32", 5.0)]);
        let expected = [("b", "f32", 2.0), ("a", "tf32", 3.0), ("a", "f32", 4.0)];
        let expected = of(&[&expected[..], &[("c", "f32", 5.0)]].concat());
        assert_eq!(older.joined(newer), expected);
    }

    #[test]
    fn results_survive_their_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut results = Results::new(Purpose::Report, Machine::default());
        results.machine.device = "Abacus, 2 processors".into();
        results.facts = vec![Fact::new("a/b", f64::NAN, "nats")];
        let path = results.write(folder.path()).unwrap();
        assert!(path.ends_with("abacus-2-processors-report.json"));
        // JSON has no NaN.
        results.facts[0].value = None;
        assert_eq!(Results::read_all(folder.path()).unwrap(), [results]);
    }
}
