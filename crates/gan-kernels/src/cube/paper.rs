//! A CUDA device on paper: it keeps the kernels that an iteration would launch and runs none, so
//! that what the compilers make of them can be read where there is no device.
//!
//! To cubecl it is one more runtime, without memory: whatever is read from it is zero.

use std::sync::{Arc, Mutex};

use cubecl::bytes::Bytes;
use cubecl::client::Client;
use cubecl::cuda::compiler::{CudaBackend, CudaCompiler};
use cubecl::cuda::{CudaCompilationOptions, CudaRepresentation, CudaRuntime};
use cubecl::future::DynFut;
use cubecl::ir::features::{Features, MmaConfig};
use cubecl::ir::nvidia::SmArch;
use cubecl::ir::{
    DeviceIdentity, DeviceProperties, ElemType, FloatKind, HardwareProperties,
    MemoryDeviceProperties,
};
use cubecl::profile::{ProfileDuration, TimingMethod};
use cubecl::{Compiler, CubeCount, CubeKernel};
use cubecl_core::device::{DeviceId, DeviceService, ServerUtilitiesHandle, ServiceId};
use cubecl_core::environment::backtrace::BackTrace;
use cubecl_core::environment::stream::StreamId;
use cubecl_llvm::nvptx::ptx_version::PtxVersion;
use cubecl_server::allocator::ContiguousMemoryLayoutPolicy;
use cubecl_server::dry_run::LaunchMode;
use cubecl_server::id::KernelId;
use cubecl_server::kernel::define_kernel;
use cubecl_server::logging::ServerLogger;
use cubecl_server::memory_management::{
    ManagedMemoryHandle, MemoryAllocationMode, StreamMemoryReport,
};
use cubecl_server::runtime::Runtime;
use cubecl_server::server::{
    BufferBinding, CopyDescriptor, IoError, KernelArguments, ProfileError, ProfilingToken, Server,
    ServerCommunication, ServerError, ServerStorage, ServerUtilities,
};
use cubecl_server::storage::{ComputeStorage, ManagedResource, StorageHandle, StorageId};

use super::{Cube, Precision, lock};
use crate::BackendError;

/// Multiprocessors of the H100 that is drawn, by which tiles are chosen.
const MULTIPROCESSORS: u32 = 132;

/// Version of the driver, 13.0: the runtime writes the newest PTX that a driver loads.
const DRIVER: i32 = 13_000;

/// Bytes of shared memory that a cube of it can have.
pub(super) const SHARED: usize = 227 << 10;

/// Bytes at whose multiples the CUDA runtime aligns buffers.
const ALIGNMENT: usize = 512;

/// A launch that a [`Paper`] kept.
pub struct Launched {
    kernel: Box<dyn CubeKernel>,
    cubes: u64,
}

/// A compiled kernel.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// PTX, or C++ where that was asked for.
    pub source: String,
    /// Name of the kernel's entry in it.
    pub entry: String,
    /// Bytes of shared memory that a launch asks for.
    pub shared_memory: usize,
}

/// Where the launches of the devices on paper are kept; a device's number is its place here.
static KEPT: Mutex<Vec<Arc<Mutex<Vec<Launched>>>>> = Mutex::new(Vec::new());

/// An NVIDIA device on paper.
pub struct Paper {
    cube: Cube,
    kept: Arc<Mutex<Vec<Launched>>>,
}

impl Paper {
    /// A device with the limits of an H100 that multiplies in `precision`.
    ///
    /// # Errors
    /// None for the precisions that there are: such a device offers all of them.
    pub fn new(precision: Precision) -> Result<Self, BackendError> {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let number = {
            let mut all = lock(&KEPT);
            all.push(kept.clone());
            all.len() - 1
        };
        let client = Client::load::<Drawn>(DeviceId::new(0, number as u16));
        let Some(cores) = precision.cores(&client) else {
            return Err(precision.not_offered("an NVIDIA device on paper".into(), &[]));
        };
        let name = format!("an NVIDIA device on paper, {precision}");
        let cube = Cube::new(client, None, name, precision, cores);
        Ok(Self {
            // It has no graphs either.
            cube: cube.without_recording(),
            kept,
        })
    }

    /// The back end that launches here.
    #[must_use]
    pub fn cube(&self) -> Cube {
        self.cube.clone()
    }

    /// The launches of `work`, in order, with the names of the operations.
    ///
    /// # Errors
    /// If an operation fails before its launch.
    pub fn launched_by(
        &self,
        work: impl FnOnce(),
    ) -> Result<Vec<(&'static str, Launched)>, BackendError> {
        use crate::Backend;
        // Launches arrive on the device's thread, behind those from before.
        self.cube.check()?;
        lock(&self.kept).clear();
        let names = self.cube.launched_by(work);
        self.cube.check()?;
        let launched = std::mem::take(&mut *lock(&self.kept));
        assert_eq!(names.len(), launched.len(), "an operation of two launches");
        Ok(names.into_iter().zip(launched).collect())
    }
}

