//! Algorithm 1.

// First, since documentation lists the methods of a type in the order of modules: `new` leads.
mod start;

mod minibatch;
mod outside;
mod phase;
mod replay;

use std::ops::Range;

use gan_kernels::random::{Purpose, Stream};
use gan_kernels::{
    Backend, Dropout, FillLatent, GatherRows, LinearBwdParams, Matrix, Monitor, Schedule,
};

use crate::conditions::GameConditions;
use crate::config::Player;
use crate::heads::OutputHeads;
use crate::mlp::{Loss, Mlp, Pass, PenalisedUpdate, RunningMean, SpectralLimit, Tangents, Tape};
use crate::parallel::{Exchange, Order};
use crate::sample::Sampling;
use minibatch::{DiscriminatorPass, Minibatches, Over};
pub use phase::Phase;
pub use start::Moves;
use start::Rules;

/// Both players, their data, and everything one iteration needs.
///
/// An iteration allocates nothing, reads nothing back, and passes no number that changes from one
/// iteration to the next: those live in the state on the device. Only a game of several microbatches
/// allocates, and reads their gradients back.
pub struct Trainer<B: Backend> {
    backend: B,
    pub(crate) generator: Mlp<B>,
    /// The mean of G that samples are drawn from, where one is kept.
    average: Option<RunningMean<B>>,
    /// What makes mixed records of G's output, where records are mixed.
    heads: Option<OutputHeads<B>>,
    /// The columns of a record that are inputs of both players, where there are some.
    conditions: Option<GameConditions<B>>,
    pub(crate) discriminator: Mlp<B>,
    spectral_limit: Option<SpectralLimit<B>>,
    /// k, m, the prior, and each player's loss.
    rules: Rules,
    /// The players that move; the other one stands still.
    moves: Moves,
    /// The training records, on the device.
    data: B::Resident,
    pub(crate) schedule: Schedule,
    pub(crate) state: B::State,
    /// Iterations done, as the host counts them.
    step: u64,
    /// Phases done of an iteration that is played one by one.
    phases_done: usize,
    seed: u64,
    /// The microbatches that this process plays: one, unless the game has several.
    pub(crate) microbatches: Vec<Microbatch<B>>,
    /// Room for D's update under a penalty.
    tangents: Option<Tangents<B>>,
    discriminator_tape: Tape<B>,
    sampling: Sampling<B>,
    /// The iteration, where the back end records it.
    recording: B::Recording,
    /// Sums gradients over microbatches, where there are several.
    exchange: Option<Exchange<B>>,
}

/// What a part of each minibatch keeps from one phase of an iteration to the next.
pub(crate) struct Microbatch<B: Backend> {
    /// Its number in the minibatch.
    number: usize,
    /// Latents of a whole iteration.
    z: Matrix<B>,
    /// Latents with conditions beside them, where G is given some.
    given: Option<Matrix<B>>,
    /// Data and samples of an iteration.
    minibatches: Minibatches<B>,
    generator_tape: Tape<B>,
    pub(crate) monitors: B::Monitors,
}

impl<B: Backend> Trainer<B> {
    /// One iteration of Algorithm 1, or of the authors' variant of it; or the rest of one that
    /// [`Trainer::step_phase`] has begun.
    ///
    /// `record_or_replay` (`train/replay.rs`) runs the closure or, where the back end keeps the
    /// commands of an iteration, starts those again; it also advances the step and its rates.
    ///
    /// # Panics
    /// In a process that is to [follow](Trainer::follow) another.
    pub fn step(&mut self) {
        self.tell(Order::Step);
        self.play_iteration();
    }

    fn play_iteration(&mut self) {
        if self.phases_done > 0 {
            while self.step_phase().1 {}
            return;
        }
        self.record_or_replay(|game| {
            let Rules {
                updates,
                discriminator_steps: k,
                ..
            } = game.rules;
            Phase::of(updates, k).for_each(|phase| game.play(phase));
            game.average_generator();
        });
    }

