//! Weights between two layers of units that are used both ways, and the biases of both layers.
//!
//! Every rival is made of these: an RBM is one, the others are stacks.
//! The products run on the engine; what happens to single units is in `units.rs`.

use gan_kernels::{
    Activation, Backend, Below, LinearBwdData, LinearBwdParams, LinearFwd, Matrix, Rates, Real,
    StepState, Update,
};

use crate::Result;
use crate::units::{Draws, each, logits, sigmoid, sum};

/// W between a layer below and a layer above, the bias of each, and their momentum.
///
/// Layers go in and out as rows of values on the host, one row for each member of a minibatch.
pub(crate) struct Bond<B: Backend> {
    backend: B,
    /// W, below × above.
    w: Matrix<B>,
    /// Bias of the layer above, 1 × above.
    above: Matrix<B>,
    /// Bias of the layer below, which is added on the host.
    below: Vec<B::Elem>,
    /// Velocities of W and of the bias above.
    moments: [[Matrix<B>; 2]; 1],
    /// Velocity of the bias below.
    below_velocity: Vec<B::Elem>,
    no_bias: Matrix<B>,
    state: B::State,
}

/// A part of a gradient: rows of the layer below, as many of the layer above, and their factor, for the
/// product `factor · belowᵀ·above` of W; and what of the biases they are summed for.
pub(crate) struct Term<'a, T>(
    pub(crate) &'a [T],
    pub(crate) &'a [T],
    pub(crate) f64,
    pub(crate) Biases,
);

/// The biases whose gradient is a sum of the rows of a [`Term`].
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Biases {
    /// Of both layers: rows are states of units.
    Both,
    /// Of the layer above.
    Above,
    /// Of the layer below.
    Below,
    /// Of none.
    Neither,
}

/// W, the bias above and the bias below, or the gradient of these.
#[derive(Clone, Debug)]
pub(crate) struct Parameters<T> {
    pub(crate) w: Vec<T>,
    pub(crate) above: Vec<T>,
    pub(crate) below: Vec<T>,
}

impl<B: Backend> Bond<B> {
    /// Weights uniform on ±`bound`, numbered `layer` among those of a model of `seed`; biases of 0.
    pub(crate) fn new(
        backend: &B,
        [below, above]: [usize; 2],
        bound: f64,
        (seed, layer): (u64, usize),
    ) -> Self {
        let matrix = |rows, cols| backend.matrix(rows, cols);
        let mut w = matrix(below, above);
        let weights = Draws::weights(seed, layer).uniform(bound, below * above);
        backend.write(&mut w, &weights);
        Self {
            w,
            above: matrix(1, above),
            below: vec![B::Elem::ZERO; below],
            moments: [[matrix(below, above), matrix(1, above)]],
            below_velocity: vec![B::Elem::ZERO; below],
            no_bias: matrix(1, above),
            state: backend.state(StepState::without_rates(seed, 0)),
            backend: backend.clone(),
        }
    }

    /// Begins with units below that are on with the shares of the data, whatever is above.
    pub(crate) fn begin_at(mut self, shares: &[f32]) -> Self {
        self.below = logits(shares);
        self
    }

    /// Units below and above.
    pub(crate) fn sizes(&self) -> [usize; 2] {
        [self.w.row_count(), self.w.cols()]
    }

    pub(crate) fn backend(&self) -> &B {
        &self.backend
    }

    /// `σ(x·W + b)`: the probabilities of the layer above, given rows of the layer below.
    pub(crate) fn hidden(&self, x: &[B::Elem]) -> Result<Vec<B::Elem>> {
        self.forward(x, &self.above, Activation::Sigmoid)
    }

    /// `σ(h·Wᵀ + c)`: the probabilities of the layer below, given rows of the layer above.
    pub(crate) fn visible(&self, h: &[B::Elem]) -> Result<Vec<B::Elem>> {
        let mut z = self.times_transposed(h)?;
        for row in z.chunks_exact_mut(self.below.len()) {
            row.iter_mut().zip(&self.below).for_each(|(z, &b)| *z += b);
        }
        Ok(sigmoid(z))
    }

