//! Mapped records against held ones, and passes over them.

use std::cell::Cell;
use std::path::Path;
use std::sync::{Arc, Mutex};

use gan_kernels::Values;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::{Form, Mapped};
use crate::archive::tests::npz;
use crate::config::{DataConfig, Normalize, Split};
use crate::dataset::{Dataset, load};
use crate::error::DataError;
use crate::passes::tests::told;

thread_local! {
    /// The length above which files are mapped in a test.
    pub(super) static LIMIT: Cell<Option<u64>> = const { Cell::new(None) };
    /// What [`part_of_memory`](super::part_of_memory) is in a test.
    pub(super) static PART: Cell<Option<usize>> = const { Cell::new(None) };
}

fn load_with(limit: u64, config: &DataConfig) -> Result<Dataset, DataError> {
    LIMIT.set(Some(limit));
    // A few records, so that passes take several parts of them.
    PART.set(Some(700));
    let loaded = load(config, 7);
    LIMIT.set(None);
    loaded
}

/// Checks that `config` loads the same, mapped and held.
#[track_caller]
fn check(config: &DataConfig) {
    let [held, mapped] = [u64::MAX, 0].map(|limit| load_with(limit, config).unwrap());
    let is_mapped = |data: &Dataset| {
        let values = data.records.values();
        matches!(values, Values::Computed(_) | Values::ComputedBytes { .. })
    };
    assert!(!is_mapped(&held) && is_mapped(&mapped), "{config:?}");
    assert_eq!(held.records.format(), mapped.records.format(), "{config:?}");
    assert_eq!(held.records.rows(), mapped.records.rows(), "{config:?}");
    assert_eq!(held.records.cols(), mapped.records.cols(), "{config:?}");
    let row = |data: &Dataset, row| {
        let mut values = vec![0.0f32; data.records.cols()];
        data.records.copy_row(row, &mut values);
        values
    };
    for at in 0..held.records.rows() {
        assert_eq!(row(&held, at), row(&mapped, at), "{config:?}, row {at}");
    }
    let rest = |data: &Dataset| {
        let known = (data.splits.clone(), data.labels.clone(), data.classes);
        let meant = (data.shape.clone(), data.transform.clone(), data.mean());
        (known, meant, data.notes.clone(), data.held_out)
    };
    assert_eq!(rest(&held), rest(&mapped), "{config:?}");
    let read_through = |data: &Dataset| {
        let (mut read, mut row) = (Vec::new(), vec![0.0f32; data.records.cols()]);
        data.records
            .each_part(2..data.records.rows(), |part, rows| {
                for at in rows {
                    part.copy_row(at, &mut row);
                    read.extend_from_slice(&row);
                }
            });
        read
    };
    assert_eq!(read_through(&held), read_through(&mapped), "{config:?}");
    let some = |data: &Dataset| {
        let rows = [3, 0, 3, data.records.rows() - 1];
        let mut values = vec![0.0; rows.len() * data.records.cols()];
        data.records.copy_rows(&rows, &mut values);
        values
    };
    assert_eq!(some(&held), some(&mapped), "{config:?}");
}

#[test]
fn passes_go_in_the_order_of_the_file_and_are_watched() {
    told();
    let (rows, cols) = (60, 2);
    let asked = Arc::new(Mutex::new(Vec::new()));
    let read = {
        let asked = Arc::clone(&asked);
        move |row: usize, out: &mut [f64]| {
            asked.lock().unwrap().push(row);
            out.fill(row as f64);
        }
    };
    // A prime step visits all records.
    let in_file = move |row: usize| row * 37 % rows;
    let mapped = Mapped::new([rows, cols], Form::Singles, |_| {}, read).reordered(in_file);
    let each = cols * size_of::<f32>() + 2 * size_of::<usize>();
    for (range, part, parts) in [(0..60, 60, 1), (0..60, 20, 3), (7..50, 15, 3), (0..3, 1, 3)] {
        PART.set(Some(part * each));
        let mut seen = Vec::new();
        assert!(mapped.all_rows(range.clone(), &mut |row| {
            seen.push(row[0] as usize);
            true
        }));
        let expected: Vec<_> = range.clone().map(in_file).collect();
        assert_eq!(seen, expected, "{range:?}");
        let asked = std::mem::take(&mut *asked.lock().unwrap());
        let turns = asked.windows(2).filter(|two| two[1] < two[0]).count();
        assert_eq!(asked.len(), range.len());
        assert!(turns < parts, "{turns} turns for {parts} parts: {asked:?}");
        let done = told();
        assert!(done.len() >= parts && done.is_sorted(), "{done:?}");
        assert_eq!(done.last(), Some(&1.0));
    }
    // The first record ends it.
    assert!(!mapped.all_rows(0..rows, &mut |_| false));
    assert_eq!(told().last(), Some(&1.0));
}

