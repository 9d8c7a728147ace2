//! One game that several processes play, with the same bits however many they are.
//!
//! Each minibatch is cut into `game.microbatches` equal parts. Whoever plays a microbatch draws its
//! latents, masks and records by addresses of their own, and computes its gradient apart. The columns
//! of every layer are cut into as many parts, each of which has one owner: it adds the gradients of
//! all microbatches in their order, steps its columns, and hands them to everybody. So nothing depends
//! on who played what, and the optimiser's moments are kept once.
//!
//! Process 0 plays as if it were alone, and tells the others what it does next; they
//! [follow](crate::Trainer::follow). With threads in the place of processes:
//!
//! ```
//! use gan_model::parallel::{Communicator, ParallelError, thread_communicators};
//! use gan_model::{GameConfig, Native, Records, Trainer, TrainingData, Values};
//!
//! fn begin(communicator: impl Communicator + 'static) -> Result<Trainer<Native<f32>>, ParallelError> {
//!     let mut config = GameConfig::new(2, &[16]).with_minibatch(16);
//!     config.game.microbatches = 2;
//!     let records = Records::new(2, Values::Floats((0..200).map(|i| i as f32 / 200.0).collect()));
//!     let (backend, data) = (Native::new(Some(1))?, TrainingData::new(records));
//!     Trainer::parallel(backend, &config, 1, data, Box::new(communicator))
//! }
//!
//! fn samples(processes: usize) -> Result<Vec<f32>, ParallelError> {
//!     let mut all = thread_communicators(processes).into_iter();
//!     let first = all.next().expect("at least one");
//!     std::thread::scope(|scope| {
//!         for communicator in all {
//!             scope.spawn(move || begin(communicator)?.follow().map_err(ParallelError::from));
//!         }
//!         let mut trainer = begin(first)?;
//!         (0..10).for_each(|_| trainer.step());
//!         Ok(trainer.sample(1, 0, 5)?)
//!     })
//! }
//!
//! # fn main() -> Result<(), ParallelError> {
//! assert_eq!(samples(1)?, samples(2)?);
//! # Ok(())
//! # }
//! ```

mod exchange;
mod link;
mod shared;
mod threads;

pub(crate) use exchange::{Exchange, Order, merged};
pub(crate) use link::Link;
pub use threads::{ThreadCommunicator, thread_communicators};

use crate::config::ConfigError;

/// What processes that play together need of each other; MPI has it all.
///
/// Every process makes the same calls in the same order, and each waits until the others have made
/// theirs as far as it depends on them.
pub trait Communicator: Send {
    /// The number of this process, from 0.
    fn rank(&self) -> usize;

    /// The number of processes.
    fn size(&self) -> usize;

    /// Sends each process a part of `send`, the first `send_counts[0]` words to process 0 and so on;
    /// receives a part from each likewise.
    ///
    /// # Errors
    /// If another process is gone, or the network fails.
    fn all_to_all(
        &mut self,
        send: &[u32],
        send_counts: &[usize],
        receive: &mut [u32],
        receive_counts: &[usize],
    ) -> Result<(), CommunicationError>;

    /// Sends `send` to every process; receives `counts[q]` words from process q, one after another.
    ///
    /// # Errors
    /// As of [`Communicator::all_to_all`].
    fn all_gather(
        &mut self,
        send: &[u32],
        receive: &mut [u32],
        counts: &[usize],
    ) -> Result<(), CommunicationError>;

    /// Sends `words` of process 0 to the others, which receive them there.
    ///
    /// # Errors
    /// As of [`Communicator::all_to_all`].
    fn broadcast(&mut self, words: &mut [u32]) -> Result<(), CommunicationError>;

    /// Sends `bytes` of process 0 to the others, whatever theirs are; returns them everywhere.
    ///
    /// # Errors
    /// As of [`Communicator::all_to_all`].
    fn broadcast_bytes(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>, CommunicationError> {
        let length = bytes.len() as u64;
        let mut header = [length as u32, (length >> 32) as u32];
        self.broadcast(&mut header)?;
        let length = (u64::from(header[0]) | u64::from(header[1]) << 32) as usize;
        let mut words = vec![0; length.div_ceil(4)];
        for (word, bytes) in words.iter_mut().zip(bytes.chunks(4)) {
            let mut whole = [0; 4];
            whole[..bytes.len()].copy_from_slice(bytes);
            *word = u32::from_le_bytes(whole);
        }
        self.broadcast(&mut words)?;
        let mut bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
        bytes.truncate(length);
        Ok(bytes)
    }
}

/// Processes can no longer reach each other.
#[derive(Clone, Debug, thiserror::Error)]
#[error("processes that play together lost each other: {reason}")]
pub struct CommunicationError {
    /// What the network or the library of messages says.
    pub reason: String,
}

/// A game cannot be played by these processes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParallelError {
    /// The game itself cannot be played.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Microbatches cannot be shared evenly.
    #[error(
        "{processes} processes: found game.microbatches = {microbatches}, expected a multiple of \
         {processes}"
    )]
    Uneven {
        /// Number of processes.
        processes: usize,
        /// `game.microbatches`.
        microbatches: usize,
    },
    /// Processes would play different games.
    #[error("process {process} has another {what} than process 0")]
    Differs {
        /// The first that differs.
        process: usize,
        /// What is different.
        what: &'static str,
    },
    /// They cannot reach each other.
    #[error(transparent)]
    Communication(#[from] CommunicationError),
    /// A device failed.
    #[error(transparent)]
    Device(#[from] gan_kernels::BackendError),
}

impl ParallelError {
    /// Fails unless so many processes share so many microbatches evenly.
    ///
    /// # Errors
    /// [`ParallelError::Uneven`].
    pub fn check(processes: usize, microbatches: usize) -> Result<(), Self> {
        match microbatches.is_multiple_of(processes) {
            true => Ok(()),
            false => Err(Self::Uneven {
                processes,
                microbatches,
            }),
        }
    }

    /// A remedy, if one is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Uneven { processes, .. } => Some(format!(
                "--set game.microbatches={processes}, which makes it another game, or as many \
                 processes as divide it"
            )),
            Self::Differs { .. } => Some(
                "start all processes from the same program, configuration and files, on \
                     machines of one kind; GAN_INSTRUCTIONS=portable makes processors alike"
                    .into(),
            ),
            Self::Config(_) | Self::Communication(_) | Self::Device(_) => None,
        }
    }
}
