//! How long `gan-cli` takes to start, say something and end.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::results::Row;
use crate::timing::Times;

/// The binaries that `cargo xtask bench --build-times` leaves, and what each is called in a row.
const BINARIES: [(&str, &str); 2] = [
    ("gan-cli-no-default-features", "no-default-features"),
    ("gan-cli-default", "default"),
];

/// Starts of every binary that there is in `folder`, so many of each.
///
/// # Errors
/// If a binary does not run.
pub fn rows(folder: &Path, spawns: usize) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (file, build) in BINARIES {
        let binary = folder.join(format!("{file}{}", std::env::consts::EXE_SUFFIX));
        if !binary.exists() {
            continue;
        }
        for argument in ["--version", "presets"] {
            let times = (0..spawns).map(|_| start(&binary, argument));
            let times = Times::new(times.collect::<Result<_>>()?);
            rows.push(Row {
                name: format!("start/gan-cli {argument}/{build}"),
                precision: "f32".into(),
                count: 1,
                seconds: Some(times.median()),
                spread: Some(times.spread()),
                ..Row::default()
            });
        }
    }
    Ok(rows)
}

fn start(binary: &Path, argument: &str) -> Result<f64> {
    let start = Instant::now();
    let status = Command::new(binary)
        .arg(argument)
        .stdout(Stdio::null())
        .status()
        .with_context(|| binary.display().to_string())?;
    let seconds = start.elapsed().as_secs_f64();
    ensure!(
        status.success(),
        "{} {argument}: {status}",
        binary.display()
    );
    Ok(seconds)
}

/// Where the binaries are: in the folder of what cargo builds.
#[must_use]
pub fn folder() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| root.join("target")).join("bench")
}
