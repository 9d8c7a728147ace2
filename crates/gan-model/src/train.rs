//! Algorithm 1.

mod outside;
mod start;

use gan_kernels::random::{Purpose, Stream};
use gan_kernels::{
    Activation, Advance, Backend, Below, Dropout, FillLatent, GatherRows, Interpolate,
    LinearBwdData, Matrix, Objective, Records, Repack, Rows, Schedule,
};

use crate::config::{ConfigError, GameConfig, OutputBias, Updates};
use crate::mlp::{Mlp, Optimizer, Pass, Player, Step, Tangents, Tape};
use crate::sample::sampling_tape;
pub use start::Moves;
use start::{Rules, schedule, start_from_mean};

/// What a game is trained on.
pub struct TrainingData {
    /// The training records alone.
    pub records: Records,
    /// Their mean, one value per column.
    pub mean: Vec<f32>,
}

/// Both players, their data, and everything one iteration needs.
///
/// An iteration allocates nothing, reads nothing back, and passes no number that changes from one
/// iteration to the next: those live in the state on the device.
pub struct Trainer<B: Backend> {
    backend: B,
    pub(crate) generator: Mlp<B>,
    pub(crate) discriminator: Mlp<B>,
    rules: Rules,
    moves: Moves,
    data: B::Resident,
    pub(crate) schedule: Schedule,
    pub(crate) state: B::State,
    /// Iterations done, as the host counts them.
    step: u64,
    seed: u64,
    pub(crate) monitors: B::Monitors,
    /// Latents of a whole iteration.
    z: Matrix<B>,
    /// What D sees: k + 1 minibatches, or k + 2 where G has latents of its own.
    ///
    /// G writes its samples from the second minibatch on.
    /// D's i-th step gathers data into minibatch i, over samples that are no longer needed, and
    /// judges minibatches i and i + 1.
    x: Matrix<B>,
    /// What D really sees, where that is not x itself.
    seen: Option<Seen<B>>,
    /// Gradient of the pre-activation of G's last layer, as D sees samples, where it packs them.
    packed_dz: Option<Matrix<B>>,
    /// What D's update needs under a penalty.
    tangents: Option<Tangents<B>>,
    pub(crate) generator_tape: Tape<B>,
    pub(crate) discriminator_tape: Tape<B>,
    sampling_tape: Tape<B>,
    /// The iteration, where the back end records it.
    recording: B::Recording,
}

/// A copy of what D judges: several records a row, or with points between data and samples.
struct Seen<B: Backend> {
    /// Data, samples, and perhaps points between them, packed.
    x: Matrix<B>,
    /// The points between them, a record a row.
    between: Option<Matrix<B>>,
}

/// A pass of D over minibatches of x.
#[derive(Clone, Copy)]
struct Judged {
    /// Which of the iteration's.
    pass: usize,
    /// 2 are data and samples, minibatches `pass` and `pass + 1` of x; 1 is the samples alone.
    minibatches: usize,
}

impl Judged {
    /// The row of x that was D's first.
    fn first_row(self, minibatch: usize) -> usize {
        (self.pass + 2 - self.minibatches) * minibatch
    }

    /// `count` of the rows that D saw, from row `first` on.
    fn input<'a, B: Backend>(
        self,
        x: &'a Matrix<B>,
        seen: Option<&'a Seen<B>>,
        minibatch: usize,
        first: usize,
        count: usize,
    ) -> Rows<'a, B> {
        match seen {
            Some(seen) => seen.x.rows(first, count),
            None => x.rows(self.first_row(minibatch) + first, count),
        }
    }
}

