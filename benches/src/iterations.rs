//! Rows of iterations and of their operations, on the processor.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use gan_kernels::cases::Checker;
use gan_kernels::{Backend, Native};
use gan_model::{GameConfig, Trainer, TrainingData};

use crate::cost;
use crate::game::{PIXELS, images, mnist_iteration, native, points, preset};
use crate::results::Row;
use crate::tasks::timed;
use crate::timing::Effort;
use crate::unfused::Unfused;

/// A game that is timed, and its data.
pub struct Game {
    /// Name of the preset.
    pub name: &'static str,
    /// Values of a record.
    pub cols: usize,
    /// Training records.
    pub records: usize,
    /// Whether an iteration takes about a second.
    pub heavy: bool,
}

/// The games whose iterations are timed.
pub const GAMES: [Game; 3] = [
    Game {
        name: "mnist",
        cols: PIXELS,
        records: 50_000,
        heavy: false,
    },
    Game {
        name: "cifar10-fc",
        cols: 3072,
        records: 10_000,
        heavy: true,
    },
    Game {
        name: "ring8",
        cols: 2,
        records: 50_000,
        heavy: false,
    },
];

impl Game {
    fn data(&self) -> TrainingData {
        if self.cols == 2 {
            points(self.records, self.cols)
        } else {
            images(self.records, self.cols)
        }
    }

    /// A trainer of it.
    ///
    /// # Errors
    /// If the preset cannot be read or the back end has no such precision.
    pub fn trainer(&self, threads: usize, precision: &str) -> Result<Trainer<Native<f32>>> {
        let native = native(threads, precision)?;
        Ok(Trainer::new(native, &preset(self.name)?, 1, self.data())?)
    }

    /// How long its iteration takes in each precision; two are compared, and so run in turn.
    ///
    /// # Errors
    /// As [`Game::trainer`].
    pub fn rows(&self, threads: usize, precisions: &[&str], effort: Effort) -> Result<Vec<Row>> {
        let trainers = precisions.iter().map(|it| self.trainer(threads, it));
        let mut trainers = trainers.collect::<Result<Vec<_>>>()?;
        let times = match &mut trainers[..] {
            [first, second] => {
                let (first, second, _) = effort.in_turn(|| first.step(), || second.step());
                vec![first, second]
            }
            trainers => trainers
                .iter_mut()
                .map(|trainer| effort.alone(|| trainer.step()))
                .collect(),
        };
        let cost = cost::iteration(&preset(self.name)?, self.cols)?;
        let row = |(precision, times): (&&str, _)| Row {
            name: format!("train_step/{}", self.name),
            precision: (*precision).into(),
            flop: cost.flop,
            bytes: cost.bytes,
            ..timed(times, threads)
        };
        Ok(precisions.iter().zip(&times).map(row).collect())
    }
}

/// Time per iteration of any game that is counted.
///
/// # Errors
/// If the configuration does not fit the data.
pub(crate) fn time_of(
    config: &GameConfig,
    data: TrainingData,
    threads: usize,
    effort: Effort,
) -> Result<Row> {
    let cost = cost::iteration(config, data.records.cols())?;
    let mut trainer = Trainer::new(native(threads, "f32")?, config, 1, data)?;
    let times = effort.alone(|| trainer.step());
    Ok(Row {
        flop: cost.flop,
        bytes: cost.bytes,
        ..timed(&times, threads)
    })
}

/// The operations of the MNIST iteration, each checked against the f64 oracle before it is timed;
/// on one thread beside the same work in separate passes.
///
/// # Errors
/// If a result is wrong or the threads cannot be started.
pub fn operations(threads: usize, effort: Effort) -> Result<Vec<Row>> {
    let native = Native::<f32>::new(Some(threads))?;
    let matrix = |rows, cols| native.matrix(rows, cols);
    let checker = Checker::new(&native, &matrix);
    let cases = mnist_iteration();
    let mut counts = BTreeMap::new();
    for case in &cases {
        *counts.entry(case.to_string()).or_insert(0) += 1;
    }
    let mut rows = Vec::new();
    for case in &cases {
        let name = case.to_string();
        let Some(count) = counts.remove(&name) else {
            continue;
        };
        checker
            .check(case)
            .with_context(|| format!("{name} is wrong"))?;
        let mut fused = checker.prepare(case);
        // The processor's operations do not fail.
        let mut run = || fused.run(&native).unwrap_or_default();
        let unfused = Unfused::new(case).filter(|_| threads == 1);
        let (times, unfused) = match unfused {
            None => (effort.alone(run), None),
            Some(mut unfused) => {
                let (times, _, ratio) = effort.in_turn(&mut run, || unfused.run());
                (times, Some(1.0 / ratio))
            }
        };
        let cost = cost::operation(&case.op);
        rows.push(Row {
            name: format!("op/{name}"),
            count,
            flop: cost.flop,
            bytes: cost.bytes,
            unfused,
            ..timed(&times, threads)
        });
    }
    Ok(rows)
}

/// How long to measure: what people wait for, or a smoke test.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Tiny budgets.
    pub quick: bool,
}

impl Plan {
    /// For something that takes milliseconds.
    #[must_use]
    pub fn light(self, budget: Duration) -> Effort {
        if self.quick {
            Effort::few(2)
        } else {
            Effort::of(budget)
        }
    }

    /// For something that takes about a second.
    #[must_use]
    pub fn heavy(self, runs: usize) -> Effort {
        Effort::few(if self.quick { 1 } else { runs })
    }
}
