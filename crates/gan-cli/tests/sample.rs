//! `sample` writes what `data` reads, and nothing over what is there already.

#![allow(clippy::unwrap_used, reason = "tests end where they fail")]

mod common;

use common::Folder;

const TABLE: &str = "--set game.minibatch=8 --set data.valid=0 --set data.test=0";

#[test]
fn samples_of_a_table_are_written_as_every_kind_that_is_read() {
    let folder = Folder::new();
    let rows = |row: u32| {
        format!(
            "{},{:.2},{},kg\n",
            row * row % 91,
            row % 7,
            ["no", "yes"][(row % 2) as usize]
        )
    };
    let text: String = (0..60).map(rows).collect();
    folder.write("t.csv", &format!("n,x,member,unit\n{text}"));
    folder
        .run(&format!(
            "train table --data t.csv --out run --steps 3 {TABLE}"
        ))
        .exits(0);
    folder.check(
        "
        0 sample run -n 40 --out a.csv
        0 sample run -n 40 --out a.tsv
        0 sample run -n 40 --out a.npy
        0 sample run -n 40 --out a.npz
        0 sample run -n 40 --out a.safetensors
        0 data a.csv | 40: | column   n | column   member | always kg
        0 data a.tsv | 40: | column   n | column   member | always kg
        0 data a.npy | 40: | vectors  3 values each
        0 data a.npz:samples | 40: | vectors  3 values each
        0 data a.safetensors | 40: | vectors  3 values each
        2 sample run --out pictures/ | found samples that are no images | .csv or .npy
        2 sample run --out a.npz | is there already | --overwrite
        0 sample run -n 7 --out a.npz --overwrite
        0 data a.npz | 7:
        0 data digits --seed 3 | gan-cli data digits --seed 3 --out records.png draws the first
        0 data digits --seed 3 --out records.png | picture  records.png
        ",
    );
    assert_eq!(
        folder.read("a.csv").replace(',', "\t"),
        folder.read("a.tsv")
    );
    let values = |name: &str| {
        let bytes = folder.bytes(name);
        bytes[bytes.len() - 40 * 3 * 8..].to_vec()
    };
    assert!(values("a.npy") == values("a.safetensors"));
    // A sample does not depend on how many are drawn with it.
    folder.check("0 sample run -n 39 --out b.csv");
    assert!(folder.read("a.csv").starts_with(&folder.read("b.csv")));
}

#[test]
#[cfg(feature = "parquet")]
fn samples_of_a_table_are_written_as_parquet_and_back() {
    let folder = Folder::new();
    let day = |row: u32| {
        format!(
            "{},2024-01-{:02},{}\n",
            row * row % 91,
            row % 28 + 1,
            row.is_multiple_of(2)
        )
    };
    let text: String = (0..60).map(day).collect();
    folder.write("t.csv", &format!("n,day,member\n{text}"));
    folder
        .run(&format!(
            "train table --data t.csv --out run --steps 3 {TABLE}"
        ))
        .exits(0);
    folder.check(
        "
        0 sample run -n 40 --out a.csv
        0 sample run -n 40 --out a.parquet
        0 data a.parquet | 40: | whole numbers | times as %Y-%m-%d | column   member
        ",
    );
    folder
        .run(&format!(
            "train table --data a.parquet --out typed --steps 3 {TABLE}"
        ))
        .exits(0);
    folder
        .run(&format!(
            "train table --data a.csv --out text --steps 3 {TABLE}"
        ))
        .exits(0);
    // The same records, whichever file they come from.
    folder.check(
        "
        0 sample typed -n 9 --out typed.csv
        0 sample text -n 9 --out text.csv
        ",
    );
    let [typed, text] = ["typed.csv", "text.csv"].map(|name| folder.read(name));
    assert_eq!(typed.to_lowercase(), text.to_lowercase());
}

