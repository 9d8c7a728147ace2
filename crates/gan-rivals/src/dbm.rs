//! The deep Boltzmann machine of two hidden layers (Salakhutdinov and Hinton 2009).
//!
//! `p(v, h1, h2) ∝ exp(vᵀW1 h1 + h1ᵀW2 h2 + biases)`: like an RBM it is undirected throughout, so even
//! the mean under the data has no closed form.
//! It is approximated by mean field, which maximises a lower bound of log p(v), and the mean under the
//! model by persistent chains.
//! Training begins at two RBMs that are learnt one after the other, in which the layer that will get its
//! input from two sides counts one of them twice.

use gan_kernels::{Activation, Backend, BackendError, Rates, Real};
use serde::{Deserialize, Serialize};

use crate::bond::{Biases, Bond};
use crate::learning::{Chains, Learning};
use crate::units::{Draws, each, logits, scaled, sigmoid, sum};

/// Configuration of a DBM.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DbmConfig {
    /// Units of the two hidden layers.
    pub hidden: Vec<usize>,
    /// Iterations of mean field in each update.
    pub mean_field: usize,
    /// Steps of the persistent chains in each update.
    pub steps: usize,
    /// The training of each layer as an RBM.
    pub learning: Learning,
    /// The training of both together.
    pub joint: Learning,
    /// The chains of samples.
    pub chain: Chains,
}

impl Default for DbmConfig {
    fn default() -> Self {
        let learning = Learning {
            minibatch: 100,
            epochs: 1.0,
            learning_rate: 0.05,
            momentum: 0.5,
        };
        Self {
            hidden: vec![500, 500],
            mean_field: 5,
            steps: 5,
            learning,
            joint: Learning {
                epochs: 2.0,
                learning_rate: 0.01,
                ..learning
            },
            chain: Chains::default(),
        }
    }
}

/// A deep Boltzmann machine.
pub(crate) struct Dbm<B: Backend> {
    /// W1, and the biases of h1 and v.
    pub(crate) lower: Bond<B>,
    /// W2, and the bias of h2; that of h1 counts in training as an RBM alone, and is 0 afterwards.
    pub(crate) upper: Bond<B>,
    mean_field: usize,
    steps: usize,
    /// v, h1 and h2 of the persistent chains.
    particles: Option<[Vec<B::Elem>; 3]>,
}

impl<B: Backend> Dbm<B> {
    /// `shares` are the means of the data's values.
    pub(crate) fn new(backend: &B, config: &DbmConfig, shares: &[f32], seed: u64) -> Self {
        const BOUND: f64 = 0.017; // Deviation 0.01.
        let (h1, h2) = (config.hidden[0], config.hidden[1]);
        let mut lower = Bond::new(backend, [shares.len(), h1], BOUND, (seed, 0));
        lower.set_below(&logits(shares));
        Self {
            lower,
            upper: Bond::new(backend, [h1, h2], BOUND, (seed, 1)),
            mean_field: config.mean_field,
            steps: config.steps,
            particles: None,
        }
    }

    /// Stages 0 and 1 train the layers as RBMs, stage 2 trains both together.
    pub(crate) fn learn(
        &mut self,
        stage: usize,
        x: &[B::Elem],
        draws: Draws,
        rates: Rates,
    ) -> Result<(), BackendError> {
        let v = draws.bernoulli((0, 0), x);
        match stage {
            0 => self.learn_lower(&v, draws, rates),
            1 => {
                let h1 = draws.bernoulli((0, 1), &self.lower.up(&scaled(&v, 2.0), SIGMOID)?);
                self.learn_upper(&h1, draws, rates)
            }
            _ => {
                self.join()?;
                self.learn_both(&v, draws, rates)
            }
        }
    }

    /// An RBM whose visible units are there twice, so that h1 gets as much input as in the DBM.
    fn learn_lower(
        &mut self,
        v: &[B::Elem],
        draws: Draws,
        rates: Rates,
    ) -> Result<(), BackendError> {
        let bond = &self.lower;
        let h = bond.up(&scaled(v, 2.0), SIGMOID)?;
        let state = draws.bernoulli((1, 1), &h);
        let model_v = draws.bernoulli((1, 0), &sigmoid(bond.down(&state)?));
        let model_h = bond.up(&scaled(&model_v, 2.0), SIGMOID)?;
        let terms = bond.contrast(Biases::Both, [v, &h], [&model_v, &model_h]);
        self.lower.descend(&terms, rates);
        Ok(())
    }

