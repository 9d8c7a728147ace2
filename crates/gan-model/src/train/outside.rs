//! A game as its caller sees it: how it stands, samples, what D says, checkpoints.

use gan_kernels::{Backend, BackendError, Matrix, MonitorSums, Real};

use super::{Microbatch, Trainer};
use crate::checkpoint::{
    CONDITIONS, Checkpoint, CheckpointError, HEADS, Tensor, named, named_mut, shape,
};
use crate::conditions::Conditions;
use crate::config::Player;
use crate::metrics::Metrics;
use crate::mlp::{Mlp, Pass, RunningMean};
use crate::parallel::{Exchange, Order, merged};

impl<B: Backend> Trainer<B> {
    /// Waits for the device.
    ///
    /// # Errors
    /// If anything has failed on it so far.
    pub fn check(&self) -> Result<(), BackendError> {
        if let Some(exchange) = &self.exchange {
            exchange.check()?;
        }
        self.backend.check()
    }

    /// The device that it plays on.
    #[must_use]
    pub fn backend(&self) -> &B {
        &self.backend
    }

    /// Iterations done.
    #[must_use]
    pub fn steps_done(&self) -> u64 {
        self.step
    }

    /// Iterations that visit every record once, rounded up.
    #[must_use]
    pub fn steps_per_epoch(&self) -> u64 {
        let schedule = &self.schedule;
        schedule.records.div_ceil(schedule.records_per_step)
    }

    /// The penalty on D's gradient by its input, with the numbers that the data gave it.
    #[must_use]
    pub fn penalty(&self) -> Option<gan_kernels::Penalty> {
        self.rules.penalty
    }

    /// Number of parameters of G and of D.
    #[must_use]
    pub fn parameter_counts(&self) -> [usize; 2] {
        [
            self.generator.parameter_count(),
            self.discriminator.parameter_count(),
        ]
    }

    /// Reads the monitors, which waits for the device, and starts them anew.
    ///
    /// # Errors
    /// If the device failed.
    pub fn take_metrics(&mut self) -> Result<Metrics, BackendError> {
        self.tell(Order::Metrics);
        let sums = match &mut self.microbatches[..] {
            // Without a list: a game of one microbatch allocates nothing.
            [only] if self.exchange.is_none() => self.backend.take_monitors(&mut only.monitors)?,
            _ => merged(&self.all_sums()?),
        };
        let records = self.step * self.schedule.records_per_step;
        let epoch = records as f64 / self.schedule.records as f64;
        let k = self.rules.discriminator_steps;
        let rates = self.schedule.rates(self.step, k);
        Ok(Metrics::new(&sums, self.step, epoch, rates))
    }

    /// The sums of the reading that has begun, which a checkpoint does not hold, of each microbatch.
    ///
    /// # Errors
    /// If the device failed.
    pub fn sums(&mut self) -> Result<Vec<MonitorSums>, BackendError> {
        self.tell(Order::Sums);
        let sums = self.all_sums()?;
        self.give_back_sums(&sums);
        Ok(sums)
    }

    /// Goes on from [`Trainer::sums`] of the trainer that made the checkpoint that this one
    /// continues, before another iteration; in every process that plays.
    ///
    /// # Panics
    /// If they are of another number of microbatches.
    pub fn give_back_sums(&mut self, sums: &[MonitorSums]) {
        let microbatches = self.rules.microbatches;
        assert_eq!(sums.len(), microbatches, "sums of microbatches");
        let local: Vec<_> = match &self.exchange {
            Some(exchange) => exchange.local().map(|number| sums[number]).collect(),
            None => sums.to_vec(),
        };
        for (microbatch, sums) in self.microbatches.iter_mut().zip(local) {
            let monitors = &mut microbatch.monitors;
            self.backend.give_back_monitors(monitors, sums);
        }
    }

    /// Takes the sums of every microbatch.
    fn all_sums(&mut self) -> Result<Vec<MonitorSums>, BackendError> {
        let take =
            |microbatch: &mut Microbatch<B>| self.backend.take_monitors(&mut microbatch.monitors);
        let local: Result<Vec<_>, _> = self.microbatches.iter_mut().map(take).collect();
        match &mut self.exchange {
            Some(exchange) => exchange.gather_sums(&local?),
            None => local,
        }
    }

