//! Sweeps: several runs at once, stopped, killed and gone on with.

#![allow(clippy::unwrap_used, reason = "tests end where they fail")]

mod common;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use common::Folder;

/// Two settings from two seeds.
const FOUR: &str = "sweep tiny.toml --seeds 1..2 --set optimizer.learning_rate=0.01,0.02 --jobs 2";

/// The rows of `sweep.csv` by the names of their runs, each with its cells by the names of columns.
fn table(folder: &Folder, sweep: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(folder.path(sweep).join("sweep.csv")).unwrap();
    let head = reader.headers().unwrap().clone();
    let row = |record: csv::StringRecord| {
        let cells = head.iter().zip(&record);
        let cells = cells.map(|(name, cell)| (name.to_owned(), cell.to_owned()));
        (record[0].to_owned(), cells.collect())
    };
    reader
        .records()
        .map(|record| row(record.unwrap()))
        .collect()
}

#[test]
fn sweep_trains_what_train_trains_and_keeps_what_is_done() {
    let folder = Folder::new();
    let said = folder.run(FOUR).exits(0).stdout();
    for part in [
        "4 runs, 0 of them done, 2 at once",
        "mean over seeds",
        "  best          sweeps/tiny/learning_rate=0.0",
        "gan-cli sample sweeps/tiny/learning_rate=0.0",
    ] {
        assert!(said.contains(part), "{part:?} is not in:\n{said}");
    }
    let rows = table(&folder, "sweeps/tiny");
    assert_eq!(rows.len(), 4);
    for row in rows.values() {
        assert_eq!(
            (row["state"].as_str(), row["steps"].as_str()),
            ("done", "300")
        );
        assert_eq!(row["modes"], "8");
    }
    let one = "sweeps/tiny/learning_rate=0.02,seed=2";
    folder
        .run("train tiny.toml --out alone --seed 2 --set optimizer.learning_rate=0.02")
        .exits(0);
    assert_eq!(folder.metrics(one), folder.metrics("alone"));
    // The best run stands first, and is the one that has found most.
    let text = folder.read("sweeps/tiny/sweep.csv");
    let best = text.lines().nth(1).unwrap();
    let key = |row: &BTreeMap<String, String>| {
        let number = |name: &str| row[name].parse::<f64>().unwrap();
        (number("modes_found"), number("high_quality"))
    };
    let most = rows
        .values()
        .max_by(|a, b| key(a).partial_cmp(&key(b)).unwrap());
    let most = &most.unwrap()["run"];
    assert!(best.contains(most.as_str()), "{text}");

    let times = |run: &str| folder.bytes(&format!("{run}/metrics.jsonl"));
    let before = times(one);
    let said = folder.run(&FOUR.replace("1..2", "1..3")).exits(0).stdout();
    assert!(said.contains("6 runs, 4 of them done"), "{said}");
    assert_eq!(times(one), before);
    assert_eq!(table(&folder, "sweeps/tiny").len(), 6);

    // What all runs share may not change behind those that are done.
    folder
        .run(&format!("{FOUR} --steps 200"))
        .exits(2)
        .complains(&[
            "sweeps/tiny: found a sweep with another run.steps",
            "--out DIR",
        ]);
    folder
        .run(&format!("{FOUR} --steps 200 --out other"))
        .exits(0);
}

#[test]
fn run_that_fails_is_named_and_ends_no_other() {
    let folder = Folder::new();
    let line = "sweep tiny.toml --set optimizer.learning_rate=1e30,0.01 --jobs 1";
    let ran = folder.run(line).exits(1);
    let failed = "sweeps/tiny/learning_rate=1e30: the objective of step";
    let ran = ran.complains(&[failed, "the game has diverged", "hint: the learning rate"]);
    ran.says(&["failed   learning_rate=1e30", "done     learning_rate=0.01"]);
    let rows = table(&folder, "sweeps/tiny");
    assert_eq!(rows["learning_rate=1e30"]["state"], "failed");
    assert!(rows["learning_rate=1e30"]["error"].contains("diverged"));
    assert_eq!(rows["learning_rate=0.01"]["state"], "done");
    // What failed is tried again, and what is done is not.
    let again = folder.run(line).exits(1).stdout();
    assert!(again.contains("2 runs, 1 of them done"), "{again}");
}

#[test]
fn what_cannot_be_swept_is_refused_before_anything_is_trained() {
    let folder = Folder::new();
    folder.check(
        "
        2 sweep tiny.toml | found nothing to vary | --seeds
        2 sweep tiny.toml --set game.minibatch=7,0 | game.minibatch: found 0
        2 sweep tiny.toml --set game.minibach=7,8 | did you mean minibatch?
        2 sweep tiny.toml --seeds 3..1 | a range upwards
        2 sweep tiny.toml --seeds 1..2 --only 3 | found a sweep of 2 runs
        2 sweep tiny.toml --seeds 1..2 --set seed=5 | seed: found it twice
        ",
    );
    assert!(!folder.has("sweeps"));
}

/// A sweep of two runs that take longer than any test waits.
const LONG: &str = "sweep tiny.toml --seeds 1..2 --jobs 2 --set run.steps=100000000 \
                    --set run.log_every=100 --set run.checkpoint_every=1000";

#[cfg(unix)]
#[test]
fn sweep_that_is_interrupted_saves_its_runs_within_seconds() {
    let folder = Folder::new();
    for signal in ["-INT", "-TERM"] {
        let mut sweep = folder.start_and_wait(LONG, "sweeps/tiny/seed=1", 1000);
        let begun = Instant::now();
        assert_eq!(sweep.signal(signal), Some(130), "{signal}");
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(5), "{signal}: {took:?}");
        let log = folder.read("sweeps/tiny/seed=1/run.log");
        assert!(
            log.trim_end()
                .lines()
                .last()
                .unwrap()
                .contains("interrupted after step"),
            "{log}"
        );
        let rows = table(&folder, "sweeps/tiny");
        assert_eq!(rows["seed=1"]["state"], "interrupted");
        std::fs::remove_dir_all(folder.path("sweeps")).unwrap();
    }
}