    /// An RBM whose h2 is there twice.
    fn learn_upper(
        &mut self,
        h1: &[B::Elem],
        draws: Draws,
        rates: Rates,
    ) -> Result<(), BackendError> {
        let bond = &self.upper;
        let h2 = bond.up(h1, SIGMOID)?;
        let state = draws.bernoulli((1, 2), &h2);
        let down = sigmoid(bond.down(&scaled(&state, 2.0))?);
        let model_h1 = draws.bernoulli((1, 1), &down);
        let model_h2 = bond.up(&model_h1, SIGMOID)?;
        let terms = bond.contrast(Biases::Both, [h1, &h2], [&model_h1, &model_h2]);
        self.upper.descend(&terms, rates);
        Ok(())
    }

    /// Makes one bias of h1 of the two that the RBMs have: their mean, as half of each RBM's input is
    /// taken.
    fn join(&mut self) -> Result<(), BackendError> {
        let own = self.upper.parameters()?.below;
        // Once: from then on it is 0.
        if own.iter().all(|&b| b == B::Elem::ZERO) {
            return Ok(());
        }
        let half = B::Elem::from_f64(0.5);
        let bias = each(&self.lower.parameters()?.above, &own, |a, b| half * (a + b));
        self.lower.set_above(&bias);
        self.upper.set_below(&vec![B::Elem::ZERO; own.len()]);
        Ok(())
    }

    /// P(h1 = 1 | v, h2), where `from_below` is `v·W1 + b1`.
    fn h1(&self, from_below: &[B::Elem], h2: &[B::Elem]) -> Result<Vec<B::Elem>, BackendError> {
        Ok(sigmoid(sum(self.upper.times_transposed(h2)?, from_below)))
    }

    /// Means of h1 and h2 that make the bound of log p(v) large, beginning with one pass up.
    fn mean_field(&self, v: &[B::Elem]) -> Result<[Vec<B::Elem>; 2], BackendError> {
        let from_below = self.lower.up(v, Activation::Identity)?;
        // What h2 will add is not there yet, so what v gives counts twice.
        let mut h1 = self.lower.up(&scaled(v, 2.0), SIGMOID)?;
        let mut h2 = self.upper.up(&h1, SIGMOID)?;
        for _ in 0..self.mean_field {
            h1 = self.h1(&from_below, &h2)?;
            h2 = self.upper.up(&h1, SIGMOID)?;
        }
        Ok([h1, h2])
    }

    /// One step of the chains, number `index` of these draws: h1 from both sides, then v and h2 from it.
    fn gibbs(
        &self,
        [v, h2]: [&[B::Elem]; 2],
        draws: Draws,
        index: usize,
    ) -> Result<[Vec<B::Elem>; 3], BackendError> {
        let from_below = self.lower.up(v, Activation::Identity)?;
        let h1 = draws.bernoulli((index, 1), &self.h1(&from_below, h2)?);
        let v = draws.bernoulli((index, 0), &sigmoid(self.lower.down(&h1)?));
        let h2 = draws.bernoulli((index, 2), &self.upper.up(&h1, SIGMOID)?);
        Ok([v, h1, h2])
    }

    fn learn_both(
        &mut self,
        v: &[B::Elem],
        draws: Draws,
        rates: Rates,
    ) -> Result<(), BackendError> {
        let [h1, h2] = self.mean_field(v)?;
        let [mut model_v, mut model_h1, mut model_h2] = match self.particles.take() {
            Some(particles) => particles,
            // The first begin at the data.
            None => [v.to_vec(), h1.clone(), draws.bernoulli((0, 2), &h2)],
        };
        for step in 1..=self.steps {
            [model_v, model_h1, model_h2] = self.gibbs([&model_v, &model_h2], draws, step)?;
        }
        let (lower, upper) = (&self.lower, &self.upper);
        let lower = lower.contrast(Biases::Both, [v, &h1], [&model_v, &model_h1]);
        let upper = upper.contrast(Biases::Above, [&h1, &h2], [&model_h1, &model_h2]);
        self.lower.descend(&lower, rates);
        self.upper.descend(&upper, rates);
        self.particles = Some([model_v, model_h1, model_h2]);
        Ok(())
    }

