//! The directory of a run: where each file is, and how it is written.
//!
//! Files are written beside their place and renamed, so that a reader finds the old one or the whole
//! new one, whenever the program ends.

mod look;
mod own;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::Serialize;
use tracing::Subscriber;

use crate::prepared::checkpoint_name;
use crate::problem::Problem;
use crate::reading;
use crate::rival::RivalRun;
use crate::tensorboard;
use crate::text::shell_word;
pub use look::{
    DEVICE_MARK, EXECUTION_MARK, all, checkpoints, each_reading, evaluation_folder, find,
    is_training, last_logged, newest_first, open_own, picture, pictures, report, samples_folder,
    told_by,
};
pub(crate) use look::{
    DONE_MARK, INTERRUPTED_MARK, chains, config_text, evaluation_pictures, evaluations,
    last_log_line, newest, newest_readable, of_checkpoint,
};
use own::{Found, found, is_half_written, is_own, is_step};

/// The folder of runs without `--out`.
pub const RUNS: &str = "runs";

const CONFIG: &str = "config.toml";
/// The file of readings, in the directory of a run.
pub(crate) const METRICS: &str = "metrics.jsonl";
const LOSSES: &str = "losses.svg";
const LOG: &str = "run.log";
const REPORT: &str = "report.html";
const SAMPLES: &str = "samples";
const CHECKPOINTS: &str = "checkpoints";
const EVALUATION: &str = "evaluation";
/// The file with the numbers of an evaluation, in its folder.
pub(crate) const EVALUATION_REPORT: &str = "evaluation.json";
/// Added to the name of a checkpoint that could not be read and that the run went back behind.
const SET_ASIDE: &str = ".unreadable";

/// The fate of a run that is already where a new one should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and the new one is refused.
    Keep,
    /// It is removed.
    Replace,
}

impl Existing {
    /// What the flag `--overwrite` asks for.
    #[must_use]
    pub fn of_flag(overwrite: bool) -> Self {
        if overwrite { Self::Replace } else { Self::Keep }
    }
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
        "{}: found no folder {}",
        out.display(),
        folder.display()
    ))
    .hint(format!("mkdir -p {}", shell_word(folder))))
}

/// Checks that a file that is to be written may be, if there is one already.
///
/// # Errors
/// If there is one and `overwrite` does not give it up.
pub fn refuse_existing(out: &Path, overwrite: bool) -> Result<(), Problem> {
    if out.exists() && !overwrite {
        let text = format!("{}: is there already", out.display());
        return Err(Problem::usage(text).hint("--overwrite replaces it"));
    }
    Ok(())
}

impl RunDir {
    /// Makes `out`, or the next free `runs/<name>-<n>`; what is left of a start that ended before its
    /// first checkpoint is free.
    ///
    /// # Errors
    /// If it holds something already (a run that `existing` does not give up, or that another
    /// process trains), or cannot be written.
    pub(crate) fn create(
        out: Option<&Path>,
        name: &str,
        existing: Existing,
    ) -> Result<Self, Problem> {
        match out {
            Some(path) => Self::claim(path, existing),
            None => Self::claim_next(name),
        }
    }

    /// Takes `path` if nothing is in it, or a run that may be replaced.
    fn claim(path: &Path, existing: Existing) -> Result<Self, Problem> {
        fs::create_dir_all(path).map_err(|error| unwritable(path, &error))?;
        // Before anything is made in it, since a stranger's directory stays as it is.
        admit(path, existing)?;
        Self::take(path, existing)
    }

    /// Takes `path`, in which another process may have trained since it was looked at.
    fn take(path: &Path, existing: Existing) -> Result<Self, Problem> {
        let dir = Self::lock(path.to_path_buf())?;
        if admit(path, existing)? == Found::Run {
            dir.clear().map_err(|error| unwritable(path, &error))?;
        }
        Ok(dir)
    }

