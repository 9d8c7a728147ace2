//! The duration of a start of `gan-cli` that says something and ends.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::game::root;
use crate::results::Row;
use crate::timing::Times;

/// The binaries that `cargo xtask bench --build-times` leaves, and what each is called in a row.
const BINARIES: [(&str, &str); 2] = [
    ("gan-cli-no-default-features", "no-default-features"),
    ("gan-cli-default", "default"),
];

/// `spawns` starts of every binary that there is in `folder`.
pub(crate) fn rows(folder: &Path, spawns: usize) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (file, build) in BINARIES {
        let binary = folder.join(format!("{file}{}", std::env::consts::EXE_SUFFIX));
        if !binary.exists() {
            continue;
        }
        for argument in ["--version", "presets"] {
            let times = (0..spawns).map(|_| start(&binary, argument));
            let times = Times::new(times.collect::<Result<_>>()?);
            let name = format!("start/gan-cli {argument}/{build}");
            rows.push(Row::new(name, Some(1), "f32", &times));
        }
    }
    Ok(rows)
}

fn start(binary: &Path, argument: &str) -> Result<f64> {
    let name = format!("{} {argument}", binary.display());
    let start = Instant::now();
    let status = Command::new(binary)
        .arg(argument)
        .stdout(Stdio::null())
        .status();
    let seconds = start.elapsed().as_secs_f64();
    let status = status.with_context(|| name.clone())?;
    ensure!(status.success(), "{name}: {status}");
    Ok(seconds)
}

/// The folder of the binaries, in that of what cargo builds.
pub(crate) fn folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target
        .unwrap_or_else(|| root().join("target"))
        .join("bench")
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn rows_are_of_the_binaries_that_are_there() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(rows(folder.path(), 2).unwrap(), []);
        let binary = folder.path().join("gan-cli-default");
        fs::write(
            &binary,
            "#!/bin/sh\ntest \"$1\" = --version || test \"$1\" = presets\n",
        )
        .unwrap();
        fs::set_permissions(&binary, Permissions::from_mode(0o755)).unwrap();
        let found = rows(folder.path(), 2).unwrap();
        let names: Vec<&str> = found.iter().map(|row| row.name.as_str()).collect();
        let expected = [
            "start/gan-cli --version/default",
            "start/gan-cli presets/default",
        ];
        assert_eq!(names, expected);
        assert!(found.iter().all(|row| row.seconds().is_some()));
        fs::write(&binary, "#!/bin/sh\nexit 3\n").unwrap();
        assert!(rows(folder.path(), 1).is_err());
    }
}
