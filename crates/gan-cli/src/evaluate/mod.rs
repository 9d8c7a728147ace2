//! `gan-cli evaluate`: how good the samples of a checkpoint are, in numbers.
//!
//! [`Sections`] turns samples and records into a [`Section`] per metric; this module loads both,
//! calls the metrics in the order of [`Metric::ALL`], and writes what they say.

mod cache;
mod data;
mod parzen;
mod report;
mod sections;
mod sets;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use gan_eval::{EvalError, Points, Section};
use gan_kernels::Backend;
use gan_model::Sampler;

use crate::cli::EvaluateArgs;
use crate::devices::{Device, PrecisionChoice};
use crate::output::Output;
use crate::problem::{Problem, nearest};
use crate::progress::Stage;
use crate::run_dir;
use crate::sample::{Model, check_amount};
use data::EvaluationData;
use report::Report;
use sections::Sections;
use sets::FEWEST;

/// Samples between two reports of progress.
const CHUNK: usize = 1024;

/// What `--metrics` can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Metric {
    /// The paper's log-likelihood, with its controls.
    Parzen,
    /// Maximum mean discrepancy, with a permutation test.
    Mmd,
    /// Precision, recall, density, coverage.
    Prdc,
    /// Classifier two-sample test.
    C2st,
    /// What a point's nearest neighbour is.
    Nn,
    /// Sliced Wasserstein distance.
    Wasserstein,
    /// Modes of a known mixture.
    Modes,
    /// Distance to the closest training record.
    Memorisation,
    /// Classes of labelled images, in a classifier's eyes.
    Classes,
}

impl Metric {
    /// All of them, in the order in which they are reported.
    const ALL: [Self; 9] = [
        Self::Parzen,
        Self::Mmd,
        Self::Prdc,
        Self::C2st,
        Self::Nn,
        Self::Wasserstein,
        Self::Modes,
        Self::Memorisation,
        Self::Classes,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Parzen => "parzen",
            Self::Mmd => "mmd",
            Self::Prdc => "prdc",
            Self::C2st => "c2st",
            Self::Nn => "nn",
            Self::Wasserstein => "wasserstein",
            Self::Modes => "modes",
            Self::Memorisation => "memorisation",
            Self::Classes => "classes",
        }
    }

    /// What the data lacks for this metric, if anything.
    fn lacks(self, data: &EvaluationData, samples: usize) -> Option<&'static str> {
        let enough = data.valid().rows().min(data.test().rows()).min(samples) >= FEWEST;
        match self {
            Self::Parzen => None,
            Self::Modes => (!data.has_modes()).then_some("known modes"),
            Self::Classes if data.labels().is_none() => Some("images with labels"),
            _ => (!enough).then_some("20 held-out records and samples"),
        }
    }

    /// The metrics that `names` asks for; all if it asks for none.
    fn parse(names: &[String]) -> Result<Vec<Self>, Problem> {
        let mut asked = Vec::new();
        for name in names {
            let metric = Self::ALL.into_iter().find(|metric| metric.name() == name);
            asked.push(metric.ok_or_else(|| unknown(name))?);
        }
        let chosen = |metric: &Self| asked.is_empty() || asked.contains(metric);
        Ok(Self::ALL.into_iter().filter(chosen).collect())
    }
}

/// Those of `metrics` that the data has what it takes for.
///
/// # Errors
/// If one that was `named` is not among them.
fn applicable(
    metrics: Vec<Metric>,
    named: bool,
    data: &EvaluationData,
    samples: usize,
) -> Result<Vec<Metric>, Problem> {
    let lacks = |metric: &Metric| metric.lacks(data, samples).map(|lack| (*metric, lack));
    match metrics.iter().find_map(lacks) {
        Some((metric, lack)) if named => Err(Problem::usage(format!(
            "--metrics {}: found no {lack}, expected them in the data and samples",
            metric.name()
        ))
        .hint("without --metrics, all that apply to the data are computed")),
        _ => Ok(metrics
            .into_iter()
            .filter(|metric| lacks(metric).is_none())
            .collect()),
    }
}

fn unknown(name: &str) -> Problem {
    let known = Metric::ALL.map(Metric::name);
    let near = nearest(name, known);
    Problem::usage(format!(
        "--metrics {name}: found no metric of this name, expected one of {}",
        known.join(", ")
    ))
    .maybe_hint(near.map(|near| format!("did you mean {near}?")))
}

