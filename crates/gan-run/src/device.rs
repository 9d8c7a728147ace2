//! The back end that computes: the processor or a GPU.
//!
//! A further back end costs a variant of [`Device`] and an arm of each function that hands the back
//! end on; a further runtime of GPUs costs one word of `RUNTIMES`.

use std::fmt;
use std::str::FromStr;

#[cfg(feature = "gpu")]
use gan_kernels::cube::{self, Cube};
use gan_kernels::{Backend, BackendError, Native};
use serde::Serialize;

use crate::problem::Problem;

/// The runtimes that drive GPUs, each under the name of the feature that links it.
const RUNTIMES: [&str; 4] = ["cuda", "hip", "vulkan", "wgpu"];

/// In the place of a number, that of the process on its machine.
const LOCAL: &str = "local";

/// The device that the user asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The first hardware GPU, otherwise the processor.
    Auto,
    /// The processor.
    Cpu,
    /// A GPU by name, whether or not this build can drive it.
    Gpu {
        /// One of `RUNTIMES`.
        runtime: &'static str,
        /// Number of the device within the runtime.
        index: usize,
    },
    /// The GPU whose number is that of the process on its machine, where several play together.
    LocalGpu {
        /// One of `RUNTIMES`.
        runtime: &'static str,
    },
}

impl DeviceChoice {
    /// The choice of process number `process` on its machine.
    #[must_use]
    pub fn of_process(self, process: usize) -> Self {
        match self {
            Self::LocalGpu { runtime } => Self::Gpu {
                runtime,
                index: process,
            },
            _ => self,
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Gpu { runtime, index } => write!(f, "{runtime}:{index}"),
            Self::LocalGpu { runtime } => write!(f, "{runtime}:{LOCAL}"),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => return Ok(Self::Auto),
            "cpu" => return Ok(Self::Cpu),
            _ => {}
        }
        let (name, index) = text.split_once(':').unwrap_or((text, "0"));
        let runtime = RUNTIMES.into_iter().find(|known| *known == name);
        if let (Some(runtime), LOCAL) = (runtime, index) {
            return Ok(Self::LocalGpu { runtime });
        }
        match (runtime, index.parse()) {
            (Some(runtime), Ok(index)) => Ok(Self::Gpu { runtime, index }),
            _ => Err(format!(
                "expected auto, cpu, {}, or one of these GPUs by its number as in cuda:1, or by that \
                 of the process on its machine as in cuda:local",
                RUNTIMES.join(", ")
            )),
        }
    }
}

/// How factors of matrix products are rounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PrecisionChoice {
    /// Not at all.
    #[default]
    F32,
    /// Nearly not at all: three products for one on tensor cores of 10 bits.
    Tf32x3,
    /// To 10 bits, on tensor cores.
    Tf32,
    /// To 7 bits, on tensor cores or by a processor's own instructions.
    Bf16,
    /// To 10 bits and a small range, on tensor cores.
    F16,
}

impl PrecisionChoice {
    /// All of them, the default first.
    pub const ALL: [Self; 5] = [Self::F32, Self::Tf32x3, Self::Tf32, Self::Bf16, Self::F16];

    /// Its name, which the user types, and how it rounds, in words.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::F32 => ("f32", "Not at all"),
            Self::Tf32x3 => (
                "tf32x3",
                "Nearly not at all: three products for one on tensor cores of 10 bits",
            ),
            Self::Tf32 => ("tf32", "To 10 bits, on tensor cores"),
            Self::Bf16 => (
                "bf16",
                "To 7 bits, on tensor cores, or on a processor that has such products (AVX-512 \
                 with bf16)",
            ),
            Self::F16 => ("f16", "To 10 bits and a small range, on tensor cores"),
        }
    }

    /// Its name, which the user types.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.words().0
    }

    /// How it rounds, in words.
    #[must_use]
    pub const fn description(self) -> &'static str {
        self.words().1
    }

    /// The flag that asks for it, with a space before; empty for the default.
    #[must_use]
    pub fn flag(self) -> String {
        if self == Self::default() {
            String::new()
        } else {
            format!(" --precision {}", self.name())
        }
    }
}

