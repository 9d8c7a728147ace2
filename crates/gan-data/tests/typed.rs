//! Tables of typed columns, Parquet and Arrow, are read as tables as text are.

#![cfg(feature = "parquet")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::*;
use common::*;
use gan_data::{DataConfig, Dataset, RecordShape, load};

/// The cells that `dataset` writes for its record of the number `index`.
fn cells(dataset: &Dataset, index: usize) -> String {
    let mut user = dataset.transform.user_row(&row(dataset, index));
    dataset.shape.round(&mut user);
    match &dataset.shape {
        RecordShape::Table(table) => table.cells(&user, index).join(" "),
        other => panic!("{other:?}"),
    }
}

#[test]
fn columns_of_every_type_are_those_of_a_table() {
    let numbers = || (0..ROWS).map(|row| (row * row % 13) as i64);
    let floats = || numbers().map(|value| value as f64 * 0.25);
    let days = || numbers().map(|value| value as i32 * 400);
    let columns: Vec<(&str, ArrayRef, &str)> = vec![
        (
            "bool",
            Arc::new(BooleanArray::from_iter(numbers().map(|v| Some(v > 4)))),
            "false",
        ),
        (
            "i8",
            Arc::new(Int8Array::from_iter_values(numbers().map(|v| v as i8 - 7))),
            "-3",
        ),
        (
            "u16",
            Arc::new(UInt16Array::from_iter_values(numbers().map(|v| v as u16))),
            "4",
        ),
        (
            "i64",
            Arc::new(Int64Array::from_iter_values(numbers().map(|v| v << 40))),
            "4398046511104",
        ),
        (
            "f32",
            Arc::new(Float32Array::from_iter_values(floats().map(|v| v as f32))),
            "1",
        ),
        (
            "f64",
            Arc::new(Float64Array::from_iter_values(floats())),
            "1",
        ),
        (
            "decimal",
            Arc::new(
                Decimal128Array::from_iter_values(numbers().map(|v| i128::from(v * 125)))
                    .with_precision_and_scale(9, 2)
                    .unwrap(),
            ),
            "5.00",
        ),
        (
            "date",
            Arc::new(Date32Array::from_iter_values(days())),
            "1974-05-20",
        ),
        (
            "midnight",
            Arc::new(TimestampNanosecondArray::from_iter_values(
                days().map(|days| i64::from(days) * 86_400_000_000_000),
            )),
            "1974-05-20",
        ),
        (
            "time",
            Arc::new(
                TimestampMillisecondArray::from_iter_values(days().map(|v| i64::from(v) * 1500))
                    .with_timezone("+00:00"),
            ),
            "1970-01-01T00:40:00",
        ),
        (
            "clock",
            Arc::new(Time64MicrosecondArray::from_iter_values(
                numbers().map(|v| v * 1_000_000),
            )),
            "00:00:04",
        ),
        (
            "words",
            Arc::new(StringArray::from_iter_values(
                numbers().map(|v| if v > 4 { "yes" } else { "no" }),
            )),
            "no",
        ),
        (
            "category",
            Arc::new(
                numbers()
                    .map(|v| Some(if v > 4 { "yes" } else { "no" }))
                    .collect::<DictionaryArray<Int8Type>>(),
            ),
            "no",
        ),
        (
            "unit",
            Arc::new(StringArray::from_iter_values((0..ROWS).map(|_| "kg"))),
            "kg",
        ),
        (
            "digits",
            Arc::new(LargeStringArray::from_iter_values(
                numbers().map(|v| v.to_string()),
            )),
            "4",
        ),
        (
            "index",
            Arc::new(Int32Array::from_iter_values(0..ROWS as i32)),
            "",
        ),
        ("nothing", Arc::new(NullArray::new(ROWS)), ""),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns
            .iter()
            .map(|(name, array, _)| (name, array.clone(), true)),
    );
    let batch = batch.unwrap();
    let expected: Vec<_> = columns
        .iter()
        .map(|(.., cell)| *cell)
        .filter(|cell| !cell.is_empty())
        .collect();
    for (name, bytes) in typed_files(&batch) {
        let folder = Folder::new();
        let dataset = load(&unnormalized(&folder.put(name, bytes)), 0).unwrap();
        assert_eq!(dataset.records.rows(), ROWS, "{name}");
        assert_eq!(cells(&dataset, 2), expected.join(" "), "{name}");
        let notes = dataset.notes.join("; ");
        assert!(
            notes.contains("column index numbers the records"),
            "{name}: {notes}"
        );
        assert!(
            notes.contains("empty columns are left out: nothing"),
            "{name}: {notes}"
        );
    }
}

