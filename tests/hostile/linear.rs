//! What reading a file takes is linear in its size: a file of sixteen times the records takes what
//! sixteen readings of the smaller one take, of the memory that is allocated in all and of time on the
//! processor, which hardly depends on what else runs.

#![allow(clippy::unwrap_used)] // What a test cannot unwrap has failed it.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use gan_data::{Contents, DataConfig, DataError, FileKind, RecordShape, load, write_records};
use gan_hostile::{Counting, total};

#[global_allocator]
static COUNTING: Counting = Counting;

/// Records of the smaller file, and how many times as many the larger has.
const FEW: usize = 1500;
const TIMES: usize = 16;

/// What the larger file may take beside reading the smaller one as many times: a quadratic reader
/// takes [`TIMES`] times as much, and vectors that double up to twice as much memory.
const MOST_MEMORY: f64 = 2.0;
const MOST_TIME: f64 = 4.0;

/// Readings that are tried until one is fast enough.
const TRIES: usize = 4;

/// The system counts the time of a thread at ticks of its own, so far apart in nanoseconds at most.
const TICKS: f64 = 2.0 * 1e7;

/// Nanoseconds that this thread has been on a processor, where the system tells.
fn processor_time() -> Option<u64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// Reads `few` as many times as `many` is larger, and `many`, a file of the same kind that is called
/// `name`.
fn compare(name: &str, few: &Path, many: &Path) {
    let read = |path: &Path, times: usize| {
        let config = DataConfig::new(path.to_str().unwrap());
        let work = || drop(load(&config, 1));
        // The first time pages are touched for the first time, and lazy parts are made.
        work();
        let before = processor_time();
        let memory = total(|| (0..times).for_each(|_| work()));
        let time = processor_time()
            .zip(before)
            .map_or(0, |(after, before)| after - before);
        (memory as f64, time as f64)
    };
    let readings = || (read(few, TIMES), read(many, 1));
    let ((mut memory, mut time), (mut more_memory, mut more_time)) = readings();
    // What else runs on the machine takes from caches and adds to some readings; a way of reading
    // that is too slow is so every time.
    for _ in 1..TRIES {
        if more_time <= MOST_TIME * time + TICKS {
            break;
        }
        ((memory, time), (more_memory, more_time)) = readings();
    }
    assert!(memory > 0.0, "{name}: nothing was counted");
    assert!(
        more_memory <= MOST_MEMORY * memory,
        "{name}: {memory} bytes of memory become {more_memory}"
    );
    assert!(
        more_time <= MOST_TIME * time + TICKS,
        "{name}: {time} ns on the processor become {more_time}"
    );
}

/// Files in forms that `gan-cli sample` writes, of any number of records.
#[test]
fn arrays_and_typed_tables() {
    let folder = tempfile::tempdir().unwrap();
    let shape = RecordShape::Vector {
        columns: Some(vec!["a".into(), "b".into(), "c".into()]),
        double: true,
        whole: Vec::new(),
    };
    for name in ["a.csv", "a.npy", "a.npz", "a.safetensors", "a.parquet"] {
        let file = |rows: usize| {
            let path = folder.path().join(format!("{rows}-{name}"));
            let contents = Contents {
                shape: &shape,
                rows,
                cols: 3,
                double: true,
                labels: None,
            };
            let value = |at: usize| ((at * at) % 7919) as f64 * 0.01;
            let rows = |part: std::ops::Range<usize>| {
                Ok::<_, DataError>((3 * part.start..3 * part.end).map(value).collect())
            };
            write_records(&path, FileKind::of(&path).unwrap(), contents, rows).unwrap();
            path
        };
        compare(name, &file(4 * FEW), &file(4 * TIMES * FEW));
    }
}

#[test]
fn images() {
    let folder = tempfile::tempdir().unwrap();
    let pixels = |count: usize| {
        (0..count)
            .map(|at| (at * at % 251) as u8)
            .collect::<Vec<_>>()
    };
    let idx = |rows: usize| {
        let words = [0x803, rows as u32, 9, 7].map(u32::to_be_bytes);
        [words.concat(), pixels(rows * 63)].concat()
    };
    let cifar = |rows: usize| -> Vec<u8> {
        let record = |at: usize| [vec![(at % 10) as u8], pixels(3072)].concat();
        (0..rows / 50).flat_map(record).collect()
    };
    let gzip = |bytes: Vec<u8>| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gzip, &bytes).unwrap();
        gzip.finish().unwrap()
    };
    for (name, content) in [
        ("a.idx3", &idx as &dyn Fn(usize) -> Vec<u8>),
        ("a.idx3.gz", &|rows| gzip(idx(rows))),
        ("a.bin", &cifar),
    ] {
        let file = |rows: usize| {
            let path = folder.path().join(format!("{rows}-{name}"));
            fs::write(&path, content(rows)).unwrap();
            path
        };
        compare(name, &file(FEW), &file(TIMES * FEW));
    }
}

/// Tables as text that load, and those that are refused after a look at all of them.
#[test]
fn text() {
    let folder = tempfile::tempdir().unwrap();
    let lines = |rows: usize, line: &dyn Fn(&mut String, usize)| {
        let mut text = String::new();
        (0..rows).for_each(|row| line(&mut text, row));
        text
    };
    type Line<'a> = &'a dyn Fn(&mut String, usize);
    let kinds: [(&str, Line<'_>); 12] = [
        ("numbers", &|text, row| {
            writeln!(text, "{},{}.5,{}", row % 91, row % 7, row * row % 13).unwrap()
        }),
        ("blanks", &|text, row| {
            writeln!(text, "{}   {}  -1e3", row % 91, row % 7).unwrap()
        }),
        ("semicolons", &|text, row| {
            writeln!(text, "1.000,{};{}", row % 91, row % 7).unwrap()
        }),
        ("quotes", &|text, row| {
            writeln!(text, "\"{}\",\"a\"\"b\",'{}'", row % 91, row % 7).unwrap()
        }),
        ("dates", &|text, row| {
            writeln!(text, "2020-01-{:02},{}", row % 28 + 1, row % 7).unwrap()
        }),
        ("missing", &|text, row| {
            writeln!(text, "{},{}", row % 9, ["NA", "1"][row % 2]).unwrap()
        }),
        ("texts", &|text, row| {
            writeln!(text, "{},word {row}", row % 9).unwrap()
        }),
        ("comments", &|text, row| writeln!(text, "# {row}").unwrap()),
        ("empty", &|text, _| text.push('\n')),
        ("one line", &|text, row| {
            write!(text, "{},", row % 91).unwrap()
        }),
        ("an open quote", &|text, row| {
            writeln!(text, "\"{},{}", row % 91, row % 7).unwrap()
        }),
        ("ragged", &|text, row| {
            writeln!(text, "{}{}", row % 91, ",1".repeat(row % 7)).unwrap()
        }),
    ];
    for (name, line) in kinds {
        let file = |rows: usize| {
            let path = folder.path().join(format!("{rows}.csv"));
            fs::write(&path, lines(rows, line)).unwrap();
            path
        };
        compare(name, &file(FEW), &file(TIMES * FEW));
    }
}
