//! What we want the numbers to be, and whether they are: computed, never typed.

use crate::peers::{Outcome, PeerRow};
use crate::results::{LimitKind, Results, known};

/// A target of the program.
pub struct Bar {
    /// What is measured.
    pub name: &'static str,
    /// What it should be.
    pub wanted: Wanted,
    /// What it is, if it was measured.
    pub found: Option<f64>,
    /// Its unit, written behind the number.
    pub unit: &'static str,
    /// Factor from the number to what is shown, and digits behind the point.
    shown: (f64, usize),
}

/// Where a number should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wanted {
    /// There or above.
    AtLeast(f64),
    /// There or below.
    AtMost(f64),
    /// Below, not there.
    Below(f64),
}

/// Whether a number is where it should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// It is.
    Reached,
    /// It is off by this share of what was wanted.
    Missed(f64),
    /// There is no number.
    NotMeasured,
}

impl Bar {
    /// Whether it is reached.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let Some(found) = known(self.found) else {
            return Verdict::NotMeasured;
        };
        let (reached, wanted) = match self.wanted {
            Wanted::AtLeast(wanted) => (found >= wanted, wanted),
            Wanted::AtMost(wanted) => (found <= wanted, wanted),
            Wanted::Below(wanted) => (found < wanted, wanted),
        };
        if reached {
            Verdict::Reached
        } else {
            Verdict::Missed((found - wanted).abs() / wanted)
        }
    }

    /// What is wanted, for people.
    #[must_use]
    pub fn wanted_text(&self) -> String {
        let (word, value) = match self.wanted {
            Wanted::AtLeast(value) => ("at least", value),
            Wanted::AtMost(value) => ("at most", value),
            Wanted::Below(value) => ("below", value),
        };
        format!("{word} {}", self.number(value))
    }

    /// What came of it, for people.
    #[must_use]
    pub fn found_text(&self) -> String {
        let number = self.number(known(self.found).unwrap_or_default());
        match self.verdict() {
            Verdict::Reached => format!("reached: {number}"),
            Verdict::Missed(by) => {
                format!("**not reached**: {number}, off by {:.1} %", 100.0 * by)
            }
            Verdict::NotMeasured => "not measured".into(),
        }
    }

    fn number(&self, value: f64) -> String {
        let (factor, digits) = self.shown;
        format!("{:.digits$}{}", factor * value, self.unit)
    }
}

/// How numbers are shown: a factor, and digits behind the point.
const TIMES: (f64, usize) = (1.0, 2);
const PERCENT: (f64, usize) = (100.0, 1);

fn bar(
    name: &'static str,
    wanted: Wanted,
    found: Option<f64>,
    unit: &'static str,
    shown: (f64, usize),
) -> Bar {
    Bar {
        name,
        wanted,
        found,
        unit,
        shown,
    }
}

/// The targets of a GPU of the size of an H100.
#[must_use]
pub fn gpu_bars(files: &[&Results]) -> Vec<Bar> {
    use Wanted::{AtLeast, AtMost};
    let row = |name: &str, precision: &str| {
        let rows = files.iter().flat_map(|file| &file.rows);
        let mut found = rows.filter(|row| row.name.starts_with(name) && row.precision == precision);
        found.next()
    };
    let limit = |kind, precision: &str| best_limit(files, kind, None, precision);
    let micros = |precision: &str| row("train_step/mnist", precision)?.seconds();
    let ahead = |precision: &str| {
        let peers = iterations(files).filter(|peer| peer.precision == precision);
        let ratios = peers.filter_map(|peer| match peer.outcome {
            Outcome::Measured { ratio, .. } => known(Some(ratio)),
            Outcome::Skipped(_) => None,
        });
        ratios.min_by(f64::total_cmp)
    };
    let of_product = |name: &str, precision: &str| {
        Some(row(name, precision)?.rate()? / limit(LimitKind::Product, precision)?)
    };
    let of_copy = |name: &str, precision: &str| {
        Some(row(name, precision)?.bandwidth()? / limit(LimitKind::Copy, precision)?)
    };
    const MICROS: (f64, usize) = (1e6, 1);
    vec![
        bar(
            "MNIST iteration in tf32",
            AtMost(60e-6),
            micros("tf32"),
            " µs",
            MICROS,
        ),
        bar(
            "MNIST iteration in f32, or in tf32x3 where that is faster",
            AtMost(100e-6),
            match (micros("f32"), micros("tf32x3")) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            },
            " µs",
            MICROS,
        ),
        bar(
            "MNIST iteration in tf32: time of the best peer over ours",
            AtLeast(2.0),
            ahead("tf32"),
            " ×",
            TIMES,
        ),
        bar(
            "MNIST iteration in f32 or tf32x3: time of the best peer in f32 over ours",
            AtLeast(2.0),
            match (ahead("f32"), ahead("tf32x3")) {
                (Some(one), Some(other)) => Some(one.max(other)),
                (one, other) => one.or(other),
            },
            " ×",
            TIMES,
        ),
        bar(
            "cifar10-fc in tf32: share of the copy's bandwidth over its least traffic",
            AtLeast(0.7),
            of_copy("train_step/cifar10-fc", "tf32"),
            " %",
            PERCENT,
        ),
        bar(
            "Parzen window: share of the largest f32 product's rate",
            AtLeast(0.5),
            of_product("parzen/", "f32"),
            " %",
            PERCENT,
        ),
        bar(
            "large game in bf16: share of the largest bf16 product's rate",
            AtLeast(0.6),
            of_product("train_step/large", "bf16"),
            " %",
            PERCENT,
        ),
    ]
}

