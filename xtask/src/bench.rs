//! `cargo xtask bench`: Criterion's benches by name, or the report of a device.
//!
//! What is measured and rendered is in the package `benches`; builds alone are timed here, because
//! a program that cargo runs cannot run cargo on the same folder.

use std::env::consts::EXE_SUFFIX;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};

/// Times builds, which no other program of ours can.
const BUILD_TIMES: &str = "--build-times";

/// The builds of `gan-cli` that are timed, and what each is called.
const BUILDS: [(&str, &[&str]); 2] = [
    ("no-default-features", &["--no-default-features"]),
    ("default", &[]),
];

/// Runs what `args` ask for.
///
/// # Errors
/// If a command fails.
pub(crate) fn run(root: &Path, args: &[OsString]) -> Result<()> {
    let mut bench = super::cargo(root);
    bench.args(cargo_args(args));
    if !has_name(args) && args.iter().any(|arg| arg == BUILD_TIMES) {
        for fact in build_times(root)? {
            bench.args(["--fact", &fact]);
        }
    }
    super::succeed(bench)
}

/// Whether the first word is the name of benches.
fn has_name(args: &[OsString]) -> bool {
    let first = args.first();
    first.is_some_and(|first| !first.to_string_lossy().starts_with('-'))
}

/// A name goes to Criterion with all that follows it, flags to the report of their device.
fn cargo_args(args: &[OsString]) -> Vec<OsString> {
    let mut cargo = vec!["bench", "--quiet", "--package", "benches", "--bench"];
    if has_name(args) {
        cargo.push("track");
    } else {
        cargo.push("report");
        let device = super::device(args).filter(|&device| device != "cpu");
        // Unlike the packages of programs, this one links no runtime unless it is asked to.
        if let Some(runtime) = device.and_then(|device| device.split(':').next()) {
            cargo.extend(["--features", runtime]);
        }
    }
    cargo.push("--");
    let others = args.iter().filter(|arg| *arg != BUILD_TIMES);
    let cargo = cargo.into_iter().map(OsString::from);
    cargo.chain(others.cloned()).collect()
}

/// Times both builds from built dependencies; each is built once before, and its binary kept where
/// the report looks for it.
fn build_times(root: &Path) -> Result<Vec<String>> {
    let target = std::env::var_os("CARGO_TARGET_DIR");
    let target = target.map_or_else(|| root.join("target"), PathBuf::from);
    let kept = target.join("bench");
    fs::create_dir_all(&kept).with_context(|| kept.display().to_string())?;
    let mut facts = Vec::new();
    for (name, features) in BUILDS {
        build(root, features)?;
        forget_crates(root)?;
        let start = Instant::now();
        build(root, features)?;
        let seconds = start.elapsed().as_secs_f64();
        let built = target.join(format!("release/gan-cli{EXE_SUFFIX}"));
        let copy = kept.join(format!("gan-cli-{name}{EXE_SUFFIX}"));
        let bytes = fs::copy(&built, &copy).with_context(|| built.display().to_string())?;
        facts.push(format!("build/{name}={seconds:.2} s"));
        facts.push(format!("binary/{name}={bytes} bytes"));
    }
    Ok(facts)
}

fn build(root: &Path, features: &[&str]) -> Result<()> {
    let mut build = super::cargo(root);
    build.args(["build", "--release", "--package", "gan-cli"]);
    build.args(features);
    super::succeed(build)
}

/// Has every crate built anew, from built dependencies.
fn forget_crates(root: &Path) -> Result<()> {
    let mut clean = super::cargo(root);
    clean.args(["clean", "--release", "--quiet"]);
    for entry in root.join("crates").read_dir().context("crates")? {
        clean.arg("--package").arg(entry?.file_name());
    }
    super::succeed(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_args_pick_the_bench() {
        for (line, expected) in [
            ("", "report --"),
            ("linear_fwd --quick", "track -- linear_fwd --quick"),
            ("--quick --write", "report -- --quick --write"),
            ("--build-times --only", "report -- --only"),
            ("--device cpu", "report -- --device cpu"),
            (
                "--write --device cuda:1",
                "report --features cuda -- --write --device cuda:1",
            ),
            ("--device=wgpu", "report --features wgpu -- --device=wgpu"),
        ] {
            let args: Vec<_> = line.split_whitespace().map(OsString::from).collect();
            let shown = cargo_args(&args).join(" ".as_ref());
            let expected = format!("bench --quiet --package benches --bench {expected}");
            assert_eq!(shown.to_string_lossy(), expected, "{line}");
        }
    }
}
