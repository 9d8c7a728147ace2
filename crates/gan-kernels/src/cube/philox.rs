//! The random numbers of [`random`](crate::random) on the device: the same integers.

use cubecl::prelude::*;

use super::operand::lane_of;

/// The multipliers and the key's increments of Philox4x32 (Salmon et al. 2011).
const MULTIPLIER: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// Where the words of a state lie: seed, step, and the rates of its slots.
pub(crate) const SEED: usize = 0;
pub(crate) const STEP: usize = 2;
pub(crate) const RATES: usize = 4;

/// Philox4x32-10: the four words of a counter under a key.
#[cube]
pub(crate) fn philox(
    c0: u32,
    c1: u32,
    c2: u32,
    c3: u32,
    k0: u32,
    k1: u32,
) -> Vector<u32, Const<4>> {
    let mut a = c0;
    let mut b = c1;
    let mut c = c2;
    let mut d = c3;
    let mut ka = k0;
    let mut kb = k1;
    #[unroll]
    for _round in 0..10 {
        let high0 = a.mul_hi(MULTIPLIER[0].runtime());
        let low0 = a * MULTIPLIER[0];
        let high1 = c.mul_hi(MULTIPLIER[1].runtime());
        let low1 = c * MULTIPLIER[1];
        a = high1 ^ b ^ ka;
        c = high0 ^ d ^ kb;
        b = low1;
        d = low0;
        ka += WEYL[0];
        kb += WEYL[1];
    }
    let mut words = Vector::<u32, Const<4>>::empty();
    words.insert(0usize, a);
    words.insert(1usize, b);
    words.insert(2usize, c);
    words.insert(3usize, d);
    words
}

/// Block `block` of the words of `stream` at the state's seed and step.
#[cube]
pub(crate) fn block(state: &[u32], stream: u32, block: u32) -> Vector<u32, Const<4>> {
    philox(
        block,
        stream,
        state[STEP],
        state[STEP + 1],
        state[SEED],
        state[SEED + 1],
    )
}

/// The word at `index` of `stream`, likewise.
#[cube]
pub(crate) fn word(state: &[u32], stream: u32, index: u32) -> u32 {
    let words = block(state, stream, index / 4);
    lane_of(words, (index % 4) as usize)
}

/// A word as a number in (0, 1): see [`unit_open`](crate::random::unit_open).
#[cube]
pub(crate) fn unit_open(word: u32) -> f32 {
    (f32::cast_from(word >> 9) + 0.5f32) * 1.192_092_9e-7f32
}
