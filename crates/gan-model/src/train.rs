//! Algorithm 1.

// First, since documentation lists the methods of a type in the order of modules: `new` leads.
mod start;

mod minibatch;
mod outside;
mod phase;
mod replay;

use std::ops::Range;

use gan_kernels::random::{Purpose, Stream};
use gan_kernels::{Backend, Dropout, FillLatent, GatherRows, Matrix, Monitor, Schedule};

use crate::conditions::GameConditions;
use crate::heads::OutputHeads;
use crate::mlp::{Loss, Mlp, Pass, PenalisedUpdate, RunningMean, SpectralLimit, Tangents, Tape};
use crate::sample::Sampling;
use minibatch::{DiscriminatorPass, Minibatches, Over};
pub use phase::Phase;
pub use start::Moves;
use start::Rules;

/// Both players, their data, and everything one iteration needs.
///
/// An iteration allocates nothing, reads nothing back, and passes no number that changes from one
/// iteration to the next: those live in the state on the device.
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
    pub(crate) monitors: B::Monitors,
    /// Latents of a whole iteration.
    z: Matrix<B>,
    /// Data and samples of an iteration.
    minibatches: Minibatches<B>,
    /// Room for D's update under a penalty.
    tangents: Option<Tangents<B>>,
    generator_tape: Tape<B>,
    discriminator_tape: Tape<B>,
    sampling: Sampling<B>,
    /// The iteration, where the back end records it.
    recording: B::Recording,
}

impl<B: Backend> Trainer<B> {
    /// One iteration of Algorithm 1, or of the authors' variant of it; or the rest of one that
    /// [`Trainer::step_phase`] has begun.
    ///
    /// `record_or_replay` (`train/replay.rs`) runs the closure or, where the back end keeps the
    /// commands of an iteration, starts those again; it also advances the step and its rates.
    pub fn step(&mut self) {
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
        match phase {
            Phase::Latents => self.sample_latents(),
            Phase::Data { update } => self.sample_data(update),
            Phase::Discriminator { update } => {
                let pass = self.run_discriminator(update, Over::Update);
                self.ascend_discriminator(pass);
            }
            Phase::Generator => {
                let pass = self.run_discriminator_on_samples(self.rules.discriminator_steps);
                self.descend_generator(pass);
            }
            Phase::Both { update } => {
                let pass = self.run_discriminator(update, Over::Update);
                // G first: its gradient passes through D as D was when it saw these samples.
                self.descend_generator(pass);
                self.ascend_discriminator(pass);
            }
        }
    }

    /// "Sample minibatch of m noise samples from noise prior p_g(z)", and run them through G.
    ///
    /// The minibatches of the whole iteration come at once, since G does not change before its own
    /// update, and one product of many rows is faster than several of few.
    fn sample_latents(&mut self) {
        self.backend.fill_latent(FillLatent {
            z: self.z.all_mut(),
            prior: self.rules.prior,
            stream: Stream::new(Purpose::Noise, 0, 0),
            first_row: 0,
            state: &self.state,
        });
        let dropout = self.sample_dropout(0);
        let pass = Pass::new(&self.backend, &self.state, 0, 0..self.z.row_count());
        let (tape, samples) = (&mut self.generator_tape, self.minibatches.samples_mut());
        let mut z = self.z.all();
        if let Some(conditions) = &mut self.conditions {
            let minibatches = [self.rules.data_minibatches(), self.rules.minibatch];
            conditions.gather(&self.backend, &self.data, z, minibatches, &self.state);
            z = conditions.input().all();
        }
        match &self.heads {
            None => self
                .generator
                .forward_into(&pass, z, tape, samples, dropout),
            Some(heads) => {
                self.generator.forward(&pass, z, tape);
                let noise = (Stream::new(Purpose::Noise, 1, 0), 0);
                let output = tape.output_mut().all_mut();
                heads.forward(&self.backend, &self.state, noise, output, samples);
            }
        }
        if let Some(conditions) = &self.conditions {
            conditions.place(&self.backend, self.minibatches.samples_mut());
        }
    }

    /// "Sample minibatch of m examples from data generating distribution p_data(x)".
    fn sample_data(&mut self, minibatch: usize) {
        let pass = Pass::new(
            &self.backend,
            &self.state,
            minibatch,
            0..self.rules.minibatch,
        );
        self.backend.gather_rows(GatherRows {
            records: &self.data,
            y: self.minibatches.data_mut(minibatch),
            minibatches_per_step: self.rules.data_minibatches(),
            minibatch,
            groups: self.conditions.as_ref().and_then(|c| c.groups.as_ref()),
            dropout: self.discriminator.dropout(0, &pass),
            state: &self.state,
        });
    }

    /// Runs D on the last samples; beside fresh data where G's loss compares the two.
    fn run_discriminator_on_samples(&mut self, index: usize) -> DiscriminatorPass {
        if self.rules.generator_loss.objective.sees_data() {
            self.sample_data(index);
            self.run_discriminator(index, Over::DataAndSamples)
        } else {
            self.run_discriminator(index, Over::Samples)
        }
    }

