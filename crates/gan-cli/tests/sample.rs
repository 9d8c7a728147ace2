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
