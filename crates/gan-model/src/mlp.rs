//! A multilayer perceptron: its layers, and their forward pass, backward pass and update.
//!
//! Both players are one, and so is the classifier of the evaluation.

mod average;
mod loss;
mod penalised;
mod spectrum;

use std::ops::Range;

use gan_kernels::random::{Address, Purpose, Stream};
use gan_kernels::{
    Activation, Backend, Below, Dropout, LinearBwdData, LinearBwdParams, LinearFwd, Matrix,
    Monitor, Real, Rows, RowsMut, Update, Winners,
};

pub(crate) use average::RunningMean;
pub(crate) use loss::Loss;
pub(crate) use penalised::{PenalisedUpdate, Tangents};
pub(crate) use spectrum::SpectralLimit;

/// Layers of affine maps and activations, with what their optimiser keeps.
///
/// Both players are one; on its own it serves as a classifier or a regression, whose caller writes
/// the gradient of the last pre-activation, as [`SquaredError`](gan_kernels::SquaredError) does:
///
/// ```
/// use gan_kernels::random::{Address, Purpose, Stream};
/// use gan_kernels::{Activation, Rates, SquaredError, StepState, Update};
/// use gan_model::{Backend, LayerSpec, Mlp, Native, Optimizer, Pass, Tape};
///
/// # fn main() -> Result<(), gan_model::BackendError> {
/// let backend = Native::<f32>::new(Some(1))?;
/// let layer = |index, inputs, units, act: Activation| LayerSpec {
///     inputs,
///     units,
///     act,
///     init: act.initial_bound(inputs, units),
///     address: Address { seed: 1, stream: Stream::new(Purpose::Weights, 0, index), step: 0 },
///     bias: 0.0,
///     dropout: None,
/// };
/// let layers = [layer(0, 1, 8, Activation::Tanh), layer(1, 8, 1, Activation::Identity)];
/// let optimizer = Optimizer { update: Update::Momentum, max_column_norm: None };
/// let mut mlp = Mlp::new(&backend, layers, optimizer);
///
/// // y = x² at 11 points.
/// let points: Vec<f32> = (-5..=5).map(|i| i as f32 / 5.0).collect();
/// let squares: Vec<f32> = points.iter().map(|x| x * x).collect();
/// let [mut x, mut targets] = [(); 2].map(|()| backend.matrix(11, 1));
/// backend.write(&mut x, &points);
/// backend.write(&mut targets, &squares);
/// let mut tape = Tape::new(&backend, &mlp, 11, 11);
/// let rates = vec![Rates::constant(0.1, 0.9)];
/// let state = backend.state(StepState { seed: 1, step: 0, rates });
/// let mut monitors = backend.monitors();
/// for _ in 0..300 {
///     let pass = Pass::new(&backend, &state, 0, 0..11);
///     mlp.forward(&pass, x.all(), &mut tape);
///     let (y, dz) = tape.output_and_gradient_mut();
///     backend.squared_error(SquaredError {
///         y: y.all(),
///         targets: targets.all(),
///         act: Activation::Identity,
///         dz: dz.all_mut(),
///         monitors: &mut monitors,
///     });
///     mlp.backward(&pass, &mut tape);
///     mlp.update(&pass, x.all(), &tape, 0, None);
/// }
/// let y = backend.read(tape.output(1).all())?;
/// assert!(y.iter().zip(&squares).all(|(y, square)| (y - square).abs() < 0.1), "{y:?}");
/// # Ok(())
/// # }
/// ```
pub struct Mlp<B: Backend> {
    pub(crate) layers: Vec<Layer<B>>,
    optimizer: Optimizer,
    /// Where the last bias is held as it is: zeros, by which each row's part in its gradient is
    /// multiplied.
    held_bias: Option<Matrix<B>>,
}

/// `y = φ(x·w + b)`.
pub(crate) struct Layer<B: Backend> {
    /// inputs × units·pieces.
    pub(crate) w: Matrix<B>,
    /// 1 × units·pieces.
    pub(crate) b: Matrix<B>,
    /// Moments of w and b that the optimiser keeps: none, velocities, or Adam's two.
    pub(crate) moments: Vec<[Matrix<B>; 2]>,
    pub(crate) act: Activation,
    dropout: Option<InputDropout>,
}

/// One layer of an [`Mlp`] and what its parameters start from.
#[derive(Clone, Copy, Debug)]
pub struct LayerSpec {
    /// Values of a row of its input.
    pub inputs: usize,
    /// Values of a row of its output; a maxout unit counts once.
    pub units: usize,
    /// φ.
    pub act: Activation,
    /// Weights start uniform on ±`init`.
    pub init: f64,
    /// Address of the random numbers that the weights are made of.
    pub address: Address,
    /// Start of every bias.
    pub bias: f64,
    /// Dropout of the layer's input in training.
    pub dropout: Option<InputDropout>,
}