fn npy(descr: &str, is_transposed: bool, shape: &[usize], bytes: &[u8]) -> Vec<u8> {
    let sizes: String = shape.iter().map(|size| format!("{size}, ")).collect();
    let order = if is_transposed { "True" } else { "False" };
    let header =
        format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({sizes}), }}\n");
    let length = (header.len() as u16).to_le_bytes();
    let start = [crate::npy::MAGIC, &[1, 0], &length, header.as_bytes()].concat();
    [&start, bytes].concat()
}

fn file(folder: &Path, name: &str, bytes: &[u8]) -> DataConfig {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    DataConfig::new(path.display().to_string())
}

/// Numbers whose elements are all finite: the highest byte of each is small.
fn numbers(count: usize, size: usize, big_endian: bool) -> Vec<u8> {
    let byte = |at: usize| {
        let place = if big_endian {
            at % size
        } else {
            size - 1 - at % size
        };
        let any = ((at * 2_654_435_761) >> 7) as u8;
        if place == 0 { any & 0x3b } else { any }
    };
    (0..count * size).map(byte).collect()
}

#[test]
fn arrays_are_the_same_mapped_and_held() {
    let folder = tempfile::tempdir().unwrap();
    let shapes: [&[usize]; 2] = [&[31], &[31, 6]];
    let types = [
        "|b1", "|u1", "|i1", "<u2", ">i2", "<f2", ">f2", "<u4", ">i4", "<f4", ">f4", "<u8", ">i8",
        "<f8", ">f8",
    ];
    for descr in types {
        let (size, big_endian) = (descr[2..].parse().unwrap(), descr.starts_with('>'));
        for shape in shapes {
            let bytes = numbers(shape.iter().product(), size, big_endian);
            for is_transposed in [false, true] {
                let bytes = npy(descr, is_transposed, shape, &bytes);
                let mut config = file(folder.path(), "a.npy", &bytes);
                for (normalize, split) in [
                    (Normalize::Auto, Split::Drawn),
                    (Normalize::None, Split::Drawn),
                    (Normalize::Standardize, Split::Tail),
                ] {
                    (config.normalize, config.split) = (normalize, Some(split));
                    check(&config);
                }
            }
        }
    }
}

#[test]
fn images_are_the_same_mapped_and_held() {
    let folder = tempfile::tempdir().unwrap();
    let pixels = |count: usize| {
        (0..count)
            .map(|at| (at * at % 251) as u8)
            .collect::<Vec<_>>()
    };
    let shapes: [&[usize]; 5] = [
        &[21, 4, 5],
        &[21, 4, 5, 1],
        &[21, 4, 5, 3],
        &[21, 3, 4, 5],
        &[21, 784],
    ];
    for shape in shapes {
        let count = shape.iter().product();
        for is_transposed in [false, true] {
            let bytes = npy("|u1", is_transposed, shape, &pixels(count));
            let mut config = file(folder.path(), "a.npy", &bytes);
            check(&config);
            config.normalize = Normalize::Gcn;
            check(&config);
            let bits: Vec<u8> = pixels(count).iter().map(|byte| byte & 1).collect();
            check(&file(
                folder.path(),
                "b.npy",
                &npy("|b1", is_transposed, shape, &bits),
            ));
            if shape.len() > 2 {
                let grey = pixels(count)
                    .into_iter()
                    .map(|byte| f32::from(byte) / 255.0);
                let grey: Vec<u8> = grey.flat_map(f32::to_le_bytes).collect();
                check(&file(
                    folder.path(),
                    "f.npy",
                    &npy("<f4", is_transposed, shape, &grey),
                ));
            }
        }
    }
    let mut flat = file(
        folder.path(),
        "c.npy",
        &npy("|u1", false, &[21, 60], &pixels(21 * 60)),
    );
    flat.image = Some(vec![4, 5, 3]);
    check(&flat);
}

