//! `gan-cli sample`: from a checkpoint to a picture or a file of values.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use gan_data::RecordShape;
use gan_kernels::Backend;
use gan_model::{Checkpoint, Sampler};

use crate::cli::SampleArgs;
use crate::config::RunConfig;
use crate::devices::Device;
use crate::output::Output;
use crate::pictures::{self, Backdrop};
use crate::problem::{Problem, nearest};
use crate::record::RecordInfo;
use crate::run_dir::{self, RunDir, check_folder};
use crate::session::run_of;

/// The forms that samples can take.
const EXTENSIONS: [&str; 3] = ["png", "npy", "csv"];
/// More images than this make no sheet that a person could look at.
const LARGEST_SHEET: usize = 10_000;

/// All samples are in memory at once: 400 MB of it.
const MOST_VALUES: usize = 100_000_000;

/// A checkpoint and what it says about itself.
pub(crate) struct Model {
    /// The file.
    pub(crate) path: PathBuf,
    /// The run that it lies in, if any.
    pub(crate) run: Option<PathBuf>,
    /// What is in the file.
    pub(crate) checkpoint: Checkpoint,
    /// The configuration of its run.
    pub(crate) config: RunConfig,
    /// What its samples are.
    pub(crate) record: RecordInfo,
    /// Values per sample.
    pub(crate) cols: usize,
}

impl Model {
    /// The last checkpoint of a run, or a checkpoint file.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    pub(crate) fn load(from: &Path) -> anyhow::Result<Self> {
        let from = run_dir::find(from);
        let path = if from.is_dir() {
            let last = run_dir::checkpoints(&from).pop();
            let (_, path) = last.ok_or_else(|| {
                Problem::usage(format!("{}: found no checkpoint in it", from.display()))
                    .hint("give the directory of a run, or a .safetensors file")
            })?;
            path
        } else {
            from
        };
        let checkpoint = Checkpoint::load(&path)?;
        let name = path.display().to_string();
        let config = RunConfig::from_toml(&checkpoint.config, &name)?;
        let cols = generator_cols(&config, &checkpoint, &name)?;
        let record = RecordInfo::from_annotations(&checkpoint.annotations, &name)?;
        record.check(cols, &name)?;
        Ok(Self {
            run: run_of(&path),
            config,
            record,
            cols,
            checkpoint,
            path,
        })
    }
}

/// `gan-cli sample`.
pub(crate) fn run(args: &SampleArgs, output: &Output) -> anyhow::Result<ExitCode> {
    if let Some(out) = &args.out {
        extension(out)?;
        check_folder(out)?;
    }
    let model = Model::load(&args.from)?;
    let seed = args.seed.unwrap_or(model.checkpoint.seed);
    let out = match &args.out {
        Some(out) => out.clone(),
        None => default_out(&model, seed),
    };
    let kind = extension(&out)?;
    let image = matches!(model.record.shape, RecordShape::Image { .. });
    if kind == "png" && image && args.number > LARGEST_SHEET {
        return Err(Problem::usage(format!(
            "-n {}: found more than {LARGEST_SHEET} images for one sheet",
            args.number
        ))
        .hint("write them to a .npy file")
        .into());
    }

    let (device, _) = Device::open(args.device, args.precision, args.threads)?;
    let (cols, mut samples) = match device {
        Device::Cpu(backend) => generate(backend, &model, seed, args.number)?,
        #[cfg(feature = "gpu")]
        Device::Gpu(backend) => generate(backend, &model, seed, args.number)?,
    };
    model.record.to_user_units(&mut samples, cols);
    match kind {
        "npy" => gan_data::write_npy(&out, &samples, cols)?,
        "csv" => {
            let columns = match &model.record.shape {
                RecordShape::Vector { columns } => columns.as_deref(),
                _ => None,
            };
            gan_data::write_csv(&out, &samples, cols, columns)?;
        }
        _ => {
            let grid = near_square(args.number);
            let shape = &model.record.shape;
            let name = model.path.display();
            let title = format!("{name}, step {}, seed {seed}", model.checkpoint.step);
            let backdrop = Backdrop::default();
            let picture = pictures::draw(&title, shape, cols, &samples, grid, &backdrop)
                .context("cannot draw the samples")?;
            RunDir::replace(&out, &picture)?;
        }
    }
    output.line(format!(
        "{}: {} samples of {}, step {}, seed {seed}",
        out.display(),
        args.number,
        model.path.display(),
        model.checkpoint.step
    ));
    Ok(ExitCode::SUCCESS)
}

