//! The real program measures what it trained.

mod common;

use std::path::PathBuf;

use common::Folder;
use serde_json::Value;

/// A run of a few iterations on eight Gaussians, in `run`.
fn trained() -> Folder {
    let folder = Folder::new();
    folder.run("train tiny.toml --steps 20 --out run").exits(0);
    folder
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The files of the cache.
fn kept(folder: &Folder) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.path("cache"));
    entries
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect()
}

#[test]
fn evaluate_prints_a_table_and_writes_numbers_and_pictures() {
    let folder = trained();
    let text = folder.run("evaluate run --samples 300").exits(0).stdout();
    for part in [
        "Parzen-window log-likelihood in nats, of 70 test records under 300 samples",
        "sigma: the best on 70 validation records",
        "samples, step 20 ",
        "training records",
        "k-means centroids",
        "the density itself",
        " ± ",
        "note: ",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    // The paper's numbers are of other data.
    assert!(!text.contains("Adversarial nets"), "{text}");
    let out = "run/evaluation/step-000020";
    let written = json(&folder.read(&format!("{out}/evaluation.json")));
    assert_eq!(written["sections"][0]["id"], "parzen");
    assert!(
        folder
            .read(&format!("{out}/parzen.svg"))
            .ends_with("</svg>\n")
    );
    assert!(
        folder
            .bytes(&format!("{out}/parzen.png"))
            .starts_with(b"\x89PNG")
    );
}

#[test]
fn json_is_one_document_with_the_numbers_of_the_table() {
    let folder = trained();
    let ran = folder
        .run("evaluate run --samples 300 --json --out here")
        .exits(0);
    let found = json(&ran.stdout());
    assert_eq!(found, json(&folder.read("here/evaluation.json")));
    assert_eq!(found["samples"], 300);
    assert_eq!(found["data"]["test"], 70);
    let rows = found["sections"][0]["rows"].as_array().unwrap();
    let value = |id: &str| {
        let row = rows.iter().find(|row| row["id"] == id);
        row.unwrap_or_else(|| panic!("{id}: {rows:?}"))["value"]
            .as_f64()
            .unwrap()
    };
    // 20 iterations teach nothing, records are hard to beat, and the density is the best there is.
    assert!(value("samples") < value("training_records"));
    assert!(value("mean") < value("training_records"));
    assert!(value("training_records") < value("density") + 0.5);
    assert!(rows[0]["details"]["sigma"].as_f64().unwrap() > 0.0);
}

#[test]
fn controls_are_kept_and_a_damaged_file_is_computed_again() {
    let folder = trained();
    let rows = || {
        let ran = folder
            .run("evaluate run --samples 200 --json --metrics parzen")
            .exits(0);
        (
            json(&ran.stdout())["sections"][0]["rows"].clone(),
            ran.stderr(),
        )
    };
    let (cold, _) = rows();
    let [file] = kept(&folder).try_into().unwrap();
    // A number that only the file can have given.
    let mut changed = json(&std::fs::read_to_string(&file).unwrap());
    changed["numbers"]["mean"]["mean"] = 1234.5.into();
    std::fs::write(&file, changed.to_string()).unwrap();
    let (warm, _) = rows();
    let of_mean = |rows: &Value| {
        let row = rows
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["id"] == "mean");
        row.unwrap()["value"].as_f64().unwrap()
    };
    assert_eq!(of_mean(&warm), 1234.5);
    std::fs::write(&file, "{\"key\": ").unwrap();
    let (again, stderr) = rows();
    assert_eq!(again, cold);
    assert!(stderr.contains("is damaged"), "{stderr}");
    // Another number of samples is another question.
    folder
        .run("evaluate run --samples 100 --metrics parzen")
        .exits(0);
    assert_eq!(kept(&folder).len(), 2);
}

#[test]
fn numbers_do_not_depend_on_threads_and_do_on_the_seed() {
    let folder = trained();
    let value = |flags: &str| {
        let line = format!("evaluate run --samples 200 --metrics parzen --json {flags}");
        json(&folder.run(&line).exits(0).stdout())["sections"][0]["rows"][0]["value"].clone()
    };
    let one = value("--threads 1");
    assert_eq!(one, value("--threads 3"));
    assert_ne!(one, value("--seed 5"));
    let given = json(
        &folder
            .run("evaluate run --samples 200 --metrics parzen --json --sigma 0.25")
            .exits(0)
            .stdout(),
    );
    assert_eq!(given["sections"][0]["rows"][0]["details"]["sigma"], 0.25);
}