#[test]
fn missing_values_and_columns_of_other_types_are_told_together() {
    let values =
        Int64Array::from_iter((0..ROWS as i64).map(|row| (row % 5 != 0).then_some(row % 7)));
    let list = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(
        (0..ROWS).map(|_| Some(vec![Some(1.0), None])),
        2,
    );
    let names = StringArray::from_iter_values((0..ROWS).map(|row| format!("Ada {row}")));
    let raw = BinaryArray::from_iter_values((0..ROWS).map(|_| b"x"));
    let batch = RecordBatch::try_from_iter([
        ("a", Arc::new(values) as ArrayRef),
        ("list", Arc::new(list)),
        ("name", Arc::new(names)),
        ("raw", Arc::new(raw)),
    ])
    .unwrap();
    for (name, bytes) in typed_files(&batch) {
        let folder = Folder::new();
        let path = folder.put(name, bytes);
        let error = load(&unnormalized(&path), 0).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("found text or values of other types in list (of type "),
            "{text}"
        );
        assert!(
            text.contains("name (Ada 0, Ada 1, Ada 2), raw (of type Binary)"),
            "{text}"
        );
        // The hint works when it is followed.
        let hint = error.hint().unwrap();
        assert!(
            hint.ends_with("data.drop=[\"list\", \"name\", \"raw\"]"),
            "{hint}"
        );
        let config = DataConfig {
            drop: ["list", "name", "raw"].map(str::to_owned).to_vec(),
            ..unnormalized(&path)
        };
        let dataset = load(&config, 0).unwrap();
        assert_eq!(dataset.records.rows(), ROWS - ROWS.div_ceil(5));
        assert!(dataset.notes[0].contains("a 8"), "{:?}", dataset.notes);
    }
}

#[test]
fn typed_files_wrong_in_each_way_are_told() {
    let values = Int64Array::from_iter_values(0..ROWS as i64);
    let batch = RecordBatch::try_from_iter([("a", Arc::new(values) as ArrayRef)]).unwrap();
    for (name, bytes) in typed_files(&batch) {
        for damaged in [&bytes[..bytes.len() - 9], &bytes[..8]] {
            let error = load_bytes(name, damaged).unwrap_err();
            let text = error.to_string();
            assert!(text.contains("damaged archive"), "{name}: {text}");
            assert!(error.hint().is_some());
        }
    }
    let mut stream = Vec::new();
    let mut writer = arrow_ipc::writer::StreamWriter::try_new(&mut stream, &batch.schema());
    writer.as_mut().unwrap().write(&batch).unwrap();
    drop(writer);
    for (bytes, found, hint) in [
        (&b"FEA2"[..], "neither as Parquet nor", "fetch"),
        (
            b"FEA1 of the first",
            "found a Feather file of version 1",
            "read_feather",
        ),
        (&stream, "found an Arrow IPC stream", "open_stream"),
    ] {
        let error = load_bytes("a.feather", bytes).unwrap_err();
        assert!(error.to_string().contains(found), "{error}");
        assert!(error.hint().unwrap().contains(hint), "{error}");
    }
}

