//! Files of every kind, whole and wrong in every way that is known.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::*;
use gan_data::{
    DataConfig, DataError, DataProblem, Dataset, FileContents, Normalize, RecordShape, Transform,
    Values, contents_of, load,
};

/// The error must say `message` after the path.
#[track_caller]
fn check_error(result: Result<Dataset, DataError>, message: &str) -> DataError {
    let error = result.unwrap_err();
    let text = error.to_string();
    let (_, after_path) = text.split_once(": ").unwrap();
    assert_eq!(after_path, message);
    error
}

const SUPPORTED: &str = "expected IDX (.gz or plain), CIFAR-10 .bin, .npy, .npz, .safetensors, .parquet, .feather, or a table as text";

/// Each row is the name of a file, its bytes and the message, if loading must fail with one.
#[track_caller]
fn check_errors<const N: usize>(cases: [(&str, Vec<u8>, &str); N]) {
    for (name, bytes, message) in cases {
        check_error(load_bytes(name, bytes), message);
    }
}

/// The error must have a hint that contains `part`.
#[track_caller]
fn check_hint(error: &DataError, part: &str) {
    let hint = error.hint().unwrap();
    assert!(hint.contains(part), "{hint}");
}

#[track_caller]
fn check_size(dataset: &Dataset, rows: usize, cols: usize) {
    let records = &dataset.records;
    assert_eq!((records.rows(), records.cols()), (rows, cols));
}

#[track_caller]
fn check_splits(dataset: &Dataset, expected: [std::ops::Range<usize>; 3]) {
    let splits = dataset.splits.clone();
    assert_eq!([splits.train, splits.valid, splits.test], expected);
}

fn grey(height: usize, width: usize) -> RecordShape {
    let channels = 1;
    RecordShape::Image {
        height,
        width,
        channels,
    }
}

fn mnist_folder() -> Folder {
    let folder = Folder::new();
    folder.put("train-images-idx3-ubyte.gz", gzip(&idx_images(30, 5, 7)));
    folder.put("train-labels-idx1-ubyte", idx_labels(30));
    folder.put("t10k-images.idx3-ubyte", idx_images(7, 5, 7));
    folder.put("t10k-labels-idx1-ubyte.gz", gzip(&idx_labels(7)));
    folder
}

#[test]
fn mnist_directory_loads_compressed_and_plain() {
    let folder = mnist_folder();
    let dataset = load_path(folder.path()).unwrap();
    check_size(&dataset, 37, 35);
    check_splits(&dataset, [0..27, 27..30, 30..37]);
    let labels = dataset.labels.as_ref().unwrap();
    assert_eq!((labels[12], labels[30], dataset.classes), (2, 0, Some(10)));
    assert_eq!(dataset.transform, Transform::Pixels);
    assert_eq!(dataset.shape, grey(5, 7));
    assert_eq!(row(&dataset, 30)[2], 74.0 / 255.0);
}

#[test]
fn mnist_directory_without_test_images_or_labels_loads() {
    let without = |names: &[&str]| {
        let folder = mnist_folder();
        for name in names {
            std::fs::remove_file(folder.path().join(name)).unwrap();
        }
        load_path(folder.path())
    };
    let test = ["t10k-images.idx3-ubyte", "t10k-labels-idx1-ubyte.gz"];
    let dataset = without(&test).unwrap();
    check_splits(&dataset, [0..24, 24..27, 27..30]);
    assert_eq!(dataset.classes, Some(10));
    assert!(
        dataset.notes[0].contains("no test images"),
        "{:?}",
        dataset.notes
    );
    let dataset = without(&["train-labels-idx1-ubyte"]).unwrap();
    check_size(&dataset, 37, 35);
    assert_eq!(dataset.labels, None);
    assert!(
        dataset.notes[0].starts_with("labels are left out"),
        "{:?}",
        dataset.notes
    );
    let message = "MNIST is incomplete: missing train-images-idx3-ubyte.gz";
    check_error(without(&["train-images-idx3-ubyte.gz"]), message);
}

