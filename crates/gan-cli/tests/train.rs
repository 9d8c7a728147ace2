//! Training, stopping, continuing and sampling with the real program.

mod common;

use common::Folder;

/// Checkpoints and readings of the runs that are stopped in the middle.
const PACE: &str = "--set run.checkpoint_every=500 --set run.log_every=50";
/// No machine comes to the end of this before it is stopped.
const ENDLESS: &str = "--steps 1000000000";

#[test]
fn train_resume_sample_info_round_trip() {
    let folder = Folder::new();
    let ran = folder.run("train tiny.toml").exits(0);
    assert!(ran.stdout().contains("runs/tiny-1"), "{}", ran.stdout());
    for file in [
        "config.toml",
        "metrics.jsonl",
        "losses.svg",
        "run.log",
        "samples/step-000300.png",
        "checkpoints/step-000300.safetensors",
    ] {
        assert!(folder.has(&format!("runs/tiny-1/{file}")), "{file}");
    }
    assert_eq!(folder.metrics("runs/tiny-1").len(), 30);
    assert_eq!(folder.metrics("runs/tiny-1")[29]["step"], 300);

    // Longer is allowed; the same again is not.
    folder
        .run("train --resume runs/tiny-1")
        .exits(2)
        .complains(&["is done: 300 steps", "--steps 600"]);
    folder.run("train --resume tiny-1 --steps 400").exits(0);
    assert_eq!(folder.metrics("runs/tiny-1").len(), 40);

    folder.run("sample runs/tiny-1 -n 9 --out a.npy").exits(0);
    folder.run("sample runs/tiny-1 -n 20 --out b.csv").exits(0);
    folder.write("c.tmp", "the user's");
    folder.run("sample runs/tiny-1 --out c.png").exits(0);
    assert_eq!(folder.read("c.tmp"), "the user's");
    folder
        .run("sample runs/tiny-1/checkpoints/step-000400.safetensors --seed 3")
        .exits(0);
    let default = "runs/tiny-1/samples/sample-step-000400-seed-3.png";
    assert!(folder.bytes(default).starts_with(b"\x89PNG"));
    assert!(folder.bytes("c.png").starts_with(b"\x89PNG"));
    assert_eq!(folder.read("b.csv").lines().count(), 20);
    // Samples are addressed: the first nine are the same whatever the number and the form.
    let npy = folder.bytes("a.npy");
    let first = f32::from_le_bytes(npy[npy.len() - 9 * 8..][..4].try_into().unwrap());
    let csv = folder.read("b.csv");
    assert_eq!(
        csv.split(',').next().unwrap().parse::<f32>().unwrap(),
        first
    );

    let ran = folder.run("info runs/tiny-1 --json").exits(0);
    let info: serde_json::Value = serde_json::from_str(&ran.stdout()).unwrap();
    assert_eq!(info["step"], 400);
    assert_eq!(info["preset"], "tiny");
    // 2·5 + 5 and 5·2 + 2; 2·6 + 6 and 3 + 1.
    assert_eq!(info["generator_parameters"], 27);
    assert_eq!(info["discriminator_parameters"], 22);
    assert!(
        info["device"].as_str().unwrap().starts_with("cpu"),
        "{info}"
    );
    let text = folder.run("info tiny-1").exits(0).stdout();
    assert!(text.contains("built-in ring8, 700 records"), "{text}");
}

#[test]
fn sample_needs_the_checkpoint_file_alone() {
    let folder = Folder::new();
    folder.run("train tiny.toml --out run --steps 20").exits(0);
    let elsewhere = Folder::new();
    std::fs::copy(
        folder.path("run/checkpoints/step-000020.safetensors"),
        elsewhere.path("model.safetensors"),
    )
    .unwrap();
    elsewhere
        .run("sample model.safetensors -n 5 --out s.csv")
        .exits(0);
    elsewhere.run("sample model.safetensors").exits(0);
    assert!(elsewhere.has("sample-step-000020-seed-1.png"));
    elsewhere
        .run("sample model.safetensors --out s.jpg")
        .exits(2)
        .complains(&["found extension \"jpg\"", "png, npy, csv"]);
}

