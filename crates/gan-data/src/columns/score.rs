//! The normal distribution's Φ and its inverse, in 64 bits.

use std::f64::consts::{SQRT_2, TAU};

use libm::erfc;
use statrs::function::erf::erfc_inv;

/// Φ(z): the probability that a standard normal number is at most `z`; 1/2 of what is no number.
pub(super) fn normal_cdf(z: f64) -> f64 {
    if z.is_nan() {
        0.5
    } else {
        0.5 * erfc(-z / SQRT_2)
    }
}

/// Φ⁻¹(p), the number that a standard normal one is at most with probability `p`.
pub fn normal_quantile(p: f64) -> f64 {
    let near = -SQRT_2 * erfc_inv(2.0 * p);
    // The crate's inverse has ten digits; a step of Newton's method doubles them.
    let density = (-0.5 * near * near).exp() / TAU.sqrt();
    near - (normal_cdf(near) - p) / density
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_those_of_the_normal_distribution() {
        // Φ at z, to 17 digits, by mpmath's ncdf.
        for (z, p) in [
            (-8.0, 6.220_960_574_271_785e-16),
            (-5.0, 2.866_515_718_791_939e-7),
            (-1.0, 0.158_655_253_931_457_05),
            (-0.1, 0.460_172_162_722_971),
            (0.0, 0.5),
            (0.5, 0.691_462_461_274_013),
            (1.96, 0.975_002_104_851_779_5),
            (3.0, 0.998_650_101_968_369_9),
        ] {
            let (cdf, quantile) = (normal_cdf(z), normal_quantile(p));
            assert!((cdf / p - 1.0).abs() < 1e-14, "{z}: {cdf}");
            // Near 1 a probability itself has no more digits.
            assert!((quantile - z).abs() < 1e-13, "{p}: {quantile}");
        }
        for i in 1..1000 {
            let p = f64::from(i) / 1000.0;
            assert!((normal_cdf(normal_quantile(p)) - p).abs() < 1e-15, "{p}");
            assert!(
                (normal_quantile(p) + normal_quantile(1.0 - p)).abs() < 1e-13,
                "{p}"
            );
        }
        assert_eq!(normal_cdf(f64::NAN), 0.5);
    }
}
