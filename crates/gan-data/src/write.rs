//! The way out: generated records as `.npy` or `.csv`, and how any file takes its place.
//!
//! A file is written beside its place, synchronised and renamed, so that a reader finds the old file
//! or the whole new one.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::{DataError, DataProblem};

/// Writes `rows`, row-major with `cols` values each, as a 2-D array of little-endian 32-bit floats.
///
/// # Panics
/// If `rows` is no whole number of rows.
/// # Errors
/// [`DataProblem::Unwritable`] if the system refuses.
#[track_caller]
pub fn write_npy(path: &Path, rows: &[f32], cols: usize) -> Result<(), DataError> {
    let count = whole_rows("write_npy", rows, cols);
    replace(path, |file| {
        file.write_all(&npy_header(count, cols))?;
        rows.iter()
            .try_for_each(|value| file.write_all(&value.to_le_bytes()))
    })
}

/// Version 1.0 of the format, padded with spaces to a multiple of 64 bytes.
fn npy_header(rows: usize, cols: usize) -> Vec<u8> {
    let mut text =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {cols}), }}");
    let unpadded = 10 + text.len() + 1;
    text += &" ".repeat(unpadded.next_multiple_of(64) - unpadded);
    text.push('\n');
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend_from_slice(&(text.len() as u16).to_le_bytes());
    header.extend_from_slice(text.as_bytes());
    header
}

/// Writes `rows`, row-major with `cols` values each, as comma-separated text that reads back to the
/// same bits.
///
/// The first line holds the `columns`, if there are any.
///
/// # Panics
/// If `rows` is no whole number of rows, or there is not one name per column.
/// # Errors
/// [`DataProblem::Unwritable`] if the system refuses.
#[track_caller]
pub fn write_csv(
    path: &Path,
    rows: &[f32],
    cols: usize,
    columns: Option<&[String]>,
) -> Result<(), DataError> {
    whole_rows("write_csv", rows, cols);
    let names = columns.map_or(cols, <[String]>::len);
    assert_eq!(names, cols, "write_csv: one name per column is needed");
    replace(path, |file| {
        let mut writer = csv::Writer::from_writer(file);
        if let Some(columns) = columns {
            writer.write_record(columns)?;
        }
        let mut cell = Vec::new();
        for row in rows.chunks_exact(cols) {
            for value in row {
                cell.clear();
                write!(cell, "{value}")?;
                writer.write_field(&cell)?;
            }
            writer.write_record(None::<&[u8]>)?;
        }
        writer.flush()
    })
}

/// Replaces the file at `path` by what `write` writes, whole or not at all.
///
/// # Errors
/// The system's answer; the old file is still there then.
pub fn replace_file(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let beside = beside(path);
    write_beside(&beside, write)
        .and_then(|()| fs::rename(&beside, path))
        .inspect_err(|_| {
            // The half-written file is of no use; failing to remove it changes nothing.
            let _ = fs::remove_file(&beside);
        })
}

/// The name that the file `name`, left behind by [`replace_file`], was to get; none for any other
/// file.
///
/// A process that is killed leaves it behind: `.losses.svg.4711.part` is what `losses.svg` would
/// have become.
#[must_use]
pub fn half_written(name: &str) -> Option<&str> {
    let (name, process) = name
        .strip_prefix('.')?
        .strip_suffix(".part")?
        .rsplit_once('.')?;
    let number = !process.is_empty() && process.bytes().all(|byte| byte.is_ascii_digit());
    number.then_some(name)
}

#[track_caller]
fn whole_rows(op: &str, rows: &[f32], cols: usize) -> usize {
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

fn write_beside(
    beside: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(beside)?);
    write(&mut file)?;
    file.into_inner()
        .map_err(io::IntoInnerError::into_error)?
        .sync_all()
}

/// A hidden name in the same directory, hence on the same file system; the process id keeps two
/// programs apart.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.part", std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_written_knows_the_names_of_replace_file_alone() {
        let name = beside(Path::new("a/losses.svg"));
        let name = name.file_name().unwrap().to_str().unwrap();
        assert_eq!(half_written(name), Some("losses.svg"));
        let others = "x.part .x.part .x..part .x.me.part x.1.part .x.1.tmp";
        for other in others.split(' ') {
            assert_eq!(half_written(other), None, "{other}");
        }
    }
}
