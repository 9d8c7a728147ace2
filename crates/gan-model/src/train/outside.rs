//! What a game shows from outside: how it stands, samples, what D says, checkpoints.

use gan_kernels::{Backend, BackendError, Execution, Real};

use super::Trainer;
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::metrics::Metrics;
use crate::mlp::Pass;
use crate::sample::{generate_from, sample_rows};

impl<B: Backend> Trainer<B> {
    /// How iterations are run; `None` before the first.
    #[must_use]
    pub fn execution(&self) -> Option<Execution> {
        self.backend.execution(&self.recording)
    }

    /// Waits for the device.
    ///
    /// # Errors
    /// What has gone wrong on it so far.
    pub fn check(&self) -> Result<(), BackendError> {
        self.backend.check()
    }

    /// Iterations done.
    #[must_use]
    pub fn steps_done(&self) -> u64 {
        self.step
    }

    /// Iterations that visit every record once, rounded up.
    #[must_use]
    pub fn steps_per_epoch(&self) -> u64 {
        self.schedule
            .records
            .div_ceil(self.schedule.records_per_step)
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
    /// What went wrong on the device.
    pub fn take_metrics(&mut self) -> Result<Metrics, BackendError> {
        let sums = self.backend.take_monitors(&mut self.monitors)?;
        let records = self.step * self.schedule.records_per_step;
        let epoch = records as f64 / self.schedule.records as f64;
        let mut metrics = Metrics::new(&sums, self.step, epoch);
        let rates = self
            .schedule
            .rates(self.step, self.rules.discriminator_steps);
        metrics.learning_rate = rates.learning_rate;
        metrics.momentum = rates.momentum;
        Ok(metrics)
    }

    /// Samples number `first .. first + count` of `seed`, row-major, without dropout.
    ///
    /// # Errors
    /// What went wrong on the device.
    pub fn sample(
        &mut self,
        seed: u64,
        first: usize,
        count: usize,
    ) -> Result<Vec<f32>, BackendError> {
        let (g, tape) = (&self.generator, &mut self.sampling_tape);
        sample_rows(&self.backend, g, tape, self.rules.prior, seed, first, count)
    }

    /// G(z) for each of `latents`, row-major, without dropout.
    ///
    /// # Panics
    /// If `latents` is no whole number of latents.
    /// # Errors
    /// What went wrong on the device.
    pub fn generate_from(&mut self, latents: &[f32]) -> Result<Vec<f32>, BackendError> {
        let (g, tape) = (&self.generator, &mut self.sampling_tape);
        generate_from(&self.backend, g, tape, latents)
    }

    /// D(x), the probability of being data, of each of `records`, row-major, without dropout.
    ///
    /// A D that sees several records at once sees as many copies of one.
    ///
    /// # Panics
    /// If `records` is no whole number of records.
    /// # Errors
    /// What went wrong on the device.
    pub fn discriminate(&mut self, records: &[f32]) -> Result<Vec<f32>, BackendError> {
        let cols = self.x.cols();
        assert!(
            records.len().is_multiple_of(cols),
            "discriminate: no whole number of records"
        );
        let pack = self.rules.pack;
        let rows = 2 * self.rules.minibatch / pack;
        let mut x = self.backend.matrix(rows, cols * pack);
        let mut probabilities = Vec::with_capacity(records.len() / cols);
        for records in records.chunks(rows * cols) {
            let count = records.len() / cols;
            let mut values = Vec::with_capacity(rows * cols * pack);
            for record in records.chunks(cols) {
                for _ in 0..pack {
                    values.extend(record.iter().map(|&value| B::Elem::from_f64(value.into())));
                }
            }
            values.resize(rows * cols * pack, B::Elem::ZERO);
            self.backend.write(&mut x, &values);
            let pass = Pass {
                state: &self.state,
                masks: None,
                first: 0,
                count,
            };
            let tape = &mut self.discriminator_tape;
            self.discriminator
                .forward(&self.backend, &pass, x.rows(0, count), tape, None);
            let logits = self.backend.read(tape.y[tape.y.len() - 1].rows(0, count))?;
            probabilities.extend(
                logits
                    .iter()
                    .map(|l| (1.0 / (1.0 + (-l.to_f64()).exp())) as f32),
            );
        }
        Ok(probabilities)
    }

    /// Everything that the rest of the run depends on.
    ///
    /// # Errors
    /// What went wrong on the device.
    pub fn checkpoint(
        &self,
        config: String,
        annotations: std::collections::BTreeMap<String, String>,
    ) -> Result<Checkpoint, BackendError> {
        let mut checkpoint = Checkpoint::new(self.step, self.seed, config, annotations);
        checkpoint.store(&self.backend, "generator", &self.generator)?;
        checkpoint.store(&self.backend, "discriminator", &self.discriminator)?;
        Ok(checkpoint)
    }

    /// Continues from `checkpoint`: from here on as if this trainer had made it.
    ///
    /// # Errors
    /// If a tensor is missing, unknown or of another shape; nothing has changed then.
    pub fn restore(&mut self, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        checkpoint.expect_only(&[
            ("generator", &self.generator),
            ("discriminator", &self.discriminator),
        ])?;
        checkpoint.fetch(&self.backend, "generator", &mut self.generator)?;
        checkpoint.fetch(&self.backend, "discriminator", &mut self.discriminator)?;
        self.step = checkpoint.step;
        self.seed = checkpoint.seed;
        self.state = self
            .backend
            .state(self.schedule.state(self.seed, self.step));
        self.monitors = self.backend.monitors();
        // The record names the state and the monitors that were.
        self.recording = B::Recording::default();
        Ok(())
    }
}
