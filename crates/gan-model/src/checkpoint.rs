//! Checkpoints: one safetensors file that holds all that the rest of a run depends on.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsString;
use std::fmt::Display;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use gan_kernels::{Backend, BackendError, Head, Matrix, Real};
use safetensors::tensor::{Dtype, Metadata, View};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::conditions::Conditions;
use crate::config::{ConfigError, GameConfig, GeneratorConfig};
use crate::data::check_heads;
use crate::mlp::Mlp;

/// Version of the names, shapes and metadata that a checkpoint has.
pub const FORMAT_VERSION: u32 = 1;

/// Most iterations of a game: what is counted per iteration stays within 64 bits too.
pub const MOST_STEPS: u64 = 1_000_000_000_000;

/// The one key of the file's metadata; its value is a [`Header`] as JSON.
///
/// One key and not one for each field, because the metadata is a hash map: the same run must give
/// the same bytes.
const METADATA_KEY: &str = "gan_checkpoint";

/// The annotation that is the heads of mixed records, as JSON.
pub(crate) const HEADS: &str = "heads";

/// The annotation that is the conditions of the training records, as JSON.
pub(crate) const CONDITIONS: &str = "conditions";

/// The longest header of a safetensors file, as its authors have it.
const MAX_HEADER: u64 = 100_000_000;

/// The contents of a checkpoint beside its tensors.
#[derive(Deserialize, Serialize)]
struct Header {
    format_version: u32,
    step: u64,
    seed: u64,
    config: String,
    config_sha256: String,
    annotations: BTreeMap<String, String>,
    /// SHA-256 of each tensor's bytes; files of older programs have none.
    #[serde(default)]
    tensors_sha256: BTreeMap<String, String>,
    /// SHA-256 of the fields above, as [`Header::digest`] has them; empty likewise.
    #[serde(default)]
    header_sha256: String,
}

impl Header {
    /// SHA-256 of all that is neither a hash nor hashed by itself, and of the tensors' hashes.
    fn digest(&self) -> Result<String, serde_json::Error> {
        let fields = (
            self.step,
            self.seed,
            &self.annotations,
            &self.tensors_sha256,
        );
        Ok(sha256(&serde_json::to_vec(&fields)?))
    }
}

/// SHA-256 of `bytes`, in hexadecimal.
fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Parameters, the optimisers' moments, step, seed and configuration of a run.
///
/// Addressed randomness makes this complete: latents, masks and the shuffle follow from seed and
/// step.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Iterations done.
    pub step: u64,
    /// Seed of the run.
    pub seed: u64,
    /// The run's configuration, as text: see [`Checkpoint::config`].
    pub config: String,
    /// Whatever else belongs to the run, such as how to show its samples.
    pub annotations: BTreeMap<String, String>,
    pub(crate) tensors: BTreeMap<String, Tensor>,
}

/// A tensor as the file holds it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tensor {
    shape: [usize; 2],
    /// Type of the elements, which is that of the back end that wrote them: F32 or F64.
    dtype: Dtype,
    /// The elements, row-major and little-endian.
    bytes: Vec<u8>,
}

impl Tensor {
    /// A copy of `matrix`.
    pub(crate) fn read<B: Backend>(backend: &B, matrix: &Matrix<B>) -> Result<Self, BackendError> {
        let values = backend.read(matrix.all())?;
        Ok(Self::of(shape(matrix), &values))
    }

    /// Of `values`, row-major.
    pub(crate) fn of<T: Real>(shape: [usize; 2], values: &[T]) -> Self {
        let values = values.iter().map(|value| value.to_f64());
        let (dtype, bytes) = if size_of::<T>() == size_of::<f32>() {
            let bytes = values.flat_map(|value| (value as f32).to_le_bytes());
            (Dtype::F32, bytes.collect())
        } else {
            (Dtype::F64, values.flat_map(f64::to_le_bytes).collect())
        };
        Self {
            shape,
            dtype,
            bytes,
        }
    }

