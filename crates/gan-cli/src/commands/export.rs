//! `gan-cli export`: a model, or the record of its training, as files that other programs read.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use gan_run::export::{Form, Player, export};
use gan_run::problem::Problem;
use gan_run::run_dir::{check_folder, refuse_existing};
use gan_run::tensorboard;
use gan_run::text::shell_word;

use super::load_model;
use crate::output::Output;

/// `gan-cli export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Directory of a run, or a checkpoint file, of which there is no record for TensorBoard.
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
    /// A folder of TensorBoard, with the readings and the pictures of the run.
    #[arg(long, value_name = "DIR")]
    tensorboard: Option<PathBuf>,
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
        refuse_existing(path, args.overwrite)?;
    }
    if let Some(folder) = &args.files.tensorboard {
        check_folder(folder)?;
        let file = tensorboard::export(&args.from, folder, args.overwrite)?;
        output.line(format!(
            "{}: readings and pictures; to look at them: tensorboard --logdir {}",
            file.display(),
            shell_word(folder)
        ));
    }
    if files.is_empty() {
        return Ok(ExitCode::SUCCESS);
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
