//! Normal numbers by Box and Muller, several pairs at a time.
//!
//! A pair is a radius, √(−2·log u), times the cosine and the sine of an angle, in f64 and rounded
//! once.
//! The C library's functions take one number after the other; those here fill SIMD registers, and
//! are within a few roundings of f64 of theirs.
//! So a product of them rounds to the same f32 number, unless it lies that close to the middle of
//! two; one in a million does, and for its sake the C library is asked.
//! Bits are those of the C library, therefore, whatever the processor.

use std::f64::consts::{FRAC_2_PI, TAU};

use super::Isa;
use crate::Real;
use crate::random::unit_open;

/// Pairs that are computed at a time.
const PAIRS: usize = 32;

/// Fills `z` with normal numbers, two of two words each; there are as many words, and one more where
/// that is odd.
pub(crate) fn fill_normal<T: Real>(isa: Isa, words: &[u32], z: &mut [T]) {
    for (z, words) in z.chunks_mut(2 * PAIRS).zip(words.chunks(2 * PAIRS)) {
        let done = T::as_singles(z).is_some_and(|z| match isa {
            // SAFETY: the processor has the instructions.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 | Isa::Avx512Bf16 => unsafe { together_avx512(words, z) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { together_avx2(words, z) },
            _ => together(words, z),
        });
        if !done {
            one_by_one(words, z);
        }
    }
}

/// By the C library's functions.
fn one_by_one<T: Real>(words: &[u32], z: &mut [T]) {
    for (z, pair) in z.chunks_mut(2).zip(words.as_chunks::<2>().0) {
        let [u, v] = pair.map(|word| f64::from(unit_open(word)));
        let (sin, cos) = (TAU * v).sin_cos();
        let radius = (-2.0 * u.ln()).sqrt();
        z.iter_mut()
            .zip([cos, sin])
            .for_each(|(z, part)| *z = T::from_f64(radius * part));
    }
}

/// # Safety
/// The processor has AVX-512.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq")]
unsafe fn together_avx512(words: &[u32], z: &mut [f32]) -> bool {
    together(words, z)
}

/// # Safety
/// The processor has AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn together_avx2(words: &[u32], z: &mut [f32]) -> bool {
    together(words, z)
}

/// Up to [`PAIRS`] pairs by the functions below; false if the C library's might round one otherwise.
#[inline(always)]
fn together(words: &[u32], z: &mut [f32]) -> bool {
    let count = z.len().div_ceil(2).min(PAIRS);
    let [mut u, mut v] = [[0.0_f32; PAIRS]; 2];
    for ((u, v), pair) in u.iter_mut().zip(&mut v).zip(words.as_chunks::<2>().0) {
        [*u, *v] = pair.map(unit_open);
    }
    let [mut first, mut second] = [[0.0_f64; PAIRS]; 2];
    let mut sure = true;
    for i in 0..count {
        let radius = (-2.0 * ln(u[i])).sqrt();
        let (sin, cos) = sin_cos(TAU * f64::from(v[i]));
        (first[i], second[i]) = (radius * cos, radius * sin);
        sure &= rounds_surely(first[i]) & rounds_surely(second[i]);
    }
    for (z, pair) in z.chunks_mut(2).zip(first.iter().zip(&second)) {
        z[0] = *pair.0 as f32;
        z[1..].iter_mut().for_each(|z| *z = *pair.1 as f32);
    }
    sure
}

/// True if all numbers within 256 roundings of `x` have the same nearest f32 number; `x` must not be
/// so small that f32 has fewer digits there.
#[inline(always)]
fn rounds_surely(x: f64) -> bool {
    /// The digits that f32 lacks.
    const LACKING: u64 = (1 << 29) - 1;
    const MIDDLE: u64 = 1 << 28;
    let lacking = x.to_bits() & LACKING;
    // At most 256 on one side of the middle, as one comparison.
    lacking.wrapping_sub(MIDDLE - 256) > 512
}

/// log u of a normal u > 0, within a rounding: fdlibm's `e_log.c`, which takes u as 2ᵏ·(1 + f) with
/// 1 + f in [√½, √2) and s = f / (2 + f).
#[inline(always)]
fn ln(u: f32) -> f64 {
    const SQRT_HALF: u32 = 0x3f35_04f3;
    const MANTISSA: u32 = 0x007f_ffff;
    const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    let bits = u.to_bits().wrapping_sub(SQRT_HALF);
    let k = f64::from(bits as i32 >> 23);
    let f = f64::from(f32::from_bits((bits & MANTISSA).wrapping_add(SQRT_HALF))) - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let mut series = 1.479_819_860_511_658_6e-1;
    series = series * z + 1.531_383_769_920_937_3e-1;
    series = series * z + 1.818_357_216_161_805e-1;
    series = series * z + 2.222_219_843_214_978_4e-1;
    series = series * z + 2.857_142_874_366_239e-1;
    series = series * z + 3.999_999_999_940_942e-1;
    series = series * z + 6.666_666_666_666_735e-1;
    let half_square = 0.5 * f * f;
    let tail = s * (half_square + series * z) + k * LN_2_LOW;
    k * LN_2_HIGH - ((half_square - tail) - f)
}

