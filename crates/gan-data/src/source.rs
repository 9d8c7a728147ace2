//! Finds out what a path holds and hands it to the loader of that kind.

use std::path::Path;

use crate::config::{DataConfig, Format, Normalize};
use crate::error::{DataError, DataProblem};
use crate::input::{Input, as_text, extension, list};
#[cfg(feature = "parquet")]
use crate::parquet;
use crate::record::{Loaded, Raw};
use crate::table::{self, Table, TableKeys};
use crate::{archive, array, cifar, folder, idx, npy};

/// Extensions of tables; the other kinds begin with a magic number.
pub(crate) const TABLES: [&str; 6] = ["csv", "tsv", "tab", "txt", "dat", "data"];

/// Extensions of tables of typed columns.
pub(crate) const COLUMNS: [&str; 5] = ["parquet", "pq", "feather", "arrow", "ipc"];

/// The largest height and width that pictures are brought to.
const LARGEST_SIDE: usize = 4096;

/// What a path holds, as far as its name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileContents {
    /// A table, as text or of typed columns.
    Table,
    /// Arrays of numbers.
    Array,
    /// Images, or a directory.
    Images,
}

/// What the file or directory at `path`, or the file of `file.npz:name`, holds by its name; none if
/// nothing is there, or its name says nothing.
#[must_use]
pub fn contents_of(path: &Path) -> Option<FileContents> {
    let named = path
        .to_str()
        .map(|path| DataConfig::new(path).with_named_array().source);
    let path = named.as_ref().map_or(path, Path::new);
    if path.is_dir() {
        return Some(FileContents::Images);
    }
    if !path.exists() {
        return None;
    }
    match extension(path).as_str() {
        "bin" => Some(FileContents::Images),
        "npy" | "npz" | "safetensors" => Some(FileContents::Array),
        table if TABLES.contains(&table) || COLUMNS.contains(&table) => Some(FileContents::Table),
        _ if idx::is_idx_name(path) => Some(FileContents::Images),
        _ => None,
    }
}

/// What the configuration says of how a file is read.
#[derive(Clone, Copy)]
pub(crate) struct Keys<'a> {
    /// The name of the array that is meant, of several in a file.
    pub(crate) array: Option<&'a str>,
    /// The size of the images that its records are.
    pub(crate) image: Option<&'a [usize]>,
    pub(crate) table: TableKeys<'a>,
}

/// Reads a file by its content, or a directory by the names in it.
pub(crate) fn read(path: &Path, config: &DataConfig) -> Result<Loaded, DataError> {
    if path.is_dir() {
        return read_directory(path, config);
    }
    read_input(Input::open(path)?, config)
}

/// Reads a file by its content.
pub(crate) fn read_input(input: Input, config: &DataConfig) -> Result<Loaded, DataError> {
    let path = &input.path().to_path_buf();
    let image = config.image.as_deref();
    let keys = Keys {
        array: config.array.as_deref(),
        image,
        table: TableKeys {
            delimiter: config.delimiter,
            header: config.header,
            columns: config.columns.as_deref(),
            drop: &config.drop,
            all: image.is_some(),
            mixed: (config.normalize == Normalize::Columns && image.is_none())
                .then_some(&config.kinds),
        },
    };
    if idx::is_idx(&input) {
        return idx::load_file(input, image);
    }
    if input.prefix().starts_with(npy::MAGIC) {
        return npy::load(input, keys);
    }
    // Before the magic of Parquet, which is text: a table may begin with it.
    if config.format == Some(Format::Table) || TABLES.contains(&extension(path).as_str()) {
        return read_table(input, keys);
    }
    #[cfg(feature = "parquet")]
    if parquet::MAGICS
        .iter()
        .any(|magic| input.prefix().starts_with(magic))
    {
        return parquet::load(input, keys);
    }
    match extension(path).as_str() {
        "npz" => archive::load_npz(input, keys),
        "safetensors" => archive::load_safetensors(input, keys),
        "bin" => cifar::load_file(input),
        #[cfg(not(feature = "parquet"))]
        typed if COLUMNS.contains(&typed) => Err(input.error(DataProblem::NotBuilt)),
        #[cfg(feature = "parquet")]
        typed if COLUMNS.contains(&typed) => {
            if let Some(found) = parquet::other_arrow(input.prefix()) {
                return Err(input.error(DataProblem::OtherArrow { found }));
            }
            let found = "it begins neither as Parquet nor as Arrow's IPC format, version 2";
            Err(input.error(DataProblem::Archive(found.into())))
        }
        // Named as kinds that begin with a magic number, which is absent.
        "npy" => Err(npy::bad_magic(&input)),
        _ if idx::is_idx_name(path) => Err(idx::bad_magic(&input)),
        "" => Err(unknown(path, "a file without extension".into())),
        other => Err(unknown(path, format!("a file of extension .{other}"))),
    }
}

