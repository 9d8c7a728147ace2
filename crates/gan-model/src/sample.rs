//! Samples from G: one forward pass, no dropout, no Markov chain.

use gan_kernels::random::{Purpose, Stream};
use gan_kernels::{Backend, BackendError, FillLatent, Prior, Real, StepState};

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
        let (g, tape) = (&self.generator, &mut self.tape);
        sample_rows(&self.backend, g, tape, self.prior, seed, first, count)
    }
}

/// Room for one chunk of samples.
pub(crate) fn sampling_tape<B: Backend>(backend: &B, generator: &Mlp<B>) -> Tape<B> {
    Tape::new(backend, generator, CHUNK, 0)
}

pub(crate) fn sample_rows<B: Backend>(
    backend: &B,
    generator: &Mlp<B>,
    tape: &mut Tape<B>,
    prior: Prior,
    seed: u64,
    first: usize,
    count: usize,
) -> Result<Vec<f32>, BackendError> {
    let (Some(bottom), Some(top)) = (generator.layers.first(), generator.layers.last()) else {
        return Ok(Vec::new());
    };
    let state = backend.state(StepState {
        seed,
        step: 0,
        rates: Vec::new(),
    });
    let mut z = backend.matrix(CHUNK, bottom.w.row_count());
    let mut samples = Vec::with_capacity(count * top.b.cols());
    let last = generator.layers.len() - 1;
    for chunk in (0..count).step_by(CHUNK) {
        let rows = CHUNK.min(count - chunk);
        backend.fill_latent(FillLatent {
            z: z.rows_mut(0, rows),
            prior,
            stream: Stream::new(Purpose::Evaluation, 0, 0),
            first_row: first + chunk,
            state: &state,
        });
        let pass = Pass {
            state: &state,
            masks: None,
            first: 0,
            count: rows,
        };
        generator.forward(backend, &pass, z.rows(0, rows), tape, None);
        let values = backend.read(tape.y[last].rows(0, rows))?;
        samples.extend(values.into_iter().map(|value| value.to_f64() as f32));
    }
    Ok(samples)
}
