//! No bytes make a loader panic, or hold more memory than a small multiple of the file.
//!
//! Random bytes and files that are made to do harm; `tests/hostile/` mutates whole files.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::path::Path;

use common::*;
use gan_hostile::{Counting, peak as peak_of};
use proptest::prelude::*;

#[global_allocator]
static COUNTING: Counting = Counting;

/// Buffers that do not depend on the file: readers, the state of inflate, messages.
const BUFFERS: usize = 512 << 10;

/// Bytes of memory per byte of file at the peak, for any bytes.
///
/// The worst is a table of a single line with one letter or digit per cell: 36.
const ANY: usize = 40;
/// For tables of many lines; one digit per line takes 11.
const TABLE: usize = 12;
/// For arrays and images, read into one vector and converted into another.
const ARRAY: usize = 3;

/// Loads a file and gives the peak of memory that this took.
fn peak(path: &Path) -> usize {
    // Whether it is data or an error, it must be one of the two.
    peak_of(|| {
        let _ = load_path(path).map_err(|error| (error.to_string(), error.hint()));
    })
}

#[rustfmt::skip]
const EXTENSIONS: [&str; 10] = [
    "a.idx3-ubyte", "a.gz", "a.bin", "a.npy", "a.npz", "a.safetensors", "a.csv", "a.txt", "a",
    "a.parquet",
];

#[track_caller]
fn check(name: &str, bytes: &[u8], multiple: usize) {
    let folder = Folder::new();
    let path = folder.put(name, bytes);
    let peak = peak(&path);
    let length = bytes.len();
    let allowed = BUFFERS + multiple * length;
    assert!(
        peak <= allowed,
        "{name}: {peak} bytes for a file of {length}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn load_of_random_bytes_neither_panics_nor_hoards(
        name in prop::sample::select(&EXTENSIONS),
        start in prop::sample::select(vec![&b""[..], b"\0\0\x08\x03", b"\0\0\x08\x01", b"\x93NUMPY\x01\0", b"\x1f\x8b\x08\0", b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"PAR1", b"ARROW1\0\0"]),
        bytes in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        check(name, &[start, &bytes].concat(), ANY);
    }

    #[test]
    fn load_of_random_text_neither_panics_nor_hoards(text in "[0-9a-f,;\t\n\r\"'. -]{0,400}") {
        check("a.csv", text.as_bytes(), ANY);
    }
}

#[test]
fn load_of_a_gzip_bomb_stops_where_the_header_ends() {
    let mut bytes = idx_images(2, 3, 5);
    bytes.resize(200 << 20, 0);
    let bomb = gzip(&bytes);
    drop(bytes);
    let folder = Folder::new();
    let peak = peak(&folder.put("a.gz", &bomb));
    assert!(peak < 2 << 20, "{peak} bytes for a bomb of {}", bomb.len());
}

#[test]
fn load_of_a_gzip_far_larger_than_its_file_is_refused_with_what_to_type() {
    // Within what deflate can hold, and 400 times the file.
    let bytes = [
        idx_header(0x803, &[400_000, 28, 28]),
        vec![0; 400_000 * 784],
    ]
    .concat();
    let bomb = gzip(&bytes);
    drop(bytes);
    let folder = Folder::new();
    let path = folder.put("it's.gz", &bomb);
    let peak = peak(&path);
    assert!(peak < 2 << 20, "{peak} bytes for a bomb of {}", bomb.len());
    let error = load_path(&path).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("header promises 400000×28×28 bytes"),
        "{error}"
    );
    let command = error.hint().unwrap();
    assert!(command.ends_with("s.gz'"), "{command}");
}

#[test]
#[cfg(target_os = "linux")]
fn load_of_a_file_larger_than_the_memory_is_refused_before_it_is_read() {
    let folder = Folder::new();
    for (name, header) in [
        ("a.idx", idx_header(0x803, &[1 << 16, 1 << 12, 1 << 16])),
        ("a.csv", b"1,2\n".to_vec()),
    ] {
        let length = (1 << 44) + header.len() as u64;
        let path = folder.put(name, header);
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        // A hole of 16 TiB, where the file system has them.
        if file.set_len(length).is_ok() {
            let error = load_path(&path).unwrap_err().to_string();
            assert!(
                error.contains("bytes of memory, expected at most"),
                "{error}"
            );
        }
    }
}

#[test]
fn load_of_a_gzip_whose_header_promises_more_than_deflate_can_hold_reads_nothing() {
    let bytes = gzip(&idx_header(0x803, &[60_000, 28, 28]));
    let folder = Folder::new();
    let path = folder.put("a.gz", bytes);
    let error = load_path(&path).unwrap_err();
    let words = "header promises 60000×28×28 bytes";
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn load_of_tables_and_arrays_holds_a_small_multiple_of_the_file() {
    let table = |text: &str, multiple| check("a.csv", text.as_bytes(), multiple);
    table(&"1,2\n".repeat(400_000), TABLE);
    table(&"1\n".repeat(600_000), TABLE);
    table(&"1".repeat(3 << 20), TABLE);
    table(&"\"".repeat(3 << 20), TABLE);
    table(&"a,".repeat(600_000), ANY);
    table(&"1,1".repeat(300_000), ANY);
    check("a.bin", &cifar(500), ARRAY);
    check("a.idx", &idx_images(5000, 28, 28), ARRAY);
    let doubles = npy(&npy_text("<f8", "(300000, 2)"), &[0; 4_800_000]);
    check("a.npy", &doubles, ARRAY);
}
