//! The restricted Boltzmann machine (Smolensky 1986), by contrastive divergence (Hinton 2002) or
//! persistent chains (Younes 1999; Tieleman 2008).
//!
//! `p(v, h) ∝ exp(vᵀW h + cᵀv + bᵀh)`, all units 0 or 1.
//! The gradient of log p(v) by W is `⟨v hᵀ⟩` under the data less `⟨v hᵀ⟩` under the model.
//! The second mean has no closed form: it is taken at the ends of chains, and this is what adversarial
//! nets do without.

use gan_kernels::{Activation, Backend, BackendError, Rates};
use serde::{Deserialize, Serialize};

use crate::bond::{Biases, Bond};
use crate::learning::{Chains, Learning};
use crate::units::{Draws, logits, sigmoid};

/// Configuration of an RBM.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RbmConfig {
    /// Hidden units, of one layer.
    pub hidden: Vec<usize>,
    /// Where the chains of the model's mean begin.
    pub negative: Negative,
    /// Steps of these chains in each update.
    pub steps: usize,
    /// The training.
    pub learning: Learning,
    /// The chains of samples.
    pub chain: Chains,
}

/// Where the chains begin whose ends stand for the model's distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Negative {
    /// At the records of the minibatch: contrastive divergence.
    Contrastive,
    /// Where those of the update before ended.
    Persistent,
}

impl Default for RbmConfig {
    fn default() -> Self {
        Self {
            hidden: vec![500],
            negative: Negative::Persistent,
            steps: 1,
            learning: Learning {
                minibatch: 100,
                epochs: 5.0,
                learning_rate: 0.05,
                momentum: 0.5,
            },
            chain: Chains::default(),
        }
    }
}

/// A restricted Boltzmann machine.
pub(crate) struct Rbm<B: Backend> {
    pub(crate) bond: Bond<B>,
    negative: Negative,
    steps: usize,
    /// Its place in a stack, which addresses its random numbers.
    layer: usize,
    /// Hidden states of the persistent chains.
    particles: Option<Vec<B::Elem>>,
}

impl<B: Backend> Rbm<B> {
    /// Weights as Hinton's practical guide (2010) begins with: near 0.
    pub(crate) fn new(
        backend: &B,
        sizes: [usize; 2],
        (negative, steps): (Negative, usize),
        (seed, layer): (u64, usize),
    ) -> Self {
        const BOUND: f64 = 0.017; // Deviation 0.01.
        Self {
            bond: Bond::new(backend, sizes, BOUND, (seed, layer)),
            negative,
            steps,
            layer,
            particles: None,
        }
    }

    /// Begins with units below that are on as often as in the data, whatever is above.
    pub(crate) fn begin_at(&mut self, shares: &[f32]) {
        self.bond.set_below(&logits(shares));
    }

    /// P(h = 1 | v).
    pub(crate) fn hidden(&self, v: &[B::Elem]) -> Result<Vec<B::Elem>, BackendError> {
        self.bond.up(v, Activation::Sigmoid)
    }

    /// P(v = 1 | h).
    pub(crate) fn visible(&self, h: &[B::Elem]) -> Result<Vec<B::Elem>, BackendError> {
        Ok(sigmoid(self.bond.down(h)?))
    }

    /// States of the hidden units, given v.
    pub(crate) fn draw_hidden(
        &self,
        v: &[B::Elem],
        draws: Draws,
        use_: usize,
    ) -> Result<Vec<B::Elem>, BackendError> {
        Ok(draws.bernoulli((2 * use_, self.layer), &self.hidden(v)?))
    }

    /// States of the visible units, given h.
    pub(crate) fn draw_visible(
        &self,
        h: &[B::Elem],
        draws: Draws,
        use_: usize,
    ) -> Result<Vec<B::Elem>, BackendError> {
        Ok(draws.bernoulli((2 * use_ + 1, self.layer), &self.visible(h)?))
    }

    /// Hidden states that chains begin with: each unit on or off as a coin falls.
    pub(crate) fn coins(&self, chains: usize, draws: Draws) -> Vec<B::Elem> {
        use gan_kernels::Real;
        let [_, hidden] = self.bond.sizes();
        let half = vec![B::Elem::from_f64(0.5); chains * hidden];
        draws.bernoulli((0, self.layer), &half)
    }