    fn values(&self) -> Vec<f64> {
        if self.dtype == Dtype::F32 {
            let elements = self.bytes.as_chunks().0.iter();
            return elements.map(|&x| f32::from_le_bytes(x).into()).collect();
        }
        let elements = self.bytes.as_chunks().0.iter();
        elements.map(|&x| f64::from_le_bytes(x)).collect()
    }
}

/// A checkpoint that cannot be written, read or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what variants and fields are")]
pub enum CheckpointError {
    #[error("{path}: {action}: {source}")]
    Io {
        path: PathBuf,
        /// The action that failed.
        action: &'static str,
        source: io::Error,
    },
    /// Not a safetensors file, or a damaged one.
    #[error("{path}: not a checkpoint: {reason}")]
    Format { path: PathBuf, reason: String },
    #[error("{path}: checkpoint format {found}, expected {FORMAT_VERSION}")]
    Version { path: PathBuf, found: u32 },
    /// The players have a tensor that the checkpoint lacks.
    #[error("checkpoint: tensor {name} is missing, expected shape {expected:?}")]
    Missing { name: String, expected: [usize; 2] },
    /// The checkpoint has a tensor that the players lack.
    #[error("checkpoint: tensor {name} belongs to no layer")]
    Unknown { name: String },
    #[error("checkpoint: tensor {name} has shape {found:?}, expected {expected:?}")]
    Shape {
        name: String,
        found: [usize; 2],
        expected: [usize; 2],
    },
    /// The heads of its records are not those of the game.
    #[error("checkpoint: found {found}, expected {expected}")]
    Heads { found: String, expected: String },
    /// The conditions of its records are not those of the game.
    #[error("checkpoint: found {found}, expected {expected}")]
    Conditions { found: String, expected: String },
    /// The text beside the tensors, which a caller may have left empty, describes no game.
    #[error("checkpoint: its text is {0}")]
    Config(#[from] ConfigError),
}

impl CheckpointError {
    /// A remedy, where one is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        use io::ErrorKind as K;
        let path = match self {
            Self::Io { source, .. } => {
                let hint = match source.kind() {
                    // Other is what is no file, as `open` finds it.
                    K::NotFound | K::Other => {
                        "give the directory of a run, or a file of its checkpoints/"
                    }
                    K::PermissionDenied => "check the owner and the permissions of the path",
                    K::StorageFull | K::QuotaExceeded => "free some space on its disk",
                    K::OutOfMemory => "end other programs, or use a machine with more memory",
                    K::ReadOnlyFilesystem => "write to a directory that can be written",
                    _ => "look at the system's log: its disk may be failing",
                };
                return Some(hint.into());
            }
            Self::Format { path, .. } | Self::Version { path, .. } => path,
            _ => return Some("use another checkpoint of its run".into()),
        };
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).display().to_string();
        let folder = folder.replace('\'', r"'\''");
        Some(format!(
            "use another checkpoint of its run; this lists what is beside it: ls '{folder}'"
        ))
    }
}

impl Checkpoint {
    /// A checkpoint of tensors that no trainer made: names, rows and columns, and values row-major.
    ///
    /// # Panics
    /// If a tensor has not a value for each place.
    #[must_use]
    #[track_caller]
    pub fn of_tensors(
        step: u64,
        seed: u64,
        config: String,
        annotations: BTreeMap<String, String>,
        tensors: impl IntoIterator<Item = (String, [usize; 2], Vec<f32>)>,
    ) -> Self {
        let tensors = tensors.into_iter().map(|(name, shape, values)| {
            assert_eq!(values.len(), shape[0] * shape[1], "checkpoint: {name}");
            (name, Tensor::of(shape, &values))
        });
        Self {
            tensors: tensors.collect(),
            step,
            seed,
            config,
            annotations,
        }
    }

    /// The game that the configuration's text describes: in TOML the tables of a [`GameConfig`],
    /// beside which there may be others, such as those of a whole run.
    ///
    /// # Errors
    /// If the text is something else, as it may be: [`Trainer::checkpoint`](crate::Trainer) takes
    /// any.
    pub fn config(&self) -> Result<GameConfig, CheckpointError> {
        Ok(GameConfig::from_run(&self.config)?)
    }