#[test]
fn parquet_written_of_a_table_reads_back_to_the_same_cells() {
    let text = "n,x,share,member,yes,day,seen,at,unit,code,day8\n\
                3,0.25,5%,true,no,2024-02-29,2024-02-29 10:00:01,10:15,kg,007,20240229\n\
                -9000,1.5,17%,false,yes,1931-01-01,2024-02-29 23:59:59,23:59,kg,007,19310101\n\
                12,-3.75,1%,true,no,2023-12-31,2024-02-29 00:00:30,00:00,kg,007,20231231\n";
    let folder = Folder::new();
    // Standardised, which keeps the last digits.
    let whole = |path: &std::path::Path| DataConfig {
        valid: Some(0),
        test: Some(0),
        normalize: gan_data::Normalize::Auto,
        ..unnormalized(path)
    };
    let table = load(&whole(&folder.put("t.csv", text)), 0).unwrap();
    let rows: Vec<f64> = (0..3)
        .flat_map(|index| {
            let mut user = table.transform.user_row(&row(&table, index));
            table.shape.round(&mut user);
            user
        })
        .collect();
    let path = folder.path().join("t.parquet");
    write(&path, &rows, table.records.cols(), &table.shape, true).unwrap();
    let back = load(&whole(&path), 0).unwrap();
    assert_eq!(back.shape.columns(), table.shape.columns());
    let expected = [
        "3 0.25 5 true no 2024-02-29 2024-02-29T10:00:01 10:15:00 kg 007 20240229",
        "-9000 1.5 17 false yes 1931-01-01 2024-02-29T23:59:59 23:59:00 kg 007 19310101",
        "12 -3.75 1 true no 2023-12-31 2024-02-29T00:00:30 00:00:00 kg 007 20231231",
    ];
    assert_eq!([0, 1, 2].map(|index| cells(&back, index)), expected);
}

#[test]
fn parquet_of_a_codec_that_is_not_read_is_told_with_a_line_for_parquet() {
    let values = Int64Array::from_iter_values(0..ROWS as i64);
    let batch = RecordBatch::try_from_iter([("a", Arc::new(values) as ArrayRef)]).unwrap();
    let [(name, mut bytes), _] = typed_files(&batch);
    // Thrift: the list of the names of the column, and the number of its codec, doubled.
    let names = [0x19, 0x18, 1, b'a', 0x15, 0];
    let places: Vec<usize> = (0..bytes.len())
        .filter(|&at| bytes[at..].starts_with(&names))
        .collect();
    assert_eq!(places.len(), 2);
    let zstd = 6;
    places.iter().for_each(|at| bytes[at + 5] = 2 * zstd);
    let error = load_bytes(name, bytes).unwrap_err();
    assert!(error.to_string().contains("not read: "), "{error}");
    assert!(
        error.hint().unwrap().contains("pandas.read_parquet"),
        "{error}"
    );
}