    /// Plays what process 0 plays, until its trainer is dropped.
    ///
    /// For the other processes of [`Trainer::parallel`].
    ///
    /// # Errors
    /// If the device failed, or process 0 is gone.
    pub fn follow(&mut self) -> Result<(), BackendError> {
        loop {
            let step = self.step;
            let Some(exchange) = self.exchange.as_mut().filter(|exchange| !exchange.leads()) else {
                return Ok(());
            };
            match exchange.hear(step)? {
                Order::Step => self.play_iteration(),
                Order::Metrics => drop(self.all_sums()?),
                Order::Sums => {
                    let sums = self.all_sums()?;
                    self.give_back_sums(&sums);
                }
                Order::Checkpoint => drop(self.moments()?),
                Order::End => return Ok(()),
            }
        }
    }

    /// True if this process plays, and false if it is to [follow](Trainer::follow).
    #[must_use]
    pub fn leads(&self) -> bool {
        self.exchange.as_ref().is_none_or(Exchange::leads)
    }

    /// True if gradients go from device to device of several processes, and not through their hosts.
    #[must_use]
    pub fn exchanges_directly(&self) -> bool {
        self.exchange.as_ref().is_some_and(Exchange::is_direct)
    }

    /// Asserts that no other process would have to do as this one does.
    #[track_caller]
    pub(super) fn assert_alone(&self, what: &str) {
        let alone = self.exchange.as_ref().is_none_or(Exchange::is_alone);
        assert!(alone, "{what}: one of several processes");
    }

    /// Tells the other processes, if there are some, what comes next.
    pub(super) fn tell(&mut self, order: Order) {
        let step = self.step;
        if let Some(exchange) = &mut self.exchange {
            exchange.tell(order, step);
        }
    }

    /// Samples number `first .. first + count` of `seed`, row-major, without dropout.
    ///
    /// # Errors
    /// If the device failed.
    pub fn sample(
        &mut self,
        seed: u64,
        first: usize,
        count: usize,
    ) -> Result<Vec<f32>, BackendError> {
        let g = sampled(&self.generator, self.average.as_ref());
        self.sampling.sample(g, seed, first, count)
    }

    /// The same of samples whose conditions `keep` keeps, by the level of each; none where it keeps
    /// none of the training records', or there are no conditions.
    ///
    /// # Errors
    /// If the device failed.
    pub fn sample_where(
        &mut self,
        seed: u64,
        first: usize,
        count: usize,
        keep: impl Fn(&[u32]) -> bool,
    ) -> Result<Vec<f32>, BackendError> {
        let Some(shares) = self.conditions().map(|conditions| conditions.shares(keep)) else {
            return Ok(Vec::new());
        };
        if shares.records() == 0 {
            return Ok(Vec::new());
        }
        let all = self.sampling.draw_from(shares);
        let samples = self.sample(seed, first, count);
        self.sampling.draw_from(all);
        samples
    }

    /// The conditions of the training records, if the game has some.
    #[must_use]
    pub fn conditions(&self) -> Option<&Conditions> {
        self.conditions
            .as_ref()
            .map(|conditions| &conditions.of_records)
    }

    /// G(z) for each of `latents`, row-major, without dropout; conditions follow their latent.
    ///
    /// # Panics
    /// If `latents` is no whole number of latents.
    /// # Errors
    /// If the device failed.
    pub fn generate_from(&mut self, latents: &[f32]) -> Result<Vec<f32>, BackendError> {
        let g = sampled(&self.generator, self.average.as_ref());
        self.sampling.generate_from(g, latents)
    }

