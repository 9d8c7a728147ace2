//! Files of events, as TensorBoard reads them.

#![allow(clippy::unwrap_used, reason = "tests end where they fail")]

mod common;

use common::{Folder, python_with, run_script};

/// Reads the events in `events` by TensorBoard, where there is one, and compares them with the run.
#[track_caller]
fn check(folder: &Folder, events: &str, run: &str) {
    if let Some(python) = python_with("tensorboard, numpy") {
        let arguments = [folder.path(events), folder.path(run)];
        run_script(&python, "check_tensorboard.py", &arguments);
    }
}

/// A run with several pictures that writes events.
const LINE: &str = "train tiny.toml --out run --set run.tensorboard=true --set run.sample_every=50";

#[test]
fn tensorboard_reads_each_reading_and_each_picture_once() {
    let folder = Folder::new();
    folder.run(LINE).exits(0);
    check(&folder, "run", "run");
    folder
        .run("export run --tensorboard board")
        .exits(0)
        .says(&["tensorboard --logdir board"]);
    check(&folder, "board", "run");
    folder.check(
        "
        2 export run --tensorboard board | is there already | --overwrite
        0 export run --tensorboard board --overwrite
        2 export run/checkpoints/step-000300.safetensors --tensorboard b | not the directory of a run
        ",
    );
    check(&folder, "board", "run");
    // A new run in its place leaves none of the old events.
    folder
        .run(&format!("{LINE} --overwrite --steps 100"))
        .exits(0);
    check(&folder, "run", "run");
}

#[test]
fn events_of_a_run_that_was_killed_and_continued_are_those_of_one_that_was_not() {
    let folder = Folder::new();
    let long = LINE.replace("=50", "=500") + " --set run.steps=1000000 --set run.log_every=50";
    let mut started = folder.start_and_wait(&long, "run", 1000);
    started.kill();
    let step = folder.last_checkpoint("run").unwrap();
    let line = format!("train --resume run --steps {}", step + 500);
    folder.run(&line).exits(0);
    check(&folder, "run", "run");
    // What was not asked for at first can be later.
    folder
        .run("train tiny.toml --out other --steps 100 --set run.sample_every=50")
        .exits(0);
    assert!(!folder.list("other").contains("tfevents"));
    folder
        .run("train --resume other --steps 200 --set run.tensorboard=true")
        .exits(0);
    check(&folder, "other", "other");
}
