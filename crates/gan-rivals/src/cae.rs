//! The stacked contractive auto-encoder (Rifai, Vincent, Muller, Glorot, Bengio 2011), and the chain that
//! samples from it (Rifai, Bengio, Dauphin, Vincent 2012).
//!
//! `h = σ(x·W + b)`, `r = σ(h·Wᵀ + c)`; the objective is the cross-entropy of r plus λ times the squared
//! Frobenius norm of the Jacobian ∂h/∂x, so that h moves in the few directions alone in which the data
//! vary.
//! The chain moves h in these directions, by `J·Jᵀ·ε`, and decodes: it draws from no density that could
//! be written down.

use gan_kernels::{Activation, Backend, BackendError, Rates, Real};
use serde::{Deserialize, Serialize};

use crate::bond::{Biases, Bond, Parameters, Term};
use crate::learning::{Chains, Learning};
use crate::units::{Draws, each, logits, scaled, sigmoid, sum};

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
            learning: Learning {
                minibatch: 100,
                epochs: 3.0,
                learning_rate: 0.005,
                momentum: 0.9,
            },
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
    /// `shares` are the means of the data's values.
    pub(crate) fn new(backend: &B, config: &CaeConfig, shares: &[f32], seed: u64) -> Self {
        let mut below = shares.len();
        let layers = config.hidden.iter().enumerate().map(|(layer, &above)| {
            let sizes = [std::mem::replace(&mut below, above), above];
            let bound = Activation::Sigmoid.initial_bound(sizes[0], sizes[1]);
            Bond::new(backend, sizes, bound, (seed, layer))
        });
        let mut layers: Vec<_> = layers.collect();
        if let Some(lowest) = layers.first_mut() {
            lowest.set_below(&logits(shares));
        }
        Self {
            layers,
            contraction: config.contraction,
            noise: config.noise,
        }
    }

    /// h of every layer.
    fn encode(&self, x: &[B::Elem]) -> Result<Vec<Vec<B::Elem>>, BackendError> {
        let mut layers: Vec<Vec<B::Elem>> = Vec::with_capacity(self.layers.len());
        for bond in &self.layers {
            let below = layers.last().map_or(x, Vec::as_slice);
            layers.push(bond.up(below, Activation::Sigmoid)?);
        }
        Ok(layers)
    }

    /// x from h of the last layer.
    fn decode(&self, h: &[B::Elem]) -> Result<Vec<B::Elem>, BackendError> {
        let mut values = h.to_vec();
        for bond in self.layers.iter().rev() {
            values = sigmoid(bond.down(&values)?);
        }
        Ok(values)
    }

    /// Layer `stage` learns to give back what the layers below make of records `x`.
    pub(crate) fn learn(
        &mut self,
        stage: usize,
        x: &[B::Elem],
        rates: Rates,
    ) -> Result<(), BackendError> {
        let mut values = x.to_vec();
        for bond in &self.layers[..stage] {
            values = bond.up(&values, Activation::Sigmoid)?;
        }
        let gradient = gradient(&self.layers[stage], &values, self.contraction)?;
        self.layers[stage].follow(&gradient, rates)
    }

    /// What is left of records after the way up through the first `depth` layers, and down.
    pub(crate) fn reconstruct(
        &self,
        x: &[B::Elem],
        depth: usize,
    ) -> Result<Vec<B::Elem>, BackendError> {
        let mut values = x.to_vec();
        for bond in &self.layers[..depth] {
            values = bond.up(&values, Activation::Sigmoid)?;
        }
        for bond in self.layers[..depth].iter().rev() {
            values = sigmoid(bond.down(&values)?);
        }
        Ok(values)
    }

    /// Records decoded from units of the last layer that are on as coins fall.
    pub(crate) fn begin(&self, chains: usize, draws: Draws) -> Result<Vec<B::Elem>, BackendError> {
        let units = self.layers.last().map_or(0, |bond| bond.sizes()[1]);
        let half = vec![B::Elem::from_f64(0.5); chains * units];
        self.decode(&draws.bernoulli((0, 0), &half))
    }

    /// `x → h → h + J·Jᵀ·ε → x`.
    pub(crate) fn step(&self, x: &[B::Elem], draws: Draws) -> Result<Vec<B::Elem>, BackendError> {
        let layers = self.encode(x)?;
        let (Some(last), Some(h)) = (self.layers.last(), layers.last()) else {
            return Ok(x.to_vec());
        };
        let units = last.sizes()[1];
        let normal = draws.normal(last.backend(), (0, 0), [h.len() / units, units])?;
        let moved = self.along_the_data(&layers, &scaled(&normal, self.noise))?;
        self.decode(&sum(moved, h))
    }

    /// `J·Jᵀ·ε`, where J is the Jacobian of the last layer by x and `layers` are the values that x gives.
    fn along_the_data(
        &self,
        layers: &[Vec<B::Elem>],
        epsilon: &[B::Elem],
    ) -> Result<Vec<B::Elem>, BackendError> {
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
) -> Result<Parameters<B::Elem>, BackendError> {
    let [below, above] = bond.sizes();
    let one = B::Elem::ONE;
    let share = B::Elem::from_f64(below as f64 / x.len() as f64);
    let twice = B::Elem::from_f64(2.0 * contraction) * share;
    let w = bond.parameters()?.w;
    // Σ_i W_ij² of each unit.
    let mut norms = vec![B::Elem::ZERO; above];
    for row in w.chunks_exact(above) {
        norms
            .iter_mut()
            .zip(row)
            .for_each(|(norm, &w)| *norm += w * w);
    }
    let h = bond.up(x, Activation::Sigmoid)?;
    let r = sigmoid(bond.down(&h)?);
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
    let term = |below, above, biases| Term::new(below, above, 1.0, biases);
    let mut gradient =
        bond.gradient(&[term(x, &dzh, Biases::Above), term(&dzr, &h, Biases::Below)])?;
    for (g, w) in gradient
        .w
        .chunks_exact_mut(above)
        .zip(w.chunks_exact(above))
    {
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

    fn cae(hidden: Vec<usize>) -> Cae<Native<f64>> {
        let config = CaeConfig {
            hidden,
            contraction: 0.3,
            ..CaeConfig::default()
        };
        let mut cae = Cae::new(&native(), &config, &[0.5; 5], 1);
        cae.layers
            .iter_mut()
            .for_each(|bond| random_bond(bond, 1.2));
        cae
    }

    /// ∂h/∂x of the last layer at one record, by central differences: row i is ∂h/∂x_i.
    fn jacobian(cae: &Cae<Native<f64>>, x: &[f64]) -> Vec<Vec<f64>> {
        let at = |i: usize, offset: f64| {
            let mut moved = x.to_vec();
            moved[i] += offset;
            cae.encode(&moved).unwrap().pop().unwrap()
        };
        let row = |i| each(&at(i, 1e-5), &at(i, -1e-5), |a, b| (a - b) / 2e-5);
        (0..x.len()).map(row).collect()
    }

    #[test]
    fn gradient_with_its_penalty_is_that_of_central_differences() {
        let x: Vec<f64> = (0..15).map(|i| f64::from(i * 7 % 11) / 11.0).collect();
        let mut cae = cae(vec![4]);
        let found = gradient(&cae.layers[0], &x, cae.contraction).unwrap();
        let loss = |cae: &Cae<Native<f64>>| {
            // The penalty by its definition, the squared norm of the Jacobian.
            let norms = x.chunks(5).map(|x| {
                let rows = jacobian(cae, x).into_iter().flatten();
                rows.map(|j| j * j).sum::<f64>()
            });
            let penalty = norms.sum::<f64>() / 3.0;
            cross_entropy(&x, &cae.reconstruct(&x, 1).unwrap(), 3) + cae.contraction * penalty
        };
        central_differences(&mut cae, |cae| &mut cae.layers[0], &found, loss);
    }

    #[test]
    fn a_chain_moves_along_the_jacobian() {
        let cae = cae(vec![4, 3]);
        let x = [0.2, 0.9, 0.4, 0.0, 1.0];
        let epsilon = [0.3, -1.0, 0.5];
        let layers = cae.encode(&x).unwrap();
        let moved = cae.along_the_data(&layers, &epsilon).unwrap();
        let jacobian = jacobian(&cae, &x);
        for j in 0..3 {
            let expected: f64 = jacobian
                .iter()
                .map(|row| row[j] * row.iter().zip(epsilon).map(|(a, b)| a * b).sum::<f64>())
                .sum();
            assert!(
                (moved[j] - expected).abs() < 1e-9,
                "{} {expected}",
                moved[j]
            );
        }
    }

    #[test]
    fn learning_lowers_the_objective_of_its_layer_alone() {
        let mut cae = cae(vec![4, 3]);
        let x: Vec<f64> = (0..50).map(|i| f64::from(i % 5 < 2) * 0.9 + 0.05).collect();
        let before = cross_entropy(&x, &cae.reconstruct(&x, 2).unwrap(), 10);
        let upper = cae.layers[1].parameters().unwrap().w;
        for _ in 0..300 {
            cae.learn(0, &x, Rates::constant(0.1, 0.9)).unwrap();
        }
        assert_eq!(cae.layers[1].parameters().unwrap().w, upper);
        for _ in 0..300 {
            cae.learn(1, &x, Rates::constant(0.1, 0.9)).unwrap();
        }
        let after = cross_entropy(&x, &cae.reconstruct(&x, 2).unwrap(), 10);
        assert!(after < 0.7 * before, "{before} {after}");
    }
}