#[test]
fn mnist_directories_load_as_they_lie_on_disk() {
    // EMNIST's names and classes, torchvision's folder, Kaggle's double ones, QMNIST's test set.
    let mut letters = idx_labels(30);
    letters[8 + 4] = 25;
    let folder = Folder::new();
    let raw = folder.path().join("raw");
    std::fs::create_dir(&raw).unwrap();
    let double = raw.join("emnist-letters-train-images-idx3-ubyte");
    std::fs::create_dir(&double).unwrap();
    let file = double.join("emnist-letters-train-images-idx3-ubyte");
    std::fs::write(file, idx_images(30, 5, 7)).unwrap();
    std::fs::write(raw.join("emnist-letters-train-labels-idx1-ubyte"), letters).unwrap();
    std::fs::write(
        raw.join("qmnist-test-images-idx3-ubyte.gz"),
        gzip(&idx_images(7, 5, 7)),
    )
    .unwrap();
    std::fs::write(raw.join("qmnist-test-labels-idx1-ubyte"), idx_labels(7)).unwrap();
    let dataset = load_path(folder.path()).unwrap();
    check_size(&dataset, 37, 35);
    assert_eq!((dataset.classes, dataset.notes.len()), (Some(26), 0));
    // Two sets in one folder: the hint names a file that loads, of training images.
    let other = raw.join("emnist-digits-train-images-idx3-ubyte");
    std::fs::write(other, idx_images(30, 5, 7)).unwrap();
    let error = load_path(folder.path()).unwrap_err();
    let hint = error.hint().unwrap();
    let path = hint.rsplit_once(' ').unwrap().1;
    check_size(&load_path(std::path::Path::new(path)).unwrap(), 30, 35);
    assert!(path.contains("train-images"), "{path}");
}

#[test]
fn mnist_directory_with_parts_that_disagree_is_told() {
    for (name, bytes) in [
        ("train-labels-idx1-ubyte", idx_labels(29)),
        (
            "train-labels-idx1-ubyte",
            idx_images(30, 1, 1)[..20].to_vec(),
        ),
    ] {
        let folder = mnist_folder();
        folder.put(name, bytes);
        let dataset = load_path(folder.path()).unwrap();
        assert!(
            dataset.notes[0].starts_with("labels are left out: "),
            "{:?}",
            dataset.notes
        );
    }
    for (bytes, message) in [
        (
            idx_images(7, 7, 5),
            "found images of 7×5 pixels, expected 5×7 as in the training file",
        ),
        (
            idx_labels(7),
            "found an IDX file of one dimension, which labels have, expected images or vectors",
        ),
    ] {
        let folder = mnist_folder();
        folder.put("t10k-images.idx3-ubyte", bytes);
        check_error(load_path(folder.path()), message);
    }
}

#[test]
fn idx_files_of_every_kind_load() {
    let floats: Vec<u8> = [0.0f32, 0.5, 1.0, 0.25]
        .iter()
        .flat_map(|x| x.to_be_bytes())
        .collect();
    let file = |magic, sizes: &[u32], bytes: &[u8]| [&idx_header(magic, sizes), bytes].concat();
    for (bytes, cols, is_image) in [
        (file(0xd03, &[2, 1, 2], &floats), 2, true),
        (file(0xd02, &[2, 2], &floats), 2, false),
        (file(0xc02, &[2, 1], &[0, 0, 1, 0, 0, 0, 0, 9]), 1, false),
        (file(0x804, &[1, 1, 2, 3], &[1, 2, 3, 4, 5, 6]), 6, true),
        (file(0x802, &[3, 2], &[1, 2, 3, 4, 5, 6]), 2, false),
    ] {
        let dataset = load_bytes("a.idx", bytes).unwrap();
        assert_eq!(dataset.records.cols(), cols);
        assert_eq!(dataset.shape.image().is_some(), is_image);
    }
}

#[test]
fn tables_of_pixels_are_images_where_the_key_says_so() {
    let folder = Folder::new();
    let path = folder.put(
        "a.csv",
        "label,pixel0,pixel1,pixel2\n3,0,255,0\n1,0,7,0\n3,0,0,0\n",
    );
    let mut config = DataConfig::new(path.to_str().unwrap());
    config.image = Some(vec![1, 3]);
    let dataset = load(&config, 0).unwrap();
    check_size(&dataset, 3, 3);
    assert_eq!(
        (dataset.shape.image(), dataset.classes),
        (Some([1, 3, 1]), Some(4))
    );
    config.image = Some(vec![2, 2]);
    let error = load(&config, 0).unwrap_err();
    assert!(error.to_string().contains("that make 3 values"), "{error}");
    let flat = load_bytes("a.npy", npy(&npy_text("|u1", "(2, 784)"), &[7; 1568])).unwrap();
    assert_eq!(flat.shape.image(), Some([28, 28, 1]));
}