#[test]
fn files_of_images_and_of_arrays_are_the_same_mapped_and_held() {
    let folder = tempfile::tempdir().unwrap();
    let pixels = |count: usize| {
        (0..count)
            .map(|at| (at * at % 251) as u8)
            .collect::<Vec<_>>()
    };
    let idx = |magic: u32, sizes: &[u32], bytes: &[u8]| {
        let words = [&[magic], sizes].concat();
        let start: Vec<u8> = words.into_iter().flat_map(u32::to_be_bytes).collect();
        [&start, bytes].concat()
    };
    let images = |count: u32| idx(0x803, &[count, 5, 7], &pixels(count as usize * 35));
    let labels = |count: u32| {
        let labels: Vec<u8> = (0..count).map(|at| (at % 3) as u8).collect();
        idx(0x801, &[count], &labels)
    };
    let cifar = |count: usize| {
        let record = |at: usize| [vec![(at % 10) as u8], pixels(3072)].concat();
        (0..count).flat_map(record).collect::<Vec<_>>()
    };
    check(&file(folder.path(), "a.idx3", &images(23)));
    check(&file(
        folder.path(),
        "d.idx2",
        &idx(0xe02, &[9, 2], &numbers(18, 8, true)),
    ));
    check(&file(folder.path(), "c.bin", &cifar(12)));
    let mnist = tempfile::tempdir().unwrap();
    let config = DataConfig::new(mnist.path().display().to_string());
    file(mnist.path(), "train-images-idx3-ubyte", &images(23));
    check(&config);
    file(mnist.path(), "train-labels-idx1-ubyte", &labels(23));
    check(&config);
    file(mnist.path(), "t10k-images-idx3-ubyte", &images(9));
    file(mnist.path(), "t10k-labels-idx1-ubyte", &labels(9));
    check(&config);
    let batches = tempfile::tempdir().unwrap();
    for name in 1..=5 {
        file(
            batches.path(),
            &format!("data_batch_{name}.bin"),
            &cifar(2 + name),
        );
    }
    file(batches.path(), "test_batch.bin", &cifar(3));
    check(&DataConfig::new(batches.path().display().to_string()));
    let array = npy("<f4", false, &[20, 3], &numbers(60, 4, false));
    let stored = npz(&[("y.npy", array.clone()), ("x.npy", array)], false);
    let mut config = file(folder.path(), "a.npz", &stored);
    config.array = Some("x".into());
    check(&config);
    let values = numbers(60, 4, false);
    let tensor = |rows| TensorView::new(Dtype::F32, vec![rows, 60 / rows], &values).unwrap();
    let tensors = [("a", tensor(30)), ("b", tensor(20))];
    let bytes = safetensors::serialize(tensors, None).unwrap();
    let mut config = file(folder.path(), "a.safetensors", &bytes);
    config.array = Some("b".into());
    check(&config);
}

#[test]
fn errors_of_mapped_files_are_those_of_held_ones() {
    let folder = tempfile::tempdir().unwrap();
    let doubles = |values: &[f64]| -> Vec<u8> {
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    };
    let whole = npy(
        "<f8",
        false,
        &[3, 2],
        &doubles(&[1.0, 2.0, 3.0, f64::NAN, 5.0, 6.0]),
    );
    let huge = npy(
        "<f8",
        false,
        &[3, 2],
        &doubles(&[1.0, 2.0, 3.0, 1e39, 5.0, 6.0]),
    );
    let apart = npy("<f4", false, &[2, 1 << 40], &[0; 8]);
    let long = [&whole[..], &[0]].concat();
    let images = npy("<f8", false, &[1, 1, 2], &doubles(&[-3.0, 812.5]));
    let stored = npz(&[("x.npy", npy("|u1", false, &[40, 2], &[7; 80]))], false);
    let mut damaged = stored.clone();
    let at = damaged.windows(4).position(|it| it == [7; 4]).unwrap();
    damaged[at] ^= 1;
    for (name, bytes, message) in [
        ("a.npy", &whole[..], "row 2, column 2: found NaN"),
        ("a.npy", &huge, "row 2, column 2: found 1e39"),
        ("a.npy", &whole[..whole.len() - 1], "truncated"),
        ("a.npy", &long, "after the end"),
        ("a.npy", &apart, "truncated"),
        ("a.npy", &images, "-3 to 812.5"),
        ("a.npz", &damaged, "damaged archive"),
    ] {
        let mut config = file(folder.path(), name, bytes);
        config.split = Some(Split::Tail);
        let [held, mapped] = [u64::MAX, 0].map(|limit| {
            let error = load_with(limit, &config).map(|_| ()).unwrap_err();
            error.to_string()
        });
        assert_eq!(held, mapped);
        assert!(mapped.contains(message), "{mapped}, not {message}");
    }
}
