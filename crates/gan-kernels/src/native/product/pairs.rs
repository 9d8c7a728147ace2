//! Packing for bf16: two terms of a sum, rounded, in the place of one f32 number.
//!
//! The first of the two is in the low half, which is where `vdpbf16ps` looks for it.

use std::ops::Range;

use super::pack::{interleave, transpose_16x16};
use super::{Operand, Product};
use crate::Real;

/// Rows of a tile.
const MR: usize = 12;
/// Columns of a tile.
const NR: usize = 32;

/// `x` to the nearest bf16 number, ties to even; what is no number stays none.
#[inline(always)]
pub(super) fn bf16(x: f32) -> u32 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7FFF + (bits >> 16 & 1)) >> 16;
    if x.is_nan() { 0x7FC0 } else { rounded }
}

#[inline(always)]
fn pair(low: f32, high: f32) -> f32 {
    f32::from_bits(bf16(low) | bf16(high) << 16)
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
pub(super) fn pack_rows<T: Real>(p: &Product<'_, T>, panel: usize, packed: &mut [T]) {
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
        const BLOCK: usize = 16;
        let mut block = [[0.0; BLOCK]; MR];
        for (index, packed) in packed[..whole].chunks_mut(BLOCK).enumerate() {
            for (row, block) in block.iter_mut().enumerate() {
                let source = &data[(first + row) * row_stride + 2 * BLOCK * index..];
                let pairs = source.as_chunks::<2>().0.iter().take(packed.len());
                for (block, &[low, high]) in block.iter_mut().zip(pairs) {
                    *block = pair(low, high);
                }
            }
            let len = packed.len();
            interleave::<f32, MR>(block.each_ref().map(|row| &row[..len]), packed);
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
/// Always inlined into code that is compiled for AVX-512 with bf16.
#[inline(always)]
pub(super) fn pack_cols<T: Real>(
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
    let tiles = packed.chunks_mut(tile_depth * NR);
    for (tile, packed) in tiles.take(cols.len().div_ceil(NR)).enumerate() {
        let cols = cols.start + tile * NR..(cols.start + (tile + 1) * NR).min(cols.end);
        let packed = packed[..depth.len() * NR].as_chunks_mut::<NR>().0;
        if cols.len() < NR {
            packed.fill([0.0; NR]);
        }
        let mut done = 0;
        if col_stride == 1 {
            for (step, packed) in packed[..whole].iter_mut().enumerate() {
                let row = 2 * (depth.start + step);
                let [low, high] = [row, row + 1].map(|row| &data[row * row_stride..][cols.clone()]);
                for ((packed, &low), &high) in packed.iter_mut().zip(low).zip(high) {
                    *packed = pair(low, high);
                }
            }
            done = whole;
        } else if row_stride == 1 && cols.len() == NR {
            done = transpose(
                &data[cols.start * col_stride + 2 * depth.start..],
                col_stride,
                &mut packed[..whole],
            );
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
#[inline(always)]
fn transpose(data: &[f32], stride: usize, packed: &mut [[f32; NR]]) -> usize {
    const SIDE: usize = 16;
    let whole = 2 * packed.len();
    let (blocks, _) = packed.as_chunks_mut::<SIDE>();
    for (index, block) in blocks.iter_mut().enumerate() {
        for first in (0..NR).step_by(SIDE) {
            let mut pairs = [[0.0_f32; SIDE]; SIDE];
            for (row, pairs) in pairs.iter_mut().enumerate() {
                let source = &data[(first + row) * stride..][..whole];
                let source = &source[2 * SIDE * index..][..2 * SIDE];
                for (pairs, &[low, high]) in pairs.iter_mut().zip(source.as_chunks::<2>().0) {
                    *pairs = pair(low, high);
                }
            }
            // SAFETY: the caller's code is compiled for AVX-512; sixteen columns from `first` on.
            unsafe {
                transpose_16x16(
                    pairs.each_ref().map(|row| row.as_ptr()),
                    block[0][first..].as_mut_ptr(),
                    NR,
                );
            }
        }
    }
    blocks.len() * SIDE
}

#[cfg(test)]
mod tests {
    use super::bf16;

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
        ] {
            assert_eq!(bf16(x), rounded, "{x}");
        }
    }
}