impl<B: Backend> Trainer<B> {
    /// Both players at their start, and `data` resident.
    ///
    /// # Errors
    /// If the configuration does not fit the data or itself.
    pub fn new(
        backend: B,
        config: &GameConfig,
        seed: u64,
        data: TrainingData,
    ) -> Result<Self, ConfigError> {
        let cols = data.records.cols();
        config.validate(cols)?;
        if data.records.rows() == 0 {
            let expected = "at least one training record".into();
            return Err(ConfigError::Missing {
                key: "data".into(),
                expected,
            });
        }
        let rules = Rules::new(config, &data.records);
        let [g, d] = [config.generator.optimizer, config.discriminator.optimizer]
            .map(|own| own.unwrap_or(config.optimizer));
        let mut generator = Mlp::new(
            &backend,
            Player::Generator,
            &config.generator.layers,
            &config.generator_sizes(cols),
            Optimizer::new(g),
            seed,
        );
        if config.generator.output_bias == OutputBias::Marginals {
            start_from_mean(&backend, &mut generator, config, &data.mean);
        }
        if rules.average.is_some() {
            generator.keep_average(&backend);
        }
        let mut discriminator = Mlp::new(
            &backend,
            Player::Discriminator,
            &config.discriminator.layers,
            &config.discriminator_sizes(cols),
            Optimizer::new(d),
            seed,
        );
        if let Some(output) = discriminator.layers.last_mut() {
            // D returns logits; its sigmoid is in the objectives, where it cannot overflow.
            output.act = Activation::Identity;
        }
        if let Some(limit) = config.discriminator.max_spectral_norm {
            discriminator.limit_spectrum(&backend, limit, seed);
        }
        let (m, samples) = (rules.minibatch, rules.sample_minibatches());
        let schedule = schedule(rules, [d, g], data.records.rows());
        let mut generator_tape = Tape::new(&backend, &generator, samples * m, m);
        // G's samples go into what D sees.
        generator_tape.y.pop();
        let rows = rules.parts() * m / rules.pack;
        if !rules.discriminator.sees_level() {
            discriminator.hold_last_bias(&backend, rows);
        }
        let tangents = |penalty| Tangents::new(&backend, &discriminator, rows, penalty);
        Ok(Self {
            generator_tape,
            discriminator_tape: Tape::new(&backend, &discriminator, rows, rows),
            tangents: rules.penalty.map(tangents),
            seen: rules.sees_copy().then(|| Seen {
                x: backend.matrix(rows, cols * rules.pack),
                between: (rules.parts() > 2).then(|| backend.matrix(m, cols)),
            }),
            packed_dz: (rules.pack > 1).then(|| backend.matrix(m / rules.pack, cols * rules.pack)),
            sampling_tape: sampling_tape(&backend, &generator),
            generator,
            discriminator,
            rules,
            moves: Moves::Both,
            state: backend.state(schedule.state(seed, 0)),
            schedule,
            step: 0,
            seed,
            monitors: backend.monitors(),
            z: backend.matrix(samples * m, config.generator.latent),
            x: backend.matrix((samples + 1) * m, cols),
            data: backend.resident(data.records),
            recording: B::Recording::default(),
            backend,
        })
    }

    /// One iteration of Algorithm 1, or the replay of its record.
    pub fn step(&mut self) {
        let (backend, mut recording) = (self.backend.clone(), std::mem::take(&mut self.recording));
        backend.upload_rates(&mut self.state, &self.schedule, self.step);
        backend.repeat(&mut recording, || self.iterate());
        self.recording = recording;
        self.step += 1;
    }

    /// The list of operations that one iteration is.
    fn iterate(&mut self) {
        let k = self.rules.discriminator_steps;
        // All latents of the iteration at once: G does not change before its own update.
        self.sample_latents();
        self.generate();
        for i in 0..k {
            self.sample_data(i);
            let judged = self.judge(i, 2);
            if self.rules.updates == Updates::Simultaneous && self.last_discriminator_step(i) {
                // G's gradient passes through D as it was when it judged these very samples.
                self.descend_generator(judged);
            }
            self.ascend_discriminator(judged);
        }
        if self.rules.updates == Updates::Alternating {
            // Fresh samples, judged by the new D; beside fresh data where it compares the two.
            let pairs = self.rules.generator.sees_data();
            if pairs {
                self.sample_data(k);
            }
            let judged = self.judge(k, if pairs { 2 } else { 1 });
            self.descend_generator(judged);
        }
        let average = self.rules.average;
        if let Some(decay) = average.filter(|_| self.moves != Moves::Discriminator) {
            self.generator.average(&self.backend, decay);
        }
        self.backend.advance(Advance {
            state: &mut self.state,
            schedule: &self.schedule,
        });
    }

