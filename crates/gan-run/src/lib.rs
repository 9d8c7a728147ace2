//! A run as a library: its configuration and presets, its directory, what is recorded in it, and the loop
//! that trains and writes.
//!
//! `gan-cli`, the benches, the tests and the examples stand on it.
//!
//! ```
//! use gan_run::config::Overrides;
//! use gan_run::device::{Device, DeviceChoice, PrecisionChoice};
//! use gan_run::event::{Event, Observer};
//! use gan_run::model::Model;
//! use gan_run::plan::Plan;
//! use gan_run::run_dir::Existing;
//!
//! /// Tells of readings, and never stops a run.
//! struct Printer;
//!
//! impl Observer for Printer {
//!     fn event(&mut self, event: &Event<'_>) {
//!         if let Event::Metrics { line, .. } = event {
//!             println!("step {}: V = {:.3} nats", line.metrics.step, line.metrics.value);
//!         }
//!     }
//!
//!     fn progress(&mut self, _step: u64) {}
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let run = std::env::temp_dir().join(format!("ring-{}", std::process::id()));
//! let mut changes = Overrides::default(); // As after `--set`.
//! changes.set("run.steps=20")?;
//! changes.set("data.count=300")?;
//! let (precision, threads) = (PrecisionChoice::F32, None);
//! let open = || Device::open(DeviceChoice::Cpu, precision, threads).map(|(device, _why)| device);
//! let plan = Plan::new_run("ring8", &changes, Some(&run), Existing::Keep)?;
//! plan.train(open()?, precision, &mut Printer)?;
//!
//! let model = Model::load(&run)?; // Its last checkpoint.
//! let samples = model.generator(&open()?)?.sample(1, 0, 100)?;
//! assert_eq!(samples.len(), 100 * model.cols);
//! # std::fs::remove_dir_all(&run)?;
//! # Ok(())
//! # }
//! ```
//!
//! | feature | adds |
//! |---|---|
//! | `runs`, on by default | runs in directories, with pictures and a log; without it there are games in memory alone ([`live`]), which also compile for WebAssembly |
//! | `wgpu` | GPUs through Vulkan, Metal, DX12 or WebGPU |
//! | `vulkan`, `metal` | the same by SPIR-V or Metal's own language, where the device takes it |
//! | `cuda`, `hip` | NVIDIA's and AMD's GPUs; both link LLVM when they are built |
//!
//! Nothing here prints, reads a command line or listens to signals: what happens is told to the
//! caller, and what goes wrong is a [`Problem`](problem::Problem).

#![cfg_attr(
    not(feature = "runs"),
    allow(
        dead_code,
        unused_imports,
        reason = "some parts serve runs in directories alone"
    )
)]

// What trains into a directory is left out where there is none, with all that draws.
#[cfg(feature = "runs")]
mod calibration;
#[cfg(feature = "runs")]
mod condition;
pub mod config;
#[cfg(feature = "runs")]
pub mod device;
pub mod diagnosis;
#[cfg(feature = "runs")]
pub mod evaluation;
pub mod event;
#[cfg(feature = "runs")]
pub mod export;
mod given;
pub mod live;
#[cfg(feature = "runs")]
pub mod model;
#[cfg(feature = "runs")]
pub mod pictures;
#[cfg(feature = "runs")]
pub mod plan;
#[cfg(feature = "runs")]
pub mod players;
mod prepared;
mod probe;
pub mod problem;
#[cfg(feature = "runs")]
mod protobuf;
mod reading;
pub mod record;
#[cfg(feature = "runs")]
pub mod report;
#[cfg(feature = "runs")]
pub mod rival;
#[cfg(feature = "runs")]
pub mod run_data;
#[cfg(feature = "runs")]
pub mod run_dir;
#[cfg(feature = "runs")]
pub mod sampling;
#[cfg(feature = "runs")]
mod stopping;
#[cfg(feature = "runs")]
pub mod tensorboard;
pub mod text;
pub mod theory;
#[cfg(feature = "runs")]
pub mod together;
#[cfg(feature = "runs")]
pub mod training;
