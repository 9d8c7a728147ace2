//! The targets of the measured numbers, as two tables, and whether the results reach them.

use crate::results::{Comparison, Device, LimitKind, Results, Row, known};

/// A number that we want to reach.
pub struct Target {
    /// The number, in words.
    pub name: &'static str,
    wanted: Wanted,
    /// The unit behind the number, and the factor and digits that it is shown with.
    unit: &'static str,
    factor: f64,
    digits: usize,
    measured: fn(Device<'_>) -> Option<f64>,
}

/// The range that a number should be in.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wanted {
    AtLeast(f64),
    AtMost(f64),
    Below(f64),
}

/// A target beside the number that a device reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// The number is in the range.
    Reached(f64),
    /// The number, and its distance as a share of what was wanted.
    Missed(f64, f64),
    /// There is no number.
    NotMeasured,
}

use Wanted::{AtLeast, AtMost, Below};

/// The targets of a processor.
pub const ON_PROCESSORS: [Target; 12] = [
    target(
        "iteration on one thread: time of the best peer over ours",
        AtLeast(1.25),
        TIMES,
        |it| best_ratio(it.all(|file| &file.peers), 1, "f32"),
    ),
    target(
        "iteration on two threads: time of the best peer over ours",
        AtLeast(1.4),
        TIMES,
        |it| best_ratio(it.all(|file| &file.peers), 2, "f32"),
    ),
    target(
        "iteration on one thread: share of the best f32 product",
        AtLeast(0.85),
        PERCENT,
        |it| it.share_of_limit(mnist(it, Some(1), "f32")?),
    ),
    target(
        "iteration on two threads: share of the best f32 product",
        AtLeast(0.85),
        PERCENT,
        |it| it.share_of_limit(mnist(it, Some(2), "f32")?),
    ),
    target(
        "iteration: two threads as fast as so many",
        AtLeast(1.8),
        ("", 1.0, 2),
        |it| {
            let seconds = |threads| mnist(it, Some(threads), "f32")?.seconds();
            Some(seconds(1)? / seconds(2)?)
        },
    ),
    target(
        "Parzen window: time of the best peer over ours",
        AtLeast(1.0),
        TIMES,
        |it| {
            let ratio = |threads| best_ratio(it.all(|file| &file.parzen_peers), threads, "f32");
            ratio(2).or_else(|| ratio(1))
        },
    ),
    target(
        "Parzen window: ten σ over one",
        Below(1.5),
        TIMES,
        ten_sigmas_over_one,
    ),
    target(
        "Parzen window: worst of 200 points against f64",
        AtMost(1e-3),
        (" nats", 1.0, 5),
        |it| it.fact("parzen/error of a point"),
    ),
    target(
        "Parzen window: memory of N + M over that of half as many",
        AtMost(2.05),
        TIMES,
        |it| Some(it.fact("parzen/memory")? / it.fact("parzen/memory of half")?),
    ),
    target(
        "iteration in bf16: time of our f32 over it",
        AtLeast(1.4),
        TIMES,
        |it| {
            let ratio = |threads| {
                let seconds = |precision| mnist(it, Some(threads), precision)?.seconds();
                Some(seconds("f32")? / seconds("bf16")?)
            };
            ratio(2).or_else(|| ratio(1))
        },
    ),
    target(
        "start of `gan-cli` without default features",
        Below(0.02),
        (" ms", 1e3, 1),
        |it| it.seconds("start/gan-cli --version/no-default-features"),
    ),
    target(
        "build without default features, dependencies built",
        Below(60.0),
        (" s", 1.0, 1),
        |it| it.fact("build/no-default-features"),
    ),
];

