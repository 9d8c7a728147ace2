//! The directory of a run: where each file is, and how it is written.
//!
//! Files are written beside their place and renamed, so that a reader finds the old one or the whole
//! new one, whenever the program ends.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::problem::Problem;
use crate::reading;
use crate::text::shell_word;

/// The folder of runs without `--out`.
pub const RUNS: &str = "runs";

const CONFIG: &str = "config.toml";
const METRICS: &str = "metrics.jsonl";
const LOSSES: &str = "losses.svg";
const LOG: &str = "run.log";
const SAMPLES: &str = "samples";
const CHECKPOINTS: &str = "checkpoints";
const EVALUATION: &str = "evaluation";
const CHECKPOINT_EXTENSION: &str = "safetensors";

/// The fate of a run that is already where a new one should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and the new one is refused.
    Keep,
    /// It is removed.
    Replace,
}

/// The directory of one run; holds a lock, so that no two processes train in it.
#[derive(Debug)]
pub(crate) struct RunDir {
    path: PathBuf,
    /// The open log, locked as long as this lives.
    log: File,
}

/// Checks that the folder of a file that is to be written exists, before minutes of work.
///
/// # Errors
/// If it does not.
pub fn check_folder(out: &Path) -> Result<(), Problem> {
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    let Some(folder) = folder.filter(|folder| !folder.is_dir()) else {
        return Ok(());
    };
    Err(Problem::usage(format!(
        "--out {}: found no folder {}",
        out.display(),
        folder.display()
    ))
    .hint(format!("mkdir -p {}", shell_word(folder))))
}

impl RunDir {
    /// Makes `out`, or the next free `runs/<name>-<n>`.
    ///
    /// # Errors
    /// If it holds something already (a run that `existing` does not give up, or that another
    /// process trains), or cannot be written.
    pub(crate) fn create(
        out: Option<&Path>,
        name: &str,
        existing: Existing,
    ) -> Result<Self, Problem> {
        let dir = match out {
            Some(path) => Self::claim(path, existing)?,
            None => Self::lock(next_free(name)?)?,
        };
        for folder in [SAMPLES, CHECKPOINTS] {
            let folder = dir.path.join(folder);
            fs::create_dir_all(&folder).map_err(|error| unwritable(&folder, &error))?;
        }
        Ok(dir)
    }

    /// Takes `path` if it is an empty directory, or one whose run may be replaced.
    fn claim(path: &Path, existing: Existing) -> Result<Self, Problem> {
        let refused = |error| unwritable(path, &error);
        fs::create_dir_all(path).map_err(refused)?;
        if fs::read_dir(path).map_err(refused)?.next().is_none() {
            return Self::lock(path.to_path_buf());
        }
        let shown = path.display();
        if !is_run(path) {
            return Err(Problem::usage(format!(
                "{shown}: found files that are no run, expected an empty or a new directory"
            )));
        }
        match existing {
            Existing::Keep => Err(
                Problem::usage(format!("{shown}: already holds a run")).hint(format!(
                    "continue it with --resume {}, replace it with --overwrite, or choose \
                     another --out",
                    shell_word(path)
                )),
            ),
            Existing::Replace => {
                // The lock first: another process may be training in it.
                let dir = Self::lock(path.to_path_buf())?;
                dir.clear().map_err(refused)?;
                Ok(dir)
            }
        }
    }

    /// Removes what a run consists of and nothing else, whatever lies there.
    ///
    /// The log is emptied, since a new file would be without the lock; the configuration stays
    /// until the new one takes its place, so that this is the directory of a run throughout.
    fn clear(&self) -> io::Result<()> {
        let absent_is_fine = |removed: io::Result<()>| match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        for folder in [SAMPLES, CHECKPOINTS, EVALUATION] {
            absent_is_fine(fs::remove_dir_all(self.path.join(folder)))?;
        }
        for file in [METRICS, LOSSES] {
            absent_is_fine(fs::remove_file(self.path.join(file)))?;
        }
        self.log.set_len(0)
    }

    /// A run that exists.
    ///
    /// # Errors
    /// If it is none, or another process trains in it.
    pub(crate) fn open(path: &Path) -> Result<Self, Problem> {
        if !is_run(path) {
            return Err(not_a_run(path));
        }
        Self::lock(path.to_path_buf())
    }

