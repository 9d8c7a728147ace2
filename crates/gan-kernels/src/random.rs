//! Random numbers by address: no generator state exists anywhere.
//!
//! Every random number of a run is a pure function of four coordinates: `seed`, [`Stream`], `step`
//! and `index`.
//! So a dropout mask can be recomputed instead of stored, drawing 10 or 10,000 latents gives the
//! same first 10, results do not depend on the number of threads or on the device, and resuming a
//! run needs nothing but its step number.
//!
//! The function is Philox4x32-10 (Salmon, Moraes, Dror, Shaw, *Parallel Random Numbers: As Easy as
//! 1, 2, 3*, SC 2011).

use std::convert::Infallible;

use rand::TryRng;

use crate::native::Isa;

const MULTIPLIER: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// Philox4x32-10: four random words for one counter under one key.
#[inline]
#[must_use]
pub fn philox4x32_10(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let [mut c0, mut c1, mut c2, mut c3] = counter;
    let [mut k0, mut k1] = key;
    for _ in 0..ROUNDS {
        let p0 = u64::from(MULTIPLIER[0]) * u64::from(c0);
        let p1 = u64::from(MULTIPLIER[1]) * u64::from(c2);
        (c0, c1, c2, c3) = (
            (p1 >> 32) as u32 ^ c1 ^ k0,
            p1 as u32,
            (p0 >> 32) as u32 ^ c3 ^ k1,
            p0 as u32,
        );
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    [c0, c1, c2, c3]
}

/// The use that a random number is drawn for.
///
/// A stream names a purpose, a pass within one iteration (the paper's k discriminator steps each
/// have their own) and a layer or column, so that no two uses ever share a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stream(u32);

/// The purposes that [`Stream`]s are made of.
///
/// The numbers are part of the meaning of a seed: changing one changes every run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Purpose {
    /// Initial weights, one stream per layer.
    Weights = 1,
    /// Latents z from the prior p_z.
    Noise = 2,
    /// Dropout masks, one stream per layer and pass.
    Dropout = 3,
    /// The order in which records are visited.
    Shuffle = 4,
    /// Data drawn by a built-in source.
    Data = 5,
    /// Whatever looks at a run from outside: sample sheets, evaluation.
    Evaluation = 6,
    /// Points between data and samples, one stream per pass.
    Interpolation = 7,
    /// States and noise of stochastic units in training, one stream per use and layer.
    Units = 8,
}

impl Stream {
    /// The stream for `purpose` in `pass` of an iteration, for one `layer`.
    ///
    /// # Panics
    /// If `pass` exceeds 255 or `layer` exceeds 65,535.
    #[must_use]
    pub const fn new(purpose: Purpose, pass: usize, layer: usize) -> Self {
        assert!(pass < 1 << 8, "stream: pass exceeds 255");
        assert!(layer < 1 << 16, "stream: layer exceeds 65,535");
        Self((purpose as u32) << 24 | (pass as u32) << 16 | layer as u32)
    }

    /// The stream as the word that enters the counter.
    #[must_use]
    pub const fn word(self) -> u32 {
        self.0
    }
}

/// Three of the four coordinates of a random number; the fourth is the `index` within.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// Seed of the run.
    pub seed: u64,
    /// The use of the number.
    pub stream: Stream,
    /// Iteration, or whatever counts the repetitions of this stream.
    pub step: u64,
}

impl Address {
    #[inline]
    fn key(self) -> [u32; 2] {
        [self.seed as u32, (self.seed >> 32) as u32]
    }

    #[inline]
    fn counter(self, block: u32) -> [u32; 4] {
        [
            block,
            self.stream.0,
            self.step as u32,
            (self.step >> 32) as u32,
        ]
    }

    /// The four words of indices `4·block .. 4·block + 4`.
    #[inline]
    #[must_use]
    pub fn block(self, block: u32) -> [u32; 4] {
        philox4x32_10(self.counter(block), self.key())
    }

    /// The random word at `index`.
    ///
    /// # Panics
    /// If `index` is 2³⁴ or more.
    #[must_use]
    pub fn word(self, index: u64) -> u32 {
        self.block(block_of(index))[(index % 4) as usize]
    }

    /// Fills `out` with the words at indices `first .. first + out.len()`.
    ///
    /// The same words as [`Address::word`], computed up to sixteen blocks at a time.
    ///
    /// # Panics
    /// If an index reaches 2³⁴.
    pub fn fill_words(self, first: u64, out: &mut [u32]) {
        let mut index = first;
        let mut rest = out;
        // Words before the first whole block.
        while !rest.is_empty() && !index.is_multiple_of(4) {
            rest[0] = self.word(index);
            rest = &mut rest[1..];
            index += 1;
        }
        match Isa::detect() {
            // SAFETY: the processor has the instructions.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => unsafe { self.fill_blocks_avx512(index, rest) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { self.fill_blocks_avx2(index, rest) },
            _ => self.fill_blocks(index, rest),
        }
    }

    /// # Safety
    /// The processor has AVX-512.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512vl,avx512dq")]
    unsafe fn fill_blocks_avx512(self, index: u64, out: &mut [u32]) {
        self.fill_blocks(index, out);
    }

