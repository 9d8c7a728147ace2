//! Runs that are made to fail, and one that is not: what the real program says of them.

#![allow(clippy::unwrap_used, reason = "tests end where they fail")]

mod common;

use common::{Folder, Ran, assert_contains};

/// A game that is played in a second or two, on a mixture of eight.
const SMALL: &str = r#"
extends = "ring8"
[data]
count = 3000
[run]
steps = 2000
log_every = 20
sample_every = 0
checkpoint_every = 1000
[game]
minibatch = 50
[optimizer]
schedule = { kind = "constant" }
[generator]
layers = [{ units = 16, activation = "leaky-relu" }, { activation = "identity" }]
[discriminator]
layers = [{ units = 24, activation = "leaky-relu" }, { activation = "sigmoid" }]
"#;

/// G starts in the middle of the ring and hardly moves, D moves fast.
const D_WINS: &str = "--set generator.layers.1.init=0.01 \
    --set generator.optimizer={kind=\"adam\",learning_rate=1e-5} \
    --set optimizer.learning_rate=0.01";
/// A G of rectifiers that moves so far that they are dead for all latents.
const G_COLLAPSES: &str = "--steps 4000 --set generator.optimizer={kind=\"adam\",learning_rate=0.05} \
    --set optimizer.learning_rate=0.005 --set generator.layers.0.activation=relu";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("small.toml", SMALL);
    folder
}

/// The lines about findings but for those of the summary.
fn findings(ran: &Ran) -> Vec<String> {
    let stdout = ran.stdout();
    let lines = stdout.lines().filter(|line| line.starts_with("finding"));
    lines.map(str::to_owned).collect()
}

/// The events about findings.
fn events(ran: &Ran) -> Vec<serde_json::Value> {
    let mut events = ran.json();
    events.retain(|event| event["event"] == "diagnosis");
    events
}

#[test]
fn d_that_wins_in_the_minimax_game_is_named_with_the_objective_that_helps() {
    let folder = folder();
    let ran = folder
        .run(&format!(
            "train small.toml --out run {D_WINS} --set game.generator_objective=minimax"
        ))
        .exits(0);
    let said = findings(&ran);
    assert!(said[0].contains("D wins outright since step 1"), "{said:?}");
    assert!(said.iter().all(|line| line.contains("D wins")), "{said:?}");
    let remedy = "usually helps: --set game.generator_objective=non-saturating";
    assert!(said[0].ends_with(remedy), "{said:?}");
    assert!(folder.read("run/run.log").contains("D wins outright"));
    let svg = folder.read("run/losses.svg");
    let parts = [">D wins<", ">gradient norms<", ">modes<", ">saturation, "];
    assert_contains(&svg, &parts);
    // Open to the end, so the summary has it again.
    ran.says(&["\n  finding       D wins outright"]);
    folder.check("0 info run | D wins outright since step 1");
}

#[test]
fn d_that_wins_otherwise_and_g_that_collapses_are_named_with_what_can_be_typed() {
    let folder = folder();
    for (spoil, kind, expected) in [
        (
            D_WINS,
            "discriminator-wins",
            "--set discriminator.layers.1.keep=0.5",
        ),
        (
            G_COLLAPSES,
            "generator-collapsed",
            "--set generator.optimizer.learning_rate=",
        ),
    ] {
        let ran = folder.run(&format!("train small.toml --json {spoil}"));
        let said = events(&ran.exits(0));
        assert_eq!(said.len(), 1, "{said:?}");
        assert_eq!(said[0]["kind"], kind, "{said:?}");
        let remedy = said[0]["remedy"].as_str().unwrap();
        assert!(remedy.starts_with(expected), "{remedy}");
        folder.check(&format!(
            "0 train small.toml {spoil} {remedy} --set run.steps=1"
        ));
    }
}

#[test]
fn numbers_that_blow_up_are_named_with_lower_rates() {
    let folder = folder();
    let rates = "--set optimizer.kind=momentum --set optimizer.learning_rate=1e3";
    let ran = folder
        .run(&format!("train small.toml --out run --json {rates}"))
        .exits(1)
        .complains(&["has diverged", "try --set optimizer.learning_rate=1.0e2"]);
    let said = events(&ran);
    assert_eq!(said[0]["kind"], "diverging", "{said:?}");
    assert_eq!(said[0]["remedy"], "--set optimizer.learning_rate=1.0e2");
    assert!(folder.read("run/losses.svg").contains(">diverging<"));

    // Adam's steps are bounded: objectives are wild, but numbers.
    let ran = folder
        .run("train small.toml --out adam --set optimizer.learning_rate=1e3")
        .exits(0);
    let said = findings(&ran);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("diverging since step 20"), "{said:?}");
    assert!(said[0].ends_with("--set optimizer.learning_rate=1.0e2"));
}

