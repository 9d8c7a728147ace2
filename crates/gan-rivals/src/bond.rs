//! Weights between two layers of units that are used both ways, and the biases of both layers.
//!
//! Every rival is made of these: an RBM is one, the others are stacks.
//! The products run on the engine; what happens to single units is in `units.rs`.

use gan_kernels::{
    Activation, Backend, BackendError, Below, LinearBwdData, LinearBwdParams, LinearFwd, Matrix,
    Rates, Real, StepState, Update,
};

use crate::units::{Draws, each, sum};

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

/// A part of a gradient: the product `factor · belowᵀ·above` for W, and the sums of rows for biases.
pub(crate) struct Term<'a, T> {
    below: &'a [T],
    above: &'a [T],
    factor: f64,
    biases: Biases,
}

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

impl<'a, T> Term<'a, T> {
    /// `below` and `above` are as many rows of the two layers.
    pub(crate) const fn new(below: &'a [T], above: &'a [T], factor: f64, biases: Biases) -> Self {
        Self {
            below,
            above,
            factor,
            biases,
        }
    }
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

    /// Units below and above.
    pub(crate) fn sizes(&self) -> [usize; 2] {
        [self.w.row_count(), self.w.cols()]
    }

    pub(crate) fn backend(&self) -> &B {
        &self.backend
    }

    /// `φ(x·W + b)`: what the layer above makes of rows of the layer below.
    pub(crate) fn up(&self, x: &[B::Elem], act: Activation) -> Result<Vec<B::Elem>, BackendError> {
        self.forward(x, &self.above, act)
    }

    /// `x·W`.
    pub(crate) fn times(&self, x: &[B::Elem]) -> Result<Vec<B::Elem>, BackendError> {
        self.forward(x, &self.no_bias, Activation::Identity)
    }

    fn forward(
        &self,
        x: &[B::Elem],
        b: &Matrix<B>,
        act: Activation,
    ) -> Result<Vec<B::Elem>, BackendError> {
        let [below, above] = self.sizes();
        let x = self.matrix(x, below);
        let mut y = self.backend.matrix(x.row_count(), above);
        self.backend.linear_fwd(LinearFwd {
            act,
            ..LinearFwd::affine(x.all(), &self.w, b, y.all_mut(), &self.state)
        });
        self.backend.read(y.all())
    }

    /// `h·Wᵀ + c`: the input of the layer below from rows of the layer above.
    pub(crate) fn down(&self, h: &[B::Elem]) -> Result<Vec<B::Elem>, BackendError> {
        let mut z = self.times_transposed(h)?;
        for row in z.chunks_exact_mut(self.below.len()) {
            row.iter_mut().zip(&self.below).for_each(|(z, &b)| *z += b);
        }
        Ok(z)
    }

