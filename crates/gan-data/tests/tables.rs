//! Tables as people keep them: each is read as they mean it, or refused with a hint that works.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::*;
use gan_data::{DataConfig, DataError, Dataset, Delimiter, RecordShape, Split, load};

/// The records of `text` in the order of the file.
fn table(
    text: impl AsRef<[u8]>,
    change: impl FnOnce(&mut DataConfig),
) -> Result<Dataset, DataError> {
    let folder = Folder::new();
    let mut config = DataConfig::new(folder.put("people.csv", text).to_str().unwrap());
    config.split = Some(Split::Tail);
    config.train = Some(1);
    config.valid = Some(0);
    config.test = Some(0);
    change(&mut config);
    load(&config, 1)
}

/// The file that `dataset` would be written to.
fn written(dataset: &Dataset) -> String {
    let cols = dataset.records.cols();
    let mut rows = Vec::new();
    for index in 0..dataset.records.rows() {
        let mut user = dataset.transform.user_row(&row(dataset, index));
        dataset.shape.round(&mut user);
        rows.extend(user);
    }
    let folder = Folder::new();
    let path = folder.path().join("out.csv");
    write(&path, &rows, cols, &dataset.shape, true).unwrap();
    std::fs::read_to_string(path).unwrap()
}

/// All records train, so that the limits are those of the file.
fn whole(config: &mut DataConfig) {
    config.train = None;
}

#[test]
fn tables_come_back_as_they_are() {
    for text in [
        "a,b\n-0.5,1\n1.25,3\n7,2\n",
        "a;b\n-0,50;1\n1,25;3\n7,00;2\n",
        "a\tb\n-0.5\t1\n1.25\t3\n",
        "3.5,1\n2.5,4\n0.5,2\n",
        "price,share,member,day\n$1.50,5%,yes,2024-02-29\n$12.00,17%,no,2023-12-31\n",
        "n\n\"1,234.5\"\n17.0\n\"999,999.5\"\n",
        "seen,n\n2024-01-01 10:00:00,7\n1950-06-30 23:59:59,2\n",
        // Columns far from 0: map coordinates and times.
        "easting,unix\n6543209.825,1700000000123\n6543209.921,1700000000124\n6543209.657,1700000000999\n",
        "a,balance\n1.5,-$5\n2.5,$7\n0.5,-$2\n",
        // A constant column is not learnt, and comes back.
        "a,unit\n1.5,kg\n2.5,kg\n0.5,kg\n",
    ] {
        let dataset = table(text, whole).unwrap();
        assert_eq!(written(&dataset), text, "{:?}", dataset.shape);
    }
}

#[test]
fn tables_are_read_in_every_dialect() {
    let utf16 =
        |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    for text in [
        b"x,y\n1,10\n2,20\n4,30\n".to_vec(),
        b"x;y\r\n1;10\r\n2;20\r\n4;30".to_vec(),
        b"x,y\r1,10\r2,20\r4,30".to_vec(),
        b"\xef\xbb\xbfx,y\n1,10\n2,20\n4,30\n".to_vec(),
        utf16("x,y\n1,10\n2,20\n4,30\n"),
        b"sep=;\nx;y\n1;10\n2;20\n4;30\n".to_vec(),
        b"# made by a tool\n# x y\n1 10\n2   20\n 4 30\n".to_vec(),
        b"x  y\n1.0e0\t10\n2 2e1\n4 +30\n".to_vec(),
        b"\"x\",\"y\",\n1,10,\n\"2\",20,\n,,\n4,30,\n".to_vec(),
        b"x, y\n1, \"10\"\n2, \"20\"\n4, \"30\"\n".to_vec(),
        b"x,'y'\n1,'10'\n2,'20'\n4,'30'\n".to_vec(),
        b"x,y\n1\xc2\xa0,10\n2,20\n4,30\n".to_vec(),
        // An index: pandas leaves its name empty, R leaves it out.
        b",x,y\n0,1,10\n1,2,20\n2,4,30\n".to_vec(),
        b"\"x\" \"y\"\n\"1\" 1 10\n\"2\" 2 20\n\"3\" 4 30\n".to_vec(),
        // Incomplete records are left out.
        b"x,y\n1,10\nNA,3\n2,20\n?,5\n4,30\n7,\n".to_vec(),
    ] {
        let shown = String::from_utf8_lossy(&text).into_owned();
        let dataset = table(&text, whole).unwrap_or_else(|error| panic!("{error}: {shown}"));
        let RecordShape::Table(shape) = &dataset.shape else {
            panic!("{:?}", dataset.shape);
        };
        assert_eq!(shape.names().unwrap(), ["x", "y"], "{shown}");
        let user = |index| dataset.transform.user_row(&row(&dataset, index));
        let back: Vec<_> = (0..dataset.records.rows()).map(user).collect();
        let rounded = |value: &f64| (value * 1e3).round() / 1e3;
        let back: Vec<Vec<_>> = back
            .iter()
            .map(|row| row.iter().map(rounded).collect())
            .collect();
        assert_eq!(back, [[1.0, 10.0], [2.0, 20.0], [4.0, 30.0]], "{shown}");
    }
}

