//! Tables of columns of every kind: told from the file, encoded, and written as they were.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::fmt::Write;

use common::*;
use gan_data::{
    ColumnKind, DataConfig, DataError, Dataset, Normalize, RecordShape, Role, Split, Style,
    TableShape, Transform, load,
};

fn mixed(text: &str, change: impl FnOnce(&mut DataConfig)) -> Result<Dataset, DataError> {
    let folder = Folder::new();
    let mut config = DataConfig::new(folder.put("people.csv", text).to_str().unwrap());
    config.normalize = Normalize::Columns;
    config.split = Some(Split::Tail);
    config.valid = Some(0);
    config.test = Some(0);
    change(&mut config);
    load(&config, 1)
}

fn shape(dataset: &Dataset) -> &TableShape {
    match &dataset.shape {
        RecordShape::Table(table) => table,
        other => panic!("{other:?}"),
    }
}

/// The records of `dataset`, from the players' units, in the file `name`.
fn written(dataset: &Dataset, folder: &Folder, name: &str) -> std::path::PathBuf {
    let mut rows = Vec::new();
    for index in 0..dataset.records.rows() {
        let mut user = dataset.transform.user_row(&row(dataset, index));
        dataset.shape.round(&mut user);
        rows.extend(user);
    }
    let cols = dataset.transform.user_cols(dataset.records.cols());
    let path = folder.path().join(name);
    write(&path, &rows, cols, &dataset.shape, true).unwrap();
    path
}

/// A table of `rows` records with a column of every kind.
fn people(rows: usize) -> String {
    let mut text = "id,name,born,seen,income,zip,sex,member,cabin,visits,unit,note\n".to_owned();
    for i in 0..rows {
        let income = match i % 4 {
            0 => "0.00".into(),
            1 => "?".into(),
            _ => format!("{}.{:02}", 100 + i * 37 % 9001, i % 100),
        };
        writeln!(
            text,
            "{},name {i},{:02}.{:02}.{},2024-0{}-1{} 0{}:3{}:0{},{income},0{}123,{},{},{},{},kg,{}",
            i + 1,
            1 + i % 28,
            1 + i % 12,
            1950 + i * 7 % 50,
            1 + i % 9,
            i % 10,
            i % 7,
            i % 6,
            i % 8,
            i % 3,
            ["male", "female", "none"][i % 3],
            ["Yes", "No", ""][i % 3],
            ["C85", "", "NA", "", "E 46"][i % 5],
            i % 5,
            ["some words", "x", "y"][i % 3].to_owned() + &(i / 4).to_string(),
        )
        .unwrap();
    }
    text
}

#[test]
fn kinds_are_told_from_the_file() {
    let dataset = mixed(&people(120), |_| {}).unwrap();
    let table = shape(&dataset);
    let kind = |name: &str| {
        let column = table.columns.iter().find(|column| column.name == name);
        column.map_or_else(
            || "left out".to_owned(),
            |column| {
                let kind = match &column.role {
                    Role::Counted(first) => format!("counted from {first}"),
                    Role::Constant(text) => format!("constant {text}"),
                    Role::Values(Style::Number(style)) => format!("number of {}", style.decimals),
                    Role::Values(Style::Time(pattern)) => format!("time as {pattern}"),
                    Role::Values(Style::Truth(words)) => words.join("|"),
                    Role::Values(Style::Category(texts)) => texts.join("|"),
                };
                let blank = column.blank.as_ref();
                kind + &blank.map_or(String::new(), |word| format!(", blank {word:?}"))
            },
        )
    };
    for (name, expected) in [
        ("id", "counted from 1"),
        ("name", "left out"),
        ("born", "time as %d.%m.%Y"),
        ("seen", "time as %Y-%m-%d %H:%M:%S"),
        ("income", "number of 2, blank \"?\""),
        ("zip", "00123|01123|02123"),
        ("sex", "female|male|none"),
        ("member", "No|Yes, blank \"\""),
        ("cabin", "C85|E 46, blank \"\""),
        ("visits", "number of 0"),
        ("unit", "constant kg"),
        ("note", "left out"),
    ] {
        assert_eq!(kind(name), expected, "{name}");
    }
    let notes = dataset.notes.join("\n");
    for expected in [
        "numbers: income, visits\n",
        "dates and times: born, seen\n",
        "categories: zip, sex, member, cabin\n",
        "numbered anew when written: id\n",
        "constant, written as they are and not learnt: unit (kg)\n",
        "left out: name (a different text in each record), note (free text); [columns] can",
    ] {
        assert!(notes.contains(expected), "{expected}: {notes}");
    }
}

