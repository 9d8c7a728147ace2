//! What lies on the device: matrices' storage, the step state, the monitors, a data set.

use std::borrow::Cow;
use std::sync::Mutex;

use cubecl::MemoryScope;
use cubecl::bytes::Bytes;
use cubecl::prelude::*;
use cubecl::server::Handle;

use super::launch::grid;
use super::operand::{Vec4, buffer};
use super::philox::RATES;
use super::{Cube, lock};
use crate::{
    Affine, BackendError, ByteScale, Monitor, MonitorSums, Rates, RecordFormat, Records, Schedule,
    StepState, Values,
};

/// Bytes of a vector; no buffer is shorter.
const VECTOR: usize = 16;
/// Units of the cubes that write zeros.
const UNITS: usize = 256;
/// Values that kernels can count in one buffer: their indices have 32 bits.
const COUNTED: u64 = 1 << 32;

impl Cube {
    /// `bytes` bytes of zeros, made on the device; a vector at least, since no buffer is empty.
    pub(super) fn zeros(&self, bytes: usize) -> Handle {
        let handle = self.room(bytes);
        if self.failed().is_ok() {
            let vectors = bytes.div_ceil(VECTOR).max(1);
            let (cubes, units) = (vectors.div_ceil(UNITS), CubeDim::new_1d(UNITS as u32));
            // SAFETY: the kernel tests every index, and has no loop.
            unsafe {
                clear::launch_unchecked(
                    self.client(),
                    grid(cubes),
                    units,
                    buffer(&handle, vectors),
                );
            }
        }
        handle
    }

    /// A buffer of `values`.
    pub(crate) fn buffer_of<T: CubeElement>(&self, values: &[T]) -> Handle {
        let bytes = T::as_bytes(values);
        if let Err(failure) = self.fits(bytes.len() as u64) {
            self.fail(failure);
            return self.client().empty(VECTOR);
        }
        self.client().create_from_slice(&padded(bytes))
    }

    /// A buffer of `bytes` bytes, rounded up to whole vectors, that nobody has written.
    fn room(&self, bytes: usize) -> Handle {
        let bytes = bytes.next_multiple_of(VECTOR).max(VECTOR);
        if let Err(failure) = self.fits(bytes as u64) {
            self.fail(failure);
            return self.client().empty(VECTOR);
        }
        self.client().empty(bytes)
    }

    /// `floats` numbers that one operation's kernels hand to the next; another operation overwrites
    /// them. Makes room at the first call, and keeps what a recorded iteration may name.
    pub(crate) fn scratch(&self, floats: usize) -> Handle {
        self.kept(&self.device.scratch, floats)
    }

    /// A zero for each of `tiles` tiles, likewise; operations leave zeros behind.
    pub(crate) fn arrived(&self, tiles: usize) -> Handle {
        self.kept(&self.device.arrived, tiles)
    }

    fn kept(&self, all: &Mutex<Vec<(usize, Handle)>>, words: usize) -> Handle {
        let mut all = lock(all);
        if let Some((_, handle)) = all.iter().find(|(room, _)| *room >= words) {
            return handle.clone();
        }
        let room = words.next_power_of_two();
        let handle = self.zeros(room * size_of::<f32>());
        all.push((room, handle.clone()));
        handle
    }

    /// Overwrites a buffer from its beginning, in the order of the launches.
    pub(super) fn upload<T: CubeElement>(&self, buffer: &Handle, values: &[T]) {
        if self.failed().is_ok() && !values.is_empty() {
            let bytes = padded(T::as_bytes(values)).into_owned();
            self.client().write(buffer, Bytes::from_bytes_vec(bytes));
        }
    }

    /// The contents of a buffer, once all that writes it is done.
    pub(crate) fn download<T: CubeElement>(&self, buffer: &Handle) -> Result<Vec<T>, BackendError> {
        let mut contents = self.download_all(vec![buffer.clone()])?;
        Ok(contents.pop().unwrap_or_default())
    }