/// The targets of a GPU of the size of an H100.
pub const ON_GPUS: [Target; 7] = [
    target("MNIST iteration in tf32", AtMost(60e-6), MICROS, |it| {
        mnist(it, None, "tf32")?.seconds()
    }),
    target(
        "MNIST iteration in f32, or in tf32x3 where that is faster",
        AtMost(100e-6),
        MICROS,
        |it| {
            let seconds = |precision| mnist(it, None, precision)?.seconds();
            smallest([seconds("f32"), seconds("tf32x3")])
        },
    ),
    target(
        "MNIST iteration in tf32: time of the best peer over ours",
        AtLeast(2.0),
        TIMES,
        |it| best_ratio(it.all(|file| &file.peers), 1, "tf32"),
    ),
    target(
        "MNIST iteration in f32 or tf32x3: time of the best peer in f32 over ours",
        AtLeast(2.0),
        TIMES,
        |it| {
            let ratio = |precision| best_ratio(it.all(|file| &file.peers), 1, precision);
            largest([ratio("f32"), ratio("tf32x3")])
        },
    ),
    target(
        "cifar10-fc in tf32: share of the copy's bandwidth over its least traffic",
        AtLeast(0.7),
        PERCENT,
        |it| {
            let copy = it.limit(LimitKind::Copy, None, "tf32")?;
            Some(starting(it, "train_step/cifar10-fc", "tf32")?.bandwidth()? / copy)
        },
    ),
    target(
        "Parzen window: share of the largest f32 product's rate",
        AtLeast(0.5),
        PERCENT,
        |it| it.share_of_limit(starting(it, "parzen/", "f32")?),
    ),
    target(
        "large game in bf16: share of the largest bf16 product's rate",
        AtLeast(0.6),
        PERCENT,
        |it| it.share_of_limit(starting(it, "train_step/large", "bf16")?),
    ),
];

/// Unit, factor and digits of ratios, shares and durations.
const TIMES: (&str, f64, usize) = (" ×", 1.0, 2);
const PERCENT: (&str, f64, usize) = (" %", 100.0, 1);
const MICROS: (&str, f64, usize) = (" µs", 1e6, 1);

const fn target(
    name: &'static str,
    wanted: Wanted,
    (unit, factor, digits): (&'static str, f64, usize),
    measured: fn(Device<'_>) -> Option<f64>,
) -> Target {
    Target {
        name,
        wanted,
        unit,
        factor,
        digits,
        measured,
    }
}

impl Target {
    /// Whether the device reaches it.
    #[must_use]
    pub fn verdict(&self, device: Device<'_>) -> Verdict {
        let Some(found) = known((self.measured)(device)) else {
            return Verdict::NotMeasured;
        };
        let (is_reached, bound) = match self.wanted {
            AtLeast(bound) => (found >= bound, bound),
            AtMost(bound) => (found <= bound, bound),
            Below(bound) => (found < bound, bound),
        };
        if is_reached {
            Verdict::Reached(found)
        } else {
            Verdict::Missed(found, (found - bound).abs() / bound)
        }
    }

    /// The range, for people.
    #[must_use]
    pub fn wanted_text(&self) -> String {
        let (words, bound) = match self.wanted {
            AtLeast(bound) => ("at least", bound),
            AtMost(bound) => ("at most", bound),
            Below(bound) => ("below", bound),
        };
        format!("{words} {}", self.number(bound))
    }

    /// The verdict, for people.
    #[must_use]
    pub fn verdict_text(&self, device: Device<'_>) -> String {
        match self.verdict(device) {
            Verdict::Reached(found) => format!("reached: {}", self.number(found)),
            Verdict::Missed(found, distance) => format!(
                "**not reached**: {}, off by {:.1} %",
                self.number(found),
                100.0 * distance
            ),
            Verdict::NotMeasured => "not measured".into(),
        }
    }

    fn number(&self, value: f64) -> String {
        let digits = self.digits;
        format!("{:.digits$}{}", self.factor * value, self.unit)
    }
}

fn mnist<'a>(device: Device<'a>, threads: Option<usize>, precision: &str) -> Option<&'a Row> {
    device.row("train_step/mnist", threads, precision)
}

fn starting<'a>(device: Device<'a>, name: &str, precision: &str) -> Option<&'a Row> {
    let mut rows = device.rows();
    rows.find(|row| row.name.starts_with(name) && row.precision == precision)
}

/// Time of the fastest other program over ours, where both were measured in turn.
fn best_ratio<'a>(
    comparisons: impl Iterator<Item = &'a Comparison>,
    threads: usize,
    precision: &str,
) -> Option<f64> {
    comparisons
        .filter(|it| it.threads == threads && it.precision == precision)
        .filter_map(|it| known(Some(it.measured()?.ratio)))
        .min_by(f64::total_cmp)
}

/// The worst over all numbers of threads.
fn ten_sigmas_over_one(device: Device<'_>) -> Option<f64> {
    let ones = device.rows().filter(|row| row.name.ends_with("/1 sigmas"));
    let ratios = ones.filter_map(|one| {
        let name = one.name.replace("/1 sigmas", "/10 sigmas");
        let ten = device.row(&name, one.threads, &one.precision)?;
        Some(ten.seconds()? / one.seconds()?)
    });
    ratios.max_by(f64::total_cmp)
}