#[test]
fn config_of_a_run_runs_again_to_the_same_bytes() {
    let folder = Folder::new();
    folder.run("train tiny.toml --out a --threads 1").exits(0);
    folder.write("tiny2.toml", &folder.read("a/config.toml"));
    folder.run("train tiny2.toml --out b --threads 2").exits(0);
    assert_eq!(folder.read("a/config.toml"), folder.read("b/config.toml"));
    assert_eq!(folder.metrics("a"), folder.metrics("b"));
    assert_eq!(
        folder.bytes("a/samples/step-000300.png"),
        folder.bytes("b/samples/step-000300.png")
    );
}

#[test]
fn resume_equals_the_uninterrupted_run_after_a_kill_and_an_interrupt() {
    let folder = Folder::new();
    let endless = format!("train tiny.toml {PACE} {ENDLESS}");
    folder
        .start_and_wait(&format!("{endless} --out killed"), "killed", 1000)
        .kill();
    let stopped = folder
        .start_and_wait(&format!("{endless} --out stopped"), "stopped", 1000)
        .signal("-INT");
    assert_eq!(stopped, Some(130));

    // How far they came depends on the machine; the comparison goes beyond both.
    let at = ["killed", "stopped"].map(|run| folder.last_checkpoint(run).unwrap());
    let total = at[0].max(at[1]).next_multiple_of(500) + 500;
    for line in [
        format!("--out whole tiny.toml {PACE}"),
        "--resume killed".into(),
        "--resume stopped".into(),
    ] {
        folder
            .run(&format!("train {line} --steps {total}"))
            .exits(0);
    }
    let last = format!("checkpoints/step-{total:06}.safetensors");
    let whole = folder.bytes(&format!("whole/{last}"));
    assert!(whole == folder.bytes(&format!("killed/{last}")));
    assert!(whole == folder.bytes(&format!("stopped/{last}")));
    // After a kill the readings are those of the run that was not killed: the last checkpoint
    // stands at the end of an interval.
    assert_eq!(folder.metrics("whole"), folder.metrics("killed"));
}

#[test]
fn sigterm_saves_and_says_so() {
    let folder = Folder::new();
    let line = format!("train tiny.toml --out run {PACE} {ENDLESS}");
    let mut started = folder.start_and_wait(&line, "run", 500);
    assert_eq!(started.signal("-TERM"), Some(130));
    let log = folder.read("run/run.log");
    assert!(log.contains("interrupted after step"), "{log}");
}

#[test]
fn resume_without_a_name_takes_the_newest_run() {
    let folder = Folder::new();
    folder
        .run("train --resume")
        .exits(2)
        .complains(&["no run to continue"]);
    folder.run("train tiny.toml --steps 20").exits(0);
    folder.run("train tiny.toml --steps 30").exits(0);
    let ran = folder.run("train --resume --steps 40").exits(0);
    assert!(ran.stdout().contains("runs/tiny-2"), "{}", ran.stdout());
}

#[test]
fn resume_refuses_another_game_and_other_data() {
    let folder = Folder::new();
    folder.run("train tiny.toml --out run --steps 20").exits(0);
    folder
        .run("train --resume run --steps 30 --set optimizer.learning_rate=0.5")
        .exits(2)
        .complains(&["optimizer.learning_rate cannot change"]);
    folder
        .run("train --resume run --steps 30 --seed 9")
        .exits(2)
        .complains(&["seed cannot change"]);
    folder.run("sample run -n 700 --out a.csv").exits(0);
    folder
        .run("sample run -n 700 --out b.csv --seed 2")
        .exits(0);
    folder
        .run("train tiny.toml --out table --steps 20 --data a.csv")
        .exits(0);
    folder
        .run("train --resume table --steps 30 --data b.csv")
        .exits(1)
        .complains(&["other training records"]);
    folder
        .run("train --resume run --steps 30 --set run.keep_checkpoints=1")
        .exits(0);
}

