//! The GPU's [`GatherRows`]: a cube for each row, whose record the keyed permutation names.

use cubecl::prelude::*;

use super::GatherRows;
use crate::RecordFormat;
use crate::cube::Cube;
use crate::cube::epilogue::{Mask, drop_out, mask};
use crate::cube::launch::launch;
use crate::cube::operand::{Operand, Vec4, buffer, now, store, vectors};
use crate::cube::philox::{SEED, STEP, philox};
use crate::random::{Permutation, Purpose, Stream};

/// Units of a cube: an image of MNIST takes 196.
const UNITS: usize = 256;

#[track_caller]
pub(crate) fn run(cube: &Cube, op: GatherRows<'_, Cube>) {
    let records = op.records;
    op.check(records.rows, records.cols);
    let (m, _) = op.y.shape();
    let shuffle = ShuffleLaunch::new(
        now(op.state),
        records.rows as u32,
        Permutation::new(0, 0, records.rows).half_bits(),
        op.minibatches_per_step as u32,
        op.minibatch as u32,
    );
    launch!(gather_rows(
        buffer(&records.data, records.words), buffer(&records.maps, records.map_words),
        vectors(op.y.as_rows()), shuffle, mask(op.dropout, records.cols, op.state), records.format
    ) on cube, [m, UNITS]);
}

/// The numbers that say which record a row is.
#[derive(CubeType, CubeLaunch)]
struct Shuffle {
    state: Box<[u32]>,
    /// Records of the data set.
    records: u32,
    /// Of the permutation, see [`Permutation::half_bits`].
    half_bits: u32,
    /// Minibatches of a step, and which of them this one is.
    minibatches: u32,
    minibatch: u32,
}

#[cube(launch_unchecked)]
fn gather_rows(
    data: &[u32],
    maps: &[f32],
    y: &mut Operand<Vec4>,
    shuffle: &Shuffle,
    dropout: &ComptimeOption<Mask>,
    #[comptime] format: RecordFormat,
) {
    let row = CUBE_POS;
    if row >= y.rows as usize {
        terminate!();
    }
    let mut shared = Shared::<[u32]>::new_slice(1usize);
    if UNIT_POS == 0 {
        shared[0] = record_of(shuffle, row as u32, y.rows);
    }
    sync_cube();
    let record = shared[0] as usize;
    let columns = y.columns as usize;
    let columns4 = columns.div_ceil(4);
    let mut scale = 1.0f32;
    let mut offset = 0.0f32;
    if comptime!(format == RecordFormat::Bytes) {
        scale = maps[0];
        offset = maps[1];
    }
    if comptime!(format == RecordFormat::BytesPerRow) {
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
                    if comptime!(format == RecordFormat::Floats) {
                        v.insert(lane, f32::reinterpret(data[at]));
                    } else {
                        let byte = (data[at / 4] >> ((at % 4) as u32 * 8)) & 0xff;
                        v.insert(lane, f32::cast_from(byte) * scale + offset);
                    }
                }
            }
            let v = drop_out(v, dropout, row, column4);
            store(y, row, column4, v);
        }
    }
}

/// The record of a row: position `(step · minibatches + minibatch) · rows + row`, through the
/// epoch's permutation.
#[cube]
fn record_of(shuffle: &Shuffle, row: u32, rows: u32) -> u32 {
    let (low, high) = (shuffle.state[STEP], shuffle.state[STEP + 1]);
    let (low, high) = multiply_add(low, high, shuffle.minibatches, shuffle.minibatch);
    let (low, high) = multiply_add(low, high, rows, row);
    let records = shuffle.records;
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
    permuted(shuffle, within, epoch_low, epoch_high)
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
fn permuted(shuffle: &Shuffle, index: u32, epoch_low: u32, epoch_high: u32) -> u32 {
    let half_bits = shuffle.half_bits;
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
                shuffle.state[SEED],
                shuffle.state[SEED + 1],
            );
            let next = left ^ (words.extract(0usize) & low_half);
            left = right;
            right = next;
        }
        value = (left << half_bits) | right;
        inside = value < shuffle.records;
    }
    value
}

/// Stream of the permutation's first round; those of the others follow.
const SHUFFLE: u32 = Stream::new(Purpose::Shuffle, 0, 0).word();
/// Rounds of the permutation.
const ROUNDS: u32 = Permutation::ROUNDS as u32;
