//! A communicator that works beside its caller, so that a layer's gradient travels while the next one
//! is computed.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use gan_kernels::{Backend, DirectExchange, DirectName};

use super::{CommunicationError, Communicator, ParallelError};

/// Words to be sent and received, and room for them: the part of each process after the other's.
#[derive(Debug, Default)]
pub(crate) struct Words {
    pub(crate) send: Vec<u32>,
    pub(crate) send_counts: Vec<usize>,
    pub(crate) receive: Vec<u32>,
    pub(crate) receive_counts: Vec<usize>,
}

impl Words {
    /// Room for parts of so many words.
    pub(crate) fn new(send_counts: Vec<usize>, receive_counts: Vec<usize>) -> Self {
        Self {
            send: vec![0; send_counts.iter().sum()],
            receive: vec![0; receive_counts.iter().sum()],
            send_counts,
            receive_counts,
        }
    }

    /// Room to send `count` words to every process, and to receive from each as many as `counts` says.
    pub(crate) fn gathered(count: usize, counts: Vec<usize>) -> Self {
        Self::new(vec![count], counts)
    }
}

/// A call of a [`Communicator`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Call {
    AllToAll,
    AllGather,
    /// Of what process 0 has to send.
    Broadcast,
}

type Finished = Result<Words, CommunicationError>;

/// The way to the other processes; calls end in the order in which they began.
pub(crate) struct Link {
    rank: usize,
    size: usize,
    others: Others,
}

enum Others {
    /// There are none: what is sent is what is received.
    None(VecDeque<Words>),
    /// A thread calls the communicator.
    Reached {
        /// Until the link is dropped.
        calls: Option<Sender<(Call, Words)>>,
        finished: Receiver<Finished>,
        thread: Option<JoinHandle<()>>,
    },
}

impl Link {
    /// Of a process that plays alone.
    pub(crate) fn alone() -> Self {
        Self {
            rank: 0,
            size: 1,
            others: Others::None(VecDeque::new()),
        }
    }

    /// To the processes of `communicator`.
    pub(crate) fn new(mut communicator: Box<dyn Communicator>) -> Result<Self, CommunicationError> {
        let (rank, size) = (communicator.rank(), communicator.size());
        if size == 1 {
            return Ok(Self::alone());
        }
        let (calls, to_do) = channel::<(Call, Words)>();
        let (done, finished) = channel();
        let work = move || {
            for (call, words) in to_do {
                let words = made(communicator.as_mut(), call, words);
                if done.send(words).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("link".into());
        let thread = thread.spawn(work).map_err(|error| CommunicationError {
            reason: format!("cannot start a thread for messages: {error}"),
        })?;
        let others = Others::Reached {
            calls: Some(calls),
            finished,
            thread: Some(thread),
        };
        Ok(Self { rank, size, others })
    }

    pub(crate) fn rank(&self) -> usize {
        self.rank
    }

    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Begins a call.
    pub(crate) fn begin(&mut self, call: Call, mut words: Words) {
        match &mut self.others {
            Others::None(begun) => {
                match call {
                    Call::AllToAll | Call::AllGather => {
                        std::mem::swap(&mut words.send, &mut words.receive);
                    }
                    Call::Broadcast => {}
                }
                begun.push_back(words);
            }
            // A thread that is gone is found out where the call is to end.
            Others::Reached { calls, .. } => {
                drop(calls.as_ref().map(|calls| calls.send((call, words))));
            }
        }
    }

    /// Waits for the end of the first call that has not ended.
    pub(crate) fn finish(&mut self) -> Finished {
        let gone = || CommunicationError {
            reason: "the thread for messages is gone".into(),
        };
        match &mut self.others {
            Others::None(begun) => begun.pop_front().ok_or_else(gone),
            Others::Reached { finished, .. } => finished.recv().map_err(|_| gone())?,
        }
    }

    /// Fails unless every process has the same numbers; each has the name of what it is of.
    pub(crate) fn agree(
        &mut self,
        numbers: impl IntoIterator<Item = (&'static str, u64)>,
    ) -> Result<(), ParallelError> {
        let (names, numbers): (Vec<_>, Vec<_>) = numbers.into_iter().unzip();
        let mut words = Words::gathered(0, vec![2 * numbers.len(); self.size]);
        words.send = numbers
            .iter()
            .flat_map(|&number| [number as u32, (number >> 32) as u32])
            .collect();
        let words = self.call(Call::AllGather, words)?;
        let mut processes = words.receive.chunks_exact(2 * numbers.len());
        let first = processes.next().unwrap_or_default();
        for (index, theirs) in processes.enumerate() {
            let pairs = first.chunks_exact(2).zip(theirs.chunks_exact(2));
            for (&what, (ours, theirs)) in names.iter().zip(pairs) {
                if ours != theirs {
                    let process = index + 1;
                    return Err(ParallelError::Differs { process, what });
                }
            }
        }
        Ok(())
    }

    /// The way from device to device, if all processes have one.
    pub(crate) fn direct<B: Backend>(
        &mut self,
        backend: &B,
    ) -> Result<Option<Box<dyn DirectExchange<B>>>, CommunicationError> {
        if self.size == 1 || !self.all(backend.can_exchange_directly())? {
            return Ok(None);
        }
        let name = match self.rank {
            0 => backend.direct_name().unwrap_or_default(),
            _ => DirectName::default(),
        };
        let words = Words {
            send: name.to_vec(),
            ..Words::default()
        };
        let name = self.call(Call::Broadcast, words)?.send.try_into();
        let direct = name.ok().filter(|name| *name != DirectName::default());
        let direct = direct.and_then(|name| backend.direct(&name, self.rank, self.size).ok());
        let is_whole = self.all(direct.is_some())?;
        Ok(direct.filter(|_| is_whole))
    }

    /// True if it is true of every process.
    fn all(&mut self, is: bool) -> Result<bool, CommunicationError> {
        let mut words = Words::gathered(1, vec![1; self.size]);
        words.send = vec![is.into()];
        let words = self.call(Call::AllGather, words)?;
        Ok(words.receive.iter().all(|&is| is == 1))
    }

    /// A whole call.
    pub(crate) fn call(&mut self, call: Call, words: Words) -> Finished {
        self.begin(call, words);
        self.finish()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Others::Reached { calls, thread, .. } = &mut self.others {
            // The thread ends, and its communicator with it, before MPI may.
            *calls = None;
            drop(thread.take().map(JoinHandle::join));
        }
    }
}

fn made(communicator: &mut dyn Communicator, call: Call, mut words: Words) -> Finished {
    let Words {
        send,
        send_counts,
        receive,
        receive_counts,
    } = &mut words;
    match call {
        Call::AllToAll => communicator.all_to_all(send, send_counts, receive, receive_counts),
        Call::AllGather => communicator.all_gather(send, receive, receive_counts),
        Call::Broadcast => communicator.broadcast(send),
    }?;
    Ok(words)
}
