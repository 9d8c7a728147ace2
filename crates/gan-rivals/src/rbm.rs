//! The restricted Boltzmann machine (Smolensky 1986), by contrastive divergence (Hinton 2002) or
//! persistent chains (Younes 1999; Tieleman 2008).
//!
//! `p(v, h) ∝ exp(vᵀW h + cᵀv + bᵀh)`, all units 0 or 1.
//! The gradient of log p(v) by W is `⟨v hᵀ⟩` under the data less `⟨v hᵀ⟩` under the model.
//! The second mean has no closed form: it is taken at the ends of chains, and this is what adversarial
//! nets do without.

use gan_kernels::{Backend, Rates};
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::bond::{Biases, Bond};
use crate::units::Draws;

/// Where the chains begin whose ends stand for the model's distribution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Negative {
    /// At the records of the minibatch: contrastive divergence.
    Contrastive,
    /// Where those of the update before ended.
    #[default]
    Persistent,
}

/// Bound of the first weights of Boltzmann machines: a deviation of 0.01, as in Hinton's practical guide
/// (2010).
pub(crate) const FIRST_WEIGHTS: f64 = 0.017;

/// A restricted Boltzmann machine.
pub(crate) struct Rbm<B: Backend> {
    pub(crate) bond: Bond<B>,
    pub(crate) negative: Negative,
    /// Steps of the chains in each update.
    pub(crate) steps: usize,
    /// Its place in a stack, which addresses its random numbers.
    pub(crate) layer: usize,
    /// Hidden states of the persistent chains.
    pub(crate) particles: Option<Vec<B::Elem>>,
}

impl<B: Backend> Rbm<B> {
    /// States of the hidden units, given v.
    pub(crate) fn draw_hidden(
        &self,
        v: &[B::Elem],
        draws: Draws,
        use_: usize,
    ) -> Result<Vec<B::Elem>> {
        Ok(draws.bernoulli((2 * use_, self.layer), &self.bond.hidden(v)?))
    }

    /// States of the visible units, given h.
    pub(crate) fn draw_visible(
        &self,
        h: &[B::Elem],
        draws: Draws,
        use_: usize,
    ) -> Result<Vec<B::Elem>> {
        Ok(draws.bernoulli((2 * use_ + 1, self.layer), &self.bond.visible(h)?))
    }

    /// One step against the gradient of −log p(v), as far as chains tell it; `v` are states.
    pub(crate) fn learn(&mut self, v: &[B::Elem], draws: Draws, rates: Rates) -> Result<()> {
        let h = self.bond.hidden(v)?;
        let persistent = self.particles.take();
        let mut state = match persistent.filter(|_| self.negative == Negative::Persistent) {
            Some(particles) => particles,
            None => draws.bernoulli((0, self.layer), &h),
        };
        let (mut model_v, mut model_h) = (Vec::new(), Vec::new());
        for step in 1..=self.steps {
            model_v = self.draw_visible(&state, draws, step)?;
            model_h = self.bond.hidden(&model_v)?;
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
    use crate::exact::{
        RECORDS, assert_visits, central_differences, log_p_of_records, marginals, native,
        random_bond, states,
    };
    use gan_kernels::Native;

    /// An RBM of 4 visible and 3 hidden units.
    fn rbm(negative: Negative, bound: f64) -> Rbm<Native<f64>> {
        let mut bond = Bond::new(&native(), [4, 3], FIRST_WEIGHTS, (7, 0));
        if bound > 0.0 {
            random_bond(&mut bond, bound);
        }
        Rbm {
            bond,
            negative,
            steps: 1,
            layer: 0,
            particles: None,
        }
    }

    #[test]
    fn gradient_of_the_likelihood_is_data_less_model() {
        let mut bond = rbm(Negative::Contrastive, 1.5).bond;
        let h = bond.hidden(&RECORDS).unwrap();
        let all = states(4);
        let all_h = bond.hidden(&all).unwrap();
        let mut terms = vec![Term(&RECORDS, &h, -0.5, Biases::Both)];
        for ((v, h), p) in all.chunks(4).zip(all_h.chunks(3)).zip(marginals(&[&bond])) {
            terms.push(Term(v, h, p, Biases::Both));
        }
        let gradient = bond.gradient(&terms).unwrap();
        let loss = |bond: &Bond<_>| -log_p_of_records(&[bond]);
        central_differences(&mut bond, |bond| bond, &gradient, loss);
    }

    #[test]
    fn an_update_by_contrastive_divergence_has_its_exact_mean() {
        const ROWS: usize = 200_000;
        let mut rbm = rbm(Negative::Contrastive, 1.5);
        let v = [1.0, 0.0, 1.0, 1.0];
        let outer = |v: &[f64], h: &[f64]| -> Vec<f64> {
            v.iter()
                .flat_map(|v| h.iter().map(move |h| v * h))
                .collect()
        };
        let bernoulli = |p: &[f64], s: &[f64]| -> f64 {
            let factors = p.iter().zip(s);
            factors
                .map(|(p, s)| s * p + (1.0 - s) * (1.0 - p))
                .product()
        };
        // ⟨v hᵀ⟩ after one step of the chain, by enumeration of h and of the next v.
        let first = rbm.bond.hidden(&v).unwrap();
        let mut expected = outer(&v, &first);
        for h in states(3).chunks(3) {
            let down = rbm.bond.visible(h).unwrap();
            for v in states(4).chunks(4) {
                let p = bernoulli(&first, h) * bernoulli(&down, v);
                let model = outer(v, &rbm.bond.hidden(v).unwrap());
                let pairs = expected.iter_mut().zip(model);
                pairs.for_each(|(expected, model)| *expected -= p * model);
            }
        }
        let before = rbm.bond.parameters().unwrap().w;
        let (draws, rates) = (Draws::training(1, 0), Rates::constant(1.0, 0.0));
        rbm.learn(&v.repeat(ROWS), draws, rates).unwrap();
        let after = rbm.bond.parameters().unwrap().w;
        for ((before, after), expected) in before.iter().zip(&after).zip(&expected) {
            // Each product has a variance of at most 1/4: five standard errors.
            let allowed = 5.0 * 0.5 / (ROWS as f64).sqrt();
            let found = after - before;
            assert!((found - expected).abs() < allowed, "{found} {expected}");
        }
    }

    #[test]
    fn chains_visit_states_as_often_as_the_distribution_says() {
        const CHAINS: usize = 40_000;
        let rbm = rbm(Negative::Contrastive, 1.5);
        let mut h = Draws::chain(5, 0).coins((0, 0), 3 * CHAINS);
        let mut v = Vec::new();
        for step in 1..=60 {
            let draws = Draws::chain(5, step);
            v = rbm.draw_visible(&h, draws, 0).unwrap();
            h = rbm.draw_hidden(&v, draws, 1).unwrap();
        }
        assert_visits(&v, &marginals(&[&rbm.bond]));
    }

    #[test]
    fn learning_raises_the_exact_likelihood() {
        for negative in [Negative::Contrastive, Negative::Persistent] {
            let mut rbm = rbm(negative, 0.0);
            let v = RECORDS.repeat(50);
            let before = log_p_of_records(&[&rbm.bond]);
            for step in 0..1500 {
                let rates = Rates::constant(0.2, 0.5);
                rbm.learn(&v, Draws::training(1, step), rates).unwrap();
            }
            let after = log_p_of_records(&[&rbm.bond]);
            let is_learnt = before < -2.5 && after > -1.0;
            assert!(is_learnt, "{negative:?}: {before} {after}");
        }
    }
}