#[test]
fn idx_file_loads_by_its_content() {
    for (name, bytes) in [
        ("images", idx_images(20, 3, 2)),
        ("images.csv", idx_images(20, 3, 2)),
        ("images.idx3.gz", gzip(&idx_images(20, 3, 2))),
    ] {
        let dataset = load_bytes(name, bytes).unwrap();
        assert_eq!(dataset.name, "images");
        check_size(&dataset, 20, 6);
        check_splits(&dataset, [0..16, 16..18, 18..20]);
        assert!(dataset.labels.is_none());
        assert!(matches!(dataset.records.values(), Values::Bytes { .. }));
    }
}

#[test]
fn idx_file_wrong_in_each_way_is_told() {
    let whole = idx_images(4, 3, 5);
    let part = |length: usize| whole[..length].to_vec();
    let long = [&whole[..], &[0; 2]].concat();
    let header = idx_header;
    #[rustfmt::skip]
    check_errors([
        ("a", part(75), "truncated: found 75 bytes, expected 76"),
        ("a", part(13), "truncated: found 13 bytes, expected 16"),
        ("a.idx", part(3), "truncated: found 3 bytes, expected 4"),
        ("a.gz", gzip(&part(75)), "truncated: found 75 bytes, expected 76"),
        ("a", long.clone(), "bytes after the end of the data: found at least 78 bytes, expected 76"),
        ("a.gz", gzip(&long), "bytes after the end of the data: found at least 77 bytes, expected 76"),
        ("a", header(0x803, &[u32::MAX; 3]),
            "header promises 4294967295×4294967295×4294967295 bytes, expected at most 16 from this \
             file"),
        ("a", header(0x803, &[0, 28, 28]), "found 0 records, expected at least 1"),
        ("a", header(0x803, &[2, 0, 28]), "found images of 2×0×28 pixels, expected sizes of 1 or more"),
        ("labels", idx_labels(3),
            "found an IDX file of one dimension, which labels have, expected images or vectors"),
        ("floats.idx3", header(0xa03, &[1, 1, 1]),
            "found the first bytes 0x00000a03, expected those of an IDX file, such as 0x00000803"),
    ]);
}

#[test]
fn gzip_damaged_or_of_something_else_is_told() {
    let whole = gzip(&idx_images(40, 9, 7));
    let half = whole[..whole.len() / 2].to_vec();
    let mut flipped = whole.clone();
    flipped[whole.len() - 6] ^= 0x55;
    for damaged in [half, flipped] {
        let error = load_bytes("a.gz", damaged);
        let error = check_error(error, "damaged or truncated compressed data");
        check_hint(&error, "fetch");
    }
    let table = load_bytes("a.csv.gz", gzip(b"1,2\n3,4\n")).unwrap();
    check_size(&table, 2, 2);
    // A small file that becomes a large one is no table.
    let bomb = gzip(&vec![b'1'; 100 << 20]);
    check_hint(&load_bytes("a.csv.gz", bomb).unwrap_err(), "unpack it");
}

#[test]
fn zstd_loads_frame_by_frame_and_damaged_is_told() {
    let whole = zstd(&idx_images(40, 9, 7));
    check_size(
        &load_bytes("images.idx3.zst", whole.clone()).unwrap(),
        40,
        63,
    );
    let frames = [zstd(b"1,2\n3,4\n"), zstd(b"5,6\n")].concat();
    check_size(&load_bytes("a.csv.zst", frames.clone()).unwrap(), 3, 2);
    let half = whole[..whole.len() / 2].to_vec();
    let mut flipped = frames.clone();
    flipped[12] ^= 0x55;
    for (name, damaged) in [
        ("images.idx3.zst", half),
        ("a.csv.zst", flipped),
        ("a.csv.zst", [&frames[..], b"more"].concat()),
    ] {
        let error = check_error(
            load_bytes(name, damaged),
            "damaged or truncated compressed data",
        );
        check_hint(&error, "fetch");
    }
    let bomb = zstd(&vec![b'1'; 100 << 20]);
    check_hint(&load_bytes("a.csv.zst", bomb).unwrap_err(), "unpack it");
}

