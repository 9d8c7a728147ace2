//! A multilayer perceptron: what both players are.

mod penalised;

use gan_kernels::random::{Address, Purpose, Stream};
use gan_kernels::{
    Activation, Adam, Average, Backend, Below, Dropout, LimitSpectrum, LinearBwdData,
    LinearBwdParams, LinearFwd, LinearLogitLoss, Matrix, Monitor, Objective, Real, Rows, RowsMut,
    Update, Winners,
};
use rand::RngExt;

use crate::config::{LayerConfig, OptimizerConfig};

pub(crate) use penalised::{Step, Tangents};

/// Layers of affine maps and activations, with what their optimiser keeps.
pub struct Mlp<B: Backend> {
    pub(crate) layers: Vec<Layer<B>>,
    optimizer: Optimizer,
    /// Largest singular value that each layer's weights may have.
    max_spectral_norm: Option<f64>,
    /// Zeros, one a row, where the last bias stays as it is: its rows' weights.
    held_bias: Option<Matrix<B>>,
    /// Distinguishes the two players' random streams.
    player: Player,
}

/// `y = φ(x·w + b)` over a dropped-out x.
pub(crate) struct Layer<B: Backend> {
    /// fan-in × fan-out·pieces.
    pub(crate) w: Matrix<B>,
    /// 1 × fan-out·pieces.
    pub(crate) b: Matrix<B>,
    /// What the optimiser keeps of w and b: nothing, velocities, or two moments.
    pub(crate) moments: Vec<[Matrix<B>; 2]>,
    /// Running means of w and b, which evaluation then uses in their place.
    pub(crate) average: Option<[Matrix<B>; 2]>,
    /// 1 × fan-out·pieces: what power iteration knows of w's largest singular value.
    pub(crate) direction: Option<Matrix<B>>,
    pub(crate) act: Activation,
    /// Dropout of this layer's input: probability of keeping, and factor.
    dropout: Option<(f64, f64)>,
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Player {
    Generator,
    Discriminator,
}

/// How parameters follow their gradient.
#[derive(Clone, Copy)]
pub(crate) enum Optimizer {
    /// They become it, and nothing is kept; for a generator that only samples.
    Store,
    Momentum {
        max_column_norm: Option<f64>,
    },
    Adam {
        adam: Adam,
        max_column_norm: Option<f64>,
    },
}

impl Optimizer {
    pub(crate) fn new(config: OptimizerConfig) -> Self {
        let max_column_norm = config.max_column_norm();
        match config.adam() {
            None => Self::Momentum { max_column_norm },
            Some(adam) => Self::Adam {
                adam,
                max_column_norm,
            },
        }
    }

    /// Matrices that it keeps for each parameter matrix.
    fn moments(self) -> usize {
        match self {
            Self::Store => 0,
            Self::Momentum { .. } => 1,
            Self::Adam { .. } => 2,
        }
    }
}

/// What a forward pass leaves for the backward pass, and the gradients of the latter.
pub(crate) struct Tape<B: Backend> {
    /// Each layer's output, dropout of the layer above applied; the last only if it stays here.
    pub(crate) y: Vec<Matrix<B>>,
    pub(crate) winners: Vec<Option<Winners<B>>>,
    /// Gradient of each layer's pre-activation.
    pub(crate) dz: Vec<Matrix<B>>,
}

impl<B: Backend> Tape<B> {
    /// Room for `rows` rows forward and `back` rows backward.
    pub(crate) fn new(backend: &B, mlp: &Mlp<B>, rows: usize, back: usize) -> Self {
        let units = |layer: &Layer<B>| layer.b.cols() / layer.act.pieces();
        let winners = |layer: &Layer<B>| {
            let maxout = layer.act.pieces() > 1;
            maxout.then(|| backend.winners(rows, units(layer)))
        };
        Self {
            y: mlp
                .layers
                .iter()
                .map(|l| backend.matrix(rows, units(l)))
                .collect(),
            winners: mlp.layers.iter().map(winners).collect(),
            dz: mlp
                .layers
                .iter()
                .map(|l| backend.matrix(back, l.b.cols()))
                .collect(),
        }
    }
}

/// Rows `first .. first + count` of a tape, and where their dropout masks live.
pub(crate) struct Pass<'a, B: Backend> {
    pub(crate) state: &'a B::State,
    /// Which pass of the iteration the masks belong to; `None` is for evaluation: without dropout,
    /// with averaged parameters where there are any.
    pub(crate) masks: Option<usize>,
    pub(crate) first: usize,
    pub(crate) count: usize,
}

