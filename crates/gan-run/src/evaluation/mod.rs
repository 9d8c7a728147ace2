//! The evaluation of a model: how good its samples are beside the records of its run.
//!
//! [`Task::new`] loads the data, [`Task::run`] draws samples and turns both into a [`Document`] by the
//! metrics of `gan-eval`, and [`Document::save`] writes that beside the run.

mod cache;
mod data;
mod document;
mod mixed;

use std::path::Path;
use std::time::Instant;

use gan_data::{RecordShape, Transform};
use gan_eval::{
    Caller, ControlSet, EvalError, Finding, Nearest, PROTOCOL_VERSION, Points, Reference, Row,
    Section, Subject, Uncertainty, metric_names, unmet_need,
};
use gan_kernels::BackendError;
use serde_json::json;

use crate::device::{Device, PrecisionChoice};
use crate::model::{Model, check_amount};
use crate::problem::Problem;
use crate::text::{decimals_of_error, four_digits, nearest_word};
use cache::Cache;
use data::EvaluationData;
use mixed::MixedTable;

pub use document::Document;

/// Samples of all but mixed tables, unless told otherwise.
const SAMPLES: usize = 10_000;
/// Samples between two reports of progress.
const CHUNK: usize = 1024;

/// What is to be measured, and by what.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings<'a> {
    /// Path of the data, if it has moved since the training.
    pub data: Option<&'a Path>,
    /// Number of samples; without it 10,000, and of a mixed table as many as training rows, up to
    /// 50,000.
    pub samples: Option<usize>,
    /// Names of metrics; all that apply to the data where there are none.
    pub metrics: &'a [String],
    /// The column of a mixed table that models learn from the others; the last without it.
    pub target: Option<&'a str>,
    /// Width of the Parzen window; without it the best on the validation records.
    pub sigma: Option<f64>,
    /// Leaves out the controls that take minutes where there are many records.
    pub quick_controls: bool,
    /// Seed of the latents; the run's without it.
    pub seed: Option<u64>,
    /// The precision that the device is opened with.
    pub precision: PrecisionChoice,
    /// Threads for what no device computes; all without it.
    pub threads: Option<usize>,
}

/// An evaluation whose data is loaded.
pub struct Task<'a> {
    model: &'a Model,
    settings: Settings<'a>,
    kind: Kind,
    warnings: Vec<String>,
}

/// What is evaluated.
enum Kind {
    /// Images, and rows of numbers.
    Records {
        data: Box<EvaluationData>,
        metrics: Vec<&'static str>,
        cache: Cache,
        kept: cache::Numbers,
    },
    /// A table of numbers, dates and categories.
    Table(Box<MixedTable>),
}

impl<'a> Task<'a> {
    /// Loads the data of `model`'s run, and checks that what is asked for can be measured.
    ///
    /// # Errors
    /// If the data is not there, holds nothing out or is not what the generator makes, or a setting
    /// does not apply to it.
    pub fn new(model: &'a Model, settings: Settings<'a>) -> Result<Self, Problem> {
        let metrics = asked(settings.metrics)?;
        let mut warnings = Vec::new();
        let kind = if let (Transform::Columns(_), RecordShape::Table(table)) =
            (&model.record.transform, &model.record.shape)
        {
            let table = MixedTable::load(model, table, &settings)?;
            warnings.extend(table.warning());
            Kind::Table(Box::new(table))
        } else {
            if let Some(target) = settings.target {
                return Err(Problem::usage(format!(
                    "--target {target}: found a model of {}, expected one of a mixed table",
                    model.record.data
                ))
                .hint("leave --target out"));
            }
            let data = EvaluationData::load(model, settings.data)?;
            let samples = settings.samples.unwrap_or(SAMPLES);
            check_amount("--samples", samples, data.cols())?;
            let nearest_mode = data.nearest_mode();
            let reference = data.reference(&nearest_mode);
            let are_named = !settings.metrics.is_empty();
            let metrics = applicable(metrics, are_named, &reference, samples)?;
            drop(nearest_mode);
            let cache = Cache::new(json!({
                "version": PROTOCOL_VERSION, "data_sha256": data.digest(),
                "samples": samples, "precision": format!("{:?}", settings.precision),
            }));
            let (kept, damaged) = cache.read();
            warnings.extend(data.warning.clone());
            warnings.extend(damaged);
            Kind::Records {
                data: Box::new(data),
                metrics,
                cache,
                kept,
            }
        };
        Ok(Self {
            model,
            settings,
            kind,
            warnings,
        })
    }