    /// What one [`Phase`] of an iteration does.
    fn play(&mut self, phase: Phase) {
        let microbatches = 0..self.microbatches.len();
        match phase {
            Phase::Latents => microbatches.for_each(|index| self.sample_latents(index)),
            Phase::Data { update } => {
                microbatches.for_each(|index| self.sample_data(index, update));
            }
            Phase::Discriminator { update } => {
                for index in microbatches {
                    let pass = self.run_discriminator(index, update, Over::Update);
                    self.ascend_discriminator(index, pass);
                }
                self.end_updates(false, Some(update));
            }
            Phase::Generator => {
                for index in microbatches {
                    let k = self.rules.discriminator_steps;
                    let pass = self.run_discriminator_on_samples(index, k);
                    self.descend_generator(index, pass);
                }
                self.end_updates(true, None);
            }
            Phase::Both { update } => {
                for index in microbatches {
                    let pass = self.run_discriminator(index, update, Over::Update);
                    // G first: its gradient passes through D as D was when it saw these samples.
                    self.descend_generator(index, pass);
                    self.ascend_discriminator(index, pass);
                }
                self.end_updates(true, Some(update));
            }
        }
    }

    /// "Sample minibatch of m noise samples from noise prior p_g(z)", and run them through G.
    ///
    /// The minibatches of the whole iteration come at once, since G does not change before its own
    /// update, and one product of many rows is faster than several of few.
    fn sample_latents(&mut self, index: usize) {
        let (rules, backend) = (self.rules, &self.backend);
        let dropout = self.sample_dropout(index, 0);
        let microbatch = &mut self.microbatches[index];
        let first_row = microbatch.number * rules.samples();
        backend.fill_latent(FillLatent {
            z: microbatch.z.all_mut(),
            prior: rules.prior,
            stream: Stream::new(Purpose::Noise, 0, 0),
            first_row,
            state: &self.state,
        });
        if let (Some(conditions), Some(given)) = (&self.conditions, &mut microbatch.given) {
            // A whole minibatch is followed by the next one: they are gathered at once.
            let m = match rules.microbatches {
                1 => rules.samples(),
                _ => rules.microbatch,
            };
            for number in 0..rules.samples() / m {
                let first = number * m;
                let rows = (microbatch.z.rows(first, m), given.rows_mut(first, m));
                let position = [
                    rules.rows_per_step(),
                    rules.row_of_step(number, microbatch.number),
                ];
                conditions.gather(backend, &self.data, rows, position, &self.state);
            }
        }
        let pass = Pass::new(backend, &self.state, 0, 0..rules.samples());
        let pass = pass.with_masks_from(first_row);
        let z = microbatch.given.as_ref().unwrap_or(&microbatch.z).all();
        let samples = microbatch.minibatches.samples_mut();
        let tape = &mut microbatch.generator_tape;
        match &self.heads {
            None => self
                .generator
                .forward_into(&pass, z, tape, samples, dropout),
            Some(heads) => {
                self.generator.forward(&pass, z, tape);
                let noise = (Stream::new(Purpose::Noise, 1, 0), first_row);
                let output = tape.output_mut().all_mut();
                heads.forward(backend, &self.state, noise, output, samples);
            }
        }
        if let (Some(conditions), Some(given)) = (&self.conditions, &microbatch.given) {
            conditions.place(backend, given.all(), microbatch.minibatches.samples_mut());
        }
    }

    /// "Sample minibatch of m examples from data generating distribution p_data(x)".
    fn sample_data(&mut self, index: usize, minibatch: usize) {
        let rules = self.rules;
        let microbatch = &mut self.microbatches[index];
        let pass = Pass::new(&self.backend, &self.state, minibatch, 0..rules.microbatch);
        let pass = pass.with_masks_from(microbatch.number * rules.discriminator_rows());
        self.backend.gather_rows(GatherRows {
            records: &self.data,
            y: microbatch.minibatches.data_mut(minibatch),
            rows_per_step: rules.rows_per_step(),
            first_row: rules.row_of_step(minibatch, microbatch.number),
            groups: self.conditions.as_ref().and_then(|c| c.groups.as_ref()),
            dropout: self.discriminator.dropout(0, &pass),
            state: &self.state,
        });
    }

    /// Runs D on the last samples; beside fresh data where G's loss compares the two.
    fn run_discriminator_on_samples(&mut self, index: usize, number: usize) -> DiscriminatorPass {
        if self.rules.generator_loss.objective.sees_data() {
            self.sample_data(index, number);
            self.run_discriminator(index, number, Over::DataAndSamples)
        } else {
            self.run_discriminator(index, number, Over::Samples)
        }
    }

