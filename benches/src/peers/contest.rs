//! One peer against this library: its losses first, then times in turn.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::process::{Hello, Peer};
use super::{Kind, Outcome, PeerRow, row, skipped};
use crate::timing::Times;

/// How a peer is checked and timed.
pub(super) struct Contest<'a> {
    pub(super) expected: &'a [Vec<f64>],
    pub(super) tolerance: f64,
    /// Iterations that are counted before it is the other's turn.
    pub(super) turn: usize,
    /// Iterations before them, which bring caches and threads back.
    pub(super) settle: usize,
    pub(super) pairs: usize,
    pub(super) budget: Duration,
    /// When the peer must have answered, if that matters.
    pub(super) until: Option<Instant>,
}

impl Contest<'_> {
    /// The row of the peer that `command` starts, whose stderr goes to `log`.
    pub(super) fn row(
        &self,
        kind: &Kind,
        threads: usize,
        precision: &str,
        command: &mut Command,
        log: &Path,
        ours: &mut dyn FnMut(usize) -> Result<f64>,
    ) -> PeerRow {
        let mut row = row(kind, threads, precision, Outcome::Skipped(String::new()));
        let started = Peer::start(command, log, self.until);
        row.outcome = match started {
            Err(error) => skipped(&error),
            Ok((_, Hello::Skip { skip })) => Outcome::Skipped(skip),
            Ok((mut peer, Hello::Ready { versions, .. })) => {
                row.versions = versions;
                self.meet(&mut peer, ours)
                    .unwrap_or_else(|error| skipped(&error))
            }
        };
        row
    }

    fn meet(&self, peer: &mut Peer, ours: &mut dyn FnMut(usize) -> Result<f64>) -> Result<Outcome> {
        let loss_gap = gap(&peer.check()?, self.expected)?;
        ensure!(
            loss_gap <= self.tolerance,
            "computes another game: losses differ by {loss_gap:.1e}, expected at most {:.0e}",
            self.tolerance
        );
        let turn = |run: &mut dyn FnMut(usize) -> Result<f64>| {
            if self.settle > 0 {
                run(self.settle)?;
            }
            run(self.turn)
        };
        // Not counted: compilers, buffers that grow, pages that are touched.
        turn(ours)?;
        turn(&mut |count| peer.run(count))?;
        let (mut a, mut b, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        let start = Instant::now();
        while a.len() < self.pairs || start.elapsed() < self.budget {
            let pair = (turn(ours)?, turn(&mut |count| peer.run(count))?);
            a.push(pair.0);
            b.push(pair.1);
            ratios.push(pair.1 / pair.0);
        }
        let [ours, theirs, ratios] = [a, b, ratios].map(Times::new);
        Ok(Outcome::Measured {
            ours_ms: ours.median(),
            ours_spread: ours.spread(),
            theirs_ms: theirs.median(),
            theirs_spread: theirs.spread(),
            ratio: ratios.median(),
            loss_gap,
        })
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