/// The first `number` samples of `seed`, after the number of values in each.
fn generate<B: Backend>(
    backend: B,
    model: &Model,
    seed: u64,
    number: usize,
) -> anyhow::Result<(usize, Vec<f32>)> {
    let mut sampler = Sampler::new(backend, &model.config.generator, &model.checkpoint)?;
    let cols = sampler.cols();
    check_amount("-n", number, cols)?;
    Ok((cols, sampler.sample(seed, 0, number)?))
}

/// Values per sample, once configuration and tensors are known to describe the same generator.
///
/// Files come from anywhere, and a generator is built by its configuration: nothing may be believed
/// that the tensors do not bear out.
fn generator_cols(
    config: &RunConfig,
    checkpoint: &Checkpoint,
    name: &str,
) -> Result<usize, Problem> {
    let shapes: BTreeMap<_, _> = checkpoint.tensors().collect();
    let wrong = |tensor: &str, expected: String| {
        let found = shapes.get(tensor).map_or("none".into(), |[rows, cols]| {
            format!("one of {rows}×{cols} values")
        });
        Problem::failed(format!(
            "{name}: tensor {tensor}: found {found}, expected {expected}"
        ))
    };
    let layers = &config.generator.layers;
    let bias = format!("generator.{}.b", layers.len().saturating_sub(1));
    let cols = match shapes.get(bias.as_str()) {
        Some(&[1, cols]) if cols > 0 => cols,
        _ => return Err(wrong(&bias, "one of one row".into())),
    };
    config
        .game()
        .validate(cols)
        .map_err(|error| Problem::failed(format!("{name}: not a configuration: {error}")))?;
    let mut fan_in = config.generator.latent;
    for (index, layer) in layers.iter().enumerate() {
        let units = layer.units.unwrap_or(cols);
        let outputs = units.saturating_mul(layer.pieces.unwrap_or(1));
        let weight = format!("generator.{index}.w");
        if shapes.get(weight.as_str()) != Some(&[fan_in, outputs]) {
            return Err(wrong(&weight, format!("one of {fan_in}×{outputs}")));
        }
        fan_in = units;
    }
    Ok(cols)
}

/// Whether `number` samples of `cols` values fit into memory; `flag` is what the user typed.
pub(crate) fn check_amount(flag: &str, number: usize, cols: usize) -> Result<(), Problem> {
    let values = number.saturating_mul(cols);
    if values <= MOST_VALUES {
        return Ok(());
    }
    let most = MOST_VALUES / cols;
    Err(Problem::usage(format!(
        "{flag} {number}: found {values} values, {cols} in each sample, expected at most {MOST_VALUES}"
    ))
    .hint(format!(
        "take {most} at a time, each time with another --seed and --out"
    )))
}

/// A picture beside the run's own; for a lone checkpoint in the working directory.
fn default_out(model: &Model, seed: u64) -> PathBuf {
    let step = model.checkpoint.step;
    let name = format!("sample-step-{step:06}-seed-{seed}.png");
    match &model.run {
        Some(run) => run_dir::samples_folder(run).join(name),
        None => PathBuf::from(name),
    }
}

fn extension(path: &Path) -> Result<&'static str, Problem> {
    let found = path
        .extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    EXTENSIONS
        .into_iter()
        .find(|known| *known == found)
        .ok_or_else(|| {
            let near = nearest(&found, EXTENSIONS);
            Problem::usage(format!(
                "--out {}: found extension {found:?}, expected one of {}",
                path.display(),
                EXTENSIONS.join(", ")
            ))
            .maybe_hint(near.map(|near| format!("did you mean .{near}?")))
        })
}

/// Rows and columns of a sheet of `count` images.
fn near_square(count: usize) -> [usize; 2] {
    let cols = (count as f64).sqrt().ceil().max(1.0) as usize;
    [count.div_ceil(cols), cols]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amount_is_bounded_by_values_and_not_by_samples() {
        assert!(check_amount("-n", 10_000_000, 2).is_ok());
        let error = check_amount("-n", 10_000_000, 784).unwrap_err().to_string();
        assert!(
            error.contains("-n 10000000: found 7840000000 values"),
            "{error}"
        );
        assert!(check_amount("-n", usize::MAX, 3).is_err());
        assert!(check_amount("-n", MOST_VALUES / 784, 784).is_ok());
    }

    #[test]
    fn sheets_are_nearly_square_and_hold_all() {
        assert_eq!(near_square(1), [1, 1]);
        assert_eq!(near_square(100), [10, 10]);
        assert_eq!(near_square(7), [3, 3]);
        assert!((1..500).all(|n| near_square(n).iter().product::<usize>() >= n));
    }
}
