//! Samples from G: one forward pass, no dropout, no Markov chain.

use gan_kernels::random::{Purpose, Stream};
use gan_kernels::{Backend, BackendError, FillLatent, Matrix, Prior, Real, StepState};

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::config::GeneratorConfig;
use crate::mlp::{Mlp, Optimizer, Pass, Player, Tape};

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
        let sizes: Vec<usize> = std::iter::once(config.latent)
            .chain(
                config
                    .layers
                    .iter()
                    .map(|layer| layer.units.unwrap_or(cols)),
            )
            .collect();
        let layers = &config.layers;
        let mut generator = Mlp::new(
            &backend,
            Player::Generator,
            layers,
            &sizes,
            Optimizer::Store,
            0,
        );
        if config.average.is_some() {
            generator.keep_average(&backend);
        }
        checkpoint.fetch(&backend, "generator", &mut generator)?;
        let tape = sampling_tape(&backend, &generator);
        Ok(Self {
            backend,
            generator,
            tape,
            prior: config.prior.kernel_prior(),
        })
    }

    /// Values per sample.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.generator
            .layers
            .last()
            .map_or(0, |layer| layer.b.cols())
    }

    /// Samples number `first .. first + count` of `seed`, row-major.
    ///
    /// The same samples whatever `count` is.
    ///
    /// # Errors
    /// What went wrong on the device.
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
        self.generator
            .layers
            .first()
            .map_or(0, |layer| layer.w.row_count())
    }

    /// The latents that samples number `first .. first + count` of `seed` are made from, row-major.
    ///
    /// # Errors
    /// What went wrong on the device.
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
    /// What went wrong on the device.
    pub fn generate_from(&mut self, latents: &[f32]) -> Result<Vec<f32>, BackendError> {
        generate_from(&self.backend, &self.generator, &mut self.tape, latents)
    }
}

/// Room for one chunk of samples.
pub(crate) fn sampling_tape<B: Backend>(backend: &B, generator: &Mlp<B>) -> Tape<B> {
    Tape::new(backend, generator, CHUNK, 0)
}

/// Samples number `first .. first + count` of `seed`.
pub(crate) fn sample_rows<B: Backend>(
    backend: &B,
    generator: &Mlp<B>,
    tape: &mut Tape<B>,
    prior: Prior,
    seed: u64,
    first: usize,
    count: usize,
) -> Result<Vec<f32>, BackendError> {
    let z = drawn(backend, prior, seed, first);
    forward(backend, generator, tape, count, z)
}

/// G(z) for each of `latents`.
#[track_caller]
pub(crate) fn generate_from<B: Backend>(
    backend: &B,
    generator: &Mlp<B>,
    tape: &mut Tape<B>,
    latents: &[f32],
) -> Result<Vec<f32>, BackendError> {
    let Some(bottom) = generator.layers.first() else {
        return Ok(Vec::new());
    };
    let cols = bottom.w.row_count();
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
fn drawn<B: Backend>(
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
fn forward<B: Backend>(
    backend: &B,
    generator: &Mlp<B>,
    tape: &mut Tape<B>,
    count: usize,
    mut latents: impl FnMut(&mut Matrix<B>, usize, usize),
) -> Result<Vec<f32>, BackendError> {
    let (Some(bottom), Some(top)) = (generator.layers.first(), generator.layers.last()) else {
        return Ok(Vec::new());
    };
    // No mask is drawn: a pass needs some state, and any will do.
    let state = evaluation_state(backend, 0);
    let mut z = backend.matrix(CHUNK, bottom.w.row_count());
    let mut samples = Vec::with_capacity(count * top.b.cols());
    let last = generator.layers.len() - 1;
    for chunk in (0..count).step_by(CHUNK) {
        let rows = CHUNK.min(count - chunk);
        latents(&mut z, chunk, rows);
        let pass = Pass {
            state: &state,
            masks: None,
            first: 0,
            count: rows,
        };
        generator.forward(backend, &pass, z.rows(0, rows), tape, None);
        samples.extend(to_singles(&backend.read(tape.y[last].rows(0, rows))?));
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
