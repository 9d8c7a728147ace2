//! `cargo xtask reproduce`: trains a preset from several seeds, evaluates each run, draws the
//! figures, and sums it up in a table; or, of tables, compares this library with others.
//!
//! A run that is there already is continued or, if it is done, taken as it is, so that a long
//! reproduction can be stopped and started.

mod table1;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

/// Flags of the command.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Name of the preset; or `tables`, to make and judge synthetic tables beside other programs; or
    /// `table1`, to train the models of the paper's Table 1, and to compare them
    #[arg(value_parser = preset)]
    preset: String,
    /// Its data, if it needs any; of tables a folder of CSV files
    #[arg(long)]
    data: Option<PathBuf>,
    /// Seeds to train from
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 3])]
    seeds: Vec<u64>,
}

/// A name that a folder can be called by: no path.
fn preset(name: &str) -> Result<String, &'static str> {
    if name.contains(['/', '\\', '.']) {
        return Err("expected the name of a preset, not a path");
    }
    Ok(name.to_owned())
}

impl Args {
    /// Adds `--data PATH`, if it was given.
    fn add_data(&self, command: &mut Command) {
        if let Some(data) = &self.data {
            command.arg("--data").arg(data);
        }
    }
}

/// What is called by this name is no preset, but a comparison of tables.
const TABLES: &str = "tables";
/// Nor by this: all models of the paper's Table 1.
const TABLE_1: &str = "table1";

/// Path of an evaluation in the folder of a run.
const EVALUATION: &str = "evaluation/evaluation.json";

/// The last line of a run's `metrics.jsonl`, as far as it is needed.
#[derive(Deserialize)]
struct Reading {
    /// Time of the training so far.
    seconds: f64,
    step: u64,
}

/// An evaluation (`gan_eval::report`), as far as it is needed.
#[derive(Deserialize)]
struct Evaluation {
    device: String,
    sections: Vec<Section>,
}

#[derive(Deserialize)]
struct Section {
    id: String,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    id: String,
    name: String,
    /// Missing where it is not a number.
    value: Option<f64>,
    #[serde(default)]
    uncertainty: Uncertainty,
}

/// How far to trust a number; a p-value is left out.
#[derive(Clone, Copy, Default, Deserialize)]
struct Uncertainty {
    standard_error: Option<f64>,
}

impl Evaluation {
    fn value(&self, section: &str, row: &str) -> Option<(f64, Uncertainty)> {
        let mut sections = self.sections.iter();
        let section = sections.find(|found| found.id == section)?;
        let row = section.rows.iter().find(|found| found.id == row)?;
        Some((row.value?, row.uncertainty))
    }
}

/// What one seed came to.
struct Outcome {
    seed: u64,
    training: Reading,
    evaluation: Evaluation,
}

/// Trains, evaluates and draws; writes `runs/reproduce/PRESET/results.md`.
///
/// # Errors
/// If a command fails, or its files do not say what they should.
pub(crate) fn run(root: &Path, mut args: Args) -> Result<()> {
    if let Some(data) = &mut args.data {
        // The program runs in the repository's root, and not where this command was typed.
        *data = fs::canonicalize(&*data).with_context(|| format!("--data {}", data.display()))?;
    }
    let args = &args;
    let folder = root.join("runs/reproduce").join(&args.preset);
    if args.preset == TABLES {
        return compare_tables(root, args, &folder);
    }
    if args.preset == TABLE_1 {
        return table1::run(root, args, &folder);
    }
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let mut outcomes = Vec::new();
    for &seed in &args.seeds {
        let run = folder.join(format!("seed-{seed}"));
        println!("\n== {}, seed {seed}: {}", args.preset, run.display());
        train(root, args, &args.preset, seed, &run)?;
        if !run.join(EVALUATION).exists() {
            let mut evaluate = gan_cli(root);
            evaluate.arg("evaluate").arg(&run);
            evaluate.arg("--out").arg(run.join("evaluation"));
            args.add_data(&mut evaluate);
            super::succeed(evaluate)?;
        }
        outcomes.push(outcome(seed, &run)?);
    }
    draw(root, args, &folder)?;
    let text = table(&args.preset, &outcomes)?;
    let path = folder.join("results.md");
    fs::write(&path, &text).with_context(|| path.display().to_string())?;
    println!("\n{text}\nwrote {}", path.display());
    Ok(())
}

