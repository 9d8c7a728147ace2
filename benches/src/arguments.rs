//! The command line of the report.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};

use crate::game::precisions;
use crate::results::Fact;
use crate::timing::Effort;

/// Measures a device; docs/benchmarks.md says what is measured, and how to read it.
#[derive(Clone, Debug, Parser)]
#[command(name = "cargo xtask bench")]
pub(crate) struct Arguments {
    /// Leave out what was not named.
    #[arg(long)]
    pub only: bool,
    /// Other frameworks as well.
    #[arg(long)]
    pub peers: bool,
    /// Scaling curves as well.
    #[arg(long)]
    pub scaling: bool,
    /// Next to no repetitions: whether everything works, not how fast it is.
    #[arg(long)]
    pub quick: bool,
    /// Keep the results in benches/results/ and render the document anew.
    #[arg(long, conflicts_with = "quick")]
    pub write: bool,
    /// Render the document and measure nothing.
    #[arg(long)]
    pub render: bool,
    /// This number of threads alone.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    threads: Option<u64>,
    /// This precision alone.
    #[arg(long)]
    pub precision: Option<String>,
    /// The device: cpu, or a GPU as cuda, hip, vulkan, wgpu, with or without a number as in cuda:1.
    #[arg(long, default_value = "cpu")]
    pub device: String,
    /// Launch every iteration on a GPU anew, for profilers that do not see into a recorded one.
    #[arg(long)]
    pub eager: bool,
    /// So many cubes of a GPU share the depth of each product that they may.
    #[arg(long, hide = true)]
    pub shares: Option<usize>,
    /// Numbers from elsewhere, such as the times of builds, as `name=value unit`.
    #[arg(long = "fact", value_parser = fact)]
    pub facts: Vec<Fact>,
    /// One part of a GPU's report alone.
    #[arg(long)]
    pub part: Option<Part>,
    /// Folder for results that are not kept in the repository; parts are joined to what is there.
    #[arg(long)]
    pub results: Option<PathBuf>,
    /// Seconds within which other frameworks, and other libraries' products, must have answered.
    #[arg(long)]
    pub seconds: Option<u64>,
    /// Measure nothing, and print what the results in --results amount to.
    #[arg(long, requires = "results")]
    pub targets: bool,
    /// Play on this file of images and answer by the line: one side of a comparison.
    #[arg(long, hide = true)]
    pub play: Option<PathBuf>,
    /// Cargo's own.
    #[arg(long, hide = true)]
    bench: bool,
}

/// A part of a GPU's report, in the order of measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Rates of large products and of a copy, and what a launch costs.
    Limits,
    /// Launches, FLOP and traffic of the MNIST iteration.
    Facts,
    /// The MNIST iteration.
    Mnist,
    /// The CIFAR-10 iteration.
    Cifar10Fc,
    /// An iteration of players 8,192 wide.
    Large,
    /// Operations beside the products of other libraries.
    Products,
    /// Each product on every tile: whether the fastest is chosen. Printed, and not kept.
    Tiles,
    /// Each operation of the MNIST iteration.
    Operations,
    /// The Parzen window.
    Parzen,
    /// Time per iteration against the number of records.
    Records,
}

impl Arguments {
    /// The numbers of threads that a processor is measured with: one, two, all.
    pub(crate) fn thread_counts(&self) -> Vec<usize> {
        let all = std::thread::available_parallelism().map_or(1, usize::from);
        match self.threads {
            Some(threads) => vec![threads as usize],
            None => {
                let mut counts = vec![1, 2.min(all), all];
                counts.dedup();
                counts
            }
        }
    }

    /// The precision that was asked for, or all that the processor's back end has.
    pub(crate) fn precisions(&self) -> Vec<&str> {
        match &self.precision {
            Some(precision) => vec![precision],
            None => precisions(),
        }
    }

    /// The effort for something that takes milliseconds.
    pub(crate) fn light(&self, budget: Duration) -> Effort {
        if self.quick {
            Effort::few(2)
        } else {
            Effort::of(budget)
        }
    }

    /// The effort for something that takes about a second.
    pub(crate) fn heavy(&self, rounds: usize) -> Effort {
        Effort::few(if self.quick { 1 } else { rounds })
    }
}

/// `name=value unit`, as another program hands it over.
fn fact(text: &str) -> Result<Fact> {
    let parts = text.split_once('=').and_then(|(name, rest)| {
        let (value, unit) = rest.split_once(' ')?;
        Some(Fact::new(name, value.parse().ok()?, unit))
    });
    parts.with_context(|| format!("--fact {text}: expected name=value unit"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &[&str]) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from([&["report"], line].concat())
    }

    #[test]
    fn arguments_are_read_as_cargo_and_xtask_hand_them_over() {
        let found = parsed(&["--bench", "--threads", "3", "--write"]).unwrap();
        assert!(found.write && !found.only);
        assert_eq!(found.thread_counts(), [3]);
        let found = parsed(&["--fact", "build/default=33.5 s", "--part=cifar10-fc"]).unwrap();
        assert_eq!(found.facts, [Fact::new("build/default", 33.5, "s")]);
        assert_eq!(found.part, Some(Part::Cifar10Fc));
    }

    #[test]
    fn arguments_that_cannot_be_meant_are_refused() {
        for (line, expected) in [
            (&["--threads", "0"][..], "0 is not in 1.."),
            (&["--device"], "a value is required"),
            (&["--fast"], "unexpected argument"),
            (&["--fact", "x=y"], "expected name=value unit"),
            (&["--quick", "--write"], "cannot be used with"),
            (&["--part", "all"], "limits, facts, mnist, cifar10-fc"),
            (&["--targets"], "--results"),
        ] {
            let error = parsed(line).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