    /// The contents of several buffers, for one wait.
    fn download_all<T: CubeElement>(
        &self,
        buffers: Vec<Handle>,
    ) -> Result<Vec<Vec<T>>, BackendError> {
        self.failed()?;
        if buffers.is_empty() {
            return Ok(Vec::new());
        }
        let contents = self.client().read(buffers);
        let contents = contents.map_err(|error| self.error(&error))?;
        let values = |bytes| T::from_bytes(bytes).to_vec();
        Ok(contents.iter().map(|bytes| values(bytes)).collect())
    }

    /// Bytes that are left, where the device tells how many it has.
    pub(super) fn free_memory(&self) -> Option<u64> {
        let all = self.client().properties().memory.max_memory()?;
        let report = self.client().memory_report(MemoryScope::Device);
        Some(all.saturating_sub(report.usage().bytes_reserved))
    }

    /// Bytes that one buffer may have: on this device, and so that its words can be counted.
    pub(super) fn largest_buffer(&self) -> u64 {
        let allowed = self.client().properties().memory.max_page_size;
        allowed.min(COUNTED * size_of::<f32>() as u64)
    }

    fn fits(&self, bytes: u64) -> Result<(), BackendError> {
        let largest = self.largest_buffer();
        if bytes > largest {
            return Err(BackendError::BufferTooLarge { bytes, largest });
        }
        // Small ones come from pages that are there already.
        const WORTH_ASKING: u64 = 1 << 24;
        match self.free_memory() {
            Some(free) if bytes > WORTH_ASKING && bytes > free => Err(BackendError::OutOfMemory {
                needed: bytes,
                free: Some(free),
            }),
            _ => Ok(()),
        }
    }

    /// Whether `records` fit on the device and, if they are computed, into the machine's memory on
    /// their way there, twice: as they are and as words.
    fn takes(&self, records: &Records) -> Result<(), BackendError> {
        let (each, are_computed) = match records.values() {
            Values::Bytes { .. } => (1, false),
            Values::ComputedBytes { .. } => (1, true),
            Values::Floats(_) => (4, false),
            Values::Computed(_) => (4, true),
        };
        let values = (records.rows() as u64).saturating_mul(records.cols() as u64);
        let bytes = values.saturating_mul(each);
        if values > COUNTED {
            let largest = COUNTED * each;
            return Err(BackendError::BufferTooLarge { bytes, largest });
        }
        if !are_computed {
            return Ok(());
        }
        self.fits(bytes)?;
        let needed = bytes.saturating_mul(2);
        match crate::free_memory() {
            Some(free) if needed > free => Err(BackendError::HostMemory { needed, free }),
            _ => Ok(()),
        }
    }
}

/// At least a vector: zeros behind what is shorter.
fn padded(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut padded = Cow::Borrowed(bytes);
    if bytes.len() < VECTOR {
        padded.to_mut().resize(VECTOR, 0);
    }
    padded
}

#[cube(launch_unchecked)]
fn clear(values: &mut [Vec4]) {
    let at = CUBE_POS * UNITS + UNIT_POS as usize;
    if at < values.len() {
        values[at] = Vec4::new(0.0f32);
    }
}

/// A [`StepState`] on the device.
///
/// The rates of many iterations lie there in advance, as the processor computed them, since they
/// follow from the step number alone: so an iteration needs nothing from the host, and both back
/// ends use the same bits.
pub struct DeviceState {
    /// Seed, step, and the current rates: see [`philox`](super::philox).
    pub(crate) now: Handle,
    /// The first step of the table, an unused word, and the rates of each step.
    pub(crate) table: Handle,
    pub(crate) slots: usize,
    /// The step, as the host counts it.
    pub(crate) step: u64,
    /// Steps whose rates are in the table.
    ready: std::ops::Range<u64>,
}

/// Words of one update's rates: η, μ, Adam's corrected η, and its second correction.
pub(crate) const RATE_WORDS: usize = 4;
/// Words before the first rates of the table.
pub(crate) const TABLE_HEAD: usize = 4;

