//! `gan-cli figure`: the paper's figures.

mod animation;
mod density;
mod game;
mod interpolations;
mod model;
mod neighbours;
mod one;
mod panel;
mod sheet;
mod stages;
mod strip;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand, builder::RangedU64ValueParser};
use gan_pictures::Drawing;

use crate::output::Output;
use crate::problem::Problem;
use crate::run_dir::{RunDir, check_folder};

/// `gan-cli figure`.
#[derive(Debug, Args)]
pub(crate) struct FigureArgs {
    /// Which one.
    #[command(subcommand)]
    which: Figure,
}

#[derive(Debug, Subcommand)]
enum Figure {
    /// Play the one-dimensional game and draw its four stages: densities, D, and the map z to x.
    #[command(name = "1")]
    One(OneArgs),
    /// Draw samples, each row with the training record that is nearest to its last sample.
    #[command(name = "2")]
    Two(TwoArgs),
    /// Draw what G makes on the way from one latent to another.
    #[command(name = "3")]
    Three(ThreeArgs),
}

/// `gan-cli figure 1`.
#[derive(Debug, Args)]
struct OneArgs {
    /// Where to: .png or .svg [default: figure1.png].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write the whole game as an animated .png.
    #[arg(long)]
    animate: bool,
    /// Seed of the game and of its data [default: the preset's].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,
    /// Length of the game in iterations [default: the preset's].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=i64::MAX as u64))]
    steps: Option<u64>,
    /// Change one key of the preset figure1, such as `game.minibatch=64`; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// CPU threads; the numbers do not depend on it, and the game is too small for many.
    #[arg(long, value_name = "N", default_value = "1",
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=4096))]
    threads: usize,
}

/// What figures of a trained generator have in common.
#[derive(Debug, Args)]
struct ModelArgs {
    /// Directory of a run of images, or a checkpoint file [default: the newest in runs/].
    #[arg(value_name = "RUN | CHECKPOINT")]
    from: Option<PathBuf>,
    /// Rows.
    #[arg(long, value_name = "N", default_value = "8",
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=64))]
    rows: usize,
    /// Seed of the latents [default: the run's].
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// `gan-cli figure 2`.
#[derive(Debug, Args)]
struct TwoArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// Samples in each row, beside which its nearest training record stands.
    #[arg(long, value_name = "N", default_value = "8",
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=64))]
    cols: usize,
    /// Where the training records are now [default: where the run found them].
    #[arg(long, value_name = "PATH")]
    data: Option<String>,
    /// Where to: .png or .svg [default: figure2.png].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// `gan-cli figure 3`.
#[derive(Debug, Args)]
struct ThreeArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// Steps in each row, both ends included.
    #[arg(long, value_name = "N", default_value = "10",
          value_parser = RangedU64ValueParser::<usize>::new().range(2..=64))]
    cols: usize,
    /// Go along the arc between the latents and not along the line, as suits a normal prior.
    #[arg(long)]
    spherical: bool,
    /// Where to: .png or .svg [default: figure3.png].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// `gan-cli figure`.
pub(crate) fn run(args: &FigureArgs, output: &Output) -> anyhow::Result<ExitCode> {
    match &args.which {
        Figure::One(args) => one::run(args, output)?,
        Figure::Two(args) => neighbours::run(args, output)?,
        Figure::Three(args) => interpolations::run(args, output)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The form of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Png,
    Svg,
}

/// Where a figure goes.
struct Target {
    path: PathBuf,
    form: Form,
}

impl Target {
    /// `out`, or `default` in the working directory.
    ///
    /// # Errors
    /// If its extension is none that a picture can have, or its folder does not exist.
    fn new(out: Option<&Path>, default: &str) -> Result<Self, Problem> {
        let path = out.unwrap_or(Path::new(default)).to_path_buf();
        let found = path.extension().unwrap_or_default().to_string_lossy();
        let form = match found.to_lowercase().as_str() {
            "png" => Form::Png,
            "svg" => Form::Svg,
            _ => {
                return Err(Problem::usage(format!(
                    "--out {}: found extension {found:?}, expected png or svg",
                    path.display()
                )));
            }
        };
        check_folder(&path)?;
        Ok(Self { path, form })
    }

    /// Writes `drawing`, for a .png at `scale` pixels a unit.
    fn write(&self, drawing: &Drawing, scale: f64) -> anyhow::Result<()> {
        let bytes = match self.form {
            Form::Png => drawing.to_png(scale).context("cannot draw the figure")?,
            Form::Svg => drawing.to_svg().into_bytes(),
        };
        RunDir::replace(&self.path, &bytes)?;
        Ok(())
    }
}
