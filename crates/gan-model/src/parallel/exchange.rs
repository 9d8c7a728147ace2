//! The gradients of all microbatches to the owners of columns, and the stepped columns to everybody.

use std::ops::Range;

use gan_kernels::{
    Backend, BackendError, HostColumns, LinearBwdParams, Matrix, Monitor, MonitorSums, Rates, Real,
};

use super::link::{Call, Words};
use super::{CommunicationError, Link};
use crate::checkpoint::Tensor;
use crate::config::Player;
use crate::mlp::{Mlp, Optimizer};

/// What process 0 does next, and the others with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Order {
    Step,
    Metrics,
    Sums,
    Checkpoint,
    End,
}

/// The part of a process in a game whose gradients are summed over microbatches.
pub(crate) struct Exchange<B: Backend> {
    link: Link,
    /// Microbatches of a minibatch, which is also the number of parts that a layer's columns have.
    microbatches: usize,
    /// Of G and of D.
    players: [Vec<SharedLayer<B>>; 2],
    /// ‖∇θ_g‖² and ‖∇θ_d‖², summed since the last reading, of each part that this process owns.
    squares: Vec<[f64; 2]>,
    /// What went wrong; nothing is done after it.
    failed: Option<BackendError>,
}

/// A layer as its processes share it.
struct SharedLayer<B: Backend> {
    /// Room for the gradient of one microbatch.
    gradient: [Matrix<B>; 2],
    /// Of W over b.
    rows: usize,
    cols: usize,
    /// The columns that this process owns, in parts.
    parts: Vec<HostColumns<f32>>,
    /// Gradients on their way to the owners, and parameters on their way back.
    to_owners: Words,
    from_owners: Words,
}

/// The columns of part `part` of `parts`.
fn columns(part: usize, parts: usize, cols: usize) -> Range<usize> {
    part * cols / parts..(part + 1) * cols / parts
}

impl<B: Backend> Exchange<B> {
    /// Of G and D with their optimisers, which stand at their start.
    pub(crate) fn new(
        backend: &B,
        link: Link,
        microbatches: usize,
        players: [(&Mlp<B>, Optimizer); 2],
    ) -> Self {
        let mut exchange = Self {
            squares: vec![[0.0; 2]; microbatches / link.size()],
            link,
            microbatches,
            players: [Vec::new(), Vec::new()],
            failed: None,
        };
        for (player, (mlp, optimizer)) in players.into_iter().enumerate() {
            let layers = mlp.layers.iter();
            let layers = layers.map(|layer| exchange.shared(backend, &layer.w, optimizer));
            exchange.players[player] = layers.collect();
        }
        for (player, (mlp, _)) in [Player::Generator, Player::Discriminator]
            .iter()
            .zip(players)
        {
            exchange.take_parameters(backend, *player, mlp);
        }
        exchange
    }

    fn shared(&self, backend: &B, w: &Matrix<B>, optimizer: Optimizer) -> SharedLayer<B> {
        let (inputs, cols) = (w.row_count(), w.cols());
        let (rows, local) = (inputs + 1, self.local().len());
        let parts = self
            .local()
            .map(|part| columns(part, self.microbatches, cols).len());
        let parts: Vec<_> = parts
            .map(|cols| {
                let Optimizer {
                    update,
                    max_column_norm,
                } = optimizer;
                HostColumns::new(cols, vec![0.0; rows * cols], update, max_column_norm)
            })
            .collect();
        let own: usize = parts.iter().map(|part| part.parameters.len()).sum();
        let of_process = |process: usize| {
            let start = columns(process * local, self.microbatches, cols).start;
            let end = columns((process + 1) * local, self.microbatches, cols).start;
            rows * (end - start)
        };
        let all: Vec<_> = (0..self.link.size()).map(of_process).collect();
        SharedLayer {
            gradient: [backend.matrix(inputs, cols), backend.matrix(1, cols)],
            rows,
            cols,
            parts,
            to_owners: Words::new(
                all.iter().map(|words| local * words).collect(),
                vec![local * own; all.len()],
            ),
            from_owners: Words::gathered(own, all),
        }
    }