    fn last_discriminator_step(&self, i: usize) -> bool {
        i + 1 == self.rules.discriminator_steps
    }

    /// z ~ p_z.
    fn sample_latents(&mut self) {
        self.backend.fill_latent(FillLatent {
            z: self.z.all_mut(),
            prior: self.rules.prior,
            stream: Stream::new(Purpose::Noise, 0, 0),
            first_row: 0,
            state: &self.state,
        });
    }

    /// G(z), into what D sees, with D's input dropout.
    fn generate(&mut self) {
        let m = self.rules.minibatch;
        let count = self.rules.sample_minibatches() * m;
        let dropout = self.sample_dropout(0);
        let pass = Pass {
            state: &self.state,
            masks: Some(0),
            first: 0,
            count,
        };
        let samples = self.x.rows_mut(m, count);
        let output = Some((samples, dropout));
        let tape = &mut self.generator_tape;
        self.generator
            .forward(&self.backend, &pass, self.z.all(), tape, output);
    }

    /// x ~ p_data, into minibatch `i` of what D sees.
    fn sample_data(&mut self, i: usize) {
        let m = self.rules.minibatch;
        let pass = Pass {
            state: &self.state,
            masks: Some(i),
            first: 0,
            count: m,
        };
        self.backend.gather_rows(GatherRows {
            records: &self.data,
            y: self.x.rows_mut(i * m, m),
            minibatches_per_step: self.rules.data_minibatches(),
            minibatch: i,
            dropout: self.discriminator.dropout(0, &pass),
            state: &self.state,
        });
    }

    /// What D's output layer sees in the `pass`-th of its passes.
    fn judge(&mut self, pass: usize, minibatches: usize) -> Judged {
        let judged = Judged { pass, minibatches };
        let m = self.rules.minibatch;
        let mut count = minibatches * m / self.rules.pack;
        if let Some(seen) = &mut self.seen {
            let x = self.x.rows(judged.first_row(m), minibatches * m);
            let y = seen.x.rows_mut(0, count);
            self.backend.repack(Repack { x, y });
            // Of D's own updates, which alone know the penalty.
            let between = seen.between.as_mut();
            if let Some(between) = between.filter(|_| pass < self.rules.discriminator_steps) {
                self.backend.interpolate(Interpolate {
                    a: self.x.rows(pass * m, m),
                    b: self.x.rows((pass + 1) * m, m),
                    y: between.all_mut(),
                    stream: Stream::new(Purpose::Interpolation, pass, 0),
                    state: &self.state,
                });
                let rows = m / self.rules.pack;
                let y = seen.x.rows_mut(count, rows);
                let x = between.all();
                self.backend.repack(Repack { x, y });
                count += rows;
            }
        }
        let x = judged.input(&self.x, self.seen.as_ref(), self.rules.minibatch, 0, count);
        let pass = Pass {
            state: &self.state,
            masks: Some(pass),
            first: 0,
            count,
        };
        self.discriminator
            .forward_hidden(&self.backend, &pass, x, &mut self.discriminator_tape);
        judged
    }

    /// D's update from the data and samples that it just judged.
    fn ascend_discriminator(&mut self, judged: Judged) {
        let (m, objective) = (self.rules.minibatch, self.rules.discriminator);
        let slot = judged.pass;
        let rows = 2 * m / self.rules.pack;
        let watches = self.moves == Moves::Generator;
        if self.tangents.is_none() || watches {
            self.lose(objective, judged, 0, rows);
        }
        if watches {
            return;
        }
        let count = self.rules.parts() * m / self.rules.pack;
        let pass = Pass {
            state: &self.state,
            masks: Some(judged.pass),
            first: 0,
            count,
        };
        let x = judged.input(&self.x, self.seen.as_ref(), m, 0, count);
        let (backend, d) = (&self.backend, &mut self.discriminator);
        let (tape, monitors) = (&mut self.discriminator_tape, &mut self.monitors);
        match &mut self.tangents {
            None => d.update(backend, &pass, x, tape, slot, monitors),
            Some(tangents) => {
                let step = Step {
                    objective,
                    judged: rows,
                    slot,
                    monitors,
                };
                d.update_penalised(backend, &pass, x, tape, tangents, step);
            }
        }
    }

