//! `gan-cli`: what a person types.
//!
//! `main` reads the command line and hands over to one module per command; everything that computes
//! is in `gan-model` and below.

mod cli;
mod config;
mod devices;
mod diagnosis;
mod evaluate;
mod figure;
mod info;
mod interrupt;
mod output;
mod pictures;
mod presets;
mod probe;
mod problem;
mod progress;
mod reading;
mod record;
mod run_data;
mod run_dir;
mod sample;
mod session;
mod train;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use output::{Format, Output};

fn main() -> ExitCode {
    let cli = Cli::parse();
    run(cli.command).unwrap_or_else(|error| problem::report(&error))
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Train(args) => {
            let output = Output::new(Format::of_flag(args.json));
            session::run(&args, &output)
        }
        Command::Sample(args) => sample::run(&args, &Output::new(Format::Text)),
        Command::Evaluate(args) => {
            let output = Output::new(Format::of_flag(args.json));
            evaluate::run(&args, &output)
        }
        Command::Info(args) => info::run(&args, &Output::new(Format::of_flag(args.json))),
        Command::Figure(args) => figure::run(&args, &Output::new(Format::Text)),
        Command::Presets(args) => presets::run(&args, &Output::new(Format::Text)),
    }
}