    /// The numbers of the microbatches that this process plays, and of the parts that it owns.
    pub(crate) fn local(&self) -> Range<usize> {
        let local = self.microbatches / self.link.size();
        self.link.rank() * local..(self.link.rank() + 1) * local
    }

    /// True of the process that plays, whom the others follow.
    pub(crate) fn leads(&self) -> bool {
        self.link.rank() == 0
    }

    /// True if there is no other process.
    pub(crate) fn is_alone(&self) -> bool {
        self.link.size() == 1
    }

    /// Fails if something has failed before.
    pub(crate) fn check(&self) -> Result<(), BackendError> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    /// What `work` returns; nothing if it fails or something has failed before.
    fn unless_failed<R>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<R, BackendError>,
    ) -> Option<R> {
        if self.failed.is_some() {
            return None;
        }
        let done = work(self);
        done.map_err(|error| self.failed = Some(error)).ok()
    }

    /// Computes a player's gradients of the process's microbatch number `index` by `operations`, one
    /// for each layer; after the last microbatch they are sent.
    pub(crate) fn add<'a>(
        &mut self,
        backend: &B,
        player: Player,
        index: usize,
        operations: impl Iterator<Item = LinearBwdParams<'a, B>>,
    ) where
        B: 'a,
    {
        self.unless_failed(|exchange| {
            let is_last = index + 1 == exchange.local().len();
            for (layer, operation) in operations.enumerate() {
                exchange.add_layer(backend, (player, layer), index, operation)?;
                if is_last {
                    let layer = &mut exchange.players[player as usize][layer];
                    let words = std::mem::take(&mut layer.to_owners);
                    exchange.link.begin(Call::AllToAll, words);
                }
            }
            Ok(())
        });
    }

    fn add_layer(
        &mut self,
        backend: &B,
        (player, layer): (Player, usize),
        index: usize,
        operation: LinearBwdParams<'_, B>,
    ) -> Result<(), BackendError> {
        let (parts, local) = (self.microbatches, self.local().len());
        let layer = &mut self.players[player as usize][layer];
        let [w, b] = &mut layer.gradient;
        backend.linear_bwd_params(LinearBwdParams {
            bias_weights: operation.bias_weights,
            ..LinearBwdParams::gradient(operation.x, operation.dz, w, b, operation.state)
        });
        let [w, b] = &layer.gradient;
        let gradients = [backend.read(w.all())?, backend.read(b.all())?];
        let (rows, cols) = (layer.rows, layer.cols);
        for part in 0..parts {
            let own = columns(part, parts, cols);
            let first = rows * (local * own.start + index * own.len());
            let words = &mut layer.to_owners.send[first..][..rows * own.len()];
            let mut words = words.iter_mut();
            for gradient in &gradients {
                for row in gradient.chunks_exact(cols) {
                    let row = &row[own.clone()];
                    row.iter()
                        .zip(&mut words)
                        .for_each(|(&value, word)| *word = to_word(value));
                }
            }
        }
        Ok(())
    }

    /// Steps players along the sums of the gradients that were added, at their rates; in the order in
    /// which the last microbatch's were added.
    pub(crate) fn step(&mut self, backend: &B, players: &mut [(Player, &mut Mlp<B>, Rates)]) {
        self.unless_failed(|exchange| {
            for (player, mlp, rates) in &*players {
                let mut layers = 0..mlp.layers.len();
                layers.try_for_each(|layer| exchange.step_parts((*player, layer), *rates))?;
            }
            for (player, mlp, _) in players {
                for (index, layer) in mlp.layers.iter_mut().enumerate() {
                    let words = exchange.finish()?;
                    let shared = &mut exchange.players[*player as usize][index];
                    let [w, b] = whole(shared, exchange.microbatches, &words.receive);
                    backend.write(&mut layer.w, &w);
                    backend.write(&mut layer.b, &b);
                    shared.from_owners = words;
                }
            }
            Ok(())
        });
    }

    /// Steps the columns of a layer that this process owns, and begins to hand them out.
    fn step_parts(
        &mut self,
        (player, layer): (Player, usize),
        rates: Rates,
    ) -> Result<(), BackendError> {
        let words = self.finish()?;
        let local = self.local().len();
        let layer = &mut self.players[player as usize][layer];
        let mut send = std::mem::take(&mut layer.from_owners);
        let own: usize = layer.parts.iter().map(|part| part.parameters.len()).sum();
        let (mut first, mut gradient) = (0, Vec::new());
        for (part, squares) in layer.parts.iter_mut().zip(&mut self.squares) {
            let len = part.parameters.len();
            // In the order of microbatches, which is that of processes and of each one's own.
            let processes = words.receive.chunks_exact((local * own).max(1));
            let microbatches = processes.flat_map(|words| {
                let words = &words[local * first..][..local * len];
                words.chunks_exact(len.max(1))
            });
            gradient.clear();
            gradient.resize(len, 0.0);
            for (index, words) in microbatches.enumerate() {
                let terms = gradient.iter_mut().zip(words);
                match index {
                    0 => terms.for_each(|(sum, &word)| *sum = f32::from_bits(word)),
                    _ => terms.for_each(|(sum, &word)| *sum += f32::from_bits(word)),
                }
            }
            squares[player as usize] += sum_of_squares(&gradient);
            part.step(rates, &gradient);
            let words = send.send[first..][..len].iter_mut();
            words
                .zip(&part.parameters)
                .for_each(|(word, value)| *word = value.to_bits());
            first += len;
        }
        layer.to_owners = words;
        self.link.begin(Call::AllGather, send);
        Ok(())
    }

    fn finish(&mut self) -> Result<Words, BackendError> {
        self.link.finish().map_err(lost)
    }

    /// Takes the parameters of the columns that this process owns from `mlp`, where they have changed
    /// otherwise than by [`Exchange::step`].
    pub(crate) fn take_parameters(&mut self, backend: &B, player: Player, mlp: &Mlp<B>) {
        self.unless_failed(|exchange| {
            for (index, layer) in mlp.layers.iter().enumerate() {
                let values = [backend.read(layer.w.all())?, backend.read(layer.b.all())?];
                let values: Vec<f32> = values.concat().into_iter().map(single).collect();
                exchange.take_columns((player, index), &values, |part| &mut part.parameters);
            }
            Ok(())
        });
    }

    /// Keeps the values of a whole layer that belong to this process's columns.
    fn take_columns(
        &mut self,
        (player, layer): (Player, usize),
        values: &[f32],
        field: impl Fn(&mut HostColumns<f32>) -> &mut Vec<f32>,
    ) {
        let (local, parts) = (self.local(), self.microbatches);
        let layer = &mut self.players[player as usize][layer];
        for (number, part) in local.zip(&mut layer.parts) {
            let own = columns(number, parts, layer.cols);
            let rows = values.chunks_exact(layer.cols);
            let kept = rows.flat_map(|row| &row[own.clone()]);
            *field(part) = kept.copied().collect();
        }
    }

    /// Every moment that owners keep: its player, its layer and its number.
    pub(crate) fn moments(&self) -> impl Iterator<Item = (Player, usize, usize)> {
        let players = [Player::Generator, Player::Discriminator].into_iter();
        players.flat_map(|player| {
            let layers = self.players[player as usize].iter().enumerate();
            layers.flat_map(move |(layer, shared)| {
                let moments = shared.parts.first().map_or(0, |part| part.moments.len());
                (0..moments).map(move |moment| (player, layer, moment))
            })
        })
    }

    /// Shapes of W and b of a layer.
    pub(crate) fn shapes(&self, player: Player, layer: usize) -> [[usize; 2]; 2] {
        let SharedLayer { rows, cols, .. } = self.players[player as usize][layer];
        [[rows - 1, cols], [1, cols]]
    }

    /// A moment of a layer's W and b, gathered from all owners; every process has to ask for it.
    pub(crate) fn gather_moment(
        &mut self,
        (player, layer, moment): (Player, usize, usize),
    ) -> Result<[Tensor; 2], BackendError> {
        let shapes = self.shapes(player, layer);
        let shared = &self.players[player as usize][layer];
        let counts = shared.from_owners.receive_counts.clone();
        let own = counts[self.link.rank()];
        let mut words = Words::gathered(own, counts);
        let values = shared.parts.iter().flat_map(|part| &part.moments[moment]);
        words
            .send
            .iter_mut()
            .zip(values)
            .for_each(|(word, value)| *word = value.to_bits());
        let words = self.link.call(Call::AllGather, words).map_err(lost)?;
        let shared = &self.players[player as usize][layer];
        let [w, b] = whole::<B>(shared, self.microbatches, &words.receive);
        let [of_w, of_b] = shapes;
        Ok([Tensor::of(of_w, &w), Tensor::of(of_b, &b)])
    }

    /// Continues from a moment of a layer's W over b.
    pub(crate) fn restore_moment(
        &mut self,
        (player, layer, moment): (Player, usize, usize),
        values: &[f32],
    ) {
        self.take_columns((player, layer), values, |part| &mut part.moments[moment]);
    }

    /// The sums of all microbatches, from those of this process's; every process has to ask for them.
    pub(crate) fn gather_sums(
        &mut self,
        mut local: Vec<MonitorSums>,
    ) -> Result<Vec<MonitorSums>, BackendError> {
        self.check()?;
        for (sums, squares) in local.iter_mut().zip(&mut self.squares) {
            for (monitor, square) in GRADIENTS.into_iter().zip(squares) {
                sums[monitor] += std::mem::take(square);
            }
        }
        let count = 2 * Monitor::COUNT * local.len();
        let mut words = Words::gathered(count, vec![count; self.link.size()]);
        let halves = local.iter().flat_map(|sums| sums.0).flat_map(|sum| {
            let bits = sum.to_bits();
            [bits as u32, (bits >> 32) as u32]
        });
        words
            .send
            .iter_mut()
            .zip(halves)
            .for_each(|(word, half)| *word = half);
        let words = self.link.call(Call::AllGather, words).map_err(lost)?;
        let (sums, _) = words.receive.as_chunks::<{ 2 * Monitor::COUNT }>();
        let sums = sums.iter().map(|words| {
            let mut sums = MonitorSums::default();
            for (sum, half) in sums.0.iter_mut().zip(words.as_chunks::<2>().0) {
                let [low, high] = half.map(u64::from);
                *sum = f64::from_bits(low | high << 32);
            }
            sums
        });
        Ok(sums.collect())
    }

    /// Goes on from the sums of all microbatches; returns those of this process's that its devices
    /// keep.
    pub(crate) fn take_back_sums(&mut self, sums: &[MonitorSums]) -> Vec<MonitorSums> {
        let mut local = sums[self.local()].to_vec();
        for (sums, squares) in local.iter_mut().zip(&mut self.squares) {
            *squares = GRADIENTS.map(|monitor| std::mem::take(&mut sums[monitor]));
        }
        local
    }

    /// Tells the other processes what is next, at `step`.
    pub(crate) fn tell(&mut self, order: Order, step: u64) {
        if self.is_alone() {
            return;
        }
        assert!(
            self.leads(),
            "process {} plays: only process 0 does",
            self.link.rank()
        );
        self.unless_failed(|exchange| {
            let words = vec![order as u32, step as u32, (step >> 32) as u32];
            exchange.broadcast(words).map(drop)
        });
    }

    /// What process 0 does next.
    pub(crate) fn hear(&mut self, step: u64) -> Result<Order, BackendError> {
        self.check()?;
        let words = self.broadcast(vec![0; 3])?;
        let theirs = u64::from(words[1]) | u64::from(words[2]) << 32;
        use Order as O;
        let orders = [O::Step, O::Metrics, O::Sums, O::Checkpoint, O::End];
        let order = orders.into_iter().find(|order| *order as u32 == words[0]);
        match order {
            Some(order) if order == Order::End || theirs == step => Ok(order),
            _ => Err(lost(CommunicationError {
                reason: format!("process 0 is at step {theirs}, this one at {step}"),
            })),
        }
    }

    fn broadcast(&mut self, send: Vec<u32>) -> Result<Vec<u32>, BackendError> {
        let words = Words {
            send,
            ..Words::default()
        };
        Ok(self.link.call(Call::Broadcast, words).map_err(lost)?.send)
    }
}

