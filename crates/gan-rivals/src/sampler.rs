//! Samples: the states of Markov chains, some of which run side by side.

use gan_kernels::{Backend, BackendError, Real};

use crate::learning::Chains;
use crate::rival::{Rival, State};
use crate::units::Draws;

/// A trained rival and the chains that its samples are taken from.
///
/// Sample number i of a seed is the same however many are drawn, and in whatever order; in ascending
/// order none costs more than the steps that lie before it.
pub struct ChainSampler<B: Backend> {
    rival: Rival<B>,
    chain: Chains,
    /// The chains as they stand, if any was drawn.
    at: Option<Standing<B::Elem>>,
    /// Steps that were made, of all chains.
    steps: u64,
}

/// Chains after some of their steps.
struct Standing<T> {
    seed: u64,
    step: u64,
    state: State<T>,
    /// The records that they stand at, or nothing before these were asked for.
    pixels: Vec<f32>,
}

impl<B: Backend> ChainSampler<B> {
    /// The chains of `rival`, as its configuration has them.
    #[must_use]
    pub fn new(rival: Rival<B>) -> Self {
        let chain = rival.config().chain();
        Self {
            rival,
            chain,
            at: None,
            steps: 0,
        }
    }

    /// Values per sample.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.rival.cols()
    }

    /// Steps of chains that were made so far, of all chains together.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Samples number `first .. first + count` of `seed`, row-major: probabilities of the values.
    ///
    /// # Errors
    /// If the device failed.
    pub fn sample(
        &mut self,
        seed: u64,
        first: usize,
        count: usize,
    ) -> Result<Vec<f32>, BackendError> {
        let (chains, cols) = (self.chain.chains, self.cols());
        let mut samples = Vec::with_capacity(count * cols);
        let (mut next, end) = (first, first + count);
        while next < end {
            let round = next / chains;
            let pixels = self.pixels(seed, self.chain.burn_in + round as u64 * self.chain.thin)?;
            let rows = next - round * chains..(end - round * chains).min(chains);
            next += rows.len();
            samples.extend_from_slice(&pixels[rows.start * cols..rows.end * cols]);
        }
        Ok(samples)
    }

    /// The records that all chains of `seed` stand at after `step` steps, one row for each.
    ///
    /// # Errors
    /// If the device failed.
    pub fn pixels(&mut self, seed: u64, step: u64) -> Result<&[f32], BackendError> {
        let ahead = self.at.take();
        let mut at = match ahead.filter(|at| at.seed == seed && at.step <= step) {
            Some(at) => at,
            None => Standing {
                seed,
                step: 0,
                state: self.rival.begin(self.chain.chains, Draws::chain(seed, 0))?,
                pixels: Vec::new(),
            },
        };
        while at.step < step {
            at.step += 1;
            at.state = self.rival.step(&at.state, Draws::chain(seed, at.step))?;
            at.pixels.clear();
            self.steps += self.chain.chains as u64;
        }
        if at.pixels.is_empty() {
            let pixels = self.rival.pixels(&at.state, Draws::chain(seed, step))?;
            at.pixels = pixels.into_iter().map(|x| x.to_f64() as f32).collect();
        }
        Ok(&self.at.insert(at).pixels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RivalConfig;
    use gan_kernels::Native;

    fn sampler(kind: &str) -> ChainSampler<Native<f32>> {
        let backend = Native::new(Some(1)).unwrap();
        let mut config = RivalConfig::of_kind(kind).unwrap();
        config.set_size(9);
        ChainSampler::new(Rival::new(&backend, &config, &[0.3; 6], 1))
    }

    #[test]
    fn samples_do_not_depend_on_how_they_are_drawn() {
        for kind in RivalConfig::KINDS {
            let all = sampler(kind).sample(1, 0, 250).unwrap();
            let mut other = sampler(kind);
            for (first, count) in [(0, 70), (70, 60), (201, 49), (40, 3)] {
                let some = other.sample(1, first, count).unwrap();
                assert_eq!(some, all[6 * first..6 * (first + count)], "{kind}, {first}");
            }
            assert_ne!(other.sample(2, 0, 250).unwrap(), all, "{kind}");
        }
    }

    #[test]
    fn steps_are_those_of_burn_in_and_between_samples() {
        let mut sampler = sampler("rbm");
        sampler.sample(1, 0, 250).unwrap();
        // 100 chains of three samples each: 5 steps, and one more between two samples.
        assert_eq!(sampler.steps(), 100 * 7);
    }
}
