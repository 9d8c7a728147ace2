//! Packing for bf16: two terms of a sum, rounded, in the place of one f32 number.
//!
//! The first of the two is in the low half, which is where `vdpbf16ps` looks for it.

use std::ops::Range;

use std::arch::x86_64::{
    __m512i, _mm512_cvtne2ps_pbh, _mm512_loadu_ps, _mm512_permutexvar_epi16, _mm512_setr_epi32,
    _mm512_storeu_si512,
};

use super::pack::{PACK_AHEAD, interleave, transpose_16x16};
use super::{Operand, Product};
use crate::Real;
use crate::native::shared_rows::{Level, prefetch};

/// Rows of a tile.
const MR: usize = 12;
/// Columns of a tile.
const NR: usize = 32;

/// `x` to the nearest bf16 number, ties to even, as the processor does it: denormal numbers become
/// zero, and what is no number stays none.
#[inline(always)]
pub(super) fn bf16(x: f32) -> u32 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7FFF + (bits >> 16 & 1)) >> 16;
    if x.is_nan() {
        0x7FC0
    } else if x.abs() < f32::MIN_POSITIVE {
        bits >> 31 << 15
    } else {
        rounded
    }
}

#[inline(always)]
fn pair(low: f32, high: f32) -> f32 {
    f32::from_bits(bf16(low) | bf16(high) << 16)
}

/// As many pairs as a register holds.
const PAIRS: usize = 16;

/// The first sixteen numbers of two rows, rounded, as pairs of a column each.
///
/// # Safety
/// There are sixteen of each, and room for sixteen pairs.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn pairs_of_rows(low: *const f32, high: *const f32, pairs: *mut f32) {
    /// Words i and 16 + i side by side.
    const fn side_by_side(i: i32) -> i32 {
        i | (16 + i) << 16
    }
    // SAFETY: the caller's promise; registers of one size, whatever is in them.
    unsafe {
        let both = _mm512_cvtne2ps_pbh(_mm512_loadu_ps(high), _mm512_loadu_ps(low));
        let both = std::mem::transmute::<std::arch::x86_64::__m512bh, __m512i>(both);
        let order = _mm512_setr_epi32(
            const { side_by_side(0) },
            const { side_by_side(1) },
            const { side_by_side(2) },
            const { side_by_side(3) },
            const { side_by_side(4) },
            const { side_by_side(5) },
            const { side_by_side(6) },
            const { side_by_side(7) },
            const { side_by_side(8) },
            const { side_by_side(9) },
            const { side_by_side(10) },
            const { side_by_side(11) },
            const { side_by_side(12) },
            const { side_by_side(13) },
            const { side_by_side(14) },
            const { side_by_side(15) },
        );
        _mm512_storeu_si512(pairs.cast(), _mm512_permutexvar_epi16(order, both));
    }
}

/// The first 32 numbers of a row, rounded, as sixteen pairs.
///
/// # Safety
/// There are as many, and room for sixteen pairs.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn pairs_of_row(row: *const f32, pairs: *mut f32) {
    // SAFETY: the caller's promise; registers of one size, whatever is in them.
    unsafe {
        let both = _mm512_cvtne2ps_pbh(_mm512_loadu_ps(row.add(PAIRS)), _mm512_loadu_ps(row));
        let both = std::mem::transmute::<std::arch::x86_64::__m512bh, __m512i>(both);
        _mm512_storeu_si512(pairs.cast(), both);
    }
}

/// A product of f32 numbers as what it is.
///
/// # Panics
/// If it is one of f64 numbers, which have no pairs.
#[inline(always)]
fn of_f32<'a, 'b, T: Real>(
    p: &'b Product<'a, T>,
    packed: &'b mut [T],
) -> (&'b Product<'a, f32>, &'b mut [f32]) {
    assert_eq!(size_of::<T>(), size_of::<f32>(), "pairs of f32 numbers");
    // SAFETY: the only `Real` of four bytes is f32.
    unsafe {
        (
            &*std::ptr::from_ref(p).cast(),
            &mut *(std::ptr::from_mut(packed) as *mut [f32]),
        )
    }
}