impl<B: Backend> Drop for Exchange<B> {
    fn drop(&mut self) {
        // The others do not wait for a step that never comes.
        if self.leads() {
            self.tell(Order::End, 0);
        }
    }
}

/// The sums of gradients' squares, in the order of players.
const GRADIENTS: [Monitor; 2] = [Monitor::GeneratorGradient, Monitor::DiscriminatorGradient];

/// The sums of a whole minibatch, from those of its microbatches.
pub(crate) fn merged(sums: &[MonitorSums]) -> MonitorSums {
    let mut all = MonitorSums::default();
    for sums in sums {
        let first = [all, *sums].map(|sums| sums[Monitor::FirstNonFinite]);
        for (all, sum) in all.0.iter_mut().zip(sums.0) {
            *all += sum;
        }
        all[Monitor::FirstNonFinite] = match first {
            [0.0, only] | [only, 0.0] => only,
            [a, b] => a.min(b),
        };
    }
    // All microbatches have a part in each update.
    for updates in [Monitor::DiscriminatorUpdates, Monitor::GeneratorUpdates] {
        all[updates] /= sums.len() as f64;
    }
    all
}

/// W and b of a layer from the parts of all owners.
fn whole<B: Backend>(layer: &SharedLayer<B>, parts: usize, words: &[u32]) -> [Vec<B::Elem>; 2] {
    let (rows, cols) = (layer.rows, layer.cols);
    let mut w = vec![B::Elem::ZERO; rows * cols];
    for part in 0..parts {
        let own = columns(part, parts, cols);
        let words = &words[rows * own.start..rows * own.end];
        let to = w.chunks_exact_mut(cols).map(|row| &mut row[own.clone()]);
        for (to, from) in to.zip(words.chunks_exact(own.len().max(1))) {
            let values = from.iter().map(|&word| f32::from_bits(word));
            to.iter_mut()
                .zip(values)
                .for_each(|(to, value)| *to = Real::from_f64(value.into()));
        }
    }
    let b = w.split_off((rows - 1) * cols);
    [w, b]
}

/// Processes exchange numbers of 32 bits, whatever the back end computes in.
fn to_word<T: Real>(value: T) -> u32 {
    single(value).to_bits()
}

fn single<T: Real>(value: T) -> f32 {
    value.to_f64() as f32
}

/// Σ g², in a fixed order that fills SIMD registers.
fn sum_of_squares(values: &[f32]) -> f64 {
    let mut sums = [0.0_f64; 8];
    let (chunks, rest) = values.as_chunks::<8>();
    for chunk in chunks {
        for (sum, &value) in sums.iter_mut().zip(chunk) {
            *sum += f64::from(value) * f64::from(value);
        }
    }
    let rest = rest
        .iter()
        .map(|&value| f64::from(value) * f64::from(value));
    sums.into_iter().chain(rest).sum()
}

fn lost(error: CommunicationError) -> BackendError {
    BackendError::Failed {
        reason: error.to_string(),
    }
}