    /// Takes `runs/<name>-<n>` for the first n beyond those that are runs.
    fn claim_next(name: &str) -> Result<Self, Problem> {
        let root = Path::new(RUNS);
        let prefix = format!("{name}-");
        let number = |path: &PathBuf| -> Option<u64> {
            let name = path.file_name()?.to_str()?;
            name.strip_prefix(&prefix)?.parse().ok()
        };
        let is_taken = |path: &PathBuf| !matches!(found(path), Ok(Found::Free));
        let taken = entries(root).filter(is_taken);
        let last = taken.filter_map(|path| number(&path)).max().unwrap_or(0);
        for n in last.saturating_add(1).. {
            let path = root.join(format!("{name}-{n}"));
            fs::create_dir_all(&path).map_err(|error| unwritable(&path, &error))?;
            // Unless another process was faster.
            if let Some(dir) = Self::try_lock(path)?
                && matches!(found(&dir.path), Ok(Found::Free))
            {
                return Ok(dir);
            }
        }
        Err(Problem::failed(format!("{RUNS}/: no number is free"))
            .hint("name a directory with --out"))
    }

    /// Removes the files that the program wrote, and folders that are empty then.
    ///
    /// The log is emptied, since a new file would be without the lock; the configuration stays
    /// until the new one takes its place, and checkpoints go last, so that this is the directory of
    /// a run throughout.
    fn clear(&self) -> io::Result<()> {
        let is_step_folder = |path: &PathBuf| is_step(&name_of(path));
        let evaluations = entries(&self.path.join(EVALUATION)).filter(is_step_folder);
        for folder in evaluations {
            clear_folder(&folder, EVALUATION)?;
        }
        let _ = fs::remove_dir(self.path.join(EVALUATION));
        clear_folder(&self.path.join(SAMPLES), SAMPLES)?;
        for file in [METRICS, LOSSES, REPORT] {
            absent_is_fine(fs::remove_file(self.path.join(file)))?;
        }
        for file in entries(&self.path).filter(|path| tensorboard::is_own(&name_of(path))) {
            absent_is_fine(fs::remove_file(file))?;
        }
        clear_folder(&self.path.join(CHECKPOINTS), CHECKPOINTS)?;
        self.log.set_len(0)
    }

    /// A run that exists.
    ///
    /// # Errors
    /// If it is none, or another process trains in it; a directory that is none stays as it is.
    pub(crate) fn open(path: &Path) -> Result<Self, Problem> {
        match found(path) {
            Ok(Found::Run) => Self::lock(path.to_path_buf()),
            Ok(Found::Free) if path.join(LOG).is_file() => Err(Problem::usage(format!(
                "{}: found a run that ended before its first checkpoint, so there is nothing to \
                 continue",
                path.display()
            ))
            .hint(match path.join(CONFIG).is_file() {
                true => format!(
                    "start it again in the same directory: gan-cli train {} --out {}",
                    shell_word(&path.join(CONFIG)),
                    shell_word(path)
                ),
                false => format!("start it again, with --out {}", shell_word(path)),
            })),
            _ => Err(not_a_run(path)),
        }
    }

    /// Takes the lock.
    fn lock(path: PathBuf) -> Result<Self, Problem> {
        let shown = path.display().to_string();
        Self::try_lock(path)?.ok_or_else(|| {
            Problem::failed(format!("{shown}: another process is training in this run"))
                .hint("wait until it ends, or start another run: gan-cli train without --resume")
        })
    }

