//! The paper's Table 1 whole: its rivals and adversarial nets on MNIST, trained here and judged by one
//! estimator, with what each needs to be trained and to be sampled from.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::{Args, EVALUATION, Evaluation, Outcome, gan_cli, outcome, train, with_error};

/// A row of the table.
struct Model {
    name: &'static str,
    /// As `gan-cli rival` has it; of adversarial nets there is none.
    rival: Option<&'static str>,
    /// The number of the paper, in nats, where it has one.
    paper: Option<f64>,
}

const MODELS: [Model; 6] = [
    Model {
        name: "RBM",
        rival: Some("rbm"),
        paper: None,
    },
    Model {
        name: "DBN",
        rival: Some("dbn"),
        paper: Some(138.0),
    },
    Model {
        name: "DBM",
        rival: Some("dbm"),
        paper: None,
    },
    Model {
        name: "stacked CAE",
        rival: Some("cae"),
        paper: Some(121.0),
    },
    Model {
        name: "deep GSN",
        rival: Some("gsn"),
        paper: Some(214.0),
    },
    Model {
        name: "adversarial nets",
        rival: None,
        paper: Some(225.0),
    },
];

/// The preset that plays for adversarial nets.
const PRESET: &str = "mnist-tuned";
/// Samples of an evaluation, and those that are timed.
const SAMPLES: usize = 10_000;
/// Nats up to which a number counts as the paper's.
const BAR: f64 = 10.0;
/// What every evaluation compares its samples with: rows of its section, and how they are called here.
const CONTROLS: [(&str, &str); 2] = [
    ("training_records", "control: training images"),
    ("mean", "control: the mean image"),
];
/// The document that has the paper's Table 2, and the beginning of its heading.
const RIVALS: &str = "docs/rivals.md";
const TABLE_2: &str = "## Table 2";

/// The chains of a rival, as `gan-cli info` tells of them.
#[derive(Clone, Copy, Deserialize)]
struct Chain {
    chains: u64,
    burn_in: u64,
    thin: u64,
}

/// What `gan-cli info --json` says, as far as it is needed.
#[derive(Deserialize)]
struct Info {
    chain: Option<Chain>,
}

/// The time that samples take, kept beside a run, since a second measurement would be another number.
#[derive(Deserialize, Serialize)]
struct Drawing {
    seconds: f64,
}

/// A row that is measured.
struct Measured<'a> {
    model: &'a Model,
    outcome: Outcome,
    chain: Option<Chain>,
    drawing: Drawing,
}

/// Trains, evaluates and times all models; writes `runs/reproduce/table1/results.md`.
///
/// # Errors
/// If a command fails, or its files do not say what they should.
pub(super) fn run(root: &Path, args: &Args, folder: &Path) -> Result<()> {
    args.data
        .as_ref()
        .context("--data: missing, expected the folder of the MNIST files")?;
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let mut text = String::new();
    for &seed in &args.seeds {
        let mut rows = Vec::new();
        for model in &MODELS {
            let name = model.rival.unwrap_or(PRESET);
            let run = folder.join(format!("{name}-seed-{seed}"));
            println!("\n== {}, seed {seed}: {}", model.name, run.display());
            match model.rival {
                Some(kind) => train_rival(root, args, kind, seed, &run)?,
                None => train(root, args, PRESET, seed, &run)?,
            }
            rows.push(measure(root, args, model, seed, &run)?);
        }
        text += &format!("Seed {seed}:\n\n{}\n", table(&rows)?);
    }
    let rivals = root.join(RIVALS);
    let document = fs::read_to_string(&rivals).with_context(|| rivals.display().to_string())?;
    text += table_2(&document).with_context(|| format!("{RIVALS}: no heading {TABLE_2:?}"))?;
    let path = folder.join("results.md");
    fs::write(&path, &text).with_context(|| path.display().to_string())?;
    println!("\n{text}\nwrote {}", path.display());
    Ok(())
}

/// Trains a rival from the beginning, unless a file tells that it is done.
fn train_rival(root: &Path, args: &Args, kind: &str, seed: u64, run: &Path) -> Result<()> {
    let done = run.join("trained");
    if done.exists() {
        return Ok(());
    }
    let mut train = gan_cli(root);
    train.args(["rival", kind, "--seed", &seed.to_string()]);
    train.arg("--out").arg(run);
    if run.exists() {
        train.arg("--overwrite");
    }
    args.add_data(&mut train);
    super::super::succeed(train)?;
    fs::write(&done, "").with_context(|| done.display().to_string())
}

