//! The project's own commands, `cargo xtask <command>`.
//!
//! Thin on purpose: it spawns cargo and reads files, and imports no crate of the project, so that
//! it builds in seconds on a machine without a GPU.

// A command-line tool whose output is what it prints.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod ci;
mod tidy;

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

const USAGE: &str = "\
usage: cargo xtask <command>

  ci [--fix]        format, lints, tests, documentation, tidy, dependencies
                    (--fix formats the sources in place of checking them)
  tidy              the checks that need no compiler: doc maps, links, sizes, paths
  bench [ARGS]      cargo bench -p benches -- ARGS
                    (for example linear_fwd, to run what has it in its name)
  gradcheck [ARGS]  the gradient checks in release mode, with what they print
";

/// What was asked for.
#[derive(Debug, PartialEq)]
enum Request {
    Ci(ci::Format),
    Tidy,
    Bench(Vec<OsString>),
    Gradcheck(Vec<OsString>),
    Help,
}

fn main() -> ExitCode {
    let Some(request) = parse(env::args_os().skip(1).collect()) else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(request) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("error: {err:#}");
            ExitCode::FAILURE
        }
    }
}

/// Reads the command line; `None` is a usage error.
///
/// Four words and one flag: a match says it all, and clap would be most of this package's build.
fn parse(mut args: Vec<OsString>) -> Option<Request> {
    let rest = args.split_off(args.len().min(1));
    let words: Vec<_> = rest.iter().map(|arg| arg.to_str()).collect();
    match (args.first()?.to_str()?, words.as_slice()) {
        ("ci", []) => Some(Request::Ci(ci::Format::Check)),
        ("ci", [Some("--fix")]) => Some(Request::Ci(ci::Format::Fix)),
        ("tidy", []) => Some(Request::Tidy),
        ("bench", _) => Some(Request::Bench(rest)),
        ("gradcheck", _) => Some(Request::Gradcheck(rest)),
        ("help" | "--help" | "-h", _) => Some(Request::Help),
        _ => None,
    }
}

fn run(request: Request) -> Result<()> {
    let root = repository_root()?;
    match request {
        Request::Ci(format) => ci::run(&root, format),
        Request::Tidy => tidy::run(&root),
        Request::Bench(args) => {
            let mut bench = cargo(&root);
            bench
                .args(["bench", "--package", "benches", "--"])
                .args(args);
            succeed(bench)
        }
        Request::Gradcheck(args) => {
            let mut test = cargo(&root);
            test.args(["test", "--release", "--package", "gan-model", "gradcheck"])
                // The checks print how many parameters they compared and how many they skipped.
                .args(["--", "--nocapture"])
                .args(args);
            succeed(test)
        }
        Request::Help => {
            print!("{USAGE}");
            Ok(())
        }
    }
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

fn succeed(mut command: Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("{}: cannot be started", command.get_program().display()))?;
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
    fn parse_unknown_command_or_flag_is_a_usage_error() {
        assert_eq!(request(""), None);
        assert_eq!(request("cj"), None);
        assert_eq!(request("ci --fast"), None);
        assert_eq!(request("tidy all"), None);
    }
}