    /// p(v | h1) at the means that v gives.
    pub(crate) fn reconstruct(&self, x: &[B::Elem]) -> Result<Vec<B::Elem>, BackendError> {
        let [h1, _] = self.mean_field(x)?;
        Ok(sigmoid(self.lower.down(&h1)?))
    }

    /// v, h1 and h2 as coins fall.
    pub(crate) fn begin(&self, chains: usize, draws: Draws) -> Vec<Vec<B::Elem>> {
        let ([pixels, units1], [_, units2]) = (self.lower.sizes(), self.upper.sizes());
        let coins = |(layer, units): (usize, usize)| {
            let half = vec![B::Elem::from_f64(0.5); chains * units];
            draws.bernoulli((0, layer), &half)
        };
        [pixels, units1, units2]
            .into_iter()
            .enumerate()
            .map(coins)
            .collect()
    }

    /// A Gibbs step.
    pub(crate) fn step(
        &self,
        state: &[Vec<B::Elem>],
        draws: Draws,
    ) -> Result<Vec<Vec<B::Elem>>, BackendError> {
        Ok(self.gibbs([&state[0], &state[2]], draws, 1)?.into())
    }

    /// P(v = 1 | h1).
    pub(crate) fn pixels(&self, state: &[Vec<B::Elem>]) -> Result<Vec<B::Elem>, BackendError> {
        Ok(sigmoid(self.lower.down(&state[1])?))
    }
}