#[test]
fn cifar_file_loads_with_contrast_normalised() {
    let dataset = load_bytes("rows.bin", cifar(10)).unwrap();
    check_size(&dataset, 10, 3072);
    // In an order that the seed draws.
    let mut labels = dataset.labels.clone().unwrap();
    labels.sort_unstable();
    assert_eq!(labels, (0..10).collect::<Vec<u8>>());
    let values = row(&dataset, 4);
    let norm = values.iter().map(|v| v * v).sum::<f32>().sqrt();
    assert!((norm - 55.0).abs() < 1e-3, "{norm}");
    assert!(matches!(dataset.transform, Transform::Gcn { .. }));
}

#[test]
fn cifar_directory_splits_by_batch() {
    let folder = Folder::new();
    for batch in 1..=5 {
        folder.put(&format!("data_batch_{batch}.bin"), cifar(4));
    }
    let message = "CIFAR-10 is incomplete: missing test_batch.bin";
    check_error(load_path(folder.path()), message);
    folder.put("test_batch.bin", cifar(3));
    let dataset = load_path(folder.path()).unwrap();
    check_splits(&dataset, [0..18, 18..20, 20..23]);
}

#[test]
fn cifar_file_wrong_in_each_way_is_told() {
    let whole = cifar(2);
    let message = "found 6145 bytes, expected a multiple of 3073 (label byte + 32×32×3 pixels)";
    check_error(load_bytes("a.bin", &whole[..6145]), message);
    let error = load_bytes("a.bin", vec![0; 3074]).unwrap_err();
    check_hint(&error, "CIFAR-100");
    let mut label = whole.clone();
    label[3073] = 200;
    let message = "row 2: found label 200, expected 0 to 9";
    check_error(load_bytes("a.bin", label), message);
}

#[test]
fn npy_of_every_supported_type_loads() {
    let singles = [1.5f32, -2.0, 3.25, 4.0, 5.0, 6.5];
    let doubles = singles.map(f64::from);
    for (descr, payload) in [
        ("<f4", singles.map(f32::to_le_bytes).concat()),
        (">f4", singles.map(f32::to_be_bytes).concat()),
        ("<f8", doubles.map(f64::to_le_bytes).concat()),
        (">f8", doubles.map(f64::to_be_bytes).concat()),
    ] {
        let folder = Folder::new();
        let path = folder.put("rows.npy", npy(&npy_text(descr, "(3, 2)"), &payload));
        let dataset = load(&unnormalized(&path), 0).unwrap();
        assert_eq!(row(&dataset, 1), [3.25, 4.0], "{descr}");
        assert_eq!(dataset.transform, Transform::Identity);
    }
}

#[test]
fn npy_in_fortran_order_is_transposed() {
    let text = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }";
    let dataset = load_bytes("a.npy", npy(text, &[1, 4, 2, 5, 3, 6])).unwrap();
    let bytes = dataset.transform.user_row(&row(&dataset, 1));
    assert_eq!(bytes, [4.0, 5.0, 6.0]);
}

#[test]
fn npy_of_bytes_in_three_dimensions_is_images() {
    let dataset = load_bytes("a.npy", npy(&npy_text("|u1", "(2, 3, 5)"), &[7; 30])).unwrap();
    assert_eq!(dataset.shape, grey(3, 5));
    assert_eq!(dataset.transform, Transform::Pixels);
    let dataset = load_bytes("a.npy", npy(&npy_text("|u1", "(4,)"), &[7; 4])).unwrap();
    check_size(&dataset, 4, 1);
}

