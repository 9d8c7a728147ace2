//! The two scalar types of the native back end.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub};

use crate::native::{Kernels, Registers};

/// `f32`, which trains, or `f64`, which is the oracle that gradients are checked against.
pub trait Real:
    Registers
    + Kernels
    + Copy
    + Debug
    + Default
    + PartialOrd
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + AddAssign
    + Sub<Output = Self>
    + Mul<Output = Self>
    + MulAssign
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// The distance from 1 to the next larger value.
    const EPSILON: Self;
    /// The nearest value of this type.
    fn from_f64(value: f64) -> Self;
    /// This value, exactly.
    fn to_f64(self) -> f64;
    /// The same values where this type is `f32`.
    fn as_singles(values: &mut [Self]) -> Option<&mut [f32]>;
    /// `self · a + b` with one rounding.
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// eˣ; for f32 a branch-free polynomial that the compiler keeps in SIMD lanes.
    fn exp(self) -> Self;
    /// log x of a normal x > 0; for f32 a branch-free polynomial as well.
    fn ln(self) -> Self;
}

impl Real for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const EPSILON: Self = f32::EPSILON;

    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value as f32
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn as_singles(values: &mut [Self]) -> Option<&mut [f32]> {
        Some(values)
    }

    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        f32::mul_add(self, a, b)
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        f32::sqrt(self)
    }

    /// Range reduction to `|r| ≤ ln 2 / 2`, then the degree-7 polynomial of the Cephes library
    /// (Moshier, `expf`); within 2 ulp, and within that of 0 and ∞ saturating instead of
    /// overflowing: arguments are clamped to [−87.3, 88.3].
    #[inline(always)]
    fn exp(self) -> Self {
        // Adding 1.5·2²³ rounds to an integer that then sits in the low bits of the sum.
        const ROUND: f32 = 12_582_912.0;
        const LN_2_HIGH: f32 = 0.693_359_4;
        const LN_2_LOW: f32 = -2.121_944_4e-4;
        let x = if self > 88.3 { 88.3 } else { self };
        let x = if x < -87.3 { -87.3 } else { x };
        let shifted = x * std::f32::consts::LOG2_E + ROUND;
        let power = shifted - ROUND;
        let r = x - power * LN_2_HIGH - power * LN_2_LOW;
        let mut series = 1.987_569_1e-4_f32;
        series = series * r + 1.398_199_9e-3;
        series = series * r + 8.333_452e-3;
        series = series * r + 4.166_579_6e-2;
        series = series * r + 1.666_666_5e-1;
        series = series * r + 0.5;
        let value = series * r * r + r + 1.0;
        let exponent = shifted
            .to_bits()
            .wrapping_sub(ROUND.to_bits())
            .wrapping_add(127)
            << 23;
        value * f32::from_bits(exponent)
    }

    /// x = 2ᵉ·m with m in [√½, √2), then the polynomial of the Cephes library (Moshier, `logf`);
    /// within 2 ulp, or of ε/2 where log x is near 0.
    #[inline(always)]
    fn ln(self) -> Self {
        const SQRT_HALF: u32 = 0x3f35_04f3;
        const MANTISSA: u32 = 0x007f_ffff;
        let bits = self.to_bits().wrapping_sub(SQRT_HALF);
        let exponent = (bits as i32 >> 23) as f32;
        let r = f32::from_bits((bits & MANTISSA).wrapping_add(SQRT_HALF)) - 1.0;
        let mut series = 7.037_683_6e-2_f32;
        series = series * r - 1.151_461e-1;
        series = series * r + 1.167_699_9e-1;
        series = series * r - 1.242_014_1e-1;
        series = series * r + 1.424_932_3e-1;
        series = series * r - 1.666_805_8e-1;
        series = series * r + 2.000_071_5e-1;
        series = series * r - 2.499_999_4e-1;
        series = series * r + 3.333_333e-1;
        let square = r * r;
        let tail = series * r * square - 2.121_944_4e-4 * exponent - 0.5 * square;
        r + tail + 0.693_359_4 * exponent
    }
}

impl Real for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const EPSILON: Self = f64::EPSILON;

    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }

    #[inline(always)]
    fn as_singles(_: &mut [Self]) -> Option<&mut [f32]> {
        None
    }

    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        f64::mul_add(self, a, b)
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }

    #[inline(always)]
    fn exp(self) -> Self {
        f64::exp(self)
    }

    #[inline(always)]
    fn ln(self) -> Self {
        f64::ln(self)
    }
}

#[cfg(test)]
mod tests {
    use super::Real;

    #[test]
    fn exp_f32_is_within_2_ulp_of_f64() {
        let mut worst = 0.0_f64;
        for i in -87_000..=88_000 {
            let x = i as f32 * 1e-3;
            let expected = f64::from(x).exp();
            let ulp = f64::from(f32::EPSILON) * expected;
            worst = worst.max((f64::from(Real::exp(x)) - expected).abs() / ulp);
        }
        assert!(worst < 2.0, "{worst} ulp");
    }

    #[test]
    fn ln_f32_is_within_2_ulp_of_f64() {
        let mut worst = 0.0_f64;
        for i in 0..2_000_000 {
            // All binades in which an f32 is normal, and densely around 1.
            let x = match i % 2 {
                0 => f32::from_bits(0x0080_0000 + (i / 2) * 2_100),
                _ => 1.0 + (i as f32 - 1e6) * 3e-7,
            };
            let expected = f64::from(x).ln();
            let ulp = f64::from(f32::EPSILON) * expected.abs();
            let off = (f64::from(Real::ln(x)) - expected).abs();
            worst = worst.max(off / ulp.max(0.25 * f64::from(f32::EPSILON)));
        }
        assert!(worst < 2.0, "{worst} ulp");
    }

    #[test]
    fn exp_f32_saturates_at_both_ends() {
        assert!(Real::exp(-1000.0_f32) > 0.0 && Real::exp(-1000.0_f32) < 2e-38);
        assert!(Real::exp(1000.0_f32).is_finite());
        assert!(Real::exp(f32::NAN).is_nan());
    }
}
