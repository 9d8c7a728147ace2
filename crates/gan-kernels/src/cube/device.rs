//! The devices of this machine, by name.

use std::fmt;
use std::str::FromStr;

use cubecl::device::{Device, RuntimeId, WgpuBackend, WgpuDeviceKind};
use cubecl::ir::features::MmaConfig;
use cubecl::ir::{ElemType, FloatKind};
use cubecl::prelude::Client;

use super::tile::{Cores, Fragment, Product};
use crate::BackendError;

/// A device by its runtime and its number there, as `cuda:1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeviceName {
    /// Its runtime.
    pub runtime: Runtime,
    /// Its number among the devices of that runtime, from 0.
    pub index: usize,
}

/// The library that drives a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Runtime {
    /// NVIDIA's CUDA.
    Cuda,
    /// AMD's HIP.
    Hip,
    /// wgpu, on Vulkan and nothing else.
    Vulkan,
    /// wgpu, on whatever the system has: Vulkan, Metal, DX12.
    Wgpu,
}

impl Runtime {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Cuda, "cuda"),
        (Self::Hip, "hip"),
        (Self::Vulkan, "vulkan"),
        (Self::Wgpu, "wgpu"),
    ];

    /// Its name, which is that of the feature that links it.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(runtime, _)| *runtime == self)
            .map_or("", |(_, name)| name)
    }

    /// True if this build links it.
    #[must_use]
    pub fn is_linked(self) -> bool {
        match self {
            Self::Cuda => cfg!(feature = "cuda"),
            Self::Hip => cfg!(feature = "hip"),
            Self::Vulkan | Self::Wgpu => cfg!(feature = "wgpu"),
        }
    }

    /// True if a cube can see what another of the same launch has written: WGSL does not promise it.
    pub(super) fn shows_writes(self) -> bool {
        matches!(self, Self::Cuda | Self::Hip)
    }

    /// Its devices, in the order of their numbers; of CUDA and HIP without a look at the others'.
    fn devices(self) -> Vec<Device> {
        let wgpu = || {
            let devices = Device::enumerate_all().into_iter();
            devices.filter(|device| device.runtime() == RuntimeId::Wgpu)
        };
        match self {
            Self::Cuda => (0..).map_while(|at| Device::cuda(at).ok()).collect(),
            Self::Hip => (0..).map_while(|at| Device::rocm(at).ok()).collect(),
            Self::Vulkan => wgpu()
                .filter_map(|device| device.on(WgpuBackend::Vulkan).ok())
                .collect(),
            Self::Wgpu => wgpu().collect(),
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.runtime.name(), self.index)
    }
}

/// `cuda`, `cuda:1`, `wgpu:0`…
impl FromStr for DeviceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, index) = text.split_once(':').unwrap_or((text, "0"));
        let runtime = Runtime::ALL.iter().find(|(_, known)| *known == name);
        let (Some((runtime, _)), Ok(index)) = (runtime, index.parse()) else {
            return Err(format!(
                "found {text}, expected cuda, hip, vulkan or wgpu, with or without a number as in \
                 cuda:1"
            ));
        };
        Ok(Self {
            runtime: *runtime,
            index,
        })
    }
}

/// How the factors of products are rounded; sums, parameters and all else are f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Precision {
    /// Not at all.
    #[default]
    F32,
    /// To 10 bits of mantissa twice, the second time what the first took away, on tensor cores:
    /// three products for one, nearly as exact as f32.
    Tf32x3,
    /// To 10 bits of mantissa, on tensor cores.
    Tf32,
    /// To 7 bits of mantissa, on tensor cores.
    Bf16,
    /// To 10 bits of mantissa and 5 of exponent, on tensor cores.
    F16,
}

impl Precision {
    /// Every precision, the most exact first.
    pub const ALL: [Self; 5] = [Self::F32, Self::Tf32x3, Self::Tf32, Self::Bf16, Self::F16];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Tf32x3 => "tf32x3",
            Self::Tf32 => "tf32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        }
    }

    /// The distance of neighbouring factors relative to them, twice the largest error of rounding;
    /// that of f32 itself for [`Precision::F32`].
    #[must_use]
    pub fn epsilon(self) -> f64 {
        match self {
            Self::F32 => f64::from(f32::EPSILON),
            // The product of both small parts, and what rounding takes from the second of them.
            Self::Tf32x3 => 1.0 / f64::from(1 << 20),
            Self::Tf32 | Self::F16 => 1.0 / 1024.0,
            Self::Bf16 => 1.0 / 128.0,
        }
    }

    /// The part of `client` that multiplies so, if it can.
    pub(crate) fn cores(self, client: &Client) -> Option<Cores> {
        if self == Self::F32 {
            return Some(Cores::Units);
        }
        let properties = client.properties();
        let hardware = &properties.hardware;
        // Which units are a plane must be known to the kernel.
        if hardware.plane_size_min != hardware.plane_size_max {
            return None;
        }
        let plane = hardware.plane_size_max as usize;
        let [factor, sum] = [self.kind(), FloatKind::F32].map(ElemType::Float);
        let sums = |config: &&MmaConfig| {
            (config.a_type, config.b_type, config.cd_type) == (factor, factor, sum)
        };
        let matmul = &properties.features.matmul;
        let depth = 8 * self.packed() as u32;
        let is_registers = |it: &MmaConfig| (it.m, it.n, it.k) == (16, 8, depth);
        let has_room =
            |&cores: &Cores| Product::is_possible(cores, self, hardware.max_shared_memory_size);
        if plane == 32
            && matmul.mma.iter().filter(sums).any(is_registers)
            && has_room(&Cores::Registers)
        {
            return Some(Cores::Registers);
        }
        let fragments = matmul.cmma.iter().filter(sums).map(|config| Fragment {
            m: config.m as usize,
            n: config.n as usize,
            k: config.k as usize,
            plane,
        });
        // A square one reads the least for what it computes.
        fragments
            .filter(|&fragment| has_room(&Cores::Fragments(fragment)))
            .max_by_key(|fragment| (fragment.m.min(fragment.n), fragment.k))
            .map(Cores::Fragments)
    }

    /// That `device` does not offer it, but `offered`.
    pub(crate) fn not_offered(self, device: String, offered: &[Self]) -> BackendError {
        let names: Vec<_> = offered.iter().map(|offered| offered.name()).collect();
        BackendError::Precision {
            device,
            asked: self.name(),
            found: names.join(", "),
        }
    }

    /// The precisions that `client` offers.
    pub(crate) fn offered(client: &Client) -> Vec<Self> {
        let offered = |precision: &Self| precision.cores(client).is_some();
        Self::ALL.into_iter().filter(offered).collect()
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|known| known.name() == text);
        known.ok_or_else(|| format!("found {text}, expected f32, tf32x3, tf32, bf16 or f16"))
    }
}