    /// `h·Wᵀ`.
    pub(crate) fn times_transposed(&self, h: &[B::Elem]) -> Result<Vec<B::Elem>, BackendError> {
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
            Term::new(data[0], data[1], -share(data[0]), biases),
            Term::new(model[0], model[1], share(model[0]), biases),
        ]
    }

    /// Steps W and the biases against the sum of `terms`, with momentum.
    pub(crate) fn descend(&mut self, terms: &[Term<'_, B::Elem>], rates: Rates) {
        let state = StepState {
            rates: vec![rates],
            ..StepState::without_rates(0, 0)
        };
        let state = self.backend.state(state);
        let stacked = Stacked::of(terms, self);
        let [x, dz, bias] = stacked.rows.each_ref().map(Matrix::all);
        self.backend.linear_bwd_params(LinearBwdParams {
            bias_weights: Some(bias),
            moments: &mut self.moments,
            update: Update::Momentum,
            ..LinearBwdParams::gradient(x, dz, &mut self.w, &mut self.above, &state)
        });
        let velocity = &mut self.below_velocity;
        move_along(&mut self.below, velocity, &stacked.below, rates);
    }

    /// The sum of `terms`.
    pub(crate) fn gradient(
        &self,
        terms: &[Term<'_, B::Elem>],
    ) -> Result<Parameters<B::Elem>, BackendError> {
        let [below, above] = self.sizes();
        let backend = &self.backend;
        let stacked = Stacked::of(terms, self);
        let [x, dz, bias] = stacked.rows.each_ref().map(Matrix::all);
        let [mut w, mut b] = [backend.matrix(below, above), backend.matrix(1, above)];
        backend.linear_bwd_params(LinearBwdParams {
            bias_weights: Some(bias),
            ..LinearBwdParams::gradient(x, dz, &mut w, &mut b, &self.state)
        });
        Ok(Parameters {
            w: backend.read(w.all())?,
            above: backend.read(b.all())?,
            below: stacked.below,
        })
    }

    /// Steps W and the biases against a gradient that terms are not all of, with momentum.
    pub(crate) fn follow(
        &mut self,
        gradient: &Parameters<B::Elem>,
        rates: Rates,
    ) -> Result<(), BackendError> {
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
        move_along(
            &mut self.below,
            &mut self.below_velocity,
            &gradient.below,
            rates,
        );
        Ok(())
    }

    /// All parameters.
    pub(crate) fn parameters(&self) -> Result<Parameters<B::Elem>, BackendError> {
        Ok(Parameters {
            w: self.backend.read(self.w.all())?,
            above: self.backend.read(self.above.all())?,
            below: self.below.clone(),
        })
    }

    pub(crate) fn set_weights(&mut self, values: &[B::Elem]) {
        self.backend.write(&mut self.w, values);
    }

    pub(crate) fn set_above(&mut self, values: &[B::Elem]) {
        self.backend.write(&mut self.above, values);
    }

    pub(crate) fn set_below(&mut self, values: &[B::Elem]) {
        self.below.copy_from_slice(values);
    }

    /// Rows of `cols` values on the engine.
    fn matrix(&self, values: &[B::Elem], cols: usize) -> Matrix<B> {
        let mut matrix = self.backend.matrix(values.len() / cols, cols);
        self.backend.write(&mut matrix, values);
        matrix
    }
}

/// v ← μ·v − η·g, θ ← θ + v, as the engine's own update has it.
fn move_along<T: Real>(values: &mut Vec<T>, velocity: &mut Vec<T>, gradient: &[T], rates: Rates) {
    let [eta, mu] = [rates.learning_rate, rates.momentum].map(T::from_f64);
    *velocity = each(velocity, gradient, |v, g| mu * v - eta * g);
    *values = sum(std::mem::take(values), velocity);
}

/// The terms of a gradient below each other, so that one product is their sum.
struct Stacked<B: Backend> {
    /// Rows of the layer below, rows of the layer above times their factors, and 1 for each row that
    /// counts in the gradient of the bias above, else 0.
    rows: [Matrix<B>; 3],
    /// The gradient of the bias below.
    below: Vec<B::Elem>,
}

impl<B: Backend> Stacked<B> {
    fn of(terms: &[Term<'_, B::Elem>], bond: &Bond<B>) -> Self {
        let [below_cols, above_cols] = bond.sizes();
        let (mut below, mut above, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        let mut bias = vec![B::Elem::ZERO; below_cols];
        for term in terms {
            let factor = B::Elem::from_f64(term.factor);
            let rows = term.below.len() / below_cols;
            assert_eq!(rows * above_cols, term.above.len(), "bond: rows of a term");
            below.extend_from_slice(term.below);
            above.extend(term.above.iter().map(|&value| factor * value));
            let weight = match term.biases {
                Biases::Both | Biases::Above => B::Elem::ONE,
                Biases::Below | Biases::Neither => B::Elem::ZERO,
            };
            weights.extend(std::iter::repeat_n(weight, rows));
            if matches!(term.biases, Biases::Both | Biases::Below) {
                for row in term.below.chunks_exact(below_cols) {
                    bias.iter_mut()
                        .zip(row)
                        .for_each(|(sum, &x)| *sum += factor * x);
                }
            }
        }
        Self {
            rows: [
                bond.matrix(&below, below_cols),
                bond.matrix(&above, above_cols),
                bond.matrix(&weights, 1),
            ],
            below: bias,
        }
    }
}
