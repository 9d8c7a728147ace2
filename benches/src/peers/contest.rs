//! One peer against this library: its losses first, then times in turn.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Result, ensure};

use super::process::Process;
use crate::results::{Comparison, Outcome};
use crate::timing::{Effort, Turn};

/// How a peer is checked and timed.
pub(super) struct Contest<'a> {
    pub(super) expected: &'a [Vec<f64>],
    pub(super) tolerance: f64,
    /// Iterations of a turn.
    pub(super) turn: usize,
    /// Iterations before them that do not count.
    pub(super) settle: usize,
    pub(super) effort: Effort,
    /// When the peer must have answered, if that matters.
    pub(super) until: Option<Instant>,
}

impl Contest<'_> {
    /// `row` with the outcome for the peer that `command` starts, whose stderr goes to `log`.
    pub(super) fn run(
        &self,
        mut row: Comparison,
        command: &mut Command,
        log: &Path,
        ours: Turn<'_>,
    ) -> Comparison {
        let outcome = Process::start(command, log, self.until).and_then(|mut process| {
            row.versions.clone_from(&process.versions);
            self.meet(&mut process, ours)
        });
        row.outcome = outcome.unwrap_or_else(|error| Outcome::skipped(&error));
        row
    }

    fn meet(&self, process: &mut Process, ours: Turn<'_>) -> Result<Outcome> {
        let gap = gap(&process.check()?, self.expected)?;
        ensure!(
            gap <= self.tolerance,
            "computes another game: losses differ by {gap:.1e}, expected at most {:.0e}",
            self.tolerance
        );
        let theirs: Turn<'_> = Box::new(|| {
            if self.settle > 0 {
                process.run(self.settle)?;
            }
            process.run(self.turn)
        });
        let (own, others) = self.effort.in_turn(ours, vec![Ok(theirs)])?;
        let outcomes = others
            .into_iter()
            .map(|other| Outcome::of(&own, other, Some(gap)));
        Ok(outcomes.last().unwrap_or(Outcome::Skipped(String::new())))
    }
}

/// Largest relative difference.
pub(super) fn gap(found: &[Vec<f64>], expected: &[Vec<f64>]) -> Result<f64> {
    let lengths = |rows: &[Vec<f64>]| rows.iter().map(Vec::len).collect::<Vec<_>>();
    ensure!(
        lengths(found) == lengths(expected),
        "found {found:?} as losses, expected {} rows of {}",
        expected.len(),
        expected.first().map_or(0, Vec::len)
    );
    let pairs = found.iter().flatten().zip(expected.iter().flatten());
    let gaps = pairs.map(|(found, expected)| (found / expected - 1.0).abs());
    // Not `f64::max`, which would hide a NaN.
    Ok(gaps.fold(0.0, |a, b| if b <= a || a.is_nan() { a } else { b }))
}