/// Dropout of a layer's input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputDropout {
    /// Probability of keeping an element.
    pub keep: f64,
    /// Factor of what is kept.
    pub scale: f64,
    /// The layer's number in the address of its masks.
    pub layer: usize,
}

/// The rule by which the parameters of an [`Mlp`] follow their gradient.
#[derive(Clone, Copy, Debug)]
pub struct Optimizer {
    /// The rule.
    pub update: Update,
    /// Largest norm of the weights into one unit (of each piece, for maxout).
    pub max_column_norm: Option<f64>,
}

impl Optimizer {
    /// Keeps nothing: for an [`Mlp`] that is not trained.
    pub const NONE: Self = Self {
        update: Update::Store,
        max_column_norm: None,
    };
}

/// What a forward pass leaves for the backward pass, and the gradients that the latter writes.
pub struct Tape<B: Backend> {
    /// Each layer's output, dropout of the layer above applied.
    y: Vec<Matrix<B>>,
    /// The winning pieces of maxout layers.
    winners: Vec<Option<Winners<B>>>,
    /// Gradient of each layer's pre-activation.
    pub(crate) dz: Vec<Matrix<B>>,
}

impl<B: Backend> Tape<B> {
    /// Room for `rows` rows forward and `back` rows backward.
    #[must_use]
    pub fn new(backend: &B, mlp: &Mlp<B>, rows: usize, back: usize) -> Self {
        let matrix = |layer: &Layer<B>| backend.matrix(rows, layer.units());
        let winners = |layer: &Layer<B>| {
            let is_maxout = layer.act.pieces() > 1;
            is_maxout.then(|| backend.winners(rows, layer.units()))
        };
        let gradient = |layer: &Layer<B>| backend.matrix(back, layer.b.cols());
        Self {
            y: mlp.layers.iter().map(matrix).collect(),
            winners: mlp.layers.iter().map(winners).collect(),
            dz: mlp.layers.iter().map(gradient).collect(),
        }
    }

    /// Without room for the last layer's output, which [`Mlp::forward_into`] puts elsewhere.
    pub(crate) fn without_output(mut self) -> Self {
        self.y.pop();
        self
    }

    /// Output of layer `layer`, counted from 0: a row per row of the forward pass.
    #[must_use]
    pub fn output(&self, layer: usize) -> &Matrix<B> {
        &self.y[layer]
    }

    /// The last layer's output, to write.
    pub(crate) fn output_mut(&mut self) -> &mut Matrix<B> {
        let last = self.y.len() - 1;
        &mut self.y[last]
    }

    /// Gradient of the last layer's pre-activation, which [`Mlp::backward`] starts from.
    pub fn gradient_mut(&mut self) -> &mut Matrix<B> {
        let last = self.dz.len() - 1;
        &mut self.dz[last]
    }

    /// The last layer's output, and the gradient of its pre-activation to be written.
    pub fn output_and_gradient_mut(&mut self) -> (&Matrix<B>, &mut Matrix<B>) {
        let last = self.dz.len() - 1;
        (&self.y[last], &mut self.dz[last])
    }

    /// The input of layer `layer`, where `x` is that of the first.
    fn input<'a>(&'a self, layer: usize, pass: &Pass<'_, B>, x: Rows<'a, B>) -> Rows<'a, B> {
        match layer {
            0 => x,
            _ => self.y[layer - 1].rows(pass.rows.start, pass.rows.len()),
        }
    }
}

/// A pass over some rows of a [`Tape`].
///
/// Gradients stand in the tape from its row 0 on, whichever rows they are of.
pub struct Pass<'a, B: Backend> {
    pub(crate) backend: &'a B,
    /// Seed, step and rates.
    state: &'a B::State,
    /// Index of the pass within the iteration, which addresses its dropout masks; `None` is without
    /// dropout.
    masks: Option<usize>,
    /// Rows of the tape.
    rows: Range<usize>,
    /// Row of the masks that belongs to the first row of the tape.
    first_mask: usize,
}

impl<'a, B: Backend> Pass<'a, B> {
    /// A training pass over `rows`, number `index` of its iteration.
    pub fn new(backend: &'a B, state: &'a B::State, index: usize, rows: Range<usize>) -> Self {
        Self {
            backend,
            state,
            masks: Some(index),
            rows,
            first_mask: 0,
        }
    }

    /// The same, where row `first` of the masks belongs to the first row of the tape.
    #[must_use]
    pub fn with_masks_from(self, first: usize) -> Self {
        Self {
            first_mask: first,
            ..self
        }
    }

