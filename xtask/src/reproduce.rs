//! `cargo xtask reproduce`: trains a preset from several seeds, evaluates each run, draws the
//! figures, and sums it up in a table.
//!
//! A run that is there already is continued or, if it is done, taken as it is, so that a long
//! reproduction can be stopped and started.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// What is to be reproduced.
#[derive(Debug, PartialEq)]
pub(crate) struct Reproduction {
    preset: String,
    /// Where its data are, if it needs any.
    data: Option<String>,
    seeds: Vec<u64>,
}

/// Seeds of a reproduction that names none.
const SEEDS: [u64; 3] = [1, 2, 3];

/// Where an evaluation is, in the folder of a run.
const EVALUATION: &str = "evaluation/evaluation.json";

impl Reproduction {
    /// `--data PATH`, if it was given.
    fn data_flag(&self) -> Vec<&str> {
        self.data.iter().flat_map(|data| ["--data", data]).collect()
    }

    /// Reads `PRESET [--data PATH] [--seeds 1,2,3]`; `None` is a usage error.
    pub(crate) fn parse(words: &[Option<&str>]) -> Option<Self> {
        let (preset, mut rest) = words.split_first()?;
        // A name that folders are called by: no flag, no path.
        let is_name = |name: &&str| !name.starts_with('-') && !name.contains(['/', '\\', '.']);
        let preset = preset.filter(is_name)?.to_owned();
        let (mut data, mut seeds) = (None, SEEDS.to_vec());
        while let [flag, value, others @ ..] = rest {
            match (*flag)? {
                "--data" => data = Some((*value)?.to_owned()),
                "--seeds" => {
                    let parsed = (*value)?.split(',').map(str::parse).collect();
                    seeds = Result::ok(parsed)?;
                }
                _ => return None,
            }
            rest = others;
        }
        (rest.is_empty() && !seeds.is_empty()).then_some(Self {
            preset,
            data,
            seeds,
        })
    }
}

/// What one seed came to.
struct Outcome {
    seed: u64,
    /// Of the training, from its own record.
    seconds: f64,
    steps: u64,
    evaluation: Value,
}

/// Trains, evaluates and draws; writes `runs/reproduce/PRESET/results.md`.
///
/// # Errors
/// If a command fails, or its files do not say what they should.
pub(crate) fn run(root: &Path, mut wanted: Reproduction) -> Result<()> {
    if let Some(data) = &mut wanted.data {
        // The program runs in the repository's root, and not where this command was typed.
        let whole = fs::canonicalize(&*data).with_context(|| format!("--data {data}"))?;
        *data = whole.display().to_string();
    }
    let wanted = &wanted;
    let folder = root.join("runs/reproduce").join(&wanted.preset);
    fs::create_dir_all(&folder).with_context(|| format!("{}", folder.display()))?;
    let mut outcomes = Vec::new();
    for &seed in &wanted.seeds {
        let run = folder.join(format!("seed-{seed}"));
        println!("\n== {}, seed {seed}: {}", wanted.preset, run.display());
        train(root, wanted, seed, &run)?;
        if !run.join(EVALUATION).exists() {
            let mut evaluate = gan_cli(root);
            evaluate.arg("evaluate").arg(&run).args(wanted.data_flag());
            evaluate.arg("--out").arg(run.join("evaluation"));
            super::succeed(evaluate)?;
        }
        outcomes.push(outcome(seed, &run)?);
    }
    draw(root, wanted, &folder)?;
    let text = table(&wanted.preset, &outcomes)?;
    let path = folder.join("results.md");
    fs::write(&path, &text).with_context(|| format!("{}", path.display()))?;
    println!("\n{text}\nwrote {}", path.display());
    Ok(())
}

fn gan_cli(root: &Path) -> Command {
    let mut command = super::cargo(root);
    command.args(["run", "--release", "--quiet"]);
    command.args(["--package", "gan-cli", "--"]);
    command
}

/// Begins the run, or goes on with it; a file tells that it is done.
fn train(root: &Path, wanted: &Reproduction, seed: u64, run: &Path) -> Result<()> {
    let done = run.join("trained");
    if done.exists() {
        return Ok(());
    }
    let mut train = gan_cli(root);
    train.arg("train");
    if run.join("config.toml").exists() {
        train.arg("--resume").arg(run);
    } else {
        train.arg(&wanted.preset).arg("--out").arg(run);
        train.args(["--seed", &seed.to_string()]);
    }
    train.args(wanted.data_flag());
    super::succeed(train)?;
    fs::write(&done, "").with_context(|| format!("{}", done.display()))
}

fn outcome(seed: u64, run: &Path) -> Result<Outcome> {
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path);
        text.with_context(|| format!("{}", path.display()))
    };
    let metrics = read(run.join("metrics.jsonl"))?;
    let last: Value = serde_json::from_str(metrics.lines().last().unwrap_or_default())
        .with_context(|| format!("{}: last line", run.join("metrics.jsonl").display()))?;
    let evaluation = read(run.join(EVALUATION))?;
    let number = |key: &str| {
        let found = last[key].as_f64();
        found.with_context(|| {
            format!(
                "metrics.jsonl: {key}: found {}, expected a number",
                last[key]
            )
        })
    };
    Ok(Outcome {
        seed,
        seconds: number("seconds")?,
        steps: number("step")? as u64,
        evaluation: serde_json::from_str(&evaluation).context("evaluation.json")?,
    })
}