    /// The heads of the records that G makes under `config`, of `cols` values each; none where they
    /// are not mixed.
    ///
    /// # Errors
    /// If it has none where `config` needs them, or the other way round, or others than make records
    /// of `cols` values.
    pub(crate) fn heads(
        &self,
        config: &GeneratorConfig,
        cols: usize,
    ) -> Result<Vec<Head>, CheckpointError> {
        let error = |found| CheckpointError::Heads {
            found,
            expected: match config.heads {
                Some(_) => format!("heads of {cols} values in all"),
                None => "no heads".into(),
            },
        };
        let heads: Vec<Head> = match self.annotations.get(HEADS) {
            None => Vec::new(),
            Some(text) => serde_json::from_str(text)
                .map_err(|reason| error(format!("no list of heads: {reason}")))?,
        };
        let found = match config.heads {
            Some(_) => check_heads(&heads, cols),
            None if heads.is_empty() => Ok(()),
            None => Err(format!("{} heads", heads.len())),
        };
        found.map(|()| heads).map_err(error)
    }

    /// The conditions that G is given, if it is given some, of records of `cols` values.
    ///
    /// # Errors
    /// If what it says of them is something else.
    pub fn conditions(&self, cols: usize) -> Result<Option<Conditions>, CheckpointError> {
        let error = |found| CheckpointError::Conditions {
            found,
            expected: "columns of levels and how often their combinations occur".into(),
        };
        let Some(text) = self.annotations.get(CONDITIONS) else {
            return Ok(None);
        };
        let conditions: Conditions = serde_json::from_str(text)
            .map_err(|reason| error(format!("no conditions: {reason}")))?;
        conditions.check(cols).map_err(error)?;
        Ok(Some(conditions))
    }

    /// SHA-256 of the configuration's text, in hexadecimal.
    #[must_use]
    pub fn config_hash(&self) -> String {
        sha256(self.config.as_bytes())
    }

