//! The gradients of all microbatches to the owners of columns, and the stepped columns to everybody.

use std::iter::StepBy;
use std::ops::Range;

use gan_kernels::{
    Backend, BackendError, ColumnParts, DirectExchange, LinearBwdParams, Monitor, MonitorSums,
    Moved,
};

use super::link::{Call, Words};
use super::shared::{Share, SharedLayer, from_words, to_words};
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
    /// The way from device to device, where there is one.
    direct: Option<Box<dyn DirectExchange<B>>>,
    share: Share,
    /// Of G and of D.
    players: [Vec<SharedLayer<B>>; 2],
    /// What went wrong; nothing is done after it.
    failed: Option<BackendError>,
}

impl<B: Backend> Exchange<B> {
    /// Of G and D with their optimisers, which stand at their start.
    pub(crate) fn new(
        backend: &B,
        link: Link,
        direct: Option<Box<dyn DirectExchange<B>>>,
        microbatches: usize,
        players: [(&Mlp<B>, Optimizer); 2],
    ) -> Self {
        let share = Share {
            rank: link.rank(),
            processes: link.size(),
            rounds: microbatches / link.size(),
        };
        let mut exchange = Self {
            link,
            direct,
            share,
            players: players.map(|(mlp, optimizer)| {
                let layers = mlp.layers.iter();
                let shared = |w| SharedLayer::new(backend, share, w, optimizer);
                layers.map(|layer| shared(&layer.w)).collect()
            }),
            failed: None,
        };
        let names = [Player::Generator, Player::Discriminator].into_iter();
        for (player, (mlp, _)) in names.zip(players) {
            exchange.take_parameters(backend, player, mlp);
        }
        exchange
    }

    /// The numbers of the microbatches that this process plays, and of the parts that it owns.
    pub(crate) fn local(&self) -> StepBy<Range<usize>> {
        let Share {
            rank, processes, ..
        } = self.share;
        (rank..self.share.all()).step_by(processes)
    }

    /// True of the process that plays, whom the others follow.
    pub(crate) fn leads(&self) -> bool {
        self.share.rank == 0
    }

    /// True if there is no other process.
    pub(crate) fn is_alone(&self) -> bool {
        self.share.processes == 1
    }

    /// True if gradients and parameters go from device to device.
    pub(crate) fn is_direct(&self) -> bool {
        self.direct.is_some()
    }

    fn goes_through_hosts(&self) -> bool {
        !self.is_alone() && !self.is_direct()
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

    /// Computes a player's gradients of a round by `operations`, one for each layer, and sends their
    /// parts to the owners.
    pub(crate) fn add<'a>(
        &mut self,
        backend: &B,
        player: Player,
        round: usize,
        operations: impl Iterator<Item = LinearBwdParams<'a, B>>,
    ) where
        B: 'a,
    {
        self.unless_failed(|exchange| {
            for (layer, operation) in operations.enumerate() {
                exchange.add_layer(backend, (player, layer), round, operation)?;
            }
            let Some(direct) = &mut exchange.direct else {
                return Ok(());
            };
            let layers = exchange.players[player as usize].iter_mut();
            let moved = layers.filter_map(|layer| {
                Some(Moved {
                    send: &layer.parts,
                    receive: layer.received.as_mut()?,
                    groups: layer.share.rounds,
                })
            });
            direct.all_to_all(backend, moved.collect())
        });
    }

