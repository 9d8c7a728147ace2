//! What is in a directory: a run, what is left of the start of one, or somebody else's files.
//!
//! A run is known by what only a run has, and its files by the names that the program gives them:
//! nothing else is ever removed.

use std::fs;
use std::io;
use std::path::Path;

use gan_model::Checkpoint;

use super::{CHECKPOINTS, CONFIG, EVALUATION, LOG, LOSSES, METRICS, REPORT, SAMPLES, SET_ASIDE};
use crate::config::read_text;
use crate::model::ModelConfig;
use crate::prepared::CHECKPOINT_EXTENSION;
use crate::tensorboard;

/// The pictures of an evaluation of a mixed table.
const TABLE_PICTURES: [&str; 2] = ["columns", "correlations"];

/// What is found where a run is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing, or what is left of a start that ended before its first checkpoint.
    Free,
    /// A run.
    Run,
    /// Files of somebody else.
    Foreign,
}

/// What is in the directory `path`.
///
/// # Errors
/// If it cannot be listed.
pub(super) fn found(path: &Path) -> io::Result<Found> {
    let mut entries = fs::read_dir(path)?;
    let is_logged = path.join(LOG).is_file();
    let is_left = |entry: io::Result<fs::DirEntry>| {
        entry.is_ok_and(|entry| is_left_of_a_start(&entry.path(), is_logged))
    };
    if entries.all(is_left) {
        return Ok(Found::Free);
    }
    let mut checkpoints = super::checkpoints(path).into_iter();
    let is_run = checkpoints.any(|(_, checkpoint)| Checkpoint::begins_at(&checkpoint))
        || (is_logged && is_configuration(&path.join(CONFIG)));
    Ok(if is_run { Found::Run } else { Found::Foreign })
}

/// True if a run that has no checkpoint yet has `path` in its directory; `is_logged` tells that it
/// has a log, which is made first.
fn is_left_of_a_start(path: &Path, is_logged: bool) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_empty_file = || fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() == 0);
    match &*name {
        LOG => path.is_file(),
        // Alone, it is a file of the user, who may have taken it from another run.
        CONFIG => is_logged && is_configuration(path),
        METRICS => is_empty_file(),
        folder @ (SAMPLES | CHECKPOINTS) => {
            let is_half_written = |entry: io::Result<fs::DirEntry>| {
                let name = entry.map(|entry| entry.file_name());
                name.is_ok_and(|name| is_half_written(folder, &name.to_string_lossy()))
            };
            fs::read_dir(path).is_ok_and(|mut entries| entries.all(is_half_written))
        }
        name => is_half_written("", name) || tensorboard::is_own(name),
    }
}

/// True if `path` is a configuration with all its keys, as runs and nobody else write it.
fn is_configuration(path: &Path) -> bool {
    let text = read_text(path);
    text.is_ok_and(|text| ModelConfig::from_toml(&text, "").is_ok())
}

/// True if the file `name` in `folder` of a run, which is "" for the directory itself, is one that
/// the program wrote, and that is not left behind half-written.
pub(super) fn is_own(folder: &str, name: &str) -> bool {
    match folder {
        "" => [CONFIG, METRICS, LOSSES, LOG, REPORT].contains(&name) || tensorboard::is_own(name),
        CHECKPOINTS => {
            let name = name.strip_suffix(SET_ASIDE).unwrap_or(name);
            let stem = name.strip_suffix(CHECKPOINT_EXTENSION);
            stem.and_then(|stem| stem.strip_suffix('.'))
                .is_some_and(is_step)
        }
        SAMPLES => name.strip_suffix(".png").is_some_and(|stem| {
            let sample = stem.strip_prefix("sample-");
            let stem = stem.strip_prefix("chains-").unwrap_or(stem);
            let sample = sample.and_then(|rest| rest.split_once("-seed-"));
            is_step(stem) || sample.is_some_and(|(step, seed)| is_step(step) && is_number(seed))
        }),
        EVALUATION => {
            let picture = name
                .strip_suffix(".svg")
                .or_else(|| name.strip_suffix(".png"));
            let mut known = gan_eval::metric_names().chain(TABLE_PICTURES);
            let is_known = |stem| known.any(|known| known == stem);
            name == super::EVALUATION_REPORT || picture.is_some_and(is_known)
        }
        _ => false,
    }
}

/// True if the file `name` in `folder` of a run is what a killed process left of one of the run's
/// own files, and not a file of the user or one that `sample` writes meanwhile.
pub(super) fn is_half_written(folder: &str, name: &str) -> bool {
    // Earlier programs wrote a checkpoint as `step-<n>.tmp`.
    let old = || name.strip_suffix(".tmp").is_some_and(is_step);
    let whole = gan_data::half_written(name);
    whole.is_some_and(|whole| is_own(folder, whole)) || (folder == CHECKPOINTS && old())
}

