//! `gan-cli presets`: the configurations that come with the program.

use std::process::ExitCode;

use clap::Args;
use gan_run::config::keys;
use gan_run::config::presets::{self, PRESETS};
use gan_run::problem::Problem;

use crate::output::{self, Output};

/// `gan-cli presets`.
#[derive(Debug, Args)]
pub(crate) struct PresetsArgs {
    /// Preset to print.
    name: Option<String>,
    /// Print a JSON schema of configuration files, for editors.
    #[arg(long, conflicts_with = "name")]
    schema: bool,
}

/// `gan-cli presets`.
pub(crate) fn run(args: &PresetsArgs, output: Output) -> Result<ExitCode, Problem> {
    if args.schema {
        output::raw(&format!("{:#}\n", keys::schema()));
        return Ok(ExitCode::SUCCESS);
    }
    match &args.name {
        None => {
            for preset in PRESETS {
                output.line(format!("{:<20}{}", preset.name, preset.summary()));
            }
            output.line("");
            output.line("gan-cli presets NAME > my.toml prints one to start from");
        }
        Some(name) => {
            let preset = presets::find(name).ok_or_else(|| presets::unknown(name))?;
            output::raw(preset.text);
        }
    }
    Ok(ExitCode::SUCCESS)
}