/// A Parquet file of no rows, whose one column lies in so many groups within each other.
fn nested(groups: usize) -> Vec<u8> {
    // Thrift's compact protocol: a field is its distance from the one before and its type, then its
    // value; numbers are doubled.
    let varint = |mut value: usize| {
        let mut bytes = Vec::new();
        while value > 127 {
            bytes.push(value as u8 | 128);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    };
    let root: &[u8] = &[0x48, 1, b'r', 0x15, 2, 0];
    let group: &[u8] = &[0x35, 0, 0x18, 1, b'g', 0x15, 2, 0];
    let leaf: &[u8] = &[0x15, 2, 0x25, 0, 0x18, 1, b'a', 0];
    let schema = [root, &group.repeat(groups), leaf].concat();
    let elements = varint(groups + 2);
    let version_and_list: &[u8] = &[0x15, 2, 0x19, 0xfc];
    let rows_and_no_groups: &[u8] = &[0x16, 0, 0x19, 0x0c, 0];
    let footer = [version_and_list, &elements, &schema, rows_and_no_groups].concat();
    let length = (footer.len() as u32).to_le_bytes();
    [b"PAR1", &footer[..], &length, b"PAR1"].concat()
}

#[test]
fn groups_within_each_other_overflow_no_stack() {
    for groups in [0, 1, 30, 62, 63, 64, 20_000] {
        let error = load_bytes("a.parquet", nested(groups))
            .unwrap_err()
            .to_string();
        assert_eq!(
            error.contains("nested deeper"),
            groups >= 64,
            "{groups}: {error}"
        );
    }
}

#[test]
fn text_that_begins_as_a_typed_file_is_a_table() {
    let row = |i: usize| format!("{},{}\n", i * i % 11, i % 7);
    let rows: String = (0..20).map(row).collect();
    for head in ["PAR1,PAR2", "ARROW1,ARROW2"] {
        let data = load_bytes("a.csv", format!("{head}\n{rows}")).unwrap();
        assert_eq!(data.records.cols(), 2, "{head}");
    }
}

#[test]
fn columns_that_are_left_out_are_not_decoded() {
    let rows = 0..ROWS as i64;
    let text = |row| format!("left-out-{row}");
    let batch = RecordBatch::try_from_iter([
        (
            "x",
            Arc::new(Int64Array::from_iter_values(
                rows.clone().map(|row| row * row),
            )) as ArrayRef,
        ),
        (
            "name",
            Arc::new(StringArray::from_iter_values(rows.clone().map(text))),
        ),
        (
            "y",
            Arc::new(Int64Array::from_iter_values(rows.map(|row| row % 7))),
        ),
    ])
    .unwrap();
    for (name, mut bytes) in typed_files(&batch) {
        // No decoder takes this for text.
        let marker = b"left-out-";
        for at in 0..bytes.len() - marker.len() {
            if bytes[at..].starts_with(marker) {
                bytes[at..at + marker.len()].fill(0xff);
            }
        }
        let folder = Folder::new();
        let path = folder.put(name, &bytes);
        let whole = load(&config(&path), 0).map(|_| ()).unwrap_err().to_string();
        assert!(whole.contains("damaged archive"), "{whole}");
        let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
        for (columns, drop) in [
            (None, names(&["name"])),
            (None, names(&["2"])),
            (Some(names(&["x", "3"])), names(&[])),
        ] {
            let config = DataConfig {
                columns,
                drop,
                ..config(&path)
            };
            assert_eq!(
                load(&config, 0).unwrap().shape.columns().unwrap(),
                ["x", "y"]
            );
        }
        let config = DataConfig {
            drop: names(&["name", "z"]),
            ..config(&path)
        };
        let unknown = load(&config, 0).map(|_| ()).unwrap_err().to_string();
        assert!(
            unknown.contains("\"z\"") && unknown.contains("x, name, y"),
            "{unknown}"
        );
    }
}

#[test]
fn the_index_that_pandas_writes_is_left_out_unless_it_is_chosen() {
    let rows = 0..ROWS as i64;
    let batch = RecordBatch::try_from_iter([
        (
            "x",
            Arc::new(Int64Array::from_iter_values(
                rows.clone().map(|row| row * row % 13),
            )) as ArrayRef,
        ),
        (
            "y",
            Arc::new(Int64Array::from_iter_values(
                rows.clone().map(|row| row % 7),
            )),
        ),
        (
            "__index_level_0__",
            Arc::new(Int64Array::from_iter_values(rows.map(|row| row * row % 31))),
        ),
    ])
    .unwrap();
    for (name, bytes) in typed_files(&batch) {
        let folder = Folder::new();
        let mut config = config(&folder.put(name, &bytes));
        let data = load(&config, 0).unwrap();
        assert_eq!(data.records.cols(), 2);
        assert!(
            data.notes[0].starts_with("column __index_level_0__ "),
            "{:?}",
            data.notes
        );
        config.columns = Some(vec!["x".into(), "__index_level_0__".into()]);
        assert_eq!(load(&config, 0).unwrap().records.cols(), 2);
    }
}

/// The records of a file and its own columns, written as Parquet with the first rows as they are.
fn written_again(config: &DataConfig) -> (Dataset, RecordBatch) {
    let data = load(config, 0).unwrap();
    let rows: Vec<f64> = match &data.user_rows {
        Some(rows) => rows.values().to_vec(),
        None => (0..data.records.rows())
            .flat_map(|index| data.transform.user_row(&row(&data, index)))
            .collect(),
    };
    let cols = data.shape.columns().unwrap().len();
    let folder = Folder::new();
    let path = folder.path().join("again.parquet");
    write(&path, &rows, cols, &data.shape, true).unwrap();
    let file = std::fs::File::open(&path).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file);
    let batch = reader.unwrap().build().unwrap().next().unwrap().unwrap();
    (data, batch)
}

