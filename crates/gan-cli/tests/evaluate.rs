//! The real program measures what it trained.

#![allow(clippy::unwrap_used, reason = "tests end where they fail")]

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

/// The report that `gan-cli <line> --json` prints.
fn report(folder: &Folder, line: &str) -> Value {
    let ran = folder.run(&format!("evaluate run {line} --json")).exits(0);
    ran.json().pop().unwrap()
}

fn read_json(folder: &Folder, name: &str) -> Value {
    serde_json::from_str(&folder.read(name)).unwrap()
}

/// The value of the row `id` of a section.
fn value(section: &Value, id: &str) -> f64 {
    let mut rows = section["rows"].as_array().unwrap().iter();
    let row = rows.find(|row| row["id"] == id);
    let row = row.unwrap_or_else(|| panic!("{id}: {section}"));
    row["value"].as_f64().unwrap()
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
fn evaluate_prints_tables_with_a_verdict_and_writes_numbers_and_pictures() {
    let folder = trained();
    let ran = folder.run("evaluate run --samples 300").exits(0).says(&[
        "Parzen-window log-likelihood in nats, of 70 test records under 300 samples",
        "sigma: the best on 70 validation records",
        "samples, step 20 ",
        "training records",
        "k-means centroids",
        "the density itself",
        " ± ",
        "note: ",
        "MMD² of 70 test records and as many samples",
        "Precision, recall, density, coverage against 70 test records",
        "accuracy at telling 70 test records from as many samples",
        "Sliced Wasserstein distance of 70 test records",
        "Modes of a known mixture, in 300 samples",
        "Closest records of 300 samples, among 70 training",
    ]);
    let text = ran.stdout();
    // The paper's numbers are of other data, and two columns are no image.
    for part in ["Adversarial nets", "Classes of"] {
        assert!(!text.contains(part), "{text}");
    }
    // 20 iterations teach nothing.
    let [verdict, numbers, parzen] =
        ["verdict  ", "Modes of", "Parzen-window"].map(|part| text.find(part).unwrap());
    assert!(verdict < numbers && numbers < parzen, "{text}");
    let words = "under-trained: most samples are not like the data yet\n";
    assert!(text[verdict..numbers].contains(words), "{text}");
    let out = "run/evaluation/step-000020";
    let written = read_json(&folder, &format!("{out}/evaluation.json"));
    let sections = written["sections"].as_array().unwrap();
    assert_eq!(sections.last().unwrap()["id"], "parzen");
    let mut verdict = written["verdict"].as_array().unwrap().iter();
    assert!(verdict.any(|finding| finding["finds"] == "under_trained"));
    let svg = folder.read(&format!("{out}/parzen.svg"));
    assert!(svg.ends_with("</svg>\n"));
    let png = folder.bytes(&format!("{out}/parzen.png"));
    assert!(png.starts_with(b"\x89PNG"));
}

/// A run of a few iterations on a table of a number with blanks, a category and a date, in `run`.
fn trained_on_a_mixed_table() -> Folder {
    let folder = Folder::new();
    let mut table = "age,city,since,price\n".to_owned();
    for row in 0..400_u32 {
        let age = row * 7919 % 61 + 18;
        let blank = row % 11 == 0;
        let age_or_blank = if blank {
            String::new()
        } else {
            age.to_string()
        };
        let city = ["Paris", "Rome", "Oslo"][(row * 31 % 3) as usize];
        let day = row % 28 + 1;
        let price = f64::from(age * 2 + row % 7) + 0.25;
        table += &format!("{age_or_blank},{city},2024-03-{day:02},{price}\n");
    }
    folder.write("people.csv", &table);
    folder.run("train people.csv --steps 20 --out run").exits(0);
    folder
}

#[test]
fn a_mixed_table_has_measurements_pictures_and_a_target_of_its_own() {
    let folder = trained_on_a_mixed_table();
    let ran = folder.run("evaluate run --out here").exits(0).says(&[
        "4 columns, target price",
        "Columns and pairs of columns",
        "overall (SDMetrics)",
        "Boosting tells samples from real rows",
        "Train on synthetic, test on real: price learnt by boosting",
        "Distance to the closest training row",
        "levels covered",
    ]);
    // 20 iterations teach nothing, and the verdict says where.
    let text = ran.stdout();
    assert!(text.contains("worst pairs: "), "{text}");
    let written = read_json(&folder, "here/evaluation.json");
    assert_eq!(written["table"]["columns"].as_array().unwrap().len(), 4);
    assert_eq!(written["table"]["pairs"].as_array().unwrap().len(), 6);
    assert_eq!(written["samples"], written["data"]["train"]);
    let names = [
        "age",
        "city",
        "since",
        "price",
        "Paris",
        "2024-03-01",
        "blank",
    ];
    let svg = folder.read("here/columns.svg");
    for name in names {
        assert!(svg.contains(name), "{name}: {svg}");
    }
    let png = folder.bytes("here/correlations.png");
    assert!(png.starts_with(b"\x89PNG"));

    let found = report(&folder, "--samples 150 --target city --threads 1");
    assert_eq!(found["table"]["target"], "city");
    assert_eq!(found["samples"], 150);
    let again = report(&folder, "--samples 150 --target city --threads 2");
    assert_eq!(found["sections"], again["sections"]);
    folder.check(
        "2 evaluate run --target town | expected one of age, city, since, price
         2 evaluate run --metrics parzen | a mixed table
         2 evaluate run --sigma 1 | a mixed table",
    );
    let other = trained();
    other.check("2 evaluate run --target x | expected one of a mixed table");
}

#[test]
fn json_is_one_document_with_the_numbers_of_the_table() {
    let folder = trained();
    let found = report(&folder, "--samples 300 --out here");
    assert_eq!(found, read_json(&folder, "here/evaluation.json"));
    assert_eq!(found["samples"], 300);
    assert_eq!(found["data"]["test"], 70);
    let parzen = found["sections"].as_array().unwrap().last().unwrap();
    // 20 iterations teach nothing, records are hard to beat, and the density is the best there is.
    let [samples, mean, records, density] =
        ["samples", "mean", "training_records", "density"].map(|id| value(parzen, id));
    assert!(samples < records && mean < records && records < density + 0.5);
    assert!(parzen["rows"][0]["details"]["sigma"].as_f64().unwrap() > 0.0);
}

#[test]
fn controls_are_kept_and_a_damaged_file_is_computed_again() {
    let folder = trained();
    let parzen = || {
        let mut found = report(&folder, "--samples 200 --metrics parzen");
        found["sections"][0].take()
    };
    let cold = parzen();
    let [file] = kept(&folder).try_into().unwrap();
    // A number that only the file can have given.
    let mut changed: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    changed["numbers"]["mean"]["mean"] = 1234.5.into();
    std::fs::write(&file, changed.to_string()).unwrap();
    assert_eq!(value(&parzen(), "mean"), 1234.5);
    std::fs::write(&file, "{\"key\": ").unwrap();
    folder.check("0 evaluate run --samples 200 --metrics parzen | is damaged");
    assert_eq!(parzen()["rows"], cold["rows"]);
    // Another number of samples is another question.
    folder.check("0 evaluate run --samples 100 --metrics parzen");
    assert_eq!(kept(&folder).len(), 2);
}

#[test]
fn numbers_do_not_depend_on_threads_and_do_on_the_seed() {
    let folder = trained();
    let first_row = |flags: &str| {
        let found = report(&folder, &format!("--samples 200 --metrics parzen {flags}"));
        found["sections"][0]["rows"][0].clone()
    };
    let one = first_row("--threads 1");
    assert_eq!(one["value"], first_row("--threads 3")["value"]);
    assert_ne!(one["value"], first_row("--seed 5")["value"]);
    assert_eq!(first_row("--sigma 0.25")["details"]["sigma"], 0.25);
}

#[test]
fn metrics_that_are_unknown_or_do_not_apply_are_refused_when_named() {
    trained().check(
        "
        2 evaluate run --metrics parsen
            | --metrics parsen | one of modes, values | did you mean parzen?
        2 evaluate run --sigma -1
        1 evaluate nowhere | nowhere: cannot read the checkpoint
        2 evaluate run --metrics classes | needs images with labels
        2 evaluate run --metrics mmd --samples 15 | 20 held-out records
        ",
    );
}

#[test]
fn data_that_is_gone_or_another_is_not_measured_against() {
    let folder = Folder::new();
    let rows = |count: usize, cols: usize| {
        let row = |i: usize| {
            let values = (0..cols).map(|j| ((i * (j + 3)) % 17).to_string());
            values.collect::<Vec<_>>().join(",") + "\n"
        };
        (0..count).map(row).collect::<String>()
    };
    let base = common::TINY.replace("count = 700", "");
    for (name, text) in [
        ("a.csv", rows(200, 2)),
        ("other.csv", rows(170, 2)),
        ("wide.csv", rows(200, 3)),
        (
            "plain.toml",
            base.replace("[data]", "[data]\nnormalize = \"none\""),
        ),
        ("table.toml", base),
    ] {
        folder.write(name, &text);
    }
    // Standardised by other numbers, the units of the records are not those of the samples.
    folder.check(
        "
        0 train table.toml --steps 5 --out run --data a.csv
        0 train plain.toml --steps 5 --out plain --data a.csv
        0 evaluate run --samples 50
        1 evaluate run --samples 50 --data other.csv
            | other.csv | standardised by other means | --data PATH
        1 evaluate run --samples 50 --data wide.csv
            | found records of 3 columns, expected records of 2 columns
        0 evaluate plain --samples 50 --data other.csv
            | warning: | other training records
        ",
    );
    std::fs::remove_file(folder.path("a.csv")).unwrap();
    folder.check(
        "
        1 evaluate run --samples 50
            | a.csv: not found | hint: say where the data is now with --data PATH
        ",
    );
}
