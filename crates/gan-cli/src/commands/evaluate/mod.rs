//! `gan-cli evaluate`: measures how good the samples of a checkpoint are.
//!
//! Loads the data of a run and draws samples of its generator; the metrics of [`gan_eval`] turn both
//! into sections, which are written and printed here.

mod cache;
mod data;
mod mixed;
mod report;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use gan_data::{RecordShape, Transform};
use gan_eval::{
    Caller, ControlSet, EvalError, PROTOCOL_VERSION, Points, Reference, Subject, metric_names,
    unmet_need,
};
use gan_pictures::Drawing;
use gan_run::device::Device;
use gan_run::evaluation;
use gan_run::model::{Model, check_amount};
use gan_run::problem::Problem;
use gan_run::run_dir;
use gan_run::text::nearest_word;
use serde_json::json;

use super::{DeviceArgs, load_model, positive};
use crate::output::Output;
use crate::progress::Stages;
use cache::Cache;
use data::EvaluationData;
use report::Report;

/// Samples of all but mixed tables, unless told otherwise.
const SAMPLES: usize = 10_000;
/// Samples between two reports of progress.
const CHUNK: usize = 1024;

/// `gan-cli evaluate`.
#[derive(Debug, Args)]
pub(crate) struct EvaluateArgs {
    /// Directory of a run, or a checkpoint file.
    #[arg(value_name = "RUN | CHECKPOINT")]
    from: PathBuf,
    /// Path of the data, if it has moved since the training.
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Number of samples [default: 10,000; of a mixed table, as many as training rows, up to
    /// 50,000].
    #[arg(long, value_name = "N", allow_negative_numbers = true,
          value_parser = RangedU64ValueParser::<usize>::new().range(2..=10_000_000))]
    samples: Option<usize>,
    /// Metrics, separated by commas [default: all that apply to the data].
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    metrics: Vec<String>,
    /// Column of a mixed table that models learn from the others [default: the last].
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
    /// Width of the Parzen window [default: the best on the validation records].
    #[arg(long, value_name = "S", value_parser = positive)]
    sigma: Option<f64>,
    /// Leave out the controls that take minutes where there are many records, Gaussians and k-means
    /// centroids, unless they are kept from an earlier evaluation on the same data.
    #[arg(long)]
    quick_controls: bool,
    /// Seed of the latents [default: the run's].
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    seed: Option<u64>,
    #[command(flatten)]
    device: DeviceArgs,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
    /// Folder for evaluation.json and the pictures [default: `RUN/evaluation/step-N`].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// `gan-cli evaluate`.
pub(crate) fn run(args: &EvaluateArgs, output: Output) -> Result<ExitCode, Problem> {
    let metrics = asked(&args.metrics)?;
    let model = load_model(&args.from, output)?;
    if let (Transform::Columns(_), RecordShape::Table(table)) =
        (&model.record.transform, &model.record.shape)
    {
        return mixed::run(args, &model, table, output);
    }
    if let Some(target) = &args.target {
        return Err(Problem::usage(format!(
            "--target {target}: found a model of {}, expected one of a mixed table",
            model.record.data
        ))
        .hint("leave --target out"));
    }
    let samples = args.samples.unwrap_or(SAMPLES);
    let data = EvaluationData::load(&model, args.data.as_deref())?;
    check_amount("--samples", samples, data.cols())?;
    let nearest_mode = data.nearest_mode();
    let reference = data.reference(&nearest_mode);
    let metrics = applicable(metrics, !args.metrics.is_empty(), &reference, samples)?;
    output.line(format!("model    {}", model.path.display()));
    output.line(format!("data     {}", data.in_words()));
    let device = args.device.open_and_say(output)?;
    if let Some(warning) = &data.warning {
        output.notice(format!("warning: {warning}"));
    }
    evaluate(&device, &model, &data, &reference, &metrics, args, output)
}

/// The metrics that `--metrics` asks for, in the order of the report; all if it asks for none.
fn asked(wanted: &[String]) -> Result<Vec<&'static str>, Problem> {
    if let Some(name) = wanted
        .iter()
        .find(|&name| metric_names().all(|known| known != name))
    {
        let known: Vec<_> = metric_names().collect();
        let near = nearest_word(name, metric_names());
        return Err(Problem::usage(format!(
            "--metrics {name}: found no metric of this name, expected one of {}",
            known.join(", ")
        ))
        .hint(match near {
            Some(near) => format!("did you mean {near}?"),
            None => "without --metrics, all that apply to the data are computed".into(),
        }));
    }
    let is_wanted = |name: &&str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    Ok(metric_names().filter(is_wanted).collect())
}