#[test]
fn images_are_written_one_by_one_into_a_folder() {
    let folder = Folder::new();
    folder
        .run("train digits --out run --steps 2 --set data.count=200 --set run.rows=2")
        .exits(0);
    folder.check(
        "
        0 sample run -n 12 --out pictures/
        0 data pictures | 12: | images   28×28, grey
        2 sample run -n 12 --out pictures/ | is there already, with 12 pictures | --overwrite
        2 sample run -n 12 --out pictures | is there already, with 12 pictures | --overwrite
        ",
    );
    let names = |count| (0..count).map(|at| format!("{at}.png")).collect::<Vec<_>>();
    assert_eq!(folder.list("pictures"), {
        let mut names: Vec<_> = (0..12).map(|at| format!("{at:02}.png")).collect();
        names.sort();
        names.join(" ")
    });
    let first = folder.bytes("pictures/00.png");
    folder.check("0 sample run -n 5 --out pictures --overwrite");
    assert_eq!(folder.list("pictures"), names(5).join(" "));
    assert!(folder.bytes("pictures/0.png") == first);
    // A link stays one, and so does what it leads to.
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("pictures", folder.path("link")).unwrap();
        folder.check("0 sample run -n 4 --out link/ --overwrite");
        assert_eq!(folder.list("pictures"), names(4).join(" "));
        std::fs::remove_file(folder.path("link")).unwrap();
    }
    folder.write("file", "mine");
    folder.check("2 sample run -n 4 --out file/ | found a file, expected a folder");
    // What is not of its making stays.
    folder.write("pictures/notes.txt", "mine");
    folder.check(
        "2 sample run -n 5 --out pictures --overwrite | found notes.txt in it | --out FOLDER/",
    );
    assert_eq!(folder.read("pictures/notes.txt"), "mine");
    assert!(
        folder
            .list("")
            .split(' ')
            .all(|name| !name.ends_with(".part") && !name.ends_with(".old"))
    );
}

/// The bytes of the array `y` of an archive of NumPy's.
fn labels(folder: &Folder, name: &str, count: usize) -> Vec<u8> {
    let bytes = std::fs::read(folder.path(name)).unwrap();
    let kind = bytes.windows(5).position(|part| part == b"'|u1'").unwrap();
    let line = bytes[kind..].iter().position(|&byte| byte == b'\n');
    let begin = kind + line.unwrap() + 1;
    bytes[begin..begin + count].to_vec()
}

#[test]
fn images_are_made_of_the_label_that_is_asked_for() {
    let folder = Folder::new();
    let small = "--set data.count=600 --set game.minibatch=16 --set generator.layers.0.units=8 \
                 --set generator.layers.1.units=8 --set discriminator.layers.0.units=8 \
                 --set discriminator.layers.1.units=8 --set discriminator.layers.0.keep=1 \
                 --set optimizer.schedule.kind=constant";
    let given = "--set game.condition=[\"label\"] --set run.rows=10 --set run.cols=3";
    folder.check(&format!(
        "
        0 train digits {small} {given} --steps 10 --out run
        0 train digits {small} {given} --steps 20 --out whole
        0 train --resume run --steps 20
        0 info run | conditions | label | 28×28 images
        0 sample run -n 100 --out all.npz
        0 sample run -n 30 --where label=7 --out seven.npz
        0 sample run -n 12 --where label>=8 --out high.npz
        0 sample run -n 3 --where label=3 --out threes/
        0 sample run -n 4 --out some.csv
        0 sample run -n 9
        0 evaluate run --samples 50 --metrics memorisation
        0 figure 2 run
        0 figure 3 run
        2 sample run --where label=10 --out a.npz | expected one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
        2 sample run --where digit=1 --out a.npz | found another column than label
        2 train digits {small} --set game.condition=[\"label\"] --set discriminator.layers.0.keep=0.8
            | conditions are not dropped out
        2 train digits {small} --set game.condition=[\"pixel\"] | expected one of levels: label
        "
    ));
    let all = labels(&folder, "all.npz", 100);
    for label in 0..10 {
        let found = all.iter().filter(|&&found| found == label).count();
        assert!((7..=13).contains(&found), "{label}: {found}");
    }
    assert_eq!(labels(&folder, "seven.npz", 30), [7; 30]);
    let high = labels(&folder, "high.npz", 12);
    assert!(high.iter().all(|label| [8, 9].contains(label)), "{high:?}");
    assert_eq!(
        folder
            .read("some.csv")
            .lines()
            .next()
            .unwrap()
            .split(',')
            .count(),
        784
    );
    // A row of the run's picture for each label; and a run that was stopped is one that was not.
    let picture = |run: &str| std::fs::read(folder.path(&format!("{run}/samples/step-000020.png")));
    assert_eq!(picture("run").unwrap(), picture("whole").unwrap());
}
