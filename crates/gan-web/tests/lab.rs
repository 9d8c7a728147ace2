//! The page's game, natively: what it is asked, and that it is the program's own game.
#![allow(clippy::unwrap_used)] // What a test cannot unwrap has failed it.

use std::path::Path;

use gan_model::Checkpoint;
use gan_run::config::Overrides;
use gan_run::device::{Device, DeviceChoice, PrecisionChoice};
use gan_run::event::{Event, Observer};
use gan_run::plan::Plan;
use gan_run::run_dir::Existing;
use gan_web::Lab;
use serde_json::{Value, json};

/// Listens to nothing.
struct Quiet;

impl Observer for Quiet {
    fn event(&mut self, _: &Event<'_>) {}

    fn progress(&mut self, _: u64) {}
}

/// What the page asks, with a file behind it.
fn ask_with(lab: &mut Lab, request: Value, file: &[u8]) -> Value {
    let answer = lab.answer(request.to_string().as_bytes(), file);
    serde_json::from_str(&answer).unwrap()
}

fn ask(lab: &mut Lab, request: Value) -> Value {
    let answer = ask_with(lab, request, &[]);
    assert!(answer.get("error").is_none(), "{answer}");
    answer
}

fn open(lab: &mut Lab, preset: &str, sets: &[&str]) -> Value {
    ask(lab, json!({ "do": "open", "preset": preset, "sets": sets }))
}

/// The floats that an answer names.
fn floats<'a>(lab: &'a Lab, answer: &Value, key: &str) -> &'a [f32] {
    let [first, count] = [0, 1].map(|i| answer[key][i].as_u64().unwrap() as usize);
    &lab.floats()[first..first + count]
}

/// The last checkpoint of a run by the program, on one thread.
fn trained(preset: &Path, sets: &[&str], run: &Path) -> Checkpoint {
    let mut overrides = Overrides::default();
    sets.iter().for_each(|set| overrides.set(set).unwrap());
    let precision = PrecisionChoice::F32;
    let (device, _) = Device::open(DeviceChoice::Cpu, precision, Some(1)).unwrap();
    let plan = Plan::new_run(preset, &overrides, Some(run), Existing::Keep).unwrap();
    plan.train(device, precision, &mut Quiet).unwrap();
    let (_, last) = gan_run::run_dir::checkpoints(run).pop().unwrap();
    Checkpoint::load(&last).unwrap()
}

#[test]
fn games_of_the_page_are_the_programs_to_the_byte() {
    let folder = tempfile::tempdir().unwrap();
    let digits = ["data.count=300", "game.minibatch=16", "run.steps=12"];
    let packed = ["data.count=400", "game.pack=2", "run.steps=50"];
    for (name, preset, sets) in [
        ("ring", "ring8", &["data.count=500", "run.steps=130"][..]),
        ("digits", "digits", &digits),
        ("bell", "figure1", &["data.count=500", "run.steps=40"]),
        (
            "moons",
            "grid25",
            &["data.source=moons", "run.steps=25", "seed=7"],
        ),
        ("packed", "ring8-modern", &packed),
    ] {
        // Pictures take longer than these games.
        let sets = &[sets, &["run.sample_every=0"]].concat()[..];
        let run = folder.path().join(name);
        let expected = trained(Path::new(preset), sets, &run);
        let mut lab = Lab::default();
        let opened = open(&mut lab, preset, sets);
        // A call ends after some readings.
        let mut readings = Vec::new();
        loop {
            let played = ask(&mut lab, json!({ "do": "play", "iterations": 1_000_000 }));
            readings.extend(played["readings"].as_array().unwrap().clone());
            if played["done"] == json!(true) {
                assert_eq!(played["step"], opened["steps"], "{name}");
                break;
            }
        }
        let saved = ask(&mut lab, json!({ "do": "save" }));
        let path = Path::new(saved["name"].as_str().unwrap());
        let found = Checkpoint::from_bytes(lab.file(), path).unwrap();
        assert_eq!(found, expected, "{name}");
        let config = std::fs::read_to_string(run.join("config.toml")).unwrap();
        assert_eq!(opened["text"], config, "{name}");
        let lines = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
        let lines: Vec<Value> = lines
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        let untimed = |lines: &[Value]| {
            let mut lines = lines.to_vec();
            lines.iter_mut().for_each(|line| line["seconds"] = json!(0));
            lines
        };
        assert_eq!(untimed(&readings), untimed(&lines), "{name}");
    }
}

