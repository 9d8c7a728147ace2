//! The commands, one module each: its arguments, and `run`.

pub(crate) mod completions;
pub(crate) mod data;
pub(crate) mod evaluate;
pub(crate) mod export;
pub(crate) mod figure;
pub(crate) mod info;
pub(crate) mod presets;
pub(crate) mod report;
pub(crate) mod rival;
pub(crate) mod sample;
pub(crate) mod sweep;
pub(crate) mod train;
pub(crate) mod watch;

use std::path::Path;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, RangedU64ValueParser, TypedValueParser};
use gan_run::device::{Device, DeviceChoice, PrecisionChoice};
use gan_run::model::Model;
use gan_run::problem::Problem;
use gan_run::text::thousands;

use crate::output::Output;

/// The heading of flags that few need: they stand last in `--help`, and not at all in `-h`.
const EXPERTS: &str = "For experts";

/// The device that computes, and its precision.
#[derive(Clone, Debug, Args)]
pub(crate) struct DeviceArgs {
    /// Device that computes: auto, cpu, or a GPU as cuda, hip, vulkan or wgpu, with a number as in
    /// cuda:1; auto is the first hardware GPU, otherwise the CPU.
    #[arg(long, value_name = "DEVICE", env = "GAN_DEVICE", default_value_t = DeviceChoice::Auto)]
    pub(crate) device: DeviceChoice,
    /// How factors of matrix products are rounded; the CPU has f32, and on some processors bf16.
    #[arg(long, value_parser = precision(), default_value_t, hide_short_help = true,
          help_heading = EXPERTS)]
    pub(crate) precision: PrecisionChoice,
    /// CPU threads [default: all]; the numbers do not depend on it.
    #[arg(long, value_name = "N", env = "GAN_THREADS", allow_negative_numbers = true,
          hide_short_help = true, help_heading = EXPERTS,
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=4096))]
    pub(crate) threads: Option<usize>,
}

impl DeviceArgs {
    /// The same in process number `process` of those on this machine.
    #[cfg(feature = "mpi")]
    pub(crate) fn of_process(&self, process: usize) -> Self {
        Self {
            device: self.device.of_process(process),
            ..self.clone()
        }
    }

    /// Opens the device.
    ///
    /// # Errors
    /// If it cannot start, or does not compute in this precision.
    pub(crate) fn open(&self) -> Result<Device, Problem> {
        let (device, _) = Device::open(self.device, self.precision, self.threads)?;
        Ok(device)
    }

    /// Opens the device, and says which it is and why.
    ///
    /// # Errors
    /// If it cannot start, or does not compute in this precision.
    pub(crate) fn open_and_say(&self, output: Output) -> Result<Device, Problem> {
        let (device, why) = Device::open(self.device, self.precision, self.threads)?;
        let line = format!("device   {} ({why})", device.description());
        if line.len() <= output.columns() {
            output.line(line);
        } else {
            output.line(format!("device   {}", device.description()));
            output.line(format!("         {why}"));
        }
        Ok(device)
    }
}

/// Loads a run or a checkpoint, and says which newer checkpoints were passed over.
///
/// # Errors
/// If there is none that can be read.
pub(crate) fn load_model(from: &Path, output: Output) -> Result<Model, Problem> {
    let model = Model::load(from)?;
    for warning in &model.warnings {
        output.notice(format!("warning: {warning}"));
    }
    Ok(model)
}

/// Says of a training what its data are: the records to train, to validate and to test on.
pub(crate) fn say_data(output: Output, source: &str, records: [usize; 3], notes: &[String]) {
    let [train, valid, test] = records.map(thousands);
    output.line(format!(
        "data     {source}: {train} to train, {valid} to validate, {test} to test"
    ));
    for note in notes {
        output.line(format!("note     {note}"));
    }
}

/// Reads a precision, and lists them all in the help.
fn precision() -> impl TypedValueParser<Value = PrecisionChoice> {
    let all = PrecisionChoice::ALL;
    let listed = all.map(|choice| PossibleValue::new(choice.name()).help(choice.description()));
    PossibleValuesParser::new(listed).try_map(|name| name.parse::<PrecisionChoice>())
}

/// Reads a finite number above 0.
pub(crate) fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok();
    number
        .filter(|number| *number > 0.0 && number.is_finite())
        .ok_or_else(|| "expected a number above 0".to_owned())
}