    /// One step against the gradient of −log p(v), as far as chains tell it; `v` are states.
    pub(crate) fn learn(
        &mut self,
        v: &[B::Elem],
        draws: Draws,
        rates: Rates,
    ) -> Result<(), BackendError> {
        let h = self.hidden(v)?;
        let persistent = self.particles.take();
        let mut state = match persistent.filter(|_| self.negative == Negative::Persistent) {
            Some(particles) => particles,
            None => draws.bernoulli((0, self.layer), &h),
        };
        let (mut model_v, mut model_h) = (Vec::new(), Vec::new());
        for step in 1..=self.steps {
            model_v = self.draw_visible(&state, draws, step)?;
            model_h = self.hidden(&model_v)?;
            state = draws.bernoulli((2 * step, self.layer), &model_h);
        }
        self.particles = Some(state);
        // Probabilities of the last hidden units and not their states: the same mean, less noise.
        let model = [&model_v[..], &model_h];
        let terms = self.bond.contrast(Biases::Both, [v, &h], model);
        self.bond.descend(&terms, rates);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bond::Term;
    use crate::exact::{assert_visits, central_differences, joint, native, random_bond, states};
    use gan_kernels::Native;

    fn rbm(negative: Negative, steps: usize) -> Rbm<Native<f64>> {
        let mut rbm = Rbm::new(&native(), [4, 3], (negative, steps), (7, 0));
        random_bond(&mut rbm.bond, 1.5);
        rbm
    }

    /// p(v) of each state of the visible units, by enumeration.
    fn marginals(rbm: &Rbm<Native<f64>>) -> Vec<f64> {
        let joint = joint(&rbm.bond);
        joint.chunks(8).map(|h| h.iter().sum()).collect()
    }

    #[test]
    fn gradient_of_the_likelihood_is_data_less_model() {
        let mut rbm = rbm(Negative::Contrastive, 1);
        let data = [1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0];
        let h = rbm.hidden(&data).unwrap();
        let (all, p) = (states(4), marginals(&rbm));
        let all_h = rbm.hidden(&all).unwrap();
        let mut terms = vec![Term::new(&data, &h, -0.5, Biases::Both)];
        terms.extend(
            p.iter().enumerate().map(|(i, &p)| {
                Term::new(&all[4 * i..][..4], &all_h[3 * i..][..3], p, Biases::Both)
            }),
        );
        let gradient = rbm.bond.gradient(&terms).unwrap();
        // States are numbered with the first unit as the lowest bit: 1 + 4 + 8 and 4.
        central_differences(
            &mut rbm,
            |rbm| &mut rbm.bond,
            &gradient,
            |rbm| {
                let p = marginals(rbm);
                -(p[13].ln() + p[4].ln()) / 2.0
            },
        );
    }

    #[test]
    fn an_update_by_contrastive_divergence_has_its_exact_mean() {
        const ROWS: usize = 200_000;
        let mut rbm = rbm(Negative::Contrastive, 1);
        let v: Vec<f64> = vec![1.0, 0.0, 1.0, 1.0];
        let many = v.repeat(ROWS);
        // ⟨v hᵀ⟩ after one step of the chain, by enumeration of h and of the next v.
        let (all_v, all_h) = (states(4), states(3));
        let bernoulli = |p: &[f64], s: &[f64]| -> f64 {
            p.iter()
                .zip(s)
                .map(|(p, s)| s * p + (1.0 - s) * (1.0 - p))
                .product()
        };
        let first = rbm.hidden(&v).unwrap();
        let mut expected: Vec<f64> = v
            .iter()
            .flat_map(|v| first.iter().map(move |h| v * h))
            .collect();
        for h in all_h.chunks(3) {
            let p_h = bernoulli(&first, h);
            let down = rbm.visible(h).unwrap();
            for v in all_v.chunks(4) {
                let p = p_h * bernoulli(&down, v);
                let up = rbm.hidden(v).unwrap();
                for i in 0..4 {
                    for j in 0..3 {
                        expected[3 * i + j] -= p * v[i] * up[j];
                    }
                }
            }
        }
        let before = rbm.bond.parameters().unwrap().w;
        rbm.learn(&many, Draws::training(1, 0), Rates::constant(1.0, 0.0))
            .unwrap();
        let after = rbm.bond.parameters().unwrap().w;
        for ((before, after), expected) in before.iter().zip(&after).zip(&expected) {
            // Each product has a variance of at most 1/4: five standard errors.
            let allowed = 5.0 * 0.5 / (ROWS as f64).sqrt();
            assert!(
                (after - before - expected).abs() < allowed,
                "{} {expected}",
                after - before
            );
        }
    }

    #[test]
    fn chains_visit_states_as_often_as_the_distribution_says() {
        const CHAINS: usize = 40_000;
        let rbm = rbm(Negative::Contrastive, 1);
        let mut h = rbm.coins(CHAINS, Draws::chain(5, 0));
        let mut v = Vec::new();
        for step in 1..=60 {
            let draws = Draws::chain(5, step);
            v = rbm.draw_visible(&h, draws, 0).unwrap();
            h = rbm.draw_hidden(&v, draws, 1).unwrap();
        }
        let p = marginals(&rbm);
        assert_visits(&v, &p);
        // Coins would fail by far.
        assert!(p.iter().any(|p| (p * 16.0 - 1.0).abs() > 0.5), "{p:?}");
    }

    #[test]
    fn learning_raises_the_exact_likelihood() {
        for negative in [Negative::Contrastive, Negative::Persistent] {
            let mut rbm = Rbm::new(&native(), [4, 3], (negative, 1), (7, 0));
            // Two patterns, equally likely: the best mean is −log 2.
            let patterns = [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0];
            let v = patterns.repeat(50);
            let mean = |rbm: &Rbm<Native<f64>>| {
                let p = marginals(rbm);
                (p[3].ln() + p[12].ln()) / 2.0
            };
            let before = mean(&rbm);
            for step in 0..1500 {
                let rates = Rates::constant(0.2, 0.5);
                rbm.learn(&v, Draws::training(1, step), rates).unwrap();
            }
            let after = mean(&rbm);
            assert!(
                before < -2.5 && after > -1.0,
                "{negative:?}: {before} {after}"
            );
        }
    }
}