    /// # Safety
    /// The processor has AVX2.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    unsafe fn fill_blocks_avx2(self, index: u64, out: &mut [u32]) {
        self.fill_blocks(index, out);
    }

    /// [`Address::fill_words`] from the beginning of a block on.
    #[inline(always)]
    fn fill_blocks(self, mut index: u64, out: &mut [u32]) {
        let mut rest = self.wide_blocks::<16>(&mut index, out);
        if rest.len() >= 16 {
            rest = self.wide_blocks::<8>(&mut index, rest);
            rest = self.wide_blocks::<4>(&mut index, rest);
        }
        for chunk in rest.chunks_mut(4) {
            chunk.copy_from_slice(&self.block(block_of(index))[..chunk.len()]);
            index += 4;
        }
    }

    /// As many whole runs of `LANES` blocks as fit; returns the words that are left.
    #[inline(always)]
    fn wide_blocks<'a, const LANES: usize>(
        self,
        index: &mut u64,
        out: &'a mut [u32],
    ) -> &'a mut [u32] {
        let whole = out.len() - out.len() % (4 * LANES);
        let (runs, rest) = out.split_at_mut(whole);
        for run in runs.chunks_exact_mut(4 * LANES) {
            let last = block_of(*index + 4 * LANES as u64 - 1);
            self.wide_block::<LANES>(last - (LANES as u32 - 1), run);
            *index += 4 * LANES as u64;
        }
        rest
    }

    /// `LANES` consecutive blocks, written so that the compiler keeps one block per lane.
    ///
    /// Every word sits in the low half of 64 bits, where the SIMD product of 32-bit halves finds
    /// it; what earlier products leave in the high halves is never looked at.
    #[inline(always)]
    fn wide_block<const LANES: usize>(self, block: u32, out: &mut [u32]) {
        const LOW: u64 = 0xFFFF_FFFF;
        let counter = self.counter(block).map(u64::from);
        let [mut k0, mut k1] = self.key();
        let mut c0: [u64; LANES] = std::array::from_fn(|lane| counter[0] + lane as u64);
        let [mut c1, mut c2, mut c3] = [
            [counter[1]; LANES],
            [counter[2]; LANES],
            [counter[3]; LANES],
        ];
        for _ in 0..ROUNDS {
            for lane in 0..LANES {
                let p0 = u64::from(MULTIPLIER[0]) * (c0[lane] & LOW);
                let p1 = u64::from(MULTIPLIER[1]) * (c2[lane] & LOW);
                c0[lane] = (p1 >> 32) ^ c1[lane] ^ u64::from(k0);
                c1[lane] = p1;
                c2[lane] = (p0 >> 32) ^ c3[lane] ^ u64::from(k1);
                c3[lane] = p0;
            }
            k0 = k0.wrapping_add(WEYL[0]);
            k1 = k1.wrapping_add(WEYL[1]);
        }
        for (lane, words) in out.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            *words = [c0[lane], c1[lane], c2[lane], c3[lane]].map(|word| word as u32);
        }
    }

    /// A generator that walks this address from index 0, for `rand`'s distributions on the host.
    #[must_use]
    pub fn rng(self) -> PhiloxRng {
        PhiloxRng {
            address: self,
            index: 0,
            words: [0; 4],
        }
    }
}

#[inline]
fn block_of(index: u64) -> u32 {
    u32::try_from(index / 4).expect("address: index reaches 2^34")
}

/// Uniform on the open interval (0, 1) with 23 bits, exact in f32, so f32 and f64 agree.
#[inline]
#[must_use]
pub fn unit_open(word: u32) -> f32 {
    ((word >> 9) as f32 + 0.5) * (1.0 / 8_388_608.0)
}

/// The word below which a number is kept with probability `keep`.
///
/// `keep = 1` keeps all but one word in 2³²; callers leave dropout out altogether then.
#[inline]
#[must_use]
pub fn keep_threshold(keep: f64) -> u32 {
    (keep * 4_294_967_296.0).clamp(0.0, 4_294_967_295.0) as u32
}

/// Walks the words of one [`Address`] in order; implements `rand`'s core trait.
#[derive(Clone, Debug)]
pub struct PhiloxRng {
    address: Address,
    index: u64,
    words: [u32; 4],
}

impl TryRng for PhiloxRng {
    type Error = Infallible;

