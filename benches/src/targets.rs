//! The targets of the measured numbers, and whether the results reach them.

use crate::results::{Comparison, Device, LimitKind, Row, known};

/// A number that we want to reach, beside the number that a device reached.
pub(crate) struct Target {
    /// The number, in words.
    pub name: &'static str,
    wanted: Wanted,
    unit: Unit,
    found: Option<f64>,
}

/// The range that a number should be in.
#[derive(Clone, Copy)]
enum Wanted {
    AtLeast(f64),
    AtMost(f64),
    Below(f64),
}

use Wanted::{AtLeast, AtMost, Below};

/// A unit, and the factor and digits that a number is shown with before it.
type Unit = (&'static str, f64, usize);
const TIMES: Unit = (" ×", 1.0, 2);
const PERCENT: Unit = (" %", 100.0, 1);
const MICROS: Unit = (" µs", 1e6, 1);

/// The targets of a processor.
pub(crate) fn on_processor(device: Device<'_>) -> [Target; 12] {
    let mnist = |threads, precision| device.row("train_step/mnist", Some(threads), precision);
    let seconds = |threads, precision| mnist(threads, precision)?.seconds();
    let share = |threads| device.share_of_limit(mnist(threads, "f32")?);
    let peers = |threads| best_ratio(device.all(|it| &it.peers), threads, "f32");
    let parzen_peers = |threads| best_ratio(device.all(|it| &it.parzen_peers), threads, "f32");
    let over = |a: Option<f64>, b: Option<f64>| Some(a? / b?);
    let bf16 = |threads| over(seconds(threads, "f32"), seconds(threads, "bf16"));
    let memory = ["parzen/memory", "parzen/memory of half"].map(|name| device.fact(name));
    let start = device.seconds("start/gan-cli --version/no-default-features");
    [
        target("iteration on one thread: time of the best peer over ours").is(
            AtLeast(1.25),
            TIMES,
            peers(1),
        ),
        target("iteration on two threads: time of the best peer over ours").is(
            AtLeast(1.4),
            TIMES,
            peers(2),
        ),
        target("iteration on one thread: share of the best f32 product").is(
            AtLeast(0.85),
            PERCENT,
            share(1),
        ),
        target("iteration on two threads: share of the best f32 product").is(
            AtLeast(0.85),
            PERCENT,
            share(2),
        ),
        target("iteration: two threads as fast as so many").is(
            AtLeast(1.8),
            ("", 1.0, 2),
            over(seconds(1, "f32"), seconds(2, "f32")),
        ),
        target("Parzen window: time of the best peer over ours").is(
            AtLeast(1.0),
            TIMES,
            parzen_peers(2).or(parzen_peers(1)),
        ),
        target("Parzen window: ten σ over one").is(Below(1.5), TIMES, ten_sigmas_over_one(device)),
        target("Parzen window: worst of 200 points against f64").is(
            AtMost(1e-3),
            (" nats", 1.0, 5),
            device.fact("parzen/error of a point"),
        ),
        target("Parzen window: memory of N + M over that of half as many").is(
            AtMost(2.05),
            TIMES,
            over(memory[0], memory[1]),
        ),
        target("iteration in bf16: time of our f32 over it").is(
            AtLeast(1.4),
            TIMES,
            bf16(2).or(bf16(1)),
        ),
        target("start of `gan-cli` without default features").is(
            Below(0.02),
            (" ms", 1e3, 1),
            start,
        ),
        target("build without default features, dependencies built").is(
            Below(60.0),
            (" s", 1.0, 1),
            device.fact("build/no-default-features"),
        ),
    ]
}

/// The targets of a GPU of the size of an H100.
pub(crate) fn on_gpu(device: Device<'_>) -> [Target; 7] {
    let mnist = |precision| device.row("train_step/mnist", None, precision)?.seconds();
    let peers = |precision| best_ratio(device.all(|it| &it.peers), 1, precision);
    let row = |name: &str, precision: &str| -> Option<&Row> {
        let mut rows = device.rows();
        rows.find(|row| row.name.starts_with(name) && row.precision == precision)
    };
    let share = |name, precision| device.share_of_limit(row(name, precision)?);
    let bandwidth = || {
        let copy = device.limit(LimitKind::Copy, None, "tf32")?;
        Some(row("train_step/cifar10-fc", "tf32")?.bandwidth()? / copy)
    };
    let either = |of: &dyn Fn(&'static str) -> Option<f64>| ["f32", "tf32x3"].map(of).into_iter();
    let fastest = either(&mnist).flatten().min_by(f64::total_cmp);
    let best_peer = either(&peers).flatten().max_by(f64::total_cmp);
    [
        target("MNIST iteration in tf32").is(AtMost(80e-6), MICROS, mnist("tf32")),
        target("MNIST iteration in f32, or in tf32x3 where that is faster").is(
            AtMost(150e-6),
            MICROS,
            fastest,
        ),
        target("MNIST iteration in tf32: time of the best peer over ours").is(
            AtLeast(2.0),
            TIMES,
            peers("tf32"),
        ),
        target("MNIST iteration in f32 or tf32x3: time of the best peer in f32 over ours").is(
            AtLeast(2.0),
            TIMES,
            best_peer,
        ),
        target("cifar10-fc in tf32: share of the copy's bandwidth over its least traffic").is(
            AtLeast(0.6),
            PERCENT,
            bandwidth(),
        ),
        target("Parzen window: share of the largest f32 product's rate").is(
            AtLeast(0.5),
            PERCENT,
            share("parzen/", "f32"),
        ),
        target("large game in bf16: share of the largest bf16 product's rate").is(
            AtLeast(0.4),
            PERCENT,
            share("train_step/large", "bf16"),
        ),
    ]
}

/// A target's name alone.
struct Named(&'static str);

fn target(name: &'static str) -> Named {
    Named(name)
}

impl Named {
    fn is(self, wanted: Wanted, unit: Unit, found: Option<f64>) -> Target {
        Target {
            name: self.0,
            wanted,
            unit,
            found: known(found),
        }
    }
}

impl Target {
    /// The range, for people.
    pub(crate) fn wanted(&self) -> String {
        let (words, bound) = match self.wanted {
            AtLeast(bound) => ("at least", bound),
            AtMost(bound) => ("at most", bound),
            Below(bound) => ("below", bound),
        };
        format!("{words} {}", self.number(bound))
    }

    /// Whether it is reached, for people.
    pub(crate) fn verdict(&self) -> String {
        let Some(found) = self.found else {
            return "not measured".into();
        };
        let (is_reached, bound) = match self.wanted {
            AtLeast(bound) => (found >= bound, bound),
            AtMost(bound) => (found <= bound, bound),
            Below(bound) => (found < bound, bound),
        };
        let number = self.number(found);
        if is_reached {
            return format!("reached: {number}");
        }
        let distance = 100.0 * (found - bound).abs() / bound;
        format!("**not reached**: {number}, off by {distance:.1} %")
    }

    fn number(&self, value: f64) -> String {
        let (unit, factor, digits) = self.unit;
        format!("{:.digits$}{unit}", factor * value)
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{Fact, Limit, Machine, Measured, Outcome, Purpose, Results};

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

    fn limit(threads: Option<usize>, precision: &str, rate: f64) -> Limit {
        Limit::new(
            LimitKind::Product,
            "a library",
            threads,
            precision,
            Ok(rate),
        )
    }

    fn peer(threads: usize, ratio: f64) -> Comparison {
        let mut peer = Comparison::skipped("Rival", "eager", threads, "f32", "");
        let measured = Measured::default();
        peer.outcome = Outcome::Measured(Measured { ratio, ..measured });
        peer
    }

    /// The verdict on the target whose name contains `words`.
    fn verdict(targets: &[Target], words: &str) -> String {
        let target = targets.iter().find(|target| target.name.contains(words));
        target.unwrap().verdict()
    }

    #[test]
    fn verdicts_on_a_processor_are_those_of_the_numbers() {
        let mut results = Results::new(Purpose::Report, Machine::default());
        for (threads, iteration, ten) in [(1, 0.1, 1.4), (2, 0.05, 1.6)] {
            let row = |name, seconds| row(name, Some(threads), "f32", seconds);
            results.rows.extend([
                row("train_step/mnist", iteration),
                row("parzen/9x9x9/1 sigmas", 1.0),
                row("parzen/9x9x9/10 sigmas", ten),
            ]);
            let limit = limit(Some(threads), "f32", 50e9 * threads as f64);
            results.limits.push(limit);
        }
        results.peers = vec![peer(1, 1.5), peer(1, 1.2), peer(2, 1.4)];
        results.facts = vec![Fact::new("parzen/error of a point", f64::NAN, "nats")];
        let files = [results];
        for (words, expected) in [
            ("one thread: time", "**not reached**: 1.20 ×, off by 4.0 %"),
            ("two threads: time of the best", "reached: 1.40 ×"),
            ("one thread: share", "**not reached**: 80.0 %, off by 5.9 %"),
            ("two threads as fast", "reached: 2.00"),
            ("ten σ", "**not reached**: 1.60 ×, off by 6.7 %"),
            ("bf16", "not measured"),
            ("against f64", "not measured"),
        ] {
            let targets = on_processor(Device { files: &files });
            assert_eq!(verdict(&targets, words), expected, "{words}");
        }
    }

    #[test]
    fn verdicts_on_a_gpu_relate_to_the_best_product_that_anybody_measured() {
        let mut results = Results::new(Purpose::Report, Machine::default());
        results.limits = [2e9, 5e9, f64::NAN]
            .map(|rate| limit(None, "bf16", rate))
            .into();
        results.rows = vec![row("train_step/large", None, "bf16", 1.0)];
        let files = [results];
        let targets = on_gpu(Device { files: &files });
        assert_eq!(verdict(&targets, "large game"), "reached: 80.0 %");
    }
}
