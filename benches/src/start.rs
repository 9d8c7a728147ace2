//! The start that all peers share: a folder of arrays from which any framework plays the same iterations.
//!
//! Parameters, velocities, latents, minibatches, dropout masks and rates of a game in progress, and
//! this library's own losses in the iterations that follow.
//! A peer that computes another game gets other losses.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use gan_kernels::random::{Address, Permutation, Purpose, Stream, keep_threshold};
use gan_kernels::{Backend, FillLatent, Native, Prior, Rates, StepState};
use npyz::{AutoSerialize, WriteOptions, WriterBuilder};

use crate::game::{IMAGES, PIXELS, SEED, mnist_trainer, noise};

/// Iterations whose losses a peer must reproduce.
pub(crate) const ITERATIONS: usize = 5;

/// Iterations before them: at the very start D says 1/2 to everything, whatever
/// it computes, and here it begins to tell samples from data.
const BEFORE: u64 = 150;

/// The paper's m.
const MINIBATCH: usize = 100;
/// Values of a latent.
const LATENT: usize = 100;

/// One dropout mask of an iteration, as the trainer addresses it.
struct Masked {
    /// Name of the array.
    name: &'static str,
    cols: usize,
    keep: f64,
    /// Pass and first row of each run of rows, and how many.
    parts: &'static [(usize, usize, usize)],
    /// D's layer whose input is masked.
    layer: usize,
}

/// D's own passes are 0 and 1; the samples' input mask is drawn beside them, in pass 2.
const MASKS: [Masked; 6] = [
    masked("kept.discriminator.0", 0, &[(0, 0, 100), (2, 0, 100)]),
    masked("kept.discriminator.1", 1, &[(0, 0, 200)]),
    masked("kept.discriminator.2", 2, &[(0, 0, 200)]),
    masked("kept.generator.0", 0, &[(2, 100, 100)]),
    masked("kept.generator.1", 1, &[(1, 0, 100)]),
    masked("kept.generator.2", 2, &[(1, 0, 100)]),
];

const fn masked(
    name: &'static str,
    layer: usize,
    parts: &'static [(usize, usize, usize)],
) -> Masked {
    let (cols, keep) = if layer == 0 {
        (PIXELS, 0.8)
    } else {
        (240, 0.5)
    };
    Masked {
        name,
        cols,
        keep,
        parts,
        layer,
    }
}

impl Masked {
    fn rows(&self) -> usize {
        self.parts.iter().map(|(.., count)| count).sum()
    }

    /// 1 where an element is kept.
    fn at(&self, step: u64) -> Vec<u8> {
        let threshold = keep_threshold(self.keep);
        let mut kept = Vec::with_capacity(self.rows() * self.cols);
        let mut words = vec![0; self.cols];
        for &(pass, first, count) in self.parts {
            let stream = Stream::new(Purpose::Dropout, pass, self.layer);
            let seed = SEED;
            let address = Address { seed, stream, step };
            for row in first..first + count {
                // Rows begin at multiples of four, as `gan_kernels::Dropout` has them.
                let index = row as u64 * self.cols.next_multiple_of(4) as u64;
                address.fill_words(index, &mut words);
                kept.extend(words.iter().map(|&word| u8::from(word < threshold)));
            }
        }
        kept
    }
}

/// Writes the folder `dir`, which must exist; returns the losses of D and of G, an iteration each.
pub(crate) fn write(dir: &Path) -> Result<Vec<[f64; 2]>> {
    write_after(dir, BEFORE)
}

