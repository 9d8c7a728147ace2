//! Tables with columns of every kind, from their file to a file like it.
#![allow(clippy::unwrap_used)] // What a test cannot unwrap has failed it.

mod common;

use std::fmt::Write;

use common::Folder;

/// Flags of a game that takes no time.
const SMALL: &str = "--steps 60 --set game.minibatch=16 --set generator.layers.0.units=8 \
                     --set generator.layers.1.units=8 --set discriminator.layers.0.units=8 \
                     --set discriminator.layers.1.units=8";

/// 300 records of seven columns, one of which is not learnt.
fn people() -> String {
    let mut text = "id,name,born,income,sex,cabin,unit\n".to_owned();
    for i in 0..300 {
        let income = match i % 4 {
            0 => "?".into(),
            _ => format!("{}.{:02}", 100 + i * 37 % 9001, i % 100),
        };
        let (year, month, day) = (1950 + i * 7 % 50, 1 + i % 12, 1 + i % 28);
        let sex = ["male", "female", "none"][i % 3];
        let cabin = ["C85", "", "E 46", "", ""][i % 5];
        let cells = format!("{i},n {i},{day:02}.{month:02}.{year},{income},{sex},{cabin},kg");
        writeln!(text, "{cells}").unwrap();
    }
    text
}

#[test]
fn table_is_trained_by_its_name_and_written_with_its_columns_types_and_blanks() {
    let folder = Folder::new();
    folder.write("people.csv", &people());
    folder.check(&format!(
        "
        0 data people.csv
            | numbers: income | dates and times: born | categories: sex, cabin
            | left out: name (a different text in each record)
            | id      counts the records from 0 on | cabin   category; 2 levels: | blank
            | each column as what it is
        0 train people.csv {SMALL} | categories: sex, cabin | runs/people-1
        0 train people.csv {SMALL} | runs/people-2
        0 sample runs/people-1 -n 400 --out made.csv
        0 sample runs/people-2 -n 400 --out again.csv
        0 sample runs/people-1 -n 400 --no-calibration --out plain.csv
        0 sample runs/people-1 -n 60 --where sex=female --where income>100 --out some.csv
        0 sample runs/people-1 -n 20 --where sex=female --where income>100 --out fewer.csv
        0 sample runs/people-1 -n 30 --where cabin= --out blank.tsv
        0 sample runs/people-1 -n 30 --out made.png
        2 sample runs/people-1 --out made.npy | no array holds | --out samples.csv
        2 sample runs/people-1 --where sexe=female --out a.csv | expected one of sex, | did you mean sex?
        2 sample runs/people-1 --where income>1e9 --out a.csv | no sample satisfies
        2 train people.csv --data made.csv | found data beside | --data out
        "
    ));
    let (made, head) = (folder.read("made.csv"), "id,born,income,sex,cabin,unit");
    assert_eq!(made.lines().next(), Some(head));
    assert_eq!(folder.read("again.csv"), made);
    assert_ne!(folder.read("plain.csv"), made);
    let check = |line: &str, number: usize| {
        let cells: Vec<_> = line.split(',').collect();
        let [id, born, income, sex, cabin, unit] = cells[..] else {
            panic!("{line}");
        };
        assert_eq!(id, number.to_string());
        let (date, year) = born.rsplit_once('.').unwrap();
        assert!(
            date.len() == 5 && ("1950"..="1999").contains(&year),
            "{line}"
        );
        assert!(
            income == "?" || (100.0..9101.0).contains(&income.parse().unwrap()),
            "{line}"
        );
        assert!(["male", "female", "none"].contains(&sex), "{line}");
        assert!(["C85", "E 46", ""].contains(&cabin), "{line}");
        assert_eq!(unit, "kg");
    };
    for (number, line) in made.lines().skip(1).enumerate() {
        check(line, number);
    }
    let blanks = made.lines().filter(|line| line.contains(",?,")).count();
    assert!(
        (80..=120).contains(&blanks),
        "a quarter of 400 are blank, not {blanks}"
    );
    // Conditions hold, and more samples begin with the same ones.
    let some = folder.read("some.csv");
    for (number, line) in some.lines().skip(1).enumerate() {
        check(line, number);
        assert!(line.contains(",female,") && !line.contains('?'), "{line}");
    }
    assert_eq!(some.lines().count(), 61);
    assert!(some.starts_with(&folder.read("fewer.csv")));
    let blank = folder.read("blank.tsv");
    assert!(
        blank.lines().skip(1).all(|line| line.ends_with("\t\tkg")),
        "{blank}"
    );
}

#[test]
fn columns_of_a_configuration_overrule_what_is_told_from_the_file() {
    let folder = Folder::new();
    folder.write("people.csv", &people());
    let columns = "name = \"category\"\nid = \"number\"\ncabin = \"leave-out\"\n";
    let head = "extends = \"mixed-table\"\n[data]\nsource = \"people.csv\"\n[columns]\n";
    folder.write("mine.toml", &format!("{head}{columns}"));
    folder.check(&format!(
        "
        0 train mine.toml {SMALL} --out run | categories: name, sex | numbers: id, income
        0 sample run -n 5 --out made.csv
        2 train digits --set columns.a=\"number\" | columns: found a table beside data.normalize
            | expected one beside data.normalize
        2 train mine.toml --set columns.sex=\"numbers\" | columns.sex: found \"numbers\"
            | did you mean number?
        1 train mine.toml --set columns.sexes=\"number\" | columns: found \"sexes\"
        "
    ));
    let made = folder.read("made.csv");
    assert_eq!(made.lines().next(), Some("id,name,born,income,sex,unit"));
}

#[test]
fn what_is_no_table_is_told_apart_by_its_name() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("pictures")).unwrap();
    folder.write("train-images-idx3-ubyte", "no images");
    folder.write("a.npy", "no array");
    folder.check(
        "
        2 train pictures | may be images | train mnist --data pictures
        2 train train-images-idx3-ubyte | may be images
        1 train a.npy | a.npy: | hint
        2 train nothing.csv | found no preset and no file
        ",
    );
}
