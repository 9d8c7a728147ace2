//! The deep belief net (Hinton, Osindero, Teh 2006): a stack of RBMs, learnt one after the other.
//!
//! Each RBM learns the states that the one below draws from the data.
//! As a model, the top two layers are an RBM and all below are directed downwards, so a sample takes a
//! Gibbs chain at the top and then one pass down.
//! The paper's fine-tuning by wake and sleep is left out.

use gan_kernels::{Backend, Rates};
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::bond::Bond;
use crate::learning::{Chains, Learning};
use crate::rbm::{Negative, Rbm};
use crate::units::Draws;

/// Configuration of a DBN, or with one hidden layer of an RBM.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DbnConfig {
    /// Units of each hidden layer, from the data up.
    pub hidden: Vec<usize>,
    /// How the top layer learns, from which samples come; those below learn by contrastive divergence.
    #[serde(default)]
    pub negative: Negative,
    /// Steps of the chains in each update.
    pub steps: usize,
    /// The training of each layer.
    pub learning: Learning,
    /// The chains of samples, at the top.
    pub chain: Chains,
}

impl DbnConfig {
    /// An RBM of 500 hidden units.
    pub(crate) fn rbm() -> Self {
        Self {
            hidden: vec![500],
            learning: Learning::new(5.0, 0.05, 0.5),
            ..Self::default()
        }
    }
}

impl Default for DbnConfig {
    fn default() -> Self {
        Self {
            hidden: vec![500, 500],
            negative: Negative::Persistent,
            steps: 1,
            learning: Learning::new(4.0, 0.05, 0.5),
            chain: Chains::default(),
        }
    }
}

/// A deep belief net; with one hidden layer it is an RBM.
pub(crate) struct Dbn<B: Backend> {
    pub(crate) layers: Vec<Rbm<B>>,
}

impl<B: Backend> Dbn<B> {
    /// `bonds` are those of the layers, from the data up.
    pub(crate) fn new(bonds: Vec<Bond<B>>, config: &DbnConfig) -> Self {
        let last = bonds.len() - 1;
        let rbm = |(layer, bond)| Rbm {
            bond,
            negative: match layer == last {
                true => config.negative,
                false => Negative::Contrastive,
            },
            steps: config.steps,
            layer,
            particles: None,
        };
        let layers = bonds.into_iter().enumerate().map(rbm).collect();
        Self { layers }
    }

    /// Layer `stage` learns from records `x`, whose values are probabilities.
    pub(crate) fn learn(
        &mut self,
        stage: usize,
        x: &[B::Elem],
        draws: Draws,
        rates: Rates,
    ) -> Result<()> {
        // A layer's own uses of random numbers are those of its number, so this is a layer beyond.
        let mut v = draws.bernoulli((0, self.layers.len()), x);
        for below in &self.layers[..stage] {
            v = below.draw_hidden(&v, draws, 0)?;
        }
        self.layers[stage].learn(&v, draws, rates)
    }

    fn top(&self) -> &Rbm<B> {
        &self.layers[self.layers.len() - 1]
    }

    /// States of the top layer that chains begin with.
    pub(crate) fn begin(&self, chains: usize, draws: Draws) -> Vec<B::Elem> {
        let [_, units] = self.top().bond.sizes();
        draws.coins((0, self.top().layer), chains * units)
    }

    /// A Gibbs step at the top.
    pub(crate) fn step(&self, h: &[B::Elem], draws: Draws) -> Result<Vec<B::Elem>> {
        let v = self.top().draw_visible(h, draws, 0)?;
        self.top().draw_hidden(&v, draws, 1)
    }

    /// From the top to the data: states, and of the data their probabilities.
    pub(crate) fn pixels(&self, h: &[B::Elem], draws: Draws) -> Result<Vec<B::Elem>> {
        let mut h = h.to_vec();
        for layer in self.layers[1..].iter().rev() {
            h = layer.draw_visible(&h, draws, 1)?;
        }
        self.layers[0].bond.visible(&h)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bond::Parameters;
    use crate::exact::{marginals, native, random_bond, states};

    /// A second RBM that begins as the first one turned over leaves the distribution as it is (the
    /// paper's section 4), so each pixel's mean is known by enumeration.
    #[test]
    fn a_stack_of_an_rbm_and_itself_turned_over_has_the_rbms_means() {
        const CHAINS: usize = 60_000;
        let bond = |sizes, layer| Bond::new(&native(), sizes, 0.0, (1, layer));
        let (mut lower, mut upper) = (bond([4, 3], 0), bond([3, 4], 1));
        random_bond(&mut lower, 1.5);
        let values = lower.parameters().unwrap();
        let turned = (0..3).flat_map(|j| (0..4).map(move |i| 3 * i + j));
        upper.set(&Parameters {
            w: turned.map(|i| values.w[i]).collect(),
            above: values.below,
            below: values.above,
        });
        let mut expected = [0.0; 4];
        for (p, v) in marginals(&[&lower]).iter().zip(states(4).chunks(4)) {
            let means = expected.iter_mut().zip(v);
            means.for_each(|(mean, v)| *mean += p * v);
        }
        let dbn = Dbn::new(vec![lower, upper], &DbnConfig::default());
        let mut h = dbn.begin(CHAINS, Draws::chain(2, 0));
        for step in 1..=60 {
            h = dbn.step(&h, Draws::chain(2, step)).unwrap();
        }
        let pixels = dbn.pixels(&h, Draws::chain(2, 60)).unwrap();
        for (i, expected) in expected.iter().enumerate() {
            let mean = pixels.iter().skip(i).step_by(4).sum::<f64>() / CHAINS as f64;
            // Five standard errors of a number in [0, 1].
            let allowed = 5.0 * 0.5 / (CHAINS as f64).sqrt();
            assert!((mean - expected).abs() < allowed, "{mean} {expected}");
        }
    }
}