impl<B: Backend> Mlp<B> {
    /// Layers of the given sizes, weights drawn from `seed`.
    pub(crate) fn new(
        backend: &B,
        player: Player,
        layers: &[LayerConfig],
        sizes: &[usize],
        optimizer: Optimizer,
        seed: u64,
    ) -> Self {
        let layers = layers
            .iter()
            .zip(sizes.windows(2))
            .enumerate()
            .map(|(index, (config, size))| {
                let stream = Stream::new(Purpose::Weights, player as usize, index);
                let address = Address {
                    seed,
                    stream,
                    step: 0,
                };
                Layer::new(backend, config, [size[0], size[1]], optimizer, address)
            })
            .collect();
        Self {
            layers,
            optimizer,
            max_spectral_norm: None,
            held_bias: None,
            player,
        }
    }

    /// Keeps running means of the parameters, which start where these are.
    pub(crate) fn keep_average(&mut self, backend: &B) {
        for layer in &mut self.layers {
            let zeros = |of: &Matrix<B>| backend.matrix(of.row_count(), of.cols());
            layer.average = Some([zeros(&layer.w), zeros(&layer.b)]);
        }
        self.average(backend, 0.0);
    }

    /// Keeps every layer's largest singular value at or below `limit`, as far as power iteration,
    /// which starts from directions drawn from `seed`, knows it.
    pub(crate) fn limit_spectrum(&mut self, backend: &B, limit: f64, seed: u64) {
        self.max_spectral_norm = Some(limit);
        for (index, layer) in self.layers.iter_mut().enumerate() {
            // Beside the streams of the weights, of which there are at most 256.
            let stream = Stream::new(Purpose::Weights, self.player as usize, 256 + index);
            let address = Address {
                seed,
                stream,
                step: 0,
            };
            let mut rng = address.rng();
            let values: Vec<_> = (0..layer.w.cols())
                .map(|_| B::Elem::from_f64(f64::from(rng.random::<f32>()) - 0.5))
                .collect();
            let mut direction = backend.matrix(1, layer.w.cols());
            backend.write(&mut direction, &values);
            layer.direction = Some(direction);
        }
    }

    /// Keeps the last bias as it is, in updates from up to `rows` rows.
    ///
    /// For a D whose objective sees differences of its output alone: that bias has a gradient of 0
    /// but for rounding, of which Adam, which divides by the gradient's own size, makes steps.
    pub(crate) fn hold_last_bias(&mut self, backend: &B, rows: usize) {
        self.held_bias = Some(backend.matrix(rows, 1));
    }

    /// Moves the running means towards the parameters.
    pub(crate) fn average(&mut self, backend: &B, decay: f64) {
        for layer in &mut self.layers {
            let Some([w, b]) = &mut layer.average else {
                continue;
            };
            for (w, average) in [(&layer.w, w), (&layer.b, b)] {
                backend.average(Average { w, average, decay });
            }
        }
    }

    /// Number of parameters.
    pub(crate) fn parameter_count(&self) -> usize {
        self.layers
            .iter()
            .map(|layer| (layer.w.row_count() + 1) * layer.w.cols())
            .sum()
    }

    /// The dropout that is applied to the input of `layer`.
    pub(crate) fn dropout(&self, layer: usize, pass: &Pass<'_, B>) -> Option<Dropout> {
        let (keep, scale) = self.layers.get(layer)?.dropout?;
        // The two players' layers must not share masks: D's count from 0, G's from 256.
        let layer = layer
            + if self.player == Player::Generator {
                256
            } else {
                0
            };
        let stream = Stream::new(Purpose::Dropout, pass.masks?, layer);
        Some(Dropout {
            keep,
            scale,
            stream,
            first_row: pass.first,
        })
    }

