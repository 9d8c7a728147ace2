//! Training, stopping, continuing and sampling with the real program.

mod common;

use std::path::Path;

use common::Folder;

/// Checkpoints and readings of the runs that are stopped in the middle.
const PACE: &str = "--set run.checkpoint_every=500 --set run.log_every=50";
/// No machine comes to the end of this before it is stopped.
const ENDLESS: &str = "--steps 1000000000";

#[test]
fn train_resume_sample_info_round_trip() {
    let folder = Folder::new();
    folder.check("0 train tiny.toml | runs/tiny-1");
    for file in [
        "config.toml",
        "metrics.jsonl",
        "losses.svg",
        "report.html",
        "run.log",
        "samples/step-000300.png",
        "checkpoints/step-000300.safetensors",
    ] {
        assert!(folder.has(&format!("runs/tiny-1/{file}")), "{file}");
    }
    assert_eq!(folder.metrics("runs/tiny-1").len(), 30);
    assert_eq!(folder.metrics("runs/tiny-1")[29]["step"], 300);

    // Longer is allowed; the same again is not.
    folder.write("c.tmp", "the user's");
    folder.check(
        "
        2 train --resume runs/tiny-1 | is done: 300 steps | --steps 600
        0 train --resume tiny-1 --steps 400
        0 sample runs/tiny-1 -n 9 --out a.npy
        0 sample runs/tiny-1 -n 20 --out b.csv
        0 sample runs/tiny-1 --out c.png
        0 sample runs/tiny-1/checkpoints/step-000400.safetensors --seed 3
        0 info tiny-1 | built-in ring8, 700 records
        ",
    );
    assert_eq!(folder.metrics("runs/tiny-1").len(), 40);
    assert_eq!(folder.read("c.tmp"), "the user's");
    let default = "runs/tiny-1/samples/sample-step-000400-seed-3.png";
    assert!(folder.bytes(default).starts_with(b"\x89PNG"));
    assert!(folder.bytes("c.png").starts_with(b"\x89PNG"));
    assert_eq!(folder.read("b.csv").lines().count(), 20);
    // Samples are addressed: the first nine are the same whatever the number and the form.
    let npy = folder.bytes("a.npy");
    let first = f32::from_le_bytes(npy[npy.len() - 9 * 8..][..4].try_into().unwrap());
    let csv = folder.read("b.csv");
    let (value, _) = csv.split_once(',').unwrap();
    assert_eq!(value.parse::<f32>().unwrap(), first);

    let info = &folder.run("info runs/tiny-1 --json").exits(0).json()[0];
    assert_eq!(info["step"], 400);
    assert_eq!(info["preset"], "tiny");
    // 2·5 + 5 and 5·2 + 2; 2·6 + 6 and 3 + 1.
    assert_eq!(info["generator_parameters"], 27);
    assert_eq!(info["discriminator_parameters"], 22);
    let device = info["device"].as_str().unwrap();
    assert!(device.starts_with("cpu"), "{info}");
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
    elsewhere.check(
        r#"
        0 sample model.safetensors -n 5 --out s.csv
        0 sample model.safetensors
        2 sample model.safetensors -n 5 --out s.csv | is there already | --overwrite
        0 sample model.safetensors -n 5 --out s.csv --overwrite
        2 sample model.safetensors --out s.jpg | found extension "jpg" | png, npy, csv
        "#,
    );
    assert!(elsewhere.has("sample-step-000020-seed-1.png"));
}

#[test]
fn config_of_a_run_runs_again_to_the_same_bytes() {
    let folder = Folder::new();
    folder.run("train tiny.toml --out a --threads 1").exits(0);
    folder.write("tiny2.toml", &folder.read("a/config.toml"));
    folder.run("train tiny2.toml --out b --threads 2").exits(0);
    for file in ["config.toml", "samples/step-000300.png"] {
        let [a, b] = ["a", "b"].map(|run| folder.bytes(&format!("{run}/{file}")));
        assert!(a == b, "{file}");
    }
    assert_eq!(folder.metrics("a"), folder.metrics("b"));
}

