//! The CPU's [`LinearBwdParams`]: one product whose epilogue is the update.

use std::ops::Range;

use super::{Adam, LinearBwdParams, Update};
use crate::native::{Cut, Epilogue, Native, Operand, Product, SharedRows, TaskInfo, Touched};
use crate::{Matrix, Rates, Real, Rows, StepState};

#[track_caller]
pub(crate) fn run<T: Real>(native: &Native<T>, mut op: LinearBwdParams<'_, Native<T>>) {
    let (k, n, m) = op.check();
    let [weights, bias] = rules(op.update, op.moments, op.state, op.slot);
    let mut epilogue = Params {
        dz: op.dz.operand(),
        bias_weights: op.bias_weights,
        depth: m,
        w: SharedRows::new(&mut op.w.storage, op.w.stride),
        b: SharedRows::new(&mut op.b.storage, op.b.stride),
        weights,
        bias,
        max_column_norm: op.max_column_norm.map(T::from_f64),
        norms: None,
        rows: k,
    };
    let product = Product {
        a: op.x.operand().transposed(),
        b: op.dz.operand(),
        m: k,
        n,
        k: m,
    };
    let cut = Cut::new(native, &product, &epilogue);
    let Some((monitors, monitor)) = op.monitor.take() else {
        return cut.run(native, &product, &epilogue);
    };
    // One partial sum per task, added in the order of tasks: the sum does not depend on threads.
    let mut norms = native.norms();
    norms.clear();
    norms.resize(cut.tasks(), 0.0);
    epilogue.norms = Some(SharedRows::new(&mut norms, 1));
    cut.run(native, &product, &epilogue);
    monitors[monitor] += norms.iter().sum::<f64>();
}

/// The rule by which a parameter follows its gradient, with its moments and rates.
enum Rule<'a, T> {
    Store,
    Momentum {
        velocity: SharedRows<'a, T>,
        learning_rate: T,
        momentum: T,
    },
    Adam {
        first: SharedRows<'a, T>,
        second: SharedRows<'a, T>,
        numbers: AdamNumbers<T>,
    },
}

#[derive(Clone, Copy)]
struct AdamNumbers<T> {
    beta1: T,
    beta2: T,
    /// 1 − β, taken in f64: in f32 the difference would lose β's last five digits.
    others1: T,
    others2: T,
    epsilon: T,
    /// η / (1 − β₁ᵗ).
    step: T,
    second_correction: T,
}

impl<T: Real> AdamNumbers<T> {
    fn new(adam: Adam, rates: Rates) -> Self {
        Self {
            beta1: T::from_f64(adam.beta1),
            beta2: T::from_f64(adam.beta2),
            others1: T::from_f64(1.0 - adam.beta1),
            others2: T::from_f64(1.0 - adam.beta2),
            epsilon: T::from_f64(adam.epsilon),
            step: T::from_f64(rates.learning_rate * rates.first_correction),
            second_correction: T::from_f64(rates.second_correction),
        }
    }
}

/// The rules of the weights and of the bias.
fn rules<'a, T: Real>(
    update: Update,
    moments: &'a mut [[Matrix<Native<T>>; 2]],
    state: &StepState,
    slot: usize,
) -> [Rule<'a, T>; 2] {
    let rates = || {
        let rates = state.rates.get(slot).copied();
        rates.unwrap_or_else(|| {
            let slots = state.rates.len();
            panic!("linear_bwd_params: slot {slot} of a state with {slots}")
        })
    };
    let shared =
        |matrix: &'a mut Matrix<Native<T>>| SharedRows::new(&mut matrix.storage, matrix.stride);
    match (update, moments) {
        (Update::Momentum, [velocity]) => {
            let rates = rates();
            velocity.each_mut().map(|velocity| Rule::Momentum {
                velocity: shared(velocity),
                learning_rate: T::from_f64(rates.learning_rate),
                momentum: T::from_f64(rates.momentum),
            })
        }
        (Update::Adam(adam), [[w1, b1], [w2, b2]]) => {
            let numbers = AdamNumbers::new(adam, rates());
            [(w1, w2), (b1, b2)].map(|(first, second)| Rule::Adam {
                first: shared(first),
                second: shared(second),
                numbers,
            })
        }
        _ => [Rule::Store, Rule::Store],
    }
}

impl<T: Real> Rule<'_, T> {
    /// Updates `theta`, which is row `row` from column `col` on, by its gradient.
    ///
    /// # Safety
    /// No other thread uses these elements of the moments.
    #[inline(always)]
    unsafe fn update(&self, row: usize, col: usize, theta: &mut [T], gradient: &[T]) {
        let len = theta.len();
        match self {
            Rule::Store => theta.copy_from_slice(gradient),
            Rule::Momentum {
                velocity,
                learning_rate,
                momentum,
            } => {
                // SAFETY: the caller's promise.
                let velocity = unsafe { velocity.part(row, col, len) };
                // Copies, since the compiler must assume that a store to `theta` changes `self`.
                let (mu, eta) = (*momentum, *learning_rate);
                for ((theta, v), &g) in theta.iter_mut().zip(velocity).zip(gradient) {
                    *v = mu * *v - eta * g;
                    *theta += *v;
                }
            }
            Rule::Adam {
                first,
                second,
                numbers: a,
            } => {
                // SAFETY: the caller's promise.
                let (first, second) =
                    unsafe { (first.part(row, col, len), second.part(row, col, len)) };
                for (((theta, m), v), &g) in theta.iter_mut().zip(first).zip(second).zip(gradient) {
                    *m = a.beta1 * *m + a.others1 * g;
                    *v = a.beta2 * *v + a.others2 * g * g;
                    let scale = (*v * a.second_correction).sqrt() + a.epsilon;
                    *theta += -(a.step * *m / scale);
                }
            }
        }
    }

    /// The moments.
    fn touched(&self) -> [Touched; 2] {
        match self {
            Rule::Store => [Touched::NOTHING; 2],
            Rule::Momentum { velocity, .. } => [velocity.touched(), Touched::NOTHING],
            Rule::Adam { first, second, .. } => [first.touched(), second.touched()],
        }
    }
}

