//! What a measurement leaves: one JSON file per device and purpose in `benches/results/`, from which
//! alone `docs/benchmarks.md` is rendered.
//!
//! A number that was not measured is absent or `None`, and is shown as "–"; nobody writes 0 for it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::cost::Cost;
use crate::timing::{Other, Times};

/// Version of the files' format; another one is refused.
pub(crate) const FORMAT: u32 = 1;

/// The subject of a file; with the device it names the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Purpose {
    /// Limits, operations, iterations and whole tasks.
    #[default]
    Report,
    /// The same work in other programs.
    Peers,
    /// Time per iteration against the size of the game.
    Scaling,
    /// Duration of builds and size of the binaries.
    Builds,
}

impl Purpose {
    /// The word for it in the file's name, and its words in the document.
    pub(crate) fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Report => ("report", "Operations, iterations and tasks"),
            Self::Peers => ("peers", "Other frameworks"),
            Self::Scaling => ("scaling", "Scaling"),
            Self::Builds => ("builds", "Builds"),
        }
    }
}

/// The contents of one file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Results {
    /// [`FORMAT`].
    pub format: u32,
    pub purpose: Purpose,
    pub machine: Machine,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<Row>,
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curves: Vec<Curve>,
}

/// Where and when something was measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
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
pub(crate) enum LimitKind {
    /// FLOP per second of a large product, by one library.
    Product,
    /// FLOP per second of fused multiply-adds that touch no memory.
    Registers,
    /// Bytes per second of a large copy, read and written.
    Copy,
}

/// What the device can do at best, measured; tables relate rows of the same threads and precision
/// to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Limit {
    pub kind: LimitKind,
    /// The library or loop that reached it.
    pub name: String,
    /// `None` on devices that have no threads to choose.
    pub threads: Option<usize>,
    pub precision: String,
    /// FLOP or bytes per second.
    pub rate: Option<f64>,
    /// The reason where there is no rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
}

/// A duration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    /// `group/what/variant`: `op/…` is an operation, `train_step/…` an iteration, and any other name
    /// lands in the table of whole tasks.
    pub name: String,
    /// `None` on devices that have no threads to choose.
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
pub(crate) struct Comparison {
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
    pub outcome: Outcome,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// No times; the reason in one line.
    Skipped(String),
    /// Times per run, taken in turns.
    Measured(Measured),
}

/// The times of both sides of a comparison.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Measured {
    /// Milliseconds of this library, the median of the turns.
    pub ours_ms: f64,
    /// Half the distance between the quartiles over the median.
    pub ours_spread: f64,
    /// Milliseconds of the other side.
    pub theirs_ms: f64,
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
pub(crate) struct Fact {
    /// `group/what`.
    pub name: String,
    pub value: Option<f64>,
    /// Its unit, such as `nats` or `bytes`.
    pub unit: String,
}

/// Rows over one variable, in its order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Curve {
    /// The variable, such as `minibatch`.
    pub variable: String,
    /// What stays the same, for people.
    pub fixed: String,
    pub points: Vec<Point>,
}

/// The iteration at one value of the variable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Point {
    pub at: f64,
    pub row: Row,
}

impl Results {
    pub(crate) fn new(purpose: Purpose, machine: Machine) -> Self {
        Self {
            format: FORMAT,
            purpose,
            machine,
            ..Self::default()
        }
    }

    /// The name of the file in `benches/results/`.
    pub(crate) fn file_name(&self) -> String {
        format!("{}-{}.json", self.slug(), self.purpose.names().0)
    }

    /// The device's name as part of a file's name.
    pub(crate) fn slug(&self) -> String {
        let words = self.machine.device.to_lowercase();
        let words = words.split(|c: char| !c.is_ascii_alphanumeric());
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        words.join("-")
    }

    /// Writes these into `folder`, in place of those of the same device and purpose.
    pub(crate) fn write(&self, folder: &Path) -> Result<PathBuf> {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let path = folder.join(self.file_name());
        replace(&path, &(serde_json::to_string_pretty(self)? + "\n"))?;
        Ok(path)
    }

