//! The back end of a GPU: kernels in cubecl, on every runtime that the build links.
//!
//! Four floors, plain functions: `tile` (a product's tile, which knows nothing of bias), `epilogue`
//! and `objective` (elementwise functions), the kernels (a tile and one epilogue) and the operations
//! (shapes and grids), of which the last two are in `ops/<op>/cube.rs`.
//! What they are made of: `operand` (matrices as arguments), `math`, `philox` and `sums`.

mod device;
pub(crate) mod epilogue;
mod error;
mod graph;
pub(crate) mod launch;
pub(crate) mod math;
mod memory;
#[cfg(feature = "cuda")]
mod nccl;
pub(crate) mod objective;
pub(crate) mod operand;
#[cfg(feature = "cuda")]
mod paper;
pub(crate) mod philox;
pub(crate) mod sums;
pub(crate) mod tile;
pub(crate) mod visits;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cubecl::prelude::Client;
use cubecl::server::Handle;

pub use device::{
    DeviceName, DeviceReport, Precision, Runtime, best_device, devices, has_software_device,
};
pub use graph::Recording;
pub(crate) use memory::{
    DeviceMonitors, DeviceRecords, DeviceState, RATE_WORDS, Summed, TABLE_HEAD,
};
#[cfg(feature = "cuda")]
pub use paper::{Compiled, Launched, Paper};

use crate::ops::{LinearBwdParams, for_each_operation, linear_bwd_params};
use crate::{
    Backend, BackendError, Execution, Matrix, Monitor, MonitorSums, Records, Rows, Schedule,
    StepState, Winners,
};
#[cfg(feature = "cuda")]
use crate::{DirectExchange, DirectName};
use tile::{Cores, Product, TILES};

/// The back end of a GPU.
///
/// Cheap to clone; clones share the device.
/// Operations only enqueue kernels; what goes wrong in one is reported by the reads that depend on
/// it, and by [`Backend::check`].
/// Use one `Cube`, with its clones, from one thread: a recorded iteration belongs to the thread
/// that recorded it.
#[derive(Clone)]
pub struct Cube {
    device: Arc<Device>,
    /// True if iterations are recorded, where the runtime can.
    records: bool,
    /// The tile of every product and its step, in place of the best.
    only_tile: Option<(usize, usize)>,
    /// The number of cubes that share a depth, likewise.
    only_shares: Option<usize>,
}

struct Device {
    client: Client,
    /// None of a device on paper.
    name: Option<DeviceName>,
    /// For people: its name here and its driver's.
    description: String,
    precision: Precision,
    /// The part of the device that multiplies.
    cores: Cores,
    /// Kernels launched so far.
    launches: AtomicUsize,
    /// Names of the kernels launched, while somebody listens.
    trace: Mutex<Option<Vec<&'static str>>>,
    /// Numbers that kernels of one operation hand to each other, by how many there is room for.
    scratch: Mutex<Vec<(usize, Handle)>>,
    /// Zeros, to which cubes that share a depth count up and back.
    arrived: Mutex<Vec<(usize, Handle)>>,
    /// The first error before a kernel could be launched; none is launched afterwards.
    failure: Mutex<Option<BackendError>>,
}

impl Cube {
    /// Opens the device `name`.
    ///
    /// # Errors
    /// If the build does not link its runtime, it is not there, or it does not offer `precision`.
    pub fn open(name: DeviceName, precision: Precision) -> Result<Self, BackendError> {
        let (client, description) = device::open(name)?;
        let Some(cores) = precision.cores(&client) else {
            let offered = Precision::offered(&client);
            return Err(precision.not_offered(format!("{name} ({description})"), &offered));
        };
        let text = format!("{name}, {description}, {precision}");
        Ok(Self::new(client, Some(name), text, precision, cores))
    }

    /// Opens the device `name` to compute as NVIDIA's tensor cores of `precision` would, without
    /// them: the same roundings, but for ties, of the same factors in the same registers, slowly.
    ///
    /// For checking the kernels, and what a precision does to a game, where no device offers it.
    ///
    /// # Errors
    /// If the build does not link its runtime, it is not there, or it lacks shared memory.
    pub fn open_emulated(name: DeviceName, precision: Precision) -> Result<Self, BackendError> {
        let (client, description) = device::open(name)?;
        let (how, cores) = match precision {
            Precision::F32 => ("", Cores::Units),
            _ => (" emulated", Cores::Emulated),
        };
        let hardware = &client.properties().hardware;
        if !Product::is_possible(cores, precision, hardware.max_shared_memory_size) {
            let device = format!("{name} ({description})");
            return Err(precision.not_offered(device, &[Precision::F32]));
        }
        let text = format!("{name}, {description}, {precision}{how}");
        Ok(Self::new(client, Some(name), text, precision, cores))
    }

