//! `cargo xtask bench`: Criterion's benches by name, or the report of a device.
//!
//! What is measured and rendered is in the package `benches`; builds alone are timed here, because
//! a program that cargo runs cannot run cargo on the same folder.

use std::env::consts::EXE_SUFFIX;
use std::ffi::{OsStr, OsString};
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

/// What a build is of: touched, so that all of them are built anew.
const SOURCES: [&str; 5] = [
    "crates/gan-kernels/src/lib.rs",
    "crates/gan-data/src/lib.rs",
    "crates/gan-eval/src/lib.rs",
    "crates/gan-model/src/lib.rs",
    "crates/gan-cli/src/main.rs",
];

/// Runs what `args` ask for.
///
/// # Errors
/// If a command fails.
pub(crate) fn run(root: &Path, args: Vec<OsString>) -> Result<()> {
    let times_builds = args.iter().any(|arg| arg == BUILD_TIMES);
    let facts = if times_builds && !has_name(&args) {
        build_times(root)?
    } else {
        Vec::new()
    };
    let mut bench = super::cargo(root);
    bench.args(cargo_args(&args));
    for fact in facts {
        bench.args(["--fact", &fact]);
    }
    super::succeed(bench)
}

/// Whether the first word is the name of benches.
fn has_name(args: &[OsString]) -> bool {
    let first = args.first().map(|arg| arg.to_string_lossy());
    first.is_some_and(|first| !first.starts_with('-'))
}

/// A name goes to Criterion with all that follows it, flags to the report of their device.
fn cargo_args(args: &[OsString]) -> Vec<OsString> {
    let mut cargo: Vec<OsString> = ["bench", "--quiet", "--package", "benches", "--bench"]
        .map(OsString::from)
        .into();
    if has_name(args) {
        cargo.push("track".into());
    } else {
        let device = super::device(args).filter(|&device| device != "cpu");
        cargo.push(device.map_or("report", |_| "device").into());
        // Unlike the packages of programs, this one links no runtime unless it is asked to.
        if let Some(runtime) = device.and_then(|device| device.split(':').next()) {
            cargo.extend(["--features", runtime].map(OsString::from));
        }
    }
    cargo.push("--".into());
    cargo.extend(args.iter().filter(|arg| *arg != BUILD_TIMES).cloned());
    cargo
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
        for source in SOURCES {
            touch(&root.join(source))?;
        }
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
    build.args(features.iter().map(OsStr::new));
    super::succeed(build)
}

fn touch(path: &Path) -> Result<()> {
    let file = File::options().append(true).open(path);
    file.and_then(|file| file.set_modified(SystemTime::now()))
        .with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> String {
        let args: Vec<_> = line.split_whitespace().map(OsString::from).collect();
        let args: Vec<_> = cargo_args(&args)
            .into_iter()
            .map(|arg| arg.to_string_lossy().into_owned())
            .collect();
        args.join(" ")
    }

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
                "device --features cuda -- --write --device cuda:1",
            ),
            ("--device=wgpu", "device --features wgpu -- --device=wgpu"),
        ] {
            let prefix = "bench --quiet --package benches --bench";
            assert_eq!(shown(line), format!("{prefix} {expected}"), "{line}");
        }
    }

    #[test]
    fn touch_makes_a_file_newer_and_keeps_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lib.rs");
        fs::write(&path, "text").unwrap();
        let old = SystemTime::UNIX_EPOCH;
        let file = File::options().append(true).open(&path).unwrap();
        file.set_modified(old).unwrap();
        touch(&path).unwrap();
        assert!(fs::metadata(&path).unwrap().modified().unwrap() > old);
        assert_eq!(fs::read_to_string(&path).unwrap(), "text");
        assert!(touch(&folder.path().join("none")).is_err());
    }
}
