//! Pages of runs that were never trained: directories with what a run has in it, or what somebody
//! put there.

use std::fs;
use std::path::Path;

use super::*;
use crate::config::RunConfig;

/// A file of the folder, as text.
fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A run of a preset with a few readings.
fn run(folder: &Path, name: &str, preset: &str, learning_rate: f64) -> PathBuf {
    let path = folder.join(name);
    let config = RunConfig::preset(preset).unwrap().to_toml().unwrap();
    let config = config.replace(
        "learning_rate = 0.002",
        &format!("learning_rate = {learning_rate}"),
    );
    write(&path, "config.toml", config);
    let line = |step: u64| format!("{{\"step\":{step},\"value\":-1.25,\"seconds\":{step}.5}}\n");
    let lines: String = (1..=20).map(line).collect();
    write(&path, "metrics.jsonl", lines);
    write(
        &path,
        "run.log",
        "T  INFO device: cpu\nT  INFO done: 20 steps\n",
    );
    path
}

/// A picture of noise, which has about as many bytes as pixels.
fn noise(side: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let value = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 40) as f32 / (1 << 24) as f32
    };
    let values: Vec<f32> = (0..side * side).map(value).collect();
    gan_pictures::image(&values, [side, side, 1]).unwrap()
}

fn page_of(run: &Path) -> String {
    file(&[&RunFacts::read(run, None).unwrap()])
}

#[track_caller]
fn assert_has(page: &str, parts: &[&str]) {
    for part in parts {
        assert!(page.contains(part), "{part:?} is not in the page");
    }
}

#[test]
fn page_says_what_the_directory_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = run(folder.path(), "a", "ring8", 0.002);
    write(&path, "samples/step-000020.png", noise(8, 1));
    write(
        &path,
        "evaluation/step-000020/evaluation.json",
        r#"{"step": 20, "seed": 7, "samples": 900, "device": "cpu", "seconds": 61.0,
            "data": {"source": "ring", "train": 4000, "valid": 5, "test": 6, "units": "its own",
                     "warning": "few records"},
            "sections": [{"id": "nn", "title": "Nearest", "notes": ["a note"], "rows": [
                {"id": "a", "name": "samples", "kind": "model", "value": 0.125},
                {"id": "b", "name": "shuffled", "kind": "control", "value": 0.5,
                 "uncertainty": {"standard_error": 0.01}}]}],
            "verdict": [{"finds": "collapsed", "because": "6 of 8 modes"}]}"#,
    );
    let chart = "<svg xmlns=\"http://www.w3.org/2000/svg\"/>";
    write(&path, "evaluation/step-000020/parzen.svg", chart);
    assert_has(
        &page_of(&path),
        &[
            "done after 20 steps, 0:21 of training",
            "-1.250 nats",
            "data-step=\"20\"",
            "Nothing was found wrong",
            ">value V(D, G), nats<",
            "900 samples of step 20, seed 7",
            "4,000 to train, 5 to validate, 6 to test",
            "few records",
            "<strong>collapsed</strong>: parts of the data",
            "6 of 8 modes",
            "<tr class=\"control\"><th scope=\"row\">shuffled</th><td class=\"number\">0.500 ± 0.010</td>",
            "a note",
            "data:image/svg+xml;base64,",
            "2 normal → 96 leaky-relu → 96 leaky-relu → identity",
            "--device cpu",
            "evaluate ",
            "--samples 900 --seed 7",
            "learning_rate = 0.002",
            // There is no checkpoint, and the page is there all the same.
            "found no checkpoint in it",
        ],
    );
}

#[test]
fn state_of_a_run_is_that_of_its_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = run(folder.path(), "a", "ring8", 0.002);
    let log = fs::File::open(path.join("run.log")).unwrap();
    log.lock().unwrap();
    let facts = RunFacts::read(&path, None).unwrap();
    assert!(facts.is_training());
    // Of 16,000 steps.
    assert_has(&file(&[&facts]), &["training: step 20, 0:21 of training"]);
    // As the process itself says when it ends.
    let facts = RunFacts::read(&path, None).unwrap().ended();
    assert_has(&file(&[&facts]), &["done after 20 steps"]);
    drop(log);
    write(
        &path,
        "run.log",
        "T  INFO interrupted after step 20\nT  WARN no report\n",
    );
    assert_has(&page_of(&path), &["interrupted after 20 steps"]);
}

#[cfg(unix)]
#[test]
fn page_of_a_hostile_run_shows_its_texts_and_obeys_none() {
    let folder = tempfile::tempdir().unwrap();
    let evil = "<img src=x onerror=alert(1)>\"'&\u{202e}<script>alert(2)<!--";
    // A name has no slash.
    let path = run(folder.path(), evil, "ring8", 0.002);
    let quoted = serde_json::to_string(&format!("{evil}</script></pre>")).unwrap();
    write(&path, "run.log", format!("T  INFO device: {evil}</td>\n"));
    let json = r#"{"step": 1, "seed": 7, "samples": 9, "device": EVIL, "seconds": 6,
        "data": {"source": EVIL, "train": 4, "valid": 5, "test": 6, "units": EVIL, "warning": EVIL},
        "sections": [{"id": EVIL, "title": EVIL, "notes": [EVIL], "rows": [
            {"id": EVIL, "name": EVIL, "kind": "model", "value": 1, "note": EVIL, "ideal": EVIL,
             "details": {EVIL: 1}}]}],
        "verdict": [{"finds": "good", "because": EVIL}],
        "table": {"target": EVIL, "columns": [
            {"column": EVIL, "shape": null, "with_blanks": 1, "blanks_gap": 0}]}}"#;
    let json = json.replace("EVIL", &quoted);
    write(&path, "evaluation/step-000001/evaluation.json", json);
    write(
        &path,
        "evaluation/step-000001/parzen.svg",
        "<svg onload=\"alert(1)\"/>",
    );
    let config = fs::read_to_string(path.join("config.toml")).unwrap();
    write(&path, "config.toml", format!("# {evil}</pre>\n{config}"));
    let facts = || RunFacts::read(&path, None).unwrap();
    for page in [
        file(&[&facts()]),
        file(&[&facts(), &facts()]),
        served(&[&facts().served_at("/run/a".into())], Some("/")),
        list(evil, &[("a", &facts())]),
    ] {
        assert_has(&page, &["&lt;img src=x onerror=alert(1)&gt;", "\\u{202e}"]);
        for part in [
            "<img src=x",
            "\u{202e}",
            "<script>alert",
            "<svg onload",
            "<!--",
        ] {
            assert!(!page.contains(part), "{part} is in the page");
        }
        assert_eq!(page.matches("<script").count(), 1);
        assert_eq!(page.matches("</pre>").count(), page.matches("<pre").count());
    }
}

