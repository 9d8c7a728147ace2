//! Rows of an iteration's operations, each held to the f64 oracle before it is timed.

use anyhow::{Context, Result};
use gan_kernels::cases::{Case, Checker, Prepared};
use gan_kernels::{Backend, Native};

use crate::cost::{Cost, on_processors};
use crate::game::mnist_operations;
use crate::results::Row;
use crate::timing::{Effort, Times, turn};
use crate::unfused::Unfused;

/// The distinct operations of `cases` in their order, and how often each is there.
pub(crate) fn distinct(cases: &[Case]) -> Vec<(&Case, usize)> {
    let mut found: Vec<(&Case, usize)> = Vec::new();
    for case in cases {
        let name = case.to_string();
        let mut all = found.iter_mut();
        match all.find(|(known, _)| known.to_string() == name) {
            Some((_, count)) => *count += 1,
            None => found.push((case, 1)),
        }
    }
    found
}

/// A row per distinct operation of `cases`, with the times that `time` finds.
pub(crate) fn rows<B: Backend>(
    checker: &Checker<'_, B>,
    cases: &[Case],
    threads: Option<usize>,
    precision: &str,
    mut time: impl FnMut(&Case, &mut Prepared<B>) -> Result<Times>,
) -> Result<Vec<Row>> {
    let row = |(case, count): (&Case, usize)| {
        let name = case.to_string();
        checker
            .check(case)
            .with_context(|| format!("{name} is wrong"))?;
        let times = time(case, &mut checker.prepare(case))?;
        let row = Row::new(format!("op/{name}"), threads, precision, &times);
        Ok(Row {
            count,
            ..row.with(Cost::of([case]))
        })
    };
    distinct(cases).into_iter().map(row).collect()
}

/// The operations of the MNIST iteration on a processor; on one thread beside the same work in
/// separate passes.
pub(crate) fn on_processor(threads: usize, effort: Effort) -> Result<Vec<Row>> {
    let native = Native::<f32>::new(Some(threads))?;
    let checker = Checker::new(&native);
    let mut ratios = Vec::new();
    let mut rows = rows(
        &checker,
        &on_processors(&mnist_operations()?),
        Some(threads),
        "f32",
        |case, fused| {
            // The processor's operations do not fail.
            let fused = turn(|| fused.run(&native).unwrap_or_default());
            let unfused = Unfused::new(case).filter(|_| threads == 1);
            let unfused = unfused.map(|mut it| Ok(turn(move || it.run())));
            let (times, mut others) = effort.in_turn(fused, unfused.into_iter().collect())?;
            ratios.push(others.pop().transpose()?.map(|other| other.ratio));
            Ok(times)
        },
    )?;
    for (row, ratio) in rows.iter_mut().zip(ratios) {
        row.unfused = ratio;
    }
    Ok(rows)
}
