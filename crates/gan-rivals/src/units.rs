//! Single units: their functions, and their random states by address.

use gan_kernels::random::{Address, Purpose, Stream, unit_open};
use gan_kernels::{Backend, FillLatent, Prior, Real, StepState};

use crate::Result;

/// The addresses of the random numbers of one step of training or of a chain.
///
/// A number depends on seed, step, the use within the step, the layer and its place alone, so states
/// are the same bits on any number of threads, and chains the same whatever others run beside them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draws {
    seed: u64,
    step: u64,
    purpose: Purpose,
}

impl Draws {
    /// Those of minibatch number `step` of a training.
    pub(crate) fn training(seed: u64, step: u64) -> Self {
        let purpose = Purpose::Units;
        Self {
            seed,
            step,
            purpose,
        }
    }

    /// Those of step `step` of the chains that samples are taken from.
    pub(crate) fn chain(seed: u64, step: u64) -> Self {
        let purpose = Purpose::Evaluation;
        Self {
            seed,
            step,
            purpose,
        }
    }

    /// Of the first weights of bond `layer`.
    pub(crate) fn weights(seed: u64, layer: usize) -> Address {
        let stream = Stream::new(Purpose::Weights, 0, layer);
        Address {
            seed,
            stream,
            step: 0,
        }
    }

    /// The address of `place`: the number of the use within the step and that of the layer.
    fn address(self, (use_, layer): (usize, usize)) -> Address {
        Address {
            seed: self.seed,
            stream: Stream::new(self.purpose, use_, layer),
            step: self.step,
        }
    }

    /// Numbers uniform on (0, 1).
    fn uniforms(self, place: (usize, usize), count: usize) -> impl Iterator<Item = f64> {
        let mut words = vec![0; count];
        self.address(place).fill_words(0, &mut words);
        words.into_iter().map(|word| f64::from(unit_open(word)))
    }

    /// States of Bernoulli units: 1 with the probabilities `p`, else 0.
    pub(crate) fn bernoulli<T: Real>(self, place: (usize, usize), p: &[T]) -> Vec<T> {
        let state = |(u, &p): (f64, &T)| match u < p.to_f64() {
            true => T::ONE,
            false => T::ZERO,
        };
        self.uniforms(place, p.len()).zip(p).map(state).collect()
    }

    /// States of `count` units that are on or off, equally likely.
    pub(crate) fn coins<T: Real>(self, place: (usize, usize), count: usize) -> Vec<T> {
        self.bernoulli(place, &vec![T::from_f64(0.5); count])
    }

    /// `x` with each value replaced with probability `share`: by 0 or by 1, equally likely.
    pub(crate) fn salt_and_pepper<T: Real>(
        self,
        place: (usize, usize),
        x: &[T],
        share: f64,
    ) -> Vec<T> {
        let state = |(u, &x): (f64, &T)| match u {
            u if u < 0.5 * share => T::ZERO,
            u if u < share => T::ONE,
            _ => x,
        };
        self.uniforms(place, x.len()).zip(x).map(state).collect()
    }

    /// Standard normal numbers, in `rows` rows of `cols`.
    pub(crate) fn normal<B: Backend>(
        self,
        backend: &B,
        place: (usize, usize),
        [rows, cols]: [usize; 2],
    ) -> Result<Vec<B::Elem>> {
        let state = backend.state(StepState::without_rates(self.seed, self.step));
        let mut z = backend.matrix(rows, cols);
        backend.fill_latent(FillLatent {
            z: z.all_mut(),
            prior: Prior::Normal,
            stream: self.address(place).stream,
            first_row: 0,
            state: &state,
        });
        backend.read(z.all())
    }
}

/// `1 / (1 + e⁻ᶻ)` in the place of z.
pub(crate) fn sigmoid<T: Real>(mut z: Vec<T>) -> Vec<T> {
    z.iter_mut()
        .for_each(|z| *z = T::ONE / (T::ONE + (-*z).exp()));
    z
}

/// `tanh z = 2σ(2z) − 1` in the place of z.
pub(crate) fn tanh<T: Real>(mut z: Vec<T>) -> Vec<T> {
    let two = T::ONE + T::ONE;
    z.iter_mut()
        .for_each(|z| *z = two / (T::ONE + (-two * *z).exp()) - T::ONE);
    z
}