/// The metrics among `wanted` for which the data suffices.
///
/// # Errors
/// If they were named and the data does not suffice for one of them.
fn applicable(
    mut wanted: Vec<&'static str>,
    named: bool,
    reference: &Reference<'_>,
    samples: usize,
) -> Result<Vec<&'static str>, Problem> {
    let need = |name: &str| unmet_need(name, reference, samples);
    if let Some((metric, need)) = wanted.iter().find_map(|&name| Some((name, need(name)?)))
        && named
    {
        let unmet = EvalError::UnmetNeed { metric, need };
        return Err(Problem::usage(unmet.to_string())
            .hint("without --metrics, all that apply to the data are computed"));
    }
    wanted.retain(|name| need(name).is_none());
    Ok(wanted)
}

fn evaluate(
    device: &Device,
    model: &Model,
    data: &EvaluationData,
    reference: &Reference<'_>,
    metrics: &[&'static str],
    args: &EvaluateArgs,
    output: Output,
) -> Result<ExitCode, Problem> {
    let start = Instant::now();
    let seed = args.seed.unwrap_or(model.checkpoint.seed);
    let number = args.samples.unwrap_or(SAMPLES);
    // What is evaluated is what `sample` would write.
    let samples = draw(device, model, seed, number, output, |mut samples| {
        model.record.as_written(&mut samples, model.cols);
        samples
    })?;
    let samples = Points::new(&samples, data.cols());
    samples.check_range("samples")?;

    let cache = Cache::new(json!({
        "version": PROTOCOL_VERSION, "data_sha256": data.digest(),
        "samples": samples.rows(), "precision": format!("{:?}", args.device.precision),
    }));
    let mut stages = Stages::new(output);
    let caller = Caller {
        progress: &mut |name, done| stages.show(name, done),
        kept: cache.read(output),
        keep: &mut |numbers| cache.write(numbers),
    };
    let step = model.checkpoint.step;
    let subject = Subject {
        samples,
        reference,
        metrics,
        step,
        sigma: args.sigma,
        controls: match args.quick_controls {
            true => ControlSet::Quick,
            false => ControlSet::All,
        },
    };
    let (sections, verdict) = evaluation::evaluate(device, &subject, caller)?;
    drop(stages);

    let report = Report {
        checkpoint: model.path.clone(),
        run: model.run.clone(),
        preset: model.record.preset.clone(),
        step,
        seed,
        samples: number,
        data: data.facts(),
        device: device.description(),
        seconds: start.elapsed().as_secs_f64(),
        sections,
        verdict,
        table: None,
    };
    finish(&report, model, &[], args, output)
}

/// Writes an evaluation and what is drawn of it, and makes the report of the run anew that it is of.
fn finish(
    report: &Report,
    model: &Model,
    pictures: &[(&str, Drawing)],
    args: &EvaluateArgs,
    output: Output,
) -> Result<ExitCode, Problem> {
    let folder = args.out.clone().unwrap_or_else(|| default_out(model));
    let mut files = report.write(&folder, pictures)?;
    // A run that is trained makes its own when it ends.
    let run = model.run.as_ref();
    let run = run.filter(|run| args.out.is_none() && !run_dir::is_training(run));
    match run.map(|run| gan_run::report::write(run)) {
        Some(Ok(page)) => files.push(page),
        Some(Err(problem)) => output.notice(format!("warning: {problem}")),
        None => {}
    }
    report.print(&files, output);
    Ok(ExitCode::SUCCESS)
}

/// The first `number` samples of `seed`, some at a time as `written` makes them of those in the
/// players' units.
fn draw<T>(
    device: &Device,
    model: &Model,
    seed: u64,
    number: usize,
    output: Output,
    written: impl Fn(Vec<f32>) -> Vec<T>,
) -> Result<Vec<T>, Problem> {
    let mut generator = model.generator(device)?;
    let mut stages = Stages::new(output);
    stages.show("samples", 0.0);
    let mut samples = Vec::new();
    for first in (0..number).step_by(CHUNK) {
        let some = generator.sample(seed, first, CHUNK.min(number - first))?;
        samples.extend(written(some));
        stages.show(
            "samples",
            (first + CHUNK).min(number) as f64 / number as f64,
        );
    }
    Ok(samples)
}

/// The folder beside the run's samples; for a lone checkpoint, one in the working directory.
fn default_out(model: &Model) -> PathBuf {
    let step = format!("step-{:06}", model.checkpoint.step);
    match &model.run {
        Some(run) => run_dir::evaluation_folder(run).join(step),
        None => Path::new("evaluation").join(step),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_all_unless_some_are_named() {
        assert_eq!(asked(&[]).unwrap(), metric_names().collect::<Vec<_>>());
        let twice = ["mmd", "parzen", "mmd"].map(str::to_owned);
        assert_eq!(asked(&twice).unwrap(), ["mmd", "parzen"]);
        let error = asked(&["parsen".to_owned()]).unwrap_err();
        assert!(
            error.to_string().contains("expected one of modes, values"),
            "{error}"
        );
    }
}