#[test]
fn resume_equals_the_uninterrupted_run_after_a_kill_and_an_interrupt() {
    let folder = Folder::new();
    let start = |run: &str| {
        let line = format!("train tiny.toml {PACE} {ENDLESS} --out {run}");
        folder.start_and_wait(&line, run, 1000)
    };
    start("killed").kill();
    assert_eq!(start("stopped").signal("-INT"), Some(130));

    // How far they came depends on the machine; the comparison goes beyond both.
    let at = ["killed", "stopped"].map(|run| folder.last_checkpoint(run).unwrap());
    let total = at[0].max(at[1]).next_multiple_of(500) + 500;
    folder.check(&format!(
        "
        0 train --out whole tiny.toml {PACE} --steps {total}
        0 train --resume killed --steps {total}
        0 train --resume stopped --steps {total}
        "
    ));
    let last = |run| folder.bytes(&format!("{run}/checkpoints/step-{total:06}.safetensors"));
    assert!(last("whole") == last("killed"));
    assert!(last("whole") == last("stopped"));
    // The sums of a reading that was begun are in the checkpoint.
    assert_eq!(folder.metrics("whole"), folder.metrics("killed"));
    assert_eq!(folder.metrics("whole"), folder.metrics("stopped"));
}

/// The first signal is answered while an iteration takes long, and the second ends the run.
#[test]
fn interrupt_is_answered_in_the_middle_of_an_iteration() {
    let folder = Folder::new();
    // Half a teraflop in each iteration, on one thread.
    let line = "train ring8 --out run --threads 1 --steps 9 --set data.count=10000 \
                --set game.minibatch=8000 --set generator.layers.0.units=2000 \
                --set generator.layers.1.units=2000";
    let mut started = folder.start_and_wait(line, "run", 0);
    // From the first checkpoint to the first iteration it takes no time.
    std::thread::sleep(std::time::Duration::from_millis(500));
    let said = started.signal_and_listen("-INT");
    assert!(said.contains("Ctrl-C once more"), "{said}");
    assert_eq!(started.signal("-INT"), Some(130));
    assert_eq!(folder.last_checkpoint("run"), Some(0));
    let log = folder.read("run/run.log");
    assert!(!log.contains("interrupted after step"), "{log}");
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
    Folder::new().check(
        "
        2 train --resume | no run to continue
        0 train tiny.toml --steps 20
        0 train tiny.toml --steps 30
        0 train --resume --steps 40 | runs/tiny-2
        ",
    );
}

#[test]
fn resume_refuses_another_game_and_other_data() {
    Folder::new().check(
        "
        0 train tiny.toml --out run --steps 20
        2 train --resume run --steps 30 --set optimizer.learning_rate=0.5
            | optimizer.learning_rate cannot change
        2 train --resume run --steps 30 --seed 9 | seed cannot change
        0 sample run -n 700 --out a.csv
        0 sample run -n 700 --out b.csv --seed 2
        0 train tiny.toml --out table --steps 20 --data a.csv
        1 train --resume table --steps 30 --data b.csv | other training records
        0 train --resume run --steps 30 --set run.keep_checkpoints=1
        ",
    );
}

#[test]
fn resume_says_that_the_schedule_is_at_its_end() {
    let folder = Folder::new();
    let schedule = "optimizer.schedule={kind=\"linear\",floor=0.0,updates=10}";
    let ran = folder.run(&format!(
        "train tiny.toml --out run --steps 10 --set {schedule}"
    ));
    assert!(!ran.exits(0).stdout().contains("learning rate of"));
    folder.check(
        "0 train --resume run --steps 20 | learning rate of generator and discriminator to 0",
    );
}

#[test]
fn resume_passes_over_a_damaged_checkpoint() {
    let folder = Folder::new();
    folder.run("train tiny.toml --out run").exits(0);
    folder.write("run/checkpoints/step-000300.safetensors", "damaged");
    folder.write("run/samples/.step-000300.png.7.part", "half");
    folder.write("run/notes.tmp", "the user's");
    folder.check("0 train --resume run | trying the one before");
    assert_eq!(folder.metrics("run").len(), 30);
    assert!(!folder.has("run/samples/.step-000300.png.7.part"));
    assert!(folder.has("run/notes.tmp"));
}