    fn lock(path: PathBuf) -> Result<Self, Problem> {
        let log = open_to_append(&path.join(LOG))?;
        match log.try_lock() {
            Err(TryLockError::WouldBlock) => Err(Problem::failed(format!(
                "{}: another process is training in this run",
                path.display()
            ))
            .hint("wait for it, or train into another directory with --out")),
            // A file system without locks is no reason not to train.
            _ => Ok(Self { path, log }),
        }
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A second handle of the log, for the tracing subscriber.
    pub(crate) fn log(&self) -> Result<File, Problem> {
        let log = self.log.try_clone();
        log.map_err(|error| unwritable(&self.path.join(LOG), &error))
    }

    /// The resolved configuration.
    pub(crate) fn config(&self) -> PathBuf {
        self.path.join(CONFIG)
    }

    /// One line of numbers per reading.
    pub(crate) fn metrics(&self) -> PathBuf {
        self.path.join(METRICS)
    }

    /// The curves.
    pub(crate) fn losses(&self) -> PathBuf {
        self.path.join(LOSSES)
    }

    /// The picture of samples after `step` iterations.
    pub(crate) fn samples(&self, step: u64) -> PathBuf {
        self.path.join(SAMPLES).join(format!("step-{step:06}.png"))
    }

    /// The checkpoint after `step` iterations.
    pub(crate) fn checkpoint(&self, step: u64) -> PathBuf {
        let name = format!("step-{step:06}.{CHECKPOINT_EXTENSION}");
        self.path.join(CHECKPOINTS).join(name)
    }

    /// Removes all but the `keep` newest checkpoints.
    pub(crate) fn prune_checkpoints(&self, keep: usize) {
        let checkpoints = checkpoints(&self.path);
        for (_, path) in &checkpoints[..checkpoints.len().saturating_sub(keep)] {
            // One too many does no harm.
            let _ = fs::remove_file(path);
        }
    }

    /// Removes checkpoints after `step` and half-written files, which a killed process may leave.
    pub(crate) fn rewind(&self, step: u64) {
        for (found, path) in checkpoints(&self.path) {
            if found > step {
                let _ = fs::remove_file(path);
            }
        }
        let folders = [CHECKPOINTS, SAMPLES, ""].into_iter();
        for path in folders.flat_map(|folder| entries(&self.path.join(folder))) {
            if is_remnant(&path) {
                let _ = fs::remove_file(path);
            }
        }
    }

    /// Keeps the readings of `metrics.jsonl` up to `step`, and returns them, with a warning if there
    /// are lines that are none.
    pub(crate) fn truncate_metrics(
        &self,
        step: u64,
    ) -> Result<(Vec<serde_json::Value>, Option<String>), Problem> {
        let path = self.metrics();
        let (mut text, mut lines) = (String::new(), Vec::new());
        let damage = reading::each_line(&path, |line, value| {
            if value["step"].as_u64() <= Some(step) {
                // As it was: a resumed run must leave the same file as one that ran through.
                text.push_str(line);
                text.push('\n');
                lines.push(value);
            }
        });
        // What cannot be read must not be replaced.
        let damage = damage.map_err(|error| {
            let text = format!("{}: cannot be read: {error}", path.display());
            Problem::failed(text).hint(format!(
                "mend it, or go on without the readings so far: mv {} {}",
                shell_word(&path),
                shell_word(&path.with_extension("damaged"))
            ))
        })?;
        replace(&path, text.as_bytes())?;
        Ok((lines, damage.warning(&path)))
    }

    /// Brings to the disk the readings so far, which a checkpoint is about to count on, and the names
    /// of the files in the directory.
    pub(crate) fn sync(&self, metrics: &File) -> Result<(), Problem> {
        let synced = metrics.sync_data();
        synced.map_err(|error| unwritable(&self.metrics(), &error))?;
        // Not every platform can sync a directory.
        for folder in self.path.ancestors().take(2) {
            if let Ok(folder) = File::open(folder) {
                let _ = folder.sync_all();
            }
        }
        Ok(())
    }
}

/// Opens a file of lines, which need not exist, to append to.
pub(crate) fn open_to_append(path: &Path) -> Result<File, Problem> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.map_err(|error| unwritable(path, &error))
}

/// The paths in `folder`; none if it cannot be read.
fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path())
}

/// Replaces the file at `path` by `bytes`, whole or not at all.
///
/// # Errors
/// If the system refuses; the old file is still there then.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    gan_data::replace_file(path, |file| file.write_all(bytes))
        .map_err(|error| unwritable(path, &error))
}

/// True if `path` is the directory of a run.
pub(crate) fn is_run(path: &Path) -> bool {
    path.join(CONFIG).is_file()
}

/// The directory of the run that a checkpoint file belongs to, if it lies in one.
#[must_use]
pub(crate) fn of_checkpoint(checkpoint: &Path) -> Option<PathBuf> {
    let run = checkpoint.parent()?.parent()?;
    is_run(run).then(|| run.to_path_buf())
}

/// The run that the user means by `path`: the path itself, or a name in `runs/`.
pub(crate) fn find(path: &Path) -> PathBuf {
    let inside = Path::new(RUNS).join(path);
    if !path.exists() && inside.exists() {
        inside
    } else {
        path.to_path_buf()
    }
}

/// The run in `runs/` whose last checkpoint is the newest.
pub(crate) fn newest() -> Result<PathBuf, Problem> {
    newest_first().into_iter().next().ok_or_else(|| {
        Problem::usage(format!("{RUNS}/: there is no run to continue"))
            .hint("name its directory: gan-cli train --resume DIR")
    })
}

