//! The deep belief net (Hinton, Osindero, Teh 2006): a stack of RBMs, learnt one after the other.
//!
//! Each RBM learns the states that the one below draws from the data.
//! As a model, the top two layers are an RBM and all below are directed downwards, so a sample takes a
//! Gibbs chain at the top and then one pass down.
//! The paper's fine-tuning by wake and sleep is left out.

use gan_kernels::{Backend, BackendError, Rates};
use serde::{Deserialize, Serialize};

use crate::learning::{Chains, Learning};
use crate::rbm::{Negative, Rbm};
use crate::units::Draws;

/// Configuration of a DBN.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DbnConfig {
    /// Units of each hidden layer, from the data up.
    pub hidden: Vec<usize>,
    /// Steps of the chains in each update: by contrastive divergence below, persistent at the top,
    /// from which samples come.
    pub steps: usize,
    /// The training of each layer.
    pub learning: Learning,
    /// The chains of samples, at the top.
    pub chain: Chains,
}

impl Default for DbnConfig {
    fn default() -> Self {
        Self {
            hidden: vec![500, 500],
            steps: 1,
            learning: Learning {
                minibatch: 100,
                epochs: 4.0,
                learning_rate: 0.05,
                momentum: 0.5,
            },
            chain: Chains::default(),
        }
    }
}

/// A deep belief net; with one hidden layer it is an RBM.
pub(crate) struct Dbn<B: Backend> {
    pub(crate) layers: Vec<Rbm<B>>,
}

impl<B: Backend> Dbn<B> {
    /// `shares` are the means of the data's values.
    pub(crate) fn new(backend: &B, config: &DbnConfig, shares: &[f32], seed: u64) -> Self {
        let last = config.hidden.len().saturating_sub(1);
        let mut below = shares.len();
        let layers = config.hidden.iter().enumerate().map(|(layer, &above)| {
            let negative = match layer == last {
                true => Negative::Persistent,
                false => Negative::Contrastive,
            };
            let sizes = [std::mem::replace(&mut below, above), above];
            Rbm::new(backend, sizes, (negative, config.steps), (seed, layer))
        });
        Self::of(layers.collect(), shares)
    }

    /// A stack whose lowest units begin on as often as in the data.
    pub(crate) fn of(mut layers: Vec<Rbm<B>>, shares: &[f32]) -> Self {
        if let Some(lowest) = layers.first_mut() {
            lowest.begin_at(shares);
        }
        Self { layers }
    }

    /// Layer `stage` learns from records `x`, whose values are probabilities.
    pub(crate) fn learn(
        &mut self,
        stage: usize,
        x: &[B::Elem],
        draws: Draws,
        rates: Rates,
    ) -> Result<(), BackendError> {
        // A layer's own uses of random numbers are those of its number, so this is a layer beyond.
        let mut v = draws.bernoulli((0, self.layers.len()), x);
        for below in &self.layers[..stage] {
            v = below.draw_hidden(&v, draws, 0)?;
        }
        self.layers[stage].learn(&v, draws, rates)
    }

    /// What is left of records after the way up through the first `depth` layers, and down, by means.
    pub(crate) fn reconstruct(
        &self,
        x: &[B::Elem],
        depth: usize,
    ) -> Result<Vec<B::Elem>, BackendError> {
        let mut values = x.to_vec();
        for layer in &self.layers[..depth] {
            values = layer.hidden(&values)?;
        }
        for layer in self.layers[..depth].iter().rev() {
            values = layer.visible(&values)?;
        }
        Ok(values)
    }

    fn top(&self) -> &Rbm<B> {
        &self.layers[self.layers.len() - 1]
    }

    /// States of the top layer that chains begin with.
    pub(crate) fn begin(&self, chains: usize, draws: Draws) -> Vec<B::Elem> {
        self.top().coins(chains, draws)
    }

    /// A Gibbs step at the top.
    pub(crate) fn step(&self, h: &[B::Elem], draws: Draws) -> Result<Vec<B::Elem>, BackendError> {
        let v = self.top().draw_visible(h, draws, 0)?;
        self.top().draw_hidden(&v, draws, 1)
    }

    /// From the top to the data: states, and of the data their probabilities.
    pub(crate) fn pixels(&self, h: &[B::Elem], draws: Draws) -> Result<Vec<B::Elem>, BackendError> {
        let mut h = h.to_vec();
        for layer in self.layers[1..].iter().rev() {
            h = layer.draw_visible(&h, draws, 1)?;
        }
        self.layers[0].visible(&h)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::{joint, native, random_bond, states};

    /// A second RBM that begins as the first one turned over leaves the distribution as it is (the
    /// paper's section 4), so each pixel's mean is known by enumeration.
    #[test]
    fn a_stack_of_an_rbm_and_itself_turned_over_has_the_rbms_means() {
        const CHAINS: usize = 60_000;
        let backend = native();
        let rbm = |sizes, layer| Rbm::new(&backend, sizes, (Negative::Persistent, 1), (1, layer));
        let (mut lower, mut upper) = (rbm([4, 3], 0), rbm([3, 4], 1));
        random_bond(&mut lower.bond, 1.5);
        let values = lower.bond.parameters().unwrap();
        let turned: Vec<f64> = (0..3)
            .flat_map(|j| (0..4).map(move |i| 3 * i + j))
            .map(|i| values.w[i])
            .collect();
        upper.bond.set_weights(&turned);
        upper.bond.set_above(&values.below);
        upper.bond.set_below(&values.above);
        let mut expected = [0.0; 4];
        for (p, v) in joint(&lower.bond).chunks(8).zip(states(4).chunks(4)) {
            let p: f64 = p.iter().sum();
            expected
                .iter_mut()
                .zip(v)
                .for_each(|(mean, v)| *mean += p * v);
        }
        let dbn = Dbn {
            layers: vec![lower, upper],
        };
        let mut h = dbn.begin(CHAINS, Draws::chain(2, 0));
        for step in 1..=60 {
            h = dbn.step(&h, Draws::chain(2, step)).unwrap();
        }
        let pixels = dbn.pixels(&h, Draws::chain(2, 60)).unwrap();
        for (i, expected) in expected.iter().enumerate() {
            let mean = pixels.iter().skip(i).step_by(4).sum::<f64>() / CHAINS as f64;
            // Five standard errors of a number in [0, 1].
            assert!(
                (mean - expected).abs() < 5.0 * 0.5 / (CHAINS as f64).sqrt(),
                "{mean} {expected}"
            );
        }
    }

    #[test]
    fn layers_learn_one_after_the_other() {
        let config = DbnConfig {
            hidden: vec![3, 5],
            ..DbnConfig::default()
        };
        let mut dbn = Dbn::new(&native(), &config, &[0.5; 4], 1);
        let values =
            |dbn: &Dbn<_>| [0, 1].map(|i: usize| dbn.layers[i].bond.parameters().unwrap().w);
        let x = [0.9, 0.1, 0.8, 0.2].repeat(20);
        for stage in [0, 1] {
            let before = values(&dbn);
            dbn.learn(stage, &x, Draws::training(1, 0), Rates::constant(0.1, 0.0))
                .unwrap();
            let after = values(&dbn);
            for layer in [0, 1] {
                assert_eq!(before[layer] != after[layer], layer == stage);
            }
        }
    }
}
