//! What is written reads back to the same bits, here and in another reader.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::*;
use gan_data::{Contents, DataConfig, DataError, FileKind, RecordShape, load, write_records};
use proptest::num::f32::{NORMAL, SUBNORMAL, ZERO};
use proptest::prelude::*;

/// Reads a file back in its own units.
fn read_back(path: &std::path::Path) -> Vec<f64> {
    let dataset = load(&unnormalized(path), 0).unwrap();
    (0..dataset.records.rows())
        .flat_map(|index| row(&dataset, index))
        .map(f64::from)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_written_read_back_to_the_same_bits(
        cols in 1usize..5,
        values in proptest::collection::vec(NORMAL | SUBNORMAL | ZERO, 5..40),
    ) {
        let rows = &values[..values.len() / cols * cols];
        let folder = Folder::new();
        let rows: Vec<f64> = rows.iter().copied().map(f64::from).collect();
        for name in ["a.npy", "a.npz", "a.safetensors"] {
            let path = folder.path().join(name);
            write(&path, &rows, cols, &NUMBERS, false).unwrap();
            prop_assert_eq!(&read_back(&path), &rows);
        }
        let csv = folder.path().join("a.csv");
        let columns: Vec<_> = (0..cols).map(|col| format!("x{col}")).collect();
        let (columns, double, whole) = (Some(columns), false, Vec::new());
        let shape = RecordShape::Vector { columns, double, whole };
        write(&csv, &rows, cols, &shape, false).unwrap();
        let mut reader = csv::Reader::from_path(&csv).unwrap();
        let cells = reader.records().flat_map(|record| {
            let record = record.unwrap();
            record.iter().map(|cell| cell.parse::<f64>().unwrap() as f32).collect::<Vec<_>>()
        });
        prop_assert_eq!(cells.map(f64::from).collect::<Vec<_>>(), rows);
    }
}

#[test]
fn npy_written_is_read_by_npyz() {
    let folder = Folder::new();
    let path = folder.path().join("a.npy");
    write(&path, &[1.0, 2.5, -3.0, 4.0, 5.0, 6.0], 3, &NUMBERS, false).unwrap();
    let file = npyz::NpyFile::new(std::fs::File::open(&path).unwrap()).unwrap();
    assert_eq!((file.shape(), file.order()), (&[2, 3][..], npyz::Order::C));
    let values = file.into_vec::<f32>().unwrap();
    assert_eq!(values, [1.0, 2.5, -3.0, 4.0, 5.0, 6.0]);
}

#[test]
fn npy_of_npyz_loads() {
    use npyz::WriterBuilder;

    for order in [npyz::Order::C, npyz::Order::Fortran] {
        let mut bytes = Vec::new();
        let options = npyz::WriteOptions::new()
            .default_dtype()
            .shape(&[2, 3])
            .order(order);
        let mut writer = options.writer(&mut bytes).begin_nd().unwrap();
        writer.extend([1.0f64, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        writer.finish().unwrap();
        let folder = Folder::new();
        let expected = match order {
            npyz::Order::C => [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            npyz::Order::Fortran => [1.0, 3.0, 5.0, 2.0, 4.0, 6.0],
        };
        assert_eq!(read_back(&folder.put("a.npy", bytes)), expected);
    }
}

#[test]
fn csv_written_has_the_columns_and_replaces_the_file() {
    let folder = Folder::new();
    let path = folder.put("out.csv", "old");
    let columns = Some(vec!["x".to_owned(), "y, in m".to_owned()]);
    let shape = RecordShape::Vector {
        columns,
        double: true,
        whole: Vec::new(),
    };
    write(&path, &[1.5, 2.0, -0.25, 1e-7], 2, &shape, true).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, "x,\"y, in m\"\n1.5,2\n-0.25,0.0000001\n");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn csv_written_has_nothing_that_a_spreadsheet_computes_or_a_terminal_obeys() {
    let folder = Folder::new();
    let names = [
        ("=cmd|'/C calc'!A0", "'=cmd|'/C calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-log10(p)", "'-log10(p)"),
        ("+1 year", "+1 year"),
        ("\u{1b}[2Jx", "\\u{1b}[2Jx"),
        ("-x", "-x"),
    ];
    let columns = Some(names.map(|(name, _)| name.to_owned()).to_vec());
    let shape = RecordShape::Vector {
        columns,
        double: true,
        whole: Vec::new(),
    };
    let path = folder.path().join("a.csv");
    let values = [-1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 1.0, 2.5, 3.5, 4.5, 5.5, 6.5];
    write(&path, &values, 6, &shape, true).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let expected = names.map(|(_, written)| written).join(",");
    assert_eq!(text.lines().next(), Some(expected.as_str()));
    assert!(
        text.lines().nth(1).unwrap().starts_with("-1.5,"),
        "numbers stay numbers"
    );
    // The names that the marks stand before are read back, so that samples are compared by them.
    let mut config = DataConfig::new(path.to_str().unwrap());
    [config.valid, config.test] = [Some(0); 2];
    let back = load(&config, 1).unwrap();
    let back = back.shape.columns().unwrap();
    for index in [0, 1, 2, 3, 5] {
        assert_eq!(back[index], names[index].0);
    }
}

#[test]
fn write_into_a_missing_directory_is_told() {
    let folder = Folder::new();
    let path = folder.path().join("none/a.npy");
    let error = write(&path, &[1.0], 1, &NUMBERS, false).unwrap_err();
    let message = format!("{}: cannot be written", path.display());
    assert_eq!(error.to_string(), message);
}

/// Enough for several parts.
const MANY: usize = 150_000;

#[test]
fn records_are_asked_for_in_order_and_all_are_written() {
    let folder = Folder::new();
    for &extension in FileKind::EXTENSIONS {
        let path = folder.path().join(format!("a.{extension}"));
        let contents = Contents {
            shape: &NUMBERS,
            rows: MANY,
            cols: 2,
            double: true,
            labels: None,
        };
        let (mut asked, mut parts) = (0, 0);
        let kind = FileKind::of(&path).unwrap();
        write_records(&path, kind, contents, |part| {
            assert_eq!(part.start, asked, "{extension}");
            (asked, parts) = (part.end, parts + 1);
            Ok::<_, DataError>(part.flat_map(|row| [row as f64 + 0.1, -0.5]).collect())
        })
        .unwrap();
        assert!(
            asked == MANY && parts > 1,
            "{extension}: {asked} in {parts}"
        );
        let back = load(&unnormalized(&path), 0).unwrap();
        assert_eq!(back.records.rows(), MANY, "{extension}");
        assert_eq!(
            row(&back, MANY - 1)[0],
            (MANY - 1) as f32 + 0.1,
            "{extension}"
        );
    }
}

#[test]
fn an_error_of_the_records_leaves_the_old_file() {
    let folder = Folder::new();
    for &extension in FileKind::EXTENSIONS {
        let path = folder.put(&format!("a.{extension}"), "old");
        let contents = Contents {
            shape: &NUMBERS,
            rows: MANY,
            cols: 2,
            double: false,
            labels: None,
        };
        let broken = || DataError {
            path: "device".into(),
            problem: gan_data::DataProblem::NoRecords,
        };
        let kind = FileKind::of(&path).unwrap();
        let result = write_records(&path, kind, contents, |part| match part.start {
            0 => Ok(vec![0.5; 2 * part.len()]),
            _ => Err(broken()),
        });
        assert_eq!(
            result.unwrap_err().to_string(),
            broken().to_string(),
            "{extension}"
        );
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "old",
            "{extension}"
        );
    }
    let files = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, FileKind::EXTENSIONS.len());
}