impl fmt::Display for PrecisionChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for PrecisionChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut all = Self::ALL.into_iter();
        all.find(|precision| precision.name() == text)
            .ok_or_else(|| format!("expected one of {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// A back end that was opened.
pub enum Device {
    /// Plain Rust on the processor.
    Cpu(Native<f32>),
    /// Kernels on a GPU.
    #[cfg(feature = "gpu")]
    Gpu(Cube),
}

impl Device {
    /// Opens the device that `choice` means here, with `threads` threads if it is the processor, and
    /// says why it is this one.
    ///
    /// A device that cannot be opened is an error and never replaced by a slower one.
    ///
    /// # Errors
    /// If the back end cannot start, or does not compute in `precision`.
    pub fn open(
        choice: DeviceChoice,
        precision: PrecisionChoice,
        threads: Option<usize>,
    ) -> Result<(Self, &'static str), Problem> {
        let (resolved, why) = resolve(choice);
        if resolved != DeviceChoice::Cpu {
            return Ok((gpu(resolved, precision)?, why));
        }
        let native = Native::new(threads)?;
        let native = match precision {
            PrecisionChoice::F32 => Ok(native),
            PrecisionChoice::Bf16 => native.with_bf16().map_err(|_| "which has no bf16 products"),
            _ => Err("which offers f32, and bf16 where it has AVX-512 with bf16"),
        };
        let native = native.map_err(|offers| {
            Problem::usage(format!(
                "--precision {precision}: found the device cpu ({why}), {offers}"
            ))
            .hint("leave --precision away, or name a GPU with --device; `gan-cli info` lists them")
        })?;
        Ok((Self::Cpu(native), why))
    }

    /// The name of the device, and how it computes.
    #[must_use]
    pub fn description(&self) -> String {
        match self {
            Self::Cpu(native) => native.description(),
            #[cfg(feature = "gpu")]
            Self::Gpu(cube) => cube.description(),
        }
    }
}

#[cfg(feature = "gpu")]
fn gpu(choice: DeviceChoice, precision: PrecisionChoice) -> Result<Device, BackendError> {
    let no_device = |found| BackendError::NoDevice {
        asked: choice.to_string(),
        found,
    };
    let name = choice.to_string().parse().map_err(no_device)?;
    let precision = precision.name().parse().map_err(no_device)?;
    Cube::open(name, precision).map(Device::Gpu)
}

#[cfg(not(feature = "gpu"))]
fn gpu(choice: DeviceChoice, _: PrecisionChoice) -> Result<Device, BackendError> {
    let feature = match choice {
        DeviceChoice::Gpu { runtime, .. } | DeviceChoice::LocalGpu { runtime } => runtime,
        DeviceChoice::Auto | DeviceChoice::Cpu => "gpu",
    };
    Err(BackendError::NotLinked {
        asked: choice.to_string(),
        feature,
    })
}

/// The device that `choice` leads to here, by name, and why; opens none.
#[must_use]
pub fn resolve(choice: DeviceChoice) -> (DeviceChoice, &'static str) {
    match choice {
        DeviceChoice::Auto => best(),
        DeviceChoice::LocalGpu { .. } => (choice.of_process(0), "as asked"),
        _ => (choice, "as asked"),
    }
}

#[cfg(feature = "gpu")]
fn best() -> (DeviceChoice, &'static str) {
    let best = cube::best_device().map(|name| name.to_string().parse());
    match best {
        Some(Ok(choice)) => (choice, "auto: the first GPU"),
        _ if cube::has_software_device() => (DeviceChoice::Cpu, "auto: no hardware GPU"),
        _ => (DeviceChoice::Cpu, "auto: no GPU found"),
    }
}

#[cfg(not(feature = "gpu"))]
fn best() -> (DeviceChoice, &'static str) {
    (DeviceChoice::Cpu, "auto: built for the CPU")
}

/// A device that this build can use.
#[derive(Debug, Serialize)]
pub struct DeviceInfo {
    /// Its name for `--device`.
    pub name: String,
    /// Its name as the driver has it.
    pub description: String,
    /// Memory in bytes, where the driver tells.
    pub memory: Option<u64>,
    /// Size of the largest buffer in bytes, where there is such a limit.
    pub largest_buffer: Option<u64>,
    /// The precisions that it offers.
    pub precisions: Vec<String>,
    /// True if iterations are recorded once and then replayed.
    pub replays: bool,
    /// True if it is a GPU that the processor plays.
    pub software: bool,
}

/// Every device that this build can use; opens each of them.
///
/// # Errors
/// If the processor's threads cannot start.
pub fn all() -> Result<Vec<DeviceInfo>, BackendError> {
    let native = Native::<f32>::new(None)?;
    let mut all = vec![DeviceInfo {
        name: DeviceChoice::Cpu.to_string(),
        description: native.description(),
        memory: None,
        largest_buffer: None,
        precisions: cpu_precisions(&native),
        replays: false,
        software: false,
    }];
    all.extend(gpus());
    Ok(all)
}

fn cpu_precisions(native: &Native<f32>) -> Vec<String> {
    let bf16 = native
        .clone()
        .with_bf16()
        .ok()
        .map(|_| PrecisionChoice::Bf16);
    let offered = [PrecisionChoice::F32].into_iter().chain(bf16);
    offered.map(|precision| precision.name().into()).collect()
}

#[cfg(feature = "gpu")]
fn gpus() -> Vec<DeviceInfo> {
    let info = |report: cube::DeviceReport| DeviceInfo {
        name: report.name.to_string(),
        description: report.description,
        memory: report.memory,
        largest_buffer: Some(report.largest_buffer),
        precisions: report.precisions.iter().map(ToString::to_string).collect(),
        replays: report.replays,
        software: report.is_software,
    };
    cube::devices().into_iter().map(info).collect()
}

#[cfg(not(feature = "gpu"))]
fn gpus() -> Vec<DeviceInfo> {
    Vec::new()
}

/// The features that link a runtime and are on in this build.
#[must_use]
pub fn features() -> Vec<&'static str> {
    let all = [
        cfg!(feature = "wgpu").then_some("wgpu"),
        cfg!(feature = "vulkan").then_some("vulkan"),
        cfg!(feature = "metal").then_some("metal"),
        cfg!(feature = "cuda").then_some("cuda"),
        cfg!(feature = "hip").then_some("hip"),
    ];
    all.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_choices_are_read_as_they_are_written() {
        for (text, written) in [
            ("auto", "auto"),
            ("cpu", "cpu"),
            ("cuda", "cuda:0"),
            ("wgpu:3", "wgpu:3"),
        ] {
            let choice: DeviceChoice = text.parse().unwrap();
            assert_eq!(choice.to_string(), written);
        }
        for text in ["gpu", "", "cpu:0", "auto:1", "wgpu:", "wgpu:-1", "CUDA"] {
            let error = text.parse::<DeviceChoice>().unwrap_err();
            assert!(error.contains("auto, cpu, cuda"), "{error}");
        }
    }

    #[cfg(feature = "gpu")]
    #[test]
    fn names_are_those_of_the_kernels() {
        for runtime in RUNTIMES {
            let choice = DeviceChoice::Gpu { runtime, index: 2 };
            let name: cube::DeviceName = choice.to_string().parse().unwrap();
            assert_eq!(name.to_string(), choice.to_string());
        }
        let names = cube::Precision::ALL.map(cube::Precision::name);
        assert_eq!(PrecisionChoice::ALL.map(PrecisionChoice::name), names);
    }
}
