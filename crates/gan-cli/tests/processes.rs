//! Several processes that train together, started by `mpirun`.

#![cfg(all(feature = "mpi", target_os = "linux"))]
#![allow(clippy::unwrap_used, reason = "tests end where they fail")]

mod common;

use std::process::Command;

use common::{Folder, Ran, TINY};

/// How `mpirun` starts as many processes as there may be no cores for.
fn mpirun(processes: usize) -> Vec<String> {
    let words = format!(
        "env OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 \
         mpirun --oversubscribe -n {processes}"
    );
    words.split_whitespace().map(str::to_owned).collect()
}

fn run(folder: &Folder, processes: usize, line: &str) -> Ran {
    let by = mpirun(processes);
    folder.run_by(&by.iter().map(String::as_str).collect::<Vec<_>>(), line)
}

/// The games: maxout, dropout, momentum and a limit on columns; and Adam, pairs of packed records, a
/// penalty and a mean of G. Both in four microbatches, with checkpoints within readings.
fn folder() -> Folder {
    let folder = Folder::new();
    let cut = TINY
        .replace("minibatch = 7", "minibatch = 8\nmicrobatches = 4")
        .replace(
            "[optimizer]",
            "[optimizer]\nkind = \"momentum\"\nlearning_rate = 0.05\nmax_column_norm = 0.9",
        )
        .replace("checkpoint_every = 100", "checkpoint_every = 25");
    folder.write("tiny.toml", &cut);
    let modern = "extends = \"ring8-modern\"\n[data]\ncount = 700\n[run]\nsteps = 200\n\
                  log_every = 10\ncheckpoint_every = 25\n[game]\nminibatch = 32\nmicrobatches = 4\n";
    folder.write("modern.toml", modern);
    folder
}

#[test]
fn any_number_of_processes_writes_the_same_run() {
    let folder = folder();
    for game in ["tiny", "modern"] {
        let line = |run: &str| format!("train {game}.toml --steps 200 --out {run}");
        folder.run(&line(&format!("{game}1"))).exits(0);
        for processes in [2, 4] {
            let name = format!("{game}{processes}");
            let said = run(&folder, processes, &line(&name)).exits(0).stdout();
            assert_eq!(said.matches("done: 200 steps").count(), 1, "{said}");
        }
        let same = |other: usize| {
            let of = |run: usize, file: &str| folder.bytes(&format!("{game}{run}/{file}"));
            for file in [
                "checkpoints/step-000200.safetensors",
                "samples/step-000200.png",
            ] {
                assert!(of(1, file) == of(other, file), "{file} of {game}{other}");
            }
            let metrics = |run: usize| folder.metrics(&format!("{game}{run}"));
            assert_eq!(metrics(1), metrics(other));
        };
        [2, 4].into_iter().for_each(same);
    }
}

#[test]
fn a_process_that_dies_ends_the_others_and_the_run_goes_on_with_fewer() {
    let folder = folder();
    let by = mpirun(2);
    let by: Vec<_> = by.iter().map(String::as_str).collect();
    let line = "train tiny.toml --steps 1000000 --out run";
    let mut started = folder.start_by(&by, line, "run", 50);
    // The newest of the children of `mpirun`, which is not process 0.
    let parent = started.id().to_string();
    let killed = Command::new("pkill")
        .args(["--signal", "KILL", "--newest", "--parent", &parent])
        .status();
    assert!(killed.unwrap().success(), "no child of {parent}");
    assert_ne!(started.end(), Some(0));

    let total = folder.last_checkpoint("run").unwrap() + 100;
    folder.check(&format!(
        "
        0 train --resume run --steps {total}
        0 train tiny.toml --steps {total} --out whole
        "
    ));
    let last = |run| folder.bytes(&format!("{run}/checkpoints/step-{total:06}.safetensors"));
    assert!(last("whole") == last("run"));
}

#[test]
fn what_cannot_be_played_together_is_told_once() {
    let folder = folder();
    let said = run(&folder, 3, "train tiny.toml --out run")
        .exits(2)
        .stderr();
    let expected =
        "error: process 0: 3 processes: found game.microbatches = 4, expected a multiple of 3";
    assert_eq!(said.matches(expected).count(), 1, "{said}");
    assert!(said.contains("--set game.microbatches=3"), "{said}");
    assert!(!folder.has("run"));
}