    /// `x·W + b`.
    pub(crate) fn affine(&self, x: &[B::Elem]) -> Result<Vec<B::Elem>> {
        self.forward(x, &self.above, Activation::Identity)
    }

    /// `x·W`.
    pub(crate) fn times(&self, x: &[B::Elem]) -> Result<Vec<B::Elem>> {
        self.forward(x, &self.no_bias, Activation::Identity)
    }

    fn forward(&self, x: &[B::Elem], b: &Matrix<B>, act: Activation) -> Result<Vec<B::Elem>> {
        let [below, above] = self.sizes();
        let x = self.matrix(x, below);
        let mut y = self.backend.matrix(x.row_count(), above);
        self.backend.linear_fwd(LinearFwd {
            act,
            ..LinearFwd::affine(x.all(), &self.w, b, y.all_mut(), &self.state)
        });
        self.backend.read(y.all())
    }

    /// `h·Wᵀ`.
    pub(crate) fn times_transposed(&self, h: &[B::Elem]) -> Result<Vec<B::Elem>> {
        let [below, above] = self.sizes();
        let dz = self.matrix(h, above);
        // A layer without φ, whose output is not looked at.
        let y = self.backend.matrix(dz.row_count(), below);
        let mut z = self.backend.matrix(dz.row_count(), below);
        self.backend.linear_bwd_data(LinearBwdData {
            dz: dz.all(),
            w: &self.w,
            below: Below::linear(y.all()),
            dz_below: z.all_mut(),
            state: &self.state,
        });
        self.backend.read(z.all())
    }

