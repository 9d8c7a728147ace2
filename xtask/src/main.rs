//! The project's own commands, `cargo xtask <command>`.
//!
//! Thin on purpose: it spawns cargo and reads files, and imports no crate of the project, so that
//! it builds in seconds on a machine without a GPU.

// A command-line tool whose output is what it prints.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod bundle;
mod ci;
mod kernels;
mod reproduce;
mod tidy;

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Context, Result, bail};

const USAGE: &str = "\
usage: cargo xtask <command>

  ci [--fix]        format, lints, tests, documentation, tidy, dependencies
                    (--fix formats the sources in place of checking them)
  tidy              the checks that need no compiler: doc maps, links, sizes, paths
  bench NAME        Criterion's benches that have NAME in theirs, such as linear_fwd
  bench [--peers] [--scaling] [--build-times] [--only] [--quick] [--write]
        [--threads N] [--precision P] [--device cpu|wgpu|vulkan|cuda|hip]
                    what this machine can do and what operations, iterations and tasks
                    take; in addition other programs, larger games, builds (--only: these
                    alone); --write keeps it in benches/results/ and renders
                    docs/benchmarks.md, --render renders alone
  gradcheck [ARGS]  every operation and whole players on one device, as a table
                    (--device cpu|wgpu|vulkan|cuda|hip, --precision f32|tf32x3|tf32|bf16|f16);
                    on the CPU also whole players against differences, in f64
  bundle-gpu DIR [--device cuda] [--dev]
                    DIR/gan-gpu.tar.xz: binaries and scripts that measure a GPU on a machine
                    without cargo and network, by `sh benches/gpu.sh` (--dev: unoptimised)
  kernels [--dump DIR] [--arch 90] [--preset mnist] [--write]
                    every CUDA kernel of an iteration as PTX and C++, without a device, and
                    what it needs of one (--write: into docs/benchmarks.md); needs LLVM 22
  reproduce PRESET [--data PATH] [--seeds 1,2,3]
                    trains the preset from each seed, evaluates, draws the figures;
                    what is there already is taken or continued
";

/// What was asked for.
#[derive(Debug, PartialEq)]
enum Request {
    Ci(ci::Format),
    Tidy,
    Bench(Vec<OsString>),
    Gradcheck(Vec<OsString>),
    Bundle(bundle::Wanted),
    Kernels(kernels::Wanted),
    Reproduce(reproduce::Reproduction),
    Help,
}

fn main() -> ExitCode {
    let Some(request) = parse(env::args_os().skip(1).collect()) else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(request) {
        Ok(code) => code,
        Err(err) => {
            eprintln!("error: {err:#}");
            ExitCode::FAILURE
        }
    }
}

/// Reads the command line; `None` is a usage error.
///
/// A few words and flags: a match says it all, and clap would be most of this package's build.
fn parse(mut args: Vec<OsString>) -> Option<Request> {
    let rest = args.split_off(args.len().min(1));
    let words: Vec<_> = rest.iter().map(|arg| arg.to_str()).collect();
    match (args.first()?.to_str()?, words.as_slice()) {
        ("ci", []) => Some(Request::Ci(ci::Format::Check)),
        ("ci", [Some("--fix")]) => Some(Request::Ci(ci::Format::Fix)),
        ("tidy", []) => Some(Request::Tidy),
        ("bench", _) => Some(Request::Bench(rest)),
        ("gradcheck", _) => Some(Request::Gradcheck(rest)),
        ("bundle-gpu", words) => bundle::Wanted::parse(words).map(Request::Bundle),
        ("kernels", words) => kernels::Wanted::parse(words).map(Request::Kernels),
        ("reproduce", words) => reproduce::Reproduction::parse(words).map(Request::Reproduce),
        ("help" | "--help" | "-h", _) => Some(Request::Help),
        _ => None,
    }
}

fn run(request: Request) -> Result<ExitCode> {
    let root = repository_root()?;
    match request {
        Request::Ci(format) => ci::run(&root, format)?,
        Request::Tidy => tidy::run(&root)?,
        Request::Bundle(wanted) => bundle::run(&root, &wanted)?,
        Request::Kernels(wanted) => kernels::run(&root, &wanted)?,
        Request::Bench(args) => bench::run(&root, args)?,
        Request::Reproduce(wanted) => reproduce::run(&root, wanted)?,
        Request::Gradcheck(args) => return gradcheck(&root, &args),
        Request::Help => print!("{USAGE}"),
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
        // The program has said why; its 2 for a command line that cannot be meant stays a 2.
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

/// What `--device` says; the program finds fault with it, not we.
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

/// The cargo that runs us, in the repository's root.
fn cargo(root: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

fn status(command: &mut Command) -> Result<ExitStatus> {
    let status = command.status();
    status.with_context(|| format!("{}: cannot be started", command.get_program().display()))
}

fn succeed(mut command: Command) -> Result<()> {
    let status = status(&mut command)?;
    if !status.success() {
        bail!("{}: {status}", command.get_program().display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(line: &str) -> Option<Request> {
        parse(line.split_whitespace().map(OsString::from).collect())
    }

    #[test]
    fn parse_known_commands_yields_requests() {
        assert_eq!(request("ci"), Some(Request::Ci(ci::Format::Check)));
        assert_eq!(request("ci --fix"), Some(Request::Ci(ci::Format::Fix)));
        assert_eq!(request("tidy"), Some(Request::Tidy));
        let args = vec![OsString::from("linear_fwd")];
        assert_eq!(request("bench linear_fwd"), Some(Request::Bench(args)));
    }

    #[test]
    fn gradcheck_links_what_its_device_needs() {
        for (line, named, linked) in [
            ("", None, None),
            ("--device cpu", Some("cpu"), None),
            ("--device wgpu:1", Some("wgpu:1"), None),
            (
                "--precision tf32 --device cuda:1",
                Some("cuda:1"),
                Some("cuda"),
            ),
            ("--device=hip --precision f16", Some("hip"), Some("hip")),
            ("--device vulkan", Some("vulkan"), Some("vulkan")),
            ("--device cudas", Some("cudas"), None),
            ("--device", None, None),
        ] {
            let args: Vec<_> = line.split_whitespace().map(OsString::from).collect();
            assert_eq!(device(&args), named, "{line}");
            assert_eq!(device(&args).and_then(feature), linked, "{line}");
            let request = request(&format!("gradcheck {line}"));
            assert_eq!(request, Some(Request::Gradcheck(args)), "{line}");
        }
    }

    #[test]
    fn parse_unknown_command_or_flag_is_a_usage_error() {
        assert_eq!(request(""), None);
        assert_eq!(request("cj"), None);
        assert_eq!(request("ci --fast"), None);
        assert_eq!(request("tidy all"), None);
    }
}
