//! `gan-cli completions` and `gan-cli man`: what a shell and a reader of manuals know of the command
//! line, from the command line itself.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::Shell;
use gan_run::problem::Problem;
use gan_run::text::shell_word;

use crate::output::{self, Output};

/// `gan-cli completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell that completes.
    shell: Shell,
}

/// `gan-cli man`.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Folder for the pages, such as ~/.local/share/man/man1.
    #[arg(value_name = "DIR")]
    out: PathBuf,
}

/// `gan-cli completions`.
pub(crate) fn completions(args: &CompletionsArgs, mut command: Command) -> ExitCode {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    output::raw(&String::from_utf8_lossy(&script));
    ExitCode::SUCCESS
}

/// `gan-cli man`.
pub(crate) fn man(args: &ManArgs, command: Command, output: Output) -> Result<ExitCode, Problem> {
    let shown = args.out.display();
    if !args.out.is_dir() {
        let text = format!("{shown}: found no folder, expected one to write the pages into");
        return Err(Problem::usage(text).hint(format!("mkdir -p {}", shell_word(&args.out))));
    }
    clap_mangen::generate_to(command, &args.out).map_err(|error| {
        Problem::failed(format!("{shown}: cannot be written: {error}"))
            .hint("name a folder that you may write")
    })?;
    output.line(format!("wrote    {}", args.out.join("gan-cli.1").display()));
    output.line("         and a page for each command");
    Ok(ExitCode::SUCCESS)
}