#[test]
fn npy_of_bytes_and_truths_that_are_no_images_is_numbers() {
    for (descr, values) in [("|b1", [0, 1, 1, 0, 1, 1]), ("|u1", [0, 4, 3, 1, 2, 4])] {
        let dataset = load_bytes("a.npy", npy(&npy_text(descr, "(3, 2)"), &values)).unwrap();
        assert!(
            matches!(dataset.transform, Transform::Standardize { .. }),
            "{descr}: {:?}",
            dataset.transform
        );
    }
    // As images they stay pixels, also where a key says so.
    let folder = Folder::new();
    let path = folder.put("a.npy", npy(&npy_text("|u1", "(2, 6)"), &[7; 12]));
    let config = DataConfig {
        image: Some(vec![2, 3]),
        ..config(&path)
    };
    assert_eq!(load(&config, 0).unwrap().transform, Transform::Pixels);
}

#[test]
fn samples_of_arrays_keep_the_range_and_whole_numbers() {
    // The second column has a fraction.
    let doubles = [3.0, 0.5, 9.0, 0.25, -1.0, 2.5].map(f64::to_le_bytes);
    let singles = [3.0, 0.5, 9.0, 0.25, -1.0, 2.5f32].map(f32::to_le_bytes);
    for (descr, payload) in [("<f8", doubles.concat()), ("<f4", singles.concat())] {
        let folder = Folder::new();
        let config = DataConfig {
            valid: Some(0),
            test: Some(0),
            ..config(&folder.put("a.npy", npy(&npy_text(descr, "(3, 2)"), &payload)))
        };
        let dataset = load(&config, 0).unwrap();
        let sample = |values: [f32; 2]| {
            let mut user = dataset.transform.user_row(&values);
            dataset.shape.round(&mut user);
            user
        };
        assert_eq!(sample([-99.0, -99.0]), [-1.0, 0.25], "{descr}");
        assert_eq!(sample([99.0, 99.0]), [9.0, 2.5], "{descr}");
        let near = sample([0.1, 0.1]);
        assert_eq!(near[0], 4.0, "{descr}");
        assert_ne!(near[1].fract(), 0.0, "{descr}");
    }
    // What is drawn has no limits.
    let mut config = DataConfig::new("ring8");
    config.normalize = Normalize::Standardize;
    let drawn = load(&config, 0).unwrap();
    assert!(drawn.transform.user_row(&[99.0, 99.0])[0] > 50.0);
}

#[test]
fn npy_wrong_in_each_way_is_told() {
    let file = |descr, shape, length| npy(&npy_text(descr, shape), &vec![0; length]);
    #[rustfmt::skip]
    check_errors([
        ("a.npy", file("<f4", "(2, 2)", 15), "truncated: found 95 bytes, expected 96"),
        ("a.npy", file("<f4", "(2, 2)", 17),
            "bytes after the end of the data: found at least 97 bytes, expected 96"),
        ("a.npy", file("<f8", "(4294967296, 4294967296)", 0),
            "header promises 4294967296×4294967296 of type <f8 bytes, expected at most 96 from \
             this file"),
        ("a.npy", file("<f4", "(0, 2)", 0), "found 0 records, expected at least 1"),
        ("a.npy", file("<f4", "(2, 0)", 0), "found 0 records, expected at least 1"),
        ("a.npy", npy("[]", &[]),
            "damaged npy header: found [], expected a Python dictionary of descr, a type in quotes or \
             a list of fields, fortran_order, True or False, and shape, a tuple of sizes"),
        ("a.npy", b"1,2".to_vec(),
            "damaged npy header: found \"1,2\", expected the magic \\x93NUMPY"),
        ("a.npy", b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec(),
            "damaged npy header: found a header of 4294967295 bytes, expected at most 10000 bytes"),
    ]);
    for (descr, shape, length, found) in [
        ("<c16", "(2, 2)", 64, "found an array of type <c16"),
        (
            "<f4",
            "(1, 1, 1, 1, 2)",
            8,
            "found an array of 5 dimensions",
        ),
        ("<f4", "(1, 2, 2, 2)", 32, "found an array of 4 dimensions"),
    ] {
        let error = load_bytes("a.npy", file(descr, shape, length)).unwrap_err();
        assert!(error.to_string().contains(found), "{error}");
        check_hint(&error, "np.float64");
    }
}