    /// G's update, through D, from the samples that it just judged.
    fn descend_generator(&mut self, judged: Judged) {
        let m = self.rules.minibatch;
        let rows = m / self.rules.pack;
        // Where the samples are among D's rows, and which of these the objective is of.
        let samples = (judged.minibatches - 1) * rows;
        let (begin, count) = if self.rules.generator.sees_data() {
            (0, 2 * rows)
        } else {
            (samples, rows)
        };
        self.lose(self.rules.generator, judged, begin, count);

        // The latest samples are the last ones; G's output layer is the layer below D.
        let first = (self.rules.sample_minibatches() - 1) * m;
        let last = self.generator_tape.dz.len() - 1;
        let below = Below {
            y: judged.input(&self.x, self.seen.as_ref(), m, samples, rows),
            act: self.generator.layers[last].act,
            winners: None,
            dropout: self.sample_dropout(first),
        };
        let to_samples = |dz_below| {
            self.backend.linear_bwd_data(LinearBwdData {
                dz: self.discriminator_tape.dz[0].rows(samples - begin, rows),
                w: &self.discriminator.layers[0].w,
                below,
                dz_below,
                state: &self.state,
            });
        };
        let dz_below = self.generator_tape.dz[last].all_mut();
        match &mut self.packed_dz {
            None => to_samples(dz_below),
            Some(packed) => {
                to_samples(packed.all_mut());
                let (x, y) = (packed.all(), dz_below);
                self.backend.repack(Repack { x, y });
            }
        }

        let pass = Pass {
            state: &self.state,
            masks: Some(0),
            first,
            count: m,
        };
        let slot = self.rules.discriminator_steps;
        let (z, tape) = (self.z.rows(first, m), &mut self.generator_tape);
        self.generator.backward(&self.backend, &pass, tape, last);
        if self.moves == Moves::Discriminator {
            return;
        }
        self.generator
            .update(&self.backend, &pass, z, tape, slot, &mut self.monitors);
    }

    /// A player's objective on `count` of the rows that D judged, from row `first` on, and its
    /// gradient down to D's first layer.
    fn lose(&mut self, objective: Objective, judged: Judged, first: usize, count: usize) {
        let pass = Pass {
            state: &self.state,
            masks: Some(judged.pass),
            first,
            count,
        };
        let m = self.rules.minibatch;
        let x = judged.input(&self.x, self.seen.as_ref(), m, first, count);
        let (d, tape) = (&self.discriminator, &mut self.discriminator_tape);
        let monitors = &mut self.monitors;
        d.lose(&self.backend, &pass, x, tape, objective, monitors);
        let below = d.layers.len().saturating_sub(2);
        d.backward(&self.backend, &pass, tape, below);
    }

    /// D's input dropout of the samples from row `first` of the iteration's on: a stream beside
    /// those of D's own passes, since G makes all samples in one pass.
    fn sample_dropout(&self, first: usize) -> Option<Dropout> {
        let masks = Some(self.rules.discriminator_steps + 1);
        self.discriminator.dropout(
            0,
            &Pass {
                state: &self.state,
                masks,
                first,
                count: 0,
            },
        )
    }

    /// Lets the players of `moves` move from the next iteration on.
    ///
    /// The iteration stays what it is, monitors and all; a player that stays keeps its parameters and
    /// its optimiser's moments to the bit, while its schedule goes on.
    /// Not part of a checkpoint.
    pub fn set_moves(&mut self, moves: Moves) {
        self.moves = moves;
        // The record has the other list of operations.
        self.recording = B::Recording::default();
    }
}

#[cfg(test)]
mod gradcheck;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::game as test_game;