    fn add_layer(
        &mut self,
        backend: &B,
        (player, number): (Player, usize),
        round: usize,
        operation: LinearBwdParams<'_, B>,
    ) -> Result<(), BackendError> {
        let state = operation.state;
        let [w, b] = &mut self.players[player as usize][number].gradient;
        backend.linear_bwd_params(LinearBwdParams {
            bias_weights: operation.bias_weights,
            ..LinearBwdParams::gradient(operation.x, operation.dz, w, b, state)
        });
        if round > 0 {
            self.receive(backend, (player, number))?;
            let layer = &mut self.players[player as usize][number];
            for part in 0..layer.share.rounds {
                layer.step_part(backend, state, (part, round - 1), 0, None);
            }
        }
        let through_hosts = self.goes_through_hosts();
        let layer = &mut self.players[player as usize][number];
        let ([w, b], parts) = (&layer.gradient, &mut layer.parts);
        backend.column_parts(ColumnParts::Cut { w, b, parts });
        if through_hosts {
            let mut words = std::mem::take(&mut layer.to_owners);
            let parts = self.share.by_process();
            backend.read_with(&layer.parts, |values| {
                to_words(values, parts, &mut words.send)
            })?;
            self.link.begin(Call::AllToAll, words);
        }
        Ok(())
    }

    /// Waits for the gradients of a layer that a round has sent to this process.
    fn receive(
        &mut self,
        backend: &B,
        (player, layer): (Player, usize),
    ) -> Result<(), BackendError> {
        if self.goes_through_hosts() {
            let words = self.link.finish().map_err(lost)?;
            let layer = &mut self.players[player as usize][layer];
            if let Some(received) = &mut layer.received {
                let share = self.share;
                backend.write_with(received, |values| from_words(&words.receive, share, values));
            }
            layer.to_owners = words;
        }
        Ok(())
    }

    /// Steps players along the sums of the gradients that were added, at the rates of their slots; in
    /// the order in which they were added last.
    ///
    /// `monitors` are those of the microbatches that this process plays, and count the squares of its
    /// parts of the gradient.
    pub(crate) fn step(
        &mut self,
        backend: &B,
        state: &B::State,
        players: &mut [(Player, &mut Mlp<B>, usize)],
        monitors: &mut [&mut B::Monitors],
    ) {
        self.unless_failed(|exchange| {
            for (player, mlp, slot) in &*players {
                for layer in 0..mlp.layers.len() {
                    exchange.step_layer(backend, state, (*player, layer), *slot, monitors)?;
                }
            }
            let (is_alone, through_hosts) = (exchange.is_alone(), exchange.goes_through_hosts());
            for (player, mlp, _) in players {
                if let Some(direct) = &mut exchange.direct {
                    let layers = exchange.players[*player as usize].iter_mut();
                    let moved = layers.map(|layer| Moved {
                        send: &layer.parameters,
                        receive: &mut layer.parts,
                        groups: layer.share.rounds,
                    });
                    direct.all_gather(backend, moved.collect())?;
                }
                let shared = exchange.players[*player as usize].iter_mut();
                for (shared, layer) in shared.zip(&mut mlp.layers) {
                    if through_hosts {
                        shared.from_owners = exchange.link.finish().map_err(lost)?;
                        shared.take_parts(backend);
                    }
                    let parts = if is_alone {
                        &shared.parameters
                    } else {
                        &shared.parts
                    };
                    let (w, b) = (&mut layer.w, &mut layer.b);
                    backend.column_parts(ColumnParts::Join { parts, w, b });
                }
            }
            Ok(())
        });
    }

    /// Steps the parts of a layer that this process owns, and begins to hand them out.
    fn step_layer(
        &mut self,
        backend: &B,
        state: &B::State,
        (player, number): (Player, usize),
        slot: usize,
        monitors: &mut [&mut B::Monitors],
    ) -> Result<(), BackendError> {
        self.receive(backend, (player, number))?;
        let through_hosts = self.goes_through_hosts();
        let layer = &mut self.players[player as usize][number];
        let last = layer.share.rounds - 1;
        for (part, monitors) in monitors.iter_mut().enumerate() {
            let monitor = Some((&mut **monitors, GRADIENTS[player as usize]));
            layer.step_part(backend, state, (part, last), slot, monitor);
        }
        if through_hosts {
            let mut words = std::mem::take(&mut layer.from_owners);
            let own = 0..layer.share.rounds;
            backend.read_with(&layer.parameters, |values| {
                to_words(values, own, &mut words.send)
            })?;
            self.link.begin(Call::AllGather, words);
        }
        Ok(())
    }

