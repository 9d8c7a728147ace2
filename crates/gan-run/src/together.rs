//! A run that several processes play: process 0 has the directory and the observer, and sends the
//! others what they need to play along.

use std::path::Path;

use gan_kernels::Backend;
use gan_model::parallel::{CommunicationError, Communicator, ParallelError};
use gan_model::{Checkpoint, Trainer};
use serde::{Deserialize, Serialize};

use crate::config::RunConfig;
use crate::device::Device;
use crate::prepared::{Prepared, begun_reading};
use crate::problem::Problem;

/// What process 0 sends before the first iteration, with the bytes of a checkpoint behind it.
#[derive(Deserialize, Serialize)]
struct Opening {
    /// The resolved configuration.
    config: String,
    /// Name of the preset or file.
    name: String,
    /// True if the run is continued.
    resumes: bool,
}

/// What the processes call the configuration that they were sent.
const SENT: &str = "the configuration of process 0";

/// Sends the other processes the game that they are to follow.
pub(crate) fn open(
    communicator: &mut dyn Communicator,
    config: &RunConfig,
    name: &str,
    checkpoint: Option<&Checkpoint>,
) -> Result<(), Problem> {
    let opening = Opening {
        config: config.to_toml()?,
        name: name.to_owned(),
        resumes: checkpoint.is_some(),
    };
    let opening = serde_json::to_vec(&opening)
        .map_err(|error| Problem::failed(format!("cannot write {SENT} as JSON: {error}")))?;
    communicator.broadcast_bytes(opening)?;
    if let Some(checkpoint) = checkpoint {
        let bytes = checkpoint.to_bytes(Path::new("checkpoint"))?;
        communicator.broadcast_bytes(bytes)?;
    }
    Ok(())
}

/// Plays along with process 0, in every other one of the processes of `communicator`, until its
/// training ends; writes nothing.
///
/// Data are read where the configuration of process 0 says.
///
/// # Errors
/// If the data cannot be loaded or are others, the game does not fit on the device, or a process is
/// gone.
pub fn follow(device: Device, communicator: Box<dyn Communicator>) -> Result<(), Problem> {
    match device {
        Device::Cpu(native) => follow_on(native, communicator),
        #[cfg(feature = "gpu")]
        Device::Gpu(cube) => follow_on(cube, communicator),
    }
}

fn follow_on<B: Backend>(
    backend: B,
    mut communicator: Box<dyn Communicator>,
) -> Result<(), Problem> {
    let opening = communicator.broadcast_bytes(Vec::new())?;
    let Opening {
        config,
        name,
        resumes,
    } = serde_json::from_slice(&opening)
        .map_err(|error| Problem::failed(format!("{SENT} cannot be read: {error}")))?;
    let checkpoint = match resumes {
        true => {
            let bytes = communicator.broadcast_bytes(Vec::new())?;
            Some(Checkpoint::from_bytes(&bytes, Path::new(SENT))?)
        }
        false => None,
    };
    let config = RunConfig::from_toml(&config, SENT)?;
    let dataset = config.load_data()?;
    let train = dataset.records.slice(dataset.splits.train.clone());
    let Prepared { data, .. } = Prepared::of(&config, &name, &dataset, train)?;
    let game = config.game();
    let mut trainer = Trainer::parallel(backend, &game, config.seed, data, communicator)?;
    if let Some(checkpoint) = checkpoint {
        trainer.restore(&checkpoint)?;
        let sums = begun_reading(&checkpoint, game.game.microbatches, SENT)?;
        trainer.give_back_sums(&sums);
    }
    trainer.check()?;
    Ok(trainer.follow()?)
}

impl From<CommunicationError> for Problem {
    fn from(error: CommunicationError) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<ParallelError> for Problem {
    fn from(error: ParallelError) -> Self {
        let hint = error.hint();
        match error {
            ParallelError::Config(error) => error.into(),
            ParallelError::Device(error) => error.into(),
            _ => Self::usage(error.to_string()).maybe_hint(hint),
        }
    }
}