    /// The data in one line for people.
    #[must_use]
    pub fn in_words(&self) -> String {
        match &self.kind {
            Kind::Records { data, .. } => data.in_words(),
            Kind::Table(table) => table.in_words(),
        }
    }

    /// Reasons why the numbers may mean less than they say, or take longer.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Draws samples and measures them on `device`; tells `progress` of each stage and of the share
    /// of it that is done.
    ///
    /// # Errors
    /// If the device fails, or a number comes to nothing.
    pub fn run(
        &self,
        device: &Device,
        progress: &mut dyn FnMut(&str, f64),
    ) -> Result<Document, Problem> {
        let start = Instant::now();
        let model = self.model;
        let seed = self.settings.seed.unwrap_or(model.checkpoint.seed);
        let found = match &self.kind {
            Kind::Records {
                data,
                metrics,
                cache,
                kept,
            } => {
                let number = self.settings.samples.unwrap_or(SAMPLES);
                // What is evaluated is what `sample` would write.
                let samples = draw(device, model, seed, number, progress, |mut samples| {
                    model.record.as_written(&mut samples, model.cols);
                    samples
                })?;
                let samples = Points::new(&samples, data.cols());
                samples.check_range("samples")?;
                let caller = Caller {
                    progress: &mut |name, done| progress(name, done),
                    kept: kept.clone(),
                    keep: &mut |numbers| cache.write(numbers),
                };
                let nearest_mode = data.nearest_mode();
                let subject = Subject {
                    samples,
                    reference: &data.reference(&nearest_mode),
                    metrics,
                    step: model.checkpoint.step,
                    sigma: self.settings.sigma,
                    controls: match self.settings.quick_controls {
                        true => ControlSet::Quick,
                        false => ControlSet::All,
                    },
                };
                let (sections, verdict) = evaluate(device, &subject, caller)?;
                document::Found {
                    samples: number,
                    data: data.facts(),
                    sections,
                    verdict,
                    table: None,
                    pictures: Vec::new(),
                }
            }
            Kind::Table(table) => table.evaluate(model, device, seed, progress)?,
        };
        let seconds = start.elapsed().as_secs_f64();
        Ok(Document::new(model, seed, device, seconds, found))
    }
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

/// The first `number` samples of `seed`, some at a time as `written` makes them of those in the
/// players' units.
fn draw<T>(
    device: &Device,
    model: &Model,
    seed: u64,
    number: usize,
    progress: &mut dyn FnMut(&str, f64),
    written: impl Fn(Vec<f32>) -> Vec<T>,
) -> Result<Vec<T>, Problem> {
    let mut generator = model.generator(device)?;
    progress("samples", 0.0);
    let mut samples = Vec::new();
    for first in (0..number).step_by(CHUNK) {
        let some = generator.sample(seed, first, CHUNK.min(number - first))?;
        samples.extend(written(some));
        progress(
            "samples",
            (first + CHUNK).min(number) as f64 / number as f64,
        );
    }
    Ok(samples)
}

/// [`gan_eval::evaluate`] on `device`.
fn evaluate<'a>(
    device: &'a Device,
    subject: &Subject<'a>,
    caller: Caller<'a>,
) -> Result<(Vec<Section>, Vec<Finding>), EvalError> {
    match device {
        Device::Cpu(native) => gan_eval::evaluate(native, subject, caller),
        #[cfg(feature = "gpu")]
        Device::Gpu(cube) => gan_eval::evaluate(cube, subject, caller),
    }
}

/// The `count` points of `among` that are nearest to each of `queries`.
///
/// # Errors
/// If the device fails.
pub fn nearest(
    device: &Device,
    queries: Points<'_>,
    among: Points<'_>,
    count: usize,
) -> Result<Nearest, BackendError> {
    match device {
        Device::Cpu(native) => gan_eval::nearest(native, queries, among, count),
        #[cfg(feature = "gpu")]
        Device::Gpu(cube) => gan_eval::nearest(cube, queries, among, count),
    }
}

/// The number of a row with its uncertainty: `225.3 ± 1.9`.
#[must_use]
pub fn value_in_words(row: &Row) -> String {
    match row.uncertainty {
        Some(Uncertainty::StandardError(error)) => {
            let digits = decimals_of_error(error);
            format!("{:.digits$} ± {error:.digits$}", row.value)
        }
        Some(Uncertainty::PValue(p)) => format!("{} (p {p:.3})", four_digits(row.value)),
        None => four_digits(row.value),
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
