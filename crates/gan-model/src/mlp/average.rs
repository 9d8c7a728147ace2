//! A running mean of an MLP's parameters, to sample from.

use gan_kernels::{Average, Backend};

use super::{Layer, Mlp, Optimizer};

/// The exponential moving average of the parameters of an [`Mlp`].
pub(crate) struct RunningMean<B: Backend> {
    /// An MLP whose parameters are the means.
    pub(crate) mlp: Mlp<B>,
    /// β.
    decay: f64,
}

impl<B: Backend> RunningMean<B> {
    /// Where the names of the means in a checkpoint differ from those of the parameters.
    pub(crate) const PART: &'static str = ".average";

    /// Means that start where the parameters of `mlp` are.
    pub(crate) fn new(backend: &B, mlp: &Mlp<B>, decay: f64) -> Self {
        let copy = |layer: &Layer<B>| {
            let size = [layer.w.row_count(), layer.w.cols()];
            Layer::zeros(backend, size, layer.act, layer.dropout, Optimizer::NONE)
        };
        let mut mean = Self {
            mlp: Mlp {
                layers: mlp.layers.iter().map(copy).collect(),
                optimizer: Optimizer::NONE,
                held_bias: None,
            },
            decay: 0.0,
        };
        mean.follow(backend, mlp);
        mean.decay = decay;
        mean
    }

    /// Moves the means towards the parameters of `mlp`.
    pub(crate) fn follow(&mut self, backend: &B, mlp: &Mlp<B>) {
        let decay = self.decay;
        for (mean, layer) in self.mlp.layers.iter_mut().zip(&mlp.layers) {
            for (w, average) in [(&layer.w, &mut mean.w), (&layer.b, &mut mean.b)] {
                backend.average(Average { w, average, decay });
            }
        }
    }
}