#[test]
fn category_that_vanishes_is_named_in_train_and_in_evaluate() {
    let folder = folder();
    let row = |i: usize| {
        let cells = (0..4).map(|job| if i % 4 == job { ",1" } else { ",0" });
        let cells: String = cells.collect();
        format!("{}{cells}\n", (i % 4) as f64 + (i * 37 % 100) as f64 / 50.0)
    };
    let rows: String = (0..1200).map(row).collect();
    folder.write("jobs.csv", &format!("pay,cook,nurse,clerk,smith\n{rows}"));
    folder.write("small.toml", &SMALL.replace("count = 3000", ""));
    let line = "train small.toml --steps 6000 --out run --data jobs.csv";
    let ran = folder.run(line).exits(0);
    let said = findings(&ran);
    let lost = "lost values of discrete columns since step ";
    assert!(said.iter().any(|line| line.contains(lost)), "{said:?}");
    // The summary has it with the numbers of the last look.
    let nurse = "nurse = 1 is in 0.0 % of samples, and in 25.5 % of records";
    ran.says(&[
        "\n  finding       G has lost values",
        nurse,
        "(256 samples of step 6000)",
    ]);
    let cure = "--set game.pack=2";
    let named = format!("helps: {cure}");
    assert!(said.iter().any(|line| line.ends_with(&named)), "{said:?}");
    let line = line.replace("--out run", "--out cured");
    let cured = folder.run(&format!("{line} {cure}")).exits(0);
    assert!(!cured.stdout().contains("finding"), "{}", cured.stdout());
    folder
        .run("evaluate run --samples 1000 --metrics values")
        .exits(0)
        .says(&[
            "verdict  collapsed: parts of the data occur far too rarely, or never",
            nurse,
            "Values of 4 discrete columns, in 1,000 samples",
        ]);
}

#[test]
fn table_of_a_few_rows_is_warned_of() {
    let folder = Folder::new();
    let base = common::TINY.replace("count = 700", "");
    folder.write("table.toml", &base);
    for (rows, warned) in [(500, true), (700, false)] {
        let text: String = (0..rows)
            .map(|i| format!("{},{}\n", i * 3 % 17, i))
            .collect();
        folder.write("few.csv", &text);
        let line = format!("train table.toml --steps 1 --data few.csv --out run-{rows}");
        let said = folder.run(&line).exits(0).stdout();
        let few = "warning: 400 training records are few";
        assert_eq!(said.contains(few), warned, "{said}");
    }
}

#[test]
fn presets_that_fail_name_what_is_wrong_and_a_cure_that_helps() {
    let folder = Folder::new();
    for (preset, code, kind, cure, steps) in [
        (
            "fail-vanishing",
            0,
            "gradient-vanished",
            "--set game.generator_objective=non-saturating",
            3000,
        ),
        (
            "fail-collapse",
            0,
            "generator-collapsed",
            "--set generator.optimizer.learning_rate=1.3e-2",
            8000,
        ),
        (
            "fail-diverging",
            1,
            "diverging",
            "--set optimizer.learning_rate=1.0e-1",
            30,
        ),
    ] {
        let line = format!("train {preset} --json --out");
        let said = events(&folder.run(&format!("{line} {preset}")).exits(code));
        let last = said.last().unwrap();
        assert_eq!(last["kind"], kind, "{said:?}");
        assert_eq!(last["passed"], serde_json::Value::Null, "{said:?}");
        assert_eq!(last["remedy"], cure, "{said:?}");
        // The preset's own text has the same cure.
        folder.check(&format!("0 presets {preset} | train {preset} {cure}"));
        let cured = folder.run(&format!("{line} cured-{preset} {cure} --steps {steps}"));
        let said = events(&cured.exits(0));
        assert!(said.iter().all(|event| event["kind"] != kind), "{said:?}");
    }
}

#[test]
fn healthy_game_is_silent_and_writes_what_it_looked_at() {
    let folder = folder();
    let line = "train small.toml --out run --set data.source=figure1 --steps 3000";
    let ran = folder.run(line).exits(0);
    assert_eq!(findings(&ran), [""; 0]);
    assert!(!ran.stdout().contains("finding"), "{}", ran.stdout());
    let lines = folder.metrics("run");
    // One look in ten readings.
    let looks: Vec<_> = lines
        .iter()
        .filter_map(|line| line.get("diversity"))
        .collect();
    assert_eq!((lines.len(), looks.len()), (150, 15));
    let last = looks[14].as_f64().unwrap();
    assert!((0.6..1.6).contains(&last), "{last}");
}

#[test]
fn resumed_run_neither_repeats_nor_forgets() {
    let folder = folder();
    let ran = folder
        .run(&format!("train small.toml --out run {D_WINS}"))
        .exits(0);
    assert_eq!(findings(&ran).len(), 1);
    let ran = folder.run("train --resume run --steps 2100").exits(0);
    assert_eq!(findings(&ran), [""; 0]);
    ran.says(&["\n  finding       D wins outright"]);
}

#[test]
fn run_of_a_program_that_did_not_look_goes_on() {
    let folder = folder();
    folder.check("0 train small.toml --out run --steps 400");
    let old = "\"diversity\":";
    let lines = folder.read("run/metrics.jsonl");
    let cut = |line: &str| match line.split_once(old) {
        Some((before, after)) => {
            let (_, after) = after.split_once("\"seconds\":").unwrap();
            format!("{before}\"seconds\":{after}\n")
        }
        None => format!("{line}\n"),
    };
    folder.write(
        "run/metrics.jsonl",
        &lines.lines().map(cut).collect::<String>(),
    );
    assert!(!folder.read("run/metrics.jsonl").contains(old));
    folder.run("train --resume run --steps 600").exits(0);
    assert!(folder.read("run/metrics.jsonl").contains(old));
    folder.run("info run").exits(0);
}
