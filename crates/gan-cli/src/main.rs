//! `gan-cli`: what a person types.
//!
//! `main` reads the command line and hands over to one module per command; everything that computes
//! is in `gan-run` and below.

mod commands;
mod interrupt;
mod output;
mod processes;
mod progress;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use gan_run::problem::{Cause, Problem};

use commands::completions::{self, CompletionsArgs, ManArgs};
use commands::data::{self, DataArgs};
use commands::evaluate::{self, EvaluateArgs};
use commands::export::{self, ExportArgs};
use commands::figure::{self, FigureArgs};
use commands::info::{self, InfoArgs};
use commands::presets::{self, PresetsArgs};
use commands::report::{self, ReportArgs};
use commands::rival::{self, RivalArgs};
use commands::sample::{self, SampleArgs};
use commands::sweep::{self, SweepArgs};
use commands::train::{self, TrainArgs};
use commands::watch::{self, WatchArgs};
use output::Output;
use progress::Stages;

/// Trains the generative adversarial nets of Goodfellow et al. 2014.
///
/// `gan-cli train` alone trains on drawn digits and needs neither data nor a GPU.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
enum Command {
    /// Train a generator, from a preset or from a file, or continue a run.
    Train(TrainArgs),
    /// Train several seeds or settings, each as a run, and say which came out best.
    Sweep(SweepArgs),
    /// Train one of the models that the paper compares its own with: rbm, dbn, dbm, cae or gsn.
    Rival(RivalArgs),
    /// Say what a file or folder of data is taken for, before anything is trained on it.
    Data(DataArgs),
    /// Draw samples from a run or a checkpoint; no data is needed.
    Sample(SampleArgs),
    /// Measure how good the samples of a run or a checkpoint are, beside controls.
    Evaluate(EvaluateArgs),
    /// Write a player for other programs: as a graph of ONNX, or its tensors for PyTorch and NumPy;
    /// or the record of a run for TensorBoard.
    Export(ExportArgs),
    /// Draw one of the paper's figures: 1, the game in one dimension; 2, samples beside the training
    /// records that are nearest; 3, the way from one latent to another. Or the samples of a run in
    /// motion.
    Figure(FigureArgs),
    /// Write a page about a run, or about several side by side: one file to hand out.
    Report(ReportArgs),
    /// Follow runs while they train, or look at them later, in a browser on this machine.
    Watch(WatchArgs),
    /// Say what a run or a checkpoint is; without one, what this machine offers.
    Info(InfoArgs),
    /// List the presets, or print one as TOML to start from.
    Presets(PresetsArgs),
    /// Print what makes a shell complete commands and flags.
    Completions(CompletionsArgs),
    /// Write manual pages, one for each command.
    Man(ManArgs),
}

/// Exit code of a command that was right and failed.
const FAILED: u8 = 1;
/// Exit code of a command that cannot be carried out as it is: as clap's.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    #[cfg(all(feature = "gpu", target_os = "linux"))]
    give_runtime_directory();
    let cli = Cli::parse();
    let ended = run(cli.command).and_then(|code| output::check().map(|()| code));
    ended.unwrap_or_else(|problem| {
        output::error(&problem.message, problem.hint.as_deref());
        ExitCode::from(exit_code(&problem))
    })
}

fn exit_code(problem: &Problem) -> u8 {
    match problem.cause {
        Cause::Usage => USAGE,
        _ => FAILED,
    }
}

/// Names a directory for sockets where there is none, as in a container or over ssh: graphics drivers
/// look for a display there, find none either way, and print an error for each try without it.
#[cfg(all(feature = "gpu", target_os = "linux"))]
fn give_runtime_directory() {
    const VARIABLE: &str = "XDG_RUNTIME_DIR";
    if std::env::var_os(VARIABLE).is_none() {
        // SAFETY: no other thread runs yet, so none reads the environment.
        unsafe { std::env::set_var(VARIABLE, std::env::temp_dir()) };
    }
}

fn run(command: Command) -> Result<ExitCode, Problem> {
    let output = Output::of_flag(match &command {
        Command::Train(args) => args.json,
        Command::Evaluate(args) => args.json,
        Command::Rival(args) => args.json,
        Command::Info(args) => args.json,
        _ => false,
    });
    Stages::show_passes(output);
    match command {
        Command::Train(args) => train::run(&args, output),
        Command::Sweep(args) => sweep::run(&args, output),
        Command::Rival(args) => rival::run(&args, output),
        Command::Data(args) => data::run(&args, output),
        Command::Sample(args) => sample::run(&args, output),
        Command::Evaluate(args) => evaluate::run(&args, output),
        Command::Export(args) => export::run(&args, output),
        Command::Report(args) => report::run(&args, output),
        Command::Watch(args) => watch::run(&args, output),
        Command::Info(args) => info::run(&args, output),
        Command::Figure(args) => figure::run(&args, output),
        Command::Presets(args) => presets::run(&args, output),
        Command::Completions(args) => Ok(completions::completions(&args, Cli::command())),
        Command::Man(args) => completions::man(&args, Cli::command(), output),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
