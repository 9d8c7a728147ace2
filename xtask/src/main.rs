//! The project's own commands, `cargo xtask <command>`.
//!
//! Thin on purpose: it spawns cargo and reads files, and imports no crate of the project, so that
//! it builds within a minute, and on a machine without a GPU.

// A command-line tool whose output is what it prints.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod archive;
mod bench;
mod ci;
mod dist;
mod fuzz;
mod kernels;
mod outside;
mod python;
mod reproduce;
mod sanitize;
mod tidy;
mod web;

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};

use anyhow::{Context, Result, ensure};
use clap::Parser;

/// The project's own commands
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
enum Cli {
    /// Check formatting, lints, documentation, tests and dependencies
    Ci {
        /// Format the sources in place of checking them
        #[arg(long)]
        fix: bool,
    },
    /// Check what needs no compiler: names in documents, links, sizes, paths
    Tidy,
    /// Measure what this machine can do, and what operations, iterations and tasks take
    ///
    /// With a NAME first, runs those of Criterion's benches that have it in theirs, such as
    /// `linear_fwd`. Otherwise takes the flags of the report: --peers, --scaling and --build-times
    /// measure other programs, larger games and builds in addition, with --only these alone;
    /// --quick, --threads N, --precision P and --device cpu|wgpu|vulkan|cuda|hip say how; --write
    /// keeps the report in benches/results/ and renders docs/benchmarks.md, --render renders alone.
    #[command(verbatim_doc_comment)]
    Bench(PassedOn),
    /// Check every operation and whole players on one device, as a table
    ///
    /// Takes --device cpu|wgpu|vulkan|cuda|hip and --precision f32|tf32x3|tf32|bf16|f16.
    /// On the CPU it also checks whole players against finite differences, in f64.
    #[command(verbatim_doc_comment)]
    Gradcheck(PassedOn),
    /// Compile every CUDA kernel of an iteration to PTX and C++, without a device; needs LLVM 22
    Kernels(kernels::Args),
    /// Feed the program with mutated files of every kind that it reads
    ///
    /// The seeds are in fuzz/seeds/. An input that makes it panic is kept beside them, or in
    /// fuzz/artifacts/ where libFuzzer finds it.
    Fuzz(fuzz::Args),
    /// Run the kernels' tests under Miri, AddressSanitizer and ThreadSanitizer
    ///
    /// Needs `rustup toolchain install nightly --component miri,rust-src`.
    Sanitize(sanitize::Args),
    /// Build the page in which a browser trains, for any static host
    ///
    /// Needs `rustup target add wasm32-unknown-unknown`.
    Web(web::Args),
    /// Build the Python package, as a wheel in target/wheels/
    ///
    /// With the Python that GAN_PYTHON names, or python3; needs maturin in it, and for --test what
    /// bindings/python/tests/requirements.txt lists.
    Python(python::Args),
    /// Train a preset from several seeds, evaluate each run and draw the figures
    ///
    /// A run that is there already is taken as it is, or continued.
    Reproduce(reproduce::Args),
    /// Build a crate of somebody else against the crates as they are published, and run it
    Outside,
    /// Pack the program for this platform: an archive to hand out, and its checksum
    ///
    /// The archive has the program, its licences, completions and manual pages, and is in
    /// target/archives/.
    Dist(dist::Args),
}

