//! The arithmetic of an update on a processor: in the epilogue of a product, or of a gradient that was
//! summed before.

use std::ops::Range;

use super::{Adam, Update};
use crate::native::SharedRows;
use crate::{Rates, Real, StepState};

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
    /// The rule of an operation with the rates of a slot of `state`, if it has some.
    #[track_caller]
    pub(crate) fn new(op: &str, update: Update, state: &StepState, slot: usize) -> Self {
        let rates = || {
            let slots = state.rates.len();
            assert!(slot < slots, "{op}: slot {slot} of a state with {slots}");
            state.rates[slot]
        };
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