    /// Takes the parameters of the columns that this process owns from `mlp`, where they have changed
    /// otherwise than by [`Exchange::step`].
    pub(crate) fn take_parameters(&mut self, backend: &B, player: Player, mlp: &Mlp<B>) {
        let layers = self.players[player as usize].iter_mut();
        for (shared, layer) in layers.zip(&mlp.layers) {
            let (parts, to) = (&mut shared.parts, &mut shared.parameters);
            SharedLayer::keep(backend, [&layer.w, &layer.b], parts, to, self.share);
        }
    }

    /// Every moment that owners keep: its player, its layer and its number.
    pub(crate) fn moments(&self) -> impl Iterator<Item = (Player, usize, usize)> {
        let players = [Player::Generator, Player::Discriminator].into_iter();
        players.flat_map(|player| {
            let layers = self.players[player as usize].iter().enumerate();
            layers.flat_map(move |(layer, shared)| {
                (0..shared.moments.len()).map(move |moment| (player, layer, moment))
            })
        })
    }

    /// Shapes of W and b of a layer.
    pub(crate) fn shapes(&self, player: Player, layer: usize) -> [[usize; 2]; 2] {
        let gradient = &self.players[player as usize][layer].gradient;
        gradient.each_ref().map(|of| [of.row_count(), of.cols()])
    }

    /// A moment of a layer's W and b, gathered from all owners; every process has to ask for it.
    pub(crate) fn gather_moment(
        &mut self,
        backend: &B,
        (player, layer, moment): (Player, usize, usize),
    ) -> Result<[Tensor; 2], BackendError> {
        let shapes = self.shapes(player, layer);
        let layer = &mut self.players[player as usize][layer];
        let mut words = std::mem::take(&mut layer.from_owners);
        let (own, moment) = (0..layer.share.rounds, &layer.moments[moment]);
        backend.read_with(moment, |values| to_words(values, own, &mut words.send))?;
        layer.from_owners = self.link.call(Call::AllGather, words).map_err(lost)?;
        layer.take_parts(backend);
        let ([w, b], parts) = (&mut layer.gradient, &layer.parts);
        backend.column_parts(ColumnParts::Join { parts, w, b });
        let [of_w, of_b] = shapes;
        let [w, b] = [backend.read(w.all())?, backend.read(b.all())?];
        Ok([Tensor::of(of_w, &w), Tensor::of(of_b, &b)])
    }

    /// Continues from a moment of a layer's W and b.
    pub(crate) fn restore_moment(
        &mut self,
        backend: &B,
        (player, layer, moment): (Player, usize, usize),
        values: [Vec<B::Elem>; 2],
    ) {
        let layer = &mut self.players[player as usize][layer];
        for (matrix, values) in layer.gradient.iter_mut().zip(values) {
            backend.write(matrix, &values);
        }
        let (parts, to) = (&mut layer.parts, &mut layer.moments[moment]);
        SharedLayer::keep(backend, layer.gradient.each_ref(), parts, to, self.share);
    }

    /// The sums of all microbatches, from those of this process's; every process has to ask for them.
    pub(crate) fn gather_sums(
        &mut self,
        local: &[MonitorSums],
    ) -> Result<Vec<MonitorSums>, BackendError> {
        self.check()?;
        let count = 2 * Monitor::COUNT * local.len();
        let mut words = Words::gathered(count, vec![count; self.share.processes]);
        let sums: Vec<f64> = local.iter().flat_map(|sums| sums.0).collect();
        to_words(&sums, 0..1, &mut words.send);
        let words = self.link.call(Call::AllGather, words).map_err(lost)?;
        let mut sums = vec![0.0_f64; words.receive.len() / 2];
        from_words(&words.receive, self.share, &mut sums);
        let (sums, _) = sums.as_chunks();
        Ok(sums.iter().map(|sums| MonitorSums(*sums)).collect())
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

fn lost(error: CommunicationError) -> BackendError {
    BackendError::Failed {
        reason: error.to_string(),
    }
}