impl DeviceState {
    /// Iterations whose rates are given in advance.
    const BLOCK: u64 = 1024;

    pub(super) fn new(cube: &Cube, state: &StepState) -> Self {
        let slots = state.rates.len();
        let halves = |word: u64| [word as u32, (word >> 32) as u32];
        let mut now = [halves(state.seed), halves(state.step)].concat();
        now.resize(RATES, 0);
        now.extend(state.rates.iter().flat_map(words));
        Self {
            now: cube.buffer_of(&now),
            table: cube.zeros(Self::table_words(slots) * size_of::<u32>()),
            slots,
            step: state.step,
            ready: 0..0,
        }
    }

    fn table_words(slots: usize) -> usize {
        TABLE_HEAD + Self::BLOCK as usize * slots * RATE_WORDS
    }

    /// Words of the current state.
    pub(crate) fn now_len(&self) -> usize {
        RATES + self.slots * RATE_WORDS
    }

    /// Words of the table.
    pub(crate) fn table_len(&self) -> usize {
        Self::table_words(self.slots)
    }

    /// Makes sure that the two iterations after `step`, which is the current one, have their rates
    /// on the device.
    ///
    /// Two: recording an iteration goes through its launches twice.
    pub(super) fn upload_rates(&mut self, cube: &Cube, schedule: &Schedule, step: u64) {
        self.step = step;
        self.give_rates(cube, schedule, 2);
    }

    /// Makes sure that the `count` iterations after the current one have their rates on the device.
    ///
    /// Nothing may be uploaded while launches are recorded: an upload would become one of them.
    pub(crate) fn give_rates(&mut self, cube: &Cube, schedule: &Schedule, count: u64) {
        let (first, last) = (self.step + 1, self.step + count);
        if self.ready.contains(&first) && self.ready.contains(&last) {
            return;
        }
        self.ready = first..first + Self::BLOCK;
        let mut table = vec![first as u32, 0, 0, 0];
        table.reserve(self.table_len());
        for step in self.ready.clone() {
            let rates = (0..self.slots).map(|slot| words(&schedule.rates(step, slot)));
            table.extend(rates.flatten());
        }
        cube.upload(&self.table, &table);
    }
}

/// Rates as the processor's own update takes them, each rounded once.
fn words(rates: &Rates) -> [u32; RATE_WORDS] {
    [
        rates.learning_rate,
        rates.momentum,
        rates.learning_rate * rates.first_correction,
        rates.second_correction,
    ]
    .map(|rate| (rate as f32).to_bits())
}

/// [`MonitorSums`] on the device.
///
/// A sum is two floats, the second of which keeps what the first rounds away; the last monitor is
/// the two halves of an integer.
/// Each cube of a kernel has sums of its own, which nobody else writes, so that the result does not
/// depend on the order of the cubes. Kernels that follow each other use the same ones.
pub struct DeviceMonitors {
    partial: Vec<Partial>,
    /// Sums that were taken and given back, which the next ones go on from.
    pub(super) given_back: MonitorSums,
}

/// Partial sums, one block for each cube of a kernel.
struct Partial {
    of: Summed,
    sums: Handle,
    cubes: usize,
}

/// The monitors of a block of partial sums.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Summed {
    /// Every monitor, two words each.
    All,
    /// One alone, in two words.
    One(Monitor),
}

impl Summed {
    /// Words of a block.
    pub(crate) const fn words(self) -> usize {
        match self {
            Self::All => 2 * Monitor::COUNT,
            Self::One(_) => 2,
        }
    }
}

impl DeviceMonitors {
    pub(super) fn new() -> Self {
        Self {
            partial: Vec::new(),
            given_back: MonitorSums::default(),
        }
    }