/// True for `step-<n>`, as files and folders of a run are called.
pub(super) fn is_step(name: &str) -> bool {
    name.strip_prefix("step-").is_some_and(is_number)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_run_are_known_by_their_names() {
        for (folder, name, own, half) in [
            ("", "config.toml", true, false),
            ("", "run.log", true, false),
            ("", "report.html", true, false),
            ("", "events.out.tfevents.1700000000.gan", true, false),
            ("", "notes.txt", false, false),
            ("", "step-000100.png", false, false),
            ("", ".config.toml.aB3dE6.part", false, true),
            ("", ".metrics.jsonl.71.part", false, true),
            ("", ".notes.txt.71.part", false, false),
            (CHECKPOINTS, "step-000100.safetensors", true, false),
            (
                CHECKPOINTS,
                "step-000100.safetensors.unreadable",
                true,
                false,
            ),
            (CHECKPOINTS, "step-best.safetensors", false, false),
            (CHECKPOINTS, "step-000100safetensors", false, false),
            (
                CHECKPOINTS,
                ".step-000100.safetensors.aB3dE6.part",
                false,
                true,
            ),
            (CHECKPOINTS, "step-000100.tmp", false, true),
            (CHECKPOINTS, "notes.tmp", false, false),
            (SAMPLES, "step-1000000.png", true, false),
            (SAMPLES, "sample-step-000100-seed-7.png", true, false),
            (SAMPLES, "sample-step-000100-seed-.png", false, false),
            (SAMPLES, "chains-step-000100.png", true, false),
            (SAMPLES, "chains-000100.png", false, false),
            (SAMPLES, "photo.png", false, false),
            (SAMPLES, ".step-000100.png.71.part", false, true),
            (
                SAMPLES,
                ".sample-step-000100-seed-7.png.71.part",
                false,
                true,
            ),
            (EVALUATION, "evaluation.json", true, false),
            (EVALUATION, "parzen.svg", true, false),
            (EVALUATION, "columns.svg", true, false),
            (EVALUATION, "correlations.png", true, false),
            (EVALUATION, "n.md", false, false),
            (EVALUATION, "holiday.png", false, false),
        ] {
            let found = (is_own(folder, name), is_half_written(folder, name));
            assert_eq!(found, (own, half), "{folder}/{name}");
        }
    }

    #[test]
    fn directory_is_free_a_run_or_foreign() {
        let config = crate::config::RunConfig::preset("ring8")
            .unwrap()
            .to_toml()
            .unwrap();
        let site = "baseURL = \"x\"";
        let ours = "........{\"__metadata__\":{\"gan_checkpoint\":";
        let theirs = "........{\"__metadata__\":{\"format\":\"pt\"}}";
        let checkpoint = "checkpoints/step-000100.safetensors";
        let half = "checkpoints/.step-000000.safetensors.aB3dE6.part";
        for (expected, files) in [
            (Found::Free, &[][..]),
            (Found::Free, &[("run.log", "")]),
            (
                Found::Free,
                &[
                    ("run.log", "x"),
                    ("config.toml", &config),
                    ("metrics.jsonl", ""),
                ],
            ),
            (Found::Free, &[("run.log", ""), (half, "x")]),
            (
                Found::Free,
                &[("run.log", ""), ("events.out.tfevents.1700000000.gan", "x")],
            ),
            (Found::Free, &[(".config.toml.aB3dE6.part", "x")]),
            // What has come further is no start.
            (
                Found::Run,
                &[
                    ("run.log", ""),
                    ("config.toml", &config),
                    ("metrics.jsonl", "{}"),
                ],
            ),
            (
                Found::Run,
                &[("run.log", ""), ("config.toml", site), (checkpoint, ours)],
            ),
            (Found::Run, &[(checkpoint, ours)]),
            (Found::Foreign, &[("run.log", ""), ("config.toml", site)]),
            (Found::Foreign, &[("run.log", ""), (checkpoint, theirs)]),
            (Found::Foreign, &[("config.toml", &config)]),
            (
                Found::Foreign,
                &[("config.toml", site), ("samples/photo.txt", "x")],
            ),
            (Found::Foreign, &[("run.log", ""), ("thesis.tex", "x")]),
        ] {
            let folder = tempfile::tempdir().unwrap();
            for (file, text) in files {
                let path = folder.path().join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            let found = found(folder.path()).unwrap();
            let names: Vec<_> = files.iter().map(|(file, _)| file).collect();
            assert_eq!(found, expected, "{names:?}");
        }
    }
}