/// Likewise after `before` iterations.
fn write_after(dir: &Path, before: u64) -> Result<Vec<[f64; 2]>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut trainer = mnist_trainer(Native::<f32>::new(Some(threads))?)?;
    (0..before).for_each(|_| trainer.step());
    let rates = |metrics: gan_model::Metrics| [metrics.learning_rate, metrics.momentum];
    let mut next = rates(trainer.take_metrics()?);
    write_parameters(dir, &mut trainer)?;
    write_array(dir, "step", &[1], &[before as i64])?;
    write_array(dir, "data", &[IMAGES, PIXELS], &noise(IMAGES * PIXELS))?;

    let backend = Native::<f32>::new(Some(1))?;
    let (mut latents, mut rows, mut steps, mut losses) = (vec![], vec![], vec![], vec![]);
    for step in before..before + ITERATIONS as u64 {
        latents.extend(latents_of(&backend, step)?);
        rows.extend(records_of(step));
        steps.extend(next);
        trainer.step();
        let metrics = trainer.take_metrics()?;
        losses.push([metrics.discriminator_objective, metrics.generator_objective]);
        next = rates(metrics);
    }
    let flat = losses.as_flattened();
    ensure!(
        flat.iter().all(|loss| loss.is_finite()),
        "{}: losses are {losses:?}, expected finite ones",
        dir.display()
    );
    let shape = [ITERATIONS, 2 * MINIBATCH, LATENT];
    write_array(dir, "latents", &shape, &latents)?;
    write_array(dir, "rows", &[ITERATIONS, MINIBATCH], &rows)?;
    write_array(dir, "rates", &[ITERATIONS, 2], &steps)?;
    write_array(dir, "losses", &[ITERATIONS, 2], flat)?;
    for mask in &MASKS {
        let kept: Vec<u8> = (0..ITERATIONS as u64)
            .flat_map(|i| mask.at(before + i))
            .collect();
        write_array(dir, mask.name, &[ITERATIONS, mask.rows(), mask.cols], &kept)?;
    }
    Ok(losses)
}

/// `generator.0.w`, `generator.0.b`, `generator.0.moment0.w` and so on: the checkpoint's tensors
/// under the checkpoint's names, biases with one axis.
fn write_parameters(dir: &Path, trainer: &mut gan_model::Trainer<Native<f32>>) -> Result<()> {
    let checkpoint = trainer.checkpoint(String::new(), Default::default())?;
    for (name, shape) in checkpoint.tensors() {
        let values = checkpoint.tensor(name).unwrap_or_default();
        let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
        let axes = usize::from(name.ends_with(".b"));
        write_array(dir, name, &shape[axes..], &values)?;
    }
    Ok(())
}

/// The latents of iteration `step`, D's samples' before the fresh ones.
fn latents_of(backend: &Native<f32>, step: u64) -> Result<Vec<f32>> {
    let mut z = backend.matrix(2 * MINIBATCH, LATENT);
    let rates = Vec::<Rates>::new();
    let seed = SEED;
    backend.fill_latent(FillLatent {
        z: z.all_mut(),
        prior: Prior::Uniform,
        stream: Stream::new(Purpose::Noise, 0, 0),
        first_row: 0,
        state: &backend.state(StepState { seed, step, rates }),
    });
    Ok(backend.read(z.all())?)
}

/// The records of iteration `step`, as `gan_kernels::GatherRows` takes them.
fn records_of(step: u64) -> impl Iterator<Item = i64> {
    (0..MINIBATCH as u64).map(move |row| {
        let position = step * MINIBATCH as u64 + row;
        let (epoch, within) = (position / IMAGES as u64, position % IMAGES as u64);
        Permutation::new(SEED, epoch, IMAGES).at(within as usize) as i64
    })
}

/// Writes `values`, row-major, as `NAME.npy`.
pub(crate) fn write_array<T: AutoSerialize + Copy>(
    dir: &Path,
    name: &str,
    shape: &[usize],
    values: &[T],
) -> Result<()> {
    let path = dir.join(format!("{name}.npy"));
    let write = || -> std::io::Result<()> {
        let shape: Vec<u64> = shape.iter().map(|&axis| axis as u64).collect();
        let file = BufWriter::new(File::create(&path)?);
        let options = WriteOptions::new().default_dtype().shape(&shape);
        let mut writer = options.writer(file).begin_nd()?;
        writer.extend(values)?;
        writer.finish()
    };
    write().with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests;