#[test]
fn npy_of_structures_is_a_table_of_their_fields() {
    let descr = "[('age', '>i2'), ('', '|V3'), ('weight', '<f4'), ('born', '<M8[D]'), \
                 ('member', '?'), ('unit', 'S4'), ('height', '<f8'), ('seen', '<M8[ms]')]";
    let text = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (20,), }}");
    let record = |row: i64| -> Vec<u8> {
        let height = if row == 3 {
            f64::NAN
        } else {
            row as f64 * 1e9 + 0.125
        };
        [
            &(row as i16 * row as i16 - 7).to_be_bytes()[..],
            b"xyz",
            &(row as f32 * 0.1).to_le_bytes(),
            &(row * 1000 - 5000).to_le_bytes(),
            &[u8::from(row % 3 == 0)],
            b"kg\0\0",
            &height.to_le_bytes(),
            &(row * 86_400_500).to_le_bytes(),
        ]
        .concat()
    };
    let text = text.replace("'?'", "'|b1'").replace("'S4'", "'|S4'");
    let file = npy(&text, &(0..20).flat_map(record).collect::<Vec<_>>());
    let folder = Folder::new();
    let path = folder.put("people.npy", file);
    let data = load(&unnormalized(&path), 0).unwrap();
    check_size(&data, 19, 6);
    let names = data.shape.columns().unwrap();
    assert_eq!(names, ["age", "weight", "born", "member", "height", "seen"]);
    let last = [354.0, 1.9, 14_000.0, 0.0, 19e9, 1_641_609.5];
    assert_eq!(row(&data, 18), last);
    let RecordShape::Table(table) = &data.shape else {
        panic!("{:?}", data.shape);
    };
    let cells = table.cells(&[354.0, 1.9, 14_000.0, 0.0, 19e9 + 0.125, 1_641_609.5], 0);
    let expected = "354 1.9 2008-05-01 False kg 19000000000.125 1970-01-20T00:00:09.500";
    assert_eq!(cells.join(" "), expected);
    let notes = data.notes.join("; ");
    assert!(
        notes.contains("missing values and are left out: height 1"),
        "{notes}"
    );
    let few = DataConfig {
        columns: Some(vec!["height".into(), "age".into()]),
        ..unnormalized(&path)
    };
    assert_eq!(load(&few, 0).unwrap().records.cols(), 2);
}

#[test]
fn npy_of_structures_that_are_not_read_are_told_at_once() {
    let file = |descr: &str, shape: &str, length: usize| {
        let text = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}");
        npy(&text, &vec![1; length])
    };
    let descr = "[('a', '<f4'), ('z', '<c16'), ('v', '<f4', (2, 3)), ('n', '<U2')]";
    let error = load_bytes("a.npy", file(descr, "(5,)", 260)).unwrap_err();
    let message = "found text or values of other types in z (of type <c16), v (of type <f4 [2, 3]), \
                   expected numbers";
    assert!(error.to_string().contains(message), "{error}");
    check_hint(&error, "data.drop=[\"z\", \"v\"]");
    #[rustfmt::skip]
    check_errors([
        ("a.npy", file("[('a', '|O')]", "(5,)", 40),
            "found an array of type structures of 1 fields, expected one dimension of structures of \
             booleans, numbers, times and text"),
        ("a.npy", file("[('a', '<f4')]", "(5, 2)", 40),
            "found structures in 2 dimensions, expected one dimension of structures of booleans, \
             numbers, times and text"),
        ("a.npy", file("[('a', '<f4')]", "(5,)", 19), "truncated: found 99 bytes, expected 100"),
    ]);
}

#[test]
fn names_tell_what_files_hold() {
    use FileContents::{Array, Images, Table};
    let folder = Folder::new();
    for (name, contents) in [
        ("my_idx.csv", Some(Table)),
        ("idxdate.parquet", Some(Table)),
        ("ubyte.npy", Some(Array)),
        ("train-images-idx3-ubyte.gz", Some(Images)),
        ("train-images.idx3-ubyte", Some(Images)),
        ("a.bin", Some(Images)),
        ("a.npz", Some(Array)),
        ("a.doc", None),
    ] {
        assert_eq!(contents_of(&folder.put(name, "")), contents, "{name}");
    }
    assert_eq!(contents_of(&folder.path().join("a.npz:x")), Some(Array));
    assert_eq!(contents_of(&folder.path().join("b.npz:x")), None);
    assert_eq!(contents_of(folder.path()), Some(Images));
}

