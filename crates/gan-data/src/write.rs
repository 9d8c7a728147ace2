//! The way out: generated records as a file of any kind that is read, and how a file takes its place.
//!
//! Records are asked for some at a time and written as they come, so that their number does not
//! matter to the memory.
//! A file is written beside its place, synchronised and renamed, so that a reader finds the old file
//! or the whole new one.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::path::Path;

use csv::QuoteStyle;
use rawzip::{CompressionMethod, ZipArchiveWriter};
use tempfile::NamedTempFile;

use crate::error::{DataError, DataProblem};
use crate::input::extension;
use crate::record::RecordShape;
use crate::source::TABLES;
use crate::table::guarded;

/// The kinds of files that records are written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// A table as text.
    Table,
    /// One array of NumPy.
    Npy,
    /// An archive of one array of NumPy, called `samples`.
    Npz,
    /// One tensor, called `samples`.
    Safetensors,
    /// A table of typed columns.
    #[cfg(feature = "parquet")]
    Parquet,
    /// The same in Arrow's IPC format: Feather, version 2.
    #[cfg(feature = "parquet")]
    Arrow,
}

impl FileKind {
    /// Extensions of the files that are written, the usual ones of each kind.
    pub const EXTENSIONS: &[&str] = &[
        "npy",
        "csv",
        "tsv",
        "npz",
        "safetensors",
        #[cfg(feature = "parquet")]
        "parquet",
        #[cfg(feature = "parquet")]
        "feather",
        #[cfg(feature = "parquet")]
        "arrow",
    ];

    /// True if the file holds columns with names, and not one array.
    #[must_use]
    pub fn is_table(self) -> bool {
        match self {
            Self::Table => true,
            #[cfg(feature = "parquet")]
            Self::Parquet | Self::Arrow => true,
            Self::Npy | Self::Npz | Self::Safetensors => false,
        }
    }

    /// The kind that the name of a file asks for, if there is one.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        Some(
            match path.extension()?.to_string_lossy().to_lowercase().as_str() {
                "npy" => Self::Npy,
                "npz" => Self::Npz,
                "safetensors" => Self::Safetensors,
                #[cfg(feature = "parquet")]
                "parquet" => Self::Parquet,
                #[cfg(feature = "parquet")]
                "feather" | "arrow" => Self::Arrow,
                table if TABLES.contains(&table) => Self::Table,
                _ => return None,
            },
        )
    }
}

/// What a file of records is to hold.
#[derive(Clone, Copy, Debug)]
pub struct Contents<'a> {
    /// The meaning of a record's values.
    pub shape: &'a RecordShape,
    /// Number of records.
    pub rows: usize,
    /// Values of each.
    pub cols: usize,
    /// True if an array needs 64 bits to hold them.
    pub double: bool,
    /// The class of each, if they have one: `.npz` holds it as a second array, called `y`.
    pub labels: Option<&'a [u8]>,
}

/// Values that are asked for and written together: 2 MB of them.
const TOGETHER: usize = 1 << 18;
/// The number of records that are asked for together is a multiple of this, a minibatch's worth.
const ROWS: usize = 256;

/// The name of an array in a file of several.
const NAME: &str = "samples";
/// The name of the array of classes beside it.
const LABELS: &str = "y";

impl Contents<'_> {
    /// The records by parts that are written together.
    pub(crate) fn parts(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (rows, together) = (self.rows, (TOGETHER / self.cols / ROWS).max(1) * ROWS);
        (0..rows)
            .step_by(together)
            .map(move |first| first..rows.min(first + together))
    }

    /// Bytes of an array of them.
    fn bytes(&self) -> u64 {
        let size = if self.double { 8 } else { 4 };
        (self.rows as u64 * self.cols as u64).saturating_mul(size)
    }

    /// The values as an array holds them, the lowest byte first.
    fn encode(&self, rows: &[f64]) -> Vec<u8> {
        if self.double {
            rows.iter().flat_map(|value| value.to_le_bytes()).collect()
        } else {
            let singles = rows.iter().map(|&value| value as f32);
            singles.flat_map(f32::to_le_bytes).collect()
        }
    }

    /// Names of the columns that are written, if they have any.
    pub(crate) fn names(&self) -> Option<Vec<String>> {
        match self.shape {
            RecordShape::Table(table) => table.names(),
            RecordShape::Vector { columns, .. } => columns.clone(),
            RecordShape::Image { .. } => None,
        }
    }
}