#[test]
fn checkpoints_go_from_the_program_to_the_page_and_on() {
    let folder = tempfile::tempdir().unwrap();
    let table: String = (0..200)
        .map(|i| format!("{},{}\n", i % 7, 3 * i % 11))
        .collect();
    let path = folder.path().join("points.csv");
    std::fs::write(&path, format!("x,y\n{table}")).unwrap();
    let content = std::fs::read(&path).unwrap();
    let source = format!("data.source={}", path.display());
    let sets = |steps| {
        [
            source.clone(),
            format!("run.steps={steps}"),
            "seed=5".to_owned(),
        ]
    };
    let trained = |steps: u32| {
        let sets = sets(steps);
        let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
        trained(
            Path::new("ring8"),
            &sets,
            &folder.path().join(steps.to_string()),
        )
    };
    let _half = trained(20);
    let run = folder.path().join("20");
    let (_, file) = gan_run::run_dir::checkpoints(&run).pop().unwrap();
    let mut both = content.clone();
    both.extend(std::fs::read(&file).unwrap());
    let mut lab = Lab::default();
    let resume = json!({ "do": "resume", "name": "half.safetensors", "content": content.len() });
    let resumed = ask_with(&mut lab, resume.clone(), &both);
    assert_eq!(resumed["step"], 20, "{resumed}");
    ask(
        &mut lab,
        json!({ "do": "play", "iterations": 11, "beyond": true }),
    );
    // In the middle of an iteration and of a reading: the iteration is finished, and the sums go on.
    ask(&mut lab, json!({ "do": "phase" }));
    ask(&mut lab, json!({ "do": "save" }));
    let mut again = content.clone();
    again.extend(lab.file());
    let resumed = ask_with(&mut lab, resume, &again);
    assert_eq!(resumed["step"], 32, "{resumed}");

    // Other records are refused.
    let other = [b"x,y\n1,2\n3,4\n5,6\n".as_slice(), &again[content.len()..]].concat();
    let resume = json!({ "do": "resume", "name": "a.safetensors", "content": other.len() - (again.len() - content.len()) });
    let refused = ask_with(&mut lab, resume, &other);
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("found other training records"),
        "{message}"
    );
}

#[test]
fn looks_have_what_the_kind_of_data_has() {
    let all = json!({
        "do": "look", "samples": 50, "data": 40, "surface": 8, "manifold": 5, "pull": true,
        "optimum": 10, "axis": 60, "zoom": 4.0,
    });
    for (preset, sets, parts) in [
        (
            "ring8",
            &["data.count=800"][..],
            &[
                ("samples", 100),
                ("data", 80),
                ("surface", 64),
                ("manifold", 50),
                ("pull", 256),
                ("optimum", 100),
            ][..],
        ),
        // Three latents have no grid, and a curve no modes.
        (
            "ring8",
            &[
                "data.source=spirals",
                "data.count=800",
                "generator.latent=3",
            ],
            &[
                ("samples", 100),
                ("data", 80),
                ("surface", 64),
                ("pull", 256),
                ("optimum", 100),
            ],
        ),
        (
            "figure1",
            &["data.count=800", "data.source=bells"],
            &[
                ("samples", 50),
                ("data", 40),
                ("p_data", 60),
                ("p_g", 60),
                ("d", 60),
                ("d_best", 60),
                ("mapped", 202),
            ],
        ),
        (
            "figure1",
            &["data.count=800", "generator.latent=4"],
            &[
                ("samples", 50),
                ("data", 40),
                ("p_data", 60),
                ("p_g", 60),
                ("d", 60),
                ("d_best", 60),
                ("mapped", 0),
            ],
        ),
        (
            "digits",
            &["data.count=100", "game.minibatch=8"],
            &[("samples", 50 * 784), ("data", 40 * 784)],
        ),
    ] {
        let mut lab = Lab::default();
        let opened = open(&mut lab, preset, sets);
        assert_eq!(opened["image"].is_null(), preset != "digits");
        ask(&mut lab, json!({ "do": "play", "iterations": 3 }));
        let looked = ask(&mut lab, all.clone());
        let mut known = vec![
            "step",
            "quality",
            "divergence",
            "best_value",
            "floor",
            "value",
            "from",
        ];
        for (key, length) in parts {
            let found = floats(&lab, &looked, key);
            assert_eq!(found.len(), *length, "{preset} {sets:?}: {key}");
            assert!(
                found
                    .iter()
                    .all(|x| x.is_finite() || key.contains("best") || *key == "optimum")
            );
            known.push(key);
        }
        for key in looked.as_object().unwrap().keys() {
            assert!(known.contains(&key.as_str()), "{preset} {sets:?}: {key}");
        }
        let has_modes = preset == "ring8" && sets.len() == 1
            || sets.len() == 2 && preset == "figure1" && sets[1].contains("bells");
        assert_eq!(
            looked.get("quality").is_some(),
            has_modes,
            "{preset} {sets:?}"
        );
        if let Some(divergence) = looked.get("divergence") {
            let (jsd, best) = (
                divergence.as_f64().unwrap(),
                looked["best_value"].as_f64().unwrap(),
            );
            assert!(
                (0.0..=std::f64::consts::LN_2 + 1e-9).contains(&jsd),
                "{jsd}"
            );
            assert!((best - (2.0 * jsd - 4.0_f64.ln())).abs() < 1e-12);
        }
    }
}