#[test]
fn delimiter_is_the_user_s_word() {
    let text = "x,y;z\n1,5;2\n2,7;1\n4,6;3\n";
    let names = |delimiter| {
        let dataset = table(text, |config| {
            whole(config);
            config.delimiter = delimiter;
        });
        let RecordShape::Table(shape) = dataset.unwrap().shape else {
            panic!("no table");
        };
        shape.names().unwrap()
    };
    assert_eq!(names(None), ["x,y", "z"]);
    assert_eq!(names(Some(Delimiter::Semicolon)), ["x,y", "z"]);
    let error = table(text, |config| config.delimiter = Some(Delimiter::Comma)).unwrap_err();
    assert!(error.to_string().contains("y;z"), "{error}");
    let ragged = table("a,b\n1,2\n3,4,5\n7,8\n", whole).unwrap_err();
    let hint = ragged.hint().unwrap();
    let key = hint.split_once(" with data.").unwrap().1;
    let again: DataConfig = toml::from_str(&format!("source = 'x'\n{key}")).unwrap();
    assert_eq!(again.delimiter, Some(Delimiter::Semicolon));
}

#[test]
fn comments_among_the_records_are_counted() {
    let text = "# by a tool\n\nx,y\n1,2\n# a remark\n3,5\n# another, and, more\n7,1\n";
    let notes = |text: &str| table(text, whole).unwrap().notes.join("; ");
    let found = notes(text);
    let expected = "2 lines begin with # and are taken for comments, the first of them line 5";
    assert!(found.contains(expected), "{found}");
    let found = notes("x\n1\n# a remark\n3\n");
    assert!(found.contains("line 3 begins with #"), "{found}");
    assert!(!notes("# by a tool\nx\n1\n3\n").contains('#'));
}

#[test]
fn columns_that_are_called_otherwise_are_told() {
    let notes = |header: &str| {
        let text = format!("{header}\n0,1.5,2,9\n1,2.5,7,2\n2,0.5,1,4\n3,0.5,1,1\n");
        table(text, whole).unwrap().notes.join("; ")
    };
    let found = notes("id,a,a,");
    assert!(
        found.contains("are called: a.2 (column 3), 4 (column 4)"),
        "{found}"
    );
    // An index has no name, and is left out.
    assert!(!notes(",a,b,c").contains("called"));
}

#[test]
fn names_are_kept_in_old_encodings() {
    for (bytes, text, line) in [
        (&b"gr\xf6\xdfe\n1.5\n2.5\n"[..], "größe\n1.5\n2.5\n", 1),
        (b"a\r\n\r1.5\x80\n2.5\x80\n", "a\n1.5€\n2.5€\n", 3),
    ] {
        let dataset = table(bytes, whole).unwrap();
        assert_eq!(written(&dataset), text);
        let expected = format!("not UTF-8, first on line {line}, and was read as Windows-1252");
        let notes = &dataset.notes;
        assert!(notes[0].contains(&expected), "{notes:?}");
    }
}

#[test]
fn headers_of_numbers_are_told_from_the_columns_below() {
    let rows =
        |header: &str| format!("{header}\n0.5,1.5,2.5\n1.5,0.5,0.5\n2.5,3.5,1.5\n3.5,0.5,4.5\n");
    for (header, is_header) in [
        ("0,1,2", true),
        ("2019,2020,2021", true),
        ("0.5,1.5,2.5", false),
        ("7,9,11", false),
    ] {
        let dataset = table(rows(header), whole).unwrap();
        assert_eq!(
            dataset.records.rows(),
            5 - usize::from(is_header),
            "{header}"
        );
        for asked in [true, false] {
            let dataset = table(rows(header), |config| {
                whole(config);
                config.header = Some(asked);
            });
            assert_eq!(
                dataset.unwrap().records.rows(),
                5 - usize::from(asked),
                "{header}"
            );
        }
    }
}

#[test]
fn remarks_say_what_is_left_out() {
    let mut text = "id,a,b,unit,none\n".to_owned();
    for index in 0..20 {
        let blank = if index % 5 == 0 { "" } else { "1.5" };
        text += &format!("{index},{}.5,{blank},kg,\n", index * 7 % 11);
    }
    let notes = table(&text, whole).unwrap().notes.join("; ");
    for part in [
        "column id numbers the records",
        "b (1.5), unit (kg)",
        "empty columns are left out: none",
    ] {
        assert!(notes.contains(part), "{notes}");
    }
    // Names and numbers choose columns, an index among them.
    let dataset = table(&text, |config| {
        whole(config);
        config.columns = Some(vec!["id".into(), "2".into()]);
    });
    assert_eq!(dataset.unwrap().records.cols(), 2);
}