#[test]
fn resume_says_that_the_schedule_is_at_its_end() {
    let folder = Folder::new();
    let schedule = "optimizer.schedule={kind=\"linear\",floor=0.0,updates=10}";
    let ran = folder.run(&format!(
        "train tiny.toml --out run --steps 10 --set {schedule}"
    ));
    assert!(!ran.exits(0).stdout().contains("learning rate of"));
    let ran = folder.run("train --resume run --steps 20").exits(0);
    let warning = "learning rate of generator and discriminator to 0";
    assert!(ran.stdout().contains(warning), "{}", ran.stdout());
}

#[test]
fn resume_passes_over_a_damaged_checkpoint() {
    let folder = Folder::new();
    folder.run("train tiny.toml --out run").exits(0);
    folder.write("run/checkpoints/step-000300.safetensors", "damaged");
    folder.write("run/samples/.step-000300.png.7.part", "half");
    folder.write("run/notes.tmp", "the user's");
    let ran = folder.run("train --resume run").exits(0);
    assert!(
        ran.stdout().contains("trying the one before"),
        "{}",
        ran.stdout()
    );
    assert_eq!(folder.metrics("run").len(), 30);
    assert!(!folder.has("run/samples/.step-000300.png.7.part"));
    assert!(folder.has("run/notes.tmp"));
}

#[test]
fn second_run_gets_its_own_directory() {
    let folder = Folder::new();
    folder.run("train tiny.toml --steps 10").exits(0);
    let before = folder.bytes("runs/tiny-1/checkpoints/step-000010.safetensors");
    folder.run("train tiny.toml --steps 10 --seed 2").exits(0);
    assert!(folder.has("runs/tiny-2/config.toml"));
    assert!(before == folder.bytes("runs/tiny-1/checkpoints/step-000010.safetensors"));
    folder
        .run("train tiny.toml --steps 10 --out runs/tiny-1")
        .exits(2)
        .complains(&["already holds a run", "--resume runs/tiny-1", "--overwrite"]);
    folder
        .run("train tiny.toml --steps 20 --out runs/tiny-1 --overwrite")
        .exits(0);
    assert!(!folder.has("runs/tiny-1/checkpoints/step-000010.safetensors"));
}

#[test]
fn overwrite_never_touches_what_is_no_run() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("thesis")).unwrap();
    folder.write("thesis/chapter1.tex", "years of work");
    folder
        .run("train tiny.toml --out thesis --overwrite")
        .exits(2)
        .complains(&["found files that are no run"]);
    assert_eq!(folder.read("thesis/chapter1.tex"), "years of work");
}

#[test]
fn two_processes_do_not_train_in_one_run() {
    let folder = Folder::new();
    let line = format!("train tiny.toml --out run {PACE} {ENDLESS}");
    let mut started = folder.start_and_wait(&line, "run", 500);
    for other in ["--resume run", "tiny.toml --out run --overwrite"] {
        folder
            .run(&format!("train {other}"))
            .exits(1)
            .complains(&["another process is training"]);
    }
    started.kill();
    // Nothing of it was touched, and nobody holds it now.
    assert!(folder.last_checkpoint("run").unwrap() >= 500);
    assert!(
        folder
            .read("run/run.log")
            .contains("checkpoint of step 500")
    );
    folder.run("train tiny.toml --out run --overwrite").exits(0);
    assert_eq!(folder.metrics("run").len(), 30);
    assert!(
        !folder
            .read("run/run.log")
            .contains("checkpoint of step 500")
    );
}

#[test]
fn divergence_stops_the_run_and_keeps_the_last_good_checkpoint() {
    let folder = Folder::new();
    let ran = folder
        .run(
            "train tiny.toml --out run --set optimizer.kind=momentum \
             --set optimizer.learning_rate=1e30",
        )
        .exits(1)
        .complains(&[
            "is not a finite number",
            "diverged",
            "--set optimizer.learning_rate=1.0e29",
            "step-000000.safetensors",
        ]);
    assert!(ran.stderr().contains("step "), "{}", ran.stderr());
    assert_eq!(folder.last_checkpoint("run"), Some(0));
    let own = "optimizer={kind=\"momentum\",learning_rate=1e30}";
    folder
        .run(&format!(
            "train tiny.toml --set generator.{own} --set discriminator.{own}"
        ))
        .exits(1)
        .complains(&["try --set generator.optimizer.learning_rate=1.0e29 \
             --set discriminator.optimizer.learning_rate=1.0e29;"]);
    folder.run("sample run -n 3 --out s.csv").exits(0);
}