/// As `pack_rows`, in pairs.
///
/// # Safety
/// The processor has these instructions.
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx512bf16,avx2,fma")]
pub(super) unsafe fn pack_rows<T: Real>(p: &Product<'_, T>, panel: usize, packed: &mut [T]) {
    let (p, packed) = of_f32(p, packed);
    let Operand {
        data,
        row_stride,
        col_stride,
    } = p.a;
    let first = panel * MR;
    let rows = MR.min(p.m - first);
    let packed = packed.as_chunks_mut::<MR>().0;
    let whole = p.k / 2;
    if rows == MR && row_stride == 1 {
        for (step, packed) in packed[..whole].iter_mut().enumerate() {
            let [low, high] =
                [2 * step, 2 * step + 1].map(|depth| &data[depth * col_stride + first..][..MR]);
            for ((packed, &low), &high) in packed.iter_mut().zip(low).zip(high) {
                *packed = pair(low, high);
            }
        }
    } else if rows == MR && col_stride == 1 {
        let mut block = [[0.0; PAIRS]; MR];
        for (index, packed) in packed[..whole].chunks_mut(PAIRS).enumerate() {
            for (row, block) in block.iter_mut().enumerate() {
                let source = &data[(first + row) * row_stride + 2 * PAIRS * index..];
                if packed.len() == PAIRS {
                    let source = &source[..2 * PAIRS];
                    // SAFETY: as many numbers, and room for their pairs; compiled for it.
                    unsafe { pairs_of_row(source.as_ptr(), block.as_mut_ptr()) };
                    continue;
                }
                let pairs = source.as_chunks::<2>().0.iter().take(packed.len());
                for (block, &[low, high]) in block.iter_mut().zip(pairs) {
                    *block = pair(low, high);
                }
            }
            let len = packed.len();
            let mut rows = [&[][..]; MR];
            for (row, block) in rows.iter_mut().zip(&block) {
                *row = &block[..len];
            }
            interleave::<f32, MR>(rows, packed);
        }
    } else {
        packed.fill([0.0; MR]);
        for (step, packed) in packed[..whole].iter_mut().enumerate() {
            for (row, packed) in packed[..rows].iter_mut().enumerate() {
                let at = (first + row) * row_stride + 2 * step * col_stride;
                *packed = pair(data[at], data[at + col_stride]);
            }
        }
    }
    if !p.k.is_multiple_of(2) {
        packed[whole] = [0.0; MR];
        for (row, packed) in packed[whole][..rows].iter_mut().enumerate() {
            *packed = pair(
                data[(first + row) * row_stride + (p.k - 1) * col_stride],
                0.0,
            );
        }
    }
}

/// As `pack_cols`, in pairs; `depth` counts them.
///
/// # Safety
/// The code that it is inlined into is compiled for AVX-512 with bf16, and the processor has it.
#[inline(always)]
pub(super) unsafe fn pack_cols<T: Real>(
    p: &Product<'_, T>,
    depth: Range<usize>,
    cols: Range<usize>,
    packed: &mut [T],
    tile_depth: usize,
) {
    let (p, packed) = of_f32(p, packed);
    let Operand {
        data,
        row_stride,
        col_stride,
    } = p.b;
    // Pairs of which both terms exist.
    let whole = depth.end.min(p.k / 2) - depth.start;
    if col_stride == 1 {
        // Row by row, so that memory is read in runs as long as the strip is wide.
        for step in 0..whole {
            let row = 2 * (depth.start + step);
            let rows = &data[row * row_stride + cols.start..][..row_stride + cols.len()];
            for ahead in [row, row + 1] {
                let ahead = (ahead + PACK_AHEAD) * row_stride + cols.start;
                prefetch(data, ahead, cols.len(), Level::First);
            }
            let (low, high) = (&rows[..cols.len()], &rows[row_stride..]);
            let parts = low
                .as_chunks::<PAIRS>()
                .0
                .iter()
                .zip(high.as_chunks::<PAIRS>().0);
            for (part, (low, high)) in parts.enumerate() {
                let (tile, half) = (part * PAIRS / NR, part * PAIRS % NR);
                let to = &mut packed[(tile * tile_depth + step) * NR + half..][..PAIRS];
                // SAFETY: sixteen numbers each, and room for their pairs; the caller's code is
                // compiled for it.
                unsafe { pairs_of_rows(low.as_ptr(), high.as_ptr(), to.as_mut_ptr()) };
            }
        }
    }
    let tiles = packed.chunks_mut(tile_depth * NR);
    for (tile, packed) in tiles.take(cols.len().div_ceil(NR)).enumerate() {
        let cols = cols.start + tile * NR..(cols.start + (tile + 1) * NR).min(cols.end);
        let packed = packed[..depth.len() * NR].as_chunks_mut::<NR>().0;
        let mut done = 0;
        if cols.len() < NR {
            packed.fill([0.0; NR]);
        } else if col_stride == 1 {
            done = whole;
        }
        if row_stride == 1 && cols.len() == NR {
            let source = &data[cols.start * col_stride + 2 * depth.start..];
            // SAFETY: the caller's promise.
            done = unsafe { transpose(source, col_stride, &mut packed[..whole]) };
        }
        for (step, packed) in packed.iter_mut().enumerate().skip(done) {
            let row = 2 * (depth.start + step);
            for (packed, col) in packed.iter_mut().zip(cols.clone()) {
                let at = row * row_stride + col * col_stride;
                let high = if step < whole {
                    data[at + row_stride]
                } else {
                    0.0
                };
                *packed = pair(data[at], high);
            }
        }
    }
}