/// The paper's figures: of digits and MNIST all three, of other data none.
fn draw(root: &Path, wanted: &Reproduction, folder: &Path) -> Result<()> {
    let mut images = ["mnist", "digits"].iter();
    if !images.any(|images| wanted.preset.starts_with(images)) {
        return Ok(());
    }
    let first = folder.join(format!("seed-{}", wanted.seeds[0]));
    for number in ["1", "2", "3"] {
        let mut figure = gan_cli(root);
        figure.args(["figure", number]);
        if number != "1" {
            figure.arg(&first);
        }
        if number == "2" {
            figure.args(wanted.data_flag());
        }
        let picture = folder.join(format!("figure{number}.png"));
        figure.arg("--out").arg(picture);
        super::succeed(figure)?;
    }
    Ok(())
}

/// One line for each number of the first evaluation, one column for each seed, and their mean; a
/// number that one of them lacks has none.
fn table(preset: &str, outcomes: &[Outcome]) -> Result<String> {
    let Some(first) = outcomes.first() else {
        bail!("no seed");
    };
    let rows = rows(&first.evaluation);
    if rows.is_empty() {
        bail!("evaluation.json: found no row, expected sections with rows");
    }
    let mut text = format!("| {preset} |");
    let cells = |cells: &mut dyn Iterator<Item = String>| cells.collect::<Vec<_>>().join(" | ");
    let seeds = &mut outcomes
        .iter()
        .map(|outcome| format!("seed {}", outcome.seed));
    text += &format!(
        " {} | mean |\n|---|{}---:|\n",
        cells(seeds),
        "---:|".repeat(outcomes.len())
    );
    for (section, id, name) in rows {
        let values: Vec<_> = outcomes
            .iter()
            .map(|outcome| find(&outcome.evaluation, &section, &id))
            .collect();
        let shown = &mut values
            .iter()
            .map(|value| value.map_or("–".into(), with_error));
        let all: Option<Vec<f64>> = values.iter().map(|value| Some((*value)?.0)).collect();
        let mean = all.map_or("–".into(), |all| {
            plain(all.iter().sum::<f64>() / all.len() as f64)
        });
        text += &format!("| {section}: {name} | {} | {mean} |\n", cells(shown));
    }
    let times = &mut outcomes
        .iter()
        .map(|outcome| format!("{:.0}", outcome.seconds));
    text += &format!("| seconds of training | {} | |\n", cells(times));
    let steps = &mut outcomes.iter().map(|outcome| outcome.steps.to_string());
    text += &format!("| iterations | {} | |\n", cells(steps));
    let device = first.evaluation["device"].as_str().unwrap_or("unknown");
    text += &format!("\nEvaluated on {device}.\n");
    Ok(text)
}

/// With two digits of its error, or where it has none as a plain number.
fn with_error((value, error): (f64, Option<f64>)) -> String {
    match error.filter(|&error| error > 0.0) {
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

/// Section, identifier and name of every row, in their order.
fn rows(evaluation: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let sections = evaluation["sections"].as_array().into_iter().flatten();
    sections
        .flat_map(|section| {
            let rows = section["rows"].as_array().into_iter().flatten();
            rows.map(|row| (text(&section["id"]), text(&row["id"]), text(&row["name"])))
        })
        .collect()
}

/// Value and standard error of a row.
fn find(evaluation: &Value, section: &str, row: &str) -> Option<(f64, Option<f64>)> {
    let by_id = |list: &Value, id: &str| {
        let mut items = list.as_array()?.iter();
        items.find(|item| item["id"].as_str() == Some(id)).cloned()
    };
    let row = by_id(&by_id(&evaluation["sections"], section)?["rows"], row)?;
    let error = row["uncertainty"]["standard_error"].as_f64();
    Some((row["value"].as_f64()?, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(line: &str) -> Option<Reproduction> {
        let words: Vec<_> = line.split_whitespace().map(Some).collect();
        Reproduction::parse(&words)
    }

    #[test]
    fn parse_takes_a_preset_data_and_seeds() {
        let reproduction = |preset: &str, data: Option<&str>, seeds: &[u64]| Reproduction {
            preset: preset.into(),
            data: data.map(str::to_owned),
            seeds: seeds.to_vec(),
        };
        assert_eq!(
            parse("mnist --data d --seeds 4,5"),
            Some(reproduction("mnist", Some("d"), &[4, 5]))
        );
        assert_eq!(
            parse("ring8-modern"),
            Some(reproduction("ring8-modern", None, &SEEDS))
        );
        for wrong in [
            "",
            "--data d",
            "mnist --data",
            "mnist --seeds 1,x",
            "mnist x y",
            "my.toml",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
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
            assert_eq!(with_error((value, error)), shown);
        }
    }

    #[test]
    fn table_has_a_line_for_each_number_and_their_mean() {
        let outcome = |seed, value: f64| Outcome {
            seed,
            seconds: 12.4,
            steps: 100,
            evaluation: json!({
                "device": "cpu",
                "sections": [{ "id": "parzen", "rows": [{
                    "id": "model", "name": "this run", "value": value,
                    "uncertainty": { "standard_error": 2.0 },
                }] }],
            }),
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
        without.evaluation["sections"] = json!([]);
        let text = table("mnist", &[outcome(1, 220.0), without]).unwrap();
        let line = "| parzen: this run | 220.0 ± 2.0 | – | – |";
        assert!(text.contains(line), "{text}");
    }
}