    fn new(
        client: Client,
        name: Option<DeviceName>,
        description: String,
        precision: Precision,
        cores: Cores,
    ) -> Self {
        Self {
            records: true,
            only_tile: None,
            only_shares: None,
            device: Arc::new(Device {
                client,
                name,
                description,
                precision,
                cores,
                launches: AtomicUsize::new(0),
                trace: Mutex::new(None),
                scratch: Mutex::new(Vec::new()),
                arrived: Mutex::new(Vec::new()),
                failure: Mutex::new(None),
            }),
        }
    }

    /// The same device, on which every iteration is launched anew.
    ///
    /// For comparing the two, and for profilers that do not see into a recorded list.
    #[must_use]
    pub fn without_recording(mut self) -> Self {
        self.records = false;
        self
    }

    /// How many tiles products are made of, see [`Self::with_tile`].
    #[must_use]
    pub fn tiles() -> usize {
        TILES.len()
    }

    /// The same device, where products are made of the tile `at` of [`Self::tiles`] in steps of
    /// that depth, in place of what is probably the fastest; `None` without room for it.
    ///
    /// For checking each tile on small products.
    ///
    /// # Panics
    /// If there is no such tile.
    #[must_use]
    pub fn with_tile(mut self, at: usize, step: usize) -> Option<Self> {
        assert!(at < TILES.len(), "with_tile: {at} of {}", TILES.len());
        self.only_tile = Some((at, step));
        let is_pinned = |(a, b)| {
            let p = self.product(a, b, 1, |_| 1);
            let tile = TILES[at];
            (p.tile.bm, p.tile.bn, p.tile.step) == (tile.bm, tile.bn, step)
        };
        Product::LAYOUTS.into_iter().all(is_pinned).then_some(self)
    }

    /// The same device, where so many cubes share the depth of each tile that they may, in place of
    /// what is probably the fastest.
    #[must_use]
    pub fn with_shares(mut self, shares: usize) -> Self {
        self.only_shares = Some(shares.max(1));
        self
    }