#[test]
fn sweep_that_is_killed_goes_on_and_ends_with_the_same_numbers() {
    let folder = Folder::new();
    let line = "sweep tiny.toml --seeds 1..3 --jobs 2 --set run.steps=6000 --set run.log_every=100 \
                --set run.checkpoint_every=500";
    let mut sweep = folder.start_and_wait(line, "sweeps/tiny/seed=1", 500);
    sweep.kill();
    // Its runs end by themselves, saved, and are gone on with.
    folder.run(line).exits(0);
    for seed in 1..=3 {
        let run = format!("sweeps/tiny/seed={seed}");
        let alone = format!("alone-{seed}");
        let line = format!(
            "train tiny.toml --seed {seed} --out {alone} --steps 6000 --set run.log_every=100 \
             --set run.checkpoint_every=500"
        );
        folder.run(&line).exits(0);
        assert_eq!(folder.metrics(&run), folder.metrics(&alone), "{seed}");
        let checkpoint = "checkpoints/step-006000.safetensors";
        let [one, other] = [run, alone].map(|run| folder.bytes(&format!("{run}/{checkpoint}")));
        assert_eq!(one, other, "{seed}");
    }
    let log = folder.read("sweeps/tiny/seed=1/run.log");
    assert_eq!(log.matches("seed 1, step ").count(), 2, "{log}");
}

/// Both look at every run before either has begun it.
#[test]
fn sweeps_that_begin_at_once_share_their_runs() {
    let folder = Folder::new();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| folder.run(FOUR).exits(0));
        }
    });
    let done = table(&folder, "sweeps/tiny");
    assert!(done.values().all(|row| row["state"] == "done"), "{done:?}");
}

#[test]
fn plans_are_commands_that_do_the_same() {
    let folder = Folder::new();
    let line = "sweep tiny.toml --seeds 4..5 --set run.steps=40 --set generator.latent=2,3";
    let commands = folder
        .run(&format!("{line} --plan=commands"))
        .exits(0)
        .stdout();
    let commands: Vec<_> = commands.lines().collect();
    assert_eq!(
        commands[1],
        "gan-cli train tiny.toml --set run.steps=40 --seed 4 --set generator.latent=3 --out \
         sweeps/tiny/latent=3,seed=4"
    );
    assert_eq!(commands.len(), 4);
    let script = folder
        .run(&format!("{line} --plan=slurm"))
        .exits(0)
        .stdout();
    assert!(script.starts_with("#!/bin/sh\n#SBATCH --job-name=tiny\n#SBATCH --array=1-4\n"));
    let only = script.trim_end().lines().last().unwrap();
    let only = only.strip_prefix("exec gan-cli ").unwrap();
    let all = folder.run(&format!("{line} --plan")).exits(0).stdout();
    assert!(all.contains("| parallel --jobs "), "{all}");
    assert!(all.contains(commands[3]), "{all}");
    assert!(!folder.has("sweeps"));

    // The first by its command, the others as the array of jobs would.
    folder
        .run(commands[0].strip_prefix("gan-cli ").unwrap())
        .exits(0);
    for number in ["1", "2", "3", "4"] {
        folder
            .run(&only.replace("\"$SLURM_ARRAY_TASK_ID\"", number))
            .exits(0);
    }
    let said = folder.run(line).exits(0).stdout();
    assert!(said.contains("4 runs, 4 of them done"), "{said}");
    let done = table(&folder, "sweeps/tiny");
    assert!(done.values().all(|row| row["state"] == "done"), "{done:?}");
}

/// Where the measure is the comparison with held-out records, the lowest is the best.
#[test]
fn sweep_of_a_table_is_sorted_by_how_well_samples_are_told_from_held_out_records() {
    let folder = Folder::new();
    let rows = (0..500).map(|row| {
        let colour = ["red", "green", "blue"][row * row % 7 % 3];
        format!("{colour},{:.2}\n", (row as f64 * 0.37).sin() * 5.0)
    });
    folder.write(
        "people.csv",
        &format!("colour,size\n{}", rows.collect::<String>()),
    );
    let line = "sweep people.csv --seeds 1..2 --steps 100 --set run.check_every=50 \
                --set game.minibatch=16 --set generator.layers.0.units=8 \
                --set generator.layers.1.units=8 --set discriminator.layers.0.units=8 \
                --set discriminator.layers.1.units=8";
    let said = folder.run(line).exits(0).stdout();
    assert!(
        said.contains("  best          sweeps/people/seed="),
        "{said}"
    );
    // Each run warns of it.
    let warning = "450 training records are few";
    assert_eq!(said.matches(warning).count(), 1, "{said}");
    assert!(said.contains("warning  seed="), "{said}");
    let text = folder.read("sweeps/people/sweep.csv");
    let told = |line: usize| -> f64 {
        let row = text.lines().nth(line).unwrap();
        row.split(',').nth(5).unwrap().parse().unwrap()
    };
    assert!((0.0..=told(2).max(0.5)).contains(&told(1)), "{text}");

    // Runs of a table would stand beside runs of another one.
    let warning = "people.csv: has changed since the sweep began";
    assert!(!folder.run(line).exits(0).stdout().contains(warning));
    folder.write(
        "people.csv",
        &folder.read("people.csv").replace("red", "pink"),
    );
    let said = folder.run(line).exits(0).stdout();
    assert!(said.contains(warning), "{said}");
}