/// Arguments that are passed on to the program that a command starts.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
struct PassedOn {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

fn main() -> ExitCode {
    run(Cli::parse()).unwrap_or_else(|err| {
        eprintln!("error: {err:#}");
        ExitCode::FAILURE
    })
}

fn run(cli: Cli) -> Result<ExitCode> {
    let root = repository_root()?;
    match cli {
        Cli::Ci { fix } => ci::run(&root, fix)?,
        Cli::Tidy => tidy::run(&root)?,
        Cli::Fuzz(args) => fuzz::run(&root, &args)?,
        Cli::Sanitize(args) => sanitize::run(&root, &args)?,
        Cli::Kernels(args) => kernels::run(&root, &args)?,
        Cli::Web(args) => web::run(&root, &args)?,
        Cli::Python(args) => python::run(&root, &args)?,
        Cli::Bench(PassedOn { args }) => bench::run(&root, &args)?,
        Cli::Reproduce(args) => reproduce::run(&root, args)?,
        Cli::Outside => outside::run(&root)?,
        Cli::Dist(args) => dist::run(&root, &args)?,
        Cli::Gradcheck(PassedOn { args }) => return gradcheck(&root, &args),
    }
    Ok(ExitCode::SUCCESS)
}

/// The table of the device that `args` name, and on the CPU the finite differences.
fn gradcheck(root: &Path, args: &[OsString]) -> Result<ExitCode> {
    let device = device(args);
    let mut table = cargo(root);
    table.args(["run", "--release", "--quiet", "--package", "gan-tests"]);
    if let Some(feature) = device.and_then(feature) {
        table.args(["--features", feature]);
    }
    table.args(["--example", "gradcheck", "--"]).args(args);
    let status = status(&mut table)?;
    if !status.success() {
        // The program has said why; its 2 for a usage error stays a 2.
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        return Ok(code.map_or(ExitCode::FAILURE, ExitCode::from));
    }
    let asks_for_help = args.iter().any(|arg| arg == "--help" || arg == "-h");
    if asks_for_help || device.is_some_and(|device| device != "cpu") {
        return Ok(ExitCode::SUCCESS);
    }
    println!("\nwhole players against finite differences, in f64:");
    let mut differences = cargo(root);
    differences
        .args(["test", "--release", "--quiet"])
        .args(["--package", "gan-model", "--lib", "gradcheck"])
        // The checks print how many parameters they compared and how many they skipped.
        .args(["--", "--nocapture"]);
    succeed(differences)?;
    Ok(ExitCode::SUCCESS)
}

/// The value of `--device`; the program that is started reports a wrong one.
fn device(args: &[OsString]) -> Option<&str> {
    let mut args = args.iter().filter_map(|arg| arg.to_str());
    while let Some(arg) = args.next() {
        if arg == "--device" {
            return args.next();
        }
        if let Some(device) = arg.strip_prefix("--device=") {
            return Some(device);
        }
    }
    None
}

/// The feature that links the runtime of `device`; wgpu needs none, it is always there.
fn feature(device: &str) -> Option<&'static str> {
    let runtime = device.split(':').next();
    ["cuda", "hip", "vulkan"]
        .into_iter()
        .find(|known| runtime == Some(known))
}

/// The folder of the workspace's `Cargo.toml`.
fn repository_root() -> Result<PathBuf> {
    // Cargo sets the variable on `cargo run`; the built-in path serves a binary that is run alone.
    let package = env::var_os("CARGO_MANIFEST_DIR")
        .unwrap_or_else(|| OsString::from(env!("CARGO_MANIFEST_DIR")));
    let root = Path::new(&package).parent();
    Ok(root.context("xtask has no parent folder")?.to_owned())
}

/// The folder of what cargo builds.
fn target(root: &Path) -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

/// What the tests of `cargo xtask ci` are built with, so that what it has built is not built again.
const TESTED_FEATURES: &str = "--features=benches/wgpu";

/// True if a program is there: it starts and does what it is asked.
fn answers(mut probe: Command) -> bool {
    probe.stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}

/// The platform that rustc compiles for by itself, such as `x86_64-unknown-linux-gnu`.
fn host() -> Result<String> {
    web::print(&["host-tuple"]).context("rustc cannot be asked for its host")
}

/// The cargo that runs us, in the repository's root.
fn cargo(root: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

/// Cargo of the nightly toolchain, in the repository's root.
fn nightly(root: &Path, words: &[&str]) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo"]).args(words);
    command.current_dir(root);
    command
}

fn status(command: &mut Command) -> Result<ExitStatus> {
    let status = command.status();
    status.with_context(|| format!("{}: cannot be started", command.get_program().display()))
}

fn succeed(mut command: Command) -> Result<()> {
    let status = status(&mut command)?;
    let program = command.get_program().display();
    ensure!(status.success(), "{program}: {status}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn command_line_is_consistent_and_refuses_what_it_does_not_know() {
        Cli::command().debug_assert();
        for line in [
            "",
            "cj",
            "ci --fast",
            "tidy all",
            "kernels --dump",
            "fuzz --libfuzzer --inputs 3",
            "sanitize memory",
            "web --serve",
        ] {
            let words = ["xtask"].into_iter().chain(line.split_whitespace());
            assert!(Cli::try_parse_from(words).is_err(), "{line}");
        }
    }

    #[test]
    fn gradcheck_links_what_its_device_needs() {
        for (line, named, linked) in [
            ("", None, None),
            ("--device cpu", Some("cpu"), None),
            ("--device wgpu:1", Some("wgpu:1"), None),
            ("--help --device cuda:1", Some("cuda:1"), Some("cuda")),
            ("--device=hip --precision f16", Some("hip"), Some("hip")),
            ("--device vulkan", Some("vulkan"), Some("vulkan")),
            ("--device cudas", Some("cudas"), None),
            ("--device", None, None),
        ] {
            let words = ["xtask", "gradcheck"].into_iter();
            let cli = Cli::try_parse_from(words.chain(line.split_whitespace())).unwrap();
            let Cli::Gradcheck(PassedOn { args }) = cli else {
                panic!("{line}: another command");
            };
            assert_eq!(args.len(), line.split_whitespace().count(), "{line}");
            assert_eq!(device(&args), named, "{line}");
            assert_eq!(device(&args).and_then(feature), linked, "{line}");
        }
    }
}