fn read_table(input: Input, keys: Keys<'_>) -> Result<Loaded, DataError> {
    let path = input.path().to_path_buf();
    let text = input.whole()?;
    table::read(text, keys.table)
        .and_then(|table| Loaded::of_table(table, keys.image))
        .map_err(|problem| problem.at(path))
}

impl Loaded {
    /// The records of a table, or the images that they are.
    pub(crate) fn of_table(table: Table, image: Option<&[usize]>) -> Result<Self, DataProblem> {
        match image {
            Some(image) => images_of(table, image),
            None => Ok(Self::table(table)),
        }
    }
}

/// The images that the records of a table are, and the labels of its column `label`, if it has one.
fn images_of(mut table: Table, image: &[usize]) -> Result<Loaded, DataProblem> {
    let names: Vec<_> = table
        .shape
        .learnt()
        .map(|(name, _)| name.to_lowercase())
        .collect();
    let label = names.iter().position(|name| name == "label");
    let mut labels = Vec::new();
    if let Some(label) = label {
        let cols = table.cols;
        let mut index = 0;
        table.values.retain(|&value| {
            let is_label = index % cols == label;
            index += 1;
            if is_label {
                labels.push(value);
            }
            !is_label
        });
        table.cols -= 1;
    }
    let size = array::key(image, table.cols)?;
    let loaded = array::images(Raw::Doubles(table.values), size, array::Order::Pixels)?;
    let is_class = |value: &f64| value.fract() == 0.0 && (0.0..256.0).contains(value);
    if labels.is_empty() || !labels.iter().all(is_class) {
        return Ok(loaded);
    }
    let labels: Vec<u8> = labels.into_iter().map(|label| label as u8).collect();
    let classes = labels
        .iter()
        .max()
        .map_or(1, |&label| usize::from(label) + 1);
    Ok(loaded.with_labels(labels, classes))
}

fn read_directory(path: &Path, config: &DataConfig) -> Result<Loaded, DataError> {
    let exact = list(path).map_err(|source| DataProblem::unreadable(source).at(path))?;
    let names = as_text(&exact);
    if let Some(loaded) = idx::load_directory(path, &names) {
        return loaded;
    }
    if let Some(loaded) = cifar::load_directory(path, &names) {
        return loaded;
    }
    if let Some([height, width]) = config.resize
        && !([height, width]
            .iter()
            .all(|size| (1..=LARGEST_SIDE).contains(size)))
    {
        let problem = DataProblem::Resize {
            found: [height, width],
            expected: LARGEST_SIDE,
        };
        return Err(problem.at(path));
    }
    if let Some(loaded) = folder::load(path, &exact, config.resize) {
        return loaded;
    }
    let candidate = names.iter().find(|name| may_be_data(name));
    let problem = DataProblem::NotADataSet {
        candidate: candidate.map(|name| path.join(name)),
        found: names,
        expected: "MNIST (train-images-idx3-ubyte, ...) or CIFAR-10 (data_batch_1.bin, ...), or .png or .jpg pictures",
    };
    Err(problem.at(path))
}

/// True for a directory, and for a file whose name suggests a kind that is read.
fn may_be_data(name: &str) -> bool {
    let path = Path::new(name);
    let has_known_extension = match extension(path).as_str() {
        "bin" | "npy" | "npz" | "safetensors" => true,
        other => TABLES.contains(&other) || COLUMNS.contains(&other),
    };
    name.ends_with('/') || has_known_extension || idx::is_idx_name(path)
}

fn unknown(path: &Path, found: String) -> DataError {
    DataProblem::UnknownKind { found }.at(path)
}
