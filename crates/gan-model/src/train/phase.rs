//! The phases of an iteration, in their order, and playing them one by one.

use gan_kernels::{Advance, Backend};
use serde::Serialize;

use super::Trainer;
use crate::config::Updates;

/// A part of an iteration; updates of D are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "phase", rename_all = "kebab-case")]
pub enum Phase {
    /// The latents of the whole iteration are drawn, and G makes samples of them.
    Latents,
    /// A minibatch of data is drawn for an update of D.
    Data {
        /// Index of that update, from 0.
        update: usize,
    },
    /// D is updated.
    Discriminator {
        /// Index of this update, from 0.
        update: usize,
    },
    /// G is updated, against the D that has just moved.
    Generator,
    /// Both are updated, by gradients from the same samples and the same parameters.
    Both {
        /// Index of this update of D, from 0.
        update: usize,
    },
}

impl Phase {
    /// The phases of an iteration.
    ///
    /// Alternating is Algorithm 1: k steps of D, then a step of G against the new D.
    /// Simultaneous is the authors' code: in the last of k steps of D both players move at once.
    pub(super) fn of(updates: Updates, k: usize) -> impl Iterator<Item = Self> {
        let both = move |update| updates == Updates::Simultaneous && update + 1 == k;
        let steps = (0..k).flat_map(move |update| {
            let moves = match both(update) {
                true => Self::Both { update },
                false => Self::Discriminator { update },
            };
            [Self::Data { update }, moves]
        });
        let last = (updates == Updates::Alternating).then_some(Self::Generator);
        std::iter::once(Self::Latents).chain(steps).chain(last)
    }
}

impl<B: Backend> Trainer<B> {
    /// Plays the next phase of an iteration, for who wants to look in between; which one it was, and
    /// whether the iteration goes on.
    ///
    /// The same operations in the same order as [`Trainer::step`], which plays what is left.
    ///
    /// # Panics
    /// In one of several processes that play together.
    pub fn step_phase(&mut self) -> (Phase, bool) {
        self.assert_alone("step_phase");
        if self.phases_done == 0 {
            let backend = self.backend.clone();
            backend.upload_rates(&mut self.state, &self.schedule, self.step);
        }
        let rules = self.rules;
        let mut phases = Phase::of(rules.updates, rules.discriminator_steps).skip(self.phases_done);
        let phase = phases.next().unwrap_or(Phase::Latents);
        let goes_on = phases.next().is_some();
        self.play(phase);
        if goes_on {
            self.phases_done += 1;
            return (phase, true);
        }
        self.average_generator();
        self.backend.advance(Advance {
            state: &mut self.state,
            schedule: &self.schedule,
        });
        self.step += 1;
        self.phases_done = 0;
        (phase, false)
    }

    /// True if some phases of an iteration are done, and others are not.
    #[must_use]
    pub fn is_within_iteration(&self) -> bool {
        self.phases_done > 0
    }

    /// The samples of the last update of G, row-major, and the gradient of its objective by what G's
    /// last layer sums for each: where that layer is linear, by the samples themselves.
    ///
    /// Zeros before the first update.
    ///
    /// # Errors
    /// If the device failed.
    pub fn generator_gradient(&self) -> Result<[Vec<B::Elem>; 2], gan_kernels::BackendError> {
        // G has seen the last minibatch of samples.
        let (m, minibatches) = (self.rules.microbatch, self.rules.sample_minibatches());
        let mut found = [Vec::new(), Vec::new()];
        for microbatch in &self.microbatches {
            let samples = microbatch.minibatches.samples_number(minibatches - 1);
            let gradient = &microbatch.generator_tape.dz[self.generator.layers.len() - 1];
            found[0].extend(self.backend.read(samples)?);
            found[1].extend(self.backend.read(gradient.rows(0, m))?);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use gan_kernels::ActivationKind;

    use super::super::tests::{changed, layer, snapshot, trainer, variants};
    use super::*;
    use crate::train::test_game;

    #[test]
    fn phases_are_those_of_algorithm_1_or_of_the_authors_code() {
        use Phase as P;
        let of = |updates, k| Phase::of(updates, k).collect::<Vec<_>>();
        let data = |update| P::Data { update };
        let discriminator = |update| P::Discriminator { update };
        assert_eq!(
            of(Updates::Alternating, 2),
            [
                P::Latents,
                data(0),
                discriminator(0),
                data(1),
                discriminator(1),
                P::Generator
            ]
        );
        let both = P::Both { update: 1 };
        assert_eq!(
            of(Updates::Simultaneous, 2),
            [P::Latents, data(0), discriminator(0), data(1), both]
        );
    }

    #[test]
    fn an_iteration_in_phases_has_the_bits_of_a_whole_one() {
        for config in variants() {
            let [mut whole, mut parts] = [(); 2].map(|()| trainer::<f32>(&config, 1));
            (0..4).for_each(|_| whole.step());
            for iteration in 0..4 {
                let first = parts.step_phase();
                assert_eq!(first, (Phase::Latents, true));
                assert!(parts.is_within_iteration());
                // What is left of the second comes at once.
                match iteration {
                    1 => parts.step(),
                    _ => while parts.step_phase().1 {},
                }
                assert_eq!(parts.steps_done(), iteration + 1);
                assert!(!parts.is_within_iteration());
            }
            assert_eq!(snapshot(&mut whole), snapshot(&mut parts));
            assert_eq!(whole.sums().unwrap(), parts.sums().unwrap());
        }
    }

    #[test]
    #[should_panic(expected = "checkpoint: within an iteration")]
    fn a_checkpoint_within_an_iteration_is_refused() {
        let mut trainer = trainer::<f32>(&test_game(), 1);
        trainer.step_phase();
        snapshot(&mut trainer);
    }

    #[test]
    fn generator_gradient_is_that_of_its_objective_by_each_sample() {
        let config = changed(test_game(), |c| {
            let last = c.generator.layers.len() - 1;
            c.generator.layers[last] = layer(5, ActivationKind::Identity);
            c.discriminator.layers = [6, 1]
                .map(|units| layer(units, ActivationKind::Tanh))
                .into();
            c.discriminator.layers[1].activation = ActivationKind::Sigmoid;
        });
        let mut game = trainer::<f64>(&config, 1);
        (0..3).for_each(|_| game.step());
        let [samples, gradient] = game.generator_gradient().unwrap();
        let m = config.game.minibatch;
        assert_eq!([samples.len(), gradient.len()], [5 * m; 2]);
        let largest = gradient.iter().fold(0.0, |most: f64, g| most.max(g.abs()));
        for place in 0..samples.len() {
            let mut objective = |by: f64| {
                let mut moved: Vec<f32> = samples.iter().map(|&x| x as f32).collect();
                moved[place] += by as f32;
                let d = game.discriminate(&moved).unwrap();
                -d.iter().map(|&d| f64::from(d).ln()).sum::<f64>() / m as f64
            };
            let h = 0.05;
            let slope = (objective(h) - objective(-h)) / (2.0 * h);
            let found = gradient[place];
            assert!(
                (found - slope).abs() < 0.02 * largest,
                "{place}: {found} {slope}"
            );
        }
    }
}