#[test]
fn resume_leaves_out_damaged_readings_alone_and_says_which_are_lost() {
    let folder = Folder::new();
    folder.run("train tiny.toml --out run").exits(0);
    let metrics = folder.bytes("run/metrics.jsonl");
    let mut damaged = metrics.clone();
    let second = damaged.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    damaged[second + 3] = 0xff;
    std::fs::write(folder.path("run/metrics.jsonl"), damaged).unwrap();
    folder.check(
        "
        0 info run | warning: run/metrics.jsonl: line 2 is damaged; the reading in it is left out
        0 train --resume run --steps 310 | run/metrics.jsonl: line 2 is damaged
        ",
    );
    let steps = || -> Vec<_> {
        let lines = folder.metrics("run");
        lines
            .iter()
            .map(|line| line["step"].as_u64().unwrap())
            .collect()
    };
    let expected = (1..=31)
        .map(|reading| 10 * reading)
        .filter(|step| *step != 20);
    assert_eq!(steps(), expected.collect::<Vec<_>>());

    let lines = folder.read("run/metrics.jsonl");
    let kept: Vec<_> = lines.lines().take(20).collect();
    folder.write("run/metrics.jsonl", &(kept.join("\n") + "\n"));
    folder.check(
        "0 train --resume run --steps 320
            | warning: run/metrics.jsonl: the readings from after step 210 to step 310 are lost",
    );
    // Once said, it is known.
    let again = folder.run("train --resume run --steps 330").exits(0);
    assert!(!again.stdout().contains("lost"), "{}", again.stdout());
}

#[test]
fn second_run_gets_its_own_directory() {
    let folder = Folder::new();
    let first = "runs/tiny-1/checkpoints/step-000010.safetensors";
    folder.run("train tiny.toml --steps 10").exits(0);
    let before = folder.bytes(first);
    // A seed is shown as it is typed, without separators.
    folder.check(
        "
        0 train tiny.toml --steps 10 --seed 20141
        0 info tiny-2 | seed                      20141
        ",
    );
    assert!(before == folder.bytes(first));
    folder.check(
        "
        2 train tiny.toml --steps 10 --out runs/tiny-1
            | already holds a run | --resume runs/tiny-1 | --overwrite
        0 train tiny.toml --steps 20 --out runs/tiny-1 --overwrite
        ",
    );
    assert!(!folder.has(first));
}

#[test]
fn overwrite_never_touches_what_is_no_run() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("thesis")).unwrap();
    folder.write("thesis/chapter1.tex", "years of work");
    folder.check("2 train tiny.toml --out thesis --overwrite | found files that are no run");
    assert_eq!(folder.read("thesis/chapter1.tex"), "years of work");
}