/// Writes the records that `next` gives, those of a range at a time and row by row, into a file.
///
/// # Panics
/// If `next` gives another number of values, or the shape is a table of another number of columns.
/// # Errors
/// The first error of `next`, or [`DataProblem::Unwritable`] if the system refuses; the file that was
/// there is still there then.
#[track_caller]
pub fn write_records<E: From<DataError>>(
    path: &Path,
    kind: FileKind,
    contents: Contents<'_>,
    mut next: impl FnMut(Range<usize>) -> Result<Vec<f64>, E>,
) -> Result<(), E> {
    assert!(contents.cols > 0, "write_records: records of no values");
    let mut refused = None;
    // Errors of `next` cross the writers, which know those of the system alone.
    let mut next = |part: Range<usize>| {
        let count = part.len() * contents.cols;
        let rows = next(part).map_err(|error| {
            refused = Some(error);
            io::Error::other("no more records")
        })?;
        assert_eq!(rows.len(), count, "write_records: values of these rows");
        Ok(rows)
    };
    let next = &mut next;
    let written = replace_file(path, |file| match kind {
        FileKind::Table => write_table(file, extension(path).as_str(), contents, next),
        FileKind::Npy => write_npy(file, contents, next),
        FileKind::Npz => write_npz(file, contents, next),
        FileKind::Safetensors => write_safetensors(file, contents, next),
        #[cfg(feature = "parquet")]
        FileKind::Parquet => crate::parquet::write_parquet(file, contents, next),
        #[cfg(feature = "parquet")]
        FileKind::Arrow => crate::parquet::write_arrow(file, contents, next),
    });
    match (refused, written) {
        (Some(error), _) => Err(error),
        (None, Err(source)) => Err(DataProblem::Unwritable(source).at(path).into()),
        (None, Ok(())) => Ok(()),
    }
}

/// What gives the records of a range.
pub(crate) type Next<'a> = dyn FnMut(Range<usize>) -> io::Result<Vec<f64>> + 'a;

fn write_values(
    file: &mut impl Write,
    contents: Contents<'_>,
    next: &mut Next<'_>,
) -> io::Result<()> {
    contents
        .parts()
        .try_for_each(|part| file.write_all(&contents.encode(&next(part)?)))
}

fn write_npy(file: &mut impl Write, contents: Contents<'_>, next: &mut Next<'_>) -> io::Result<()> {
    let Contents { rows, cols, .. } = contents;
    let kind = if contents.double { "<f8" } else { "<f4" };
    file.write_all(&npy_header(kind, &format!("{rows}, {cols}")))?;
    write_values(file, contents, next)
}

/// Version 1.0 of the format, padded with spaces to a multiple of 64 bytes.
fn npy_header(kind: &str, shape: &str) -> Vec<u8> {
    let mut text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}");
    let unpadded = 10 + text.len() + 1;
    text += &" ".repeat(unpadded.next_multiple_of(64) - unpadded);
    text.push('\n');
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend_from_slice(&(text.len() as u16).to_le_bytes());
    header.extend_from_slice(text.as_bytes());
    header
}

fn write_npz(file: &mut impl Write, contents: Contents<'_>, next: &mut Next<'_>) -> io::Result<()> {
    let mut archive = ZipArchiveWriter::new(file);
    add_array(&mut archive, NAME, |mut member| {
        write_npy(&mut member, contents, next)
    })?;
    if let Some(labels) = contents.labels {
        add_array(&mut archive, LABELS, |member| {
            member.write_all(&npy_header("|u1", &format!("{},", labels.len())))?;
            member.write_all(labels)
        })?;
    }
    archive.finish().map_err(of_archive)?.flush()
}

/// Writes arrays of 32-bit numbers, each a name, a shape and its bytes, as an `.npz` file.
///
/// # Errors
/// The answer of `file`.
pub fn write_arrays(
    file: &mut impl Write,
    arrays: &[(String, Vec<usize>, Vec<u8>)],
) -> io::Result<()> {
    let mut archive = ZipArchiveWriter::new(file);
    for (name, shape, bytes) in arrays {
        let shape: String = shape.iter().map(|axis| format!("{axis},")).collect();
        add_array(&mut archive, name, |member| {
            member.write_all(&npy_header("<f4", &shape))?;
            member.write_all(bytes)
        })?;
    }
    archive.finish().map_err(of_archive)?.flush()
}

