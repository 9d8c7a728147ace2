//! Threads in the place of processes: for tests, and to see what several would do.

use std::sync::mpsc::{Receiver, Sender, channel};

use super::{CommunicationError, Communicator};

/// One of several threads that play together: see [`thread_communicators`].
pub struct ThreadCommunicator {
    rank: usize,
    /// To each of them.
    senders: Vec<Sender<Vec<u32>>>,
    /// From each of them.
    receivers: Vec<Receiver<Vec<u32>>>,
}

/// The communicators of `count` threads of this process, one for each.
#[must_use]
pub fn thread_communicators(count: usize) -> Vec<ThreadCommunicator> {
    let mut all: Vec<_> = (0..count)
        .map(|rank| ThreadCommunicator {
            rank,
            senders: Vec::new(),
            receivers: Vec::new(),
        })
        .collect();
    for from in 0..count {
        for to in 0..count {
            let (sender, receiver) = channel();
            all[from].senders.push(sender);
            all[to].receivers.push(receiver);
        }
    }
    all
}

impl ThreadCommunicator {
    fn send(&self, to: usize, words: &[u32]) -> Result<(), CommunicationError> {
        self.senders[to].send(words.to_vec()).map_err(|_| gone(to))
    }

    fn receive(&self, from: usize, words: &mut [u32]) -> Result<(), CommunicationError> {
        let received = self.receivers[from].recv().map_err(|_| gone(from))?;
        if received.len() != words.len() {
            let (found, expected) = (received.len(), words.len());
            let reason = format!("{found} words from process {from}, expected {expected}");
            return Err(CommunicationError { reason });
        }
        words.copy_from_slice(&received);
        Ok(())
    }

    /// Receives `counts[q]` words from thread q, one after another.
    fn receive_all(&self, words: &mut [u32], counts: &[usize]) -> Result<(), CommunicationError> {
        let mut rest = words;
        for (from, &count) in counts.iter().enumerate() {
            let (part, after) = rest.split_at_mut(count);
            self.receive(from, part)?;
            rest = after;
        }
        Ok(())
    }
}

fn gone(rank: usize) -> CommunicationError {
    let reason = format!("process {rank} is gone");
    CommunicationError { reason }
}

impl Communicator for ThreadCommunicator {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.senders.len()
    }

    fn all_to_all(
        &mut self,
        send: &[u32],
        send_counts: &[usize],
        receive: &mut [u32],
        receive_counts: &[usize],
    ) -> Result<(), CommunicationError> {
        let mut rest = send;
        for (to, &count) in send_counts.iter().enumerate() {
            let (part, after) = rest.split_at(count);
            self.send(to, part)?;
            rest = after;
        }
        self.receive_all(receive, receive_counts)
    }

    fn all_gather(
        &mut self,
        send: &[u32],
        receive: &mut [u32],
        counts: &[usize],
    ) -> Result<(), CommunicationError> {
        (0..self.size()).try_for_each(|to| self.send(to, send))?;
        self.receive_all(receive, counts)
    }

    fn broadcast(&mut self, words: &mut [u32]) -> Result<(), CommunicationError> {
        match self.rank {
            0 => (1..self.size()).try_for_each(|to| self.send(to, words)),
            _ => self.receive(0, words),
        }
    }
}
