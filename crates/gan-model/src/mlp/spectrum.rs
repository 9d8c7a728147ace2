//! A limit on the singular values of an MLP's weights.

use gan_kernels::random::Address;
use gan_kernels::{Backend, LimitSpectrum, Matrix, Real};
use rand::RngExt;

use super::{Layer, Mlp};

/// Keeps every layer's largest singular value at or below a limit, as far as power iteration knows
/// it.
pub(crate) struct SpectralLimit<B: Backend> {
    limit: f64,
    /// 1 × units·pieces, of each layer: what power iteration knows of its largest singular value.
    pub(crate) directions: Vec<Matrix<B>>,
}

impl<B: Backend> SpectralLimit<B> {
    /// Power iteration starts from directions drawn at the `address` of each layer.
    pub(crate) fn new(
        backend: &B,
        mlp: &Mlp<B>,
        limit: f64,
        address: impl Fn(usize) -> Address,
    ) -> Self {
        let direction = |(index, layer): (usize, &Layer<B>)| {
            let mut rng = address(index).rng();
            let values: Vec<_> = (0..layer.w.cols())
                .map(|_| B::Elem::from_f64(f64::from(rng.random::<f32>()) - 0.5))
                .collect();
            let mut direction = backend.matrix(1, layer.w.cols());
            backend.write(&mut direction, &values);
            direction
        };
        Self {
            limit,
            directions: mlp.layers.iter().enumerate().map(direction).collect(),
        }
    }

    /// Scales the weights of each layer back where their largest singular value exceeds the limit.
    pub(crate) fn apply(&mut self, backend: &B, mlp: &mut Mlp<B>) {
        for (layer, direction) in mlp.layers.iter_mut().zip(&mut self.directions) {
            backend.limit_spectrum(LimitSpectrum {
                w: &mut layer.w,
                direction,
                limit: self.limit,
            });
        }
    }
}