    /// Partial sums for a kernel of `cubes` cubes; makes room at the first call.
    pub(crate) fn partial(&mut self, cube: &Cube, of: Summed, cubes: usize) -> Handle {
        let fits = |partial: &&Partial| partial.of == of && partial.cubes >= cubes;
        if let Some(partial) = self.partial.iter().find(fits) {
            return partial.sums.clone();
        }
        let cubes = cubes.next_power_of_two();
        let sums = cube.zeros(cubes * of.words() * size_of::<u32>());
        self.partial.push(Partial {
            of,
            sums: sums.clone(),
            cubes,
        });
        sums
    }

    /// Reads all sums and sets them to zero, in place: a recorded iteration names these buffers.
    pub(super) fn take(&mut self, cube: &Cube) -> Result<MonitorSums, BackendError> {
        let mut taken = std::mem::take(&mut self.given_back);
        let buffers = self.partial.iter().map(|partial| partial.sums.clone());
        let found = cube.download_all::<u32>(buffers.collect())?;
        for (Partial { of, sums, .. }, words) in self.partial.iter().zip(found) {
            for block in words.chunks_exact(of.words()) {
                match *of {
                    Summed::One(monitor) => taken[monitor] += sum(block),
                    Summed::All => add_all(&mut taken, block),
                }
            }
            cube.upload(sums, &vec![0u32; words.len()]);
        }
        Ok(taken)
    }
}

/// A sum from its two floats.
fn sum(pair: &[u32]) -> f64 {
    let floats = pair.iter().map(|&word| f64::from(f32::from_bits(word)));
    floats.sum()
}

/// Adds one cube's sums of every monitor.
fn add_all(taken: &mut MonitorSums, block: &[u32]) {
    const FIRST: usize = Monitor::FirstNonFinite as usize;
    for (monitor, pair) in block.chunks_exact(2).enumerate() {
        if monitor != FIRST {
            taken.0[monitor] += sum(pair);
            continue;
        }
        let first = (u64::from(pair[1]) << 32 | u64::from(pair[0])) as f64;
        let earlier = taken.0[FIRST] == 0.0 || first < taken.0[FIRST];
        if first > 0.0 && earlier {
            taken.0[FIRST] = first;
        }
    }
}

/// A data set on the device.
pub struct DeviceRecords {
    /// Floats, or bytes four to a word.
    pub(crate) data: Handle,
    pub(crate) words: usize,
    /// Factor and summand of all records or of each.
    pub(crate) maps: Handle,
    pub(crate) map_words: usize,
    pub(crate) format: RecordFormat,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
}

impl DeviceRecords {
    pub(super) fn new(cube: &Cube, records: &Records) -> Self {
        let (scale, offset) = (1.0, 0.0);
        let unchanged = [Affine { scale, offset }];
        let word = |bytes: &[u8]| {
            let mut word = [0; 4];
            word[..bytes.len()].copy_from_slice(bytes);
            u32::from_le_bytes(word)
        };
        let of_bytes = |data: &[u8]| data.chunks(4).map(word).collect();
        let of_floats = |data: &[f32]| data.iter().map(|x| x.to_bits()).collect();
        let words: Vec<u32> = match (cube.takes(records), records.values()) {
            (Err(failure), _) => {
                cube.fail(failure);
                Vec::new()
            }
            (Ok(()), Values::Bytes { data, .. }) => of_bytes(data),
            (Ok(()), Values::Floats(data)) => of_floats(data),
            (Ok(()), Values::ComputedBytes { rows, .. }) => of_bytes(&rows.all(records.cols())),
            (Ok(()), Values::Computed(rows)) => of_floats(&rows.all(records.cols())),
        };
        let maps = match records.values().scale() {
            Some(ByteScale::Uniform(map)) => std::slice::from_ref(map),
            Some(ByteScale::PerRow(maps)) => maps,
            None => &unchanged,
        };
        let maps: Vec<f32> = maps
            .iter()
            .flat_map(|map| [map.scale, map.offset])
            .collect();
        Self {
            words: words.len(),
            map_words: maps.len(),
            data: cube.buffer_of(&words),
            maps: cube.buffer_of(&maps),
            format: records.format(),
            rows: records.rows(),
            cols: records.cols(),
        }
    }
}