/// All that a metric may look at.
struct Subject<'a, B: Backend> {
    backend: &'a B,
    /// In the players' units.
    samples: Points<'a>,
    /// In the players' units.
    data: &'a EvaluationData,
    /// Iterations that the generator was trained for.
    step: u64,
    /// Width of the Parzen window, if it was given.
    sigma: Option<f64>,
    /// How products are rounded, which the numbers may depend on.
    precision: PrecisionChoice,
    output: &'a Output,
}

/// `gan-cli evaluate`.
pub(crate) fn run(args: &EvaluateArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let metrics = Metric::parse(&args.metrics)?;
    let model = Model::load(&args.from)?;
    let data = EvaluationData::load(&model, args.data.as_deref())?;
    check_amount("--samples", args.samples, data.cols())?;
    let metrics = applicable(metrics, !args.metrics.is_empty(), &data, args.samples)?;
    let (device, why) = Device::open(args.device, args.precision, args.threads)?;
    output.line(format!("model    {}", model.path.display()));
    output.line(format!("data     {}", data.in_words()));
    output.line(format!("device   {} ({why})", device.description()));
    if let Some(warning) = &data.warning {
        output.notice(format!("warning: {warning}"));
    }
    match device {
        Device::Cpu(backend) => evaluate(&backend, &model, &data, &metrics, args, output),
        #[cfg(feature = "gpu")]
        Device::Gpu(backend) => evaluate(&backend, &model, &data, &metrics, args, output),
    }
}

fn evaluate<B: Backend>(
    backend: &B,
    model: &Model,
    data: &EvaluationData,
    metrics: &[Metric],
    args: &EvaluateArgs,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let start = Instant::now();
    let seed = args.seed.unwrap_or(model.checkpoint.seed);
    let samples = draw(backend, model, seed, args.samples, output)?;
    let samples = Points::new(&samples, data.cols());
    samples.check_range("samples").map_err(explained)?;
    let subject = Subject {
        backend,
        samples,
        data,
        step: model.checkpoint.step,
        sigma: args.sigma,
        precision: args.precision,
        output,
    };
    let mut numbers = Sections::new(&subject);
    let sections = metrics
        .iter()
        .map(|&metric| numbers.section(metric))
        .collect::<anyhow::Result<Vec<Section>>>()?;
    let verdict = numbers.verdict();

    let folder = args.out.clone().unwrap_or_else(|| default_out(model));
    let report = Report {
        checkpoint: model.path.clone(),
        run: model.run.clone(),
        preset: model.record.preset.clone(),
        step: model.checkpoint.step,
        seed,
        samples: args.samples,
        data: data.facts(),
        device: backend.description(),
        seconds: start.elapsed().as_secs_f64(),
        sections,
        verdict,
    };
    let files = report.write(&folder)?;
    report.print(&files, output);
    Ok(ExitCode::SUCCESS)
}

/// The first `number` samples of `seed`, in the players' units.
fn draw<B: Backend>(
    backend: &B,
    model: &Model,
    seed: u64,
    number: usize,
    output: &Output,
) -> anyhow::Result<Vec<f32>> {
    let mut sampler = Sampler::new(backend.clone(), &model.config.generator, &model.checkpoint)?;
    let mut stage = Stage::new(output, "samples");
    let mut samples = Vec::with_capacity(number * sampler.cols());
    for first in (0..number).step_by(CHUNK) {
        samples.extend(sampler.sample(seed, first, CHUNK.min(number - first))?);
        stage.tick((first + CHUNK).min(number) as f64 / number as f64);
    }
    Ok(samples)
}

/// Beside the run's samples; for a lone checkpoint in the working directory.
fn default_out(model: &Model) -> PathBuf {
    let step = format!("step-{:06}", model.checkpoint.step);
    match &model.run {
        Some(run) => run_dir::evaluation_folder(run).join(step),
        None => Path::new("evaluation").join(step),
    }
}

/// An evaluation's error with its hint.
fn explained(error: EvalError) -> Problem {
    let hint = error.hint().map(str::to_owned);
    Problem::failed(error.to_string()).maybe_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_all_unless_some_are_named() {
        assert_eq!(Metric::parse(&[]).unwrap(), Metric::ALL);
        let twice = ["parzen".to_owned(), "parzen".to_owned()];
        assert_eq!(Metric::parse(&twice).unwrap(), [Metric::Parzen]);
        let error = Metric::parse(&["parsen".to_owned()]).unwrap_err();
        assert!(
            error.to_string().contains("expected one of parzen, mmd"),
            "{error}"
        );
    }
}
