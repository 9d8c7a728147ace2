//! Whole tasks on a processor: the log-likelihood of an evaluation, samples, loading a data set.

use std::path::PathBuf;

use anyhow::{Context, Result};
use gan_data::DataConfig;
use gan_eval::authors_sigmas;
use gan_kernels::{Backend, Matrix, Native, Parzen, Real};

use crate::cost::sampling;
use crate::game::{PIXELS, mnist_trainer, preset};
use crate::memory::peak_growth;
use crate::results::{Fact, Row};
use crate::timing::{Effort, Times, turn};

/// Index of the authors' σ that MNIST usually gets, 0.167.
const SIGMA: usize = 2;
/// Points that are held to the f64 oracle.
const ORACLE_POINTS: usize = 200;
/// Images of one call of the sampler.
pub(crate) const SAMPLES: usize = 1000;

/// `2 · count` different images of the built-in digits: points, then samples of a Parzen window.
pub(crate) fn digits(count: usize) -> Result<Vec<f32>> {
    let config = DataConfig {
        count: Some(2 * count),
        ..DataConfig::new("digits")
    };
    let records = gan_data::load(&config, 1)?.records;
    let mut values = vec![0.0; 2 * count * PIXELS];
    for (row, values) in values.chunks_exact_mut(PIXELS).enumerate() {
        records.copy_row(row, values);
    }
    Ok(values)
}

/// A Parzen window on a back end: as many points as samples.
pub(crate) struct Window<B: Backend> {
    backend: B,
    points: Matrix<B>,
    samples: Matrix<B>,
}

impl<B: Backend> Window<B> {
    /// The first half of the rows of `values` as points, under the other half.
    pub(crate) fn new(backend: B, values: &[f32]) -> Self {
        let (points, samples) = values.split_at(values.len() / 2);
        let [points, samples] = [points, samples].map(|values| {
            let elements = values.iter().map(|&it| B::Elem::from_f64(it.into()));
            let mut matrix = backend.matrix(values.len() / PIXELS, PIXELS);
            backend.write(&mut matrix, &elements.collect::<Vec<_>>());
            matrix
        });
        Self {
            backend,
            points,
            samples,
        }
    }

    /// Log-likelihood in nats of the first `points` points under the first `samples` samples, σ by
    /// σ.
    pub(crate) fn logs(&self, points: usize, samples: usize, sigmas: &[f64]) -> Result<Vec<f64>> {
        Ok(self.backend.parzen(Parzen {
            points: self.points.rows(0, points),
            samples: self.samples.rows(0, samples),
            sigmas,
        })?)
    }

    /// The same of all points under all samples.
    pub(crate) fn all_logs(&self, sigmas: &[f64]) -> Result<Vec<f64>> {
        self.logs(self.points.row_count(), self.samples.row_count(), sigmas)
    }
}

/// The σ that MNIST usually gets, alone, and the authors' ten.
pub(crate) fn sigmas() -> [Vec<f64>; 2] {
    let ten = authors_sigmas();
    [vec![ten[SIGMA]], ten]
}

/// The row of a window with `count` points and samples.
pub(crate) fn window_row(
    count: usize,
    sigmas: usize,
    threads: Option<usize>,
    times: &Times,
) -> Row {
    let name = format!("parzen/{count}x{count}x{PIXELS}/{sigmas} sigmas");
    Row {
        flop: 2.0 * (count * count * PIXELS) as f64,
        ..Row::new(name, threads, "f32", times)
    }
}

/// One σ beside ten, in turn.
pub(crate) fn parzen(digits: &[f32], threads: usize, effort: Effort) -> Result<Vec<Row>> {
    let count = digits.len() / 2 / PIXELS;
    let window = Window::new(Native::<f32>::new(Some(threads))?, digits);
    let sigmas = sigmas();
    // The processor's operations do not fail.
    let window = &window;
    let turns = sigmas.iter();
    let turns = turns.map(|sigmas| turn(move || drop(window.all_logs(sigmas))));
    let times = effort.each(turns.collect())?;
    let row =
        |(times, sigmas): (_, &Vec<f64>)| window_row(count, sigmas.len(), Some(threads), &times);
    Ok(times.into_iter().zip(&sigmas).map(row).collect())
}

/// The distance of points from the f64 oracle, and how memory grows with their number.
pub(crate) fn parzen_facts(digits: &[f32], threads: usize) -> Result<Vec<Fact>> {
    let [sigmas, _] = sigmas();
    let all = digits.len() / 2 / PIXELS;
    let few = ORACLE_POINTS.min(all);
    let native = || Native::<f32>::new(Some(threads));
    let oracle = Native::<f64>::new(Some(threads))?;
    let found = Window::new(native()?, digits).logs(few, all, &sigmas)?;
    let expected = Window::new(oracle, digits).logs(few, all, &sigmas)?;
    let errors = found.iter().zip(&expected).map(|(a, b)| (a - b).abs());
    let mean = |logs: &[f64]| logs.iter().sum::<f64>() / logs.len() as f64;
    let error_of_mean = (mean(&found) - mean(&expected)).abs();
    let grown = |count: usize| -> Result<f64> {
        // A back end of its own: scratch memory that has grown once does not grow again.
        let window = Window::new(native()?, digits);
        let (logs, bytes) = peak_growth(|| window.logs(count, count, &sigmas));
        logs?;
        Ok(bytes as f64)
    };
    let of_half = grown(all / 2)?;
    let matrix = 4.0 * (all * all) as f64;
    let facts = [
        ("error of a point", errors.fold(0.0, f64::max), "nats"),
        ("error of the mean", error_of_mean, "nats"),
        ("memory", grown(all)?, "bytes"),
        ("memory of half", of_half, "bytes"),
        ("matrix of distances, which is never made", matrix, "bytes"),
    ];
    let fact = |(name, value, unit)| Fact::new(format!("parzen/{name}"), value, unit);
    Ok(facts.map(fact).into())
}

/// Samples of the MNIST generator, read back.
pub(crate) fn sample(threads: usize, effort: Effort) -> Result<Row> {
    let mut trainer = mnist_trainer(Native::<f32>::new(Some(threads))?)?;
    let mut first = 0;
    let times = effort.alone(turn(|| {
        // The processor's operations do not fail.
        drop(trainer.sample(1, first, SAMPLES));
        first += SAMPLES;
    }))?;
    let cost = sampling(&preset("mnist")?, PIXELS, SAMPLES)?;
    let name = format!("sample/mnist/{SAMPLES} images");
    Ok(Row {
        items: SAMPLES as f64,
        ..Row::new(name, Some(threads), "f32", &times).with(cost)
    })
}

/// Reading MNIST and making its mean, if `GAN_DATA_DIR` says where it is: `mnist/` in it.
pub(crate) fn load(effort: Effort) -> Result<Option<Row>> {
    let Some(folder) = std::env::var_os("GAN_DATA_DIR") else {
        return Ok(None);
    };
    let path = PathBuf::from(folder).join("mnist");
    let config = DataConfig::new(path.display().to_string());
    let load = || gan_data::load(&config, 1).map(|data| data.mean());
    load().with_context(|| path.display().to_string())?;
    let times = effort.alone(turn(|| drop(load())))?;
    Ok(Some(Row::new("load/mnist", Some(1), "f32", &times)))
}
