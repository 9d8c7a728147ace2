//! `gan-cli export`: a model as a file that other programs read.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use gan_run::export::{Form, Player, export};
use gan_run::problem::Problem;
use gan_run::run_dir::check_folder;

use super::load_model;
use crate::output::Output;

/// `gan-cli export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Directory of a run, or a checkpoint file.
    #[arg(value_name = "RUN | CHECKPOINT")]
    from: PathBuf,
    #[command(flatten)]
    files: Files,
    /// Write the discriminator, which says of a record how likely it is data.
    #[arg(long)]
    discriminator: bool,
    /// Write the generator of a table as it was trained, without the corrections that give levels and
    /// numbers their shares of the training records.
    #[arg(long, conflicts_with = "discriminator")]
    no_calibration: bool,
    /// Replace files that are there already.
    #[arg(long)]
    overwrite: bool,
}

/// What to write.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct Files {
    /// A graph of ONNX, from latents to records in the units of the data.
    #[arg(long, value_name = "FILE")]
    onnx: Option<PathBuf>,
    /// Tensors under names that load into a module of PyTorch, as safetensors.
    #[arg(long, value_name = "FILE")]
    torch: Option<PathBuf>,
    /// The same tensors for NumPy.
    #[arg(long, value_name = "FILE")]
    npz: Option<PathBuf>,
}

/// `gan-cli export`.
pub(crate) fn run(args: &ExportArgs, output: Output) -> Result<ExitCode, Problem> {
    let files = [
        (Form::Onnx, &args.files.onnx),
        (Form::Torch, &args.files.torch),
        (Form::Npz, &args.files.npz),
    ];
    let files = files.into_iter();
    let files: Vec<_> = files
        .filter_map(|(form, path)| Some((form, path.as_ref()?)))
        .collect();
    for (_, path) in &files {
        check_folder(path)?;
        if path.exists() && !args.overwrite {
            let text = format!("{}: is there already", path.display());
            return Err(Problem::usage(text).hint("--overwrite replaces it"));
        }
    }
    let model = load_model(&args.from, output)?;
    let player = match args.discriminator {
        true => Player::Discriminator,
        false => Player::Generator,
    };
    for (form, path) in files {
        export(&model, player, form, !args.no_calibration, path)?;
        let name = match player {
            Player::Generator => "generator",
            Player::Discriminator => "discriminator",
        };
        output.line(format!(
            "{}: the {name} of {}, step {}",
            path.display(),
            model.path.display(),
            model.checkpoint.step
        ));
    }
    Ok(ExitCode::SUCCESS)
}