#[test]
fn overwrite_removes_what_the_program_wrote_and_nothing_else() {
    let folder = Folder::new();
    // Somebody's web site has folders and a configuration of the same names.
    for file in ["config.toml", "samples/photo.txt", "evaluation/n.md"] {
        let path = folder.path(&format!("site/{file}"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "theirs").unwrap();
    }
    let listed = folder.list("site");
    folder.check(
        "
        2 train tiny.toml --out site --overwrite | found files that are no run | --out DIR
        2 train --resume site | not the directory of a run
        2 info site | found no checkpoint in it
        ",
    );
    assert_eq!(folder.list("site"), listed);

    folder.check(
        "
        0 train tiny.toml --out run --steps 20
        0 sample run -n 4
        0 evaluate run --samples 50 --metrics modes,parzen
        ",
    );
    let ours = folder.list("run");
    assert!(ours.contains("evaluation/step-000020/parzen.svg"), "{ours}");
    let theirs = [
        "checkpoints/mine.safetensors",
        "evaluation/step-000020/n.md",
        "notes.tmp",
        "samples/photo.png",
    ];
    for file in theirs {
        folder.write(&format!("run/{file}"), "theirs");
    }
    folder
        .run("train tiny.toml --out run --steps 10 --overwrite")
        .exits(0);
    let expected = "\
        checkpoints/mine.safetensors checkpoints/step-000000.safetensors \
        checkpoints/step-000010.safetensors config.toml evaluation/step-000020/n.md losses.svg \
        metrics.jsonl notes.tmp report.html run.log samples/photo.png samples/step-000010.png";
    assert_eq!(folder.list("run"), expected);
    for file in theirs {
        assert_eq!(folder.read(&format!("run/{file}")), "theirs", "{file}");
    }
}

#[test]
fn start_that_ended_before_its_first_checkpoint_is_begun_again() {
    let folder = Folder::new();
    folder
        .run("train tiny.toml --out whole --steps 10")
        .exits(0);
    let config = folder.read("whole/config.toml");
    for (left, name) in [
        (&[][..], "runs/tiny-1"),
        (&[("run.log", "")], "runs/tiny-2"),
        (
            &[("run.log", ""), (".config.toml.aB3dE6.part", "half")],
            "runs/tiny-3",
        ),
        (
            &[
                ("run.log", "x"),
                ("config.toml", &config),
                ("metrics.jsonl", ""),
                ("checkpoints/.step-000000.safetensors.aB3dE6.part", "half"),
            ],
            "runs/tiny-4",
        ),
    ] {
        std::fs::create_dir_all(folder.path(&format!("{name}/checkpoints"))).unwrap();
        for (file, text) in left {
            folder.write(&format!("{name}/{file}"), text);
        }
        // With a name or without one, and as the hint says.
        let [resume, again] = match name {
            "runs/tiny-3" => [
                format!("start it again, with --out {name}"),
                format!("tiny.toml --steps 10 --out {name}"),
            ],
            "runs/tiny-4" => {
                let again = format!("{name}/config.toml --out {name}");
                [format!("gan-cli train {again}"), again]
            }
            _ => [String::new(), "tiny.toml --steps 10".to_owned()],
        };
        if !resume.is_empty() {
            folder.check(&format!(
                "2 train --resume {name} | ended before its first checkpoint | {resume}"
            ));
        }
        folder.check(&format!("0 train {again} | {name}"));
        assert_eq!(folder.list(name), folder.list("whole"), "{name}");
        assert_eq!(folder.metrics(name), folder.metrics("whole"));
    }
}

#[test]
fn resume_makes_folders_anew() {
    let folder = Folder::new();
    let line = "train tiny.toml --out whole --set run.sample_every=100";
    folder.run(line).exits(0);
    let line = "train tiny.toml --out run --steps 100 --set run.sample_every=100";
    folder.run(line).exits(0);
    std::fs::remove_dir_all(folder.path("run/samples")).unwrap();
    // The picture of the checkpoint's own step is missing too, as after a kill between the two.
    folder.check(
        "
        0 train --resume run --steps 100 | samples       run/samples/step-000100.png
        2 train --resume run --steps 100 | is done
        ",
    );
    std::fs::remove_dir_all(folder.path("run/samples")).unwrap();
    folder.run("train --resume run --steps 300").exits(0);
    assert_eq!(folder.list("run"), folder.list("whole"));
    for step in [100, 200, 300] {
        let picture = format!("samples/step-000{step}.png");
        let [a, b] = ["run", "whole"].map(|run| folder.bytes(&format!("{run}/{picture}")));
        assert!(a == b, "{picture}");
    }
    std::fs::remove_dir_all(folder.path("run/samples")).unwrap();
    folder.check("0 sample run -n 4 | run/samples/sample-step-000300-seed-1.png: 4 samples");
}

#[test]
fn work_is_saved_before_anything_is_drawn() {
    let folder = Folder::new();
    folder.run("train tiny.toml --out run --steps 100").exits(0);
    // No folder can be made here.
    std::fs::remove_dir_all(folder.path("run/samples")).unwrap();
    folder.write("run/samples", "in the way");
    folder.check("1 train --resume run --steps 200 | run/samples: cannot be written");
    assert_eq!(folder.last_checkpoint("run"), Some(200));
}

#[test]
fn damaged_parts_of_a_run_are_passed_over_and_said() {
    let folder = Folder::new();
    folder.run("train tiny.toml --out whole").exits(0);
    let newest = "run/checkpoints/step-000300.safetensors";
    for (what, damage) in [
        (
            "empty",
            &(|path: &Path| std::fs::write(path, "")) as &dyn Fn(&Path) -> std::io::Result<()>,
        ),
        ("a folder", &|path| std::fs::create_dir(path)),
        ("short", &|path| {
            let bytes = std::fs::read(path.with_file_name("step-000200.safetensors"))?;
            std::fs::write(path, &bytes[..bytes.len() - 1])
        }),
        #[cfg(unix)]
        ("a link that leads nowhere", &|path| {
            std::os::unix::fs::symlink("/nonexistent", path)
        }),
    ] {
        folder.run("train tiny.toml --out run --overwrite").exits(0);
        std::fs::remove_file(folder.path(newest)).unwrap();
        damage(&folder.path(newest)).unwrap();
        folder.check(&format!(
            "
            0 sample run -n 3 --out s.csv --overwrite | warning: {newest}: | trying the one before
                | step 200
            0 info run | warning: {newest}: | step                      200
            0 evaluate run --samples 50 --metrics modes | warning: {newest}:
            0 train --resume run | warning: {newest}: | trying the one before
            "
        ));
        for file in [
            "checkpoints/step-000300.safetensors",
            "samples/step-000300.png",
        ] {
            let [a, b] = ["run", "whole"].map(|run| folder.bytes(&format!("{run}/{file}")));
            assert!(a == b, "{what}: {file}");
        }
        // It may be readable elsewhere, or by another program.
        let aside = folder.path(&format!("{newest}.unreadable"));
        assert!(std::fs::symlink_metadata(&aside).is_ok(), "{what}");
        std::fs::remove_dir(&aside)
            .or_else(|_| std::fs::remove_file(&aside))
            .unwrap();
        assert_eq!(folder.metrics("run"), folder.metrics("whole"), "{what}");
    }

    let config = folder.read("run/config.toml");
    for (steps, damaged) in [(310, "steps = = 3"), (320, ""), (330, "\u{1}[data]\n")] {
        folder.write("run/config.toml", damaged);
        folder.check(&format!(
            "
            0 info run
            2 train --resume run --set run.step=1 | --set run.step=1: run.step: unknown key
            0 train --resume run --steps {steps}
                | warning: run/config.toml | taking the configuration of the checkpoint
            "
        ));
        let expected = config.replace("steps = 300", &format!("steps = {steps}"));
        assert_eq!(folder.read("run/config.toml"), expected);
    }
    std::fs::remove_file(folder.path("run/config.toml")).unwrap();
    folder.check("0 train --resume run --steps 340 | warning: run/config.toml: cannot be read");
    for step in [320, 330, 340] {
        folder.write(&format!("run/checkpoints/step-000{step}.safetensors"), "");
    }
    for command in ["sample", "info", "train --steps 400 --resume"] {
        folder.check(&format!(
            "1 {command} run | run/checkpoints/step-000340.safetensors: not a checkpoint
                | nor can any of the 2 before it be read"
        ));
    }
}

#[test]
fn two_processes_do_not_train_in_one_run() {
    let folder = Folder::new();
    let line = format!("train tiny.toml --out run {PACE} {ENDLESS}");
    let mut started = folder.start_and_wait(&line, "run", 500);
    folder.check(
        "
        1 train --resume run | another process is training
        1 train tiny.toml --out run --overwrite | another process is training
        ",
    );
    started.kill();
    // Nothing of it was touched, and nobody holds it now.
    let is_logged = || {
        let log = folder.read("run/run.log");
        log.contains("checkpoint of step 500")
    };
    assert!(folder.last_checkpoint("run").unwrap() >= 500);
    assert!(is_logged());
    folder.run("train tiny.toml --out run --overwrite").exits(0);
    assert_eq!(folder.metrics("run").len(), 30);
    assert!(!is_logged());
}

#[test]
fn divergence_stops_the_run_and_keeps_the_last_good_checkpoint() {
    let folder = Folder::new();
    let own = "optimizer={kind=\"momentum\",learning_rate=1e30}";
    folder.check(&format!(
        "
        1 train tiny.toml --out run --set {own}
            | step | is not a finite number | diverged
            | --set optimizer.learning_rate=1.0e29 | step-000000.safetensors
        1 train tiny.toml --set generator.{own} --set discriminator.{own}
            | try --set generator.optimizer.learning_rate=1.0e29 --set discriminator.optimizer.\
              learning_rate=1.0e29;
        0 sample run -n 3 --out s.csv
        "
    ));
    assert_eq!(folder.last_checkpoint("run"), Some(0));
}

#[test]
fn json_is_one_event_per_line() {
    let folder = Folder::new();
    let ran = folder.run("train tiny.toml --json --set run.sample_every=100");
    let events = ran.exits(0).json();
    let count = |name: &str| events.iter().filter(|event| event["event"] == name).count();
    let counts = ["start", "metrics", "sample", "checkpoint"].map(count);
    assert_eq!(counts, [1, 30, 3, 4]);
    assert_eq!(events.last().unwrap()["event"], "done");
    assert_eq!(events.last().unwrap()["quality"]["modes"], 8);
}

#[test]
fn modes_are_counted_in_the_units_of_the_data() {
    let folder = Folder::new();
    let ran = folder.run("train tiny.toml --json --out run --set data.normalize=standardize");
    let done = ran.exits(0).json().pop().unwrap();
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
    for preset in ["digits", "figure1", "grid25"] {
        folder.check(&format!(
            "
            0 train {preset} --steps 3 --out {preset} --set data.count=300 {layers}
            0 sample {preset} -n 4
            "
        ));
        let picture = folder.bytes(&format!("{preset}/samples/step-000003.png"));
        assert!(picture.starts_with(b"\x89PNG"), "{preset}");
    }
    // A table of one's own, with names.
    let row = |i| format!("{},{},{}\n", 5 * i % 13, i * i % 7, 3 * i % 11);
    let rows: String = (0..50).map(row).collect();
    folder.write("table.csv", &format!("age,height,weight\n{rows}"));
    folder.check(
        "
        0 train tiny.toml --data table.csv --steps 5 --out table
        0 sample table -n 2 --out t.csv
        ",
    );
    assert!(folder.has("table/samples/step-000005.png"));
    assert!(folder.read("t.csv").starts_with("age,height,weight\n"));
}

#[test]
fn tables_are_understood_before_training_and_written_as_they_are() {
    let folder = Folder::new();
    let row = |i: u32| {
        let (born, price) = (1 + i * 7 % 28, f64::from(i * 37 % 100) / 4.0);
        let member = ["no", "yes"][i as usize % 2];
        format!(
            "{i};1999-02-{born:02};{};{member};kg\n",
            format!("{price:.2}").replace('.', ",")
        )
    };
    let rows: String = (0..100).map(row).collect();
    folder.write("people.csv", &format!("id;born;price;member;unit\n{rows}"));
    folder.check(
        "
        0 data people.csv --out people.png
            | records  100: 90 to train, 10 to validate, 0 to test
            | numbered anew when written: id | id      counts the records from 0 on
            | born    times as %Y-%m-%d, 1999-02-01 to 1999-02-22; 4 levels: 1999-02-
            | price   numbers of up to 2 decimals, 0,00 to
            | member  one of two words; 2 levels:
            | unit    always kg | picture  people.png
        0 data people.csv --set data.split=\"tail\" --set data.drop=[\"born\"] | price
        0 data ring8 | records  50,000: 40,000 to train | vectors  2 values each
        1 data nowhere.csv | nowhere.csv: no such file
        0 train tiny.toml --data people.csv --steps 5 --out run
            | 80 to train, 10 to validate, 10 to test
        0 sample run -n 40 --out made.csv
        ",
    );
    assert!(folder.bytes("people.png").starts_with(b"\x89PNG"));
    let made = folder.read("made.csv");
    let mut lines = made.lines();
    assert_eq!(lines.next(), Some("born;price;member;unit"));
    for line in lines {
        let cells: Vec<_> = line.split(';').collect();
        let [born, price, member, unit] = cells[..] else {
            panic!("{line}");
        };
        assert!(("1999-02-01"..="1999-02-28").contains(&born), "{line}");
        let price: f64 = price.replace(',', ".").parse().unwrap();
        assert!((0.0..=24.75).contains(&price), "{line}");
        assert!(["no", "yes"].contains(&member), "{line}");
        assert_eq!(unit, "kg");
    }
    assert_eq!(made.lines().count(), 41);
}

#[test]
#[cfg(target_os = "linux")]
fn progress_and_device_fit_any_terminal_from_60_columns_on() {
    for columns in [60, 100] {
        let folder = Folder::new();
        let line = "train tiny.toml --device auto --precision f32 --steps 5000 --out run";
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
