//! The GPU's [`GatherRows`]: a cube for each row, whose record the keyed permutation names.

use cubecl::prelude::*;

use super::GatherRows;
use crate::cube::launch::{buffer, grid, mask, now, place, vectors};
use crate::cube::philox::{Mask, SEED, STEP, mask4, philox};
use crate::cube::tile::{Place, Vec4};
use crate::cube::{Cube, Kept};
use crate::random::{Permutation, Purpose, Stream};

/// Units of a cube.
const UNITS: usize = 64;

/// How records are kept, in the compile-time key.
#[derive_cube_comptime]
enum Kind {
    Floats,
    Bytes,
    BytesPerRow,
}

#[track_caller]
pub(crate) fn run(cube: &Cube, op: GatherRows<'_, Cube>) {
    let records = op.records;
    op.check(records.rows, records.cols);
    let (m, n) = op.y.shape();
    let kind = match records.kept {
        Kept::Floats => Kind::Floats,
        Kept::Bytes => Kind::Bytes,
        Kept::BytesPerRow => Kind::BytesPerRow,
    };
    let half_bits = Permutation::new(0, 0, records.rows).half_bits();
    cube.launch("gather_rows", |client| {
        // SAFETY: the kernel tests every index against the shape of y, and the permutation stays
        // within the records.
        unsafe {
            gather::launch_unchecked(
                client,
                grid(m),
                CubeDim::new_1d(UNITS as u32),
                buffer(&records.data, records.words),
                buffer(&records.maps, records.map_words),
                vectors(op.y.matrix),
                now(op.state),
                place(&op.y.as_rows(), n),
                m as u32,
                records.rows as u32,
                half_bits,
                op.minibatches_per_step as u32,
                op.minibatch as u32,
                mask(op.dropout),
                kind,
                op.dropout.is_some(),
            );
        }
    });
}

#[cube(launch_unchecked)]
fn gather(
    data: &[u32],
    maps: &[f32],
    y: &mut [Vec4],
    state: &[u32],
    place: &Place,
    rows: u32,
    records: u32,
    half_bits: u32,
    minibatches: u32,
    minibatch: u32,
    mask: &Mask,
    #[comptime] kind: Kind,
    #[comptime] dropout: bool,
) {
    let row = CUBE_POS;
    if row >= rows as usize {
        terminate!();
    }
    let mut shared = Shared::<[u32]>::new_slice(1usize);
    if UNIT_POS == 0 {
        shared[0] = record_of(
            state,
            row as u32,
            rows,
            records,
            half_bits,
            minibatches,
            minibatch,
        );
    }
    sync_cube();
    let record = shared[0] as usize;
    let columns = place.free as usize;
    let columns4 = columns.div_ceil(4);
    let first = place.first as usize + row * place.stride as usize;
    let mut scale = 1.0f32;
    let mut offset = 0.0f32;
    if comptime!(kind == Kind::Bytes) {
        scale = maps[0];
        offset = maps[1];
    }
    if comptime!(kind == Kind::BytesPerRow) {
        scale = maps[2 * record];
        offset = maps[2 * record + 1];
    }
    for pass in 0..columns4.div_ceil(UNITS) {
        let column4 = pass * UNITS + UNIT_POS as usize;
        if column4 < columns4 {
            let mut v = Vec4::new(0.0f32);
            #[unroll]
            for lane in 0..4usize {
                let column = column4 * 4 + lane;
                if column < columns {
                    let at = record * columns + column;
                    if comptime!(kind == Kind::Floats) {
                        v.insert(lane, f32::reinterpret(data[at]));
                    } else {
                        let byte = (data[at / 4] >> ((at % 4) as u32 * 8)) & 0xff;
                        v.insert(lane, f32::cast_from(byte) * scale + offset);
                    }
                }
            }
            if comptime!(dropout) {
                v *= mask4(state, mask, row, column4, columns4);
            }
            y[first + column4] = v;
        }
    }
}

/// The record of a row: position `(step · minibatches + minibatch) · rows + row`, through the
/// epoch's permutation.
#[cube]
fn record_of(
    state: &[u32],
    row: u32,
    rows: u32,
    records: u32,
    half_bits: u32,
    minibatches: u32,
    minibatch: u32,
) -> u32 {
    let (low, high) = multiply_add(state[STEP], state[STEP + 1], minibatches, minibatch);
    let (low, high) = multiply_add(low, high, rows, row);
    // Long division, bit by bit; where the quotient fits, the device's own.
    let mut epoch_low = low / records;
    let mut epoch_high = 0u32;
    let mut within = low % records;
    if high > 0 {
        epoch_low = 0u32;
        within = 0u32;
        for bit in 0..64u32 {
            let next = select(bit < 32, high >> (31 - bit % 32), low >> (31 - bit % 32)) & 1;
            // Records are at most 2³¹, so that the remainder does not overflow.
            within = within * 2 + next;
            epoch_high = epoch_high * 2 + (epoch_low >> 31);
            epoch_low *= 2;
            if within >= records {
                within -= records;
                epoch_low += 1;
            }
        }
    }
    permuted(state, within, records, half_bits, epoch_low, epoch_high)
}

/// `(high, low) · factor + summand`, in 64 bits, as (low, high).
#[cube]
fn multiply_add(low: u32, high: u32, factor: u32, summand: u32) -> (u32, u32) {
    let product = low * factor;
    let sum = product + summand;
    let carry = select(sum < product, 1u32, 0u32);
    (sum, high * factor + low.mul_hi(factor) + carry)
}

/// See [`Permutation::at`].
#[cube]
fn permuted(
    state: &[u32],
    index: u32,
    records: u32,
    half_bits: u32,
    epoch_low: u32,
    epoch_high: u32,
) -> u32 {
    let low_half = (1u32 << half_bits) - 1;
    let mut value = index;
    let mut inside = false;
    while !inside {
        let mut left = value >> half_bits;
        let mut right = value & low_half;
        for round in 0..ROUNDS {
            let words = philox(
                right,
                SHUFFLE + round,
                epoch_low,
                epoch_high,
                state[SEED],
                state[SEED + 1],
            );
            let next = left ^ (words.extract(0usize) & low_half);
            left = right;
            right = next;
        }
        value = (left << half_bits) | right;
        inside = value < records;
    }
    value
}

/// Stream of the permutation's first round; those of the others follow.
const SHUFFLE: u32 = Stream::new(Purpose::Shuffle, 0, 0).word();
/// Rounds of the permutation.
const ROUNDS: u32 = Permutation::ROUNDS as u32;
