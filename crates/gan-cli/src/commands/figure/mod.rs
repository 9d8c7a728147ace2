//! `gan-cli figure`: the paper's figures, and the samples of a run in motion.

mod animation;
mod game;
mod interpolations;
mod model;
mod neighbours;
mod one;
mod panel;
mod samples;
mod stages;
mod strip;
mod target;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use gan_run::problem::Problem;

use crate::output::Output;

/// Arguments of `gan-cli figure`.
#[derive(Debug, Args)]
pub(crate) struct FigureArgs {
    /// The figure's number in the paper, or `samples`.
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
    /// Show how the samples of a run developed: its pictures of them, in motion.
    Samples(samples::Args),
}

/// Runs `gan-cli figure`.
pub(crate) fn run(args: &FigureArgs, output: Output) -> Result<ExitCode, Problem> {
    match &args.figure {
        Figure::One(args) => one::run(args, output)?,
        Figure::Two(args) => neighbours::run(args, output)?,
        Figure::Three(args) => interpolations::run(args, output)?,
        Figure::Samples(args) => samples::run(args, output)?,
    }
    Ok(ExitCode::SUCCESS)
}
