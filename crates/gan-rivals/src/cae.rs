//! The stacked contractive auto-encoder (Rifai, Vincent, Muller, Glorot, Bengio 2011), and the chain that
//! samples from it (Rifai, Bengio, Dauphin, Vincent 2012).
//!
//! `h = σ(x·W + b)`, `r = σ(h·Wᵀ + c)`; the objective is the cross-entropy of r plus λ times the squared
//! Frobenius norm of the Jacobian ∂h/∂x, so that h moves in the few directions alone in which the data
//! vary.
//! The chain moves h in these directions, by `J·Jᵀ·ε`, and decodes: it draws from no density that could
//! be written down.

use gan_kernels::{Backend, Rates, Real};
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::bond::{Biases, Bond, Parameters, Term, decode, encode};
use crate::learning::{Chains, Learning};
use crate::units::{Draws, each, scaled, sum};

/// Configuration of a stacked CAE.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CaeConfig {
    /// Units of each hidden layer, from the data up.
    pub hidden: Vec<usize>,
    /// λ, the factor of the penalty.
    pub contraction: f64,
    /// Deviation of ε.
    pub noise: f64,
    /// The training of each layer.
    pub learning: Learning,
    /// The chains of samples.
    pub chain: Chains,
}

impl Default for CaeConfig {
    fn default() -> Self {
        Self {
            hidden: vec![500, 500],
            contraction: 0.1,
            noise: 1.0,
            learning: Learning::new(3.0, 0.005, 0.9),
            chain: Chains {
                chains: 100,
                burn_in: 200,
                thin: 5,
            },
        }
    }
}

/// A stack of contractive auto-encoders.
pub(crate) struct Cae<B: Backend> {
    pub(crate) layers: Vec<Bond<B>>,
    contraction: f64,
    noise: f64,
}

impl<B: Backend> Cae<B> {
    /// `layers` are the bonds from the data up.
    pub(crate) fn new(layers: Vec<Bond<B>>, config: &CaeConfig) -> Self {
        Self {
            layers,
            contraction: config.contraction,
            noise: config.noise,
        }
    }

    /// Layer `stage` learns to give back what the layers below make of records `x`.
    pub(crate) fn learn(&mut self, stage: usize, x: &[B::Elem], rates: Rates) -> Result<()> {
        let x = encode(self.layers[..stage].iter(), x)?;
        let gradient = gradient(&self.layers[stage], &x, self.contraction)?;
        self.layers[stage].follow(&gradient, rates)
    }

    fn top(&self) -> &Bond<B> {
        &self.layers[self.layers.len() - 1]
    }

    /// Records decoded from units of the last layer that are on as coins fall.
    pub(crate) fn begin(&self, chains: usize, draws: Draws) -> Result<Vec<B::Elem>> {
        let [_, units] = self.top().sizes();
        decode(self.layers.iter(), &draws.coins((0, 0), chains * units))
    }

    /// h of every layer.
    fn encode_each(&self, x: &[B::Elem]) -> Result<Vec<Vec<B::Elem>>> {
        let mut layers: Vec<Vec<B::Elem>> = Vec::with_capacity(self.layers.len());
        for bond in &self.layers {
            layers.push(bond.hidden(layers.last().map_or(x, Vec::as_slice))?);
        }
        Ok(layers)
    }

    /// `x → h → h + J·Jᵀ·ε → x`.
    pub(crate) fn step(&self, x: &[B::Elem], draws: Draws) -> Result<Vec<B::Elem>> {
        let layers = self.encode_each(x)?;
        let h = &layers[layers.len() - 1];
        let [_, units] = self.top().sizes();
        let shape = [h.len() / units, units];
        let normal = draws.normal(self.top().backend(), (0, 0), shape)?;
        let moved = self.along_the_data(&layers, &scaled(&normal, self.noise))?;
        decode(self.layers.iter(), &sum(moved, h))
    }

    /// `J·Jᵀ·ε`, where J is the Jacobian of the last layer by x and `layers` are the values that x gives.
    fn along_the_data(&self, layers: &[Vec<B::Elem>], epsilon: &[B::Elem]) -> Result<Vec<B::Elem>> {
        let slope = |values: &[B::Elem], h: &[B::Elem]| {
            each(values, h, |value, h| value * h * (B::Elem::ONE - h))
        };
        let mut values = epsilon.to_vec();
        for (bond, h) in self.layers.iter().zip(layers).rev() {
            values = bond.times_transposed(&slope(&values, h))?;
        }
        for (bond, h) in self.layers.iter().zip(layers) {
            values = slope(&bond.times(&values)?, h);
        }
        Ok(values)
    }
}

