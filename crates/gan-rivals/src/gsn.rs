//! The deep generative stochastic network (Bengio, Thibodeau-Laufer, Alain, Yosinski 2014), learnt by
//! walkback.
//!
//! A chain `x → corrupted x → h1 ⇄ h2 → p(x | h1) → x` whose every step is trained to give the record
//! back that it began at.
//! Its stationary distribution then comes near the data's, though no density is ever written down, and
//! the gradient is plain backpropagation; what is left of the Markov chain is sampling.
//! Noise enters at x, as salt and pepper, and at h2, as Gaussian noise before and after the tanh.

use gan_kernels::{Backend, Rates, Real};
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::bond::{Biases, Bond, Term};
use crate::learning::{Chains, Learning};
use crate::units::{Draws, each, scaled, sum, tanh};

/// Configuration of a GSN.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GsnConfig {
    /// Units of the two hidden layers.
    pub hidden: Vec<usize>,
    /// Share of x that is replaced by salt and pepper.
    pub corruption: f64,
    /// Deviation of the noise at h2.
    pub noise: f64,
    /// Steps of the chain that are trained together.
    pub walkback: usize,
    /// The training.
    pub learning: Learning,
    /// The chains of samples.
    pub chain: Chains,
}

impl Default for GsnConfig {
    fn default() -> Self {
        Self {
            hidden: vec![500, 500],
            corruption: 0.4,
            noise: 2.0,
            // Of two steps the chain leaves the records for a blot that none of them has.
            walkback: 8,
            learning: Learning::new(8.0, 0.003, 0.9),
            chain: Chains {
                chains: 100,
                burn_in: 100,
                thin: 10,
            },
        }
    }
}

/// A generative stochastic network of two hidden layers.
pub(crate) struct Gsn<B: Backend> {
    /// From x to h1, and tied, from h1 to x.
    pub(crate) lower: Bond<B>,
    /// From h1 to h2 and back.
    pub(crate) upper: Bond<B>,
    corruption: f64,
    noise: f64,
    walkback: usize,
}

/// A step of the chain.
struct Step<T> {
    /// x, corrupted.
    x: Vec<T>,
    h1: Vec<T>,
    /// tanh of h2, before the second noise.
    clean: Vec<T>,
    h2: Vec<T>,
    /// P(x = 1 | h1).
    p: Vec<T>,
}

impl<B: Backend> Gsn<B> {
    pub(crate) fn new([lower, upper]: [Bond<B>; 2], config: &GsnConfig) -> Self {
        Self {
            lower,
            upper,
            corruption: config.corruption,
            noise: config.noise,
            walkback: config.walkback,
        }
    }

    /// Step number `index` of this set of draws, from x and from h2 of the step before.
    fn walk(
        &self,
        x: &[B::Elem],
        h2: &[B::Elem],
        draws: Draws,
        index: usize,
    ) -> Result<Step<B::Elem>> {
        let [_, units] = self.upper.sizes();
        let noise = |use_| {
            let shape = [h2.len() / units, units];
            let normal = draws.normal(self.upper.backend(), (4 * index + use_, 2), shape)?;
            Ok(scaled(&normal, self.noise))
        };
        let x = draws.salt_and_pepper((4 * index, 0), x, self.corruption);
        let from_above = self.upper.times_transposed(h2)?;
        let h1 = tanh(sum(self.lower.affine(&x)?, &from_above));
        let z2 = sum(self.upper.affine(&h1)?, &noise(1)?);
        let clean = tanh(z2);
        let h2 = sum(clean.clone(), &noise(2)?);
        let p = self.lower.visible(&h1)?;
        Ok(Step {
            x,
            h1,
            clean,
            h2,
            p,
        })
    }

    /// The steps of a walk from records `x`, whose values are probabilities.
    fn walkback(&self, x: &[B::Elem], draws: Draws) -> Result<Vec<Step<B::Elem>>> {
        let ([pixels, _], [_, units]) = (self.lower.sizes(), self.upper.sizes());
        let mut steps: Vec<Step<B::Elem>> = Vec::with_capacity(self.walkback);
        for index in 0..self.walkback {
            let step = match steps.last() {
                None => {
                    let h2 = vec![B::Elem::ZERO; x.len() / pixels * units];
                    self.walk(x, &h2, draws, index)?
                }
                Some(before) => {
                    let x = draws.bernoulli((4 * index + 3, 0), &before.p);
                    self.walk(&x, &before.h2, draws, index)?
                }
            };
            steps.push(step);
        }
        Ok(steps)
    }

    /// Hands over the gradient of the mean cross-entropy between records `x` and every step's p, summed
    /// over pixels: the terms of the lower bond and those of the upper one.
    fn with_gradient<R>(
        &mut self,
        x: &[B::Elem],
        draws: Draws,
        then: impl FnOnce(&mut Self, &[Term<'_, B::Elem>], &[Term<'_, B::Elem>]) -> R,
    ) -> Result<R> {
        let [pixels, _] = self.lower.sizes();
        let steps = self.walkback(x, draws)?;
        let share = B::Elem::from_f64(1.0 / (x.len() / pixels * self.walkback) as f64);
        // tanh′ by the output; x is a state that was drawn, so no gradient passes through it.
        let back = |dy: &[B::Elem], y: &[B::Elem]| each(dy, y, |dy, y| dy * (B::Elem::ONE - y * y));
        let mut gradients = Vec::with_capacity(steps.len());
        let mut dz1_after: Option<Vec<B::Elem>> = None;
        for step in steps.iter().rev() {
            let dzx = each(&step.p, x, |p, x| share * (p - x));
            let mut dh1 = self.lower.times(&dzx)?;
            // h2 is seen by the h1 of the next step alone.
            let mut dz2 = None;
            if let Some(dz1) = &dz1_after {
                let dz2 = dz2.insert(back(&self.upper.times(dz1)?, &step.clean));
                dh1 = sum(dh1, &self.upper.times_transposed(dz2)?);
            }
            let dz1 = back(&dh1, &step.h1);
            dz1_after = Some(dz1.clone());
            gradients.push((dzx, dz1, dz2));
        }
        gradients.reverse();
        let term = |below, above, biases| Term(below, above, 1.0, biases);
        let (mut lower, mut upper) = (Vec::new(), Vec::new());
        for (index, (step, (dzx, dz1, dz2))) in steps.iter().zip(&gradients).enumerate() {
            lower.push(term(&step.x, dz1, Biases::Above));
            lower.push(term(dzx, &step.h1, Biases::Below));
            if let Some(dz2) = dz2 {
                upper.push(term(&step.h1, dz2, Biases::Above));
            }
            if index > 0 {
                upper.push(term(dz1, &steps[index - 1].h2, Biases::Neither));
            }
        }
        Ok(then(self, &lower, &upper))
    }