/// Leaves it to the script that starts the other programs, which are Python's.
fn compare_tables(root: &Path, args: &Args, folder: &Path) -> Result<()> {
    let data = args.data.as_ref().with_context(|| {
        "--data: missing, expected a folder of CSV files, NAME.csv or NAME_train.csv and \
         NAME_test.csv"
    })?;
    let given = std::env::var_os("PEERS_VENV").map(PathBuf::from);
    let venv = given.unwrap_or_else(|| root.join("target/peers/venv"));
    let python = venv.join("bin/python");
    ensure!(
        python.exists(),
        "{}: not found; hint: sh benches/peers/setup.sh",
        python.display()
    );
    let mut build = super::cargo(root);
    build.args(["build", "--release", "--package", "gan-cli"]);
    super::succeed(build)?;
    let mut compare = Command::new(python);
    compare
        .arg(root.join("benches/peers/tables.py"))
        .arg(data)
        .arg("--program")
        .arg(root.join("target/release/gan-cli"))
        .arg("--out")
        .arg(folder)
        .arg("--seeds")
        .args(args.seeds.iter().map(u64::to_string));
    super::succeed(compare)
}

fn gan_cli(root: &Path) -> Command {
    let mut command = super::cargo(root);
    command.args(["run", "--release", "--quiet"]);
    command.args(["--package", "gan-cli", "--"]);
    command
}

/// Begins the run, or goes on with it; a file tells that it is done.
fn train(root: &Path, args: &Args, preset: &str, seed: u64, run: &Path) -> Result<()> {
    let done = run.join("trained");
    if done.exists() {
        return Ok(());
    }
    let mut train = gan_cli(root);
    train.arg("train");
    if run.join("config.toml").exists() {
        train.arg("--resume").arg(run);
    } else {
        train.arg(preset).arg("--out").arg(run);
        train.args(["--seed", &seed.to_string()]);
    }
    args.add_data(&mut train);
    super::succeed(train)?;
    fs::write(&done, "").with_context(|| done.display().to_string())
}

fn outcome(seed: u64, run: &Path) -> Result<Outcome> {
    let read = |name: &str| {
        let path = run.join(name);
        fs::read_to_string(&path).with_context(|| path.display().to_string())
    };
    let readings = read("metrics.jsonl")?;
    let last = readings.lines().last().unwrap_or_default();
    Ok(Outcome {
        seed,
        training: serde_json::from_str(last).context("metrics.jsonl")?,
        evaluation: serde_json::from_str(&read(EVALUATION)?).context(EVALUATION)?,
    })
}

/// The paper's figures: of digits and MNIST all three, of other data none.
fn draw(root: &Path, args: &Args, folder: &Path) -> Result<()> {
    let mut images = ["mnist", "digits"].iter();
    if !images.any(|images| args.preset.starts_with(images)) {
        return Ok(());
    }
    let first = folder.join(format!("seed-{}", args.seeds[0]));
    for number in ["1", "2", "3"] {
        let mut figure = gan_cli(root);
        figure.args(["figure", number]);
        if number != "1" {
            figure.arg(&first);
        }
        if number == "2" {
            args.add_data(&mut figure);
        }
        let picture = folder.join(format!("figure{number}.png"));
        figure.arg("--out").arg(picture).arg("--overwrite");
        super::succeed(figure)?;
    }
    Ok(())
}

/// One line for each number of the first evaluation, one column for each seed, and their mean; a
/// number that one of them lacks has none.
fn table(preset: &str, outcomes: &[Outcome]) -> Result<String> {
    let Some(Outcome { evaluation, .. }) = outcomes.first() else {
        bail!("no seed");
    };
    let cells = |cell: &dyn Fn(&Outcome) -> String| {
        outcomes.iter().map(cell).collect::<Vec<_>>().join(" | ")
    };
    let mut text = format!(
        "| {preset} | {} | mean |\n|---|{}---:|\n",
        cells(&|outcome| format!("seed {}", outcome.seed)),
        "---:|".repeat(outcomes.len())
    );
    let rows = evaluation.sections.iter();
    let rows: Vec<_> = rows
        .flat_map(|section| section.rows.iter().map(|row| (&section.id, row)))
        .collect();
    if rows.is_empty() {
        bail!("evaluation.json: found no row, expected sections with rows");
    }
    for (section, Row { id, name, .. }) in rows {
        let value = |outcome: &Outcome| outcome.evaluation.value(section, id);
        let shown = cells(&|outcome| value(outcome).map_or("–".into(), with_error));
        let sum: Option<f64> = outcomes.iter().map(|outcome| Some(value(outcome)?.0)).sum();
        let mean = sum.map_or("–".into(), |sum| plain(sum / outcomes.len() as f64));
        text += &format!("| {section}: {name} | {shown} | {mean} |\n");
    }
    let times = cells(&|outcome| format!("{:.0}", outcome.training.seconds));
    let steps = cells(&|outcome| outcome.training.step.to_string());
    text += &format!("| seconds of training | {times} | |\n| iterations | {steps} | |\n");
    text += &format!("\nEvaluated on {}.\n", evaluation.device);
    Ok(text)
}

