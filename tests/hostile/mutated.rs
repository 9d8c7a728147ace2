//! No mutation of a whole file makes the program panic, or hold more memory than a small multiple of
//! the file.
//!
//! `GAN_INPUTS` and `GAN_SECONDS` say how many inputs or seconds each kind of file gets (`cargo xtask
//! fuzz` sets them), and `GAN_SEED` which inputs these are.

#![allow(clippy::unwrap_used)] // What a test cannot unwrap has failed it.

use std::env;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use gan_hostile::{Counting, Mutation, TARGETS, Target, find, mutate, mutations};
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use sha2::{Digest, Sha256};

#[global_allocator]
static COUNTING: Counting = Counting;

/// Inputs without any variable.
const INPUTS: u64 = 512;
/// Inputs between two looks at the clock; each batch is drawn by a seed of its own.
const BATCH: u64 = 1024;

/// What the names of inputs begin with that a failure has found.
const FOUND: &str = "found-";

/// The number in an environment variable.
fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name}: found {text:?}, expected a number")),
    )
}

/// Feeds a target with mutations of its seeds.
fn feed(name: &str) {
    let target = find(name);
    let seeds = target.seeds();
    for (file, bytes) in &seeds {
        let is_taken = target.read(bytes);
        // Beside whole files are those that were found by a failure.
        assert!(
            is_taken || file.starts_with(FOUND),
            "{name}: {file} is refused"
        );
    }
    let deadline =
        number("GAN_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let default = if deadline.is_some() { u64::MAX } else { INPUTS };
    let inputs = number("GAN_INPUTS").unwrap_or(default);
    let seed = number("GAN_SEED").unwrap_or(0);
    let strategy = (0..seeds.len(), mutations());
    let mut done = 0;
    while done < inputs && deadline.is_none_or(|deadline| Instant::now() < deadline) {
        let batch = BATCH.min(inputs - done);
        let mut bits = [0; 32];
        bits[..8].copy_from_slice(&seed.to_le_bytes());
        bits[8..16].copy_from_slice(&done.to_le_bytes());
        let config = Config {
            cases: batch as u32,
            failure_persistence: None,
            ..Config::default()
        };
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bits);
        let outcome = TestRunner::new_with_rng(config, rng).run(&strategy, |(seed, mutations)| {
            target.read(&mutate(seeds[seed].1.clone(), &mutations));
            Ok(())
        });
        match outcome {
            Ok(()) => {}
            Err(TestError::Fail(why, (seed, mutations))) => {
                let path = keep(target, &seeds[seed].1, &mutations);
                panic!("{name}: {why}\nits bytes are in {}", path.display());
            }
            Err(TestError::Abort(why)) => panic!("{name}: {why}"),
        }
        done += batch;
    }
    // Shown where somebody looks at what a test prints.
    #[allow(clippy::print_stdout)]
    {
        println!("{name}: {done} inputs");
    }
}

/// Writes the input that failed beside the seeds, where every later run begins with it.
fn keep(target: &Target, seed: &[u8], mutations: &[Mutation]) -> std::path::PathBuf {
    let bytes = mutate(seed.to_vec(), mutations);
    let hash = Sha256::digest(&bytes);
    let name: String = hash
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let path = target.folder_of_seeds().join(format!("{FOUND}{name}"));
    fs::write(&path, bytes).unwrap();
    path
}

/// A test for each target, so that they run side by side and by name.
macro_rules! targets {
    ($($name:ident)*) => {
        mod mutated_files_are_read_or_refused {
            $(#[test] fn $name() { super::feed(stringify!($name)); })*
        }

        const TESTED: &[&str] = &[$(stringify!($name)),*];
    };
}

targets! {
    idx idx_gz cifar npy npz safetensors table table_zst parquet arrow picture configuration checkpoint metrics
}

#[test]
fn every_target_is_tested_and_fuzzed() {
    let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(names, TESTED);
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    for name in TESTED {
        let path = format!("fuzz_targets/{name}.rs");
        let source = fs::read_to_string(fuzz.join(&path)).unwrap();
        assert!(source.contains(&format!("find(\"{name}\")")), "{path}");
        assert!(manifest.contains(&format!("path = \"{path}\"")), "{path}");
    }
    let sources = fs::read_dir(fuzz.join("fuzz_targets")).unwrap();
    assert_eq!(sources.count(), TESTED.len());
}