/// The properties of a device.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DeviceReport {
    /// Its name here.
    pub name: DeviceName,
    /// Its name as its driver has it.
    pub description: String,
    /// True if it is the processor in disguise.
    pub is_software: bool,
    /// Memory in bytes, where the driver tells.
    pub memory: Option<u64>,
    /// Bytes of the largest buffer.
    pub largest_buffer: u64,
    /// Multiprocessors, where the driver tells.
    pub multiprocessors: Option<u32>,
    /// Precisions that it offers.
    pub precisions: Vec<Precision>,
    /// True if an iteration is recorded and replayed.
    pub replays: bool,
}

/// Every device of every runtime that this build links; opens each of them.
#[must_use]
pub fn devices() -> Vec<DeviceReport> {
    let named = Runtime::ALL.into_iter().flat_map(|(runtime, _)| {
        // Vulkan's are among wgpu's, and are not told twice.
        let devices = match runtime {
            Runtime::Vulkan => Vec::new(),
            _ => runtime.devices(),
        };
        let devices = devices.into_iter().enumerate();
        devices.map(move |(index, device)| report(DeviceName { runtime, index }, &device))
    });
    named.collect()
}

fn report(name: DeviceName, device: &Device) -> DeviceReport {
    let client = device.client();
    let properties = client.properties();
    DeviceReport {
        name,
        description: properties.identity.name.clone(),
        is_software: is_software(device),
        memory: properties.memory.max_memory(),
        largest_buffer: properties.memory.max_page_size,
        multiprocessors: properties.hardware.num_streaming_multiprocessors,
        precisions: Precision::offered(&client),
        replays: replays(&client),
    }
}

/// True if lists of launches can be recorded: tried with an empty one.
fn replays(client: &Client) -> bool {
    let prepared = client.graph_prepare().is_ok() && client.start_capture().is_ok();
    // Ends what was prepared, whether or not recording began.
    let recorded = client.stop_capture();
    prepared && recorded.is_ok()
}

fn is_software(device: &Device) -> bool {
    matches!(device, Device::Wgpu(device) if device.kind == WgpuDeviceKind::Cpu)
}

/// The device that is probably the fastest; never the processor in disguise.
///
/// Opens none.
#[must_use]
pub fn best_device() -> Option<DeviceName> {
    [Runtime::Cuda, Runtime::Hip, Runtime::Wgpu]
        .into_iter()
        .find_map(|runtime| {
            let devices = runtime.devices();
            let index = devices.iter().position(|device| !is_software(device))?;
            Some(DeviceName { runtime, index })
        })
}

/// True if a processor in disguise is among the devices.
///
/// Opens none.
#[must_use]
pub fn has_software_device() -> bool {
    Runtime::Wgpu.devices().iter().any(is_software)
}

/// Opens the device `name`; returns what it is called as well.
pub(crate) fn open(name: DeviceName) -> Result<(Client, String), BackendError> {
    if !name.runtime.is_linked() {
        return Err(BackendError::NotLinked {
            asked: name.to_string(),
            feature: name.runtime.name(),
        });
    }
    let devices = name.runtime.devices();
    let Some(device) = devices.get(name.index) else {
        let names = (0..devices.len()).map(|index| DeviceName { index, ..name }.to_string());
        let names: Vec<_> = names.collect();
        let found = match &*names {
            [] => format!("no device of {}", name.runtime.name()),
            names => names.join(", "),
        };
        let asked = name.to_string();
        return Err(BackendError::NoDevice { asked, found });
    };
    let client = device.client();
    let description = client.properties().identity.name.clone();
    Ok((client, description))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_names_are_read_as_they_are_written() {
        for (text, written) in [
            ("cuda", "cuda:0"),
            ("wgpu:3", "wgpu:3"),
            ("vulkan", "vulkan:0"),
        ] {
            let name: DeviceName = text.parse().unwrap();
            assert_eq!(name.to_string(), written);
        }
        for text in ["cuda:", "cuda:x", "gpu", "", ":1", "wgpu:-1"] {
            let error = text.parse::<DeviceName>().unwrap_err();
            assert!(error.contains("expected cuda"), "{error}");
        }
    }

    #[test]
    fn precisions_are_read_as_they_are_written() {
        for precision in Precision::ALL {
            assert_eq!(precision.to_string().parse(), Ok(precision));
        }
        assert!("fp32".parse::<Precision>().is_err());
    }
}
