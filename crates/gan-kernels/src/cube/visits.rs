//! The record that stands at each position of a game, on the device: the same one as on the CPU.

use cubecl::prelude::*;

use super::operand::{buffer, now};
use super::philox::{SEED, STEP, philox};
use super::{Cube, DeviceState};
use crate::random::{Permutation, Purpose, Stream};
use crate::{RecordFormat, RowGroups};

/// The numbers that say which record a row is.
#[derive(CubeType, CubeLaunch)]
pub(crate) struct Visits {
    state: Box<[u32]>,
    /// Records of the data set.
    records: u32,
    /// Of the permutation, see [`Permutation::half_bits`].
    half_bits: u32,
    /// Rows of a step, and which of them is the first here.
    rows_per_step: u32,
    first_row: u32,
    /// The words of groups that records are drawn from.
    groups: ComptimeOption<Groups>,
}

/// See [`RowGroups`].
#[derive(CubeType, CubeLaunch)]
struct Groups {
    words: Box<[u32]>,
    count: u32,
}

/// The visits from row `first` on of the `per_step` rows of a step, of so many records.
pub(crate) fn visits(
    state: &DeviceState,
    records: usize,
    [per_step, first]: [usize; 2],
    groups: Option<&RowGroups<Cube>>,
) -> VisitsLaunch {
    let groups = groups.map(|groups| {
        let words = &groups.words;
        GroupsLaunch::new(buffer(&words.data, words.words), groups.groups as u32)
    });
    VisitsLaunch::new(
        now(state),
        records as u32,
        Permutation::new(0, 0, records).half_bits(),
        per_step as u32,
        first as u32,
        groups.into(),
    )
}

/// The record of a row: position `step · rows_per_step + first_row + row`, drawn from the
/// groups or, where there are none, through the epoch's permutation.
#[cube]
pub(crate) fn record_of(visits: &Visits, row: u32) -> u32 {
    let (low, high) = (visits.state[STEP], visits.state[STEP + 1]);
    let row = visits.first_row + row;
    let (low, high) = multiply_add(low, high, visits.rows_per_step, row);
    #[comptime]
    match &visits.groups {
        ComptimeOption::Some(groups) => drawn(visits, groups, low, high),
        ComptimeOption::None => shuffled(visits, low, high),
    }
}

/// The record at a position of the shuffled order.
#[cube]
fn shuffled(visits: &Visits, low: u32, high: u32) -> u32 {
    let records = visits.records;
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
    permuted(visits, within, epoch_low, epoch_high)
}

/// The record at a position, drawn from groups.
#[cube]
fn drawn(visits: &Visits, groups: &Groups, position_low: u32, position_high: u32) -> u32 {
    let random = philox(
        0u32,
        DRAWN,
        position_low,
        position_high,
        visits.state[SEED],
        visits.state[SEED + 1],
    );
    let chosen = random.extract(0usize);
    let count = groups.count as usize;
    let mut low = 0usize;
    let mut high = count - 1;
    while low < high {
        let middle = (low + high) / 2;
        if groups.words[middle] > chosen {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    let start = groups.words[count + low];
    let end = groups.words[count + low + 1];
    // The high half of the product: a number below that of the group's records.
    let within = random.extract(1usize).mul_hi(end - start);
    groups.words[2 * count + 1 + (start + within) as usize]
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
fn permuted(visits: &Visits, index: u32, epoch_low: u32, epoch_high: u32) -> u32 {
    let half_bits = visits.half_bits;
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
                visits.state[SEED],
                visits.state[SEED + 1],
            );
            let next = left ^ (words.extract(0usize) & low_half);
            left = right;
            right = next;
        }
        value = (left << half_bits) | right;
        inside = value < visits.records;
    }
    value
}

/// Stream of the permutation's first round; those of the others follow.
const SHUFFLE: u32 = Stream::new(Purpose::Shuffle, 0, 0).word();
/// Rounds of the permutation.
const ROUNDS: u32 = Permutation::ROUNDS as u32;
/// Stream of what is drawn from groups.
const DRAWN: u32 = Stream::new(Purpose::Shuffle, 1, 0).word();

/// Factor and summand of the values of a record.
#[cube]
pub(crate) fn map_of(maps: &[f32], record: usize, #[comptime] format: RecordFormat) -> (f32, f32) {
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
    (scale, offset)
}

/// Value `at` of a data set.
#[cube]
pub(crate) fn value_at(
    data: &[u32],
    at: usize,
    scale: f32,
    offset: f32,
    #[comptime] format: RecordFormat,
) -> f32 {
    if comptime!(format == RecordFormat::Floats) {
        f32::reinterpret(data[at])
    } else {
        let byte = (data[at / 4] >> ((at % 4) as u32 * 8)) & 0xff;
        f32::cast_from(byte) * scale + offset
    }
}
