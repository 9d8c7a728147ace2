//! A layer's gradients and parameters in parts of columns, and who has which.

use gan_kernels::{Backend, ColumnParts, Matrix, Monitor, Real, Repack, StepColumns, Update};

use super::link::Words;
use crate::mlp::Optimizer;

/// What of a game is a process's.
///
/// It plays every R-th microbatch, where R is the number of processes, from that of its rank on, and
/// owns the parts of columns of the same numbers. In each round every process plays one microbatch and
/// sends the owners their parts of its gradient, so that they add gradients in the order of
/// microbatches.
#[derive(Clone, Copy)]
pub(super) struct Share {
    pub(super) rank: usize,
    pub(super) processes: usize,
    /// Microbatches that a process plays, and parts that it owns.
    pub(super) rounds: usize,
}

impl Share {
    /// Microbatches of a minibatch, and parts of a layer's columns.
    pub(super) fn all(self) -> usize {
        self.processes * self.rounds
    }

    /// The numbers of all parts, process after process.
    pub(super) fn by_process(self) -> impl ExactSizeIterator<Item = usize> {
        (0..self.all()).map(move |at| at % self.rounds * self.processes + at / self.rounds)
    }
}

/// A layer as its processes share it; a part has as many rows as W over b.
pub(super) struct SharedLayer<B: Backend> {
    pub(super) share: Share,
    optimizer: Optimizer,
    /// Rows of W over b.
    rows: usize,
    /// Room for the gradient of one microbatch: W's and b's.
    pub(super) gradient: [Matrix<B>; 2],
    /// All parts: of the gradient on its way to the owners, of parameters on their way back.
    pub(super) parts: Matrix<B>,
    /// For each own part a gradient from each process; none if there is one process, whose parts are
    /// all its own.
    pub(super) received: Option<Matrix<B>>,
    /// The own parts of the gradient that rounds before the last have summed, of even and of odd ones:
    /// what one begins with, the other holds.
    sums: [Option<Matrix<B>>; 2],
    /// The own parts of the parameters, and of each moment.
    pub(super) parameters: Matrix<B>,
    pub(super) moments: Vec<Matrix<B>>,
    /// Room for messages through the hosts.
    pub(super) to_owners: Words,
    pub(super) from_owners: Words,
}

impl<B: Backend> SharedLayer<B> {
    pub(super) fn new(backend: &B, share: Share, w: &Matrix<B>, optimizer: Optimizer) -> Self {
        let (inputs, cols) = (w.row_count(), w.cols());
        let (rows, width) = (inputs + 1, cols.div_ceil(share.all()));
        let all = || backend.matrix(share.all() * rows, width);
        let own = || backend.matrix(share.rounds * rows, width);
        let words = share.rounds * rows * width * words_of::<B::Elem>();
        let counts = vec![words; share.processes];
        Self {
            share,
            optimizer,
            rows,
            gradient: [backend.matrix(inputs, cols), backend.matrix(1, cols)],
            parts: all(),
            received: (share.processes > 1).then(all),
            sums: [1, 2].map(|round| (round < share.rounds).then(own)),
            parameters: own(),
            moments: (0..optimizer.update.moments()).map(|_| own()).collect(),
            to_owners: match share.processes {
                1 => Words::default(),
                _ => Words::new(counts.clone(), counts.clone()),
            },
            from_owners: Words::gathered(words, counts),
        }
    }

    /// Adds up an own part of the gradient in a round, or steps by it in the last.
    pub(super) fn step_part(
        &mut self,
        backend: &B,
        state: &B::State,
        (part, round): (usize, usize),
        slot: usize,
        monitor: Option<(&mut B::Monitors, Monitor)>,
    ) {
        let (rows, processes) = (self.rows, self.share.processes);
        let received = self.received.as_ref().unwrap_or(&self.parts);
        let gradients = received.rows(part * processes * rows, processes * rows);
        let [even, odd] = &mut self.sums;
        let (to, from) = match round.is_multiple_of(2) {
            true => (even, odd),
            false => (odd, even),
        };
        let before = from.as_ref().filter(|_| round > 0);
        let before = before.map(|sum| sum.rows(part * rows, rows));
        let is_last = round + 1 == self.share.rounds;
        let Optimizer {
            update,
            max_column_norm,
        } = self.optimizer;
        let op = StepColumns {
            before,
            gradients,
            parameters: self.parameters.rows_mut(part * rows, rows),
            moments: &mut self.moments,
            update,
            slot,
            max_column_norm,
            state,
            monitor,
        };
        backend.step_columns(match to.as_mut().filter(|_| !is_last) {
            None => op,
            Some(sum) => StepColumns {
                parameters: sum.rows_mut(part * rows, rows),
                moments: &mut [],
                update: Update::Store,
                max_column_norm: None,
                ..op
            },
        });
    }

    /// Takes all parts out of the owners' message.
    pub(super) fn take_parts(&mut self, backend: &B) {
        let (words, share) = (&self.from_owners.receive, self.share);
        backend.write_with(&mut self.parts, |values| from_words(words, share, values));
    }

    /// Cuts W and b into all parts and keeps the own ones in `to`.
    pub(super) fn keep(
        backend: &B,
        [w, b]: [&Matrix<B>; 2],
        parts: &mut Matrix<B>,
        to: &mut Matrix<B>,
        share: Share,
    ) {
        backend.column_parts(ColumnParts::Cut { w, b, parts });
        let rows = w.row_count() + 1;
        for part in 0..share.rounds {
            backend.repack(Repack {
                x: parts.rows((part * share.processes + share.rank) * rows, rows),
                y: to.rows_mut(part * rows, rows),
            });
        }
    }
}

/// Words of 32 bits of an element.
const fn words_of<T>() -> usize {
    size_of::<T>() / size_of::<u32>()
}

/// Makes a message of equal parts of `values`, in the order of `parts`.
pub(super) fn to_words<T: Real>(
    values: &[T],
    parts: impl ExactSizeIterator<Item = usize>,
    words: &mut [u32],
) {
    let len = values.len() / parts.len();
    let words = words.chunks_exact_mut(len * words_of::<T>());
    for (part, words) in parts.zip(words) {
        let values = values[part * len..][..len].iter();
        match words_of::<T>() {
            1 => (words.iter_mut().zip(values))
                .for_each(|(word, value)| *word = (value.to_f64() as f32).to_bits()),
            _ => (words.as_chunks_mut().0.iter_mut().zip(values)).for_each(|(words, value)| {
                let bits = value.to_f64().to_bits();
                *words = [bits as u32, (bits >> 32) as u32];
            }),
        }
    }
}

/// Overwrites `values` by those of all processes' messages, part after part.
pub(super) fn from_words<T: Real>(words: &[u32], share: Share, values: &mut [T]) {
    let len = values.len() / share.all();
    let words = words.chunks_exact(len * words_of::<T>());
    for (part, words) in share.by_process().zip(words) {
        let values = values[part * len..][..len].iter_mut();
        match words_of::<T>() {
            1 => values.zip(words).for_each(|(value, &word)| {
                *value = T::from_f64(f32::from_bits(word).into());
            }),
            _ => (values.zip(words.as_chunks().0)).for_each(|(value, &[low, high])| {
                let bits = u64::from(low) | u64::from(high) << 32;
                *value = T::from_f64(f64::from_bits(bits));
            }),
        }
    }
}