/// The gradient of the mean over records `x` of `CE(x, r) + λ·Σ_j (h_j (1 − h_j))² Σ_i W_ij²`.
fn gradient<B: Backend>(
    bond: &Bond<B>,
    x: &[B::Elem],
    contraction: f64,
) -> Result<Parameters<B::Elem>> {
    let [below, above] = bond.sizes();
    let one = B::Elem::ONE;
    let share = B::Elem::from_f64(below as f64 / x.len() as f64);
    let twice = B::Elem::from_f64(2.0 * contraction) * share;
    let w = bond.parameters()?.w;
    // Σ_i W_ij² of each unit.
    let mut norms = vec![B::Elem::ZERO; above];
    for row in w.chunks_exact(above) {
        let pairs = norms.iter_mut().zip(row);
        pairs.for_each(|(norm, &w)| *norm += w * w);
    }
    let h = bond.hidden(x)?;
    let r = bond.visible(&h)?;
    let dzr = each(&r, x, |r, x| share * (r - x));
    let mut dzh = bond.times(&dzr)?;
    // Σ over records of (h_j (1 − h_j))².
    let mut squares = vec![B::Elem::ZERO; above];
    for (dz, h) in dzh.chunks_exact_mut(above).zip(h.chunks_exact(above)) {
        for j in 0..above {
            let slope = h[j] * (one - h[j]);
            let penalty = twice * slope * norms[j] * (one - h[j] - h[j]);
            dz[j] = slope * (dz[j] + penalty);
            squares[j] += slope * slope;
        }
    }
    let term = |below, above, biases| Term(below, above, 1.0, biases);
    let terms = [term(x, &dzh, Biases::Above), term(&dzr, &h, Biases::Below)];
    let mut gradient = bond.gradient(&terms)?;
    let rows = gradient.w.chunks_exact_mut(above);
    for (g, w) in rows.zip(w.chunks_exact(above)) {
        for j in 0..above {
            g[j] += twice * squares[j] * w[j];
        }
    }
    Ok(gradient)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::{central_differences, native, random_bond};
    use crate::units::cross_entropy;
    use gan_kernels::Native;

    /// A stack on records of 5 values.
    fn cae(hidden: &[usize]) -> Cae<Native<f64>> {
        let mut below = 5;
        let bond = |&above: &usize| {
            let sizes = [std::mem::replace(&mut below, above), above];
            let mut bond = Bond::new(&native(), sizes, 0.0, (1, 0));
            random_bond(&mut bond, 1.2);
            bond
        };
        let config = CaeConfig {
            contraction: 0.3,
            ..CaeConfig::default()
        };
        Cae::new(hidden.iter().map(bond).collect(), &config)
    }

    fn reconstruction(cae: &Cae<Native<f64>>, x: &[f64]) -> f64 {
        let h = encode(cae.layers.iter(), x).unwrap();
        let r = decode(cae.layers.iter(), &h).unwrap();
        cross_entropy(x, &r, x.len() / 5)
    }

    /// ∂h/∂x of the last layer at one record, by central differences: row i is ∂h/∂x_i.
    fn jacobian(cae: &Cae<Native<f64>>, x: &[f64]) -> Vec<Vec<f64>> {
        let at = |i: usize, offset: f64| {
            let mut moved = x.to_vec();
            moved[i] += offset;
            encode(cae.layers.iter(), &moved).unwrap()
        };
        let row = |i| each(&at(i, 1e-5), &at(i, -1e-5), |a, b| (a - b) / 2e-5);
        (0..x.len()).map(row).collect()
    }

    #[test]
    fn gradient_with_its_penalty_is_that_of_central_differences() {
        let x: Vec<f64> = (0..15).map(|i| f64::from(i * 7 % 11) / 11.0).collect();
        let mut cae = cae(&[4]);
        let found = gradient(&cae.layers[0], &x, cae.contraction).unwrap();
        let loss = |cae: &Cae<Native<f64>>| {
            // The penalty by its definition, the squared norm of the Jacobian.
            let norms = x.chunks(5).map(|x| {
                let rows = jacobian(cae, x).into_iter().flatten();
                rows.map(|j| j * j).sum::<f64>()
            });
            let penalty = norms.sum::<f64>() / 3.0;
            reconstruction(cae, &x) + cae.contraction * penalty
        };
        central_differences(&mut cae, |cae| &mut cae.layers[0], &found, loss);
    }

    #[test]
    fn a_chain_moves_along_the_jacobian() {
        let cae = cae(&[4, 3]);
        let x = [0.2, 0.9, 0.4, 0.0, 1.0];
        let epsilon = [0.3, -1.0, 0.5];
        let layers = cae.encode_each(&x).unwrap();
        let moved = cae.along_the_data(&layers, &epsilon).unwrap();
        let jacobian = jacobian(&cae, &x);
        for (j, moved) in moved.iter().enumerate() {
            let dot = |row: &[f64]| row.iter().zip(epsilon).map(|(a, b)| a * b).sum::<f64>();
            let expected: f64 = jacobian.iter().map(|row| row[j] * dot(row)).sum();
            assert!((moved - expected).abs() < 1e-9, "{moved} {expected}");
        }
    }

    #[test]
    fn learning_lowers_the_error_of_the_whole_stack() {
        let mut cae = cae(&[4, 3]);
        let x: Vec<f64> = (0..50).map(|i| f64::from(i % 5 < 2) * 0.9 + 0.05).collect();
        let before = reconstruction(&cae, &x);
        for step in 0..600 {
            let rates = Rates::constant(0.1, 0.9);
            cae.learn(step / 300, &x, rates).unwrap();
        }
        let after = reconstruction(&cae, &x);
        assert!(after < 0.7 * before, "{before} {after}");
    }
}