    /// Runs `x` through all layers; the last one's output goes into `output`, under the dropout
    /// beside it, if given, else into the tape.
    pub(crate) fn forward(
        &self,
        backend: &B,
        pass: &Pass<'_, B>,
        x: Rows<'_, B>,
        tape: &mut Tape<B>,
        output: Option<(RowsMut<'_, B>, Option<Dropout>)>,
    ) {
        self.forward_through(self.layers.len(), backend, pass, x, tape, output);
    }

    /// Likewise for all layers but the last, which [`Mlp::lose`] runs.
    pub(crate) fn forward_hidden(
        &self,
        backend: &B,
        pass: &Pass<'_, B>,
        x: Rows<'_, B>,
        tape: &mut Tape<B>,
    ) {
        self.forward_through(self.layers.len() - 1, backend, pass, x, tape, None);
    }

    fn forward_through(
        &self,
        layers: usize,
        backend: &B,
        pass: &Pass<'_, B>,
        x: Rows<'_, B>,
        tape: &mut Tape<B>,
        mut output: Option<(RowsMut<'_, B>, Option<Dropout>)>,
    ) {
        let last = self.layers.len() - 1;
        for (index, layer) in self.layers[..layers].iter().enumerate() {
            let (below, above) = tape.y.split_at_mut(index);
            let x = below.last().map_or(x, |y| y.rows(pass.first, pass.count));
            let (y, dropout) = match output.take_if(|_| index == last) {
                Some(output) => output,
                None => (
                    above[0].rows_mut(pass.first, pass.count),
                    self.dropout(index + 1, pass),
                ),
            };
            let [w, b] = match &layer.average {
                Some([w, b]) if pass.masks.is_none() => [w, b],
                _ => [&layer.w, &layer.b],
            };
            backend.linear_fwd(LinearFwd {
                x,
                w,
                b,
                y,
                act: layer.act,
                winners: tape.winners[index]
                    .as_mut()
                    .map(|w| w.from_row_mut(pass.first)),
                dropout,
                state: pass.state,
            });
        }
    }

    /// Runs the last layer, whose output is one logit a row, the objective on it, and both their
    /// gradients: that of the layer below is in the tape afterwards.
    ///
    /// `x` is what the first layer saw.
    pub(crate) fn lose(
        &self,
        backend: &B,
        pass: &Pass<'_, B>,
        x: Rows<'_, B>,
        tape: &mut Tape<B>,
        objective: Objective,
        monitors: &mut B::Monitors,
    ) {
        let last = self.layers.len() - 1;
        let (hidden, logits) = tape.y.split_at_mut(last);
        let (dz_below, dz) = tape.dz.split_at_mut(last);
        let below = dz_below.last_mut().map(|dz| {
            let below = self.below(last, pass, hidden, &tape.winners);
            (below, dz.rows_mut(0, pass.count))
        });
        backend.linear_logit_loss(LinearLogitLoss {
            x: hidden.last().map_or(x, |y| y.rows(pass.first, pass.count)),
            w: &self.layers[last].w,
            b: &self.layers[last].b,
            logits: logits[0].rows_mut(pass.first, pass.count),
            objective,
            dz: dz[0].rows_mut(0, pass.count),
            below,
            monitors,
            state: pass.state,
        });
    }

    /// From the gradient of layer `from`'s pre-activation, which is in the tape, down to that of
    /// the first layer's.
    pub(crate) fn backward(
        &self,
        backend: &B,
        pass: &Pass<'_, B>,
        tape: &mut Tape<B>,
        from: usize,
    ) {
        for index in (1..=from).rev() {
            let (below, above) = tape.dz.split_at_mut(index);
            backend.linear_bwd_data(LinearBwdData {
                dz: above[0].rows(0, pass.count),
                w: &self.layers[index].w,
                below: self.below(index, pass, &tape.y, &tape.winners),
                dz_below: below[index - 1].rows_mut(0, pass.count),
                state: pass.state,
            });
        }
    }

    /// The layer below layer `index`, as the forward pass left it.
    fn below<'a>(
        &self,
        index: usize,
        pass: &Pass<'_, B>,
        y: &'a [Matrix<B>],
        winners: &'a [Option<Winners<B>>],
    ) -> Below<'a, B> {
        let below = index - 1;
        let winners = winners[below].as_ref();
        Below {
            y: y[below].rows(pass.first, pass.count),
            act: self.layers[below].act,
            winners: winners.map(|winners| winners.from_row(pass.first)),
            dropout: self.dropout(index, pass),
        }
    }