impl Launched {
    /// The same for launches of the same kernel, whatever their buffers and grids.
    #[must_use]
    pub fn key(&self) -> impl Eq + std::hash::Hash + use<> {
        self.kernel.id()
    }

    /// The kernel's compile-time key, for people.
    #[must_use]
    pub fn variant(&self) -> String {
        format!("{:?}", self.kernel.id())
    }

    /// Cubes of the grid.
    #[must_use]
    pub fn cubes(&self) -> u64 {
        self.cubes
    }

    /// Units of a cube.
    #[must_use]
    pub fn units(&self) -> u32 {
        let KernelId { cube_dim, .. } = self.kernel.id();
        cube_dim.x * cube_dim.y * cube_dim.z
    }

    /// PTX for compute capability `arch` (90 is Hopper's), as the CUDA runtime compiles it: by
    /// LLVM, so that a machine needs no more than the driver.
    ///
    /// # Errors
    /// The compiler's message.
    pub fn ptx(&self, arch: u32) -> Result<Compiled, BackendError> {
        self.compile(arch, CudaBackend::Llvm)
    }

    /// CUDA C++, as cubecl's other compiler would hand it to NVRTC; this project does not use it.
    ///
    /// # Errors
    /// The compiler's message.
    pub fn cpp(&self, arch: u32) -> Result<Compiled, BackendError> {
        self.compile(arch, CudaBackend::Cpp)
    }

    fn compile(&self, arch: u32, backend: CudaBackend) -> Result<Compiled, BackendError> {
        let failed = |error: &dyn std::fmt::Display| BackendError::Failed {
            reason: error.to_string(),
        };
        let mut options = CudaCompilationOptions {
            arch: Some(SmArch::new(arch, true)),
            ptx_version: PtxVersion::for_driver(DRIVER),
            ..Default::default()
        };
        // What the runtime says of every device since Volta.
        options.cpp.supports_features.grid_constants = true;
        options.cpp.supports_features.fast_math = true;
        options.cpp.supports_features.dp4a = true;
        options.cpp.warp_size = 32;
        let definition = define_kernel(&*self.kernel).map_err(|error| failed(&error))?;
        let entry = definition.settings.kernel_name.clone();
        let compiled = CudaCompiler::new(backend).compile(definition, &options);
        let compiled = compiled.map_err(|error| failed(&error))?;
        let shared_memory = compiled.shared_memory_size();
        let (source, entry) = match compiled {
            CudaRepresentation::Cpp(kernel) => (kernel.source, entry),
            CudaRepresentation::Llvm(module) => {
                // A C string, with the byte that ends it.
                let bytes = module.ptx.iter().map(|&byte| byte as u8);
                let text: Vec<u8> = bytes.take_while(|&byte| byte != 0).collect();
                let text = String::from_utf8_lossy(&text).into_owned();
                (text, module.entrypoint)
            }
        };
        Ok(Compiled {
            source,
            entry,
            shared_memory,
        })
    }
}

/// The properties that cubecl's CUDA runtime gives a Hopper device, as far as our kernels ask.
fn properties() -> DeviceProperties {
    let mut features = Features::default();
    let float = ElemType::Float;
    for (kind, k) in [
        (FloatKind::TF32, 8),
        (FloatKind::BF16, 16),
        (FloatKind::F16, 16),
    ] {
        let config = |n| MmaConfig {
            a_type: float(kind),
            b_type: float(kind),
            cd_type: float(FloatKind::F32),
            m: 16,
            n,
            k,
        };
        features.matmul.mma.insert(config(8));
        features.matmul.cmma.insert(config(16));
    }
    let hardware = HardwareProperties {
        load_width: 128,
        vector_register_count: None,
        plane_size_min: 32,
        plane_size_max: 32,
        max_bindings: 1024,
        max_shared_memory_size: SHARED,
        max_cube_count: (i32::MAX as u32, 65_535, 65_535),
        max_units_per_cube: 1024,
        max_cube_dim: (1024, 1024, 64),
        num_streaming_multiprocessors: Some(MULTIPROCESSORS),
        num_tensor_cores: Some(4),
        min_tensor_cores_dim: Some(8),
        num_cpu_cores: None,
        last_level_cache_size: None,
        max_vector_size: 16,
        cube_mma_reserved_shared_memory: 0,
    };
    DeviceProperties::new(
        features,
        MemoryDeviceProperties::new(80 << 30, ALIGNMENT as u64),
        hardware,
        TimingMethod::System,
        DeviceIdentity {
            name: "paper".into(),
            fingerprint: "paper".into(),
            physical: None,
        },
    )
}