/// All targets, for the files of one device.
#[must_use]
pub fn bars(files: &[&Results]) -> Vec<Bar> {
    use Wanted::{AtLeast, AtMost, Below};
    let mut rows = files.iter().flat_map(|file| &file.rows);
    if rows.any(|row| row.threads.is_none() && row.name.starts_with("train_step/")) {
        return gpu_bars(files);
    }
    let [one, two] = [1, 2].map(|threads| seconds(files, "train_step/mnist", threads, "f32"));
    let scaling = one.zip(two).map(|(one, two)| one / two);
    let bf16 = threads_from(2).find_map(|threads| {
        let of = |precision| seconds(files, "train_step/mnist", threads, precision);
        Some(of("f32")? / of("bf16")?)
    });
    vec![
        bar(
            "iteration on one thread: time of the best peer over ours",
            AtLeast(1.25),
            best_peer(iterations(files), 1),
            " ×",
            TIMES,
        ),
        bar(
            "iteration on two threads: time of the best peer over ours",
            AtLeast(1.4),
            best_peer(iterations(files), 2),
            " ×",
            TIMES,
        ),
        bar(
            "iteration on one thread: share of the best f32 product",
            AtLeast(0.85),
            share(files, 1),
            " %",
            PERCENT,
        ),
        bar(
            "iteration on two threads: share of the best f32 product",
            AtLeast(0.85),
            share(files, 2),
            " %",
            PERCENT,
        ),
        bar(
            "iteration: two threads as fast as so many",
            AtLeast(1.8),
            scaling,
            "",
            TIMES,
        ),
        bar(
            "Parzen window: time of the best peer over ours",
            AtLeast(1.0),
            threads_from(2).find_map(|threads| best_peer(windows(files), threads)),
            " ×",
            TIMES,
        ),
        bar(
            "Parzen window: ten σ over one",
            Below(1.5),
            ten_over_one(files),
            " ×",
            TIMES,
        ),
        bar(
            "Parzen window: worst of 200 points against f64",
            AtMost(1e-3),
            fact(files, "parzen/error of a point"),
            " nats",
            (1.0, 5),
        ),
        bar(
            "Parzen window: memory of N + M over that of half as many",
            AtMost(2.05),
            fact(files, "parzen/memory")
                .zip(fact(files, "parzen/memory of half"))
                .map(|(all, half)| all / half),
            " ×",
            TIMES,
        ),
        bar(
            "iteration in bf16: time of our f32 over it",
            AtLeast(1.4),
            bf16,
            " ×",
            TIMES,
        ),
        bar(
            "start of `gan-cli` without default features",
            Below(0.02),
            any_seconds(files, "start/gan-cli --version/no-default-features"),
            " ms",
            (1e3, 1),
        ),
        bar(
            "build without default features, dependencies built",
            Below(60.0),
            fact(files, "build/no-default-features"),
            " s",
            (1.0, 1),
        ),
    ]
}

/// `count` threads, then fewer.
fn threads_from(count: usize) -> impl Iterator<Item = usize> {
    (1..=count).rev()
}

fn seconds(files: &[&Results], name: &str, threads: usize, precision: &str) -> Option<f64> {
    let rows = files.iter();
    rows.filter_map(|file| file.row(name, Some(threads), precision))
        .find_map(|row| row.seconds())
}

fn any_seconds(files: &[&Results], name: &str) -> Option<f64> {
    let rows = files.iter().flat_map(|file| &file.rows);
    rows.filter(|row| row.name == name)
        .find_map(|row| row.seconds())
}

fn fact(files: &[&Results], name: &str) -> Option<f64> {
    files.iter().find_map(|file| file.fact(name))
}

fn iterations<'a>(files: &'a [&Results]) -> impl Iterator<Item = &'a PeerRow> {
    files.iter().flat_map(|file| &file.peers)
}

fn windows<'a>(files: &'a [&Results]) -> impl Iterator<Item = &'a PeerRow> {
    files.iter().flat_map(|file| &file.parzen_peers)
}

/// Time of the fastest program but ours over ours, where both were measured in turn.
fn best_peer<'a>(rows: impl Iterator<Item = &'a PeerRow>, threads: usize) -> Option<f64> {
    rows.filter(|row| row.threads == threads && row.precision == "f32")
        .filter_map(|row| match row.outcome {
            Outcome::Measured { ratio, .. } => known(Some(ratio)),
            Outcome::Skipped(_) => None,
        })
        .min_by(f64::total_cmp)
}

/// Rate of the MNIST iteration over that of the best product that anybody measured here.
fn share(files: &[&Results], threads: usize) -> Option<f64> {
    let limit = best_limit(files, LimitKind::Product, Some(threads), "f32")?;
    let mut rows = files
        .iter()
        .filter_map(|file| file.row("train_step/mnist", Some(threads), "f32"));
    Some(rows.find_map(|row| row.rate())? / limit)
}

/// The highest rate of a kind in all files of a device.
pub(crate) fn best_limit(
    files: &[&Results],
    kind: LimitKind,
    threads: Option<usize>,
    precision: &str,
) -> Option<f64> {
    files
        .iter()
        .filter_map(|file| file.limit(kind, threads, precision))
        .max_by(f64::total_cmp)
}

/// The worst of all numbers of threads.
fn ten_over_one(files: &[&Results]) -> Option<f64> {
    let rows = files.iter().flat_map(|file| &file.rows);
    let ones = rows.filter(|row| row.name.ends_with("/1 sigmas"));
    ones.filter_map(|one| {
        let ten = one.name.replace("/1 sigmas", "/10 sigmas");
        let ten = seconds(files, &ten, one.threads?, &one.precision)?;
        Some(ten / one.seconds()?)
    })
    .max_by(f64::total_cmp)
}