struct Params<'a, T: Real> {
    dz: Operand<'a, T>,
    bias_weights: Option<Rows<'a, Native<T>>>,
    /// Rows of dZ.
    depth: usize,
    w: SharedRows<'a, T>,
    b: SharedRows<'a, T>,
    weights: Rule<'a, T>,
    bias: Rule<'a, T>,
    max_column_norm: Option<T>,
    /// Each task's sum of squared gradients.
    norms: Option<SharedRows<'a, f64>>,
    rows: usize,
}

impl<T: Real> Params<'_, T> {
    /// Adds to the task's partial sum; a tile's own sum is taken in the element type.
    #[inline(always)]
    fn count_norm(&self, state: &mut [T], gradient: &[T]) {
        if self.norms.is_some() {
            state
                .iter_mut()
                .zip(gradient)
                .for_each(|(sum, &g)| *sum += g * g);
        }
    }
}

impl<T: Real> Epilogue<T> for Params<'_, T> {
    fn rows_together(&self) -> bool {
        self.max_column_norm.is_some()
    }

    fn rows_alone(&self) -> bool {
        false
    }

    fn either_way(&self) -> bool {
        !self.rows_together()
    }

    /// Sum of squares of the gradient, and the gradient of the bias.
    fn state_per_column(&self) -> usize {
        2
    }

    #[inline(always)]
    fn begin(&self, task: &TaskInfo, state: &mut [T]) {
        state.fill(T::ZERO);
        if !task.first_rows {
            return;
        }
        let (squares, gradient) = state.split_at_mut(state.len() / 2);
        let gradient = &mut gradient[..task.cols.len()];
        for row in 0..self.depth {
            let dz = &self.dz.data[row * self.dz.row_stride..][task.cols.clone()];
            let terms = gradient.iter_mut().zip(dz);
            match &self.bias_weights {
                None => terms.for_each(|(sum, &dz)| *sum += dz),
                Some(weights) => {
                    let weight = weights.row(row)[0];
                    terms.for_each(|(sum, &dz)| *sum += weight * dz);
                }
            }
        }
        self.count_norm(squares, gradient);
        // SAFETY: one task per column has its first rows.
        unsafe {
            let theta = self.b.part(0, task.cols.start, task.cols.len());
            self.bias.update(0, task.cols.start, theta, gradient);
        }
    }

    fn touched(&self) -> [Touched; 3] {
        let [first, second] = self.weights.touched();
        [self.w.touched(), first, second]
    }

    #[inline(always)]
    fn apply(
        &self,
        rows: Range<usize>,
        cols: Range<usize>,
        tile: &mut [T],
        stride: usize,
        state: &mut [T],
    ) {
        let half = state.len() / 2;
        for (row, gradient) in rows.zip(tile.chunks_exact(stride)) {
            let gradient = &gradient[..cols.len()];
            self.count_norm(&mut state[..half], gradient);
            // SAFETY: each task owns its tiles of W and of the moments.
            unsafe {
                let theta = self.w.part(row, cols.start, cols.len());
                self.weights.update(row, cols.start, theta, gradient);
            }
        }
    }

    #[inline(always)]
    fn finish(&self, task: &TaskInfo, state: &mut [T]) {
        let (squares, sums) = state.split_at_mut(state.len() / 2);
        if let Some(norms) = &self.norms {
            // SAFETY: each task has its own element.
            unsafe { norms.row(task.task)[0] = squares.iter().map(|s| s.to_f64()).sum() };
        }
        if let Some(limit) = self.max_column_norm {
            self.limit_columns(task.cols.clone(), limit, sums);
        }
    }
}

impl<T: Real> Params<'_, T> {
    /// Scales each column of W that is longer than `limit` back to it.
    #[inline(always)]
    fn limit_columns(&self, cols: Range<usize>, limit: T, sums: &mut [T]) {
        let sums = &mut sums[..cols.len()];
        sums.fill(T::ZERO);
        for row in 0..self.rows {
            // SAFETY: a task with a limit owns whole columns.
            let w = unsafe { self.w.part(row, cols.start, cols.len()) };
            sums.iter_mut()
                .zip(w)
                .for_each(|(sum, &mut w)| *sum += w * w);
        }
        if !sums.iter().any(|&sum| sum.sqrt() > limit) {
            return;
        }
        // Where the column is short enough its factor is exactly one.
        for sum in &mut *sums {
            *sum = if sum.sqrt() > limit {
                limit / sum.sqrt()
            } else {
                T::ONE
            };
        }
        for row in 0..self.rows {
            // SAFETY: as above.
            let w = unsafe { self.w.part(row, cols.start, cols.len()) };
            w.iter_mut()
                .zip(&*sums)
                .for_each(|(w, &factor)| *w *= factor);
        }
    }
}