/// The runs in `runs/` that have a checkpoint, by the time of the last one.
pub fn newest_first() -> Vec<PathBuf> {
    let written = |run: &Path| -> Option<SystemTime> {
        let (_, last) = checkpoints(run).pop()?;
        fs::metadata(last).ok()?.modified().ok()
    };
    let runs = entries(Path::new(RUNS)).filter(|path| is_run(path));
    let mut runs: Vec<_> = runs
        .filter_map(|path| Some((written(&path)?, path)))
        .collect();
    runs.sort();
    runs.into_iter().rev().map(|(_, path)| path).collect()
}

/// Steps and paths of the checkpoints in the directory of a run, the oldest first.
pub fn checkpoints(run: &Path) -> Vec<(u64, PathBuf)> {
    let checkpoint = |path: PathBuf| {
        let stem = path.file_stem()?.to_str()?;
        let step = stem.strip_prefix("step-")?.parse().ok()?;
        let whole = path.extension()? == CHECKPOINT_EXTENSION;
        whole.then_some((step, path))
    };
    let mut found: Vec<_> = entries(&run.join(CHECKPOINTS))
        .filter_map(checkpoint)
        .collect();
    found.sort();
    found
}

/// The lines of `metrics.jsonl`, and a warning if it cannot be read or has lines that are none.
#[must_use]
pub fn metrics(run: &Path) -> (Vec<serde_json::Value>, Option<String>) {
    let path = run.join(METRICS);
    let mut lines = Vec::new();
    let warning = match reading::each_line(&path, |_, value| lines.push(value)) {
        Ok(damage) => damage.warning(&path),
        Err(error) => Some(format!("{}: cannot be read: {error}", path.display())),
    };
    (lines, warning)
}

/// The rest of the last line in the log of a run that has `mark` in it.
pub fn last_logged(run: &Path, mark: &str) -> Option<String> {
    let mut log = String::new();
    let mut file = gan_data::open_file(&run.join(LOG)).ok()?;
    file.read_to_string(&mut log).ok()?;
    let line = log.lines().rev().find(|line| line.contains(mark))?;
    Some(line.split_once(mark)?.1.to_owned())
}

/// The mark before the device in the log.
pub const DEVICE_MARK: &str = "device: ";
/// The mark before how iterations are run, in the log.
pub const EXECUTION_MARK: &str = "iteration: ";

/// The folder of a run's pictures.
pub fn samples_folder(run: &Path) -> PathBuf {
    run.join(SAMPLES)
}

/// The folder of the evaluations of a run's checkpoints.
pub fn evaluation_folder(run: &Path) -> PathBuf {
    run.join(EVALUATION)
}

/// True if `path` is what a killed process left of a run's own file, and not a file of the user or
/// one that `sample` is writing meanwhile.
fn is_remnant(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return false;
    };
    // Checkpoints are written as `step-<n>.tmp`.
    let whole = gan_data::half_written(name).or_else(|| name.strip_suffix(".tmp"));
    whole.is_some_and(|whole| {
        whole.starts_with("step-") || [CONFIG, METRICS, LOSSES].contains(&whole)
    })
}

fn not_a_run(path: &Path) -> Problem {
    let problem = Problem::usage(format!("{}: not the directory of a run", path.display()));
    if path.exists() {
        problem.hint(format!("a run has a {CONFIG} and {CHECKPOINTS}/"))
    } else {
        problem
    }
}

/// Makes `runs/<name>-<n>` for the first n beyond those that exist.
fn next_free(name: &str) -> Result<PathBuf, Problem> {
    let root = Path::new(RUNS);
    fs::create_dir_all(root).map_err(|error| unwritable(root, &error))?;
    let prefix = format!("{name}-");
    let number = |path: PathBuf| -> Option<u64> {
        let name = path.file_name()?.to_str()?;
        name.strip_prefix(&prefix)?.parse().ok()
    };
    let last = entries(root).filter_map(number).max().unwrap_or(0);
    for n in last + 1.. {
        let path = root.join(format!("{name}-{n}"));
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            // Another process was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(unwritable(&path, &error)),
        }
    }
    Err(Problem::failed(format!("{RUNS}/: no number is free")))
}

fn unwritable(path: &Path, error: &io::Error) -> Problem {
    let problem = Problem::failed(format!("{}: cannot be written: {error}", path.display()));
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            problem.hint("choose a directory that you may write with --out DIR")
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            problem.hint("free some space, or choose another disk with --out DIR")
        }
        _ => problem,
    }
}

/// Writes one line to an open file at once.
pub(crate) fn append(file: &mut File, path: &Path, line: &str) -> Result<(), Problem> {
    file.write_all(format!("{line}\n").as_bytes())
        .map_err(|error| unwritable(path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remnants_are_of_the_runs_own_files() {
        for (name, expected) in [
            (".config.toml.71.part", true),
            (".metrics.jsonl.71.part", true),
            (".step-000100.png.71.part", true),
            (".step-000100.safetensors.71.part", true),
            ("step-000100.tmp", true),
            ("notes.tmp", false),
            (".notes.txt.71.part", false),
            ("config.toml", false),
            ("step-000100.png", false),
        ] {
            assert_eq!(is_remnant(&Path::new("runs/a").join(name)), expected);
        }
    }
}
