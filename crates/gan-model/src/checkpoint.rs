//! Checkpoints: one safetensors file that holds all that the rest of a run depends on.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use gan_kernels::{Backend, BackendError, Matrix, Real};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::mlp::Mlp;

/// Version of the names, shapes and metadata that a checkpoint has.
pub const FORMAT_VERSION: u32 = 1;

/// The one key of the file's metadata; its value is a [`Header`] as JSON.
///
/// One key and not one for each field, because the metadata is a hash map: the same run must give
/// the same bytes.
const METADATA_KEY: &str = "gan_checkpoint";

/// What a checkpoint says beside its tensors.
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
    /// The run's configuration, as text.
    pub config: String,
    /// Whatever else belongs to the run, such as how to show its samples.
    pub annotations: BTreeMap<String, String>,
    tensors: BTreeMap<String, Tensor>,
}

#[derive(Clone, Debug, PartialEq)]
struct Tensor {
    shape: [usize; 2],
    values: Values,
}

/// Elements in the type of the back end that wrote them.
#[derive(Clone, Debug, PartialEq)]
enum Values {
    F32(Vec<f32>),
    F64(Vec<f64>),
}

/// A checkpoint that cannot be written, read or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The operating system's answer.
    #[error("{path}: {action}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// The answer.
        source: std::io::Error,
    },
    /// Not a safetensors file, or a damaged one.
    #[error("{path}: not a checkpoint: {reason}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Written by another version.
    #[error("{path}: checkpoint format {found}, expected {FORMAT_VERSION}")]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// The players have a tensor that the checkpoint lacks.
    #[error("checkpoint: tensor {name} is missing, expected shape {expected:?}")]
    Missing {
        /// The tensor.
        name: String,
        /// Its shape in the players.
        expected: [usize; 2],
    },
    /// The checkpoint has a tensor that the players lack.
    #[error("checkpoint: tensor {name} belongs to no layer")]
    Unknown {
        /// The tensor.
        name: String,
    },
    /// The shapes disagree.
    #[error("checkpoint: tensor {name} has shape {found:?}, expected {expected:?}")]
    Shape {
        /// The tensor.
        name: String,
        /// Its shape in the checkpoint.
        found: [usize; 2],
        /// Its shape in the players.
        expected: [usize; 2],
    },
}

impl Checkpoint {
    pub(crate) fn new(
        step: u64,
        seed: u64,
        config: String,
        annotations: BTreeMap<String, String>,
    ) -> Self {
        Self {
            step,
            seed,
            config,
            annotations,
            tensors: BTreeMap::new(),
        }
    }

    /// SHA-256 of the configuration's text, in hexadecimal.
    #[must_use]
    pub fn config_hash(&self) -> String {
        Sha256::digest(self.config.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// Name and shape of every tensor, in the order of names.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, [usize; 2])> {
        self.tensors
            .iter()
            .map(|(name, tensor)| (name.as_str(), tensor.shape))
    }

    /// The values of a tensor, row-major.
    #[must_use]
    pub fn tensor(&self, name: &str) -> Option<Vec<f64>> {
        self.tensors.get(name).map(|tensor| match &tensor.values {
            Values::F32(values) => values.iter().map(|&value| value.into()).collect(),
            Values::F64(values) => values.clone(),
        })
    }

    /// Whether the tensors of `player` are the same bits in both.
    #[cfg(test)]
    pub(crate) fn same_tensors(&self, other: &Self, player: &str) -> bool {
        let of = |checkpoint: &'_ Self| -> Vec<(String, Tensor)> {
            let tensors = checkpoint.tensors.clone().into_iter();
            tensors
                .filter(|(name, _)| name.starts_with(player))
                .collect()
        };
        of(self) == of(other)
    }

