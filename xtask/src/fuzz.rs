//! `cargo xtask fuzz`: mutated files of every kind that the program reads, for as long as one likes.

use std::path::Path;
use std::thread::available_parallelism;

use anyhow::{Result, bail, ensure};

/// What to feed, and how much.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Kinds of files [default: all].
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// Seconds in all.
    #[arg(long, value_name = "N", default_value = "60")]
    seconds: u64,
    /// Inputs for each kind, however long they take.
    #[arg(long, value_name = "N", conflicts_with = "seconds")]
    inputs: Option<u64>,
    /// Which inputs these are.
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,
    /// Let libFuzzer choose the inputs; needs a nightly toolchain and cargo-fuzz
    #[arg(long, conflicts_with_all = ["inputs", "seed"])]
    libfuzzer: bool,
}

/// The test program of the mutations, and the module of its tests that are called as the targets.
const TESTS: [&str; 2] = ["mutated", "mutated_files_are_read_or_refused"];

/// Feeds the program.
///
/// # Errors
/// If an input made it panic.
pub(crate) fn run(root: &Path, args: &Args) -> Result<()> {
    let all = targets(root)?;
    if let Some(unknown) = args.targets.iter().find(|name| !all.contains(name)) {
        bail!("no target {unknown}: expected one of {}", all.join(", "));
    }
    let chosen = if args.targets.is_empty() {
        &all
    } else {
        &args.targets
    };
    if args.libfuzzer {
        return chosen.iter().try_for_each(|target| {
            let mut fuzz = super::nightly(root, &["fuzz", "run", target]);
            // What it finds on its way goes into the first folder, which git ignores.
            for folder in ["corpus", "seeds"] {
                let folder = root.join("fuzz").join(folder).join(target);
                std::fs::create_dir_all(&folder)?;
                fuzz.arg(folder);
            }
            let seconds = args.seconds.div_ceil(chosen.len() as u64);
            fuzz.args(["--", &format!("-max_total_time={seconds}")]);
            super::succeed(fuzz)
        });
    }
    let [program, module] = TESTS;
    let mut test = super::cargo(root);
    test.args(["test", "--quiet", "--workspace", super::TESTED_FEATURES])
        .args(["--test", program, "--", "--nocapture", "--exact"])
        .args(chosen.iter().map(|target| format!("{module}::{target}")))
        .env("GAN_SEED", args.seed.to_string());
    match args.inputs {
        Some(inputs) => test.env("GAN_INPUTS", inputs.to_string()),
        None => {
            // As many tests run at once as there are cores.
            let cores = available_parallelism().map_or(1, |cores| cores.get() as u64);
            let seconds = args.seconds * cores.min(chosen.len() as u64);
            let seconds = seconds.div_ceil(chosen.len() as u64);
            test.env("GAN_SECONDS", seconds.to_string())
        }
    };
    super::succeed(test)
}

/// The names of all targets: those of the folders of seeds.
fn targets(root: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in root.join("fuzz/seeds").read_dir()? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    ensure!(!names.is_empty(), "fuzz/seeds/: found no folder");
    Ok(names)
}
