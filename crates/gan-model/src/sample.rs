//! Samples from G: one forward pass, no dropout, no Markov chain.

use gan_kernels::random::{Purpose, Stream};
use gan_kernels::{Backend, BackendError, FillLatent, Matrix, Prior, Real, StepState};

use crate::checkpoint::{Checkpoint, CheckpointError, named_mut};
use crate::config::GeneratorConfig;
use crate::mlp::{Mlp, Optimizer, Pass, Tape};

/// Rows of one forward pass.
const CHUNK: usize = 256;

/// A trained generator on its own.
pub struct Sampler<B: Backend> {
    backend: B,
    generator: Mlp<B>,
    tape: Tape<B>,
    prior: Prior,
}

impl<B: Backend> Sampler<B> {
    /// The generator of `checkpoint`, which `config` describes.
    ///
    /// # Errors
    /// If a tensor is missing or of another shape than `config` says.
    pub fn new(
        backend: B,
        config: &GeneratorConfig,
        checkpoint: &Checkpoint,
    ) -> Result<Self, CheckpointError> {
        let cols = checkpoint.generator_cols(config.layers.len())?;
        let layers = config.layer_specs(cols, 0);
        let mut generator = Mlp::new(&backend, layers, Optimizer::NONE);
        let part = if config.average.is_some() {
            ".average"
        } else {
            ""
        };
        for (name, matrix) in named_mut(&mut generator, "generator", part) {
            checkpoint.fetch(&backend, &name, matrix)?;
        }
        let tape = sampling_tape(&backend, &generator);
        Ok(Self {
            backend,
            generator,
            tape,
            prior: config.prior,
        })
    }

    /// Values per sample.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.generator.units().next_back().unwrap_or(0)
    }

    /// Samples number `first .. first + count` of `seed`, row-major.
    ///
    /// The same samples whatever `count` is.
    ///
    /// # Errors
    /// If the device failed.
    pub fn sample(
        &mut self,
        seed: u64,
        first: usize,
        count: usize,
    ) -> Result<Vec<f32>, BackendError> {
        let z = drawn(&self.backend, self.prior, seed, first);
        forward(&self.backend, &self.generator, &mut self.tape, count, z)
    }

    /// Dimension of the latent z.
    #[must_use]
    pub fn latent(&self) -> usize {
        self.generator.inputs()
    }

    /// The latents that samples number `first .. first + count` of `seed` are made from, row-major.
    ///
    /// # Errors
    /// If the device failed.
    pub fn latents(&self, seed: u64, first: usize, count: usize) -> Result<Vec<f32>, BackendError> {
        let mut draw = drawn(&self.backend, self.prior, seed, first);
        let mut z = self.backend.matrix(CHUNK, self.latent());
        let mut latents = Vec::with_capacity(count * self.latent());
        for chunk in (0..count).step_by(CHUNK) {
            let rows = CHUNK.min(count - chunk);
            draw(&mut z, chunk, rows);
            latents.extend(to_singles(&self.backend.read(z.rows(0, rows))?));
        }
        Ok(latents)
    }

    /// G(z) for each of `latents`, row-major.
    ///
    /// On a back end of f32 these are the bits of [`Sampler::sample`], if the latents are those of
    /// [`Sampler::latents`].
    ///
    /// # Panics
    /// If `latents` is no whole number of latents.
    /// # Errors
    /// If the device failed.
    pub fn generate_from(&mut self, latents: &[f32]) -> Result<Vec<f32>, BackendError> {
        generate_from(&self.backend, &self.generator, &mut self.tape, latents)
    }
}

/// Room for one chunk of samples.
pub(crate) fn sampling_tape<B: Backend>(backend: &B, generator: &Mlp<B>) -> Tape<B> {
    Tape::new(backend, generator, CHUNK, 0)
}

/// G(z) for each of `latents`.
#[track_caller]
pub(crate) fn generate_from<B: Backend>(
    backend: &B,
    generator: &Mlp<B>,
    tape: &mut Tape<B>,
    latents: &[f32],
) -> Result<Vec<f32>, BackendError> {
    let cols = generator.inputs();
    assert!(
        latents.len().is_multiple_of(cols),
        "generate_from: no whole number of latents"
    );
    let given = |z: &mut Matrix<B>, first: usize, rows: usize| {
        let mut values = vec![B::Elem::ZERO; CHUNK * cols];
        let latents = &latents[first * cols..(first + rows) * cols];
        for (value, &latent) in values.iter_mut().zip(latents) {
            *value = B::Elem::from_f64(latent.into());
        }
        backend.write(z, &values);
    };
    forward(backend, generator, tape, latents.len() / cols, given)
}

/// Fills the first rows of a chunk with the latents of `seed` from number `first` on.
pub(crate) fn drawn<B: Backend>(
    backend: &B,
    prior: Prior,
    seed: u64,
    first: usize,
) -> impl FnMut(&mut Matrix<B>, usize, usize) {
    let state = evaluation_state(backend, seed);
    move |z, chunk, rows| {
        backend.fill_latent(FillLatent {
            z: z.rows_mut(0, rows),
            prior,
            stream: Stream::new(Purpose::Evaluation, 0, 0),
            first_row: first + chunk,
            state: &state,
        });
    }
}

/// Runs `count` latents through G; `latents` writes the chunk from a given latent on, of so many
/// rows.
pub(crate) fn forward<B: Backend>(
    backend: &B,
    generator: &Mlp<B>,
    tape: &mut Tape<B>,
    count: usize,
    mut latents: impl FnMut(&mut Matrix<B>, usize, usize),
) -> Result<Vec<f32>, BackendError> {
    // No mask is drawn: a pass needs some state, and any will do.
    let state = evaluation_state(backend, 0);
    let mut z = backend.matrix(CHUNK, generator.inputs());
    let last = generator.layers.len() - 1;
    let mut samples = Vec::with_capacity(count * tape.output(last).cols());
    for chunk in (0..count).step_by(CHUNK) {
        let rows = CHUNK.min(count - chunk);
        latents(&mut z, chunk, rows);
        let pass = Pass::without_dropout(backend, &state, rows);
        generator.forward(&pass, z.rows(0, rows), tape);
        let output = backend.read(tape.output(last).rows(0, rows))?;
        samples.extend(to_singles(&output));
    }
    Ok(samples)
}

fn evaluation_state<B: Backend>(backend: &B, seed: u64) -> B::State {
    backend.state(StepState {
        seed,
        step: 0,
        rates: Vec::new(),
    })
}

fn to_singles<T: Real>(values: &[T]) -> impl Iterator<Item = f32> {
    values.iter().map(|value| value.to_f64() as f32)
}