    /// Runs D's layers but the last, which [`Trainer::loss_and_gradient`] runs with the loss.
    fn run_discriminator(&mut self, index: usize, number: usize, over: Over) -> DiscriminatorPass {
        let pass = DiscriminatorPass {
            index: number,
            over,
        };
        let microbatch = &mut self.microbatches[index];
        let minibatches = &mut microbatch.minibatches;
        minibatches.prepare(&self.backend, &self.state, pass, microbatch.number);
        let rows = minibatches.rows(pass);
        let x = minibatches.input(pass, rows.clone());
        let tape = &mut self.discriminator_tape;
        let pass_over = Pass::new(&self.backend, &self.state, number, rows)
            .with_masks_from(microbatch.number * self.rules.discriminator_rows());
        self.discriminator.forward_hidden(&pass_over, x, tape);
        pass
    }

    /// "Update the discriminator by ascending its stochastic gradient": descending that of its
    /// loss.
    fn ascend_discriminator(&mut self, index: usize, of: DiscriminatorPass) {
        let moves = self.moves != Moves::Generator;
        let loss_rows = self.microbatches[index].minibatches.data_and_samples(of);
        if self.tangents.is_none() || !moves {
            let loss = self.rules.discriminator_loss;
            self.loss_and_gradient(index, loss, of, loss_rows.clone());
        }
        if !moves {
            return;
        }
        let microbatch = &mut self.microbatches[index];
        let rows = microbatch.minibatches.rows(of);
        let x = microbatch.minibatches.input(of, rows.clone());
        let pass = Pass::new(&self.backend, &self.state, of.index, rows)
            .with_masks_from(microbatch.number * self.rules.discriminator_rows());
        let update = Updating {
            backend: &self.backend,
            exchange: self.exchange.as_mut(),
            player: Player::Discriminator,
            index,
        };
        let d = &mut self.discriminator;
        match &mut self.tangents {
            None => {
                let updates = d.updates(&pass, x, &self.discriminator_tape, of.index);
                update.by(updates, &mut microbatch.monitors);
            }
            Some(tangents) => {
                let mut penalised = PenalisedUpdate {
                    pass,
                    x,
                    tape: &mut self.discriminator_tape,
                    tangents,
                    loss: self.rules.discriminator_loss.scaled(self.rules.share()),
                    loss_rows: loss_rows.len(),
                    slot: of.index,
                };
                penalised.prepare(d, &mut microbatch.monitors);
                update.by(penalised.updates(d), &mut microbatch.monitors);
            }
        }
    }

    /// "Update the generator by descending its stochastic gradient", which comes through D.
    fn descend_generator(&mut self, index: usize, of: DiscriminatorPass) {
        let (m, k) = (self.rules.microbatch, self.rules.discriminator_steps);
        let loss = self.rules.generator_loss;
        let minibatches = &self.microbatches[index].minibatches;
        let samples = minibatches.samples(of);
        let loss_rows = if loss.objective.sees_data() {
            minibatches.data_and_samples(of)
        } else {
            samples.clone()
        };
        self.loss_and_gradient(index, loss, of, loss_rows.clone());

        // The samples that D has just seen are the iteration's last.
        let first = self.rules.samples() - m;
        let output = self.generator.layers.len() - 1;
        let below = (
            self.generator.layers[output].act,
            self.sample_dropout(index, first),
        );
        let microbatch = &mut self.microbatches[index];
        let pass = Pass::new(&self.backend, &self.state, 0, first..first + m)
            .with_masks_from(microbatch.number * self.rules.samples());
        let tape = &mut microbatch.generator_tape;
        microbatch.minibatches.backward_to_generator(
            &pass,
            of,
            &self.discriminator.layers[0],
            self.discriminator_tape.dz[0].rows(samples.start - loss_rows.start, samples.len()),
            below,
            tape.dz[output].all_mut(),
        );
        if let Some(heads) = &self.heads {
            let (p, dz) = tape.output_and_gradient_mut();
            let (p, x) = (p.rows(first, m), microbatch.minibatches.samples_of(of));
            heads.backward(&self.backend, p, x, dz.all_mut());
        }
        if let Some(conditions) = &self.conditions {
            conditions.without_gradient(&self.backend, tape.gradient_mut().all_mut());
        }
        self.generator.backward(&pass, tape);
        if self.moves != Moves::Discriminator {
            let update = Updating {
                backend: &self.backend,
                exchange: self.exchange.as_mut(),
                player: Player::Generator,
                index,
            };
            let z = microbatch
                .given
                .as_ref()
                .unwrap_or(&microbatch.z)
                .rows(first, m);
            let updates = self
                .generator
                .updates(&pass, z, &microbatch.generator_tape, k);
            update.by(updates, &mut microbatch.monitors);
        }
    }

