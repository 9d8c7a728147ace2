//! The iteration in the documents is the trainer's own, call by call.
#![allow(clippy::unwrap_used)] // What a test cannot unwrap has failed it.

use std::collections::BTreeMap;

use gan_kernels::{Affine, ByteScale, RecordedCall, Recorder, Records, Values};
use gan_model::{Trainer, TrainingData};
use gan_run::config::RunConfig;

const ARCHITECTURE: &str = include_str!("../docs/architecture.md");
const GAMES: &str = include_str!("../docs/games.md");

/// The calls of one iteration of a preset on images of MNIST's size.
fn calls(preset: &str) -> Vec<RecordedCall> {
    const PIXELS: usize = 784;
    let config = RunConfig::preset(preset).unwrap().game();
    let pixels = Values::Bytes {
        data: vec![0; 500 * PIXELS],
        scale: ByteScale::Uniform(Affine::PIXELS),
    };
    let data = TrainingData {
        records: Records::new(PIXELS, pixels),
        mean: vec![0.1; PIXELS],
        heads: Vec::new(),
        given: Vec::new(),
    };
    let recorder = Recorder::default();
    let mut trainer = Trainer::new(recorder.clone(), &config, 1, data).unwrap();
    trainer.step();
    recorder.calls_of(|| trainer.step())
}

fn operations(calls: &[RecordedCall]) -> Vec<&'static str> {
    calls
        .iter()
        .map(|call| call.cases[0].op.operation())
        .collect()
}

/// The numbered operations of the picture, where a range such as 11–12 stands for each number.
fn pictured(known: &[&'static str]) -> BTreeMap<usize, &'static str> {
    let picture = ARCHITECTURE.split("```").nth(1).unwrap();
    let words: Vec<&str> = picture.split_whitespace().collect();
    let mut calls = BTreeMap::new();
    for pair in words.windows(2) {
        let name = pair[1].trim_end_matches(':');
        let (first, last) = pair[0].split_once('–').unwrap_or((pair[0], pair[0]));
        if let (Some(name), Ok(first), Ok(last)) = (
            known.iter().find(|known| **known == name),
            first.parse(),
            last.parse::<usize>(),
        ) {
            calls.extend((first..=last).map(|number| (number, *name)));
        }
    }
    calls
}

#[test]
fn architecture_pictures_the_calls_of_an_iteration_in_their_order() {
    let operations = operations(&calls("mnist"));
    let pictured = pictured(&operations);
    let numbers: Vec<usize> = pictured.keys().copied().collect();
    assert_eq!(numbers, (1..=operations.len()).collect::<Vec<_>>());
    assert_eq!(pictured.into_values().collect::<Vec<_>>(), operations);
}

#[test]
fn architecture_counts_the_calls_of_an_iteration_and_their_work() {
    let calls = calls("mnist");
    let flop: u64 = calls
        .iter()
        .flat_map(|call| &call.cases)
        .map(|case| case.op.flop())
        .sum();
    let sum = format!("{} calls and {:.2} GFLOP", calls.len(), flop as f64 / 1e9);
    assert!(ARCHITECTURE.contains(&sum), "{sum}");

    let mut counts = BTreeMap::new();
    for operation in operations(&calls) {
        *counts.entry(operation).or_insert(0) += 1;
    }
    for (operation, count) in counts {
        let row = |name: &str| ARCHITECTURE.contains(&format!("| `{name}` | {count} |"));
        assert!(
            row(operation) || row(&format!("{operation}_each")),
            "{operation}: {count}"
        );
    }
}

#[test]
fn architecture_counts_the_operations() {
    let ops = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/gan-kernels/src/ops");
    let folders = std::fs::read_dir(ops).unwrap().map(Result::unwrap);
    let count = folders.filter(|entry| entry.path().is_dir()).count();
    let words = format!("as {count} fused operations");
    assert!(ARCHITECTURE.contains(&words), "{words}");
}

#[test]
fn games_counts_the_calls_of_simultaneous_updates() {
    let count = calls("mnist-simultaneous").len();
    assert!(
        GAMES.contains(&format!("an iteration is {count} calls")),
        "{count}"
    );
}