#[test]
fn array_of_an_archive_is_named_behind_a_colon() {
    let folder = Folder::new();
    // A colon is no part of a file's name on Windows.
    let file = if cfg!(windows) {
        "two.npz"
    } else {
        "two:three.npz"
    };
    let path = folder.put(file, npz());
    for (name, cols) in [("x", 3), ("y", 1)] {
        let path = format!("{}:{name}", path.display());
        let data = load(&DataConfig::new(path), 0).unwrap();
        assert_eq!(data.records.cols(), cols);
        assert_eq!(format!("{}.npz", data.name), file);
    }
    let missing = load(&DataConfig::new(format!("{}:z", path.display())), 0).unwrap_err();
    assert!(missing.to_string().contains("found \"z\""), "{missing}");
    let nothing = load(&DataConfig::new("nothing.npz:x"), 0).unwrap_err();
    assert!(
        nothing
            .to_string()
            .starts_with("nothing.npz:x: no such file"),
        "{nothing}"
    );
}

#[test]
fn npy_of_values_beyond_32_bits_names_the_place() {
    for (wrong, shown) in [
        (f64::NAN, "NaN"),
        (f64::INFINITY, "inf"),
        (-1e300, "-1e300,"),
    ] {
        let payload = [0.0, 1.0, 2.0, wrong, 4.0, 5.0].map(f64::to_le_bytes);
        let file = npy(&npy_text("<f8", "(2, 3)"), &payload.concat());
        let error = load_bytes("a.npy", file).unwrap_err();
        let expected = format!("row 2, column 1: found {shown}");
        assert!(error.to_string().contains(&expected), "{error}");
    }
}

#[test]
fn path_that_is_no_file_of_a_known_kind_is_told() {
    let folder = Folder::new();
    let error = load_path(&folder.path().join("mnst")).unwrap_err();
    assert!(matches!(error.problem, DataProblem::Missing), "{error}");
    check_hint(&error, "digits, figure1, ring8, grid25");
    for (name, bytes, found) in [
        ("a.csv", "", "found 0 bytes"),
        ("a.orc", "ORC1", "found a file of extension .orc"),
        ("rows", "1,2", "found a file without extension"),
    ] {
        let error = check_error(load_bytes(name, bytes), &format!("{found}, {SUPPORTED}"));
        check_hint(
            &error,
            if bytes.is_empty() {
                "fetch"
            } else {
                "data.format"
            },
        );
    }
    let expected = "expected the files of MNIST (train-images-idx3-ubyte, ...) or CIFAR-10 \
                    (data_batch_1.bin, ...), or .png or .jpg pictures";
    let message = format!("found an empty directory, {expected}");
    check_error(load_path(folder.path()), &message);
    folder.put("notes.md", "");
    folder.put("rows.csv", "1");
    let message = format!("found notes.md, rows.csv, {expected}");
    let error = check_error(load_path(folder.path()), &message);
    assert!(error.hint().unwrap().ends_with("rows.csv"));
}

#[cfg(unix)]
#[test]
fn path_of_a_device_is_refused() {
    let device = std::path::Path::new("/dev/zero");
    check_error(load_path(device), "found a pipe or device, expected a file");
}

#[cfg(unix)]
#[test]
fn file_without_permission_is_told() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new();
    let path = folder.put("a.csv", "1,2\n");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::File::open(&path).is_ok() {
        println!("skipped: this user reads files without permission");
        return;
    }
    let error = check_error(load_path(&path), "cannot be read");
    check_hint(&error, "permissions");
}

#[test]
fn config_that_does_not_fit_the_data_is_refused() {
    let folder = Folder::new();
    let path = folder.put("a.csv", "1\n2\n3\n");
    let refused = |source: &str, change: &dyn Fn(&mut DataConfig), message: &str| {
        let mut config = DataConfig::new(source);
        change(&mut config);
        check_error(load(&config, 0), message);
    };
    let file = path.to_str().unwrap();
    let message = "found count beside a path, expected it with a built-in source only";
    refused(file, &|config| config.count = Some(3), message);
    let message = "splits of 4, 0, 0 records (train, valid, test), expected 1 or more to train and \
                   no more than 3 in all";
    refused(file, &|config| config.train = Some(4), message);
    let message = "normalize is gcn, expected none or standardize for floats, columns for tables";
    refused(file, &|config| config.normalize = Normalize::Gcn, message);
    for count in [0, usize::MAX] {
        let message = format!("count is {count}, expected 1 to 4000000");
        refused("ring8", &|config| config.count = Some(count), &message);
    }
}