#[test]
fn tables_of_dos_end_with_a_mark_that_is_no_cell() {
    for end in ["\u{1a}", "\r\n\u{1a}", "\u{1a}\r\n"] {
        let data = table(format!("a,b\r\n1,2\r\n3,4.5{end}"), whole).unwrap();
        assert_eq!(written(&data), "a,b\n1,2\n3,4.5\n", "{end:?}");
    }
}

#[test]
fn tables_wrong_in_each_way_are_told() {
    let many = |last: &str| format!("a,b\n{}{last}", "1.5,2\n2.5,3\n".repeat(40));
    for (text, message, hint) in [
        (
            "x,y\n1,2\n3\n".to_owned(),
            "line 3: found 1 columns, expected 2",
            "that line; lines above the table have to go, or to begin with #",
        ),
        (
            "a,b\n1,2,7.5\n3,4,6.5\n5,7,2\n1,2,3\n".replace(",b", ""),
            "line 1: found 1 names of columns, expected 3",
            "data.delimiter=\";\"",
        ),
        (
            "a,b,c,d\n1,2\n3,4\n5,7\n".to_owned(),
            "line 1: found 4 names of columns, expected 2",
            "data.delimiter",
        ),
        (
            "x,y\n1,5,2,5\n0,5,3,7\n2,1,1,2\n".to_owned(),
            "line 1: found 2 names of columns, expected 4",
            "data.delimiter",
        ),
        (
            many("Total,9\n"),
            "column a: found \"Total\" on line 82, expected a number",
            "data.drop=[\"a\"]",
        ),
        (
            many("a\u{1b}b,9\n"),
            "column a: found \"a\\u{1b}b\" on line 82, expected a number",
            "data.drop=[\"a\"]",
        ),
        (
            "x,sex,city\n1,male,Bonn\n2,female,Rome\n4,male,Oslo\n".to_owned(),
            "found text in sex (male, female), city (Bonn, Rome, Oslo)",
            "data.drop=[\"sex\", \"city\"]",
        ),
        (
            "a,b\n1,\n2,NA\n,3\n,4\n".to_owned(),
            "found a missing value in every record",
            "data.drop",
        ),
        (
            "a,b\n1,2\n1e39,3\n4,1\n".to_owned(),
            "line 3, column a: found 1e39, expected a finite 32-bit number",
            "",
        ),
        (
            "x,y\n".to_owned(),
            "found 0 records, expected at least 1",
            "",
        ),
        (
            "\n\n".to_owned(),
            "found 0 records, expected at least 1",
            "",
        ),
        (
            "a\n5\n5\n5\n".to_owned(),
            "found no column with different values",
            "",
        ),
        (
            "PK\u{3}\u{4}\0\0".to_owned(),
            "found bytes that are no text",
            "as CSV",
        ),
    ] {
        let error = table(&text, whole).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert!(
            error.hint().unwrap_or_default().contains(hint),
            "{error}: {:?}",
            error.hint()
        );
    }
    let error = table("a,b\n1,2\n2,1\n", |config| config.drop = vec!["c".into()]).unwrap_err();
    let message = "data.drop: found \"c\", expected one of the columns a, b";
    assert!(error.to_string().contains(message), "{error}");
}

#[test]
fn hints_work_when_they_are_followed() {
    let text = "x,sex,city\n1,male,Bonn\n2,female,Rome\n4,male,Oslo\n";
    let hint = table(text, whole).unwrap_err().hint().unwrap();
    let key = hint.split_once("data.drop=").unwrap().1;
    let drop: DataConfig = toml::from_str(&format!("source = 'x'\ndrop = {key}")).unwrap();
    let dataset = table(text, |config| {
        whole(config);
        config.drop = drop.drop;
    });
    assert_eq!(written(&dataset.unwrap()), "x\n1\n2\n4\n");
}

#[test]
fn held_out_records_are_drawn_by_the_seed() {
    let text: String = (0..100).map(|index| format!("{}.5\n", index)).collect();
    let folder = Folder::new();
    let config = DataConfig::new(folder.put("sorted.csv", text).to_str().unwrap());
    let largest = |config: &DataConfig, seed| {
        let dataset = load(config, seed).unwrap();
        let train = dataset.splits.train.clone();
        let values = train.map(|index| dataset.transform.user_row(&row(&dataset, index))[0]);
        values.fold(0.0, f64::max)
    };
    assert!(largest(&config, 1) > 90.0);
    let first = load(&config, 1).unwrap();
    assert_eq!(row(&first, 3), row(&load(&config, 1).unwrap(), 3));
    assert_ne!(row(&first, 3), row(&load(&config, 2).unwrap(), 3));
    let tail = DataConfig {
        split: Some(Split::Tail),
        ..config
    };
    assert_eq!(largest(&tail, 1), 79.5);
}
