//! Activations, their slopes and dropout masks over parts of rows.
//!
//! Everything here is inlined into the tasks of a product, so that it is compiled for their
//! instruction set.

use crate::ops::Dropout;
use crate::random::{Address, keep_threshold};
use crate::{Activation, Real, StepState};

/// φ in place; maxout is not elementwise and has its own code.
#[inline(always)]
pub(crate) fn activate<T: Real>(act: Activation, values: &mut [T]) {
    match act {
        Activation::Identity | Activation::Maxout { .. } => {}
        // NaN stays NaN, so that a run that has diverged shows it.
        Activation::Relu => map(values, |z| if z < T::ZERO { T::ZERO } else { z }),
        Activation::LeakyRelu { slope } => {
            let slope = T::from_f64(slope);
            map(values, |z| if z > T::ZERO { z } else { z * slope });
        }
        Activation::Sigmoid => map(values, |z| T::ONE / (T::ONE + (-z).exp())),
        Activation::Tanh => {
            let two = T::from_f64(2.0);
            map(values, |z| T::ONE - two / (T::ONE + (z * two).exp()));
        }
    }
}

/// Multiplies `values` by φ′, computed from φ's output `y · inverse_scale`.
#[inline(always)]
pub(crate) fn slope_from_output<T: Real>(
    act: Activation,
    y: &[T],
    inverse_scale: T,
    values: &mut [T],
) {
    match act {
        Activation::Identity | Activation::Maxout { .. } => {}
        Activation::Relu => zip(values, y, |g, y| if y > T::ZERO { g } else { T::ZERO }),
        Activation::LeakyRelu { slope } => {
            let slope = T::from_f64(slope);
            zip(values, y, |g, y| if y > T::ZERO { g } else { g * slope });
        }
        Activation::Sigmoid => zip(values, y, |g, y| {
            let y = y * inverse_scale;
            g * y * (T::ONE - y)
        }),
        Activation::Tanh => zip(values, y, |g, y| {
            let y = y * inverse_scale;
            g * (T::ONE - y * y)
        }),
    }
}

/// Copies a short run; the C library's copy, which the compiler would call, is made for long ones.
#[inline(always)]
pub(crate) fn copy<T: Real>(from: &[T], to: &mut [T]) {
    const LANES: usize = 16;
    let (from, from_rest) = from.as_chunks::<LANES>();
    let (to, to_rest) = to.as_chunks_mut::<LANES>();
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
    if !from_rest.is_empty() {
        to_rest.copy_from_slice(from_rest);
    }
}

#[inline(always)]
fn map<T: Real>(values: &mut [T], f: impl Fn(T) -> T) {
    values.iter_mut().for_each(|value| *value = f(*value));
}

#[inline(always)]
fn zip<T: Real>(values: &mut [T], y: &[T], f: impl Fn(T, T) -> T) {
    values
        .iter_mut()
        .zip(y)
        .for_each(|(value, &y)| *value = f(*value, y));
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