/// With two digits of its error, or where it has none as a plain number.
fn with_error((value, uncertainty): (f64, Uncertainty)) -> String {
    match uncertainty.standard_error.filter(|&error| error > 0.0) {
        Some(error) => {
            let digits = digits(error, 2);
            format!("{value:.digits$} ± {error:.digits$}")
        }
        None => plain(value),
    }
}

/// Three digits behind the point, or more where these would not show three of the number's own.
fn plain(value: f64) -> String {
    let digits = digits(value, 3).max(3);
    format!("{value:.digits$}")
}

/// Digits behind the point that show `own` digits of a number.
fn digits(value: f64, own: i32) -> usize {
    const MOST: i32 = 9;
    let power = value.abs().log10().floor();
    if power.is_finite() {
        (own - 1 - power as i32).clamp(0, MOST) as usize
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn arguments_are_a_preset_data_and_seeds() {
        let parse = |line: &str| {
            let words = ["reproduce"].into_iter().chain(line.split_whitespace());
            <Cli as clap::Parser>::try_parse_from(words).map(|cli| cli.args)
        };
        let args = parse("mnist --data d --seeds 4,5").unwrap();
        assert_eq!((args.preset.as_str(), args.seeds), ("mnist", vec![4, 5]));
        assert_eq!(args.data, Some("d".into()));
        assert_eq!(parse("ring8-modern").unwrap().seeds, [1, 2, 3]);
        for wrong in ["", "--data d", "mnist --seeds 1,x", "mnist x", "my.toml"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn with_error_shows_digits_that_mean_something() {
        for (value, error, shown) in [
            (225.04, Some(2.01), "225.0 ± 2.0"),
            (0.4961, Some(0.0217), "0.496 ± 0.022"),
            (1234.5, Some(31.0), "1234 ± 31"),
            (0.938_57, None, "0.939"),
            (-0.000_312_4, None, "-0.000312"),
            (8.0, None, "8.000"),
            (0.0, Some(0.0), "0.000"),
        ] {
            let uncertainty = Uncertainty {
                standard_error: error,
            };
            assert_eq!(with_error((value, uncertainty)), shown);
        }
    }

    #[test]
    fn table_has_a_line_for_each_number_and_their_mean() {
        let outcome = |seed, value: f64| {
            let evaluation = format!(
                r#"{{"device": "cpu", "sections": [{{"id": "parzen", "rows": [
                    {{"id": "model", "name": "this run", "value": {value},
                     "uncertainty": {{"standard_error": 2.0}}}},
                    {{"id": "other", "name": "other", "value": 1, "uncertainty": {{"p_value": 1}}}}
                ]}}]}}"#
            );
            let training = r#"{"seconds": 12.4, "step": 100, "value": -1.3}"#;
            Outcome {
                seed,
                training: serde_json::from_str(training).unwrap(),
                evaluation: serde_json::from_str(&evaluation).unwrap(),
            }
        };
        let text = table("mnist", &[outcome(1, 220.0), outcome(2, 230.0)]).unwrap();
        let line = "| parzen: this run | 220.0 ± 2.0 | 230.0 ± 2.0 | 225.000 |";
        assert!(text.contains(line), "{text}");
        assert!(
            text.contains("| seconds of training | 12 | 12 | |"),
            "{text}"
        );

        // What one seed lacks is not taken for 0.
        let mut without = outcome(3, 0.0);
        without.evaluation.sections.clear();
        let text = table("mnist", &[outcome(1, 220.0), without]).unwrap();
        let line = "| parzen: this run | 220.0 ± 2.0 | – | – |";
        assert!(text.contains(line), "{text}");
    }
}