#[test]
fn builtin_sources_load_with_their_defaults() {
    for (name, rows, cols) in [
        ("digits", 30_000, 784),
        ("figure1", 20_000, 1),
        ("ring8", 50_000, 2),
        ("grid25", 50_000, 2),
    ] {
        let dataset = load(&DataConfig::new(name), 5).unwrap();
        check_size(&dataset, rows, cols);
        assert_eq!(dataset.splits.test.end, rows);
        assert_eq!(dataset.mixture.is_some(), name != "digits");
        let source = format!("built-in {name}, {rows} records, seed 5");
        assert_eq!(dataset.source, source);
    }
}

#[test]
fn mean_is_over_the_training_records_in_the_players_units() {
    let dataset = load_bytes("a.npy", npy(&npy_text("|u1", "(10, 1, 2)"), &[51; 20])).unwrap();
    assert!(dataset.mean().iter().all(|mean| (mean - 0.2).abs() < 1e-6));
}

#[test]
fn folders_of_pictures_are_classes_of_images() {
    let folder = Folder::new();
    for (class, has_color) in [("a", false), ("b", true)] {
        std::fs::create_dir(folder.path().join(class)).unwrap();
        for index in 0..20 {
            let name = format!("{class}/{index:03}.png");
            folder.put(&name, picture(4, 3, has_color, 10 * index));
        }
    }
    // The first picture is grey, so all are.
    let dataset = load_path(folder.path()).unwrap();
    check_size(&dataset, 40, 12);
    assert_eq!(
        (dataset.shape.image(), dataset.classes),
        (Some([4, 3, 1]), Some(2))
    );
    // Each class is as frequent in every part.
    let labels = dataset.labels.unwrap();
    assert_eq!(labels[..32].iter().filter(|&&label| label == 1).count(), 16);
    folder.put("a/x.png", picture(8, 3, false, 1));
    let error = load_path(folder.path()).unwrap_err();
    assert!(
        error.to_string().contains("8×3 pixels, expected 4×3"),
        "{error}"
    );
    check_hint(&error, "data.resize=[4, 3]");
    let mut config = config(folder.path());
    config.resize = Some([2, 5]);
    assert_eq!(load(&config, 0).unwrap().shape.image(), Some([2, 5, 1]));
    config.resize = Some([0, 5]);
    assert!(
        load(&config, 0)
            .unwrap_err()
            .to_string()
            .contains("data.resize")
    );
    folder.put("a/x.png", "not a picture");
    assert!(
        load_path(folder.path())
            .unwrap_err()
            .to_string()
            .contains("as a picture")
    );
}

#[test]
fn pickles_are_refused_with_a_command_that_converts_them() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path().join("cifar-10-batches-py")).unwrap();
    folder.put("cifar-10-batches-py/data_batch_1", b"\x80\x04");
    let error = load_path(folder.path()).unwrap_err();
    assert!(error.to_string().contains("pickles"), "{error}");
    check_hint(&error, "encoding='bytes'");
}

#[test]
fn npy_of_structures_with_times_that_no_cell_holds_counts_them() {
    let days = |row: i64| match row {
        3 => 40_000_000,
        5 => i64::MIN,
        _ => row * row * 100,
    };
    let text =
        "{'descr': [('a', '<i8'), ('day', '<M8[D]')], 'fortran_order': False, 'shape': (20,), }";
    let record = |row: i64| [(row * 7 % 11).to_le_bytes(), days(row).to_le_bytes()].concat();
    let bytes: Vec<u8> = (0..20).flat_map(record).collect();
    let notes = load_bytes("a.npy", npy(text, &bytes)).unwrap().notes;
    let notes = notes.join("\n");
    assert!(notes.contains("are blanks: day (1)"), "{notes}");
    assert!(notes.contains("left out: day 2"), "{notes}");
}