#[test]
fn tables_come_back_in_their_columns_formats_and_blanks() {
    for text in [
        "a,b\nx,1\ny,\nx,3\n",
        "a;b\n\"1,5\";x y\n\"2,5\";z\n\"0,5\";x y\n\"7,0\";z\n",
        "id\tsex\n0\tm\n1\tf\n2\tm\n3\tf\n4\tm\n5\tf\n6\tm\n7\tf\n8\tm\n9\tf\n",
        ",sex,n\n0,m,2\n1,f,\n2,m,7\n3,f,2\n",
        "day,open,n\n2024-02-29,yes,7\n2023-12-31,no,NA\n2024-02-29,,NA\n",
        "seen,n\n01/02/2024 10:30,7\n02/25/2024 23:59,2\n01/02/2024 10:30,7\n",
        "price,state\n$1.50,WA\n$12.00,OR\nNone,WA\n",
        "a,kind,unit\nx,none,kg\ny,bank,kg\nx,none,kg\n",
        "empty,a\n,x\n,y\n,x\n",
        "a,b\n'=x,1\ny,2\n'=x,1\n",
        "flag,b\nTrue,x\nFalse,y\nTrue,x\n",
        "color,n\n#ff0000,1.5\n#00ff00,2.5\n#ff0000,0.5\n",
        "color,n\n#ff0000,1.5\nred,2.5\n#ff0000,0.5\nred,7.5\n",
        "n,color\n#N/A,red\n1.5,blue\n2.5,red\n",
        "a b n\nfoo \"\" 1.5\nbar 2 2.5\nbar \"\" 0.5\nfoo 4 1.5\nbar 2 2.5\n",
        // Records of blanks alone.
        "a,b\nx,1\n,\n,\ny,2\nx,4\n",
        "color\n#ff0000\n#00ff00\n#ff0000\n",
    ] {
        let dataset = mixed(text, |_| {}).unwrap_or_else(|error| panic!("{error}: {text}"));
        let folder = Folder::new();
        let path = written(&dataset, &folder, "out.csv");
        let found = std::fs::read_to_string(path).unwrap();
        let plain = text.replace('"', "");
        assert_eq!(found.replace('"', ""), plain, "{:?}", dataset.shape);
        // And what was written is read as the same table.
        let again = mixed(&found, |_| {}).unwrap();
        assert_eq!(again.shape, dataset.shape, "{found}");
    }
}

#[test]
fn cells_between_blanks_are_written_in_quotes() {
    let text = "a b n\nfoo \"\" 1.5\n\"bar\tx\" 2 2.5\n\"bar\tx\" \"\" 0.5\nfoo 4 1.5\n";
    let dataset = mixed(text, |_| {}).unwrap();
    let found = std::fs::read_to_string(written(&dataset, &Folder::new(), "out.txt")).unwrap();
    let expected = text.replace("a b n", "\"a\" \"b\" \"n\"");
    assert_eq!(found, expected.replace("foo", "\"foo\""));
}

#[test]
fn header_of_texts_alone_may_have_equal_names_and_gaps() {
    let rows = "Rome,Bern,y\nRome,Oslo,x\nBonn,Bern,y\n,Bern,x\n";
    for (header, names) in [
        ("city,city,kind", ["city", "city.2", "kind"]),
        (",city,", ["1", "city", "3"]),
    ] {
        let dataset = mixed(&format!("{header}\n{rows}"), |_| {}).unwrap();
        assert_eq!(dataset.records.rows(), 4, "{header}");
        assert_eq!(shape(&dataset).names().unwrap(), names);
    }
    // Records as the others.
    for first in ["Rome,Bern,x", "Bonn,Bonn,x", ",Bern,"] {
        let dataset = mixed(&format!("{first}\n{rows}"), |_| {}).unwrap();
        assert_eq!(dataset.records.rows(), 5, "{first}");
    }
}

#[test]
fn every_record_comes_back_as_it_was_read() {
    let dataset = mixed(&people(200), |config| config.test = Some(40)).unwrap();
    let user = dataset.user_rows.as_ref().unwrap();
    let learnt: Vec<_> = shape(&dataset).learnt().collect();
    assert_eq!((user.rows(), user.cols()), (200, learnt.len()));
    assert_eq!(user.values().len(), 200 * learnt.len());
    for index in 0..200 {
        let mut back = dataset.transform.user_row(&row(&dataset, index));
        dataset.shape.round(&mut back);
        for ((found, expected), (name, _)) in back.iter().zip(user.row(index)).zip(&learnt) {
            let is_same = (found.is_nan() && expected.is_nan()) || found == expected;
            // Ranks of records that are held out lie between those that train.
            let is_near = index >= 160 && ["born", "seen", "income"].contains(name);
            assert!(
                is_same || (is_near && !found.is_nan()),
                "{name}: {found}, not {expected}"
            );
        }
    }
    // Held-out records are encoded alike, and the heads say how.
    let heads = dataset.transform.heads();
    let widths: usize = heads.iter().map(|head| head.width()).sum();
    assert_eq!(widths, dataset.records.cols());
}