    /// A step against the gradient of the walkback objective.
    pub(crate) fn learn(&mut self, x: &[B::Elem], draws: Draws, rates: Rates) -> Result<()> {
        self.with_gradient(x, draws, |gsn, lower, upper| {
            gsn.lower.descend(lower, rates);
            if !upper.is_empty() {
                gsn.upper.descend(upper, rates);
            }
        })
    }

    /// p(x | h1) of records without noise.
    pub(crate) fn reconstruct(&self, x: &[B::Elem]) -> Result<Vec<B::Elem>> {
        let h1 = tanh(self.lower.affine(x)?);
        self.lower.visible(&h1)
    }

    /// Pixels as coins fall, and nothing above: the states x and h2, and p, of which x was drawn.
    pub(crate) fn begin(&self, chains: usize, draws: Draws) -> Vec<Vec<B::Elem>> {
        let ([pixels, _], [_, units]) = (self.lower.sizes(), self.upper.sizes());
        let x = draws.coins((3, 0), chains * pixels);
        let p = vec![B::Elem::from_f64(0.5); chains * pixels];
        vec![x, vec![B::Elem::ZERO; chains * units], p]
    }

    /// A step of the chain, with all its noise.
    pub(crate) fn step(&self, state: &[Vec<B::Elem>], draws: Draws) -> Result<Vec<Vec<B::Elem>>> {
        let step = self.walk(&state[0], &state[1], draws, 0)?;
        let x = draws.bernoulli((3, 0), &step.p);
        Ok(vec![x, step.h2, step.p])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::{central_differences, native, random_bond};
    use crate::units::cross_entropy;
    use gan_kernels::Native;

    fn gsn([pixels, h1, h2]: [usize; 3], walkback: usize, noise: f64) -> Gsn<Native<f64>> {
        let mut bonds =
            [[pixels, h1], [h1, h2]].map(|sizes| Bond::new(&native(), sizes, 0.0, (3, 0)));
        bonds.iter_mut().for_each(|bond| random_bond(bond, 0.8));
        let config = GsnConfig {
            walkback,
            noise,
            ..GsnConfig::default()
        };
        Gsn::new(bonds, &config)
    }

    /// All noise is addressed, so the loss with the noise of one step is a function of the parameters.
    #[test]
    fn gradient_of_walkback_is_that_of_central_differences() {
        for walkback in [1, 3] {
            let mut gsn = gsn([5, 4, 3], walkback, 0.7);
            let x: Vec<f64> = (0..15).map(|i| f64::from(i % 4 == 1) * 0.8 + 0.1).collect();
            let draws = Draws::training(1, 2);
            let loss = |gsn: &Gsn<Native<f64>>| {
                let steps = gsn.walkback(&x, draws).unwrap();
                let losses = steps.iter().map(|step| cross_entropy(&x, &step.p, 3));
                losses.sum::<f64>() / walkback as f64
            };
            let gradients = gsn.with_gradient(&x, draws, |gsn, lower, upper| {
                let upper = (!upper.is_empty()).then(|| gsn.upper.gradient(upper).unwrap());
                (gsn.lower.gradient(lower).unwrap(), upper)
            });
            let (lower, upper) = gradients.unwrap();
            central_differences(&mut gsn, |gsn| &mut gsn.lower, &lower, loss);
            // The bias of h1 is the lower bond's, so the upper one's own below is not used.
            if let Some(upper) = upper {
                central_differences(&mut gsn, |gsn| &mut gsn.upper, &upper, loss);
            }
        }
    }

    /// A record is one pixel, which is on in one of four: the chain whose steps give records back is
    /// stationary at the data's distribution (the paper's theorem 1), without memory in h2 and with it.
    #[test]
    fn chain_of_two_records_is_stationary_at_their_shares() {
        for (walkback, weight) in [(1, 0.0), (6, 0.8)] {
            let mut gsn = gsn([1, 6, 4], walkback, 0.5);
            random_bond(&mut gsn.upper, weight);
            let x = [1.0, 0.0, 0.0, 0.0].repeat(100);
            for step in 0..2000_u32 {
                let rates = Rates::constant(0.1 * (1.0 - f64::from(step) / 2000.0), 0.9);
                gsn.learn(&x, Draws::training(1, step.into()), rates)
                    .unwrap();
            }
            const CHAINS: usize = 20_000;
            let mut state = gsn.begin(CHAINS, Draws::chain(1, 0));
            for step in 1..=60 {
                state = gsn.step(&state, Draws::chain(1, step)).unwrap();
            }
            let ones = state[0].iter().sum::<f64>() / CHAINS as f64;
            assert!((ones - 0.25).abs() < 0.03, "{walkback}: {ones}");
        }
    }
}
