//! The weights that a layer starts from.

use rand::RngExt;

use crate::random::Address;
use crate::{Activation, Real};

impl Activation {
    /// Half-width of the uniform distribution that weights into a layer of this φ start from: √(6 /
    /// inputs) for relu, leaky relu and maxout (He et al. 2015), else √(6 / (inputs + units))
    /// (Glorot and Bengio 2010).
    ///
    /// Values and gradients then keep about their size from layer to layer.
    #[must_use]
    pub fn initial_bound(self, inputs: usize, units: usize) -> f64 {
        let fan = match self {
            Self::Relu | Self::LeakyRelu { .. } | Self::Maxout { .. } => inputs,
            Self::Identity | Self::Sigmoid | Self::Tanh => inputs + units,
        };
        (6.0 / fan as f64).sqrt()
    }
}

impl Address {
    /// The first `count` numbers of this address as values uniform on ±`bound`, such as the weights
    /// of a layer.
    ///
    /// ```
    /// use gan_kernels::random::{Address, Purpose, Stream};
    /// use gan_kernels::{Activation, Backend, Native};
    ///
    /// # fn main() -> Result<(), gan_kernels::BackendError> {
    /// let backend = Native::<f32>::new(Some(1))?;
    /// let mut w = backend.matrix(3, 5); // Of 3 inputs and 5 units.
    /// let stream = Stream::new(Purpose::Weights, 0, 0);
    /// let address = Address { seed: 1, stream, step: 0 };
    /// let bound = Activation::Relu.initial_bound(3, 5);
    /// backend.write(&mut w, &address.uniform(bound, 3 * 5));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn uniform<T: Real>(self, bound: f64, count: usize) -> Vec<T> {
        let mut rng = self.rng();
        let values = (0..count).map(|_| 2.0 * f64::from(rng.random::<f32>()) - 1.0);
        values.map(|value| T::from_f64(bound * value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Stream};

    #[test]
    fn bounds_are_those_of_he_and_of_glorot() {
        for (act, expected) in [
            (Activation::Relu, 6.0 / 20.0),
            (Activation::LeakyRelu { slope: 0.2 }, 6.0 / 20.0),
            (Activation::Maxout { pieces: 3 }, 6.0 / 20.0),
            (Activation::Identity, 6.0 / 30.0),
            (Activation::Sigmoid, 6.0 / 30.0),
            (Activation::Tanh, 6.0 / 30.0),
        ] {
            assert_eq!(act.initial_bound(20, 10), f64::sqrt(expected), "{act:?}");
        }
    }

    #[test]
    fn uniform_values_fill_their_bounds_and_follow_from_the_address() {
        let address = |layer| Address {
            seed: 5,
            stream: Stream::new(Purpose::Weights, 0, layer),
            step: 0,
        };
        let values: Vec<f64> = address(0).uniform(0.3, 30_000);
        assert!(values.iter().all(|value| value.abs() <= 0.3));
        // Variance bound²/3: the sample's own standard deviation is 1.6e-4 here.
        let mean_square = values.iter().map(|v| v * v).sum::<f64>() / 30_000.0;
        assert!((mean_square - 0.03).abs() < 8e-4, "{mean_square}");
        assert_eq!(address(0).uniform::<f64>(0.3, 7), values[..7]);
        assert_ne!(address(1).uniform::<f64>(0.3, 7), values[..7]);
    }
}
