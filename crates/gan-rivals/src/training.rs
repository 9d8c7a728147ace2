//! A training: minibatches in an order that follows from the seed, through the stages of a rival.

use gan_kernels::random::Permutation;
use gan_kernels::{Backend, BackendError, Real, Records};

use crate::config::RivalConfig;
use crate::learning::Learning;
use crate::rival::Rival;
use crate::units::{Draws, cross_entropy};

/// A rival and the records that it learns from.
///
/// The same seed gives the same bits on any number of threads.
pub struct Training<B: Backend> {
    backend: B,
    rival: Rival<B>,
    records: Records,
    seed: u64,
    /// Minibatches done.
    step: u64,
    /// Each with its number of minibatches.
    stages: Vec<(Learning, u64)>,
    /// The last minibatch, and the stage that it was of.
    x: Vec<B::Elem>,
    last_stage: usize,
}

impl<B: Backend> Training<B> {
    /// A training of `config` on `records`, whose values are from 0 to 1 and have the means `shares`.
    ///
    /// # Panics
    /// If the configuration is not valid, or there is no record.
    #[must_use]
    #[track_caller]
    pub fn new(
        backend: B,
        config: &RivalConfig,
        records: Records,
        shares: &[f32],
        seed: u64,
    ) -> Self {
        assert!(records.rows() > 0, "rival: no record");
        let steps = |learning: Learning| (learning, learning.steps(records.rows()));
        Self {
            rival: Rival::new(&backend, config, shares, seed),
            backend,
            stages: config.stages().into_iter().map(steps).collect(),
            records,
            seed,
            step: 0,
            x: Vec::new(),
            last_stage: 0,
        }
    }

