//! The metrics of `gan-eval` on a device.

use gan_eval::{
    Caller, EvalError, Evaluation, Evidence, Finding, Metric, Nearest, Points, Reference, Section,
    verdict,
};
use gan_kernels::{Backend, BackendError, Native};

use crate::device::Device;

/// The names of all metrics, in the order in which they are reported.
pub fn metric_names() -> impl Iterator<Item = &'static str> {
    // The names do not depend on the back end.
    Metric::<Native<f32>>::ALL.iter().map(|metric| metric.name)
}

/// The need of the metric called `name` that `reference` or the number of `samples` does not meet.
pub fn unmet_need(name: &str, reference: &Reference<'_>, samples: usize) -> Option<&'static str> {
    let mut metrics = Metric::<Native<f32>>::ALL.iter();
    let metric = metrics.find(|metric| metric.name == name)?;
    metric.unmet_need(reference, samples)
}

/// Samples of a generator, and how to measure them.
pub struct Subject<'a> {
    /// The samples, in the units of `reference`.
    pub samples: Points<'a>,
    /// The records that they are compared with.
    pub reference: &'a Reference<'a>,
    /// The names of the metrics to take.
    pub metrics: &'a [&'static str],
    /// Iterations that the generator was trained for.
    pub step: u64,
    /// Width of the Parzen window; without it, the best on the validation records.
    pub sigma: Option<f64>,
}

/// A section for each of the metrics, and what they mean together, the gravest first.
///
/// # Errors
/// If the device fails, or a number comes to nothing.
pub fn evaluate<'a>(
    device: &'a Device,
    subject: &Subject<'a>,
    caller: Caller<'a>,
) -> Result<(Vec<Section>, Vec<Finding>), EvalError> {
    match device {
        Device::Cpu(native) => evaluate_on(native, subject, caller),
        #[cfg(feature = "gpu")]
        Device::Gpu(cube) => evaluate_on(cube, subject, caller),
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

fn evaluate_on<'a, B: Backend>(
    backend: &'a B,
    subject: &Subject<'a>,
    caller: Caller<'a>,
) -> Result<(Vec<Section>, Vec<Finding>), EvalError> {
    let Subject {
        samples,
        reference,
        metrics,
        step,
        sigma,
    } = *subject;
    let mut evaluation = Evaluation::new(backend, reference, samples, step, sigma, caller);
    let mut evidence = Evidence::default();
    let sections = Metric::ALL
        .iter()
        .filter(|metric| metrics.contains(&metric.name))
        .map(|metric| metric.section(&mut evaluation, &mut evidence))
        .collect::<Result<Vec<_>, _>>()?;
    Ok((sections, verdict(&evidence)))
}