/// cubecl's side of [`Paper`].
#[derive(Debug)]
struct Drawn {
    number: usize,
    utilities: Arc<ServerUtilities>,
}

impl DeviceService for Drawn {
    fn init(device: DeviceId) -> Self {
        let (utilities, _) = ServerUtilities::init(
            ServiceId::of::<Self>(device),
            "paper",
            properties(),
            CudaRuntime::target_properties(),
            Arc::new(ServerLogger::default()),
            ContiguousMemoryLayoutPolicy::new(ALIGNMENT),
        );
        Self {
            number: usize::from(device.index_id),
            utilities: Arc::new(utilities),
        }
    }

    fn utilities(&self) -> ServerUtilitiesHandle {
        self.utilities.clone()
    }
}

impl ServerCommunication for Drawn {}

impl Server for Drawn {
    unsafe fn launch(
        &mut self,
        kernel: Box<dyn CubeKernel>,
        count: CubeCount,
        _arguments: KernelArguments,
        _stream: StreamId,
        _mode: LaunchMode,
    ) {
        let cubes = match count {
            CubeCount::Static(x, y, z) => u64::from(x) * u64::from(y) * u64::from(z),
            CubeCount::Dynamic(_) => 0,
        };
        if let Some(kept) = lock(&KEPT).get(self.number) {
            lock(kept).push(Launched { kernel, cubes });
        }
    }

    fn read(
        &mut self,
        wanted: Vec<CopyDescriptor>,
        _stream: StreamId,
    ) -> DynFut<Result<Vec<Bytes>, ServerError>> {
        let zeros = wanted
            .iter()
            .map(|wanted| Bytes::from_bytes_vec(vec![0; wanted.handle.size_in_used() as usize]));
        let zeros = zeros.collect();
        Box::pin(async move { Ok(zeros) })
    }

    fn initialize_memory(
        &mut self,
        _memory: ManagedMemoryHandle,
        _size: u64,
        _stream: StreamId,
    ) -> Result<(), ServerError> {
        Ok(())
    }

    fn write(&mut self, _values: Vec<(CopyDescriptor, Bytes)>, _stream: StreamId) {}

    fn sync(
        &mut self,
        _buffers: Vec<BufferBinding>,
        _stream: StreamId,
    ) -> DynFut<Result<(), ServerError>> {
        Box::pin(async { Ok(()) })
    }

    fn check(
        &mut self,
        _buffers: Vec<BufferBinding>,
        _stream: StreamId,
    ) -> Result<(), ServerError> {
        Ok(())
    }

    fn flush(&mut self, _stream: StreamId) -> Result<(), ServerError> {
        Ok(())
    }

    fn logger(&self) -> Arc<ServerLogger> {
        self.utilities.logger.clone()
    }

    fn utilities(&self) -> Arc<ServerUtilities> {
        self.utilities.clone()
    }

    fn memory_report(&mut self, _stream: StreamId) -> Option<StreamMemoryReport> {
        None
    }

    fn memory_cleanup(&mut self, _stream: StreamId) -> Result<(), ServerError> {
        Ok(())
    }

    fn start_profile(&mut self, _stream: StreamId) -> Result<ProfilingToken, ServerError> {
        Err(ServerError::graph_state("nothing runs on paper"))
    }

    fn end_profile(
        &mut self,
        _stream: StreamId,
        _token: ProfilingToken,
    ) -> Result<ProfileDuration, ProfileError> {
        Err(ProfileError::Unknown {
            reason: "nothing runs on paper".into(),
            backtrace: BackTrace::capture(),
        })
    }

    fn allocation_mode(&mut self, _mode: MemoryAllocationMode, _stream: StreamId) {}
}

/// Storage that nobody asks for anything.
struct Nothing;

fn nothing() -> IoError {
    IoError::UnsupportedIoOperation {
        backtrace: BackTrace::capture(),
    }
}

impl ComputeStorage for Nothing {
    type Resource = ();

    fn alignment(&self) -> usize {
        ALIGNMENT
    }

    fn get(&mut self, _handle: &StorageHandle) -> Result<(), IoError> {
        Err(nothing())
    }

    fn alloc(&mut self, _size: u64) -> Result<StorageHandle, IoError> {
        Err(nothing())
    }

    fn dealloc(&mut self, _id: StorageId) {}

    fn flush(&mut self) {}

    fn bytes_allocated(&self) -> u64 {
        0
    }
}

impl ServerStorage for Drawn {
    type Storage = Nothing;

    fn get_resource(
        &mut self,
        _buffer: BufferBinding,
        _stream: StreamId,
    ) -> Result<ManagedResource<()>, ServerError> {
        Err(nothing().into())
    }
}
