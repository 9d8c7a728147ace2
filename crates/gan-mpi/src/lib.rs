//! Processes of MPI that play one game together.
//!
//! [`Processes::join`] makes a program one of the processes that `mpirun` or a cluster's scheduler has
//! started, and its [`communicator`](Processes::communicator) is what
//! [`Trainer::parallel`](gan_model::Trainer::parallel) needs.
//!
//! Without the feature `mpi` this crate is empty: the feature links the machine's MPI, for which a
//! build needs `mpicc` and libclang.

#![cfg(feature = "mpi")]

use std::thread;

use gan_model::parallel::{CommunicationError, Communicator};
use mpi::Threading;
use mpi::datatype::{Partition, PartitionMut};
use mpi::environment::Universe;
use mpi::request::{Request, Scope, scope};
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator as _, CommunicatorCollectives, Root};

/// Words of one broadcast: MPI counts in 31 bits.
const MOST_WORDS: usize = 1 << 30;

/// This process's part in a job of MPI, which ends as it is dropped.
pub struct Processes {
    universe: Universe,
}

impl Processes {
    /// Joins the job that this process was started for; nothing if the program has joined one before,
    /// or this MPI cannot be called from a thread of its own.
    #[must_use]
    pub fn join() -> Option<Self> {
        // One thread at a time calls MPI, which is not the one that joins.
        let (universe, threading) = mpi::initialize_with_threading(Threading::Serialized)?;
        (threading >= Threading::Serialized).then_some(Self { universe })
    }

    /// The number of this process, from 0.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.universe.world().rank() as usize
    }

    /// The number of processes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.universe.world().size() as usize
    }

    /// The number of this process among those on its machine; all processes have to ask.
    #[must_use]
    pub fn rank_on_machine(&self) -> usize {
        let world = self.universe.world();
        world.split_shared(world.rank()).rank() as usize
    }

    /// All processes of the job; to be dropped before this.
    #[must_use]
    pub fn communicator(&self) -> Box<dyn Communicator> {
        Box::new(World(self.universe.world()))
    }

    /// Ends all processes of the job at once, with this exit code.
    pub fn abort(&self, code: i32) -> ! {
        self.universe.world().abort(code)
    }
}

/// All processes of a job. An error of MPI ends the job.
struct World(SimpleCommunicator);

// SAFETY: the handle is a number or a pointer of MPI's own, and MPI was asked to serve calls from any
// thread, one at a time; what is exclusive to its owner is not called from two threads at once.
unsafe impl Send for World {}

/// Counts as MPI takes them, with the places where parts begin.
fn places(counts: &[usize]) -> Result<(Vec<i32>, Vec<i32>), CommunicationError> {
    let mut end = 0_usize;
    let mut places = Vec::with_capacity(counts.len());
    for count in counts {
        places.push(end as i32);
        end += count;
    }
    if i32::try_from(end).is_err() {
        return Err(CommunicationError {
            reason: format!("{end} words in one message, expected fewer than 2,147,483,648"),
        });
    }
    Ok((counts.iter().map(|&count| count as i32).collect(), places))
}

/// Waits for `request`, and lets others have the core meanwhile: MPI's own waits keep it, which the
/// next layer's gradient needs where a process has one core.
fn wait<'a, D: ?Sized, S: Scope<'a>>(mut request: Request<'a, D, S>) {
    loop {
        match request.test() {
            Ok(_) => return,
            Err(unfinished) => request = unfinished,
        }
        thread::yield_now();
    }
}

impl Communicator for World {
    fn rank(&self) -> usize {
        self.0.rank() as usize
    }

    fn size(&self) -> usize {
        self.0.size() as usize
    }

    fn all_to_all(
        &mut self,
        send: &[u32],
        send_counts: &[usize],
        receive: &mut [u32],
        receive_counts: &[usize],
    ) -> Result<(), CommunicationError> {
        let (counts, starts) = places(send_counts)?;
        let send = Partition::new(send, counts, starts);
        let (counts, starts) = places(receive_counts)?;
        let mut receive = PartitionMut::new(receive, counts, starts);
        scope(|scope| {
            wait((self.0).immediate_all_to_all_varcount_into(scope, &send, &mut receive));
        });
        Ok(())
    }

    fn all_gather(
        &mut self,
        send: &[u32],
        receive: &mut [u32],
        counts: &[usize],
    ) -> Result<(), CommunicationError> {
        let (counts, starts) = places(counts)?;
        let mut receive = PartitionMut::new(receive, counts, starts);
        scope(|scope| {
            wait((self.0).immediate_all_gather_varcount_into(scope, send, &mut receive));
        });
        Ok(())
    }

    fn broadcast(&mut self, words: &mut [u32]) -> Result<(), CommunicationError> {
        let root = self.0.process_at_rank(0);
        for words in words.chunks_mut(MOST_WORDS) {
            scope(|scope| wait(root.immediate_broadcast_into(scope, words)));
        }
        Ok(())
    }
}