/// `a + b`, value by value.
pub(crate) fn sum<T: Real>(mut a: Vec<T>, b: &[T]) -> Vec<T> {
    a.iter_mut().zip(b).for_each(|(a, &b)| *a += b);
    a
}

/// `factor · x`.
pub(crate) fn scaled<T: Real>(x: &[T], factor: f64) -> Vec<T> {
    let factor = T::from_f64(factor);
    x.iter().map(|&x| factor * x).collect()
}

/// `f(a, b)`, value by value.
pub(crate) fn each<T: Real>(a: &[T], b: &[T], f: impl Fn(T, T) -> T) -> Vec<T> {
    a.iter().zip(b).map(|(&a, &b)| f(a, b)).collect()
}

/// Mean over `rows` rows of `−Σ x·log p + (1 − x)·log(1 − p)`, in nats.
pub(crate) fn cross_entropy<T: Real>(x: &[T], p: &[T], rows: usize) -> f64 {
    // What rounding has made 0 or 1 has a finite logarithm.
    const LEAST: f64 = 1e-7;
    let nats = |(x, p): (&T, &T)| {
        let (x, p) = (x.to_f64(), p.to_f64().clamp(LEAST, 1.0 - LEAST));
        x * p.ln() + (1.0 - x) * (1.0 - p).ln()
    };
    -x.iter().zip(p).map(nats).sum::<f64>() / rows as f64
}

/// log(p / (1 − p)) of shares of ones, which are kept away from 0 and 1.
pub(crate) fn logits<T: Real>(shares: &[f32]) -> Vec<T> {
    let logit = |&p: &f32| {
        let p = f64::from(p).clamp(0.01, 0.99);
        T::from_f64((p / (1.0 - p)).ln())
    };
    shares.iter().map(logit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_their_probabilities_and_their_addresses() {
        let draws = Draws::training(3, 5);
        let p = [0.2, 0.9].repeat(30_000);
        let states = draws.bernoulli((1, 2), &p);
        assert!(states.iter().all(|&s| s == 0.0 || s == 1.0));
        for (parity, expected) in [(0, 0.2), (1, 0.9)] {
            let mean = states.iter().skip(parity).step_by(2).sum::<f64>() / 30_000.0;
            // Four standard errors.
            let allowed = 4.0 * (0.25_f64 / 30_000.0).sqrt();
            assert!((mean - expected).abs() < allowed, "{mean}");
        }
        assert_eq!(draws.bernoulli((1, 2), &p[..12]), states[..12]);
        assert_ne!(draws.bernoulli((2, 2), &p), states);
        assert_ne!(Draws::chain(3, 5).bernoulli((1, 2), &p), states);
    }

    #[test]
    fn salt_and_pepper_replaces_its_share_by_zeros_and_ones() {
        let noisy = Draws::training(1, 0).salt_and_pepper((0, 0), &vec![0.5_f64; 40_000], 0.4);
        for (value, expected) in [(0.0, 0.2), (1.0, 0.2), (0.5, 0.6)] {
            let share = noisy.iter().filter(|&&x| x == value).count() as f64 / 40_000.0;
            assert!((share - expected).abs() < 0.01, "{value}: {share}");
        }
    }

    #[test]
    fn functions_of_units_are_their_definitions() {
        let z: Vec<f64> = vec![-30.0, -1.5, 0.0, 0.25, 30.0];
        for (z, found) in z.iter().zip(sigmoid(z.clone())) {
            assert!((found - 1.0 / (1.0 + (-z).exp())).abs() < 1e-15);
        }
        for (z, found) in z.iter().zip(tanh(z.clone())) {
            assert!((found - z.tanh()).abs() < 1e-15);
        }
        let found = cross_entropy(&[1.0, 0.0, 0.5, 1.0], &[0.5, 0.25, 0.5, 1.0_f64], 2);
        let expected = -(0.5_f64.ln() + 0.75_f64.ln() + 0.5_f64.ln()) / 2.0;
        assert!((found - expected).abs() < 1e-6, "{found}");
    }
}
