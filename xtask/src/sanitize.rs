//! `cargo xtask sanitize`: the kernels' own tests under Miri and under the sanitizers of LLVM.
//!
//! They need a nightly toolchain, and minutes, so they are not among the checks of every change.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use clap::ValueEnum;

/// What watches.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Watch {
    /// Miri: undefined behaviour in the pool of threads and in small products
    Miri,
    /// AddressSanitizer: memory that is used where or when it is nobody's
    Address,
    /// ThreadSanitizer: memory that two threads use at once
    Thread,
}

/// Who watches.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// All of them without any.
    #[arg(value_name = "WATCH")]
    watches: Vec<Watch>,
}

/// The tests that Miri, which runs a thousand times slower, gets through.
const FOR_MIRI: [&str; 2] = ["native::pool::", "native::tests::small_products"];

/// Runs the tests under each of them.
///
/// # Errors
/// If one finds something.
pub(crate) fn run(root: &Path, args: &Args) -> Result<()> {
    let host = super::host()?;
    let watches = if args.watches.is_empty() {
        Watch::value_variants()
    } else {
        &args.watches
    };
    for watch in watches {
        println!("== {}", name(*watch));
        super::succeed(command(root, *watch, &host))?;
    }
    Ok(())
}

fn name(watch: Watch) -> String {
    let value = watch.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

fn command(root: &Path, watch: Watch, host: &str) -> Command {
    let miri = matches!(watch, Watch::Miri);
    let first: &[&str] = if miri { &["miri", "test"] } else { &["test"] };
    let mut command = super::nightly(root, first);
    // Only the packages of this one, so that none of a GPU is built; and with a target, without which
    // build scripts would be watched too.
    command.args(["--package", "gan-kernels", "--lib", "--target", host]);
    // A folder for each: they build everything in their own way.
    let target = super::target(root).join("sanitize").join(name(watch));
    command.env("CARGO_TARGET_DIR", target);
    match watch {
        Watch::Miri => {
            command.arg("--").args(FOR_MIRI);
        }
        Watch::Address => {
            command
                .arg("--tests")
                .env("RUSTFLAGS", "-Zsanitizer=address");
        }
        Watch::Thread => {
            // The standard library as well, or what it synchronises would not be seen.
            command.args(["--tests", "-Zbuild-std"]);
            command.env("RUSTFLAGS", "-Zsanitizer=thread");
        }
    }
    command
}
