//! What a measurement leaves: one JSON file per device and purpose in `benches/results/`.
//!
//! `docs/benchmarks.md` is rendered from all of these files and holds no number that is typed.
//!
//! # Adding rows
//!
//! A program that measures makes a [`Results`] with its [`Purpose`] and [`Machine`], pushes to
//! whichever of its lists it knows something about, and calls [`Results::write`]; empty lists are
//! left out of the file and of the document.
//! A duration of anything is a [`Row`], whose name says what in the form `group/what/variant`:
//! `op/…` are operations (with [`Row::count`] as often as an iteration has them), `train_step/…`
//! iterations, and any other name lands in the table of whole tasks.
//! What the device could do at best is a [`Limit`], to which the tables relate rows of the same
//! threads and precision.
//! A number that is no duration is a [`Fact`], and a series of rows over one variable a [`Curve`].
//! What was not measured is absent or `None`, and is shown as "–"; nobody writes 0 for it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::peers::PeerRow;
use crate::products::ProductRow;

/// Of the files; another number is refused.
pub const FORMAT: u32 = 1;

/// What a file is about; with the device it names the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Limits, operations, iterations and whole tasks.
    Report,
    /// The same iteration in other programs.
    Peers,
    /// Time per iteration against the size of the game.
    Scaling,
    /// How long builds take, and how large the binaries are.
    Builds,
}

impl Purpose {
    /// As in the file's name.
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

/// One file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// [`FORMAT`].
    pub format: u32,
    /// What it is about.
    pub purpose: Purpose,
    /// Where and when.
    pub machine: Machine,
    /// What the device can do at best.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
    /// What took how long.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<Row>,
    /// Numbers that are no durations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
    /// The MNIST iteration in other frameworks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<PeerRow>,
    /// The Parzen window in other frameworks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parzen_peers: Vec<PeerRow>,
    /// Operations beside the products of other libraries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub products: Vec<ProductRow>,
    /// Durations over one variable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curves: Vec<Curve>,
}

/// Where and when something was measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Name of the device, for people; the name of the file is made from it.
    pub device: String,
    /// What computes, as [`gan_kernels::Backend::description`] says.
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
    /// Versions of what ours is compared with, and of drivers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<String, String>,
}

/// What a limit is a limit of.
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
    /// Of what.
    pub kind: LimitKind,
    /// By which library or loop.
    pub name: String,
    /// Threads; `None` on devices that have none to choose.
    pub threads: Option<usize>,
    /// Precision of the factors, such as `f32`.
    pub precision: String,
    /// FLOP or bytes per second.
    pub rate: Option<f64>,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
}

/// How long something took.
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
    /// Things that one run makes, such as samples; 0 where it makes none.
    #[serde(default)]
    pub items: f64,
    /// Time of the same work in separate passes over ours, median of pairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfused: Option<f64>,
}

/// A number that is no duration.
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
    /// What varies, such as `minibatch`.
    pub variable: String,
    /// What stays, for people.
    pub fixed: String,
    /// The points.
    pub points: Vec<Point>,
}

/// One point of a curve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The variable.
    pub at: f64,
    /// What an iteration took and did there.
    pub row: Row,
}

impl Results {
    /// Nothing yet.
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

    /// The name that these have in `benches/results/`.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}-{}.json", self.slug(), self.purpose.name())
    }

    /// The device as part of a file's name.
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
    /// If a file cannot be read or is of another format.
    pub fn read_all(folder: &Path) -> Result<Vec<Self>> {
        let mut all = Vec::new();
        let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let results: Self =
                serde_json::from_str(&text).with_context(|| path.display().to_string())?;
            let found = results.format;
            ensure!(
                found == FORMAT,
                "{}: format {found}, expected {FORMAT}",
                path.display()
            );
            all.push(results);
        }
        all.sort_by(|a, b| (&a.machine.device, a.purpose).cmp(&(&b.machine.device, b.purpose)));
        Ok(all)
    }

    /// The highest rate of a kind with `threads` threads in `precision`.
    #[must_use]
    pub fn limit(&self, kind: LimitKind, threads: Option<usize>, precision: &str) -> Option<f64> {
        self.limits
            .iter()
            .filter(|limit| {
                limit.kind == kind && limit.threads == threads && limit.precision == precision
            })
            .filter_map(|limit| known(limit.rate))
            .max_by(f64::total_cmp)
    }

    /// The row of that name, with `threads` threads in `precision`.
    #[must_use]
    pub fn row(&self, name: &str, threads: Option<usize>, precision: &str) -> Option<&Row> {
        self.rows
            .iter()
            .find(|row| row.name == name && row.threads == threads && row.precision == precision)
    }

    /// The number of that name.
    #[must_use]
    pub fn fact(&self, name: &str) -> Option<f64> {
        let fact = self.facts.iter().find(|fact| fact.name == name)?;
        known(fact.value)
    }
}

impl Row {
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

/// A number that is one.
#[must_use]
pub fn known(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

/// Puts `text` where `path` is, so that a reader sees the old or the new whole.
///
/// # Errors
/// If the folder cannot be written to.
pub fn replace(path: &Path, text: &str) -> Result<()> {
    let beside = path.with_extension("tmp");
    fs::write(&beside, text).with_context(|| beside.display().to_string())?;
    fs::rename(&beside, path).with_context(|| path.display().to_string())
}
