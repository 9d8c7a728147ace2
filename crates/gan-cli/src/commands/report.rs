//! `gan-cli report`: a page about a run, or about several side by side.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use gan_run::problem::Problem;
use gan_run::report::{self, RunFacts};
use gan_run::run_dir;

use crate::output::Output;

/// The page of several runs, unless told otherwise.
const COMPARISON: &str = "comparison.html";

/// `gan-cli report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Directories of runs.
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    /// File to write [default: `RUN/report.html`; of several runs, comparison.html].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace a file that is there already; the report within a run is always made anew.
    #[arg(long)]
    overwrite: bool,
}

/// `gan-cli report`.
pub(crate) fn run(args: &ReportArgs, output: Output) -> Result<ExitCode, Problem> {
    let path = match (&args.out, &args.runs[..]) {
        (None, [run]) => report::write(run)?,
        (out, runs) => {
            let out = out.as_deref().unwrap_or(Path::new(COMPARISON));
            run_dir::check_folder(out)?;
            let facts = runs.iter().map(|run| RunFacts::read(run, None));
            let facts: Vec<_> = facts.collect::<Result<_, _>>()?;
            run_dir::refuse_existing(out, args.overwrite)?;
            run_dir::replace(
                out,
                report::file(&facts.iter().collect::<Vec<_>>()).as_bytes(),
            )?;
            out.to_path_buf()
        }
    };
    output.line(format!("wrote    {}", path.display()));
    Ok(ExitCode::SUCCESS)
}