    /// Whether every parameter and moment is finite.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        self.tensors.values().all(|tensor| match &tensor.values {
            Values::F32(values) => values.iter().all(|value| value.is_finite()),
            Values::F64(values) => values.iter().all(|value| value.is_finite()),
        })
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
        let fail = |action| {
            let path = path.to_path_buf();
            move |source| CheckpointError::Io {
                path,
                action,
                source,
            }
        };
        let write = || -> std::io::Result<()> {
            let mut file = File::create(&beside)?;
            file.write_all(&bytes)?;
            file.sync_all()
        };
        write()
            .and_then(|()| fs::rename(&beside, path))
            .map_err(|source| {
                // Half a file helps nobody, and on a full disk it is in the way.
                let _ = fs::remove_file(&beside);
                fail("cannot write the checkpoint")(source)
            })?;
        // The rename itself must reach the disk too; not every platform can sync a directory.
        if let Some(Ok(folder)) = path.parent().map(File::open) {
            let _ = folder.sync_all();
        }
        Ok(())
    }

    fn to_bytes(&self, path: &Path) -> Result<Vec<u8>, CheckpointError> {
        let format = |reason: String| CheckpointError::Format {
            path: path.to_path_buf(),
            reason,
        };
        let header = Header {
            format_version: FORMAT_VERSION,
            step: self.step,
            seed: self.seed,
            config: self.config.clone(),
            config_sha256: self.config_hash(),
            annotations: self.annotations.clone(),
        };
        let header = serde_json::to_string(&header).map_err(|error| format(error.to_string()))?;
        let metadata = HashMap::from([(METADATA_KEY.to_owned(), header)]);
        let bytes: Vec<(&String, Dtype, [usize; 2], Vec<u8>)> = self
            .tensors
            .iter()
            .map(|(name, tensor)| match &tensor.values {
                Values::F32(v) => (
                    name,
                    Dtype::F32,
                    tensor.shape,
                    le_bytes(v, |v| v.to_le_bytes()),
                ),
                Values::F64(v) => (
                    name,
                    Dtype::F64,
                    tensor.shape,
                    le_bytes(v, |v| v.to_le_bytes()),
                ),
            })
            .collect();
        let mut views = Vec::new();
        for (name, dtype, shape, data) in &bytes {
            views.push((
                *name,
                TensorView::new(*dtype, shape.to_vec(), data)
                    .map_err(|error| format(error.to_string()))?,
            ));
        }
        safetensors::serialize(views, Some(metadata)).map_err(|error| format(error.to_string()))
    }

    /// Reads the file at `path`.
    ///
    /// # Errors
    /// If it cannot be read, is no checkpoint, is damaged, or of another format version.
    pub fn load(path: &Path) -> Result<Self, CheckpointError> {
        let bytes = fs::read(path).map_err(|source| CheckpointError::Io {
            path: path.to_path_buf(),
            action: "cannot read the checkpoint",
            source,
        })?;
        let format = |reason: String| CheckpointError::Format {
            path: path.to_path_buf(),
            reason,
        };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| format(e.to_string()))?;
        let metadata = header
            .metadata()
            .as_ref()
            .and_then(|metadata| metadata.get(METADATA_KEY));
        let header = metadata.ok_or_else(|| format(format!("metadata has no {METADATA_KEY}")))?;
        // The version first: the other fields may differ in another one.
        #[derive(Deserialize)]
        struct Version {
            format_version: u32,
        }
        let Version {
            format_version: found,
        } = serde_json::from_str(header).map_err(|error| format(error.to_string()))?;
        if found != FORMAT_VERSION {
            return Err(CheckpointError::Version {
                path: path.to_path_buf(),
                found,
            });
        }
        let Header {
            step,
            seed,
            config,
            config_sha256,
            annotations,
            ..
        } = serde_json::from_str(header).map_err(|error| format(error.to_string()))?;
        let mut checkpoint = Self::new(step, seed, config, annotations);
        if checkpoint.config_hash() != config_sha256 {
            return Err(format(
                "configuration and its hash disagree: the file is damaged".into(),
            ));
        }
        let tensors = SafeTensors::deserialize(&bytes).map_err(|e| format(e.to_string()))?;
        for (name, view) in tensors.iter() {
            let [rows, cols] = *view.shape() else {
                return Err(format(format!(
                    "tensor {name} has {} axes",
                    view.shape().len()
                )));
            };
            let values = match view.dtype() {
                Dtype::F32 => Values::F32(from_le_bytes(view.data(), f32::from_le_bytes)),
                Dtype::F64 => Values::F64(from_le_bytes(view.data(), f64::from_le_bytes)),
                other => return Err(format(format!("tensor {name} has type {other:?}"))),
            };
            checkpoint.tensors.insert(
                name.to_owned(),
                Tensor {
                    shape: [rows, cols],
                    values,
                },
            );
        }
        Ok(checkpoint)
    }

    /// Copies a player's parameters and moments in.
    pub(crate) fn store<B: Backend>(
        &mut self,
        backend: &B,
        player: &str,
        mlp: &Mlp<B>,
    ) -> Result<(), BackendError> {
        for (name, matrix) in matrices(player, mlp) {
            let values = backend.read(matrix.all())?;
            let values = if size_of::<B::Elem>() == size_of::<f32>() {
                Values::F32(values.iter().map(|value| value.to_f64() as f32).collect())
            } else {
                Values::F64(values.iter().map(|value| value.to_f64()).collect())
            };
            self.tensors.insert(
                name,
                Tensor {
                    shape: [matrix.row_count(), matrix.cols()],
                    values,
                },
            );
        }
        Ok(())
    }

    /// Copies a player's parameters and moments out.
    pub(crate) fn fetch<B: Backend>(
        &self,
        backend: &B,
        player: &str,
        mlp: &mut Mlp<B>,
    ) -> Result<(), CheckpointError> {
        self.check(player, mlp)?;
        for (name, matrix) in matrices_mut(player, mlp) {
            let values: Vec<B::Elem> = match &self.tensors[&name].values {
                Values::F32(values) => values
                    .iter()
                    .map(|&v| B::Elem::from_f64(v.into()))
                    .collect(),
                Values::F64(values) => values.iter().map(|&v| B::Elem::from_f64(v)).collect(),
            };
            backend.write(matrix, &values);
        }
        Ok(())
    }

    /// Checks that every tensor of the player is here in its shape.
    fn check<B: Backend>(&self, player: &str, mlp: &Mlp<B>) -> Result<(), CheckpointError> {
        for (name, matrix) in matrices(player, mlp) {
            let expected = [matrix.row_count(), matrix.cols()];
            match self.tensors.get(&name).map(|tensor| tensor.shape) {
                None => return Err(CheckpointError::Missing { name, expected }),
                Some(found) if found != expected => {
                    return Err(CheckpointError::Shape {
                        name,
                        found,
                        expected,
                    });
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Checks that the players' tensors are all here, in their shapes, and no others.
    pub(crate) fn expect_only<B: Backend>(
        &self,
        players: &[(&str, &Mlp<B>)],
    ) -> Result<(), CheckpointError> {
        let mut known = Vec::new();
        for (player, mlp) in players {
            self.check(player, mlp)?;
            known.extend(matrices(player, mlp).map(|(name, _)| name));
        }
        match self.tensors.keys().find(|name| !known.contains(name)) {
            None => Ok(()),
            Some(name) => Err(CheckpointError::Unknown { name: name.clone() }),
        }
    }

    /// Values per record, from the bias of the last of G's `layers` layers.
    pub(crate) fn generator_cols(&self, layers: usize) -> Result<usize, CheckpointError> {
        let name = format!("generator.{}.b", layers.saturating_sub(1));
        match self.tensors.get(&name) {
            Some(tensor) => Ok(tensor.shape[1]),
            None => Err(CheckpointError::Missing {
                name,
                expected: [1, 0],
            }),
        }
    }
}

/// `generator.0.w`, `generator.0.b`, `generator.0.moment0.w`, … with what they name.
fn matrices<'a, B: Backend>(
    player: &str,
    mlp: &'a Mlp<B>,
) -> impl Iterator<Item = (String, &'a Matrix<B>)> {
    names(player, mlp)
        .into_iter()
        .zip(mlp.layers.iter().flat_map(|layer| {
            [&layer.w, &layer.b]
                .into_iter()
                .chain(layer.moments.iter().flatten())
                .chain(layer.average.iter().flatten())
                .chain(&layer.direction)
        }))
}

fn matrices_mut<'a, B: Backend>(
    player: &str,
    mlp: &'a mut Mlp<B>,
) -> impl Iterator<Item = (String, &'a mut Matrix<B>)> {
    names(player, mlp)
        .into_iter()
        .zip(mlp.layers.iter_mut().flat_map(|layer| {
            [&mut layer.w, &mut layer.b]
                .into_iter()
                .chain(layer.moments.iter_mut().flatten())
                .chain(layer.average.iter_mut().flatten())
                .chain(&mut layer.direction)
        }))
}

/// The names of a player's matrices, each layer's parameters before what is kept of them.
fn names<B: Backend>(player: &str, mlp: &Mlp<B>) -> Vec<String> {
    let mut names = Vec::new();
    for (index, layer) in mlp.layers.iter().enumerate() {
        let own = format!("{player}.{index}");
        let moments = (0..layer.moments.len()).map(|moment| format!("{own}.moment{moment}"));
        let average = layer.average.as_ref().map(|_| format!("{own}.average"));
        for prefix in std::iter::once(own.clone()).chain(moments).chain(average) {
            names.extend([format!("{prefix}.w"), format!("{prefix}.b")]);
        }
        names.extend(layer.direction.as_ref().map(|_| format!("{own}.direction")));
    }
    names
}

fn le_bytes<T: Copy, const N: usize>(values: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|&value| bytes(value)).collect()
}

fn from_le_bytes<T, const N: usize>(data: &[u8], value: impl Fn([u8; N]) -> T) -> Vec<T> {
    data.as_chunks::<N>()
        .0
        .iter()
        .map(|&bytes| value(bytes))
        .collect()
}
