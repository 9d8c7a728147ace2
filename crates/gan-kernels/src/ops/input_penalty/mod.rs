//! A penalty on the gradient of D by its input.

pub mod cases;
pub(crate) mod cpu;
#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod reference;

use std::ops::Range;

use super::check_shape;
use crate::{Backend, Rows, RowsMut};

/// `C = s ⊙ X + ∂P/∂Q`: the direction in which the gradient of an objective with a penalty P on
/// `Q = ∂D/∂X` goes up through D again.
///
/// # Panics
/// If the shapes disagree, there is no row, or the rows are not as many equal parts as the penalty
/// tells apart.
/// # Numerics
/// ‖q‖² is summed in f64 on the CPU, in f32 with a rounding error of √d·ε elsewhere; to unit norm
/// it counts as √(‖q‖² + 10⁻¹²), whose slope is finite at 0 (docs/numerics.md §11).
/// # Source
/// Zero-centred: Roth et al. 2017, Mescheder et al. 2018 (R1 and R2); unit norm: Gulrajani et
/// al. 2017.
pub struct InputPenalty<'a, B: Backend> {
    /// X, m × d: what D saw.
    pub x: Rows<'a, B>,
    /// Q, m × d: the gradient of D's output, before its sigmoid, by what it saw.
    pub q: Rows<'a, B>,
    /// s, m × 1: the gradient of the objective by D's output.
    pub s: Rows<'a, B>,
    /// C, m × d, overwritten.
    pub c: RowsMut<'a, B>,
    /// P.
    pub penalty: Penalty,
    /// Sums to which P, the squared norms and the number of penalised rows are added.
    pub monitors: &'a mut B::Monitors,
}

/// A term of D's objective, in nats, made of the gradient q of D's output by its input.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Penalty {
    /// `data/2 · mean ‖q‖²` over the first half of the rows, which is data (R1), and
    /// `samples/2 · mean ‖q‖²` over the second (R2).
    ZeroCentred {
        /// γ of R1; 0 is none.
        data: f64,
        /// γ of R2; 0 is none.
        samples: f64,
    },
    /// `weight · mean (‖q‖ − 1)²` over the last third of the rows, which lies between data and
    /// samples.
    UnitNorm {
        /// λ.
        weight: f64,
    },
}

impl Penalty {
    /// Equal parts that the rows consist of.
    #[must_use]
    pub fn parts(self) -> usize {
        match self {
            Self::ZeroCentred { .. } => 2,
            Self::UnitNorm { .. } => 3,
        }
    }

    /// The same, `factor` times as large.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        match self {
            Self::ZeroCentred { data, samples } => Self::ZeroCentred {
                data: data * factor,
                samples: samples * factor,
            },
            Self::UnitNorm { weight } => Self::UnitNorm {
                weight: weight * factor,
            },
        }
    }

    /// Those of `rows` rows that it is on, from the first to the last: ∂P/∂q of all others is zero.
    #[must_use]
    pub fn rows(self, rows: usize) -> Range<usize> {
        let part = rows / self.parts();
        let is_on = |part: &usize| self.factors()[*part] != 0.0;
        let first = (0..self.parts()).find(is_on);
        let last = (0..self.parts()).rfind(is_on);
        first
            .zip(last)
            .map_or(0..0, |(first, last)| first * part..(last + 1) * part)
    }

    /// The factor of each part of the rows: γ or λ.
    pub(crate) fn factors(self) -> [f64; 3] {
        match self {
            Self::ZeroCentred { data, samples } => [data, samples, 0.0],
            Self::UnitNorm { weight } => [0.0, 0.0, weight],
        }
    }

    /// The value of one row's part of P, and κ in `∂P/∂q = κ·q`, for a row with `square` = ‖q‖² and
    /// the factor of its part divided by that part's rows.
    pub(crate) fn of_row(self, square: f64, factor: f64) -> (f64, f64) {
        match self {
            Self::ZeroCentred { .. } => (0.5 * factor * square, factor),
            Self::UnitNorm { .. } => {
                let norm = (square + UNIT_NORM_EPSILON).sqrt();
                let off = norm - 1.0;
                (factor * off * off, 2.0 * factor * off / norm)
            }
        }
    }
}

/// Under the root of a norm, whose slope at zero would be infinite.
pub(crate) const UNIT_NORM_EPSILON: f64 = 1e-12;

impl<B: Backend> InputPenalty<'_, B> {
    /// Checks every operand; returns m and d.
    #[track_caller]
    pub(crate) fn check(&self) -> (usize, usize) {
        let (m, d) = self.x.shape();
        check_shape("input_penalty", "q", self.q.shape(), (m, d));
        check_shape("input_penalty", "s", self.s.shape(), (m, 1));
        check_shape("input_penalty", "c", self.c.shape(), (m, d));
        let parts = self.penalty.parts();
        assert!(
            m > 0 && m.is_multiple_of(parts),
            "input_penalty: {m} rows are no {parts} equal parts"
        );
        (m, d)
    }
}

#[cfg(test)]
mod tests {
    use super::Penalty;

    #[test]
    fn penalty_is_on_the_parts_that_have_a_factor() {
        let zero_centred = |data, samples| Penalty::ZeroCentred { data, samples };
        for (penalty, on) in [
            (zero_centred(1.0, 2.0), 0..12),
            (zero_centred(1.0, 0.0), 0..6),
            (zero_centred(0.0, 2.0), 6..12),
            (zero_centred(0.0, 0.0), 0..0),
            (Penalty::UnitNorm { weight: 10.0 }, 8..12),
            (Penalty::UnitNorm { weight: 0.0 }, 0..0),
        ] {
            assert_eq!(penalty.rows(12), on, "{penalty:?}");
        }
    }
}