    /// Name and shape of every tensor, in the order of names.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, [usize; 2])> {
        let tensors = self.tensors.iter();
        tensors.map(|(name, tensor)| (name.as_str(), tensor.shape))
    }

    /// The values of a tensor, row-major.
    #[must_use]
    pub fn tensor(&self, name: &str) -> Option<Vec<f64>> {
        self.tensors.get(name).map(Tensor::values)
    }

    /// True if the tensors of `player` are the same bits in both.
    #[cfg(test)]
    pub(crate) fn same_tensors(&self, other: &Self, player: &str) -> bool {
        let of = |tensors: &BTreeMap<String, Tensor>| {
            let mut tensors = tensors.clone();
            tensors.retain(|name, _| name.starts_with(player));
            tensors
        };
        of(&self.tensors) == of(&other.tensors)
    }

    /// True if every parameter and moment is finite.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        let mut tensors = self.tensors.values();
        tensors.all(|tensor| tensor.values().iter().all(|x| x.is_finite()))
    }

    /// Writes the file beside `path`, syncs it to disk and renames it, so that `path` is at every
    /// moment a whole checkpoint: the one before or this one.
    ///
    /// # Errors
    /// The operating system's answer; what was at `path` before is still there then.
    pub fn save(&self, path: &Path) -> Result<(), CheckpointError> {
        let bytes = self.to_bytes(path)?;
        let mut name = OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(".");
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        let folder = folder.unwrap_or(Path::new("."));
        let write = || -> io::Result<()> {
            // Hidden, with a random name, and new: two processes may save side by side, and what
            // others have put there, a link that leads elsewhere for instance, is not written to.
            // Half a file helps nobody: where anything fails, it goes as it is dropped.
            let mut beside = tempfile::Builder::new()
                .prefix(&name)
                .suffix(".part")
                .make_in(folder, |path| {
                    OpenOptions::new().write(true).create_new(true).open(path)
                })?;
            beside.as_file_mut().write_all(&bytes)?;
            beside.as_file().sync_all()?;
            beside.persist(path).map_err(|refused| refused.error)?;
            Ok(())
        };
        write().map_err(|source| io_error(path, "cannot write the checkpoint", source))?;
        // The rename itself must reach the disk too; not every platform can sync a directory.
        if let Ok(folder) = File::open(folder) {
            let _ = folder.sync_all();
        }
        Ok(())
    }

    /// The bytes of the file, which is called `path` in messages.
    ///
    /// # Errors
    /// If the text beside the tensors is too long for a file.
    pub fn to_bytes(&self, path: &Path) -> Result<Vec<u8>, CheckpointError> {
        let hash = |(name, tensor): (&String, &Tensor)| (name.clone(), sha256(&tensor.bytes));
        let mut header = Header {
            format_version: FORMAT_VERSION,
            step: self.step,
            seed: self.seed,
            config: self.config.clone(),
            config_sha256: self.config_hash(),
            annotations: self.annotations.clone(),
            tensors_sha256: self.tensors.iter().map(hash).collect(),
            header_sha256: String::new(),
        };
        let json = |error| not_a_checkpoint(path, error);
        header.header_sha256 = header.digest().map_err(json)?;
        let header = serde_json::to_string(&header).map_err(json)?;
        let metadata = HashMap::from([(METADATA_KEY.to_owned(), header)]);
        safetensors::serialize(&self.tensors, Some(metadata))
            .map_err(|error| not_a_checkpoint(path, error))
    }

    /// True if the file at `path` begins as every checkpoint does, be it damaged further on.
    #[must_use]
    pub fn begins_at(path: &Path) -> bool {
        /// The length of the header, and the metadata's first key.
        const HEAD: u64 = 200;
        let mut head = Vec::new();
        // A pipe would be waited for.
        path.is_file()
            && File::open(path)
                .and_then(|file| file.take(HEAD).read_to_end(&mut head))
                .is_ok()
            && String::from_utf8_lossy(&head).contains(METADATA_KEY)
    }

    /// Reads the file at `path`.
    ///
    /// # Errors
    /// If it cannot be read, is no checkpoint, is damaged, or of another format version.
    pub fn load(path: &Path) -> Result<Self, CheckpointError> {
        let unreadable = |source| io_error(path, "cannot read the checkpoint", source);
        let (file, length) = open(path).map_err(unreadable)?;
        Self::read(file, length, path)
    }

    /// From the bytes of a file, which is called `path` in messages.
    ///
    /// # Errors
    /// As [`Checkpoint::load`].
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, CheckpointError> {
        Self::read(bytes, bytes.len() as u64, path)
    }

    /// From a file of `length` bytes.
    fn read(mut file: impl Read, length: u64, path: &Path) -> Result<Self, CheckpointError> {
        let unreadable = |source| io_error(path, "cannot read the checkpoint", source);
        let format = |reason: &dyn Display| not_a_checkpoint(path, reason);
        let header = read_header(&mut file, length).map_err(unreadable)?;
        let header = header.ok_or_else(|| format(&"no safetensors file, or a truncated one"))?;
        let header_length = 8 + header.len() as u64;
        let header: Metadata = serde_json::from_slice(&header).map_err(|error| format(&error))?;
        // Before anything is allocated for the tensors.
        let expected = header_length.saturating_add(header.data_len() as u64);
        if length != expected {
            let reason = format_args!(
                "found {length} bytes, expected {expected}: it is truncated or damaged"
            );
            return Err(format(&reason));
        }
        let infos = header.offset_keys().into_iter();
        let infos = infos.filter_map(|name| Some((header.info(&name)?, name)));
        let header = header
            .metadata()
            .as_ref()
            .and_then(|metadata| metadata.get(METADATA_KEY))
            .ok_or_else(|| format(&format_args!("metadata has no {METADATA_KEY}")))?;
        // The version first: the other fields may differ in another one.
        #[derive(Deserialize)]
        struct Version {
            format_version: u32,
        }
        let version: Version = serde_json::from_str(header).map_err(|error| format(&error))?;
        if version.format_version != FORMAT_VERSION {
            return Err(CheckpointError::Version {
                path: path.to_path_buf(),
                found: version.format_version,
            });
        }
        let header: Header = serde_json::from_str(header).map_err(|error| format(&error))?;
        if header.step > MOST_STEPS {
            let step = header.step;
            let reason = format_args!("found step {step}, expected at most {MOST_STEPS}");
            return Err(format(&reason));
        }
        // Either alone: a damaged name of one of the two fields leaves the other.
        let is_hashed = !(header.header_sha256.is_empty() && header.tensors_sha256.is_empty());
        if is_hashed && header.digest().ok().as_ref() != Some(&header.header_sha256) {
            let reason = "step, seed, annotations or hashes of tensors and their hash disagree: \
                          the file is damaged";
            return Err(format(&reason));
        }
        let hashes = header.tensors_sha256;
        let mut checkpoint = Self {
            step: header.step,
            seed: header.seed,
            config: header.config,
            annotations: header.annotations,
            tensors: BTreeMap::new(),
        };
        if checkpoint.config_hash() != header.config_sha256 {
            let reason = "configuration and its hash disagree: the file is damaged";
            return Err(format(&reason));
        }
        for (info, name) in infos {
            let [rows, cols] = *info.shape.as_slice() else {
                let axes = info.shape.len();
                return Err(format(&format_args!("tensor {name} has {axes} axes")));
            };
            let dtype = info.dtype;
            if !matches!(dtype, Dtype::F32 | Dtype::F64) {
                return Err(format(&format_args!("tensor {name} has type {dtype:?}")));
            }
            let (begin, end) = info.data_offsets;
            let mut bytes = vec![0; end - begin];
            file.read_exact(&mut bytes).map_err(unreadable)?;
            if is_hashed && hashes.get(&name) != Some(&sha256(&bytes)) {
                let reason =
                    format_args!("tensor {name} and its hash disagree: the file is damaged");
                return Err(format(&reason));
            }
            let shape = [rows, cols];
            let tensor = Tensor {
                shape,
                dtype,
                bytes,
            };
            // No run keeps such a state.
            if !tensor.values().iter().all(|value| value.is_finite()) {
                let reason = format_args!("tensor {name} holds values that are no finite numbers");
                return Err(format(&reason));
            }
            checkpoint.tensors.insert(name, tensor);
        }
        Ok(checkpoint)
    }

    /// Copies the matrix `name` out.
    pub(crate) fn fetch<B: Backend>(
        &self,
        backend: &B,
        name: &str,
        matrix: &mut Matrix<B>,
    ) -> Result<(), CheckpointError> {
        let values = self.expect(name, shape(matrix))?.values().into_iter();
        backend.write(matrix, &values.map(Real::from_f64).collect::<Vec<_>>());
        Ok(())
    }

    /// The tensor `name`, which must have the shape `expected`.
    fn expect(&self, name: &str, expected: [usize; 2]) -> Result<&Tensor, CheckpointError> {
        let name = name.to_owned();
        match self.tensors.get(&name) {
            None => Err(CheckpointError::Missing { name, expected }),
            Some(Tensor { shape, .. }) if *shape != expected => Err(CheckpointError::Shape {
                name,
                found: *shape,
                expected,
            }),
            Some(tensor) => Ok(tensor),
        }
    }

    /// Checks that the tensors are those of these names and shapes, and no others.
    pub(crate) fn check_all(
        &self,
        tensors: impl Iterator<Item = (String, [usize; 2])>,
    ) -> Result<(), CheckpointError> {
        let mut unknown: BTreeSet<_> = self.tensors.keys().collect();
        for (name, shape) in tensors {
            self.expect(&name, shape)?;
            unknown.remove(&name);
        }
        match unknown.pop_first() {
            None => Ok(()),
            Some(name) => Err(CheckpointError::Unknown { name: name.clone() }),
        }
    }

    /// Values per record, from the bias of the last of G's `layers` layers.
    pub(crate) fn generator_cols(&self, layers: usize) -> Result<usize, CheckpointError> {
        let name = format!("generator.{}.b", layers.saturating_sub(1));
        match self.tensors.get(&name).filter(|_| layers > 0) {
            Some(tensor) => Ok(tensor.shape[1]),
            None => Err(CheckpointError::Missing {
                name,
                expected: [1, 0],
            }),
        }
    }
}