#[test]
fn failures_on_purpose_are_found_and_told_with_what_cures_them() {
    for (preset, kind, cure) in [
        (
            "fail-vanishing",
            "gradient-vanished",
            "game.generator_objective=non-saturating",
        ),
        (
            "fail-collapse",
            "generator-collapsed",
            "generator.optimizer.learning_rate=1.3e-2",
        ),
    ] {
        let mut lab = Lab::default();
        open(&mut lab, preset, &["data.count=4000"]);
        let mut found = None;
        while found.is_none() {
            let played = ask(&mut lab, json!({ "do": "play", "iterations": 500 }));
            let readings = played["readings"].as_array().unwrap();
            found = readings
                .iter()
                .find_map(|line| line.get("finding").cloned());
            assert!(found.is_some() || played["done"] != json!(true), "{preset}");
        }
        let found = found.unwrap();
        assert_eq!(
            (&found["kind"], &found["cure"]),
            (&json!(kind), &json!([cure]))
        );
    }
    let mut lab = Lab::default();
    open(&mut lab, "fail-diverging", &["data.count=300"]);
    let played = ask(&mut lab, json!({ "do": "play", "iterations": 300 }));
    let last = played["readings"].as_array().unwrap().last().unwrap();
    let message = last["diverged"]["message"].as_str().unwrap();
    assert!(message.contains("the game has diverged"), "{message}");
    let refused = ask_with(&mut lab, json!({ "do": "play", "iterations": 1 }), &[]);
    assert_eq!(refused["error"]["message"], message);
}

#[test]
fn mistakes_are_told_with_their_place_and_a_hint() {
    let mut lab = Lab::default();
    let open = |preset: &str, set: &str| json!({ "do": "open", "preset": preset, "sets": [set] });
    for (request, message, hint) in [
        (
            json!({ "do": "dance" }),
            "request: unknown variant `dance`",
            "",
        ),
        (
            json!({ "do": "play", "iterations": 1 }),
            "request: found no game",
            "",
        ),
        (
            open("ring9", "seed=1"),
            "ring9: found no preset",
            "did you mean ring8?",
        ),
        (
            open("ring8", "game.minibatch=0"),
            "--set game.minibatch=0: game.minibatch",
            "gan-cli presets --schema",
        ),
        (
            open("ring8", "game.discriminater_steps=2"),
            "--set game.discriminater_steps=2: game.discriminater_steps",
            "discriminator_steps",
        ),
        (
            open("mnist", "seed=1"),
            "data.source: found \"mnist\" without its content",
            "paste a table",
        ),
        (
            json!({ "do": "open", "preset": "my.toml", "text": "extends = \"ring8\"\n[game]\nminibatch = 7\npack = 2\n" }),
            "my.toml:4: game.pack: found 2, expected a divisor",
            "",
        ),
    ] {
        let answer = ask_with(&mut lab, request, &[]);
        let error = &answer["error"];
        let found = error["message"].as_str().unwrap();
        assert!(found.starts_with(message), "{found}");
        let found = error["hint"].as_str().unwrap_or_default();
        assert!(found.contains(hint), "{found}");
    }
}

#[test]
fn commands_train_the_same_natively() {
    let mut lab = Lab::default();
    let opened = open(
        &mut lab,
        "ring8",
        &[
            "game.loss=hinge",
            "generator.layers=[{ activation = \"identity\" }]",
        ],
    );
    let expected = "gan-cli train ring8 --set game.loss=hinge --set 'generator.layers=[{ activation = \"identity\" }]'";
    assert_eq!(opened["command"], expected);
    let catalogue = ask(&mut lab, json!({ "do": "catalogue" }));
    let presets = catalogue["presets"].as_array().unwrap();
    let names: Vec<&str> = presets
        .iter()
        .map(|p| p["name"].as_str().unwrap())
        .collect();
    assert!(
        names.contains(&"digits") && !names.contains(&"mnist"),
        "{names:?}"
    );
}
