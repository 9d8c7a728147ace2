//! `gan-cli sample`: from a checkpoint to a picture or a file of values.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use gan_run::model::{Model, check_amount};
use gan_run::pictures::{self, Backdrop};
use gan_run::problem::Problem;
use gan_run::run_dir::{self, check_folder};
use gan_run::text::nearest_word;

use super::{DeviceArgs, load_model};
use crate::output::Output;

/// The forms that samples can take.
const EXTENSIONS: [&str; 3] = ["png", "npy", "csv"];
/// More images than this make no sheet that a person could look at.
const LARGEST_SHEET: usize = 10_000;

/// Samples are few, so another device than for training is the default.
const DEVICE_HELP: &str = "Device that computes, as for `train`; the CPU is there at once, and gives \
                           the same bits on any number of threads, with AVX2 as with AVX-512";

/// `gan-cli sample`.
#[derive(Debug, Args)]
#[command(mut_arg("device", |arg| arg.default_value("cpu").help(DEVICE_HELP)))]
pub(crate) struct SampleArgs {
    /// Directory of a run, or a checkpoint file.
    #[arg(value_name = "RUN | CHECKPOINT")]
    from: PathBuf,
    /// Number of samples.
    #[arg(short, long, value_name = "N", default_value = "100", allow_negative_numbers = true,
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=10_000_000))]
    number: usize,
    /// Seed of the latents [default: the run's].
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    seed: Option<u64>,
    /// File to write: .png is a picture, .npy and .csv hold the values [default: beside the run's samples].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the file that `--out` already names.
    #[arg(long, requires = "out")]
    overwrite: bool,
    #[command(flatten)]
    device: DeviceArgs,
}

/// `gan-cli sample`.
pub(crate) fn run(args: &SampleArgs, output: Output) -> Result<ExitCode, Problem> {
    if let Some(out) = &args.out {
        extension(out)?;
        check_folder(out)?;
        if out.exists() && !args.overwrite {
            return Err(
                Problem::usage(format!("{}: is there already", out.display()))
                    .hint("--overwrite replaces it"),
            );
        }
    }
    let model = load_model(&args.from, output)?;
    let seed = args.seed.unwrap_or(model.checkpoint.seed);
    let out = match &args.out {
        Some(out) => out.clone(),
        None => default_out(&model, seed)?,
    };
    let kind = extension(&out)?;
    let is_image = model.record.shape.image().is_some();
    if kind == "png" && is_image && args.number > LARGEST_SHEET {
        return Err(Problem::usage(format!(
            "-n {}: found more than {LARGEST_SHEET} images for one sheet",
            args.number
        ))
        .hint("write them to a .npy file"));
    }

    let device = args.device.open()?;
    let mut generator = model.generator(&device)?;
    let cols = model.cols;
    check_amount("-n", args.number, cols)?;
    let mut samples = generator.sample(seed, 0, args.number)?;
    let written = || model.record.written(&samples, cols);
    match kind {
        "npy" => gan_data::write_npy(&out, &written(), cols)?,
        "csv" => gan_data::write_csv(&out, &written(), cols, &model.record.shape)?,
        _ => {
            let grid = near_square(args.number);
            let shape = &model.record.shape;
            let name = model.path.display();
            let title = format!("{name}, step {}, seed {seed}", model.checkpoint.step);
            let backdrop = Backdrop::default();
            model.record.to_user_units(&mut samples, cols);
            let picture = pictures::draw(&title, shape, cols, &samples, grid, &backdrop)
                .map_err(Problem::undrawn(&out))?;
            run_dir::replace(&out, &picture)?;
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

/// A picture beside the run's own; for a lone checkpoint in the working directory.
fn default_out(model: &Model, seed: u64) -> Result<PathBuf, Problem> {
    let step = model.checkpoint.step;
    let name = format!("sample-step-{step:06}-seed-{seed}.png");
    let Some(run) = &model.run else {
        return Ok(PathBuf::from(name));
    };
    let out = run_dir::samples_folder(run).join(name);
    run_dir::make_folder_of(&out)?;
    Ok(out)
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
            let near = nearest_word(&found, EXTENSIONS);
            Problem::usage(format!(
                "--out {}: found extension {found:?}, expected one of {}",
                path.display(),
                EXTENSIONS.join(", ")
            ))
            .hint(match near {
                Some(near) => format!("did you mean .{near}?"),
                None => "a picture is .png, the values are .npy or .csv".into(),
            })
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
    use clap::FromArgMatches;
    use gan_run::device::DeviceChoice;

    #[test]
    fn samples_come_from_the_cpu_unless_told_otherwise() {
        let device = |words: &[&str]| {
            let command = SampleArgs::augment_args(clap::Command::new("sample"));
            let matches = command.get_matches_from(["sample", "runs/a"].iter().chain(words));
            SampleArgs::from_arg_matches(&matches)
                .unwrap()
                .device
                .device
        };
        assert_eq!(device(&[]), DeviceChoice::Cpu);
        assert_eq!(device(&["--device", "auto"]), DeviceChoice::Auto);
    }

    #[test]
    fn sheets_are_nearly_square_and_hold_all() {
        assert_eq!(near_square(1), [1, 1]);
        assert_eq!(near_square(100), [10, 10]);
        assert_eq!(near_square(7), [3, 3]);
        assert!((1..500).all(|n| near_square(n).iter().product::<usize>() >= n));
    }
}