#[test]
fn the_user_overrules_what_columns_are() {
    let text = people(120);
    let with = |name: &str, kind| {
        mixed(&text, |config| {
            config.kinds.insert(name.into(), kind);
        })
    };
    let role = |name: &str, kind| {
        let dataset = with(name, kind).unwrap();
        let column = shape(&dataset)
            .columns
            .iter()
            .find(|column| column.name == name);
        column.map(|column| column.role.clone())
    };
    assert!(matches!(
        role("zip", ColumnKind::Number),
        Some(Role::Values(Style::Number(_)))
    ));
    assert!(matches!(
        role("id", ColumnKind::Number),
        Some(Role::Values(Style::Number(_)))
    ));
    assert_eq!(role("sex", ColumnKind::LeaveOut), None);
    for (name, levels) in [
        ("name", 120),
        ("visits", 5),
        ("note", 80),
        ("unit", 0),
        ("income", 60),
    ] {
        let found = role(name, ColumnKind::Category);
        match found {
            Some(Role::Values(Style::Category(texts))) => assert!(texts.len() >= levels, "{name}"),
            Some(Role::Constant(text)) => assert_eq!((name, text.as_str()), ("unit", "kg")),
            other => panic!("{name}: {other:?}"),
        }
    }
    // By number as well, and blanks where a cell is no number.
    let strays = "age,a\n1,x\nold,y\n3,x\nold,y\n5,x\n";
    let dataset = mixed(strays, |config| {
        config.kinds.insert("1".into(), ColumnKind::Number);
    });
    let dataset = dataset.unwrap();
    assert!(dataset.user_rows.as_ref().unwrap().row(1)[0].is_nan());
    assert_eq!(shape(&dataset).columns[0].blank.as_deref(), Some("old"));
    for (name, kind, expected) in [
        (
            "sex",
            ColumnKind::Number,
            "column sex: found male, female, none, expected a number",
        ),
        (
            "sexes",
            ColumnKind::Category,
            "columns: found \"sexes\", expected one of the columns id",
        ),
    ] {
        let message = with(name, kind).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn days_of_eight_digits_are_numbers_where_the_user_says_so() {
    let text = "date,a\n20240131,x\n19991231,y\n20240229,x\n";
    let style = |dataset: &Dataset| shape(dataset).learnt().next().unwrap().1.clone();
    let days = style(&mixed(text, |_| {}).unwrap());
    assert!(
        matches!(&days, Style::Time(pattern) if pattern == "%Y%m%d"),
        "{days:?}"
    );
    let asked = mixed(text, |config| {
        config.kinds.insert("date".into(), ColumnKind::Number);
    });
    let numbers = style(&asked.unwrap());
    assert!(matches!(numbers, Style::Number(_)), "{numbers:?}");
}

#[test]
fn what_is_no_table_is_not_learnt_by_columns() {
    let folder = Folder::new();
    let mut config = DataConfig::new("ring8");
    config.normalize = Normalize::Columns;
    let error = load(&config, 1).unwrap_err().to_string();
    assert!(error.contains("normalize is columns"), "{error}");
    for (text, expected) in [
        ("a,b\nx,1\nx,1\nx,1\n", "no column with different values"),
        ("a,b\n\n", "0 records"),
    ] {
        let path = folder.put("a.csv", text);
        config.source = path.to_str().unwrap().to_owned();
        let error = load(&config, 1).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn nothing_to_learn_says_what_is_left_out_and_why() {
    let text = "key,name,age\nk1,Ada,3\nk2,Bert,4\nk3,Cleo,4\nk4,Dora,3\n";
    let error = mixed(text, |config| config.drop = vec!["age".into()]).unwrap_err();
    let expected = "found no column with different values beside those that are left out: key (a \
                    different text in each record), name (a different text in each record), age (as \
                    asked), expected at least one";
    assert!(error.to_string().ends_with(expected), "{error}");
    assert!(error.hint().unwrap().contains("is a category"));
    // What is asked for is no news where there is something to learn.
    let dataset = mixed(text, |config| config.drop = vec!["name".into()]).unwrap();
    let notes = dataset.notes.join("\n");
    assert!(notes.contains("left out: key (a different text in each record); "));
}

#[test]
fn columns_that_are_left_out_are_named() {
    let line = |cell: &dyn Fn(usize) -> String| (0..42).map(cell).collect::<Vec<_>>().join(",");
    let mut text = line(&|col| format!("t{col}")) + ",n\n";
    for i in 0..6 {
        text += &format!("{},{}\n", line(&|col| format!("text {i} of {col}")), i % 2);
    }
    let notes = mixed(&text, |_| {}).unwrap().notes.join("\n");
    let expected = "t39 (a different text in each record) and 2 more; [columns]";
    assert!(notes.contains(expected), "{notes}");
}

#[test]
fn cells_that_are_no_finite_number_are_told_as_they_are_written() {
    let text = "size,b\n1.5,x\n52E700,y\n2.5,x\n";
    let error = mixed(text, |_| {}).unwrap_err();
    let expected = "line 3, column size: found 52E700, expected a finite 64-bit number";
    assert!(error.to_string().ends_with(expected), "{error}");
    assert!(error.hint().unwrap().contains("data.drop"));
}

#[test]
fn many_levels_are_learnt_and_too_many_are_left_out() {
    for (levels, rows, is_learnt) in [(5000, 10_000, true), (20_001, 40_100, false)] {
        let mut text = "a,b\n".to_owned();
        for i in 0..rows {
            writeln!(text, "level {},{}", i % levels, i % 3).unwrap();
        }
        // A few records train, since each has a value for every level.
        let dataset = mixed(&text, |config| config.train = Some(10)).unwrap();
        let found = shape(&dataset).learnt().count();
        assert_eq!(found, if is_learnt { 2 } else { 1 }, "{levels}");
    }
}

#[cfg(feature = "parquet")]
#[test]
fn typed_tables_keep_their_types_and_blanks() {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, BooleanArray, Date32Array, Int64Array, RecordBatch, StringArray};

    let n = ROWS as i64;
    let with_blanks = |i: i64| (i % 4 != 1).then_some(i);
    let text = |i: i64| with_blanks(i).map(|i| ["a", "b c", "none"][i as usize % 3]);
    let columns: [(&str, ArrayRef); 5] = [
        ("id", Arc::new(Int64Array::from_iter_values(0..n))),
        (
            "n",
            Arc::new(Int64Array::from_iter(
                (0..n).map(|i| Some(with_blanks(i)? * 3 % 7)),
            )),
        ),
        ("text", Arc::new(StringArray::from_iter((0..n).map(text)))),
        (
            "ok",
            Arc::new(BooleanArray::from_iter(
                (0..n).map(|i| Some(with_blanks(i)? % 3 == 0)),
            )),
        ),
        (
            "day",
            Arc::new(Date32Array::from_iter(
                (0..n).map(|i| Some((i % 9) as i32 * 100)),
            )),
        ),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let folder = Folder::new();
    for (name, bytes) in typed_files(&batch) {
        let mut config = DataConfig::new(folder.put(name, bytes).to_str().unwrap());
        config.normalize = Normalize::Columns;
        config.split = Some(Split::Tail);
        let dataset = load(&config, 1).unwrap();
        let path = written(&dataset, &folder, "out.parquet");
        let file = std::fs::File::open(&path).unwrap();
        let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file);
        let mut reader = reader.unwrap().build().unwrap();
        let found = reader.next().unwrap().unwrap();
        for (column, (expected, field)) in found
            .columns()
            .iter()
            .zip(batch.columns().iter().zip(found.schema().fields()))
        {
            assert_eq!(column, expected, "{name}: {}", field.name());
        }
        let path = written(&dataset, &folder, "out.feather");
        let file = std::fs::File::open(&path).unwrap();
        let mut reader = arrow_ipc::reader::FileReader::try_new(file, None).unwrap();
        assert_eq!(reader.next().unwrap().unwrap(), found, "{name}");
    }
}

#[test]
fn the_seed_draws_what_is_held_out_and_the_ranks() {
    let of = |seed| {
        let folder = Folder::new();
        let mut config = DataConfig::new(folder.put("a.csv", people(150)).to_str().unwrap());
        config.normalize = Normalize::Columns;
        load(&config, seed).unwrap()
    };
    let (one, again, other) = (of(1), of(1), of(2));
    let rows = |dataset: &Dataset| -> Vec<Vec<f32>> {
        (0..dataset.records.rows())
            .map(|index| row(dataset, index))
            .collect()
    };
    assert_eq!(rows(&one), rows(&again));
    assert_ne!(rows(&one), rows(&other));
    let Transform::Columns(encoding) = &one.transform else {
        panic!("{:?}", one.transform);
    };
    assert_eq!(encoding.shares().len(), one.records.cols());
}