    /// A pass without dropout over the first `rows` rows.
    pub fn without_dropout(backend: &'a B, state: &'a B::State, rows: usize) -> Self {
        Self {
            backend,
            state,
            masks: None,
            rows: 0..rows,
            first_mask: 0,
        }
    }
}

impl<B: Backend> Mlp<B> {
    /// Layers with their first parameters, drawn at the addresses of `layers`.
    ///
    /// # Panics
    /// If there is no layer.
    #[must_use]
    pub fn new(
        backend: &B,
        layers: impl IntoIterator<Item = LayerSpec>,
        optimizer: Optimizer,
    ) -> Self {
        let layers = layers.into_iter();
        let layers: Vec<_> = layers
            .map(|spec| Layer::new(backend, spec, optimizer))
            .collect();
        assert!(!layers.is_empty(), "mlp: no layer");
        Self {
            layers,
            optimizer,
            held_bias: None,
        }
    }

    /// Keeps the last bias as it is, in updates from up to `rows` rows.
    ///
    /// For a D whose objective sees differences of its output alone: that bias has a gradient of 0
    /// but for rounding, of which Adam, which divides by the gradient's own size, makes steps.
    pub(crate) fn hold_last_bias(&mut self, backend: &B, rows: usize) {
        self.held_bias = Some(backend.matrix(rows, 1));
    }

    /// Values of a row of the first layer's input.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.layers.first().map_or(0, |layer| layer.w.row_count())
    }

    /// Units of each layer; a maxout unit counts once.
    pub fn units(&self) -> impl DoubleEndedIterator<Item = usize> {
        self.layers.iter().map(Layer::units)
    }

    /// Number of parameters.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        let layers = self.layers.iter();
        layers
            .map(|layer| (layer.w.row_count() + 1) * layer.w.cols())
            .sum()
    }

    /// Runs `x` through all layers; their outputs stay in the tape.
    pub fn forward(&self, pass: &Pass<'_, B>, x: Rows<'_, B>, tape: &mut Tape<B>) {
        self.forward_layers(self.layers.len(), pass, x, tape);
    }

    /// Runs `x` through all layers but the last, which [`Mlp::loss_and_gradient`] runs.
    pub(crate) fn forward_hidden(&self, pass: &Pass<'_, B>, x: Rows<'_, B>, tape: &mut Tape<B>) {
        self.forward_layers(self.layers.len() - 1, pass, x, tape);
    }

    /// Runs `x` through all layers; the last one's output goes into `y`, under `dropout`.
    pub(crate) fn forward_into(
        &self,
        pass: &Pass<'_, B>,
        x: Rows<'_, B>,
        tape: &mut Tape<B>,
        y: RowsMut<'_, B>,
        dropout: Option<Dropout>,
    ) {
        self.forward_hidden(pass, x, tape);
        let last = self.layers.len() - 1;
        self.layers[last].forward(pass, tape.input(last, pass, x), y, None, dropout);
    }

    fn forward_layers(&self, count: usize, pass: &Pass<'_, B>, x: Rows<'_, B>, tape: &mut Tape<B>) {
        let (first, rows) = (pass.rows.start, pass.rows.len());
        for (index, layer) in self.layers[..count].iter().enumerate() {
            let (below, above) = tape.y.split_at_mut(index);
            let x = below.last().map_or(x, |y| y.rows(first, rows));
            let y = above[0].rows_mut(first, rows);
            let winners = tape.winners[index].as_mut();
            layer.forward(pass, x, y, winners, self.dropout(index + 1, pass));
        }
    }

    /// From the gradient of the last layer's pre-activation, which is in the tape, down to that of
    /// the first layer's.
    pub fn backward(&self, pass: &Pass<'_, B>, tape: &mut Tape<B>) {
        self.backward_from(self.layers.len() - 1, pass, tape);
    }

    /// From the gradient of layer `from`'s pre-activation down to that of the first layer's.
    fn backward_from(&self, from: usize, pass: &Pass<'_, B>, tape: &mut Tape<B>) {
        for index in (1..=from).rev() {
            let (below, above) = tape.dz.split_at_mut(index);
            let dz = above[0].rows(0, pass.rows.len());
            let dz_below = below[index - 1].rows_mut(0, pass.rows.len());
            let below = self.below(index, pass, &tape.y, &tape.winners);
            self.layers[index].backward(pass, dz, below, dz_below);
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
            y: y[below].rows(pass.rows.start, pass.rows.len()),
            act: self.layers[below].act,
            winners: winners.map(|winners| winners.from_row(pass.rows.start)),
            dropout: self.dropout(index, pass),
        }
    }

    /// Steps every layer along its gradient, which [`Mlp::backward`] left in the tape; adds the
    /// gradient's square to `monitor`.
    ///
    /// `slot` numbers the updates of an iteration and chooses their rates: 0 to k − 1 are D's, and k
    /// is G's.
    /// `x` is the first layer's input.
    pub fn update(
        &mut self,
        pass: &Pass<'_, B>,
        x: Rows<'_, B>,
        tape: &Tape<B>,
        slot: usize,
        monitor: Option<(&mut B::Monitors, Monitor)>,
    ) {
        let updates = self.updates(pass, x, tape, slot);
        pass.backend.linear_bwd_params_each(updates, monitor);
    }

    /// The operations of [`Mlp::update`], one for each layer.
    pub(crate) fn updates<'a>(
        &'a mut self,
        pass: &'a Pass<'a, B>,
        x: Rows<'a, B>,
        tape: &'a Tape<B>,
        slot: usize,
    ) -> impl Iterator<Item = LinearBwdParams<'a, B>> {
        let (optimizer, last) = (self.optimizer, self.layers.len() - 1);
        let rows = pass.rows.len();
        let held_bias = self.held_bias.as_ref();
        self.layers
            .iter_mut()
            .enumerate()
            .map(move |(index, layer)| {
                let x = tape.input(index, pass, x);
                let held = held_bias.filter(|_| index == last);
                let bias_weights = held.map(|zeros| zeros.rows(0, rows));
                let dz = tape.dz[index].rows(0, rows);
                layer.update(pass, x, dz, bias_weights, optimizer, slot)
            })
    }

    /// The dropout of the input of layer `layer` in `pass`.
    pub(crate) fn dropout(&self, layer: usize, pass: &Pass<'_, B>) -> Option<Dropout> {
        let InputDropout { keep, scale, layer } = self.layers.get(layer)?.dropout?;
        Some(Dropout {
            keep,
            scale,
            stream: Stream::new(Purpose::Dropout, pass.masks?, layer),
            first_row: pass.first_mask + pass.rows.start,
        })
    }
}

