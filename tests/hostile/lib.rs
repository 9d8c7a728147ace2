//! Files that are damaged, or made to do harm, and what reads them.
//!
//! A [`Target`] is a kind of file; `fuzz/seeds/` has whole files of each. Two things feed it with
//! others: mutations of the seeds (`mutated.rs`, on any toolchain), and libFuzzer (`fuzz/`).
//! Reading gives a value or an error with a message, and never a panic.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod allocations;
mod mutation;
mod seal;

use std::cell::LazyCell;
use std::fs;
use std::path::{Path, PathBuf};

use gan_data::{DataConfig, Normalize};
use gan_model::LossConfig;
use gan_run::config::{Overrides, RunConfig};
use gan_run::device::{Device, DeviceChoice, PrecisionChoice};
use gan_run::diagnosis::Diagnosis;
use gan_run::model::Model;
use gan_run::problem::Problem;
use gan_run::run_dir;
use tempfile::TempDir;

pub use allocations::{Counting, peak, total};
pub use mutation::{Mutation, mutate, mutations};

/// A kind of file that the program reads.
pub struct Target {
    /// The name of its seeds' folder and of its fuzz target.
    pub name: &'static str,
    /// A name that makes the program read a file as one of this kind.
    file: &'static str,
    /// True if it is taken for one.
    read: fn(&Path) -> bool,
    /// Mends checksums, behind which no mutation would be seen otherwise.
    seal: fn(&[u8]) -> Option<Vec<u8>>,
    /// Bytes of memory per byte of the file at the peak, beside a fixed amount; where it is `None`, a
    /// few bytes may stand for many by the format's nature.
    memory: Option<usize>,
}

/// For data of any kind: the worst is a table of a single line with one letter or digit per cell, 36.
const ANY: usize = 40;
/// Buffers that do not depend on the file: readers, the state of inflate, messages.
const BUFFERS: usize = 512 << 10;

/// Every kind of file.
#[rustfmt::skip]
pub static TARGETS: [Target; 14] = [
    target("idx", "a.idx3-ubyte", data, seal::none, Some(ANY)),
    target("idx_gz", "a.gz", data, seal::gzip, None),
    target("cifar", "a.bin", data, seal::none, Some(ANY)),
    target("npy", "a.npy", data, seal::none, Some(ANY)),
    target("npz", "a.npz", data, seal::npz, None),
    target("safetensors", "a.safetensors", data, seal::none, Some(ANY)),
    target("table", "a.csv", data, seal::none, Some(ANY)),
    target("table_zst", "a.csv.zst", data, seal::zstd, None),
    target("parquet", "a.parquet", data, seal::none, None),
    target("arrow", "a.feather", data, seal::none, Some(ANY)),
    target("picture", "pictures/a.png", folder_of_data, seal::png, None),
    target("configuration", "a.toml", configuration, seal::none, None),
    target("checkpoint", "a.safetensors", checkpoint, seal::checkpoint, None),
    target("metrics", "metrics.jsonl", metrics, seal::none, Some(ANY)),
];

const fn target(
    name: &'static str,
    file: &'static str,
    read: fn(&Path) -> bool,
    seal: fn(&[u8]) -> Option<Vec<u8>>,
    memory: Option<usize>,
) -> Target {
    Target {
        name,
        file,
        read,
        seal,
        memory,
    }
}

/// The target of this name.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn find(name: &str) -> &'static Target {
    let mut targets = TARGETS.iter();
    let target = targets.find(|target| target.name == name);
    target.unwrap_or_else(|| panic!("no target {name}"))
}

impl Target {
    /// Reads a file of these bytes, and the same with its checksums mended; true if one of them is
    /// taken.
    ///
    /// # Panics
    /// If reading does, or takes more memory than the kind allows, where [`Counting`] allocates.
    pub fn read(&self, bytes: &[u8]) -> bool {
        let sealed = (self.seal)(bytes).is_some_and(|sealed| self.read_alone(&sealed));
        self.read_alone(bytes) || sealed
    }