const SIGMOID: Activation = Activation::Sigmoid;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bond::{Parameters, Term};
    use crate::exact::{
        assert_visits, central_differences, log_weight, native, random_bond, states,
    };
    use gan_kernels::Native;

    const PIXELS: usize = 4;

    fn dbm(mean_field: usize) -> Dbm<Native<f64>> {
        let config = DbmConfig {
            hidden: vec![3, 2],
            mean_field,
            ..DbmConfig::default()
        };
        let mut dbm = Dbm::new(&native(), &config, &[0.5; PIXELS], 1);
        random_bond(&mut dbm.lower, 1.0);
        random_bond(&mut dbm.upper, 1.0);
        dbm.upper.set_below(&[0.0; 3]);
        dbm
    }

    /// log of the unnormalised weight of every state of v, h1 and h2, the last the fastest.
    fn log_weights(dbm: &Dbm<Native<f64>>) -> Vec<f64> {
        let (lower, upper) = (
            dbm.lower.parameters().unwrap(),
            dbm.upper.parameters().unwrap(),
        );
        let (v, h1, h2) = (states(PIXELS), states(3), states(2));
        let mut weights = Vec::new();
        for v in v.chunks(PIXELS) {
            for h1 in h1.chunks(3) {
                for h2 in h2.chunks(2) {
                    weights.push(log_weight(&lower, v, h1) + log_weight(&upper, h1, h2));
                }
            }
        }
        weights
    }

    fn log_partition(dbm: &Dbm<Native<f64>>) -> f64 {
        log_weights(dbm).iter().map(|w| w.exp()).sum::<f64>().ln()
    }

    /// The bound of log p(v) that means `h1` and `h2` of independent units give.
    fn bound(dbm: &Dbm<Native<f64>>, v: &[f64], [h1, h2]: &[Vec<f64>; 2]) -> f64 {
        let (lower, upper) = (
            dbm.lower.parameters().unwrap(),
            dbm.upper.parameters().unwrap(),
        );
        let entropy = |h: &Vec<f64>| -> f64 {
            h.iter()
                .map(|&h| -h * h.ln() - (1.0 - h) * (1.0 - h).ln())
                .sum()
        };
        // The weight is linear in each unit, so its mean is its value at the means.
        log_weight(&lower, v, h1) + log_weight(&upper, h1, h2) + entropy(h1) + entropy(h2)
            - log_partition(dbm)
    }

    const V: [f64; PIXELS] = [1.0, 0.0, 1.0, 1.0];
    /// The number of V among the states.
    const V_NUMBER: usize = 13;

    #[test]
    fn mean_field_bounds_the_exact_likelihood_and_rises() {
        let weights = log_weights(&dbm(0));
        let own: f64 = weights[V_NUMBER * 32..][..32].iter().map(|w| w.exp()).sum();
        let exact = own.ln() - log_partition(&dbm(0));
        let bounds: Vec<f64> = [0, 1, 2, 5, 50]
            .map(|iterations| {
                let dbm = dbm(iterations);
                bound(&dbm, &V, &dbm.mean_field(&V).unwrap())
            })
            .to_vec();
        assert!(
            bounds.windows(2).all(|pair| pair[1] >= pair[0] - 1e-12),
            "{bounds:?}"
        );
        assert!(
            bounds[4] <= exact && bounds[4] > exact - 0.2,
            "{bounds:?}, exact {exact}"
        );
    }

    #[test]
    fn gradient_of_the_bound_is_data_less_model() {
        let mut dbm = dbm(200);
        let [h1, h2] = dbm.mean_field(&V).unwrap();
        let partition = log_partition(&dbm);
        let p: Vec<f64> = log_weights(&dbm)
            .iter()
            .map(|w| (w - partition).exp())
            .collect();
        let (v, s1, s2) = (states(PIXELS), states(3), states(2));
        let term = |below, above, factor, biases| Term::new(below, above, factor, biases);
        let mut lower = vec![term(&V[..], &h1[..], -1.0, Biases::Both)];
        let mut upper = vec![term(&h1[..], &h2[..], -1.0, Biases::Above)];
        for (i, &p) in p.iter().enumerate() {
            let (v, s1, s2) = (
                &v[PIXELS * (i / 32)..][..PIXELS],
                &s1[3 * (i / 4 % 8)..][..3],
                &s2[2 * (i % 4)..][..2],
            );
            lower.push(term(v, s1, p, Biases::Both));
            upper.push(term(s1, s2, p, Biases::Above));
        }
        let lower = dbm.lower.gradient(&lower).unwrap();
        let upper = dbm.upper.gradient(&upper).unwrap();
        // At their optimum the means do not move the bound, so they are taken anew at every point.
        let loss = |dbm: &Dbm<Native<f64>>| -bound(dbm, &V, &dbm.mean_field(&V).unwrap());
        central_differences(&mut dbm, |dbm| &mut dbm.lower, &lower, loss);
        // The bias of h1 is the lower bond's.
        let below = Vec::new();
        let upper = Parameters { below, ..upper };
        central_differences(&mut dbm, |dbm| &mut dbm.upper, &upper, loss);
    }

    #[test]
    fn chains_visit_states_as_often_as_the_distribution_says() {
        const CHAINS: usize = 40_000;
        let dbm = dbm(1);
        let mut state = dbm.begin(CHAINS, Draws::chain(5, 0));
        for step in 1..=60 {
            state = dbm.step(&state, Draws::chain(5, step)).unwrap();
        }
        let partition = log_partition(&dbm);
        let p: Vec<f64> = log_weights(&dbm)
            .chunks(32)
            .map(|w| w.iter().map(|w| (w - partition).exp()).sum())
            .collect();
        assert_visits(&state[0], &p);
    }

    #[test]
    fn learning_raises_the_exact_likelihood() {
        let config = DbmConfig {
            hidden: vec![3, 2],
            ..DbmConfig::default()
        };
        let mut dbm = Dbm::new(&native(), &config, &[0.5; PIXELS], 1);
        let patterns = [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0];
        let x = patterns.repeat(50);
        let mean = |dbm: &Dbm<Native<f64>>| {
            let (weights, partition) = (log_weights(dbm), log_partition(dbm));
            let log_p = |number: usize| {
                weights[number * 32..][..32]
                    .iter()
                    .map(|w| w.exp())
                    .sum::<f64>()
                    .ln()
                    - partition
            };
            (log_p(3) + log_p(12)) / 2.0
        };
        let before = mean(&dbm);
        for (stage, steps) in [(0, 200), (1, 200), (2, 1500)] {
            for step in 0..steps {
                let draws = Draws::training(1, 10_000 * stage as u64 + step);
                dbm.learn(stage, &x, draws, Rates::constant(0.1, 0.5))
                    .unwrap();
            }
        }
        // Two patterns, equally likely: the best is −log 2.
        let after = mean(&dbm);
        assert!(before < -2.5 && after > -1.2, "{before} {after}");
    }
}