    /// D(x), the probability of being data, of each of `records`, row-major, without dropout.
    ///
    /// A D that sees several records at once sees as many copies of one.
    ///
    /// # Panics
    /// If `records` is no whole number of records.
    /// # Errors
    /// If the device failed.
    pub fn discriminate(&mut self, records: &[f32]) -> Result<Vec<f32>, BackendError> {
        let pack = self.rules.pack;
        let cols = self.discriminator.inputs() / pack;
        assert!(
            records.len().is_multiple_of(cols),
            "discriminate: no whole number of records"
        );
        let rows = 2 * self.rules.microbatch / pack;
        let mut x = self.backend.matrix(rows, cols * pack);
        let mut probabilities = Vec::with_capacity(records.len() / cols);
        for records in records.chunks(rows * cols) {
            let count = records.len() / cols;
            let copies = records.chunks(cols).flat_map(|record| record.repeat(pack));
            let mut values: Vec<B::Elem> = copies.map(|x| Real::from_f64(x.into())).collect();
            values.resize(rows * cols * pack, B::Elem::ZERO);
            self.backend.write(&mut x, &values);
            let (d, tape) = (&self.discriminator, &mut self.discriminator_tape);
            let pass = Pass::without_dropout(&self.backend, &self.state, count);
            d.forward(&pass, x.rows(0, count), tape);
            let logits = tape.output(d.layers.len() - 1);
            let logits = self.backend.read(logits.rows(0, count))?;
            let sigmoid = |l: &B::Elem| (1.0 / (1.0 + (-l.to_f64()).exp())) as f32;
            probabilities.extend(logits.iter().map(sigmoid));
        }
        Ok(probabilities)
    }

    /// Everything that the rest of the run depends on.
    ///
    /// # Panics
    /// In the middle of an iteration that [`Trainer::step_phase`] has begun.
    /// # Errors
    /// If the device failed.
    pub fn checkpoint(
        &mut self,
        config: String,
        annotations: std::collections::BTreeMap<String, String>,
    ) -> Result<Checkpoint, BackendError> {
        assert!(self.phases_done == 0, "checkpoint: within an iteration");
        self.tell(Order::Checkpoint);
        let moments = self.moments()?;
        let matrices = self.matrices();
        let tensors = matrices.map(|(name, m)| Ok((name, Tensor::read(&self.backend, m)?)));
        let tensors = tensors.chain(moments.into_iter().map(Ok));
        let mut annotations = annotations;
        annotations.extend(self.heads_text().map(|text| (HEADS.to_owned(), text)));
        let conditions = self.conditions_text();
        annotations.extend(conditions.map(|text| (CONDITIONS.to_owned(), text)));
        Ok(Checkpoint {
            step: self.step,
            seed: self.seed,
            config,
            annotations,
            tensors: tensors.collect::<Result<_, BackendError>>()?,
        })
    }

    /// Continues from `checkpoint`: from here on as if this trainer had made it.
    ///
    /// # Errors
    /// If a tensor is missing, unknown or of another shape; nothing has changed then.
    pub fn restore(&mut self, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        let shapes = self.matrices().map(|(name, matrix)| (name, shape(matrix)));
        let moments = self.exchange.iter().flat_map(moment_shapes);
        checkpoint.check_all(shapes.chain(moments))?;
        if checkpoint.annotations.get(HEADS) != self.heads_text().as_ref() {
            return Err(CheckpointError::Heads {
                found: "heads of other columns".into(),
                expected: "those of the training records".into(),
            });
        }
        if checkpoint.annotations.get(CONDITIONS) != self.conditions_text().as_ref() {
            return Err(CheckpointError::Conditions {
                found: "conditions of other records".into(),
                expected: "those of the training records".into(),
            });
        }
        let backend = self.backend.clone();
        for (name, matrix) in self.matrices_mut() {
            checkpoint.fetch(&backend, &name, matrix)?;
        }
        if let Some(exchange) = &mut self.exchange {
            for (player, mlp) in [
                (Player::Generator, &self.generator),
                (Player::Discriminator, &self.discriminator),
            ] {
                exchange.take_parameters(&backend, player, mlp);
            }
            let moments: Vec<_> = exchange.moments().collect();
            for moment in moments {
                let values = moment_names(moment).map(|name| {
                    let values = checkpoint.tensor(&name).unwrap_or_default().into_iter();
                    values.map(B::Elem::from_f64).collect()
                });
                exchange.restore_moment(&backend, moment, values);
            }
        }
        self.step = checkpoint.step;
        self.phases_done = 0;
        self.seed = checkpoint.seed;
        self.state = backend.state(self.schedule.state(self.seed, self.step));
        for microbatch in &mut self.microbatches {
            microbatch.monitors = backend.monitors();
        }
        // The record names the state and the monitors that were.
        self.forget_recording();
        Ok(())
    }

