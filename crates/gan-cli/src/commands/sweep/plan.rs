//! The runs of a sweep as commands, for whatever else may run them.

use std::ffi::OsString;
use std::path::Path;

use clap::ValueEnum;
use gan_run::text::shell_word;

/// How the runs are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// All of what follows, with headings that a shell takes for comments.
    All,
    /// One command in each line.
    Commands,
    /// One line for GNU parallel.
    Parallel,
    /// A script for `sbatch`, that submits an array of jobs.
    Slurm,
}

/// Words as a line for a shell.
fn line(words: &[OsString]) -> String {
    let words = words.iter().map(|word| shell_word(Path::new(word)));
    words.collect::<Vec<_>>().join(" ")
}

/// The text of the plan.
///
/// `commands` begin the runs, `sweep` is the command line of the sweep itself, and `at_once` is how many
/// runs it would train at once. Other machines call the sweep with a number, so that what was begun
/// there is gone on with as well.
pub(super) fn text(
    form: Form,
    name: &str,
    commands: &[Vec<OsString>],
    sweep: &[OsString],
    at_once: usize,
) -> String {
    let (sweep, count) = (line(sweep), commands.len());
    let runs = commands
        .iter()
        .map(|words| format!("gan-cli {}\n", line(words)));
    let runs: String = runs.collect();
    let parallel = format!("seq {count} | parallel --jobs {at_once} gan-cli {sweep} --only {{}}\n");
    let slurm = format!(
        "#!/bin/sh\n\
         #SBATCH --job-name={}\n\
         #SBATCH --array=1-{count}\n\
         #SBATCH --signal=B:TERM@60\n\
         # Add what your cluster asks for, such as --time, --partition and --gres=gpu:1.\n\
         exec gan-cli {sweep} --only \"$SLURM_ARRAY_TASK_ID\"\n",
        shell_word(Path::new(name))
    );
    match form {
        Form::Commands => runs,
        Form::Parallel => parallel,
        Form::Slurm => slurm,
        Form::All => format!(
            "# The runs, one after the other:\n{runs}\n\
             # The same by GNU parallel, {at_once} at once:\n#   {parallel}\n\
             # The same as an array of jobs of Slurm:\n\
             #   gan-cli {sweep} --plan=slurm | sbatch\n\n\
             # When they are done, this prints the table: gan-cli {sweep}\n"
        ),
    }
}
