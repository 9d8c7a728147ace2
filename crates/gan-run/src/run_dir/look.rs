//! What somebody who does not train sees of directories of runs: where runs and their files are, is
//! one trained in, what did it say last, what has been evaluated.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::own::is_own;
use super::{
    CHECKPOINTS, CONFIG, EVALUATION, EVALUATION_REPORT, LOG, METRICS, REPORT, RUNS, SAMPLES,
    entries, is_run, name_of,
};
use crate::prepared::CHECKPOINT_EXTENSION;
use crate::problem::Problem;
use crate::reading;

/// The mark before the device in the log.
pub const DEVICE_MARK: &str = "device: ";
/// The mark before how iterations are run, in the log.
pub const EXECUTION_MARK: &str = "iteration: ";
/// The beginning of the log's line that a run is done.
pub(crate) const DONE_MARK: &str = "done: ";
/// And of that it was interrupted.
pub(crate) const INTERRUPTED_MARK: &str = "interrupted after step ";

/// The directory of the run that a checkpoint file belongs to, if it lies in one.
#[must_use]
pub(crate) fn of_checkpoint(checkpoint: &Path) -> Option<PathBuf> {
    let run = checkpoint.parent()?.parent()?;
    is_run(run).then(|| run.to_path_buf())
}

/// The run that the user means by `path`: the path itself, or a name in `runs/`.
pub fn find(path: &Path) -> PathBuf {
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

/// What `load` makes of the newest checkpoint in the directory of a run that it can read, with a
/// warning for each newer one; nothing if there is no checkpoint.
///
/// # Errors
/// What is wrong with the newest, if none can be read.
pub(crate) fn newest_readable<T>(
    run: &Path,
    load: impl Fn(&Path) -> Result<T, Problem>,
) -> Result<Option<(T, Vec<String>)>, Problem> {
    let mut wrong: Option<Problem> = None;
    let mut warnings = Vec::new();
    for (_, path) in checkpoints(run).into_iter().rev() {
        match load(&path) {
            Ok(loaded) => return Ok(Some((loaded, warnings))),
            Err(problem) => {
                warnings.push(format!("{problem}; trying the one before"));
                wrong.get_or_insert(problem);
            }
        }
    }
    let Some(mut wrong) = wrong else {
        return Ok(None);
    };
    if warnings.len() > 1 {
        let older = warnings.len() - 1;
        wrong.message += &format!("; nor can any of the {older} before it be read");
    }
    Err(wrong)
}

/// Steps and paths of the checkpoints in the directory of a run, the oldest first.
pub fn checkpoints(run: &Path) -> Vec<(u64, PathBuf)> {
    of_steps(&run.join(CHECKPOINTS), CHECKPOINT_EXTENSION)
}

/// Steps and paths of a run's pictures of samples, the oldest first.
pub fn pictures(run: &Path) -> Vec<(u64, PathBuf)> {
    of_steps(&samples_folder(run), "png")
}

/// The files of `folder` that are named by a step, in the order of the steps.
fn of_steps(folder: &Path, extension: &str) -> Vec<(u64, PathBuf)> {
    let file = |path: PathBuf| {
        let stem = path.file_stem()?.to_str()?;
        let step = stem.strip_prefix("step-")?.parse().ok()?;
        let whole = path.extension()? == extension;
        whole.then_some((step, path))
    };
    let mut found: Vec<_> = entries(folder).filter_map(file).collect();
    found.sort();
    found
}

/// Hands over the lines of `metrics.jsonl`, one after the other, since there may be millions; returns
/// a warning if it cannot be read or has lines that are none.
pub fn each_reading(run: &Path, mut take: impl FnMut(serde_json::Value)) -> Option<String> {
    let path = run.join(METRICS);
    match reading::each_line(&path, |_, value| take(value)) {
        Ok(damage) => damage.warning(&path),
        Err(error) => Some(format!("{}: cannot be read: {error}", path.display())),
    }
}

/// The report of a run.
pub fn report(run: &Path) -> PathBuf {
    run.join(REPORT)
}

/// The rest of the last line in the log of a run that has `mark` in it.
pub fn last_logged(run: &Path, mark: &str) -> Option<String> {
    let mut log = String::new();
    let mut file = gan_data::open_file(&run.join(LOG)).ok()?;
    file.read_to_string(&mut log).ok()?;
    let line = log.lines().rev().find(|line| line.contains(mark))?;
    Some(line.split_once(mark)?.1.to_owned())
}

/// The folder of a run's pictures.
pub fn samples_folder(run: &Path) -> PathBuf {
    run.join(SAMPLES)
}

/// The folder of the evaluations of a run's checkpoints.
pub fn evaluation_folder(run: &Path) -> PathBuf {
    run.join(EVALUATION)
}

/// The resolved configuration of a run, as text.
pub(crate) fn config_text(run: &Path) -> io::Result<String> {
    crate::config::read_text(&run.join(CONFIG))
}

/// True if a process trains in the directory of a run.
#[must_use]
pub fn is_training(run: &Path) -> bool {
    // A lock that is shared, and only for this moment, keeps no one from reading.
    let log = gan_data::open_file(&run.join(LOG));
    log.is_ok_and(|log| matches!(log.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// The last line in the log of a run that is no warning.
pub(crate) fn last_log_line(run: &Path) -> Option<String> {
    /// No line of it is longer.
    const TAIL: u64 = 4096;
    let mut file = gan_data::open_file(&run.join(LOG)).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))
        .ok()?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail).ok()?;
    let tail = String::from_utf8_lossy(&tail);
    let line = tail.lines().rev().find(|line| !line.contains(" WARN "));
    line.map(str::to_owned)
}

/// The newest picture of chains in a run, if it has one.
pub(crate) fn chains(run: &Path) -> Option<PathBuf> {
    let is_one =
        |path: &PathBuf| name_of(path).starts_with("chains-") && is_own(SAMPLES, &name_of(path));
    entries(&run.join(SAMPLES)).filter(is_one).max()
}

/// The picture of a run that is called `name` below its directory, with `/` between folders: one of
/// samples, or one of an evaluation. It is looked for among those that there are, so that no name
/// leads elsewhere.
#[must_use]
pub fn picture(run: &Path, name: &str) -> Option<PathBuf> {
    let samples = pictures(run).into_iter().map(|(_, path)| path);
    let samples = samples.chain(chains(run));
    let evaluations = evaluations(run).into_iter();
    let evaluated = evaluations.flat_map(|(_, folder)| evaluation_pictures(&folder));
    samples.chain(evaluated).find(|path| {
        let inside = path.strip_prefix(run).ok();
        inside.is_some_and(|inside| inside.iter().eq(name.split('/')))
    })
}

/// Opens the file at `path` below the directory `run`, unless a link leads to it: that could be a file
/// of anybody.
///
/// # Errors
/// The system's answer, or that there is a link.
pub fn open_own(run: &Path, path: &Path) -> io::Result<File> {
    let inside = path.strip_prefix(run).map_err(io::Error::other)?;
    let own = run.canonicalize()?.join(inside);
    match own.canonicalize()? == own {
        true => gan_data::open_file(&own),
        false => Err(io::Error::other("found a link, expected a file")),
    }
}

/// Files whose change is a change of what a run says of itself, and folders of such files.
pub fn told_by(run: &Path) -> [PathBuf; 5] {
    [CONFIG, METRICS, LOG, SAMPLES, EVALUATION].map(|name| run.join(name))
}

/// The runs in `folder`, by name; `folder` itself if it is one.
pub fn all(folder: &Path) -> Vec<PathBuf> {
    if is_run(folder) {
        return vec![folder.to_path_buf()];
    }
    let mut runs: Vec<_> = entries(folder).filter(|path| is_run(path)).collect();
    runs.sort();
    runs
}

/// Steps and folders of the evaluations of a run's checkpoints, the oldest first.
pub(crate) fn evaluations(run: &Path) -> Vec<(u64, PathBuf)> {
    let step = |path: PathBuf| {
        let name = name_of(&path);
        let step = name.strip_prefix("step-")?.parse().ok()?;
        path.join(EVALUATION_REPORT)
            .is_file()
            .then_some((step, path))
    };
    let mut found: Vec<_> = entries(&evaluation_folder(run)).filter_map(step).collect();
    found.sort();
    found
}

/// The pictures of an evaluation, one file of each: SVG where there is one.
pub(crate) fn evaluation_pictures(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = entries(folder)
        .filter(|path| path.extension().is_some_and(|extension| extension == "svg"))
        .filter(|path| is_own(EVALUATION, &name_of(path)))
        .collect();
    found.sort();
    found
}
