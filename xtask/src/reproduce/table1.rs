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
        text += &format!("Seed {seed}:\n\n{}\n", table(&rows));
    }
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

fn table(rows: &[Measured<'_>]) -> String {
    let mut text = "| model | paper | here | verdict | passes for the first sample | passes for each of 10,000 | \
                    seconds of training | seconds for 10,000 samples |\n\
                    |---|---:|---:|---|---:|---:|---:|---:|\n"
        .to_owned();
    for row in rows {
        let found = parzen(&row.outcome.evaluation);
        let shown = found.map_or("–".into(), with_error);
        let paper = row
            .model
            .paper
            .map_or("–".into(), |paper| format!("{paper:.0}"));
        let verdict = found.map_or("not measured".into(), |(found, _)| {
            verdict(found, row.model.paper)
        });
        let [first, each] = passes(row.chain);
        text += &format!(
            "| {} | {paper} | {shown} | {verdict} | {first} | {each} | {:.0} | {:.1} |\n",
            row.model.name, row.outcome.training.seconds, row.drawing.seconds
        );
    }
    text
}

fn parzen(evaluation: &Evaluation) -> Option<(f64, super::Uncertainty)> {
    evaluation.value("parzen", "model")
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
}
