//! The operations of an MNIST iteration, each alone.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use gan_kernels::cases::{Case, Checker, Op, linear_bwd_data, linear_logit_loss};
use gan_kernels::cube::{Precision, Recording};
use gan_kernels::{Activation, Backend, Objective};

use super::{Gpu, timed};
use crate::cost::{self, Cost};
use crate::game::mnist_iteration;
use crate::results::Row;

/// Runs in a recorded list, so that what launching costs the host is not seen.
const RUNS: usize = 20;

/// Rows of all operations in the iteration's order, each distinct one once and checked against the
/// f64 oracle before it is timed.
///
/// An operation that is repeated finds its operands in the caches, as most of an iteration's do:
/// the game's parameters take less than a large GPU's second level holds.
///
/// # Errors
/// If a result is wrong, or something goes wrong on the device.
pub fn timeline(gpu: &Gpu, precision: Precision) -> Result<Vec<Row>> {
    let cube = gpu.open(precision)?;
    let matrix = |rows, cols| cube.matrix(rows, cols);
    let checker = Checker {
        factor_epsilon: precision.epsilon(),
        ..Checker::new(&cube, &matrix)
    };
    let cases = operations();
    let mut counts = BTreeMap::new();
    for case in &cases {
        *counts.entry(case.to_string()).or_insert(0) += 1;
    }
    let runs = if gpu.quick { 1 } else { RUNS };
    let mut rows = Vec::new();
    for case in &cases {
        let name = case.to_string();
        let Some(count) = counts.remove(&name) else {
            continue;
        };
        if !gpu.quick {
            checker
                .check(case)
                .with_context(|| format!("{name} is wrong"))?;
        }
        let mut prepared = checker.prepare(case);
        let mut recording = Recording::default();
        let times = gpu.time(&cube, || {
            cube.repeat(&mut recording, || {
                // None of these operations reads anything back.
                (0..runs).for_each(|_| prepared.run(&cube).unwrap_or_default());
            });
        })?;
        let mut row = timed(format!("op/{name}"), precision, &times);
        row.seconds = row.seconds.map(|seconds| seconds / runs as f64);
        let Cost { flop, bytes } = cost_of(case);
        rows.push(Row {
            count,
            flop,
            bytes,
            ..row
        });
    }
    Ok(rows)
}

/// The iteration's operations as a device launches them: D's last layer, its objective and the
/// gradient below are one.
pub(super) fn operations() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for case in mnist_iteration() {
        let last = cases.last_mut();
        match (case.op, last) {
            (Op::LogitLoss(call), Some(last)) => last.op = head(call.rows, call.objective),
            // Its gradient, which it has written already.
            (Op::LinearBwdData(linear_bwd_data::Call { shape, .. }), _) if shape.n == 1 => {}
            _ => cases.push(case),
        }
    }
    cases
}

fn head(rows: usize, objective: Objective) -> Op {
    let inputs = mnist_iteration().iter().find_map(|case| match case.op {
        Op::LinearBwdData(linear_bwd_data::Call {
            shape,
            act: act @ Activation::Maxout { .. },
            dropout,
        }) if shape.n == 1 => Some((shape.k, (act, dropout))),
        _ => None,
    });
    let (inputs, below) = inputs.unwrap_or((1, (Activation::Identity, None)));
    Op::LinearLogitLoss(linear_logit_loss::Call {
        rows,
        inputs,
        objective,
        weight: 1.0,
        below: Some(below),
    })
}

fn cost_of(case: &Case) -> Cost {
    match case.op {
        // Inputs of both kinds of rows, and the gradient of all five pieces.
        Op::LinearLogitLoss(linear_logit_loss::Call { rows, inputs, .. }) => Cost {
            flop: case.flop() as f64,
            bytes: (4 * rows * inputs * 6) as f64,
        },
        _ => cost::operation(&case.op),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_those_that_a_device_launches() {
        // Of the 19 launches `advance` is no operation of a case here, and each of the two that
        // step a player's three layers is timed as three.
        assert_eq!(operations().len(), 22);
        let heads = operations().into_iter().filter(|case| {
            matches!(
                case.op,
                Op::LinearLogitLoss(linear_logit_loss::Call { inputs: 240, .. })
            )
        });
        assert_eq!(heads.count(), 2);
    }
}