#[test]
fn whole_numbers_beyond_64_bits_with_a_sign_are_written_as_they_are() {
    let half = 1u64 << 63;
    let text: String = (0..ROWS as u64)
        .map(|row| {
            format!(
                "{},-{}\n",
                half + ((row * row % 7) << 40),
                half + (row << 50)
            )
        })
        .collect();
    let folder = Folder::new();
    let path = folder.put("a.csv", format!("a,b\n{text}"));
    let config = DataConfig {
        normalize: gan_data::Normalize::Auto,
        ..unnormalized(&path)
    };
    let (_, batch) = written_again(&config);
    let unsigned = batch["a"].as_primitive::<UInt64Type>();
    assert!(
        unsigned
            .iter()
            .all(|value| value.unwrap() > half - (1 << 44))
    );
    let floats = batch["b"].as_primitive::<Float64Type>();
    assert!(floats.iter().all(|value| value.unwrap() < -9.2e18));
}

/// Learns columns as what they are, and writes them again.
fn mixed_again(columns: Vec<(&str, ArrayRef)>) -> (Dataset, RecordBatch) {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    );
    let [(name, bytes), _] = typed_files(&batch.unwrap());
    let folder = Folder::new();
    let config = DataConfig {
        normalize: gan_data::Normalize::Columns,
        ..unnormalized(&folder.put(name, bytes))
    };
    written_again(&config)
}

/// A column that has something to learn.
fn learnt() -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(
        (0..ROWS as i64).map(|row| row * row % 17),
    ))
}

#[test]
fn columns_of_one_value_and_of_none_keep_their_types() {
    let one_and_blank = (0..ROWS).map(|row| (row % 3 > 0).then_some(true));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("x", learnt()),
        ("bool", Arc::new(BooleanArray::from(vec![true; ROWS]))),
        ("date", Arc::new(Date32Array::from_value(19_000, ROWS))),
        (
            "time",
            Arc::new(TimestampMicrosecondArray::from_value(
                1_700_000_000_500_000,
                ROWS,
            )),
        ),
        (
            "clock",
            Arc::new(Time64MicrosecondArray::from_value(3_600_000_000, ROWS)),
        ),
        ("wide", Arc::new(UInt64Array::from_value(u64::MAX, ROWS))),
        ("nothing", Arc::new(Float64Array::new_null(ROWS))),
        ("some", Arc::new(BooleanArray::from_iter(one_and_blank))),
        (
            "day",
            Arc::new(Date32Array::from_iter(
                (0..ROWS).map(|row| (row % 4 > 0).then_some(19_000)),
            )),
        ),
    ];
    let (_, batch) = mixed_again(columns.clone());
    for (name, array) in columns {
        match name {
            // A column of blanks has no type in a table.
            "nothing" => assert_eq!(batch[name].null_count(), ROWS),
            _ => assert_eq!(&batch[name], &array, "{name}"),
        }
    }
}

#[test]
fn times_keep_their_zone_and_a_note_names_it() {
    let micros = |step: i64| (0..ROWS as i64).map(move |row| row * row % 13 * step);
    let zoned = |step| {
        let times = TimestampMicrosecondArray::from_iter_values(micros(step));
        Arc::new(times.with_timezone("Europe/Berlin")) as ArrayRef
    };
    let one = TimestampMicrosecondArray::from_value(1_700_000_000_500_000, ROWS);
    let columns = vec![
        ("x", learnt()),
        ("at", zoned(7_000_000)),
        ("midnight", zoned(86_400_000_000)),
        ("one", Arc::new(one.with_timezone("+02:00"))),
    ];
    let (data, batch) = mixed_again(columns.clone());
    for (name, array) in columns {
        assert_eq!(&batch[name], &array, "{name}");
    }
    let notes = data.notes.join("\n");
    let expected = "times in a zone are read as UTC: at (Europe/Berlin), midnight (Europe/Berlin), one (+02:00)";
    assert!(notes.contains(expected), "{notes}");
    // Cells are those of a naive time.
    assert!(
        cells(&data, 1).contains(" 1970-01-01T00:00:07 1970-01-02 "),
        "{}",
        cells(&data, 1)
    );
}

