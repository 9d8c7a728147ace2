//! `cargo xtask python`: the Python package, as a wheel, and its tests on that wheel.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

/// Names the Python in whose environment the wheel is built and tested.
const PYTHON: &str = "GAN_PYTHON";
const PACKAGE: &str = "bindings/python";

/// Arguments of `cargo xtask python`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Check format and lints, build by the development profile, then install the wheel, check types
    /// and run the tests.
    #[arg(long)]
    test: bool,
}

impl Args {
    /// The wheel, tried.
    pub(crate) fn tested() -> Self {
        Self { test: true }
    }
}

/// True if the environment has what builds and tests the wheel.
pub(crate) fn has_tools() -> bool {
    let mut probe = python();
    probe.args([
        "-c",
        "import maturin, mypy, pandas, polars, pyarrow, pytest",
    ]);
    super::answers(probe)
}

fn python() -> Command {
    Command::new(env::var_os(PYTHON).unwrap_or_else(|| "python3".into()))
}

/// Builds the wheel into `target/wheels/`, and tries it where that is asked for.
///
/// # Errors
/// If it cannot be built, or does not do what it should.
pub(crate) fn run(root: &Path, args: &Args) -> Result<()> {
    let target = super::target(root);
    let wheels = target.join("wheels");
    // An older wheel would be taken for the new one.
    if wheels.exists() {
        fs::remove_dir_all(&wheels).with_context(|| wheels.display().to_string())?;
    }
    if args.test {
        // A workspace of its own, which the stages before have not looked at.
        let manifest = root.join(PACKAGE).join("Cargo.toml");
        let mut format = super::cargo(root);
        format.args(["fmt", "--check", "--manifest-path"]);
        format.arg(&manifest);
        super::succeed(format)?;
        let mut lints = super::cargo(root);
        lints.args(["clippy", "--locked", "--manifest-path"]);
        lints.arg(&manifest).arg("--target-dir").arg(&target);
        lints.args(["--", "-Dwarnings"]);
        super::succeed(lints)?;
    }
    let profile = if args.test { "dev" } else { "release" };
    let mut build = python();
    build
        .current_dir(root)
        .args(["-m", "maturin", "build", "--locked", "--profile", profile])
        .arg("--manifest-path")
        .arg(root.join(PACKAGE).join("Cargo.toml"))
        // What the workspace has built of the same crates is not built again.
        .arg("--target-dir")
        .arg(&target)
        .arg("--out")
        .arg(&wheels);
    super::succeed(build)?;
    if args.test {
        test(root, &target, &wheels)?;
    }
    Ok(())
}

/// Installs the wheel and runs all tests that stand beside the package.
fn test(root: &Path, target: &Path, wheels: &Path) -> Result<()> {
    // The program that the package has to agree with.
    let mut program = super::cargo(root);
    program.args([
        "build",
        "--workspace",
        super::TESTED_FEATURES,
        "--bin",
        "gan-cli",
    ]);
    super::succeed(program)?;
    let program = target
        .join("debug")
        .join(format!("gan-cli{}", env::consts::EXE_SUFFIX));
    let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--force-reinstall",
        "--no-deps",
        "--no-index",
    ];
    let mut install = words(&install);
    install.extend(["--find-links".into(), wheels.into(), "gans".into()]);
    let folder = root.join(PACKAGE);
    for arguments in [
        install,
        words(&["-m", "mypy", "python/gans"]),
        words(&["-m", "mypy.stubtest", "gans._gans"]),
        words(&["-m", "pytest", "-q", "tests"]),
    ] {
        let mut step = python();
        step.current_dir(&folder)
            .args(arguments)
            .env("GAN_CLI", &program);
        super::succeed(step)?;
    }
    Ok(())
}