    /// What is left of updates of G, and of D's of this number, once every microbatch has its part.
    fn end_updates(&mut self, of_generator: bool, of_discriminator: Option<usize>) {
        let of_generator = of_generator && self.moves != Moves::Discriminator;
        let of_discriminator = of_discriminator.filter(|_| self.moves != Moves::Generator);
        if let Some(exchange) = &mut self.exchange {
            let g = of_generator.then_some(self.rules.discriminator_steps);
            let g = g.map(|slot| (Player::Generator, &mut self.generator, slot));
            let d = of_discriminator;
            let d = d.map(|slot| (Player::Discriminator, &mut self.discriminator, slot));
            let mut players: Vec<_> = g.into_iter().chain(d).collect();
            let microbatches = self.microbatches.iter_mut();
            let mut monitors: Vec<_> = microbatches.map(|of| &mut of.monitors).collect();
            exchange.step(&self.backend, &self.state, &mut players, &mut monitors);
        }
        if let (Some(limit), Some(_)) = (&mut self.spectral_limit, of_discriminator) {
            limit.apply(&self.backend, &mut self.discriminator);
            if let Some(exchange) = &mut self.exchange {
                exchange.take_parameters(&self.backend, Player::Discriminator, &self.discriminator);
            }
        }
    }

    /// A player's loss on some of D's rows, and its gradient down to D's first layer.
    fn loss_and_gradient(
        &mut self,
        index: usize,
        loss: Loss,
        of: DiscriminatorPass,
        rows: Range<usize>,
    ) {
        let microbatch = &mut self.microbatches[index];
        let x = microbatch.minibatches.input(of, rows.clone());
        let pass = Pass::new(&self.backend, &self.state, of.index, rows)
            .with_masks_from(microbatch.number * self.rules.discriminator_rows());
        let (tape, monitors) = (&mut self.discriminator_tape, &mut microbatch.monitors);
        let loss = loss.scaled(self.rules.share());
        self.discriminator
            .loss_and_gradient(&pass, x, tape, loss, monitors);
    }

    /// Dropout of D's input for the samples of z from row `first` on.
    ///
    /// G's last layer applies it to all samples at once, so it has one pass number for them all:
    /// k + 1, which no pass of D has.
    fn sample_dropout(&self, index: usize, first: usize) -> Option<Dropout> {
        let pass = Pass::new(
            &self.backend,
            &self.state,
            self.rules.discriminator_steps + 1,
            first..first,
        );
        let number = self.microbatches[index].number;
        let pass = pass.with_masks_from(number * self.rules.samples());
        self.discriminator.dropout(0, &pass)
    }

    /// Moves the running mean of G, if one is kept, towards G.
    fn average_generator(&mut self) {
        if let Some(average) = &mut self.average
            && self.moves != Moves::Discriminator
        {
            average.follow(&self.backend, &self.generator);
        }
    }
}

/// An update of a player by the gradients of a microbatch.
struct Updating<'a, B: Backend> {
    backend: &'a B,
    exchange: Option<&'a mut Exchange<B>>,
    player: Player,
    /// Of the microbatches that this process plays.
    index: usize,
}

impl<B: Backend> Updating<'_, B> {
    /// By `operations`, one for each layer: at once, where the minibatch is not cut into several.
    fn by<'a>(
        self,
        operations: impl Iterator<Item = LinearBwdParams<'a, B>>,
        monitors: &mut B::Monitors,
    ) where
        B: 'a,
    {
        match self.exchange {
            Some(exchange) => exchange.add(self.backend, self.player, self.index, operations),
            None => {
                let monitor = match self.player {
                    Player::Generator => Monitor::GeneratorGradient,
                    Player::Discriminator => Monitor::DiscriminatorGradient,
                };
                let monitor = Some((monitors, monitor));
                self.backend.linear_bwd_params_each(operations, monitor);
            }
        }
    }
}

#[cfg(test)]
mod gradcheck;
#[cfg(test)]
mod parallel_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::game as test_game;