    /// Steps every layer along its gradient, which [`Mlp::backward`] left in the tape.
    pub(crate) fn update(
        &mut self,
        backend: &B,
        pass: &Pass<'_, B>,
        x: Rows<'_, B>,
        tape: &Tape<B>,
        slot: usize,
        monitors: &mut B::Monitors,
    ) {
        let monitor = match self.player {
            Player::Generator => Monitor::GeneratorGradient,
            Player::Discriminator => Monitor::DiscriminatorGradient,
        };
        let last = self.layers.len() - 1;
        let steps = self.layers.iter_mut().enumerate().map(|(index, layer)| {
            let x = if index == 0 {
                x
            } else {
                tape.y[index - 1].rows(pass.first, pass.count)
            };
            let held = self.held_bias.as_ref().filter(|_| index == last);
            LinearBwdParams {
                x,
                dz: tape.dz[index].rows(0, pass.count),
                bias_weights: held.map(|zeros| zeros.rows(0, pass.count)),
                w: &mut layer.w,
                b: &mut layer.b,
                update: update(self.optimizer, &mut layer.moments, slot),
                state: pass.state,
                monitor: None,
            }
        });
        backend.linear_bwd_params_each(steps, Some((monitors, monitor)));
        for layer in &mut self.layers {
            layer.limit_spectrum(backend, self.max_spectral_norm);
        }
    }
}

fn update<B: Backend>(
    optimizer: Optimizer,
    moments: &mut [[Matrix<B>; 2]],
    slot: usize,
) -> Update<'_, B> {
    match (optimizer, moments) {
        (Optimizer::Momentum { max_column_norm }, [velocity]) => Update::Momentum {
            velocity: velocity.each_mut(),
            slot,
            max_column_norm,
        },
        (
            Optimizer::Adam {
                adam,
                max_column_norm,
            },
            [first, second],
        ) => {
            let (first, second) = (first.each_mut(), second.each_mut());
            Update::Adam {
                first,
                second,
                adam,
                slot,
                max_column_norm,
            }
        }
        _ => Update::Store,
    }
}

impl<B: Backend> Layer<B> {
    /// Scales w back where its largest singular value exceeds `limit`.
    fn limit_spectrum(&mut self, backend: &B, limit: Option<f64>) {
        if let (Some(limit), Some(direction)) = (limit, &mut self.direction) {
            backend.limit_spectrum(LimitSpectrum {
                w: &mut self.w,
                direction,
                limit,
            });
        }
    }

    fn new(
        backend: &B,
        config: &LayerConfig,
        [fan_in, units]: [usize; 2],
        optimizer: Optimizer,
        address: Address,
    ) -> Self {
        let act = config.kernel_activation();
        let cols = units * act.pieces();
        let bound = config
            .init
            .unwrap_or_else(|| config.default_init(fan_in, units));
        let mut rng = address.rng();
        let weights: Vec<B::Elem> = (0..fan_in * cols)
            .map(|_| B::Elem::from_f64(bound * (2.0 * f64::from(rng.random::<f32>()) - 1.0)))
            .collect();
        let mut w = backend.matrix(fan_in, cols);
        backend.write(&mut w, &weights);
        let mut b = backend.matrix(1, cols);
        backend.write(&mut b, &vec![B::Elem::from_f64(config.bias); cols]);
        let moment = || [backend.matrix(fan_in, cols), backend.matrix(1, cols)];
        Self {
            w,
            b,
            moments: (0..optimizer.moments()).map(|_| moment()).collect(),
            average: None,
            direction: None,
            act,
            dropout: (config.keep < 1.0)
                .then(|| (config.keep, config.scale.unwrap_or(1.0 / config.keep))),
        }
    }
}