    /// The moments that are kept by the owners of columns, by their names in a checkpoint.
    fn moments(&mut self) -> Result<Vec<(String, Tensor)>, BackendError> {
        let Some(exchange) = &mut self.exchange else {
            return Ok(Vec::new());
        };
        let backend = &self.backend;
        exchange.check()?;
        let all: Vec<_> = exchange.moments().collect();
        let gathered = all.into_iter().map(|moment| {
            let tensors = exchange.gather_moment(backend, moment)?;
            Ok(moment_names(moment).into_iter().zip(tensors))
        });
        let gathered: Result<Vec<_>, BackendError> = gathered.collect();
        Ok(gathered?.into_iter().flatten().collect())
    }

    /// The heads of mixed records, as a checkpoint has them.
    fn heads_text(&self) -> Option<String> {
        let heads = self.heads.as_ref()?;
        Some(serde_json::json!(heads.of_records).to_string())
    }

    /// The conditions of the training records, as a checkpoint has them.
    fn conditions_text(&self) -> Option<String> {
        let conditions = &self.conditions.as_ref()?.of_records;
        Some(serde_json::json!(conditions).to_string())
    }

    /// All that changes from one iteration to the next, by its name in a checkpoint.
    fn matrices(&self) -> impl Iterator<Item = (String, &Matrix<B>)> {
        let average = self.average.iter();
        let average =
            average.flat_map(|mean| named(&mean.mlp, "generator", RunningMean::<B>::PART));
        let directions = self.spectral_limit.iter().flat_map(|l| &l.directions);
        named(&self.generator, "generator", "")
            .chain(average)
            .chain(named(&self.discriminator, "discriminator", ""))
            .chain(directions.enumerate().map(named_direction))
    }

    fn matrices_mut(&mut self) -> impl Iterator<Item = (String, &mut Matrix<B>)> {
        let average = self.average.iter_mut();
        let average =
            average.flat_map(|mean| named_mut(&mut mean.mlp, "generator", RunningMean::<B>::PART));
        let limit = self.spectral_limit.iter_mut();
        let directions = limit.flat_map(|l| &mut l.directions);
        named_mut(&mut self.generator, "generator", "")
            .chain(average)
            .chain(named_mut(&mut self.discriminator, "discriminator", ""))
            .chain(directions.enumerate().map(named_direction))
    }
}

/// The names of a moment of a layer's W and b.
fn moment_names((player, layer, moment): (Player, usize, usize)) -> [String; 2] {
    let player = match player {
        Player::Generator => "generator",
        Player::Discriminator => "discriminator",
    };
    ["w", "b"].map(|of| format!("{player}.{layer}.moment{moment}.{of}"))
}

/// The names and shapes of the moments that owners of columns keep.
fn moment_shapes<B: Backend>(exchange: &Exchange<B>) -> impl Iterator<Item = (String, [usize; 2])> {
    exchange.moments().flat_map(|moment| {
        let (player, layer, _) = moment;
        moment_names(moment)
            .into_iter()
            .zip(exchange.shapes(player, layer))
    })
}

/// The name of the direction that limits the spectrum of a layer of D.
fn named_direction<M>((index, matrix): (usize, M)) -> (String, M) {
    (format!("discriminator.{index}.direction"), matrix)
}

/// G as samples are drawn from it.
fn sampled<'a, B: Backend>(g: &'a Mlp<B>, average: Option<&'a RunningMean<B>>) -> &'a Mlp<B> {
    average.map_or(g, |mean| &mean.mlp)
}
