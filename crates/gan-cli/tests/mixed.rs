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

/// 400 records of an animal's kind, its colour, which depends on that, and a number of many values.
fn animals() -> String {
    let mut text = "colour,weight,kind\n".to_owned();
    for i in 0..400 {
        let (kind, colour) = match i % 8 {
            0 => ("dog", "brown"),
            1 => ("dog", "black"),
            2 | 3 => ("cat", "white"),
            _ => ("cat", "black"),
        };
        writeln!(text, "{colour},{}.{},{kind}", 1 + i * 37 % 91, i % 10).unwrap();
    }
    text
}

#[test]
fn conditions_are_given_to_both_players_and_chosen_exactly() {
    let folder = Folder::new();
    folder.write("animals.csv", &animals());
    let given = "--set game.condition=[\"kind\",\"colour\"]";
    folder.check(&format!(
        "
        0 train animals.csv {SMALL} {given} --threads 1 | runs/animals-1
        0 train animals.csv {SMALL} {given} --threads 2 | runs/animals-2
        0 train animals.csv {SMALL} {given} --set game.condition_by=log-frequency | runs/animals-3
        0 info runs/animals-1 | conditions | kind, colour
        0 sample runs/animals-1 -n 2000 --out made.csv
        0 sample runs/animals-2 -n 2000 --out again.csv
        0 sample runs/animals-3 -n 2000 --out rare.csv
        0 sample runs/animals-1 -n 300 --where kind=dog --out dogs.csv
        0 sample runs/animals-1 -n 200 --where kind=dog --out fewer.csv
        0 sample runs/animals-1 -n 60 --where kind!=dog --where colour=black --where weight>50 --out some.csv
        0 sample runs/animals-1 -n 30 --no-calibration --where colour=Brown --out brown.csv
        0 sample runs/animals-1 -n 30 --where kind=dog --out dogs.png
        0 evaluate runs/animals-1 --samples 100
        2 sample runs/animals-1 --where kind=dog --where colour=white --out a.csv
            | found no training record that has it | have kind=dog | have colour=white
        2 sample runs/animals-1 --where colour=red --out a.csv | expected one of | brown | white
        2 train animals.csv --set game.condition=[\"weight\"] | weight: found a column of numbers
            | expected one of levels: colour, kind | columns.\"weight\"=category
        2 train animals.csv --set game.condition=[\"color\"] | did you mean colour?
        2 train animals.csv --set game.condition=[\"kind\",\"kind\"] | twice
        2 train ring8 --set game.condition=[\"x\"] | expected one of levels: label
        2 train animals.csv --set game.condition_by=log-frequency | game.condition_by
        2 train --resume runs/animals-1 --set game.condition=[\"kind\"] | game.condition
        "
    ));
    let made = folder.read("made.csv");
    assert_eq!(made.lines().next(), Some("colour,weight,kind"));
    assert_eq!(folder.read("again.csv"), made, "on two threads");
    // Every combination of the table, by its share, and no other.
    let count = |text: &str, [colour, kind]: [&str; 2]| {
        let rows = text.lines().skip(1);
        rows.filter(|row| row.starts_with(&format!("{colour},")) && row.ends_with(kind))
            .count()
    };
    let shares = [
        (["brown", "dog"], 1),
        (["black", "dog"], 1),
        (["white", "cat"], 2),
        (["black", "cat"], 4),
        (["white", "dog"], 0),
        (["brown", "cat"], 0),
    ];
    // A tenth of the records are held out by chance.
    for text in [&made, &folder.read("rare.csv")] {
        for (combination, eighths) in shares {
            let (found, due) = (count(text, combination), eighths * 2000 / 8);
            assert!(found.abs_diff(due) <= 40, "{combination:?}: {found}");
            assert_eq!(found == 0, eighths == 0, "{combination:?}");
        }
    }
    let dogs = folder.read("dogs.csv");
    assert_eq!(dogs.lines().count(), 301);
    assert!(dogs.lines().skip(1).all(|row| row.ends_with(",dog")));
    assert!(count(&dogs, ["brown", "dog"]).abs_diff(150) <= 15, "{dogs}");
    assert!(dogs.starts_with(&folder.read("fewer.csv")));
    let some = folder.read("some.csv");
    for row in some.lines().skip(1) {
        let weight: f64 = row.split(',').nth(1).unwrap().parse().unwrap();
        assert!(row.starts_with("black,") && row.ends_with(",cat"), "{row}");
        assert!(weight > 50.0, "{row}");
    }
    assert_eq!(some.lines().count(), 61);
    let brown = folder.read("brown.csv");
    assert!(brown.lines().skip(1).all(|row| row.starts_with("brown,")));
}

#[test]
fn a_conditional_run_that_was_stopped_goes_on_as_if_it_had_not_been() {
    let folder = Folder::new();
    folder.write("animals.csv", &animals());
    let given = "--set game.condition=[\"colour\"] --set game.condition_by=log-frequency";
    let less = SMALL.replace("--steps 60", "--steps 20");
    folder.check(&format!(
        "
        0 train animals.csv {SMALL} {given} --set optimizer.schedule.kind=constant --out whole
        0 train animals.csv {less} {given} --set optimizer.schedule.kind=constant --out stopped
        0 train --resume stopped --steps 60
        0 sample whole -n 50 --out a.csv
        0 sample stopped -n 50 --out b.csv
        "
    ));
    let checkpoint = |run: &str| {
        let path = format!("{run}/checkpoints/step-000060.safetensors");
        gan_run::model::Model::load(&folder.path(&path))
            .unwrap()
            .checkpoint
    };
    let (whole, stopped) = (checkpoint("whole"), checkpoint("stopped"));
    for (name, _) in whole.tensors() {
        assert_eq!(whole.tensor(name), stopped.tensor(name), "{name}");
    }
    assert_eq!(folder.read("a.csv"), folder.read("b.csv"));
}