#[test]
fn file_needs_nothing_else_and_its_policy_is_for_what_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = run(folder.path(), "a", "ring8", 0.002);
    write(&path, "samples/step-000020.png", noise(8, 1));
    let page = page_of(&path);
    for address in ["src=\"http", "href=\"http", "src=\"/", "href=\"/", "url("] {
        assert!(!page.contains(address), "{address}");
    }
    let between = |begin: &str, end: &str| {
        let after = page.split_once(begin).unwrap().1;
        after.split_once(end).unwrap().0.to_owned()
    };
    for (kind, text) in [
        ("style-src", between("<style>", "</style>")),
        ("script-src", between("<script>", "</script>")),
    ] {
        let digest = STANDARD.encode(Sha256::digest(text));
        assert_has(&page, &[&format!("{kind} 'sha256-{digest}'")]);
    }
}

#[test]
fn file_stays_below_its_size_whatever_the_pictures() {
    for (count, side, expected) in [(1, 1800, 1), (12, 600, 8), (30, 90, 30), (400, 100, 100)] {
        let folder = tempfile::tempdir().unwrap();
        let path = run(folder.path(), "a", "ring8", 0.002);
        for step in 1..=count {
            let picture = noise(side, step);
            write(&path, &format!("samples/step-{step:06}.png"), picture);
        }
        let page = page_of(&path);
        let shown = page.matches("data-step=").count();
        assert!(page.len() <= MOST_BYTES, "{count}: {}", page.len());
        assert!(shown >= expected, "{count}: {shown} pictures");
        assert_has(
            &page,
            &[&format!("class=\"current\" data-step=\"{count}\"")],
        );
        assert_eq!(
            page.contains("pictures are left out"),
            shown < count as usize
        );
        // Many runs, each with a picture.
        if count == 12 {
            let facts: Vec<_> = (0..30)
                .map(|_| RunFacts::read(&path, None).unwrap())
                .collect();
            let page = file(&facts.iter().collect::<Vec<_>>());
            assert!(page.len() <= MOST_BYTES, "{}", page.len());
            assert_eq!(page.matches("data:image/png").count(), 30);
        }
    }
}

#[cfg(unix)]
#[test]
fn pictures_that_lie_elsewhere_are_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = run(folder.path(), "a", "ring8", 0.002);
    write(folder.path(), "secret.png", noise(8, 1));
    fs::create_dir_all(path.join("samples")).unwrap();
    let link = path.join("samples/step-000001.png");
    std::os::unix::fs::symlink("../../secret.png", &link).unwrap();
    assert!(run_dir::open_own(&path, &link).is_err());
    write(&path, "samples/step-000002.png", noise(8, 2));
    let page = page_of(&path);
    assert_has(&page, &["data-step=\"2\""]);
    assert!(!page.contains("data-step=\"1\""));
}

#[test]
fn comparison_has_the_keys_that_differ_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let paths =
        [("a", 0.002), ("b", 0.5)].map(|(name, rate)| run(folder.path(), name, "ring8", rate));
    let facts = paths
        .each_ref()
        .map(|path| RunFacts::read(path, None).unwrap());
    let page = file(&facts.iter().collect::<Vec<_>>());
    assert_has(
        &page,
        &[
            "<strong>a</strong>: done after 20 steps",
            "<th scope=\"row\">optimizer.learning_rate</th><td class=\"number\">0.002</td>\
             <td class=\"number\">0.5</td>",
            ">A</text>",
            "None of them is evaluated yet",
        ],
    );
    assert!(!page.contains("optimizer.beta1"));
}

#[test]
fn damaged_files_are_remarks_and_no_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = run(folder.path(), "a", "ring8", 0.002);
    write(
        &path,
        "evaluation/step-000001/evaluation.json",
        "{\"step\": 1}",
    );
    write(
        &path,
        "metrics.jsonl",
        "{\"step\":1}\nnonsense\n{\"step\":3}\n",
    );
    write(&path, "samples/step-000001.png", "no picture");
    write(
        &path,
        "checkpoints/step-000003.safetensors",
        "........{\"__metadata__\":{\"gan_checkpoint\":",
    );
    write(&path, "config.toml", "seed = 1");
    assert_has(
        &page_of(&path),
        &[
            "evaluation.json: is damaged: missing field",
            "metrics.jsonl: line 2 is damaged",
            "step-000003.safetensors",
            "config.toml: not a configuration",
            "The configuration cannot be read.",
        ],
    );
    let Err(problem) = RunFacts::read(folder.path(), None) else {
        panic!("no run, and it was read");
    };
    assert!(
        problem.message.ends_with("not the directory of a run"),
        "{problem}"
    );
}