fn smallest(values: [Option<f64>; 2]) -> Option<f64> {
    values.into_iter().flatten().min_by(f64::total_cmp)
}

fn largest(values: [Option<f64>; 2]) -> Option<f64> {
    values.into_iter().flatten().max_by(f64::total_cmp)
}

/// The targets with what a GPU reached, a line each.
#[must_use]
pub fn gpu_lines(files: &[Results]) -> Vec<String> {
    let device = Device { files };
    let line = |target: &Target| {
        let verdict = target.verdict_text(device).replace("**", "");
        format!("{}: {}, {verdict}", target.name, target.wanted_text())
    };
    ON_GPUS.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{Fact, Limit, Machine, Measured, Outcome, Purpose};

    fn row(name: &str, threads: Option<usize>, precision: &str, seconds: f64) -> Row {
        Row {
            name: name.into(),
            threads,
            precision: precision.into(),
            seconds: Some(seconds),
            flop: 4e9,
            ..Row::default()
        }
    }

    fn limit(threads: Option<usize>, precision: &str, rate: Option<f64>) -> Limit {
        Limit {
            kind: LimitKind::Product,
            name: "a library".into(),
            threads,
            precision: precision.into(),
            rate,
            skipped: None,
        }
    }

    fn peer(threads: usize, ratio: f64) -> Comparison {
        Comparison {
            name: "Rival".into(),
            variant: "eager".into(),
            versions: Default::default(),
            threads,
            precision: "f32".into(),
            outcome: Outcome::Measured(Measured {
                ours_ms: 100.0,
                ours_spread: 0.01,
                theirs_ms: 100.0 * ratio,
                theirs_spread: 0.02,
                ratio,
                loss_gap: None,
            }),
        }
    }

    /// The verdict on the target whose name contains `words`.
    fn verdict(targets: &[Target], results: &Results, words: &str) -> String {
        let files = std::slice::from_ref(results);
        let target = targets.iter().find(|target| target.name.contains(words));
        target.unwrap().verdict_text(Device { files })
    }

    #[test]
    fn verdicts_on_a_processor_are_those_of_the_numbers() {
        let mut results = Results::new(Purpose::Report, Machine::default());
        let mnist = |threads, seconds| row("train_step/mnist", Some(threads), "f32", seconds);
        results.rows = vec![mnist(1, 0.1), mnist(2, 0.05)];
        for (threads, ten) in [(1, 1.4), (2, 1.6)] {
            let of = |sigmas, seconds| {
                let name = format!("parzen/9x9x9/{sigmas} sigmas");
                row(&name, Some(threads), "f32", seconds)
            };
            results.rows.extend([of(1, 1.0), of(10, ten)]);
        }
        results.limits = [1, 2]
            .map(|threads| limit(Some(threads), "f32", Some(50e9 * threads as f64)))
            .into();
        results.peers = vec![peer(1, 1.5), peer(1, 1.2), peer(2, 1.4)];
        results.facts = vec![Fact::new("parzen/error of a point", f64::NAN, "nats")];
        for (words, expected) in [
            (
                "one thread: time of the best",
                "**not reached**: 1.20 ×, off by 4.0 %",
            ),
            ("two threads: time of the best", "reached: 1.40 ×"),
            ("one thread: share", "**not reached**: 80.0 %, off by 5.9 %"),
            ("two threads as fast", "reached: 2.00"),
            ("ten σ", "**not reached**: 1.60 ×, off by 6.7 %"),
            ("bf16", "not measured"),
            ("against f64", "not measured"),
        ] {
            assert_eq!(
                verdict(&ON_PROCESSORS, &results, words),
                expected,
                "{words}"
            );
        }
    }

    #[test]
    fn verdicts_on_a_gpu_relate_to_the_best_product_that_anybody_measured() {
        let mut results = Results::new(Purpose::Report, Machine::default());
        results.limits = [Some(2e9), Some(5e9), None]
            .map(|rate| limit(None, "bf16", rate))
            .into();
        results.rows = vec![row("train_step/large", None, "bf16", 1.0)];
        assert_eq!(verdict(&ON_GPUS, &results, "large game"), "reached: 80.0 %");
    }
}