#[test]
fn unknown_metric_names_the_nearest_and_the_known() {
    let folder = trained();
    folder
        .run("evaluate run --metrics parsen")
        .exits(2)
        .complains(&["--metrics parsen", "one of parzen", "did you mean parzen?"]);
    folder.run("evaluate run --sigma -1").exits(2);
    folder
        .run("evaluate nowhere")
        .exits(1)
        .complains(&["nowhere: cannot read the checkpoint"]);
}

#[test]
fn data_that_is_gone_or_another_is_not_measured_against() {
    let folder = Folder::new();
    let rows = |count: usize, cols: usize| {
        let row = |i: usize| {
            let values: Vec<_> = (0..cols)
                .map(|j| ((i * (j + 3)) % 17).to_string())
                .collect();
            values.join(",") + "\n"
        };
        (0..count).map(row).collect::<String>()
    };
    folder.write("a.csv", &rows(200, 2));
    folder.write("other.csv", &rows(170, 2));
    folder.write("wide.csv", &rows(200, 3));
    let base = common::TINY.replace("count = 700", "");
    folder.write("table.toml", &base);
    folder
        .run("train table.toml --steps 5 --out run --data a.csv")
        .exits(0);
    folder.run("evaluate run --samples 50").exits(0);
    // Standardised by other numbers: its units are not those of the samples.
    folder
        .run("evaluate run --samples 50 --data other.csv")
        .exits(1)
        .complains(&["other.csv", "standardised by other means", "--data PATH"]);
    folder
        .run("evaluate run --samples 50 --data wide.csv")
        .exits(1)
        .complains(&["found records of 3 columns, expected records of 2 columns"]);
    std::fs::remove_file(folder.path("a.csv")).unwrap();
    folder
        .run("evaluate run --samples 50")
        .exits(1)
        .complains(&[
            "a.csv: not found",
            "hint: say where the data is now with --data PATH",
        ]);

    let unscaled = base.replace("[data]", "[data]\nnormalize = \"none\"");
    folder.write("a.csv", &rows(200, 2));
    folder.write("plain.toml", &unscaled);
    folder
        .run("train plain.toml --steps 5 --out plain --data a.csv")
        .exits(0);
    let text = folder
        .run("evaluate plain --samples 50 --data other.csv")
        .exits(0)
        .stdout();
    assert!(
        text.contains("warning: ") && text.contains("other training records"),
        "{text}"
    );
}

#[test]
fn evaluate_takes_every_metric_that_applies_and_ends_with_the_verdict() {
    let folder = trained();
    let text = folder.run("evaluate run --samples 300").exits(0).stdout();
    for part in [
        "MMD² of 70 test records and as many samples",
        "Precision, recall, density, coverage against 70 test records",
        "accuracy at telling 70 test records from as many samples",
        "Sliced Wasserstein distance of 70 test records",
        "Modes of a known mixture, in 300 samples",
        "Closest records of 300 samples, among 70 training",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    // Two columns are no image.
    assert!(!text.contains("Classes of"), "{text}");
    // 20 iterations teach nothing.
    let (_, verdict) = text.split_once("The samples are\n").unwrap();
    assert!(verdict.contains("under-trained: "), "{text}");
    let written = json(&folder.read("run/evaluation/step-000020/evaluation.json"));
    let verdict = written["verdict"].as_array().unwrap();
    assert!(
        verdict
            .iter()
            .any(|finding| finding["finds"] == "under_trained")
    );
}

#[test]
fn metrics_that_do_not_apply_are_refused_when_named() {
    let folder = trained();
    let ran = folder.run("evaluate run --metrics classes").exits(2);
    assert!(
        ran.stderr().contains("needs images with labels"),
        "{}",
        ran.stderr()
    );
    let ran = folder
        .run("evaluate run --metrics mmd --samples 15")
        .exits(2);
    assert!(
        ran.stderr().contains("20 held-out records"),
        "{}",
        ran.stderr()
    );
}
