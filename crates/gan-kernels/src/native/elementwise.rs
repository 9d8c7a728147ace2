//! Activations, their slopes and dropout masks over parts of rows.
//!
//! Everything here is inlined into the tasks of a product, so that it is compiled for their
//! instruction set.

use crate::ops::Dropout;
use crate::random::{Address, keep_threshold};
use crate::{Activation, Real, StepState};

/// `y = φ(z + b)`; maxout is not elementwise and has its own code.
///
/// Not in place, here and below: an element that stayed what it is would not be stored, and a store
/// of some lanes of a register takes AMD's processors a dozen cycles.
#[inline(always)]
pub(crate) fn activate<T: Real>(act: Activation, z: &[T], bias: &[T], y: &mut [T]) {
    let add = |z: T, b: T| z + b;
    match act {
        Activation::Identity | Activation::Maxout { .. } => zip(z, bias, y, add),
        // NaN stays NaN, so that a run that has diverged shows it.
        Activation::Relu => zip(z, bias, y, |z, b| {
            let z = add(z, b);
            if z < T::ZERO { T::ZERO } else { z }
        }),
        Activation::LeakyRelu { slope } => {
            let slope = T::from_f64(slope);
            zip(z, bias, y, |z, b| {
                let z = add(z, b);
                if z > T::ZERO { z } else { z * slope }
            });
        }
        Activation::Sigmoid => zip(z, bias, y, |z, b| T::ONE / (T::ONE + (-add(z, b)).exp())),
        Activation::Tanh => {
            let two = T::from_f64(2.0);
            zip(z, bias, y, |z, b| {
                T::ONE - two / (T::ONE + (add(z, b) * two).exp())
            });
        }
    }
}

/// `dz = dy ⊙ φ′`, computed from φ's output `y · inverse_scale`.
#[inline(always)]
pub(crate) fn slope_from_output<T: Real>(
    act: Activation,
    y: &[T],
    inverse_scale: T,
    dy: &[T],
    dz: &mut [T],
) {
    match act {
        Activation::Identity | Activation::Maxout { .. } => zip(dy, y, dz, |g, _| g),
        Activation::Relu => zip(dy, y, dz, |g, y| if y > T::ZERO { g } else { T::ZERO }),
        Activation::LeakyRelu { slope } => {
            let slope = T::from_f64(slope);
            zip(dy, y, dz, |g, y| if y > T::ZERO { g } else { g * slope });
        }
        Activation::Sigmoid => zip(dy, y, dz, |g, y| {
            let y = y * inverse_scale;
            g * y * (T::ONE - y)
        }),
        Activation::Tanh => zip(dy, y, dz, |g, y| {
            let y = y * inverse_scale;
            g * (T::ONE - y * y)
        }),
    }
}

#[inline(always)]
fn zip<T: Real>(a: &[T], b: &[T], to: &mut [T], f: impl Fn(T, T) -> T) {
    let values = to.iter_mut().zip(a).zip(b);
    values.for_each(|((to, &a), &b)| *to = f(a, b));
}

/// A dropout mask, ready to be applied to any part of any row.
pub(crate) struct Mask<T> {
    dropout: Dropout,
    address: Address,
    threshold: u32,
    scale: T,
    cols: usize,
}

impl<T: Real> Mask<T> {
    /// The mask of an operand with `cols` columns in the state's iteration.
    pub(crate) fn new(dropout: Dropout, state: &StepState, cols: usize) -> Self {
        Self {
            dropout,
            address: state.address(dropout.stream),
            threshold: keep_threshold(dropout.keep),
            scale: T::from_f64(dropout.scale),
            cols,
        }
    }

    /// 1 / scale, or 1 without a mask: what brings a masked output back to φ's.
    pub(crate) fn inverse_scale(mask: Option<&Self>) -> T {
        mask.map_or(T::ONE, |mask| T::ONE / mask.scale)
    }

    /// Masks the elements of `row` from column `first` on.
    #[inline(always)]
    pub(crate) fn apply(&self, row: usize, first: usize, values: &mut [T]) {
        const CHUNK: usize = 64;
        let mut index = self.dropout.index(row, first, self.cols);
        // Copies, since the compiler must assume that a store to `values` changes `self`.
        let (threshold, scale) = (self.threshold, self.scale);
        let mut words = [0; CHUNK];
        for values in values.chunks_mut(CHUNK) {
            let words = &mut words[..values.len()];
            self.address.fill_words(index, words);
            for (value, &word) in values.iter_mut().zip(&*words) {
                let kept = *value * scale;
                *value = if word < threshold { kept } else { T::ZERO };
            }
            index += CHUNK as u64;
        }
    }
}