/// Packs NR rows of `data` as columns of pairs, sixteen at a time; returns how many are done.
///
/// # Safety
/// As [`pack_cols`].
#[inline(always)]
unsafe fn transpose(data: &[f32], stride: usize, packed: &mut [[f32; NR]]) -> usize {
    let whole = 2 * packed.len();
    let (blocks, _) = packed.as_chunks_mut::<PAIRS>();
    for (index, block) in blocks.iter_mut().enumerate() {
        for first in (0..NR).step_by(PAIRS) {
            let mut pairs = [[0.0_f32; PAIRS]; PAIRS];
            let mut rows = [std::ptr::null(); PAIRS];
            for ((row, pairs), pointer) in pairs.iter_mut().enumerate().zip(&mut rows) {
                let source = &data[(first + row) * stride..][..whole];
                let source = &source[2 * PAIRS * index..][..2 * PAIRS];
                // SAFETY: as many numbers, and room for their pairs; the caller's code is compiled
                // for it.
                unsafe { pairs_of_row(source.as_ptr(), pairs.as_mut_ptr()) };
                *pointer = pairs.as_ptr();
            }
            // SAFETY: the caller's code is compiled for AVX-512; sixteen columns from `first` on.
            unsafe {
                let columns = &mut block.as_flattened_mut()[first..];
                transpose_16x16(rows, columns.as_mut_ptr(), NR);
            }
        }
    }
    blocks.len() * PAIRS
}

#[cfg(test)]
mod tests {
    use super::{PAIRS, bf16, pairs_of_row, pairs_of_rows};

    #[test]
    fn bf16_rounds_to_nearest_even_and_keeps_what_is_no_number() {
        for (x, rounded) in [
            (1.0, 0x3F80),
            (-2.5, 0xC020),
            // Halfway between two: the even one.
            (1.0 + 1.0 / 256.0, 0x3F80),
            (1.0 + 3.0 / 256.0, 0x3F82),
            (1.0 + 1.1 / 256.0, 0x3F81),
            (f32::MAX, 0x7F80),
            (f32::INFINITY, 0x7F80),
            (f32::NEG_INFINITY, 0xFF80),
            (f32::NAN, 0x7FC0),
            (f32::from_bits(0x7FFF_FFFF), 0x7FC0),
            (0.0, 0),
            (-0.0, 0x8000),
            (f32::MIN_POSITIVE, 0x0080),
            (f32::from_bits(0x007F_FFFF), 0),
            (-f32::from_bits(0x0040_0000), 0x8000),
        ] {
            assert_eq!(bf16(x), rounded, "{x}");
        }
    }

    /// A sample must not depend on which of them a row meets.
    #[test]
    fn processor_and_code_round_alike() {
        if !std::arch::is_x86_feature_detected!("avx512bf16") {
            return;
        }
        // Every exponent, with fractions around a tie; no NaN, of which only that it is one counts.
        let words = (0..1_u32 << 17).map(|i| i << 15 | (i.wrapping_mul(2_654_435_761) >> 30));
        let numbers = words.map(f32::from_bits).filter(|x| !x.is_nan());
        let numbers: Vec<f32> = numbers.collect();
        for row in numbers.as_chunks::<32>().0 {
            let (low, high) = row.split_at(PAIRS);
            let (mut of_row, mut of_rows) = ([0.0_f32; PAIRS], [0.0_f32; PAIRS]);
            // SAFETY: the processor has bf16 products, and so all that comes before; as many
            // numbers, and room for their pairs.
            unsafe {
                pairs_of_row(row.as_ptr(), of_row.as_mut_ptr());
                pairs_of_rows(low.as_ptr(), high.as_ptr(), of_rows.as_mut_ptr());
            }
            for i in 0..PAIRS {
                let pair = |low: f32, high: f32| bf16(low) | bf16(high) << 16;
                let (a, b) = (of_row[i].to_bits(), of_rows[i].to_bits());
                assert_eq!(a, pair(row[2 * i], row[2 * i + 1]), "{row:?}");
                assert_eq!(b, pair(low[i], high[i]), "{row:?}");
            }
        }
        let (nan, mut pairs) = ([f32::NAN; 2 * PAIRS], [0.0; PAIRS]);
        // SAFETY: as above.
        unsafe { pairs_of_row(nan.as_ptr(), pairs.as_mut_ptr()) };
        let halves = pairs
            .iter()
            .flat_map(|pair| [pair.to_bits() << 16, pair.to_bits()]);
        assert!(halves.into_iter().all(|half| f32::from_bits(half).is_nan()));
    }
}
