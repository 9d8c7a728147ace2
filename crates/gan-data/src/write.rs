//! The way out: generated records as `.npy` or `.csv`, and how any file takes its place.
//!
//! A file is written beside its place, synchronised and renamed, so that a reader finds the old file
//! or the whole new one.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

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