    #[inline]
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let within = (self.index % 4) as usize;
        if within == 0 {
            self.words = self.address.block(block_of(self.index));
        }
        self.index += 1;
        Ok(self.words[within])
    }

    #[inline]
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let (Ok(low), Ok(high)) = (self.try_next_u32(), self.try_next_u32());
        Ok(u64::from(high) << 32 | u64::from(low))
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        for chunk in dst.chunks_mut(4) {
            let Ok(word) = self.try_next_u32();
            chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// A keyed permutation of `0..n`, computed where it is needed and never stored.
///
/// A Feistel network on the smallest even number of bits that holds `n`, walked along its cycle
/// until it lands inside `0..n` (Black and Rogaway, *Ciphers with Arbitrary Finite Domains*, 2002).
/// The round function is Philox itself.
#[derive(Clone, Copy, Debug)]
pub struct Permutation {
    seed: u64,
    epoch: u64,
    n: u32,
    half_bits: u32,
}

impl Permutation {
    /// Rounds of the network; four suffice for a pseudo-random permutation of a large domain (Luby
    /// and Rackoff, 1988), small domains want more.
    pub(crate) const ROUNDS: usize = 6;

    /// The permutation of `0..n` for `epoch` under `seed`.
    ///
    /// # Panics
    /// If `n` is zero or exceeds 2³¹.
    #[must_use]
    pub fn new(seed: u64, epoch: u64, n: usize) -> Self {
        assert!(
            n > 0 && n <= 1 << 31,
            "permutation: n is {n}, expected 1 to 2^31"
        );
        let bits = usize::BITS - (n - 1).leading_zeros();
        Self {
            seed,
            epoch,
            n: n as u32,
            half_bits: bits.div_ceil(2).max(1),
        }
    }

    /// Where position `index` of the epoch goes.
    ///
    /// # Panics
    /// If `index` is not below `n`.
    #[must_use]
    pub fn at(&self, index: usize) -> usize {
        assert!(
            index < self.n as usize,
            "permutation: index {index} is not below {}",
            self.n
        );
        let mut value = index as u32;
        loop {
            value = self.encipher(value);
            if value < self.n {
                return value as usize;
            }
        }
    }

    /// Bits of one half of the network's values.
    #[cfg(feature = "cube")]
    pub(crate) fn half_bits(&self) -> u32 {
        self.half_bits
    }

    fn encipher(&self, value: u32) -> u32 {
        let mask = (1 << self.half_bits) - 1;
        let (mut left, mut right) = (value >> self.half_bits, value & mask);
        for round in 0..Self::ROUNDS {
            let address = Address {
                seed: self.seed,
                stream: Stream::new(Purpose::Shuffle, 0, round),
                step: self.epoch,
            };
            (left, right) = (right, left ^ (address.block(right)[0] & mask));
        }
        left << self.half_bits | right
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::Rng;

    #[test]
    fn philox_matches_random123_known_answers() {
        // Random123 known-answer vectors (kat_vectors, philox4x32 10), Salmon et al. 2011.
        let cases = [
            (
                [0; 4],
                [0; 2],
                [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8],
            ),
            (
                [!0; 4],
                [!0; 2],
                [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd],
            ),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ];
        for (counter, key, expected) in cases {
            assert_eq!(philox4x32_10(counter, key), expected);
        }
    }

    fn address() -> Address {
        Address {
            seed: 0x0123_4567_89ab_cdef,
            stream: Stream::new(Purpose::Noise, 3, 7),
            step: 41,
        }
    }

    proptest! {
        #[test]
        fn fill_words_equals_word_at_any_offset(first in 0u64..1000, len in 0usize..200) {
            let mut words = vec![0; len];
            address().fill_words(first, &mut words);
            for (offset, &word) in words.iter().enumerate() {
                prop_assert_eq!(word, address().word(first + offset as u64));
            }
        }

        /// Without SIMD, which the test above uses where the processor has it.
        #[test]
        fn fill_blocks_in_baseline_code_equals_word(block in 0u64..1000, len in 0usize..200) {
            let mut words = vec![0; len];
            address().fill_blocks(4 * block, &mut words);
            for (offset, &word) in words.iter().enumerate() {
                prop_assert_eq!(word, address().word(4 * block + offset as u64));
            }
        }

        #[test]
        fn permutation_visits_every_index_once(n in 1usize..3000, seed: u64, epoch: u64) {
            let permutation = Permutation::new(seed, epoch, n);
            let mut seen = vec![false; n];
            for index in 0..n {
                let target = permutation.at(index);
                prop_assert!(!std::mem::replace(&mut seen[target], true));
            }
        }
    }

    #[test]
    fn rng_walks_the_words_of_its_address() {
        let mut rng = address().rng();
        for index in 0..9 {
            assert_eq!(rng.next_u32(), address().word(index));
        }
        let mut bytes = [0; 7];
        address().rng().fill_bytes(&mut bytes);
        assert_eq!(bytes[..4], address().word(0).to_le_bytes());
        assert_eq!(bytes[4..], address().word(1).to_le_bytes()[..3]);
    }

    #[test]
    fn permutation_differs_between_epochs_and_fixes_few_points() {
        let n = 5000;
        let [first, second] = [0, 1].map(|epoch| Permutation::new(9, epoch, n));
        let same = (0..n).filter(|&i| first.at(i) == second.at(i)).count();
        let fixed = (0..n).filter(|&i| first.at(i) == i).count();
        // Both counts are Poisson(1) for random permutations; 12 has probability below 1e-9.
        assert!(same < 12 && fixed < 12, "{same} equal, {fixed} fixed");
    }

    #[test]
    fn unit_open_excludes_both_ends() {
        assert!(unit_open(0) > 0.0);
        assert!(unit_open(u32::MAX) < 1.0);
    }
}