    fn read_alone(&self, bytes: &[u8]) -> bool {
        FOLDER.with(|folder| {
            let path = folder.path().join(self.file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, bytes).unwrap();
            let mut is_taken = false;
            let peak = peak(|| is_taken = (self.read)(&path));
            let allowed = self.memory.map(|memory| BUFFERS + memory * bytes.len());
            let (name, length) = (self.name, bytes.len());
            assert!(
                allowed.is_none_or(|allowed| peak <= allowed),
                "{name}: {peak} bytes of memory for a file of {length}"
            );
            is_taken
        })
    }

    /// The folder of its seeds.
    #[must_use]
    pub fn folder_of_seeds(&self) -> PathBuf {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        here.join("../../fuzz/seeds").join(self.name)
    }

    /// The files in it by name, in order.
    ///
    /// # Panics
    /// If there are none.
    #[must_use]
    pub fn seeds(&self) -> Vec<(String, Vec<u8>)> {
        let entries = fs::read_dir(self.folder_of_seeds()).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        assert!(!paths.is_empty(), "no seeds of {}", self.name);
        let seed = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy();
            (name.into_owned(), fs::read(path).unwrap())
        };
        paths.iter().map(seed).collect()
    }
}

thread_local! {
    /// Where the files are written, in memory where the system has such a place: there are millions.
    static FOLDER: LazyCell<TempDir> = LazyCell::new(|| {
        let memory = tempfile::tempdir_in("/dev/shm");
        memory.or_else(|_| tempfile::tempdir()).unwrap()
    });
}

/// True for a value; looks at what a user would see of an error.
fn taken<T>(outcome: Result<T, Problem>) -> bool {
    let Err(problem) = outcome else { return true };
    assert!(!problem.message.is_empty());
    assert!(problem.hint.is_none_or(|hint| !hint.is_empty()));
    false
}

fn data(path: &Path) -> bool {
    let mut config = DataConfig::new(path.to_str().unwrap());
    let plain = taken(gan_data::load(&config, 0).map_err(Problem::from));
    config.normalize = Normalize::Columns;
    let mixed = gan_data::load(&config, 0).map(|dataset| {
        let mut row = vec![0.0_f32; dataset.records.cols()];
        dataset.records.copy_row(0, &mut row);
        let _ = dataset.transform.user_row(&row);
    });
    plain | taken(mixed.map_err(Problem::from))
}

fn folder_of_data(path: &Path) -> bool {
    data(path.parent().unwrap())
}

/// The file as a configuration, and its lines as values of `--set`.
fn configuration(path: &Path) -> bool {
    let text = fs::read(path).unwrap();
    let mut overrides = Overrides::default();
    for line in String::from_utf8_lossy(&text).lines().take(50) {
        taken(overrides.set(line));
    }
    taken(RunConfig::read("ring8", &overrides));
    taken(
        RunConfig::read(path, &Overrides::default()).map(|mut config| {
            config.settle(7);
            let text = config.to_toml().unwrap();
            let again = RunConfig::from_toml(&text, "again").unwrap();
            assert_eq!(again.to_toml().unwrap(), text);
        }),
    )
}

/// Samples are drawn of whatever is taken for a checkpoint.
fn checkpoint(path: &Path) -> bool {
    let sampled = || {
        let model = Model::load(path)?;
        let mut generator = CPU.with(|device| model.generator(device))?;
        let samples = generator.sample(1, 0, 2)?;
        let _ = model.record.written(&samples, model.cols);
        let _ = model.record.user_values(&samples, model.cols);
        Ok(())
    };
    taken(sampled())
}

thread_local! {
    static CPU: LazyCell<Device> = LazyCell::new(|| {
        let opened = Device::open(DeviceChoice::Cpu, PrecisionChoice::F32, Some(1));
        opened.unwrap().0
    });
}

fn metrics(path: &Path) -> bool {
    let mut diagnosis = Diagnosis::new(LossConfig::CrossEntropy);
    let mut readings = 0;
    run_dir::each_reading(path.parent().unwrap(), |line| {
        diagnosis.take(&line);
        readings += 1;
    });
    let findings = diagnosis.findings();
    assert!(
        findings
            .iter()
            .all(|finding| !finding.to_string().is_empty())
    );
    readings > 0
}