#[test]
fn json_is_one_event_per_line() {
    let folder = Folder::new();
    let ran = folder
        .run("train tiny.toml --json --set run.sample_every=100")
        .exits(0);
    let events: Vec<serde_json::Value> = ran
        .stdout()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let count = |name: &str| events.iter().filter(|event| event["event"] == name).count();
    assert_eq!(count("start"), 1);
    assert_eq!(count("metrics"), 30);
    assert_eq!(count("sample"), 3);
    assert_eq!(count("checkpoint"), 4);
    assert_eq!(events.last().unwrap()["event"], "done");
    assert_eq!(events.last().unwrap()["quality"]["modes"], 8);
}

#[test]
fn modes_are_counted_in_the_units_of_the_data() {
    let folder = Folder::new();
    let ran = folder
        .run("train tiny.toml --json --out run --set data.normalize=standardize")
        .exits(0);
    let done: serde_json::Value =
        serde_json::from_str(ran.stdout().lines().last().unwrap()).unwrap();
    // The samples of the picture, in the units of the data.
    folder.run("sample run -n 2000 --out s.csv").exits(0);
    let text = folder.read("s.csv");
    let near = |row: &&str| {
        let (x, y) = row.split_once(',').unwrap();
        let at: [f64; 2] = [x.parse().unwrap(), y.parse().unwrap()];
        (0..8).any(|mode| {
            let angle = f64::from(mode) * std::f64::consts::FRAC_PI_4;
            (at[0] - angle.cos()).hypot(at[1] - angle.sin()) <= 0.03
        })
    };
    let good = text.lines().filter(near).count();
    assert!(good > 0);
    assert_eq!(done["quality"]["high_quality"], good as f64 / 2000.0);
}

#[test]
fn every_kind_of_record_has_its_picture() {
    let folder = Folder::new();
    let layers = "--set generator.layers.0.units=4 --set generator.layers.1.units=4 \
                  --set discriminator.layers.0.units=4 --set discriminator.layers.1.units=4";
    for (preset, count) in [("digits", 300), ("figure1", 300), ("grid25", 300)] {
        folder
            .run(&format!(
                "train {preset} --steps 3 --out {preset} --set data.count={count} {layers}"
            ))
            .exits(0);
        let picture = folder.bytes(&format!("{preset}/samples/step-000003.png"));
        assert!(picture.starts_with(b"\x89PNG"), "{preset}");
        folder.run(&format!("sample {preset} -n 4")).exits(0);
    }
    // A table of one's own, with names.
    let rows: String = (0..50)
        .map(|i| format!("{i},{},{}\n", i * i % 7, 3 * i % 11))
        .collect();
    folder.write("table.csv", &format!("age,height,weight\n{rows}"));
    folder
        .run("train tiny.toml --data table.csv --steps 5 --out table")
        .exits(0);
    assert!(folder.has("table/samples/step-000005.png"));
    folder.run("sample table -n 2 --out t.csv").exits(0);
    assert!(folder.read("t.csv").starts_with("age,height,weight\n"));
}

#[test]
#[cfg(target_os = "linux")]
fn progress_and_device_fit_any_terminal_from_60_columns_on() {
    for columns in [60, 80, 100, 132] {
        let folder = Folder::new();
        let line = "train tiny.toml --device auto --precision f32 --steps 20000 --out run";
        let seen = folder.watch(line, columns);
        let bars: Vec<_> = seen.iter().filter(|line| line.contains('█')).collect();
        assert!(!bars.is_empty(), "{seen:?}");
        let device = seen.iter().filter(|line| line.starts_with("device "));
        for line in bars.into_iter().chain(device) {
            let used = line.trim_end().chars().count();
            assert!(used < columns, "{used} of {columns}: {line}");
        }
    }
}
