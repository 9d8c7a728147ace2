//! The CPU's [`LinearBwdParams`]: one product whose epilogue is the update.

use std::ops::Range;

use super::rule::{Rule, limit_columns};
use super::{LinearBwdParams, Update};
use crate::native::{Cut, Epilogue, Native, Operand, Product, SharedRows, TaskInfo, Touched};
use crate::{Matrix, Real, Rows, StepState};

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

/// A rule with the moments of what it steps.
struct Stepped<'a, T> {
    rule: Rule<T>,
    moments: [Option<SharedRows<'a, T>>; 2],
}

/// The rules of the weights and of the bias.
fn rules<'a, T: Real>(
    update: Update,
    moments: &'a mut [[Matrix<Native<T>>; 2]],
    state: &StepState,
    slot: usize,
) -> [Stepped<'a, T>; 2] {
    let rule = Rule::new("linear_bwd_params", update, state, slot);
    let mut stepped = [(); 2].map(|()| Stepped {
        rule,
        moments: [None, None],
    });
    for (index, pair) in moments.iter_mut().enumerate() {
        for (stepped, moment) in stepped.iter_mut().zip(pair) {
            stepped.moments[index] = Some(SharedRows::new(&mut moment.storage, moment.stride));
        }
    }
    stepped
}

impl<T: Real> Stepped<'_, T> {
    /// Updates `theta`, which is row `row` from column `col` on, by its gradient.
    ///
    /// # Safety
    /// No other thread uses these elements of the moments.
    #[inline(always)]
    unsafe fn update(&self, row: usize, col: usize, theta: &mut [T], gradient: &[T]) {
        let len = theta.len();
        let moments = self.moments.each_ref().map(|moment| match moment {
            // SAFETY: the caller's promise.
            Some(moment) => unsafe { moment.part(row, col, len) },
            None => &mut [],
        });
        // A copy, since the compiler must assume that a store to `theta` changes `self`.
        let rule = self.rule;
        rule.step(theta, moments, gradient);
    }

    /// The moments.
    fn touched(&self) -> [Touched; 2] {
        self.moments.each_ref().map(|moment| match moment {
            Some(moment) => moment.touched(),
            None => Touched::NOTHING,
        })
    }
}

struct Params<'a, T: Real> {
    dz: Operand<'a, T>,
    bias_weights: Option<Rows<'a, Native<T>>>,
    /// Rows of dZ.
    depth: usize,
    w: SharedRows<'a, T>,
    b: SharedRows<'a, T>,
    weights: Stepped<'a, T>,
    bias: Stepped<'a, T>,
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
            // SAFETY: a task with a limit owns whole columns.
            unsafe { limit_columns(&self.w, self.rows, task.cols.clone(), limit, sums) };
        }
    }
}