    /// Takes the lock, unless another process has it.
    fn try_lock(path: PathBuf) -> Result<Option<Self>, Problem> {
        let log = open_to_append(&path.join(LOG))?;
        Ok(match log.try_lock() {
            Err(TryLockError::WouldBlock) => None,
            // A file system without locks is no reason not to train.
            _ => Some(Self { path, log }),
        })
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What writes to the log, while it is the subscriber of `tracing`.
    ///
    /// # Errors
    /// If the log cannot be opened once more.
    pub(crate) fn subscriber(&self) -> Result<impl Subscriber + Send + Sync + use<>, Problem> {
        let log = self.log.try_clone();
        let log = log.map_err(|error| unwritable(&self.path.join(LOG), &error))?;
        Ok(tracing_subscriber::fmt()
            .with_ansi(false)
            .with_target(false)
            .with_writer(Mutex::new(log))
            .finish())
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

    /// Removes the report, which is of the run as it was when it ended last.
    pub(crate) fn remove_report(&self) {
        let _ = fs::remove_file(report(&self.path));
    }

    /// The picture of samples after `step` iterations.
    pub(crate) fn samples(&self, step: u64) -> PathBuf {
        self.path.join(SAMPLES).join(format!("step-{step:06}.png"))
    }

    /// The picture of chains that mix, after `step` iterations.
    pub(crate) fn chains(&self, step: u64) -> PathBuf {
        let name = format!("chains-step-{step:06}.png");
        self.path.join(SAMPLES).join(name)
    }

    /// The checkpoint after `step` iterations.
    pub(crate) fn checkpoint(&self, step: u64) -> PathBuf {
        self.path.join(CHECKPOINTS).join(checkpoint_name(step))
    }

    /// Removes all but the `keep` newest checkpoints.
    pub(crate) fn prune_checkpoints(&self, keep: usize, best: Option<u64>) {
        let checkpoints = checkpoints(&self.path);
        for (step, path) in &checkpoints[..checkpoints.len().saturating_sub(keep)] {
            if best != Some(*step) {
                // One too many does no harm.
                let _ = fs::remove_file(path);
            }
        }
    }

    /// Replaces the file at `path` in this directory by `bytes`; a folder that is missing is made
    /// anew, but not the directory itself, which this process has lost then.
    ///
    /// # Errors
    /// If the system refuses; the old file is still there then.
    pub(crate) fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), Problem> {
        make_folder_of(path)?;
        replace(path, bytes)
    }

    /// Sets aside checkpoints after `step`, which could not be read, and removes half-written
    /// files, which a killed process may leave.
    pub(crate) fn rewind(&self, step: u64) {
        for (found, path) in checkpoints(&self.path) {
            if found > step {
                let mut aside = path.clone().into_os_string();
                aside.push(SET_ASIDE);
                let _ = fs::rename(path, aside);
            }
        }
        for folder in [CHECKPOINTS, SAMPLES, ""] {
            for path in entries(&self.path.join(folder)) {
                if is_half_written(folder, &name_of(&path)) {
                    let _ = fs::remove_file(path);
                }
            }
        }
    }

    /// Keeps the readings of `metrics.jsonl` up to `step`, and hands them over; returns a warning if
    /// there are lines that are none.
    pub(crate) fn truncate_metrics(
        &self,
        step: u64,
        mut take: impl FnMut(&serde_json::Value),
    ) -> Result<Option<String>, Problem> {
        let path = self.metrics();
        let mut text = String::new();
        let damage = reading::each_line(&path, |line, value| {
            if value["step"].as_u64() <= Some(step) {
                // As it was: a resumed run must leave the same file as one that ran through.
                text.push_str(line);
                text.push('\n');
                take(&value);
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
        Ok(damage.warning(&path))
    }

    /// Appends a reading to `metrics`, the open file of readings, as a line of JSON, at once; returns
    /// the line.
    pub(crate) fn append_reading(
        &self,
        metrics: &mut File,
        reading: &impl Serialize,
    ) -> Result<String, Problem> {
        let line = serde_json::to_string(reading).map_err(|error| {
            Problem::failed(format!("cannot write the metrics as JSON: {error}"))
        })?;
        let written = metrics.write_all(format!("{line}\n").as_bytes());
        written.map_err(|error| unwritable(&self.metrics(), &error))?;
        Ok(line)
    }

    /// Brings to the disk the readings so far, which a checkpoint is about to count on, and the names
    /// of the files in the directory.
    pub(crate) fn sync(&self, metrics: &File) -> Result<(), Problem> {
        let synced = metrics.sync_data();
        synced.map_err(|error| unwritable(&self.metrics(), &error))?;
        // Not every platform can sync a directory.
        for folder in self.path.ancestors().take(2) {
            // As a relative path has it, whose parent is the working directory.
            let is_here = folder.as_os_str().is_empty();
            let folder = if is_here { Path::new(".") } else { folder };
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

/// Makes the folder that the file `path` of a run lies in, if it is missing.
///
/// # Errors
/// If the system refuses, or if the directory of the run is not there.
pub fn make_folder_of(path: &Path) -> Result<(), Problem> {
    let Some(folder) = path.parent() else {
        return Ok(());
    };
    match fs::create_dir(folder) {
        Err(error) if !folder.is_dir() => Err(unwritable(folder, &error)),
        _ => Ok(()),
    }
}

/// True if `path` is the directory of a run.
fn is_run(path: &Path) -> bool {
    matches!(found(path), Ok(Found::Run))
}

/// Checks that `path` is the directory of a run.
///
/// # Errors
/// If it is none.
pub(crate) fn check_is_run(path: &Path) -> Result<(), Problem> {
    match is_run(path) {
        true => Ok(()),
        false => Err(not_a_run(path)),
    }
}

/// What is in `path`, if a new run may take its place.
fn admit(path: &Path, existing: Existing) -> Result<Found, Problem> {
    let found = found(path).map_err(|error| unwritable(path, &error))?;
    let shown = path.display();
    match (found, existing) {
        (Found::Foreign, _) => Err(Problem::usage(format!(
            "{shown}: found files that are no run, expected an empty or a new directory"
        ))
        .hint("choose another directory with --out DIR")),
        (Found::Run, Existing::Keep) => {
            let is_game = config_text(path).is_ok_and(|text| !RivalRun::is_in(&text));
            let go_on = match is_game && !checkpoints(path).is_empty() {
                true => format!("continue it with --resume {}, ", shell_word(path)),
                false => String::new(),
            };
            let text = format!("{shown}: already holds a run");
            Err(Problem::usage(text).hint(format!(
                "{go_on}replace it with --overwrite, or choose another --out"
            )))
        }
        (found, _) => Ok(found),
    }
}

/// Removes the files in `folder` that the program wrote there as `kind` of a run, and the folder if
/// it is empty then.
fn clear_folder(folder: &Path, kind: &str) -> io::Result<()> {
    for path in entries(folder) {
        let name = name_of(&path);
        if is_own(kind, &name) || is_half_written(kind, &name) {
            absent_is_fine(fs::remove_file(path))?;
        }
    }
    // Somebody else's files keep it.
    let _ = fs::remove_dir(folder);
    Ok(())
}

fn absent_is_fine(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The name of the file at `path`; one that is no text is none of the program's.
fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn not_a_run(path: &Path) -> Problem {
    let problem = Problem::usage(format!("{}: not the directory of a run", path.display()));
    if path.exists() {
        problem.hint(format!("a run has a {LOG}, a {CONFIG} and {CHECKPOINTS}/"))
    } else {
        problem.hint(format!("this lists the runs in {RUNS}/: ls {RUNS}"))
    }
}

pub(crate) fn unwritable(path: &Path, error: &io::Error) -> Problem {
    let problem = Problem::failed(format!("{}: cannot be written: {error}", path.display()));
    // A run that is resumed stays where it is, so that no flag can name another place.
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let shown = shell_word(folder.unwrap_or(Path::new(".")));
    problem.hint(match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("free some space; this says how much there is: df -h {shown}")
        }
        _ => format!("write to another directory, or make this one writable: ls -ld {shown}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What one process finds free, another may have trained in before the first one takes the lock.
    #[test]
    fn directory_that_another_process_trained_in_meanwhile_is_refused_or_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        let config = crate::config::RunConfig::preset("ring8").unwrap();
        let config = config.to_toml().unwrap();
        for (existing, expected) in [
            (Existing::Keep, Some("already holds a run")),
            (Existing::Replace, None),
        ] {
            fs::create_dir_all(&path).unwrap();
            assert_eq!(admit(&path, existing).unwrap(), Found::Free);
            let rival = RunDir::claim(&path, Existing::Keep).unwrap();
            rival.replace(&rival.config(), config.as_bytes()).unwrap();
            rival.replace(&rival.metrics(), b"{}").unwrap();
            let error = RunDir::take(&path, existing).unwrap_err().message;
            assert!(error.contains("another process is training"), "{error}");
            drop(rival);
            let taken = RunDir::take(&path, existing);
            assert_eq!(path.join(METRICS).exists(), taken.is_err());
            let error = taken.err().map(|problem| problem.message);
            assert_eq!(error.is_some(), expected.is_some());
            assert!(expected.is_none_or(|part| error.unwrap().contains(part)));
            fs::remove_dir_all(&path).unwrap();
        }
    }
}