/// Adds the array `name` to an `.npz` file.
fn add_array<W: Write>(
    archive: &mut ZipArchiveWriter<W>,
    name: &str,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let file = format!("{name}.npy");
    let builder = archive
        .new_file(&file)
        .compression_method(CompressionMethod::STORE);
    let (mut entry, config) = builder.start().map_err(of_archive)?;
    let mut member = config.wrap(&mut entry);
    write(&mut member)?;
    let (_, descriptor) = member.finish().map_err(of_archive)?;
    entry.finish(descriptor).map_err(of_archive)?;
    Ok(())
}

fn of_archive(error: rawzip::Error) -> io::Error {
    io::Error::other(error.to_string())
}

/// The crate of the format writes tensors that are in memory, and its header is short.
fn write_safetensors(
    file: &mut impl Write,
    contents: Contents<'_>,
    next: &mut Next<'_>,
) -> io::Result<()> {
    let Contents { rows, cols, .. } = contents;
    let (kind, bytes) = (
        if contents.double { "F64" } else { "F32" },
        contents.bytes(),
    );
    let mut header = format!(
        r#"{{"{NAME}":{{"dtype":"{kind}","shape":[{rows},{cols}],"data_offsets":[0,{bytes}]}}}}"#
    );
    header += &" ".repeat(header.len().next_multiple_of(8) - header.len());
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    write_values(file, contents, next)
}

/// As the table of their shape writes its records, otherwise numbers separated by commas; by tabs
/// where the extension asks for them.
fn write_table(
    file: &mut impl Write,
    extension: &str,
    contents: Contents<'_>,
    next: &mut Next<'_>,
) -> io::Result<()> {
    let delimiter = match contents.shape {
        _ if ["tsv", "tab"].contains(&extension) => b'\t',
        RecordShape::Table(table) => u8::try_from(table.delimiter).unwrap_or(b','),
        _ => b',',
    };
    // Empty cells between blanks, and blanks in cells, want quotes; R has them around all texts.
    let style = match delimiter {
        b' ' => QuoteStyle::NonNumeric,
        _ => QuoteStyle::Necessary,
    };
    let mut writer = csv::WriterBuilder::new()
        .delimiter(delimiter)
        .quote_style(style)
        // A cell with one in it is quoted, so that it begins no comment.
        .comment(Some(b'#'))
        .from_writer(file);
    if let Some(names) = contents.names() {
        writer.write_record(names.iter().map(|name| guarded(name).into_owned()))?;
    }
    for part in contents.parts() {
        let first = part.start;
        for (index, row) in next(part)?.chunks_exact(contents.cols).enumerate() {
            match contents.shape {
                RecordShape::Table(table) => {
                    let cells = table.cells(row, first + index);
                    writer.write_record(cells.iter().map(|cell| guarded(cell).into_owned()))?;
                }
                _ => writer.write_record(row.iter().map(|&value| shortest(value)))?,
            }
        }
    }
    writer.flush()
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

    #[test]
    fn arrays_of_an_npz_file_are_read_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        let bytes = |values: &[f32]| values.iter().flat_map(|it| it.to_le_bytes()).collect();
        let values: Vec<f32> = (0..60).map(|it| it as f32).collect();
        let arrays = [
            ("bias".to_owned(), vec![2], bytes(&[7.0, 8.0])),
            ("weight".to_owned(), vec![30, 2], bytes(&values)),
        ];
        replace_file(&path, |file| write_arrays(file, &arrays)).unwrap();
        let mut config = crate::DataConfig::new(format!("{}:weight", path.display()));
        config.normalize = crate::Normalize::None;
        config.split = Some(crate::Split::Tail);
        let data = crate::load(&config, 1).unwrap();
        let mut found = vec![0.0_f32; 2];
        data.records.copy_row(29, &mut found);
        assert_eq!((data.records.rows(), &found[..]), (30, &values[58..]));
    }
}