    /// How factors of products are rounded.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.device.precision
    }

    /// The names of the kernels that `work` launches, in order.
    pub fn launched_by(&self, work: impl FnOnce()) -> Vec<&'static str> {
        *lock(&self.device.trace) = Some(Vec::new());
        work();
        lock(&self.device.trace).take().unwrap_or_default()
    }

    /// cubecl's own handle on the device, for kernels of other libraries beside these.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.device.client
    }

    /// Enqueues one kernel, unless something has already failed.
    pub(crate) fn launch(&self, name: &'static str, kernel: impl FnOnce(&Client)) {
        if lock(&self.device.failure).is_some() {
            return;
        }
        self.device.launches.fetch_add(1, Ordering::Relaxed);
        if let Some(names) = &mut *lock(&self.device.trace) {
            names.push(name);
        }
        kernel(&self.device.client);
    }

    /// Multiprocessors that want work; a guess where the driver does not tell.
    pub(crate) fn multiprocessors(&self) -> usize {
        const GUESS: u32 = 32;
        let hardware = &self.device.client.properties().hardware;
        hardware.num_streaming_multiprocessors.unwrap_or(GUESS) as usize
    }

    /// CUDA's number of the device.
    #[cfg(feature = "cuda")]
    fn cuda_index(&self) -> Result<usize, BackendError> {
        let name = self.device.name;
        let name = name.filter(|name| name.runtime == Runtime::Cuda);
        let reason = || format!("{}: no device of CUDA", self.device.description);
        name.map(|name| name.index)
            .ok_or_else(|| BackendError::Failed { reason: reason() })
    }

    /// True if a cube sees what another of the same launch has written.
    fn shows_writes(&self) -> bool {
        let name = self.device.name;
        name.is_none_or(|name| name.runtime.shows_writes())
    }

    fn launches(&self) -> usize {
        self.device.launches.load(Ordering::Relaxed)
    }

    fn fail(&self, failure: BackendError) {
        lock(&self.device.failure).get_or_insert(failure);
    }

    fn fail_recording(&self, error: &cubecl::server::ServerError) {
        let reason = format!("a recorded iteration: {}", self.error(error));
        self.fail(BackendError::Failed { reason });
    }

    fn failed(&self) -> Result<(), BackendError> {
        lock(&self.device.failure).clone().map_or(Ok(()), Err)
    }

    fn error(&self, error: &cubecl::server::ServerError) -> BackendError {
        error::from_server(error, self.largest_buffer(), self.free_memory())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

macro_rules! forward {
    ($($module:ident: $Arguments:ident $(-> $Result:ty)?,)*) => {
        $(
            fn $module(&self, op: crate::ops::$Arguments<'_, Self>) $(-> $Result)? {
                crate::ops::$module::cube::run(self, op)
            }
        )*
    };
}

impl Backend for Cube {
    type Elem = f32;
    type Storage = Handle;
    type Bytes = Handle;
    type State = DeviceState;
    type Monitors = DeviceMonitors;
    type Resident = DeviceRecords;
    type Recording = Recording;

    fn description(&self) -> String {
        self.device.description.clone()
    }

    fn matrix(&self, rows: usize, cols: usize) -> Matrix<Self> {
        // Rows begin at multiples of four elements and their padding is zero, so that kernels read
        // vectors of four without looking.
        let stride = cols.next_multiple_of(4);
        Matrix {
            storage: self.zeros(rows * stride * size_of::<f32>()),
            rows,
            cols,
            stride,
        }
    }

    fn write(&self, matrix: &mut Matrix<Self>, values: &[f32]) {
        let (rows, cols, stride) = (matrix.rows, matrix.cols, matrix.stride);
        assert_eq!(values.len(), rows * cols, "write: number of values");
        let mut padded = vec![0.0; rows * stride];
        if cols > 0 {
            let rows = padded
                .chunks_exact_mut(stride)
                .zip(values.chunks_exact(cols));
            rows.for_each(|(row, values)| row[..cols].copy_from_slice(values));
        }
        self.upload(&matrix.storage, &padded);
    }

    fn read(&self, rows: Rows<'_, Self>) -> Result<Vec<f32>, BackendError> {
        let Matrix {
            storage,
            cols,
            stride,
            ..
        } = rows.matrix;
        if rows.count * cols == 0 {
            return Ok(Vec::new());
        }
        let values: Vec<f32> = self.download(storage)?;
        let rows = values
            .chunks_exact(*stride)
            .skip(rows.first)
            .take(rows.count);
        Ok(rows.flat_map(|row| row[..*cols].iter().copied()).collect())
    }

    fn winners(&self, rows: usize, cols: usize) -> Winners<Self> {
        // A word each: WGSL has no bytes.
        Winners {
            bytes: self.zeros(rows * cols * size_of::<u32>()),
            rows,
            cols,
        }
    }

    fn resident(&self, records: Records) -> DeviceRecords {
        DeviceRecords::new(self, &records)
    }

    fn state(&self, state: StepState) -> DeviceState {
        DeviceState::new(self, &state)
    }

    fn upload_rates(&self, state: &mut DeviceState, schedule: &Schedule, step: u64) {
        state.upload_rates(self, schedule, step);
    }

    fn monitors(&self) -> DeviceMonitors {
        DeviceMonitors::new()
    }

    fn take_monitors(&self, monitors: &mut DeviceMonitors) -> Result<MonitorSums, BackendError> {
        monitors.take(self)
    }

    fn give_back_monitors(&self, monitors: &mut DeviceMonitors, sums: MonitorSums) {
        monitors.given_back = sums;
    }

    for_each_operation!(forward);

    fn linear_bwd_params_each<'a>(
        &self,
        ops: impl Iterator<Item = LinearBwdParams<'a, Self>>,
        monitor: Option<(&mut DeviceMonitors, Monitor)>,
    ) {
        linear_bwd_params::cube::run_each(self, ops, monitor);
    }

    #[cfg(feature = "cuda")]
    fn can_exchange_directly(&self) -> bool {
        self.cuda_index().is_ok() && nccl::Nccl::is_found()
    }

    #[cfg(feature = "cuda")]
    fn direct_name(&self) -> Result<DirectName, BackendError> {
        nccl::Nccl::name()
    }

    #[cfg(feature = "cuda")]
    fn direct(
        &self,
        name: &DirectName,
        rank: usize,
        size: usize,
    ) -> Result<Box<dyn DirectExchange<Self>>, BackendError> {
        Ok(Box::new(nccl::Nccl::join(
            self.cuda_index()?,
            name,
            rank,
            size,
        )?))
    }

    fn repeat(&self, recording: &mut Recording, iteration: impl FnMut()) {
        recording.repeat(self, iteration);
    }

    fn execution(&self, recording: &Recording) -> Option<Execution> {
        recording.execution()
    }

    fn check(&self) -> Result<(), BackendError> {
        self.failed()?;
        let synced = cubecl::future::block_on(self.device.client.sync());
        synced.map_err(|error| self.error(&error))
    }
}