    /// All results in `folder`, in the order of devices, then purposes.
    pub(crate) fn read_all(folder: &Path) -> Result<Vec<Self>> {
        let mut all = Vec::new();
        let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|it| it == "json") {
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
    pub(crate) fn joined(self, newer: Self) -> Self {
        let of_comparison =
            |it: &Comparison| [&it.name, &it.variant, &it.precision].map(Clone::clone);
        Self {
            limits: joined(self.limits, newer.limits, |it| {
                (it.kind as u8, it.name.clone(), it.precision.clone())
            }),
            rows: joined(self.rows, newer.rows, |it| {
                [it.name.clone(), it.precision.clone()]
            }),
            facts: joined(self.facts, newer.facts, |it| it.name.clone()),
            peers: joined(self.peers, newer.peers, of_comparison),
            products: joined(self.products, newer.products, of_comparison),
            curves: joined(self.curves, newer.curves, |it| {
                [it.variable.clone(), it.fixed.clone()]
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

/// All results of one device, in the order of their purposes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Device<'a> {
    pub files: &'a [Results],
}

impl<'a> Device<'a> {
    /// The devices of `all`, which is in the order of [`Results::read_all`].
    pub(crate) fn each_of(all: &'a [Results]) -> impl Iterator<Item = Self> {
        all.chunk_by(|a, b| a.machine.device == b.machine.device)
            .map(|files| Self { files })
    }

    /// Its name, for people.
    pub(crate) fn name(self) -> &'a str {
        self.files.first().map_or("", |file| &file.machine.device)
    }

    /// Every entry of one list of the files.
    pub(crate) fn all<T: 'a>(self, list: fn(&Results) -> &Vec<T>) -> impl Iterator<Item = &'a T> {
        self.files.iter().flat_map(list)
    }

    pub(crate) fn rows(self) -> impl Iterator<Item = &'a Row> {
        self.all(|file| &file.rows)
    }

    /// The duration of that name, with `threads` threads in `precision`.
    pub(crate) fn row(
        self,
        name: &str,
        threads: Option<usize>,
        precision: &str,
    ) -> Option<&'a Row> {
        self.rows()
            .find(|row| row.name == name && row.threads == threads && row.precision == precision)
    }

    /// Seconds of the first measured duration of that name.
    pub(crate) fn seconds(self, name: &str) -> Option<f64> {
        let mut rows = self.rows().filter(|row| row.name == name);
        rows.find_map(Row::seconds)
    }

    pub(crate) fn fact(self, name: &str) -> Option<f64> {
        let mut facts = self.all(|file| &file.facts);
        known(facts.find(|fact| fact.name == name)?.value)
    }

    /// The highest rate of a kind with `threads` threads in `precision`.
    pub(crate) fn limit(
        self,
        kind: LimitKind,
        threads: Option<usize>,
        precision: &str,
    ) -> Option<f64> {
        self.all(|file| &file.limits)
            .filter(|it| it.kind == kind && it.threads == threads && it.precision == precision)
            .filter_map(|it| known(it.rate))
            .max_by(f64::total_cmp)
    }

    /// A row's rate over that of the best product with as many threads in the same precision.
    pub(crate) fn share_of_limit(self, row: &Row) -> Option<f64> {
        let limit = self.limit(LimitKind::Product, row.threads, &row.precision)?;
        Some(row.rate()? / limit)
    }
}

impl Row {
    /// A row with nothing but its times.
    pub(crate) fn new(
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

    /// The row with what one run costs.
    pub(crate) fn with(self, Cost { flop, bytes }: Cost) -> Self {
        Self {
            flop,
            bytes,
            ..self
        }
    }

    /// Seconds, if measured.
    pub(crate) fn seconds(&self) -> Option<f64> {
        known(self.seconds).filter(|&seconds| seconds > 0.0)
    }

    /// FLOP per second, where there are any.
    pub(crate) fn rate(&self) -> Option<f64> {
        (self.flop > 0.0).then_some(self.flop / self.seconds()?)
    }

    /// Bytes per second, where they were counted.
    pub(crate) fn bandwidth(&self) -> Option<f64> {
        (self.bytes > 0.0).then_some(self.bytes / self.seconds()?)
    }
}

impl Limit {
    /// A limit with its rate, or why there is none.
    pub(crate) fn new(
        kind: LimitKind,
        name: impl Into<String>,
        threads: Option<usize>,
        precision: &str,
        rate: Result<f64, String>,
    ) -> Self {
        Self {
            kind,
            name: name.into(),
            threads,
            precision: precision.into(),
            rate: rate.as_ref().ok().copied(),
            skipped: rate.err(),
        }
    }
}

impl Comparison {
    /// One that was not made, and why.
    pub(crate) fn skipped(
        name: &str,
        variant: impl Into<String>,
        threads: usize,
        precision: &str,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            variant: variant.into(),
            versions: BTreeMap::new(),
            threads,
            precision: precision.into(),
            outcome: Outcome::Skipped(reason.into()),
        }
    }

    /// The times, if measured.
    pub(crate) fn measured(&self) -> Option<&Measured> {
        match &self.outcome {
            Outcome::Measured(measured) => Some(measured),
            Outcome::Skipped(_) => None,
        }
    }
}

impl Outcome {
    /// Our times beside those of the other side, whose losses, if any, differed from ours by
    /// `loss_gap`.
    pub(crate) fn of(ours: &Times, theirs: Result<Other>, loss_gap: Option<f64>) -> Self {
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
    pub(crate) fn skipped(error: &anyhow::Error) -> Self {
        Self::Skipped(one_line(error))
    }
}

impl Fact {
    pub(crate) fn new(name: impl Into<String>, value: f64, unit: &str) -> Self {
        Self {
            name: name.into(),
            value: Some(value),
            unit: unit.into(),
        }
    }
}

/// The value, unless it is NaN or infinite.
pub(crate) fn known(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

/// The text of an error without line breaks.
pub(crate) fn one_line(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Replaces the file `path` by `text`, so that a reader sees the old or the new whole.
pub(crate) fn replace(path: &Path, text: &str) -> Result<()> {
    let replaced = gan_data::replace_file(path, |file| file.write_all(text.as_bytes()));
    replaced.with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_puts_newer_entries_in_place_of_those_with_their_name_and_precision() {
        let of = |rows: &[(&str, &str, f64)]| {
            let mut results = Results::new(Purpose::Report, Machine::default());
            for &(name, precision, seconds) in rows {
                results.rows.push(Row {
                    name: name.into(),
                    precision: precision.into(),
                    seconds: Some(seconds),
                    ..Row::default()
                });
                let reason = format!("after {seconds} s");
                let product = Comparison::skipped("cubek", name, 1, precision, reason);
                results.products.push(product);
            }
            results
        };
        let older = of(&[("a", "f32", 1.0), ("b", "f32", 2.0), ("a", "tf32", 3.0)]);
        let newer = of(&[("a", "f32", 4.0), ("c", "f32", 5.0)]);
        let expected = of(&[
            ("b", "f32", 2.0),
            ("a", "tf32", 3.0),
            ("a", "f32", 4.0),
            ("c", "f32", 5.0),
        ]);
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
