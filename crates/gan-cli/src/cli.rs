//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, builder::RangedU64ValueParser};

use crate::devices::{DeviceChoice, PrecisionChoice};
use crate::evaluate::EvaluateArgs;
use crate::figure::FigureArgs;

/// Trains the generative adversarial nets of Goodfellow et al. 2014.
///
/// `gan-cli train` alone trains on drawn digits and needs neither data nor a GPU.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train a generator, from a preset or from a file, or continue a run.
    Train(TrainArgs),
    /// Draw samples from a run or a checkpoint; no data is needed.
    Sample(SampleArgs),
    /// Measure how good the samples of a run or a checkpoint are, beside controls.
    Evaluate(EvaluateArgs),
    /// Draw one of the paper's figures: 1, the game in one dimension; 2, samples beside the training
    /// records that are nearest; 3, the way from one latent to another.
    Figure(FigureArgs),
    /// Say what a run or a checkpoint is; without one, what this machine offers.
    Info(InfoArgs),
    /// List the presets, or print one as TOML to start from.
    Presets(PresetsArgs),
}

/// `gan-cli train`.
#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// Preset, or a TOML file that may begin with `extends = "<preset>"` [default: digits].
    #[arg(value_name = "PRESET | FILE.toml", conflicts_with = "resume")]
    pub(crate) config: Option<String>,
    /// Data: a directory (MNIST, CIFAR-10), an IDX, .bin, .npy or .csv file, or a built-in source.
    #[arg(long, value_name = "PATH")]
    pub(crate) data: Option<String>,
    /// What computes: auto, cpu, or a GPU as cuda, hip, vulkan or wgpu, with a number as in cuda:1;
    /// auto is the first GPU that is none in software, else the CPU.
    #[arg(long, value_name = "DEVICE", default_value_t = DeviceChoice::Auto)]
    pub(crate) device: DeviceChoice,
    /// How factors of matrix products are rounded; the CPU has f32, and on some processors bf16.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) precision: PrecisionChoice,
    /// CPU threads [default: all]; the numbers do not depend on it.
    #[arg(long, value_name = "N", allow_negative_numbers = true,
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=4096))]
    pub(crate) threads: Option<usize>,
    /// Seed of weights, latents, masks and order; the same seed gives the same run.
    #[arg(long, value_name = "N", allow_negative_numbers = true,
          value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub(crate) seed: Option<u64>,
    /// Stop after so many passes over the training records.
    #[arg(
        long,
        value_name = "N",
        conflicts_with = "steps",
        allow_negative_numbers = true
    )]
    pub(crate) epochs: Option<f64>,
    /// Stop after so many iterations.
    #[arg(long, value_name = "N", allow_negative_numbers = true,
          value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub(crate) steps: Option<u64>,
    /// Directory of the run [default: `runs/PRESET-N`].
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    pub(crate) out: Option<PathBuf>,
    /// Continue a run from its last checkpoint [default: the newest in runs/].
    #[arg(long, value_name = "RUN", num_args = 0..=1)]
    pub(crate) resume: Option<Option<PathBuf>>,
    /// Change one key, such as `optimizer.learning_rate=0.05`; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Print events as JSON lines.
    #[arg(long)]
    pub(crate) json: bool,
    /// Replace the run that `--out` already holds.
    #[arg(long, requires = "out", conflicts_with = "resume")]
    pub(crate) overwrite: bool,
}

/// `gan-cli sample`.
#[derive(Debug, Args)]
pub(crate) struct SampleArgs {
    /// Directory of a run, or a checkpoint file.
    #[arg(value_name = "RUN | CHECKPOINT")]
    pub(crate) from: PathBuf,
    /// How many.
    #[arg(short, long, value_name = "N", default_value = "100", allow_negative_numbers = true,
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=10_000_000))]
    pub(crate) number: usize,
    /// Seed of the latents [default: the run's].
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) seed: Option<u64>,
    /// Where to: .png is a picture, .npy and .csv hold the values [default: beside the run's samples].
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// What computes, as for `train`; the CPU is there at once and gives the same bits everywhere.
    #[arg(long, value_name = "DEVICE", default_value_t = DeviceChoice::Cpu)]
    pub(crate) device: DeviceChoice,
    /// How factors of matrix products are rounded; the CPU has f32, and on some processors bf16.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) precision: PrecisionChoice,
    /// CPU threads [default: all]; the numbers do not depend on it.
    #[arg(long, value_name = "N", allow_negative_numbers = true,
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=4096))]
    pub(crate) threads: Option<usize>,
}

/// A finite number above 0.
pub(crate) fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok();
    number
        .filter(|number| *number > 0.0 && number.is_finite())
        .ok_or_else(|| "expected a number above 0".to_owned())
}

/// `gan-cli info`.
#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    /// Directory of a run, or a checkpoint file.
    #[arg(value_name = "RUN | CHECKPOINT")]
    pub(crate) from: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `gan-cli presets`.
#[derive(Debug, Args)]
pub(crate) struct PresetsArgs {
    /// Print this one.
    pub(crate) name: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn resume_with_and_without_a_run_is_told_apart() {
        let resume = |args: &[&str]| {
            let args = ["gan-cli", "train"].iter().chain(args);
            match Cli::try_parse_from(args).unwrap().command {
                Command::Train(train) => train.resume,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(resume(&[]), None);
        assert_eq!(resume(&["--resume"]), Some(None));
        assert_eq!(resume(&["--resume", "runs/a"]), Some(Some("runs/a".into())));
        assert_eq!(resume(&["--resume", "--epochs", "3"]), Some(None));
    }
}