impl<B: Backend> Layer<B> {
    fn new(backend: &B, spec: LayerSpec, optimizer: Optimizer) -> Self {
        let size = [spec.inputs, spec.units * spec.act.pieces()];
        let mut layer = Self::zeros(backend, size, spec.act, spec.dropout, optimizer);
        let weights = spec.address.uniform(spec.init, size[0] * size[1]);
        backend.write(&mut layer.w, &weights);
        backend.write(&mut layer.b, &vec![B::Elem::from_f64(spec.bias); size[1]]);
        layer
    }

    fn zeros(
        backend: &B,
        [inputs, cols]: [usize; 2],
        act: Activation,
        dropout: Option<InputDropout>,
        optimizer: Optimizer,
    ) -> Self {
        let pair = || [backend.matrix(inputs, cols), backend.matrix(1, cols)];
        let [w, b] = pair();
        Self {
            w,
            b,
            moments: (0..optimizer.update.moments()).map(|_| pair()).collect(),
            act,
            dropout,
        }
    }

    fn units(&self) -> usize {
        self.b.cols() / self.act.pieces()
    }

    /// `y = dropout(φ(x·w + b))`, with the dropout of the layer above.
    fn forward(
        &self,
        pass: &Pass<'_, B>,
        x: Rows<'_, B>,
        y: RowsMut<'_, B>,
        winners: Option<&mut Winners<B>>,
        dropout: Option<Dropout>,
    ) {
        pass.backend.linear_fwd(LinearFwd {
            x,
            w: &self.w,
            b: &self.b,
            y,
            act: self.act,
            winners: winners.map(|winners| winners.from_row_mut(pass.rows.start)),
            dropout,
            state: pass.state,
        });
    }

    /// The gradient of the pre-activation of the layer below, from `dz`, that of this one's.
    pub(crate) fn backward(
        &self,
        pass: &Pass<'_, B>,
        dz: Rows<'_, B>,
        below: Below<'_, B>,
        dz_below: RowsMut<'_, B>,
    ) {
        pass.backend.linear_bwd_data(LinearBwdData {
            dz,
            w: &self.w,
            below,
            dz_below,
            state: pass.state,
        });
    }

    /// The operation that steps w and b along their gradient, to be run; `bias_weights` are the
    /// factors of the rows in the gradient of b.
    fn update<'a>(
        &'a mut self,
        pass: &Pass<'a, B>,
        x: Rows<'a, B>,
        dz: Rows<'a, B>,
        bias_weights: Option<Rows<'a, B>>,
        optimizer: Optimizer,
        slot: usize,
    ) -> LinearBwdParams<'a, B> {
        LinearBwdParams {
            x,
            dz,
            bias_weights,
            w: &mut self.w,
            b: &mut self.b,
            moments: &mut self.moments,
            update: optimizer.update,
            slot,
            max_column_norm: optimizer.max_column_norm,
            state: pass.state,
            monitor: None,
        }
    }
}
