//! The deep Boltzmann machine of two hidden layers (Salakhutdinov and Hinton 2009).
//!
//! `p(v, h1, h2) ∝ exp(vᵀW1 h1 + h1ᵀW2 h2 + biases)`: like an RBM it is undirected throughout, so even
//! the mean under the data has no closed form.
//! It is approximated by mean field, which maximises a lower bound of log p(v), and the mean under the
//! model by persistent chains.
//! Training begins at two RBMs that are learnt one after the other, in which the layer that will get its
//! input from two sides counts one of them twice.

use gan_kernels::{Backend, Rates, Real};
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::bond::{Biases, Bond};
use crate::learning::{Chains, Learning};
use crate::units::{Draws, each, scaled, sigmoid, sum};

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
        Self {
            hidden: vec![500, 500],
            mean_field: 5,
            steps: 5,
            learning: Learning::new(1.0, 0.05, 0.5),
            joint: Learning::new(2.0, 0.01, 0.5),
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
    pub(crate) fn new([lower, upper]: [Bond<B>; 2], config: &DbmConfig) -> Self {
        Self {
            lower,
            upper,
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
    ) -> Result<()> {
        let v = draws.bernoulli((0, 0), x);
        match stage {
            0 => self.learn_alone(0, &v, draws, rates),
            1 => {
                let h1 = self.lower.hidden(&scaled(&v, 2.0))?;
                self.learn_alone(1, &draws.bernoulli((0, 1), &h1), draws, rates)
            }
            _ => {
                if self.particles.is_none() {
                    self.join()?;
                }
                self.learn_both(&v, draws, rates)
            }
        }
    }

    /// A layer as an RBM whose outer units are there twice, so that h1 gets as much input as in the DBM.
    fn learn_alone(
        &mut self,
        layer: usize,
        x: &[B::Elem],
        draws: Draws,
        rates: Rates,
    ) -> Result<()> {
        let (bond, [up, down]) = match layer {
            0 => (&mut self.lower, [2.0, 1.0]),
            _ => (&mut self.upper, [1.0, 2.0]),
        };
        let h = bond.hidden(&scaled(x, up))?;
        let state = draws.bernoulli((1, layer + 1), &h);
        let model_x = draws.bernoulli((1, layer), &bond.visible(&scaled(&state, down))?);
        let model_h = bond.hidden(&scaled(&model_x, up))?;
        let terms = bond.contrast(Biases::Both, [x, &h], [&model_x, &model_h]);
        bond.descend(&terms, rates);
        Ok(())
    }

    /// Makes one bias of h1 of the two that the RBMs have: their mean, as half of each RBM's input is
    /// taken.
    ///
    /// Velocities end here: one of the upper bias would move it away from 0 again.
    fn join(&mut self) -> Result<()> {
        let half = B::Elem::from_f64(0.5);
        let (mut lower, mut upper) = (self.lower.parameters()?, self.upper.parameters()?);
        lower.above = each(&lower.above, &upper.below, |a, b| half * (a + b));
        upper.below.fill(B::Elem::ZERO);
        self.lower.set(&lower);
        self.upper.set(&upper);
        Ok(())
    }

    /// P(h1 = 1 | v, h2), where `from_below` is `v·W1 + b1`.
    fn h1(&self, from_below: &[B::Elem], h2: &[B::Elem]) -> Result<Vec<B::Elem>> {
        Ok(sigmoid(sum(self.upper.times_transposed(h2)?, from_below)))
    }

    /// Means of h1 and h2 that make the bound of log p(v) large, beginning with one pass up.
    fn mean_field(&self, v: &[B::Elem]) -> Result<[Vec<B::Elem>; 2]> {
        let from_below = self.lower.affine(v)?;
        // What h2 will add is not there yet, so what v gives counts twice.
        let mut h1 = self.lower.hidden(&scaled(v, 2.0))?;
        let mut h2 = self.upper.hidden(&h1)?;
        for _ in 0..self.mean_field {
            h1 = self.h1(&from_below, &h2)?;
            h2 = self.upper.hidden(&h1)?;
        }
        Ok([h1, h2])
    }

    /// One step of the chains, number `index` of these draws: h1 from both sides, then v and h2 from it.
    fn gibbs(
        &self,
        [v, h2]: [&[B::Elem]; 2],
        draws: Draws,
        index: usize,
    ) -> Result<[Vec<B::Elem>; 3]> {
        let from_below = self.lower.affine(v)?;
        let h1 = draws.bernoulli((index, 1), &self.h1(&from_below, h2)?);
        let v = draws.bernoulli((index, 0), &self.lower.visible(&h1)?);
        let h2 = draws.bernoulli((index, 2), &self.upper.hidden(&h1)?);
        Ok([v, h1, h2])
    }

    fn learn_both(&mut self, v: &[B::Elem], draws: Draws, rates: Rates) -> Result<()> {
        let [h1, h2] = self.mean_field(v)?;
        let [mut model_v, mut model_h1, mut model_h2] = match self.particles.take() {
            Some(particles) => particles,
            // The first begin at the data.
            None => [v.to_vec(), h1.clone(), draws.bernoulli((0, 2), &h2)],
        };
        for step in 1..=self.steps {
            [model_v, model_h1, model_h2] = self.gibbs([&model_v, &model_h2], draws, step)?;
        }
        let (lower, upper) = (&mut self.lower, &mut self.upper);
        let terms = lower.contrast(Biases::Both, [v, &h1], [&model_v, &model_h1]);
        lower.descend(&terms, rates);
        let terms = upper.contrast(Biases::Above, [&h1, &h2], [&model_h1, &model_h2]);
        upper.descend(&terms, rates);
        self.particles = Some([model_v, model_h1, model_h2]);
        Ok(())
    }

    /// p(v | h1) at the means that v gives.
    pub(crate) fn reconstruct(&self, x: &[B::Elem]) -> Result<Vec<B::Elem>> {
        let [h1, _] = self.mean_field(x)?;
        self.lower.visible(&h1)
    }

    /// v, h1 and h2 as coins fall.
    pub(crate) fn begin(&self, chains: usize, draws: Draws) -> Vec<Vec<B::Elem>> {
        let ([pixels, units1], [_, units2]) = (self.lower.sizes(), self.upper.sizes());
        let layers = [pixels, units1, units2].into_iter().enumerate();
        let coins = layers.map(|(layer, units)| draws.coins((0, layer), chains * units));
        coins.collect()
    }

    /// A Gibbs step.
    pub(crate) fn step(&self, state: &[Vec<B::Elem>], draws: Draws) -> Result<Vec<Vec<B::Elem>>> {
        Ok(self.gibbs([&state[0], &state[2]], draws, 1)?.into())
    }

    /// P(v = 1 | h1).
    pub(crate) fn pixels(&self, state: &[Vec<B::Elem>]) -> Result<Vec<B::Elem>> {
        self.lower.visible(&state[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bond::{Parameters, Term};
    use crate::exact::{
        RECORDS, assert_visits, central_differences, joint, log_p_of_records, log_weight,
        marginals, native, random_bond, states,
    };
    use crate::rbm::FIRST_WEIGHTS;
    use gan_kernels::Native;

    /// A DBM of 4 pixels and layers of 3 and 2 units before its training.
    fn first(mean_field: usize) -> Dbm<Native<f64>> {
        let bond = |sizes, layer| Bond::new(&native(), sizes, FIRST_WEIGHTS, (1, layer));
        let config = DbmConfig {
            mean_field,
            ..DbmConfig::default()
        };
        Dbm::new([bond([4, 3], 0), bond([3, 2], 1)], &config)
    }

    fn random(mean_field: usize) -> Dbm<Native<f64>> {
        let mut dbm = first(mean_field);
        random_bond(&mut dbm.lower, 1.0);
        random_bond(&mut dbm.upper, 1.0);
        let mut upper = dbm.upper.parameters().unwrap();
        upper.below.fill(0.0);
        dbm.upper.set(&upper);
        dbm
    }

    /// The bound of log p(v) that means `h1` and `h2` of independent units give.
    fn bound(dbm: &Dbm<Native<f64>>, v: &[f64], [h1, h2]: &[Vec<f64>; 2]) -> f64 {
        let [lower, upper] = [&dbm.lower, &dbm.upper].map(|bond| bond.parameters().unwrap());
        let entropy = |h: &[f64]| -> f64 {
            let terms = h.iter().map(|&h| -h * h.ln() - (1.0 - h) * (1.0 - h).ln());
            terms.sum()
        };
        let (_, log_partition) = joint(&[&dbm.lower, &dbm.upper]);
        // The weight is linear in each unit, so its mean is its value at the means.
        log_weight(&lower, v, h1) + log_weight(&upper, h1, h2) + entropy(h1) + entropy(h2)
            - log_partition
    }

    /// State number 13.
    const V: [f64; 4] = [1.0, 0.0, 1.0, 1.0];

    #[test]
    fn mean_field_bounds_the_exact_likelihood_and_rises() {
        let bounds = [0, 1, 2, 5, 50].map(|iterations| {
            let dbm = random(iterations);
            bound(&dbm, &V, &dbm.mean_field(&V).unwrap())
        });
        let rises = bounds.windows(2).all(|pair| pair[1] >= pair[0] - 1e-12);
        assert!(rises, "{bounds:?}");
        let dbm = random(0);
        let exact = marginals(&[&dbm.lower, &dbm.upper])[13].ln();
        let is_near = bounds[4] <= exact && bounds[4] > exact - 0.2;
        assert!(is_near, "{bounds:?}, exact {exact}");
    }

    #[test]
    fn gradient_of_the_bound_is_data_less_model() {
        let mut dbm = random(200);
        let [h1, h2] = dbm.mean_field(&V).unwrap();
        let mut lower = vec![Term(&V[..], &h1[..], -1.0, Biases::Both)];
        let mut upper = vec![Term(&h1[..], &h2[..], -1.0, Biases::Above)];
        let (p, _) = joint(&[&dbm.lower, &dbm.upper]);
        let (v, s1, s2) = (states(4), states(3), states(2));
        for (i, &p) in p.iter().enumerate() {
            let [v, s1] = [&v[4 * (i / 32)..][..4], &s1[3 * (i / 4 % 8)..][..3]];
            lower.push(Term(v, s1, p, Biases::Both));
            upper.push(Term(s1, &s2[2 * (i % 4)..][..2], p, Biases::Above));
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
        let dbm = random(1);
        let mut state = dbm.begin(40_000, Draws::chain(5, 0));
        for step in 1..=60 {
            state = dbm.step(&state, Draws::chain(5, step)).unwrap();
        }
        assert_visits(&state[0], &marginals(&[&dbm.lower, &dbm.upper]));
    }

    #[test]
    fn learning_raises_the_exact_likelihood() {
        let mut dbm = first(5);
        let x = RECORDS.repeat(50);
        let before = log_p_of_records(&[&dbm.lower, &dbm.upper]);
        let learn = |dbm: &mut Dbm<Native<f64>>, stage: usize, rate: f64, steps: u64| {
            for step in 0..steps {
                let draws = Draws::training(1, 10_000 * stage as u64 + step);
                // At a rate that does not fall, persistent chains and parameters circle each other.
                let rates = Rates::constant(rate * (1.0 - step as f64 / steps as f64), 0.5);
                dbm.learn(stage, &x, draws, rates).unwrap();
            }
            [&dbm.lower, &dbm.upper].map(|bond| bond.parameters().unwrap())
        };
        learn(&mut dbm, 0, 0.1, 200);
        let [lower, upper] = learn(&mut dbm, 1, 0.1, 200);
        // The biases of h1 become one, once.
        let bias = each(&lower.above, &upper.below, |a, b| 0.5 * (a + b));
        assert_ne!(bias, [0.0; 3]);
        let [lower, upper] = learn(&mut dbm, 2, 0.0, 3);
        assert_eq!((lower.above, upper.below), (bias, vec![0.0; 3]));
        learn(&mut dbm, 2, 0.1, 1500);
        let after = log_p_of_records(&[&dbm.lower, &dbm.upper]);
        // Two records, equally likely: the best is −log 2.
        assert!(before < -2.5 && after > -0.9, "{before} {after}");
    }
}
