//! The way out: generated records as `.npy` or `.csv`, and how any file takes its place.
//!
//! A file is written beside its place, synchronised and renamed, so that a reader finds the old file
//! or the whole new one.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::error::{DataError, DataProblem};
use crate::record::RecordShape;
use crate::table::guarded;

/// Writes `rows`, row-major with `cols` values each, as a 2-D array of little-endian 64-bit floats
/// where 32 bits would not hold them all, otherwise of 32-bit ones.
///
/// # Panics
/// If `rows` is no whole number of rows.
/// # Errors
/// [`DataProblem::Unwritable`] if the system refuses.
#[track_caller]
pub fn write_npy(path: &Path, rows: &[f64], cols: usize) -> Result<(), DataError> {
    let count = whole_rows("write_npy", rows, cols);
    let is_single = rows.iter().all(|&value| f64::from(value as f32) == value);
    replace(path, |file| {
        file.write_all(&npy_header(
            if is_single { "<f4" } else { "<f8" },
            count,
            cols,
        ))?;
        rows.iter().try_for_each(|&value| match is_single {
            true => file.write_all(&(value as f32).to_le_bytes()),
            false => file.write_all(&value.to_le_bytes()),
        })
    })
}

/// Version 1.0 of the format, padded with spaces to a multiple of 64 bytes.
fn npy_header(kind: &str, rows: usize, cols: usize) -> Vec<u8> {
    let mut text =
        format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({rows}, {cols}), }}");
    let unpadded = 10 + text.len() + 1;
    text += &" ".repeat(unpadded.next_multiple_of(64) - unpadded);
    text.push('\n');
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend_from_slice(&(text.len() as u16).to_le_bytes());
    header.extend_from_slice(text.as_bytes());
    header
}

/// Writes `rows`, row-major with `cols` values each, as text: as the table of their `shape` writes
/// its records, otherwise separated by commas.
///
/// # Panics
/// If `rows` is no whole number of rows, or `shape` is a table of another number of columns.
/// # Errors
/// [`DataProblem::Unwritable`] if the system refuses.
#[track_caller]
pub fn write_csv(
    path: &Path,
    rows: &[f64],
    cols: usize,
    shape: &RecordShape,
) -> Result<(), DataError> {
    whole_rows("write_csv", rows, cols);
    replace(path, |file| {
        let delimiter = match shape {
            RecordShape::Table(table) => u8::try_from(table.delimiter).unwrap_or(b','),
            _ => b',',
        };
        let mut writer = csv::WriterBuilder::new()
            .delimiter(delimiter)
            .from_writer(file);
        let names = match shape {
            RecordShape::Table(table) => table.names(),
            RecordShape::Vector { columns, .. } => columns.clone(),
            RecordShape::Image { .. } => None,
        };
        if let Some(names) = names {
            writer.write_record(names.iter().map(|name| guarded(name).into_owned()))?;
        }
        for row in rows.chunks_exact(cols) {
            match shape {
                RecordShape::Table(table) => {
                    let cells = table.cells(row);
                    writer.write_record(cells.iter().map(|cell| guarded(cell).into_owned()))?;
                }
                _ => writer.write_record(row.iter().map(|&value| shortest(value)))?,
            }
        }
        writer.flush()
    })
}

/// The shortest text that reads back to `value`, in 32 bits if those hold it.
fn shortest(value: f64) -> String {
    match value as f32 {
        single if f64::from(single) == value => single.to_string(),
        _ => value.to_string(),
    }
}

/// Replaces the file at `path` by what `write` writes, whole or not at all.
///
/// # Errors
/// The system's answer; the old file is still there then.
pub fn replace_file(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    // Where anything fails, the half-written file is of no use and goes as it is dropped.
    let (file, beside) = beside(path)?.into_parts();
    let mut file = BufWriter::new(file);
    write(&mut file)?;
    file.into_inner()
        .map_err(io::IntoInnerError::into_error)?
        .sync_all()?;
    beside.persist(path).map_err(|refused| refused.error)
}

/// The name that the file `name`, left behind by [`replace_file`], was to get; none for any other
/// file.
///
/// A process that is killed leaves it behind: `.losses.svg.x7Kq2P.part` is what `losses.svg` would
/// have become.
#[must_use]
pub fn half_written(name: &str) -> Option<&str> {
    let (name, random) = name
        .strip_prefix('.')?
        .strip_suffix(".part")?
        .rsplit_once('.')?;
    let is_random = !random.is_empty() && random.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_random && !name.is_empty()).then_some(name)
}

#[track_caller]
fn whole_rows(op: &str, rows: &[f64], cols: usize) -> usize {
    assert!(
        cols > 0 && rows.len().is_multiple_of(cols),
        "{op}: {} values are no whole number of rows of {cols}",
        rows.len()
    );
    rows.len() / cols
}

fn replace(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), DataError> {
    replace_file(path, write).map_err(|source| DataProblem::Unwritable(source).at(path))
}

/// A new hidden file in the same directory, hence on the same file system.
///
/// Its name is random and the file is none that was there: what others have put there, a link that
/// leads elsewhere for instance, is never written to.
fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(".");
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    // Opened here and not by the crate, which would let nobody but the user read the file.
    let open = |path: &Path| OpenOptions::new().write(true).create_new(true).open(path);
    tempfile::Builder::new()
        .prefix(&prefix)
        .suffix(".part")
        .make_in(folder.unwrap_or(Path::new(".")), open)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn half_written_knows_the_names_of_replace_file_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = beside(&folder.path().join("losses.svg")).unwrap();
        let name = file.path().file_name().unwrap().to_str().unwrap();
        // As earlier programs named it, by their process.
        for name in [name, ".losses.svg.4711.part"] {
            assert_eq!(half_written(name), Some("losses.svg"), "{name}");
        }
        let others = "x.part .x.part .x..part ..x.part .x.a-b.part x.1.part .x.1.tmp";
        for other in others.split(' ') {
            assert_eq!(half_written(other), None, "{other}");
        }
    }

    #[test]
    fn files_beside_have_names_that_differ_and_that_nobody_foresees() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let files = [(); 8].map(|()| beside(&path).unwrap());
        let names: HashSet<_> = files.iter().map(NamedTempFile::path).collect();
        assert_eq!(names.len(), files.len());
        let process = std::process::id().to_string();
        let foreseen = |name: &&Path| name.to_string_lossy().contains(&format!(".{process}."));
        assert!(!names.iter().any(foreseen));
    }

    #[test]
    fn replaced_file_is_the_old_one_or_the_whole_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let write = |text: &'static str| {
            replace_file(&path, move |file| {
                file.write_all(text.as_bytes())?;
                match text {
                    "half" => Err(io::ErrorKind::StorageFull.into()),
                    _ => Ok(()),
                }
            })
        };
        write("old").unwrap();
        let refused = write("half").unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        write("new").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        // Others may read it as far as the user lets them read any file of his.
        let plain = folder.path().join("plain");
        std::fs::write(&plain, "").unwrap();
        let permissions = |path: &Path| std::fs::metadata(path).unwrap().permissions();
        assert_eq!(permissions(&path), permissions(&plain));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
