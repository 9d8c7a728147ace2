//! `cargo xtask bench`: Criterion's benches by name, or the report of a device.
//!
//! What is measured and rendered is in the package `benches`; builds alone are timed here, because
//! a program that cargo runs cannot run cargo on the same folder.

use std::env::consts::EXE_SUFFIX;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

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
        touch_crates(root)?;
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

/// Marks every crate as changed, so that all of them are built anew.
fn touch_crates(root: &Path) -> Result<()> {
    for entry in root.join("crates").read_dir().context("crates")? {
        let src = entry?.path().join("src");
        let roots = [src.join("lib.rs"), src.join("main.rs")];
        for path in roots.iter().filter(|path| path.exists()) {
            let file = File::options().append(true).open(path);
            file.and_then(|file| file.set_modified(SystemTime::now()))
                .with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
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

    #[test]
    fn touch_crates_makes_their_roots_newer_and_keeps_them() {
        let folder = tempfile::tempdir().unwrap();
        let src = folder.path().join("crates/a/src");
        fs::create_dir_all(&src).unwrap();
        let path = src.join("lib.rs");
        fs::write(&path, "text").unwrap();
        let file = File::options().append(true).open(&path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        touch_crates(folder.path()).unwrap();
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        assert!(modified > SystemTime::UNIX_EPOCH);
        assert_eq!(fs::read_to_string(&path).unwrap(), "text");
        assert!(touch_crates(&src).is_err());
    }
}