    /// Runs D's layers but the last, which [`Trainer::loss_and_gradient`] runs with the loss.
    fn run_discriminator(&mut self, index: usize, over: Over) -> DiscriminatorPass {
        let pass = DiscriminatorPass { index, over };
        self.minibatches.prepare(&self.backend, &self.state, pass);
        let rows = self.minibatches.rows(pass);
        let x = self.minibatches.input(pass, rows.clone());
        let tape = &mut self.discriminator_tape;
        let pass_over = Pass::new(&self.backend, &self.state, index, rows);
        self.discriminator.forward_hidden(&pass_over, x, tape);
        pass
    }

    /// "Update the discriminator by ascending its stochastic gradient": descending that of its
    /// loss.
    fn ascend_discriminator(&mut self, of: DiscriminatorPass) {
        let moves = self.moves != Moves::Generator;
        let loss_rows = self.minibatches.data_and_samples(of);
        if self.tangents.is_none() || !moves {
            self.loss_and_gradient(self.rules.discriminator_loss, of, loss_rows.clone());
        }
        if !moves {
            return;
        }
        let rows = self.minibatches.rows(of);
        let x = self.minibatches.input(of, rows.clone());
        let pass = Pass::new(&self.backend, &self.state, of.index, rows);
        let (d, slot) = (&mut self.discriminator, of.index);
        match &mut self.tangents {
            None => {
                let monitor = Some((&mut self.monitors, Monitor::DiscriminatorGradient));
                d.update(&pass, x, &self.discriminator_tape, slot, monitor);
            }
            Some(tangents) => {
                let update = PenalisedUpdate {
                    pass,
                    x,
                    tape: &mut self.discriminator_tape,
                    tangents,
                    loss: self.rules.discriminator_loss,
                    loss_rows: loss_rows.len(),
                    slot,
                    monitors: &mut self.monitors,
                };
                update.run(d);
            }
        }
        if let Some(limit) = &mut self.spectral_limit {
            limit.apply(&self.backend, d);
        }
    }

    /// "Update the generator by descending its stochastic gradient", which comes through D.
    fn descend_generator(&mut self, of: DiscriminatorPass) {
        let (m, k) = (self.rules.minibatch, self.rules.discriminator_steps);
        let loss = self.rules.generator_loss;
        let samples = self.minibatches.samples(of);
        let loss_rows = if loss.objective.sees_data() {
            self.minibatches.data_and_samples(of)
        } else {
            samples.clone()
        };
        self.loss_and_gradient(loss, of, loss_rows.clone());

        // The samples that D has just seen are the iteration's last.
        let first = self.z.row_count() - m;
        let output = self.generator.layers.len() - 1;
        let below = (
            self.generator.layers[output].act,
            self.sample_dropout(first),
        );
        let pass = Pass::new(&self.backend, &self.state, 0, first..first + m);
        let tape = &mut self.generator_tape;
        self.minibatches.backward_to_generator(
            &pass,
            of,
            &self.discriminator.layers[0],
            self.discriminator_tape.dz[0].rows(samples.start - loss_rows.start, samples.len()),
            below,
            tape.dz[output].all_mut(),
        );
        if let Some(heads) = &self.heads {
            let (p, dz) = tape.output_and_gradient_mut();
            let (p, x) = (p.rows(first, m), self.minibatches.samples_of(of));
            heads.backward(&self.backend, p, x, dz.all_mut());
        }
        if let Some(conditions) = &self.conditions {
            conditions.without_gradient(&self.backend, tape.gradient_mut().all_mut());
        }
        self.generator.backward(&pass, tape);
        if self.moves != Moves::Discriminator {
            let monitor = Some((&mut self.monitors, Monitor::GeneratorGradient));
            let input = self.conditions.as_ref().map(GameConditions::input);
            let z = input.unwrap_or(&self.z).rows(first, m);
            self.generator.update(&pass, z, tape, k, monitor);
        }
    }

    /// A player's loss on some of D's rows, and its gradient down to D's first layer.
    fn loss_and_gradient(&mut self, loss: Loss, of: DiscriminatorPass, rows: Range<usize>) {
        let x = self.minibatches.input(of, rows.clone());
        let pass = Pass::new(&self.backend, &self.state, of.index, rows);
        let (tape, monitors) = (&mut self.discriminator_tape, &mut self.monitors);
        self.discriminator
            .loss_and_gradient(&pass, x, tape, loss, monitors);
    }

    /// Dropout of D's input for the samples of z from row `first` on.
    ///
    /// G's last layer applies it to all samples at once, so it has one pass number for them all:
    /// k + 1, which no pass of D has.
    fn sample_dropout(&self, first: usize) -> Option<Dropout> {
        let pass = Pass::new(
            &self.backend,
            &self.state,
            self.rules.discriminator_steps + 1,
            first..first,
        );
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

#[cfg(test)]
mod gradcheck;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::game as test_game;