/// The shape of a matrix, as a tensor has it.
pub(crate) fn shape<B: Backend>(matrix: &Matrix<B>) -> [usize; 2] {
    [matrix.row_count(), matrix.cols()]
}

/// `generator.0.w`, `generator.0.b`, `generator.0.moment0.w`, … with what they name; `part` stands
/// behind the layer's number.
pub(crate) fn named<'a, B: Backend>(
    mlp: &'a Mlp<B>,
    player: &'a str,
    part: &'a str,
) -> impl Iterator<Item = (String, &'a Matrix<B>)> {
    mlp.layers.iter().enumerate().flat_map(move |(i, layer)| {
        let pairs = layer.moments.iter().map(|[w, b]| [w, b]);
        in_pairs(format!("{player}.{i}{part}"), [&layer.w, &layer.b], pairs)
    })
}

/// The same, to write.
pub(crate) fn named_mut<'a, B: Backend>(
    mlp: &'a mut Mlp<B>,
    player: &'a str,
    part: &'a str,
) -> impl Iterator<Item = (String, &'a mut Matrix<B>)> {
    let layers = mlp.layers.iter_mut().enumerate();
    layers.flat_map(move |(i, layer)| {
        let pairs = layer.moments.iter_mut().map(|pair| pair.each_mut());
        let parameters = [&mut layer.w, &mut layer.b];
        in_pairs(format!("{player}.{i}{part}"), parameters, pairs)
    })
}