    /// Minibatches of the whole training.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.stages.iter().map(|(_, steps)| steps).sum()
    }

    /// Minibatches done.
    #[must_use]
    pub fn steps_done(&self) -> u64 {
        self.step
    }

    /// The stage that the next step is of, counted from 0, and its own number there.
    #[must_use]
    pub fn stage(&self) -> (usize, u64) {
        let mut step = self.step;
        for (stage, (_, steps)) in self.stages.iter().enumerate() {
            if step < *steps {
                return (stage, step);
            }
            step -= steps;
        }
        (self.stages.len(), step)
    }

    /// Learns from the next minibatch; once all are done, nothing.
    ///
    /// # Errors
    /// If the device failed.
    pub fn step(&mut self) -> Result<(), BackendError> {
        let (stage, step) = self.stage();
        let Some((learning, steps)) = self.stages.get(stage).copied() else {
            return Ok(());
        };
        self.gather(learning.minibatch, step);
        self.last_stage = stage;
        let draws = Draws::training(self.seed, self.step);
        let rates = learning.rates(step, steps);
        self.rival.learn(stage, &self.x, draws, rates)?;
        self.step += 1;
        Ok(())
    }

    /// How well the last minibatch is left as it is on the way up, as far as the layers that have been
    /// trained, and back: the mean cross-entropy of a record, in nats.
    ///
    /// # Errors
    /// If the device failed.
    pub fn reconstruction(&self) -> Result<f64, BackendError> {
        let rows = self.x.len() / self.records.cols();
        let again = self.rival.reconstruct(self.last_stage, &self.x)?;
        Ok(cross_entropy(&self.x, &again, rows.max(1)))
    }

    /// The device that computes.
    #[must_use]
    pub fn backend(&self) -> &B {
        &self.backend
    }

    /// The rival as it is now.
    #[must_use]
    pub fn rival(&self) -> &Rival<B> {
        &self.rival
    }

    /// The rival, and no more training.
    #[must_use]
    pub fn into_rival(self) -> Rival<B> {
        self.rival
    }

    /// Puts `count` records into x: the next of passes that each have an order of their own.
    fn gather(&mut self, count: usize, step: u64) {
        let (records, cols) = (self.records.rows(), self.records.cols());
        self.x.resize(count * cols, B::Elem::ZERO);
        for (row, x) in self.x.chunks_exact_mut(cols).enumerate() {
            let position = step * count as u64 + row as u64;
            let (pass, place) = (position / records as u64, position % records as u64);
            let order = Permutation::new(self.seed, pass, records);
            self.records.copy_row(order.at(place as usize), x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ChainSampler;
    use gan_kernels::{Native, Values};

    fn training(kind: &str, threads: usize) -> Training<Native<f32>> {
        let backend = Native::new(Some(threads)).unwrap();
        let mut config = RivalConfig::of_kind(kind).unwrap();
        config.set_size(37);
        let rows = (0..450 * 70).map(|i| if i % 7 < 3 { 0.9 } else { 0.1 });
        let records = Records::new(70, Values::Floats(rows.collect()));
        Training::new(backend, &config, records, &[0.4; 70], 3)
    }

    #[test]
    fn trainings_and_samples_are_the_same_bits_on_any_number_of_threads() {
        for kind in RivalConfig::KINDS {
            let [one, three] = [1, 3].map(|threads| {
                let mut training = training(kind, threads);
                (0..training.steps()).for_each(|_| training.step().unwrap());
                let tensors = training.rival().tensors().unwrap();
                let mut sampler = ChainSampler::new(training.into_rival());
                (tensors, sampler.sample(1, 0, 130).unwrap())
            });
            assert_eq!(one, three, "{kind}");
            assert!(one.1.iter().all(|x| (0.0..=1.0).contains(x)), "{kind}");
        }
    }

    #[test]
    fn stages_follow_each_other_and_train_a_layer_each() {
        for kind in ["dbn", "cae"] {
            let mut training = training(kind, 1);
            let weights = |training: &Training<_>| {
                let tensors = training.rival().tensors().unwrap();
                [0, 3].map(|w: usize| tensors[w].values.clone())
            };
            assert_eq!(training.steps(), 2 * 5);
            for step in 0..10 {
                let stage = step as usize / 5;
                assert_eq!(training.stage(), (stage, step % 5));
                let before = weights(&training);
                training.step().unwrap();
                let after = weights(&training);
                for layer in [0, 1] {
                    assert_eq!(
                        before[layer] != after[layer],
                        layer == stage,
                        "{kind}, {step}"
                    );
                }
            }
            training.step().unwrap();
            assert_eq!((training.stage(), training.steps_done()), ((2, 0), 10));
        }
    }

    #[test]
    fn records_are_visited_once_in_a_pass() {
        let backend = Native::<f64>::new(Some(1)).unwrap();
        let config = RivalConfig::of_kind("rbm").unwrap();
        let rows = (0..300).map(|i| i as f32).collect();
        let records = Records::new(1, Values::Floats(rows));
        let mut training = Training::new(backend, &config, records, &[0.5], 3);
        let mut seen = Vec::new();
        for step in 0..3 {
            training.gather(100, step);
            seen.extend(training.x.iter().map(|&x| x as u32));
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..300).collect::<Vec<_>>());
    }

    #[test]
    fn a_rival_is_made_again_from_its_tensors() {
        for kind in RivalConfig::KINDS {
            let mut training = training(kind, 1);
            training.step().unwrap();
            let rival = training.into_rival();
            let (config, tensors) = (rival.config().clone(), rival.tensors().unwrap());
            let backend = Native::<f32>::new(Some(1)).unwrap();
            let find = |name: &str| tensors.iter().find(|tensor| tensor.name == name);
            let shape = |name: &str| find(name).map(|tensor| tensor.shape);
            let values = |name: &str| {
                let values = &find(name)?.values;
                Some(values.iter().map(|&x| f64::from(x)).collect())
            };
            let again = Rival::from_tensors(&backend, &config, shape, values).unwrap();
            assert_eq!(again.tensors().unwrap(), tensors, "{kind}");
            let missing = |name: &str| shape(name).filter(|_| name != "rival.0.w");
            let found = Rival::from_tensors(&backend, &config, missing, values);
            assert_eq!(
                found.err().unwrap().to_string(),
                "tensor rival.0.w: found none, expected one of 70×37 values"
            );
        }
    }
}