/// sin x and cos x of x in [0, 2π], within a few roundings: fdlibm's `k_sin.c` and `k_cos.c` of what
/// is left of x beyond a multiple of π/2.
#[inline(always)]
fn sin_cos(x: f64) -> (f64, f64) {
    // Adding 1.5·2⁵² rounds to an integer that then sits in the low bits of the sum.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    // The first 33 bits of π/2, whose small multiples are exact, and the rest.
    const HALF_PI_HIGH: f64 = 1.570_796_326_734_125_6;
    const HALF_PI_LOW: f64 = 6.077_100_506_506_192e-11;
    let shifted = x * FRAC_2_PI + ROUND;
    let quarters = shifted - ROUND;
    let r = (x - quarters * HALF_PI_HIGH) - quarters * HALF_PI_LOW;
    let z = r * r;
    let mut series = 1.589_690_995_211_55e-10;
    series = series * z - 2.505_076_025_340_686_4e-8;
    series = series * z + 2.755_731_370_707_006_8e-6;
    series = series * z - 1.984_126_982_985_795e-4;
    series = series * z + 8.333_333_333_322_49e-3;
    series = series * z - 1.666_666_666_666_663_2e-1;
    let sin = r + r * z * series;
    let mut series = -1.135_964_755_778_819_5e-11;
    series = series * z + 2.087_572_321_298_175e-9;
    series = series * z - 2.755_731_435_139_066_3e-7;
    series = series * z + 2.480_158_728_947_673e-5;
    series = series * z - 1.388_888_888_887_411e-3;
    series = series * z + 4.166_666_666_666_66e-2;
    let cos = 1.0 - (0.5 * z - z * z * series);
    // Each quarter of a turn makes a cosine of a sine, and of a cosine a sine with the other sign.
    let quarter = shifted.to_bits();
    let (s, c) = if quarter & 1 == 0 {
        (sin, cos)
    } else {
        (cos, sin)
    };
    let sign = |x: f64, bit: u64| f64::from_bits(x.to_bits() ^ (bit & 2) << 62);
    (sign(s, quarter), sign(c, quarter.wrapping_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Address, Purpose, Stream};

    /// The words of the smallest, the middlemost and the largest numbers, and some between.
    fn words() -> Vec<u32> {
        let turns = (0..=1 << 14).map(|i: u32| (i << 18).wrapping_sub(i % 3));
        let ends = [0, 1 << 9, u32::MAX - (1 << 9), u32::MAX];
        let quarters = (1..4).flat_map(|i| [(i << 30) - 1, i << 30]);
        turns.chain(ends).chain(quarters).collect()
    }

    #[test]
    fn functions_are_those_of_the_c_library_within_three_roundings() {
        let near = |found: f64, expected: f64| {
            let off = (found - expected).abs() / (expected.abs() * f64::EPSILON);
            assert!(off < 3.0, "{found} {expected}: off by {off}");
        };
        for word in words() {
            let u = unit_open(word);
            near(ln(u), f64::from(u).ln());
            let angle = TAU * f64::from(u);
            let (sin, cos) = sin_cos(angle);
            near(sin, angle.sin());
            near(cos, angle.cos());
        }
    }

    #[test]
    fn normal_numbers_have_the_bits_of_the_c_library() {
        let address = Address {
            seed: 1,
            stream: Stream::new(Purpose::Noise, 0, 0),
            step: 0,
        };
        // The ends of both parts of a pair beside everything else, and random pairs.
        let mut all: Vec<u32> = words().into_iter().flat_map(|word| [word, !word]).collect();
        let drawn = all.len();
        all.resize(drawn + (1 << 16), 0);
        address.fill_words(0, &mut all[drawn..]);
        for isa in [Isa::Baseline, Isa::detect()] {
            for len in [1, 2, 7, 64, 65, all.len()] {
                let words = &all[..len.next_multiple_of(4).min(all.len())];
                let [mut found, mut expected] = [(); 2].map(|()| vec![0.0_f32; len]);
                fill_normal(isa, words, &mut found);
                one_by_one(words, &mut expected);
                let bits = |z: &[f32]| z.iter().map(|z| z.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&found), bits(&expected), "{isa:?}, {len}");
            }
        }
    }

    #[test]
    fn a_number_is_surely_rounded_unless_it_is_near_the_middle_of_two() {
        for single in [1.0_f32, -0.3, 1e-9, 5.77] {
            let next = f32::from_bits(single.to_bits() + 1);
            let middle = f64::from(single) + (f64::from(next) - f64::from(single)) / 2.0;
            let beside = |by: i64| f64::from_bits(middle.to_bits().wrapping_add_signed(by));
            for by in [-256, -1, 0, 1, 256] {
                assert!(!rounds_surely(beside(by)), "{single}, {by}");
            }
            for by in [-(1 << 28), -257, 257, 1 << 28] {
                assert!(rounds_surely(beside(by)), "{single}, {by}");
            }
        }
    }
}
