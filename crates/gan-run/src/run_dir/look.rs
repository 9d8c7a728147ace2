//! What somebody who does not train sees of the directory of a run: is it trained in, what did it say
//! last, what has been evaluated.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::own::is_own;
use super::{
    CONFIG, EVALUATION, EVALUATION_REPORT, LOG, METRICS, SAMPLES, entries, evaluation_folder,
    is_run, name_of,
};

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
    let samples = super::pictures(run).into_iter().map(|(_, path)| path);
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
