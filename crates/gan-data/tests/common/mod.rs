//! Files of every kind that is read, as bytes.

#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::{Compression, write::GzEncoder};
use gan_data::{
    Contents, DataConfig, DataError, Dataset, FileKind, Normalize, RecordShape, Split, load,
    write_records,
};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

/// An IDX file of images whose bytes count up.
pub(crate) fn idx_images(count: u32, height: u32, width: u32) -> Vec<u8> {
    let mut bytes = idx_header(0x803, &[count, height, width]);
    bytes.extend((0..count * height * width).map(|index| (index * 37 % 251) as u8));
    bytes
}

/// An IDX file of labels 0, 1, ... 9, 0, ...
pub(crate) fn idx_labels(count: u32) -> Vec<u8> {
    let mut bytes = idx_header(0x801, &[count]);
    bytes.extend((0..count).map(|index| (index % 10) as u8));
    bytes
}

pub(crate) fn idx_header(magic: u32, words: &[u32]) -> Vec<u8> {
    let words = std::iter::once(&magic).chain(words);
    words.flat_map(|word| word.to_be_bytes()).collect()
}

/// CIFAR-10 records.
pub(crate) fn cifar(count: usize) -> Vec<u8> {
    (0..count)
        .flat_map(|row| {
            let pixels = (0..3072).map(move |pixel| ((pixel * 7 + row * 13) % 256) as u8);
            std::iter::once((row % 10) as u8).chain(pixels)
        })
        .collect()
}

/// A `.npy` file with this header text, padded.
pub(crate) fn npy(text: &str, payload: &[u8]) -> Vec<u8> {
    let mut header = text.to_owned();
    while !(10 + header.len() + 1).is_multiple_of(16) {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(payload);
    bytes
}

/// The header text of a C-order array.
pub(crate) fn npy_text(descr: &str, shape: &str) -> String {
    format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}")
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// One frame of zstd data.
pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

/// An archive of two arrays.
pub(crate) fn npz() -> Vec<u8> {
    let mut out = Vec::new();
    let mut archive = rawzip::ZipArchiveWriter::new(&mut out);
    for (name, shape) in [("x.npy", "(10, 3)"), ("y.npy", "(30,)")] {
        let builder = archive.new_file(name);
        let (mut entry, config) = builder.start().unwrap();
        let mut writer = config.wrap(&mut entry);
        let content = npy(&npy_text("|u1", shape), &[4; 30]);
        std::io::Write::write_all(&mut writer, &content).unwrap();
        let (_, descriptor) = writer.finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap();
    out
}

/// A file of one tensor.
pub(crate) fn safetensors() -> Vec<u8> {
    use safetensors::{Dtype, tensor::TensorView};
    let tensor = TensorView::new(Dtype::F32, vec![5, 3], &[0; 60]).unwrap();
    safetensors::serialize([("x", tensor)], None).unwrap()
}

/// A PNG file of one grey level, with or without colour.
pub(crate) fn picture(height: u32, width: u32, has_color: bool, level: u8) -> Vec<u8> {
    let (kind, channels) = match has_color {
        true => (png::ColorType::Rgb, 3),
        false => (png::ColorType::Grayscale, 1),
    };
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(kind);
    let mut writer = encoder.write_header().unwrap();
    let pixels = vec![level; (height * width) as usize * channels];
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
    bytes
}

/// Records of the typed tables in tests.
#[cfg(feature = "parquet")]
pub(crate) const ROWS: usize = 40;

/// A Parquet file and one of Arrow's IPC format that hold `batch`, in two parts.
#[cfg(feature = "parquet")]
pub(crate) fn typed_files(batch: &arrow_array::RecordBatch) -> [(&'static str, Vec<u8>); 2] {
    let (mut parquet, mut arrow) = (Vec::new(), Vec::new());
    let mut rows =
        parquet::arrow::ArrowWriter::try_new(&mut parquet, batch.schema(), None).unwrap();
    let mut file = arrow_ipc::writer::FileWriter::try_new(&mut arrow, &batch.schema()).unwrap();
    for part in [batch.slice(0, 3), batch.slice(3, batch.num_rows() - 3)] {
        rows.write(&part).unwrap();
        rows.flush().unwrap();
        file.write(&part).unwrap();
    }
    rows.close().unwrap();
    file.finish().unwrap();
    drop(file);
    [("a.parquet", parquet), ("a.feather", arrow)]
}

/// Writes rows of `cols` values into a file of the kind that its name asks for.
pub(crate) fn write(
    path: &Path,
    rows: &[f64],
    cols: usize,
    shape: &RecordShape,
    double: bool,
) -> Result<(), DataError> {
    let contents = Contents {
        shape,
        rows: rows.len() / cols,
        cols,
        double,
        labels: None,
    };
    let kind = FileKind::of(path).unwrap();
    write_records(path, kind, contents, |part| {
        Ok(rows[part.start * cols..part.end * cols].to_vec())
    })
}

/// The shape of rows of plain numbers.
pub(crate) const NUMBERS: RecordShape = RecordShape::Vector {
    columns: None,
    double: false,
    whole: Vec::new(),
};

/// A directory that files are put into.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

pub(crate) fn config(path: &Path) -> DataConfig {
    DataConfig::new(path.to_str().unwrap())
}

/// Leaves the values as the file has them.
/// The records of `path` in its own units and order.
pub(crate) fn unnormalized(path: &Path) -> DataConfig {
    DataConfig {
        normalize: Normalize::None,
        split: Some(Split::Tail),
        ..config(path)
    }
}

pub(crate) fn load_path(path: &Path) -> Result<Dataset, DataError> {
    load(&config(path), 0)
}

/// Loads one file of these bytes.
pub(crate) fn load_bytes(name: &str, bytes: impl AsRef<[u8]>) -> Result<Dataset, DataError> {
    load_path(&Folder::new().put(name, bytes))
}

/// Row `row` in the players' units.
pub(crate) fn row(dataset: &Dataset, row: usize) -> Vec<f32> {
    let mut out = vec![0.0; dataset.records.cols()];
    dataset.records.copy_row(row, &mut out);
    out
}
