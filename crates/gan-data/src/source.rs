//! Finds out what a path holds and hands it to the loader of that kind.

use std::fs;
use std::path::Path;

use crate::dataset::Loaded;
use crate::input::{Input, unreadable};
use crate::{DataError, cifar, csv, idx, npy};

/// Extensions by which tables are known; the other kinds have a magic.
const TABLES: [&str; 3] = ["csv", "tsv", "txt"];

/// Reads a file by its content, or a directory by the names in it.
pub(crate) fn read(path: &Path) -> Result<Loaded, DataError> {
    let metadata = fs::metadata(path).map_err(|source| unreadable(path, source))?;
    if metadata.is_dir() {
        return read_directory(path);
    }
    let input = Input::open(path)?;
    match input.magic() {
        Some(idx::IMAGES | idx::LABELS) => return idx::load_file(input),
        _ if input.is_compressed() => {
            let found = "gzip of something else".into();
            let path = path.into();
            return Err(DataError::UnknownKind { path, found });
        }
        _ if input.prefix().starts_with(npy::MAGIC) => return npy::load(input),
        _ => {}
    }
    match extension(path).as_str() {
        "bin" => cifar::load_file(input),
        known if TABLES.contains(&known) => csv::load(input),
        // Named as kinds that have a magic, without it.
        "npy" => Err(npy::bad_magic(&input)),
        _ if idx::is_idx_name(path) => Err(idx::bad_magic(&input, idx::IMAGES)),
        "" => Err(unknown(path, "a file without extension".into())),
        other => Err(unknown(path, format!("a file of extension .{other}"))),
    }
}

fn read_directory(path: &Path) -> Result<Loaded, DataError> {
    let names = list(path)?;
    if let Some(loaded) = idx::load_directory(path, &names) {
        return loaded;
    }
    if let Some(loaded) = cifar::load_directory(path, &names) {
        return loaded;
    }
    Err(DataError::NotADataSet {
        path: path.into(),
        found: names,
        expected: "MNIST (train-images-idx3-ubyte, ...) or CIFAR-10 (data_batch_1.bin, ...)",
    })
}

/// Sorted names in a directory; directories end in `/`.
fn list(path: &Path) -> Result<Vec<String>, DataError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(|source| unreadable(path, source))? {
        let entry = entry.map_err(|source| unreadable(path, source))?;
        let mut name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() {
            name.push('/');
        }
        names.push(name);
    }
    names.sort();
    Ok(names)
}

/// Whether the name alone suggests a kind that is read.
pub(crate) fn has_known_extension(path: &Path) -> bool {
    let extension = extension(path);
    matches!(extension.as_str(), "bin" | "npy")
        || TABLES.contains(&extension.as_str())
        || idx::is_idx_name(path)
}

fn extension(path: &Path) -> String {
    path.extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase()
}

fn unknown(path: &Path, found: String) -> DataError {
    DataError::UnknownKind {
        path: path.into(),
        found,
    }
}
