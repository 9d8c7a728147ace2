//! A generator of images for Figures 2 and 3.

use std::path::{Path, PathBuf};

use clap::builder::RangedU64ValueParser;
use gan_kernels::Native;
use gan_run::device::Device;
use gan_run::model::{Generator, Model};
use gan_run::problem::Problem;
use gan_run::run_dir::{self, RUNS};

use crate::commands::load_model;
use crate::output::Output;

/// Arguments that Figures 2 and 3 have in common.
#[derive(Debug, clap::Args)]
pub(super) struct ModelArgs {
    /// Directory of a run of images, or a checkpoint file [default: the newest in runs/].
    #[arg(value_name = "RUN | CHECKPOINT")]
    pub(super) from: Option<PathBuf>,
    /// Number of rows.
    #[arg(long, value_name = "N", default_value = "8",
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=64))]
    pub(super) rows: usize,
    /// Seed of the latents [default: the run's].
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
}

/// Height, width and channels of an image.
pub(super) type ImageShape = [usize; 3];

/// The model at `from`, else the newest of images in `runs/`, and the shape of its images.
///
/// # Errors
/// If there is none, it cannot be read, or it makes something else.
pub(super) fn load(from: Option<&Path>, output: Output) -> Result<(Model, ImageShape), Problem> {
    let Some(from) = from else {
        return newest();
    };
    let model = load_model(from, output)?;
    match model.record.shape.image() {
        Some(shape) => Ok((model, shape)),
        None => Err(Problem::usage(format!(
            "{}: found records of numbers, expected images",
            model.path.display()
        ))
        .hint("a run of images: gan-cli train digits; numbers are drawn by gan-cli sample")),
    }
}

/// The newest run whose checkpoint can be read and is of images.
fn newest() -> Result<(Model, ImageShape), Problem> {
    let models = run_dir::newest_first().into_iter();
    let mut models = models.filter_map(|run| Model::load(&run).ok());
    models
        .find_map(|model| Some((model.record.shape.image()?, model)))
        .map(|(shape, model)| (model, shape))
        .ok_or_else(|| {
            Problem::usage(format!("{RUNS}/: found no run of images"))
                .hint("train one with gan-cli train digits, or name a run or a checkpoint")
        })
}

/// The model's generator, on the processor: a figure is a hundred samples.
pub(super) fn generator(model: &Model) -> Result<Generator, Problem> {
    model.generator(&processor()?)
}

/// The processor with all its threads.
pub(super) fn processor() -> Result<Device, Problem> {
    Ok(Device::Cpu(Native::new(None)?))
}
