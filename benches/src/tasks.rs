//! Whole tasks on the processor: the log-likelihood of an evaluation, samples, loading a data set.

use std::path::PathBuf;

use anyhow::{Context, Result};
use gan_data::DataConfig;
use gan_eval::authors_sigmas;
use gan_kernels::{Backend, Matrix, Native, Parzen, Real};

use crate::cost::sampling;
use crate::game::{PIXELS, mnist_trainer, preset};
use crate::memory::peak_growth;
use crate::results::{Fact, Row};
use crate::timing::{Effort, Times};

/// Which of the authors' ten σ stands alone: the one that MNIST usually gets, 0.167.
const SIGMA: usize = 2;
/// Points that are held to the f64 oracle.
const ORACLE_POINTS: usize = 200;
/// Images of one call of the sampler.
pub const SAMPLES: usize = 1000;

/// Points and samples of a Parzen window: images of the built-in digits.
pub struct Digits {
    points: Vec<f32>,
    samples: Vec<f32>,
    count: usize,
}

impl Digits {
    /// `count` points and as many samples, all different.
    ///
    /// # Errors
    /// If the digits cannot be drawn.
    pub fn new(count: usize) -> Result<Self> {
        let config = DataConfig {
            count: Some(2 * count),
            ..DataConfig::new("digits")
        };
        let records = gan_data::load(&config, 1)?.records;
        let mut values = vec![0.0; 2 * count * PIXELS];
        for (row, values) in values.chunks_exact_mut(PIXELS).enumerate() {
            records.copy_row(row, values);
        }
        let samples = values.split_off(count * PIXELS);
        Ok(Self {
            points: values,
            samples,
            count,
        })
    }

    /// The first `points` points under the first `samples` samples, on a back end.
    ///
    /// # Panics
    /// If there are fewer.
    #[must_use]
    pub fn window<B: Backend>(&self, backend: B, points: usize, samples: usize) -> Window<B> {
        let upload = |values: &[f32], rows: usize| {
            let values = values[..rows * PIXELS].iter();
            let values: Vec<B::Elem> = values.map(|&it| B::Elem::from_f64(it.into())).collect();
            let mut matrix = backend.matrix(rows, PIXELS);
            backend.write(&mut matrix, &values);
            matrix
        };
        Window {
            points: upload(&self.points, points),
            samples: upload(&self.samples, samples),
            backend,
        }
    }
}

/// A Parzen window on a back end.
pub struct Window<B: Backend> {
    backend: B,
    points: Matrix<B>,
    samples: Matrix<B>,
}

impl<B: Backend> Window<B> {
    /// Log-likelihood of each point under each σ, in nats.
    ///
    /// # Errors
    /// What went wrong on the device.
    pub fn logs(&self, sigmas: &[f64]) -> Result<Vec<f64>> {
        Ok(self.backend.parzen(Parzen {
            points: self.points.all(),
            samples: self.samples.all(),
            sigmas,
        })?)
    }
}

/// The σ that MNIST usually gets, alone, and the authors' ten.
#[must_use]
pub fn sigmas() -> [Vec<f64>; 2] {
    let ten = authors_sigmas();
    [vec![ten[SIGMA]], ten]
}

/// One σ beside ten, in turn.
///
/// # Errors
/// If the threads cannot be started.
pub fn parzen(digits: &Digits, threads: usize, effort: Effort) -> Result<Vec<Row>> {
    let n = digits.count;
    let window = digits.window(Native::<f32>::new(Some(threads))?, n, n);
    let sigmas = sigmas();
    // The processor's operations do not fail.
    let run = |sigmas: &[f64]| drop(window.logs(sigmas));
    let (one, ten, _) = effort.in_turn(|| run(&sigmas[0]), || run(&sigmas[1]));
    let row = |times: &Times, sigmas: usize| Row {
        name: format!("parzen/{n}x{n}x{PIXELS}/{sigmas} sigmas"),
        flop: 2.0 * (n * n * PIXELS) as f64,
        ..timed(times, threads)
    };
    Ok(vec![row(&one, 1), row(&ten, sigmas[1].len())])
}

/// How far points are from the f64 oracle, and how memory grows with their number.
///
/// # Errors
/// If the threads cannot be started.
pub fn parzen_facts(digits: &Digits, threads: usize) -> Result<Vec<Fact>> {
    let [sigmas, _] = sigmas();
    let (few, all) = (ORACLE_POINTS.min(digits.count), digits.count);
    let native = || Native::<f32>::new(Some(threads));
    let oracle = Native::<f64>::new(Some(threads))?;
    let found = digits.window(native()?, few, all).logs(&sigmas)?;
    let expected = digits.window(oracle, few, all).logs(&sigmas)?;
    let off = found.iter().zip(&expected).map(|(a, b)| (a - b).abs());
    let mean = |logs: &[f64]| logs.iter().sum::<f64>() / logs.len() as f64;
    let off_mean = (mean(&found) - mean(&expected)).abs();
    let grown = |count: usize| -> Result<f64> {
        // A back end of its own: scratch memory that has grown once does not grow again.
        let window = digits.window(native()?, count, count);
        let (logs, bytes) = peak_growth(|| window.logs(&sigmas));
        logs?;
        Ok(bytes as f64)
    };
    let fact = |name: &str, value: f64, unit: &str| Fact {
        name: name.into(),
        value: Some(value),
        unit: unit.into(),
    };
    Ok(vec![
        fact("parzen/error of a point", off.fold(0.0, f64::max), "nats"),
        fact("parzen/error of the mean", off_mean, "nats"),
        fact("parzen/memory", grown(all)?, "bytes"),
        fact("parzen/memory of half", grown(all / 2)?, "bytes"),
        fact(
            "parzen/matrix of distances, which is never made",
            4.0 * (all * all) as f64,
            "bytes",
        ),
    ])
}

/// Samples of the MNIST generator, read back.
///
/// # Errors
/// If the preset cannot be read or the threads not be started.
pub fn sample(threads: usize, effort: Effort) -> Result<Row> {
    let mut trainer = mnist_trainer(threads)?;
    let mut first = 0;
    let times = effort.alone(|| {
        // The processor's operations do not fail.
        drop(trainer.sample(1, first, SAMPLES));
        first += SAMPLES;
    });
    let cost = sampling(&preset("mnist")?, PIXELS, SAMPLES)?;
    Ok(Row {
        name: format!("sample/mnist/{SAMPLES} images"),
        flop: cost.flop,
        bytes: cost.bytes,
        items: SAMPLES as f64,
        ..timed(&times, threads)
    })
}

/// Reading MNIST and making its mean, if `GAN_DATA_DIR` says where it is: `mnist/` in it.
///
/// # Errors
/// If it is not there.
pub fn load(effort: Effort) -> Result<Option<Row>> {
    let Some(folder) = std::env::var_os("GAN_DATA_DIR") else {
        return Ok(None);
    };
    let path = PathBuf::from(folder).join("mnist");
    let config = DataConfig::new(path.display().to_string());
    let load = || gan_data::load(&config, 1).map(|data| data.mean());
    load().with_context(|| path.display().to_string())?;
    let times = effort.alone(|| drop(load()));
    Ok(Some(Row {
        name: "load/mnist".into(),
        ..timed(&times, 1)
    }))
}

/// A row of f32 on the processor with nothing but its times.
pub(crate) fn timed(times: &Times, threads: usize) -> Row {
    Row {
        threads: Some(threads),
        precision: "f32".into(),
        count: 1,
        seconds: Some(times.median()),
        spread: Some(times.spread()),
        ..Row::default()
    }
}