/// A layer's weights and bias by name, and its moments of both.
fn in_pairs<M>(
    layer: String,
    parameters: [M; 2],
    moments: impl Iterator<Item = [M; 2]>,
) -> impl Iterator<Item = (String, M)> {
    let moments = moments.enumerate();
    let moments = moments.map(|(i, pair)| (format!(".moment{i}"), pair));
    let pairs = std::iter::once((String::new(), parameters)).chain(moments);
    pairs.flat_map(move |(kept, [w, b])| {
        [
            (format!("{layer}{kept}.w"), w),
            (format!("{layer}{kept}.b"), b),
        ]
    })
}

/// Opens a file to read, and its length; a device or a pipe, which may have no end, is refused.
fn open(path: &Path) -> io::Result<(File, u64)> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other(
            "found a directory, a device or a pipe, expected a file",
        ));
    }
    Ok((File::open(path)?, metadata.len()))
}

/// The header of the safetensors file that `file`, of `length` bytes, begins as; none if it is none.
fn read_header(file: &mut impl Read, length: u64) -> io::Result<Option<Vec<u8>>> {
    let mut size = [0; 8];
    if length < 8 {
        return Ok(None);
    }
    file.read_exact(&mut size)?;
    let size = u64::from_le_bytes(size);
    if size > MAX_HEADER.min(length - 8) {
        return Ok(None);
    }
    let mut header = Vec::new();
    file.take(size).read_to_end(&mut header)?;
    Ok(Some(header))
}

/// The operating system did not let `action` happen at `path`.
fn io_error(path: &Path, action: &'static str, source: io::Error) -> CheckpointError {
    let path = path.to_path_buf();
    CheckpointError::Io {
        path,
        action,
        source,
    }
}

/// The file at `path` is no checkpoint, for `reason`.
fn not_a_checkpoint(path: &Path, reason: impl Display) -> CheckpointError {
    CheckpointError::Format {
        path: path.to_path_buf(),
        reason: reason.to_string(),
    }
}

impl View for &Tensor {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        (&self.bytes).into()
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}