#[test]
fn times_that_no_cell_holds_are_counted() {
    let often = |usual: i32, lost: i32| {
        (0..ROWS as i32).map(move |row| if row == 7 { lost } else { usual * (row % 13) })
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("x", learnt()),
        (
            "date",
            Arc::new(Date32Array::from_iter_values(often(400, i32::MIN))),
        ),
        (
            "far",
            Arc::new(Date32Array::from_iter_values(often(400, 4_000_000))),
        ),
        (
            "clock",
            Arc::new(Time32SecondArray::from_iter_values(often(60, 90_000))),
        ),
        (
            "time",
            Arc::new(TimestampMicrosecondArray::from_iter_values(
                often(1, -1).map(|it| {
                    if it < 0 {
                        i64::MAX
                    } else {
                        i64::from(it) * 86_400_000_000
                    }
                }),
            )),
        ),
    ];
    let (data, batch) = mixed_again(columns);
    let notes = data.notes.join("\n");
    let expected = "times beyond a day, are blanks: date (1), far (1), clock (1), time (1)";
    assert!(notes.contains(expected), "{notes}");
    assert!(
        notes.contains("dates and times: date, far, clock, time"),
        "{notes}"
    );
    assert!((1..5).all(|col| batch.column(col).null_count() == 1));
}

#[test]
fn columns_of_types_that_are_not_read_are_left_out_without_a_remedy() {
    let raw = BinaryArray::from_iter_values((0..ROWS).map(|_| b"x"));
    let names = StringArray::from_iter_values((0..ROWS).map(|row| format!("Ada {row}")));
    let batch = RecordBatch::try_from_iter([
        ("x", learnt()),
        ("raw", Arc::new(raw) as ArrayRef),
        ("name", Arc::new(names)),
    ]);
    for (name, bytes) in typed_files(&batch.unwrap()) {
        let folder = Folder::new();
        let mut config = DataConfig {
            normalize: gan_data::Normalize::Columns,
            ..config(&folder.put(name, bytes))
        };
        let notes = load(&config, 0).unwrap().notes;
        assert!(
            notes.contains(&"left out: raw (of type Binary)".into()),
            "{notes:?}"
        );
        let notes = notes.join("\n");
        assert!(
            notes.contains("left out: name (a different text in each record); [columns]"),
            "{notes}"
        );
        config
            .kinds
            .insert("raw".into(), gan_data::ColumnKind::Category);
        let error = load(&config, 0).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("raw: found values of type Binary, expected a category"),
            "{error}"
        );
        config
            .kinds
            .insert("raw".into(), gan_data::ColumnKind::LeaveOut);
        assert!(load(&config, 0).is_ok());
    }
}

#[test]
fn decimals_of_every_width_are_numbers() {
    let numbers = || (0..ROWS).map(|row| (row * row % 13) as i32 * 125);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("x", learnt()),
        (
            "narrow",
            Arc::new(
                Decimal32Array::from_iter_values(numbers())
                    .with_precision_and_scale(9, 2)
                    .unwrap(),
            ),
        ),
        (
            "middle",
            Arc::new(
                Decimal64Array::from_iter_values(numbers().map(i64::from))
                    .with_precision_and_scale(18, 2)
                    .unwrap(),
            ),
        ),
        (
            "wide",
            Arc::new(
                Decimal256Array::from_iter_values(numbers().map(|it| i128::from(it).into()))
                    .with_precision_and_scale(76, 2)
                    .unwrap(),
            ),
        ),
    ];
    let (data, _) = mixed_again(columns);
    assert!(
        cells(&data, 2).ends_with(" 5.00 5.00 5.00"),
        "{}",
        cells(&data, 2)
    );
    assert!(
        data.notes
            .contains(&"numbers: x, narrow, middle, wide".into())
    );
}
