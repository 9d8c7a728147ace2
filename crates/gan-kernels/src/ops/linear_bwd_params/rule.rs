//! The arithmetic of an update on a processor: in the epilogue of a product, or of columns whose
//! gradient was summed elsewhere.

use std::ops::Range;

use super::{Adam, Update};
use crate::native::SharedRows;
use crate::{Rates, Real};

/// An [`Update`] with the rates of one step, in the element type.
#[derive(Clone, Copy)]
pub(crate) enum Rule<T> {
    Store,
    Momentum { learning_rate: T, momentum: T },
    Adam(AdamNumbers<T>),
}

#[derive(Clone, Copy)]
pub(crate) struct AdamNumbers<T> {
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

impl<T: Real> Rule<T> {
    /// The rule with `rates`, which are asked for only where it has some.
    pub(crate) fn new(update: Update, rates: impl FnOnce() -> Rates) -> Self {
        match update {
            Update::Store => Self::Store,
            Update::Momentum => {
                let rates = rates();
                Self::Momentum {
                    learning_rate: T::from_f64(rates.learning_rate),
                    momentum: T::from_f64(rates.momentum),
                }
            }
            Update::Adam(adam) => Self::Adam(AdamNumbers::new(adam, rates())),
        }
    }

    /// Steps `theta` along its gradient; moments that the rule lacks are empty.
    #[inline(always)]
    pub(crate) fn step(self, theta: &mut [T], moments: [&mut [T]; 2], gradient: &[T]) {
        let [first, second] = moments;
        match self {
            Rule::Store => theta.copy_from_slice(gradient),
            Rule::Momentum {
                learning_rate,
                momentum,
            } => {
                for ((theta, v), &g) in theta.iter_mut().zip(first).zip(gradient) {
                    *v = momentum * *v - learning_rate * g;
                    *theta += *v;
                }
            }
            Rule::Adam(a) => {
                for (((theta, m), v), &g) in theta.iter_mut().zip(first).zip(second).zip(gradient) {
                    *m = a.beta1 * *m + a.others1 * g;
                    *v = a.beta2 * *v + a.others2 * g * g;
                    let scale = (*v * a.second_correction).sqrt() + a.epsilon;
                    *theta += -(a.step * *m / scale);
                }
            }
        }
    }
}

/// Scales each column of the first `rows` rows of `w` that is longer than `limit` back to it; `sums`
/// is scratch.
///
/// # Safety
/// No other thread uses these elements.
#[inline(always)]
pub(crate) unsafe fn limit_columns<T: Real>(
    w: &SharedRows<'_, T>,
    rows: usize,
    cols: Range<usize>,
    limit: T,
    sums: &mut [T],
) {
    let sums = &mut sums[..cols.len()];
    sums.fill(T::ZERO);
    for row in 0..rows {
        // SAFETY: the caller's promise.
        let w = unsafe { w.part(row, cols.start, cols.len()) };
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
    for row in 0..rows {
        // SAFETY: as above.
        let w = unsafe { w.part(row, cols.start, cols.len()) };
        w.iter_mut()
            .zip(&*sums)
            .for_each(|(w, &factor)| *w *= factor);
    }
}

/// Some columns of a layer in the host's memory, with what their optimiser keeps: W over b,
/// (k + 1) × n, row-major.
///
/// For a gradient that several processes have parts of: whoever has its sum steps the columns as
/// [`LinearBwdParams`](crate::LinearBwdParams) would.
#[derive(Clone, Debug)]
pub struct HostColumns<T> {
    /// n.
    cols: usize,
    update: Update,
    max_column_norm: Option<f64>,
    /// W over b.
    pub parameters: Vec<T>,
    /// The moments of the parameters, each of their shape.
    pub moments: Vec<Vec<T>>,
}

impl<T: Real> HostColumns<T> {
    /// `cols` columns of `parameters`, whose moments are 0.
    ///
    /// # Panics
    /// If `parameters` are no whole rows.
    #[must_use]
    pub fn new(
        cols: usize,
        parameters: Vec<T>,
        update: Update,
        max_column_norm: Option<f64>,
    ) -> Self {
        let len = parameters.len();
        assert!(
            len.is_multiple_of(cols.max(1)),
            "columns: {len} parameters in rows of {cols}"
        );
        Self {
            cols,
            update,
            max_column_norm,
            moments: vec![vec![T::ZERO; len]; update.moments()],
            parameters,
        }
    }

    /// Steps the parameters along `gradient`, which has their shape.
    ///
    /// # Panics
    /// If the shape is another one.
    pub fn step(&mut self, rates: Rates, gradient: &[T]) {
        assert_eq!(
            gradient.len(),
            self.parameters.len(),
            "columns: values of a gradient"
        );
        let mut moments = self.moments.iter_mut().map(Vec::as_mut_slice);
        let moments = [(); 2].map(|()| moments.next().unwrap_or_default());
        let rule = Rule::new(self.update, || rates);
        rule.step(&mut self.parameters, moments, gradient);
        if let Some(limit) = self.max_column_norm.filter(|_| self.cols > 0) {
            let weights = self.parameters.len() / self.cols - 1;
            let w = SharedRows::new(&mut self.parameters, self.cols);
            let mut sums = vec![T::ZERO; self.cols];
            // SAFETY: the rows are this call's.
            unsafe {
                limit_columns(&w, weights, 0..self.cols, T::from_f64(limit), &mut sums);
            }
        }
    }
}