    /// The gradient of −log p as a mean under the data less one under the model: rows of the layer below
    /// and of the one above, of either.
    pub(crate) fn contrast<'a>(
        &self,
        biases: Biases,
        data: [&'a [B::Elem]; 2],
        model: [&'a [B::Elem]; 2],
    ) -> [Term<'a, B::Elem>; 2] {
        let share = |below: &[B::Elem]| self.below.len() as f64 / below.len() as f64;
        [
            Term(data[0], data[1], -share(data[0]), biases),
            Term(model[0], model[1], share(model[0]), biases),
        ]
    }

    /// Steps W and the biases against the sum of `terms`, with momentum.
    pub(crate) fn descend(&mut self, terms: &[Term<'_, B::Elem>], rates: Rates) {
        let state = StepState {
            rates: vec![rates],
            ..StepState::without_rates(0, 0)
        };
        let state = self.backend.state(state);
        let (rows, below_gradient) = self.stack(terms);
        let [x, dz, bias] = rows.each_ref().map(Matrix::all);
        self.backend.linear_bwd_params(LinearBwdParams {
            bias_weights: Some(bias),
            moments: &mut self.moments,
            update: Update::Momentum,
            ..LinearBwdParams::gradient(x, dz, &mut self.w, &mut self.above, &state)
        });
        let velocity = &mut self.below_velocity;
        move_along(&mut self.below, velocity, &below_gradient, rates);
    }

    /// The sum of `terms`.
    pub(crate) fn gradient(&self, terms: &[Term<'_, B::Elem>]) -> Result<Parameters<B::Elem>> {
        let [below, above] = self.sizes();
        let backend = &self.backend;
        let (rows, below_gradient) = self.stack(terms);
        let [x, dz, bias] = rows.each_ref().map(Matrix::all);
        let [mut w, mut b] = [backend.matrix(below, above), backend.matrix(1, above)];
        backend.linear_bwd_params(LinearBwdParams {
            bias_weights: Some(bias),
            ..LinearBwdParams::gradient(x, dz, &mut w, &mut b, &self.state)
        });
        Ok(Parameters {
            w: backend.read(w.all())?,
            above: backend.read(b.all())?,
            below: below_gradient,
        })
    }

    /// The terms of a gradient below each other, so that one product is their sum: rows of the layer
    /// below, rows of the layer above times their factors, and 1 for each row that counts in the gradient
    /// of the bias above, else 0; and the gradient of the bias below.
    fn stack(&self, terms: &[Term<'_, B::Elem>]) -> ([Matrix<B>; 3], Vec<B::Elem>) {
        let [below_cols, above_cols] = self.sizes();
        let (mut below, mut above, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        let mut bias = vec![B::Elem::ZERO; below_cols];
        for &Term(x, y, factor, biases) in terms {
            let factor = B::Elem::from_f64(factor);
            let rows = x.len() / below_cols;
            assert_eq!(rows * above_cols, y.len(), "bond: rows of a term");
            below.extend_from_slice(x);
            above.extend(y.iter().map(|&value| factor * value));
            let weight = match biases {
                Biases::Both | Biases::Above => B::Elem::ONE,
                Biases::Below | Biases::Neither => B::Elem::ZERO,
            };
            weights.extend(std::iter::repeat_n(weight, rows));
            if matches!(biases, Biases::Both | Biases::Below) {
                for row in x.chunks_exact(below_cols) {
                    let sums = bias.iter_mut().zip(row);
                    sums.for_each(|(sum, &x)| *sum += factor * x);
                }
            }
        }
        let rows = [
            self.matrix(&below, below_cols),
            self.matrix(&above, above_cols),
            self.matrix(&weights, 1),
        ];
        (rows, bias)
    }

    /// Steps W and the biases against a gradient that terms are not all of, with momentum.
    pub(crate) fn follow(&mut self, gradient: &Parameters<B::Elem>, rates: Rates) -> Result<()> {
        let backend = &self.backend;
        let [[w_velocity, above_velocity]] = &mut self.moments;
        for (matrix, velocity, gradient) in [
            (&mut self.w, w_velocity, &gradient.w),
            (&mut self.above, above_velocity, &gradient.above),
        ] {
            let mut values = backend.read(matrix.all())?;
            let mut velocities = backend.read(velocity.all())?;
            move_along(&mut values, &mut velocities, gradient, rates);
            backend.write(matrix, &values);
            backend.write(velocity, &velocities);
        }
        let velocity = &mut self.below_velocity;
        move_along(&mut self.below, velocity, &gradient.below, rates);
        Ok(())
    }

    /// All parameters.
    pub(crate) fn parameters(&self) -> Result<Parameters<B::Elem>> {
        Ok(Parameters {
            w: self.backend.read(self.w.all())?,
            above: self.backend.read(self.above.all())?,
            below: self.below.clone(),
        })
    }

    /// Goes on from `values`, with velocities of 0.
    pub(crate) fn set(&mut self, values: &Parameters<B::Elem>) {
        let [below, above] = self.sizes();
        let matrix = |rows, cols| self.backend.matrix(rows, cols);
        self.moments = [[matrix(below, above), matrix(1, above)]];
        self.backend.write(&mut self.w, &values.w);
        self.backend.write(&mut self.above, &values.above);
        self.below.copy_from_slice(&values.below);
        self.below_velocity.fill(B::Elem::ZERO);
    }

    /// Rows of `cols` values on the engine.
    fn matrix(&self, values: &[B::Elem], cols: usize) -> Matrix<B> {
        let mut matrix = self.backend.matrix(values.len() / cols, cols);
        self.backend.write(&mut matrix, values);
        matrix
    }
}

/// Rows of the uppermost layer of `bonds`, given rows of the lowest, by means.
pub(crate) fn encode<'a, B: Backend>(
    mut bonds: impl Iterator<Item = &'a Bond<B>>,
    x: &[B::Elem],
) -> Result<Vec<B::Elem>> {
    bonds.try_fold(x.to_vec(), |x, bond| bond.hidden(&x))
}

/// Rows of the lowest layer of `bonds`, given rows of the uppermost, by means.
pub(crate) fn decode<'a, B: Backend>(
    bonds: impl DoubleEndedIterator<Item = &'a Bond<B>>,
    h: &[B::Elem],
) -> Result<Vec<B::Elem>> {
    bonds.rev().try_fold(h.to_vec(), |h, bond| bond.visible(&h))
}

/// v ← μ·v − η·g, θ ← θ + v, as the engine's own update has it.
fn move_along<T: Real>(values: &mut Vec<T>, velocity: &mut Vec<T>, gradient: &[T], rates: Rates) {
    let [eta, mu] = [rates.learning_rate, rates.momentum].map(T::from_f64);
    *velocity = each(velocity, gradient, |v, g| mu * v - eta * g);
    *values = sum(std::mem::take(values), velocity);
}