/// Evaluates a run, and draws its samples once more to take the time.
fn measure<'a>(
    root: &Path,
    args: &Args,
    model: &'a Model,
    seed: u64,
    run: &Path,
) -> Result<Measured<'a>> {
    if !run.join(EVALUATION).exists() {
        let mut evaluate = gan_cli(root);
        evaluate.arg("evaluate").arg(run);
        evaluate.args(["--metrics", "parzen,memorisation,prdc"]);
        evaluate.arg("--out").arg(run.join("evaluation"));
        args.add_data(&mut evaluate);
        super::super::succeed(evaluate)?;
    }
    let kept = run.join("drawing.json");
    if !kept.exists() {
        let samples = run.join("samples.npy");
        let mut sample = gan_cli(root);
        sample.arg("sample").arg(run).arg("--out").arg(&samples);
        sample.args(["--overwrite", "-n", &SAMPLES.to_string()]);
        let start = Instant::now();
        super::super::succeed(sample)?;
        let drawing = Drawing {
            seconds: start.elapsed().as_secs_f64(),
        };
        fs::remove_file(&samples).with_context(|| samples.display().to_string())?;
        fs::write(&kept, serde_json::to_string(&drawing)?)
            .with_context(|| kept.display().to_string())?;
    }
    let drawing = fs::read_to_string(&kept).with_context(|| kept.display().to_string())?;
    let mut info = gan_cli(root);
    info.arg("info").arg(run).arg("--json");
    let info = info.output().context("gan-cli info")?;
    let said = String::from_utf8_lossy(&info.stderr);
    ensure!(
        info.status.success(),
        "gan-cli info --json: {}: {said}",
        info.status
    );
    let info: Info = serde_json::from_slice(&info.stdout).context("gan-cli info --json")?;
    Ok(Measured {
        model,
        outcome: outcome(seed, run)?,
        chain: info.chain,
        drawing: serde_json::from_str(&drawing).context("drawing.json")?,
    })
}

/// # Errors
/// If an evaluation lacks a number of the table.
fn table(rows: &[Measured<'_>]) -> Result<String> {
    let mut text = "| model | paper | here | verdict | passes for the first sample | passes for each of 10,000 | \
                    seconds of training | seconds for 10,000 samples |\n\
                    |---|---:|---:|---|---:|---:|---:|---:|\n"
        .to_owned();
    for row in rows {
        let found = parzen(&row.outcome.evaluation, "samples")?;
        let paper = row
            .model
            .paper
            .map_or("–".into(), |paper| format!("{paper:.0}"));
        let [first, each] = passes(row.chain);
        text += &format!(
            "| {} | {paper} | {} | {} | {first} | {each} | {:.0} | {:.1} |\n",
            row.model.name,
            with_error(found),
            verdict(found.0, row.model.paper),
            row.outcome.training.seconds,
            row.drawing.seconds
        );
    }
    // The controls are the same beside every model.
    if let Some(row) = rows.first() {
        for (id, name) in CONTROLS {
            let found = with_error(parzen(&row.outcome.evaluation, id)?);
            text += &format!("| {name} | | {found} | | | | | |\n");
        }
    }
    Ok(text)
}

fn parzen(evaluation: &Evaluation, row: &str) -> Result<(f64, super::Uncertainty)> {
    let found = evaluation.value("parzen", row);
    found.with_context(|| format!("{EVALUATION}: no number {row} in the section parzen"))
}

/// The section of the document that has the paper's second table, with what was seen when the
/// documented runs were made; none if the document has no such heading.
fn table_2(document: &str) -> Option<&str> {
    let section = &document[document.find(TABLE_2)?..];
    let length = section[TABLE_2.len()..].find("\n## ");
    Some(length.map_or(section, |length| &section[..TABLE_2.len() + length]))
}

/// How a number compares with the paper's.
fn verdict(found: f64, paper: Option<f64>) -> String {
    match paper.map(|paper| found - paper) {
        None => "not in the paper".into(),
        Some(off) if off.abs() <= BAR => "the paper's".into(),
        Some(off) if off > 0.0 => format!("{off:.0} above the paper's"),
        Some(off) => format!("{:.0} below the paper's", -off),
    }
}

/// Passes of the network that the first sample takes, and the mean over all: a step of a chain goes up
/// and down once, and a generator is passed once.
fn passes(chain: Option<Chain>) -> [u64; 2] {
    let Some(Chain {
        chains,
        burn_in,
        thin,
    }) = chain
    else {
        return [1, 1];
    };
    let samples = SAMPLES as u64;
    let rounds = samples.div_ceil(chains).max(1);
    let steps = chains * (burn_in + (rounds - 1) * thin);
    [burn_in, steps.div_ceil(samples)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_within_the_bar_above_or_below() {
        for (found, paper, expected) in [
            (131.0, Some(138.0), "the paper's"),
            (148.0, Some(138.0), "the paper's"),
            (160.4, Some(138.0), "22 above the paper's"),
            (-5.0, Some(138.0), "143 below the paper's"),
            (100.0, None, "not in the paper"),
        ] {
            assert_eq!(verdict(found, paper), expected);
        }
    }

    #[test]
    fn passes_are_those_of_a_chain_or_one() {
        let chain = Chain {
            chains: 100,
            burn_in: 1000,
            thin: 10,
        };
        // 100 chains of 1000 + 99 · 10 steps.
        assert_eq!(passes(Some(chain)), [1000, 20]);
        assert_eq!(passes(None), [1, 1]);
    }

    #[test]
    fn second_table_ends_where_the_next_section_begins() {
        let document = "# Rivals\n\n## Table 2, with more\n\n| a |\n\n## Left out\n\nb\n";
        assert_eq!(table_2(document), Some("## Table 2, with more\n\n| a |\n"));
        assert_eq!(table_2("# Rivals\n"), None);
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let document = fs::read_to_string(root.join(RIVALS)).unwrap();
        assert!(table_2(&document).is_some_and(|table| table.contains("| training |")));
    }
}
