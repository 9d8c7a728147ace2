//! Checkpoints: one safetensors file that holds all that the rest of a run depends on.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use gan_kernels::{Backend, BackendError, Matrix, Real};
use safetensors::tensor::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::{ConfigError, GameConfig};
use crate::mlp::Mlp;

/// Version of the names, shapes and metadata that a checkpoint has.
pub const FORMAT_VERSION: u32 = 1;

/// The one key of the file's metadata; its value is a [`Header`] as JSON.
///
/// One key and not one for each field, because the metadata is a hash map: the same run must give
/// the same bytes.
const METADATA_KEY: &str = "gan_checkpoint";

/// The contents of a checkpoint beside its tensors.
#[derive(Deserialize, Serialize)]
struct Header {
    format_version: u32,
    step: u64,
    seed: u64,
    config: String,
    config_sha256: String,
    annotations: BTreeMap<String, String>,
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
        let values = values.into_iter().map(Real::to_f64);
        let (dtype, bytes) = if size_of::<B::Elem>() == size_of::<f32>() {
            let bytes = values.flat_map(|value| (value as f32).to_le_bytes());
            (Dtype::F32, bytes.collect())
        } else {
            (Dtype::F64, values.flat_map(f64::to_le_bytes).collect())
        };
        Ok(Self {
            shape: [matrix.row_count(), matrix.cols()],
            dtype,
            bytes,
        })
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
    /// The text beside the tensors, which a caller may have left empty, describes no game.
    #[error("checkpoint: its text is {0}")]
    Config(#[from] ConfigError),
}

impl Checkpoint {
    /// The game that the configuration's text describes: in TOML the tables of a [`GameConfig`],
    /// beside which there may be others, such as those of a whole run.
    ///
    /// # Errors
    /// If the text is something else, as it may be: [`Trainer::checkpoint`](crate::Trainer) takes
    /// any.
    pub fn config(&self) -> Result<GameConfig, CheckpointError> {
        Ok(GameConfig::from_run(&self.config)?)
    }

    /// SHA-256 of the configuration's text, in hexadecimal.
    #[must_use]
    pub fn config_hash(&self) -> String {
        let digest = Sha256::digest(self.config.as_bytes());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
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
        // Hidden, and nobody else's: two processes may save side by side.
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let beside = path.with_file_name(format!(".{name}.{}.part", std::process::id()));
        let write = || -> io::Result<()> {
            let mut file = File::create(&beside)?;
            file.write_all(&bytes)?;
            file.sync_all()
        };
        write()
            .and_then(|()| fs::rename(&beside, path))
            .map_err(|source| {
                // Half a file helps nobody, and on a full disk it is in the way.
                let _ = fs::remove_file(&beside);
                io_error(path, "cannot write the checkpoint", source)
            })?;
        // The rename itself must reach the disk too; not every platform can sync a directory.
        if let Some(Ok(folder)) = path.parent().map(File::open) {
            let _ = folder.sync_all();
        }
        Ok(())
    }

    fn to_bytes(&self, path: &Path) -> Result<Vec<u8>, CheckpointError> {
        let header = Header {
            format_version: FORMAT_VERSION,
            step: self.step,
            seed: self.seed,
            config: self.config.clone(),
            config_sha256: self.config_hash(),
            annotations: self.annotations.clone(),
        };
        let header =
            serde_json::to_string(&header).map_err(|error| not_a_checkpoint(path, error))?;
        let metadata = HashMap::from([(METADATA_KEY.to_owned(), header)]);
        safetensors::serialize(&self.tensors, Some(metadata))
            .map_err(|error| not_a_checkpoint(path, error))
    }

    /// Reads the file at `path`.
    ///
    /// # Errors
    /// If it cannot be read, is no checkpoint, is damaged, or of another format version.
    pub fn load(path: &Path) -> Result<Self, CheckpointError> {
        let unreadable = |source| io_error(path, "cannot read the checkpoint", source);
        let bytes = fs::read(path).map_err(unreadable)?;
        let format = |reason: &dyn Display| not_a_checkpoint(path, reason);
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|error| format(&error))?;
        let metadata = header.metadata().as_ref();
        let header = metadata
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
        let tensors = SafeTensors::deserialize(&bytes).map_err(|error| format(&error))?;
        for (name, view) in tensors.iter() {
            let [rows, cols] = *view.shape() else {
                let axes = view.shape().len();
                return Err(format(&format_args!("tensor {name} has {axes} axes")));
            };
            let dtype = view.dtype();
            if !matches!(dtype, Dtype::F32 | Dtype::F64) {
                return Err(format(&format_args!("tensor {name} has type {dtype:?}")));
            }
            let tensor = Tensor {
                shape: [rows, cols],
                dtype,
                bytes: view.data().to_vec(),
            };
            checkpoint.tensors.insert(name.to_owned(), tensor);
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
        let values = self.expect(name, matrix)?.values().into_iter();
        backend.write(matrix, &values.map(Real::from_f64).collect::<Vec<_>>());
        Ok(())
    }

    /// The tensor `name`, which must have the shape of `matrix`.
    fn expect<B: Backend>(
        &self,
        name: &str,
        matrix: &Matrix<B>,
    ) -> Result<&Tensor, CheckpointError> {
        let (name, expected) = (name.to_owned(), [matrix.row_count(), matrix.cols()]);
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

    /// Checks that the tensors are those of `matrices`, in their shapes, and no others.
    pub(crate) fn check_all<'a, B: Backend + 'a>(
        &self,
        matrices: impl Iterator<Item = (String, &'a Matrix<B>)>,
    ) -> Result<(), CheckpointError> {
        let mut unknown: BTreeSet<_> = self.tensors.keys().collect();
        for (name, matrix) in matrices {
            self.expect(&name, matrix)?;
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
