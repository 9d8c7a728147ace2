//! Elementary functions in plain arithmetic, alike on every device.
//!
//! WGSL allows eˣ an error that grows with x and log x one that is absolute, which is too much for
//! losses and latents; these are within a few ulp wherever the device rounds sums and products.

use cubecl::prelude::*;

/// eˣ as the processor computes it: see `Real::exp` for f32. Arguments above
/// 88.3 are clamped, those below −87.3 give 0, and NaN stays NaN.
#[cube]
pub(crate) fn exp(x: f32) -> f32 {
    let clamped = clamp(x, -87.3f32, 88.3f32);
    // Adding 1.5·2²³ rounds to an integer; its bits are read, not its value, because a compiler
    // may drop the sum and difference of a constant.
    let shifted = fma(clamped, std::f32::consts::LOG2_E, 12_582_912.0f32);
    let power = (u32::reinterpret(shifted) & 0x007f_ffff) as i32 - 0x0040_0000;
    let whole = f32::cast_from(power);
    let r = fma(whole, -0.693_359_4f32, clamped);
    let r = fma(whole, 2.121_944_4e-4f32, r);
    let mut series = fma(1.987_569_1e-4f32, r, 1.398_199_9e-3f32);
    series = fma(series, r, 8.333_452e-3f32);
    series = fma(series, r, 4.166_579_6e-2f32);
    series = fma(series, r, 1.666_666_5e-1f32);
    series = fma(series, r, 0.5f32);
    let value = fma(series, r * r, r) + 1.0f32;
    let scale = f32::reinterpret(((power + 127) as u32) << 23);
    // Below are no normal numbers, which not every device keeps.
    let y = select(x < -87.3f32, 0.0f32, value * scale);
    // Clamping has lost a NaN.
    select(is_number(x), y, x)
}

/// log(1 + x) for x in [0, 1].
#[cube]
pub(crate) fn ln_1p(x: f32) -> f32 {
    twice_atanh(x / (2.0f32 + x))
}

/// log x for a normal x > 0.
#[cube]
pub(crate) fn ln(x: f32) -> f32 {
    // x = 2ᵉ·f with f in [√½, √2).
    let bits = u32::reinterpret(x) - 0x3f35_04f3;
    // Its sign by hand: CUDA's compiler shifts zeros into negative integers (cubecl 0.11.3).
    let e = bits >> 23;
    let e = f32::cast_from(e) - select(e < 256, 0.0f32, 512.0f32);
    let f = f32::reinterpret((bits & 0x007f_ffff) + 0x3f35_04f3);
    let log = twice_atanh((f - 1.0f32) / (f + 1.0f32));
    let log = fma(e, 1.428_606_8e-6f32, log);
    fma(e, 0.693_145_75f32, log)
}

/// 2·atanh s for |s| ≤ 1/3.
#[cube]
fn twice_atanh(s: f32) -> f32 {
    let q = s * s;
    let mut series = fma(0.066_666_67f32, q, 0.076_923_08f32);
    series = fma(series, q, 0.090_909_09f32);
    series = fma(series, q, 0.111_111_11f32);
    series = fma(series, q, 0.142_857_15f32);
    series = fma(series, q, 0.2f32);
    series = fma(series, q, 0.333_333_34f32);
    2.0f32 * fma(series * q, s, s)
}

/// log(1 + eᵗ).
#[cube]
pub(crate) fn softplus(t: f32) -> f32 {
    let positive = select(t > 0.0f32, t, 0.0f32);
    let sum = positive + ln_1p(exp(-t.abs()));
    select(is_number(t), sum, t)
}

/// 1 / (1 + e⁻ᵗ).
#[cube]
pub(crate) fn sigmoid(t: f32) -> f32 {
    // Of the two forms the one whose exponential cannot overflow.
    let e = exp(-t.abs());
    let small = e / (1.0f32 + e);
    let large = 1.0f32 / (1.0f32 + e);
    select(t < 0.0f32, small, large)
}

/// tanh t.
#[cube]
pub(crate) fn tanh(t: f32) -> f32 {
    let q = t * t;
    // Near 0 the polynomial of the Cephes library (Moshier, `tanhf`).
    let mut series = fma(-5.704_988_7e-3f32, q, 2.063_908_8e-2f32);
    series = fma(series, q, -5.373_971_5e-2f32);
    series = fma(series, q, 1.333_144_2e-1f32);
    series = fma(series, q, -3.333_328_8e-1f32);
    let near = fma(series * q, t, t);
    let size = 1.0f32 - 2.0f32 / (exp(2.0f32 * t.abs()) + 1.0f32);
    let far = select(t < 0.0f32, -size, size);
    select(t.abs() < 0.625f32, near, far)
}

/// cos 2πv and sin 2πv for v in [0, 1).
#[cube]
pub(crate) fn cos_sin_turn(v: f32) -> (f32, f32) {
    // A multiple of a quarter turn and a rest in [−1/8, 1/8], both exact.
    let quarter = u32::cast_from(v * 4.0f32 + 0.5f32);
    let rest = (v - 0.25f32 * f32::cast_from(quarter)) * std::f32::consts::TAU;
    let q = rest * rest;
    // The polynomials of the Cephes library (Moshier, `sinf`).
    let mut sine = fma(-1.951_529_6e-4f32, q, 8.332_161e-3f32);
    sine = fma(sine, q, -1.666_665_5e-1f32);
    let sine = fma(sine * q, rest, rest);
    let mut cosine = fma(2.443_315_7e-5f32, q, -1.388_731_6e-3f32);
    cosine = fma(cosine, q, 4.166_664_6e-2f32);
    let cosine = fma(cosine * q, q, fma(-0.5f32, q, 1.0f32));
    let odd = quarter & 1 == 1;
    let (c, s) = (select(odd, sine, cosine), select(odd, cosine, sine));
    let turned = quarter & 3;
    let c = select(turned == 1 || turned == 2, -c, c);
    let s = select(turned >= 2, -s, s);
    (c, s)
}

/// True if `x` is no NaN, by its bits: compilers may assume that there is none.
#[cube]
pub(crate) fn is_number(x: f32) -> bool {
    u32::reinterpret(x) & 0x7fff_ffff <= 0x7f80_0000
}

/// True if `x` is neither NaN nor infinite, by its bits.
#[cube]
pub(crate) fn is_finite(x: f32) -> bool {
    u32::reinterpret(x) & 0x7f80_0000 < 0x7f80_0000
}
