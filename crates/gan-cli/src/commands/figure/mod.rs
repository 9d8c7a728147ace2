//! `gan-cli figure`: the paper's figures.

mod animation;
mod game;
mod interpolations;
mod model;
mod neighbours;
mod one;
mod panel;
mod stages;
mod strip;
mod theory;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use gan_pictures::Drawing;
use gan_run::problem::Problem;
use gan_run::run_dir::{self, check_folder};

use crate::output::Output;

/// Arguments of `gan-cli figure`.
#[derive(Debug, Args)]
pub(crate) struct FigureArgs {
    /// The figure's number in the paper.
    #[command(subcommand)]
    figure: Figure,
}

#[derive(Debug, Subcommand)]
enum Figure {
    /// Play the one-dimensional game and draw its four stages: densities, D, and the map z to x.
    #[command(name = "1")]
    One(one::Args),
    /// Draw samples, each row with the training record that is nearest to its last sample.
    #[command(name = "2")]
    Two(neighbours::Args),
    /// Draw what G makes on the way from one latent to another.
    #[command(name = "3")]
    Three(interpolations::Args),
}

/// Runs `gan-cli figure`.
pub(crate) fn run(args: &FigureArgs, output: &Output) -> Result<ExitCode, Problem> {
    match &args.figure {
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

/// The file that a figure is written to.
struct Target {
    path: PathBuf,
    form: Form,
}

impl Target {
    /// `out`, or `default` in the working directory.
    ///
    /// # Errors
    /// If its extension is not that of a picture, or its folder does not exist.
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

    /// Writes `drawing`; a .png has `scale` pixels for each unit.
    fn write(&self, drawing: &Drawing, scale: f64) -> Result<(), Problem> {
        let bytes = match self.form {
            Form::Png => drawing.to_png(scale)?,
            Form::Svg => drawing.to_svg().into_bytes(),
        };
        run_dir::replace(&self.path, &bytes)?;
        Ok(())
    }
}
