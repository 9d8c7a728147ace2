//! Samples from G: one forward pass, no dropout, no Markov chain.

use gan_kernels::random::{Purpose, Stream};
use gan_kernels::{Backend, BackendError, FillLatent, Head, Matrix, Prior, Real, StepState};

use crate::checkpoint::{Checkpoint, CheckpointError, named_mut};
use crate::conditions::{Conditions, Shares};
use crate::config::GeneratorConfig;
use crate::heads::OutputHeads;
use crate::mlp::{Mlp, Optimizer, Pass, RunningMean, Tape};

/// Rows of one forward pass.
const CHUNK: usize = 256;

/// A trained generator on its own.
pub struct Sampler<B: Backend> {
    generator: Mlp<B>,
    sampling: Sampling<B>,
}

impl<B: Backend> Sampler<B> {
    /// The generator of `checkpoint`, as the checkpoint's own configuration describes it.
    ///
    /// # Errors
    /// If the checkpoint carries no configuration of a game, or has other tensors than that says.
    pub fn from_checkpoint(backend: B, checkpoint: &Checkpoint) -> Result<Self, CheckpointError> {
        let config = checkpoint.config()?;
        let cols = checkpoint.generator_cols(config.generator.layers.len())?;
        config.validate(cols)?;
        Self::new(backend, &config.generator, checkpoint)
    }

    /// The generator of `checkpoint`, which `config` describes: for a checkpoint that carries no
    /// configuration.
    ///
    /// # Errors
    /// If a tensor is missing or of another shape than `config` says.
    pub fn new(
        backend: B,
        config: &GeneratorConfig,
        checkpoint: &Checkpoint,
    ) -> Result<Self, CheckpointError> {
        let cols = checkpoint.generator_cols(config.layers.len())?;
        let conditions = checkpoint.conditions(cols)?;
        let given = conditions.as_ref().map_or(0, Conditions::width);
        let layers = config.layer_specs(cols, given, 0);
        let mut generator = Mlp::new(&backend, layers, Optimizer::NONE);
        let part = config.average.map_or("", |_| RunningMean::<B>::PART);
        for (name, matrix) in named_mut(&mut generator, "generator", part) {
            checkpoint.fetch(&backend, &name, matrix)?;
        }
        let heads = checkpoint.heads(config, cols)?;
        let sampling = Sampling::new(&backend, &generator, config, &heads, conditions);
        Ok(Self {
            generator,
            sampling,
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
        self.sampling.sample(&self.generator, seed, first, count)
    }

    /// What the last layer makes of the latents of these samples, row-major: the scalars and logits
    /// that heads decide about, or the samples themselves where records are not mixed.
    ///
    /// # Errors
    /// If the device failed.
    pub fn undecided(
        &mut self,
        seed: u64,
        first: usize,
        count: usize,
    ) -> Result<Vec<f32>, BackendError> {
        let z = self.sampling.drawn(&self.generator, seed, first);
        let wanted = Wanted::Undecided;
        self.sampling
            .forward(&self.generator, (seed, first), count, z, wanted)
    }

    /// Values of G's input: the dimension of the latent z, and the values of conditions.
    #[must_use]
    pub fn latent(&self) -> usize {
        self.generator.inputs()
    }

    /// The conditions of the training records, if G is given some.
    #[must_use]
    pub fn conditions(&self) -> Option<&Conditions> {
        let given = self.sampling.given.as_ref();
        given.map(|given| &given.conditions)
    }

    /// The level of each condition of sample number `index` of `seed`, if G is given some.
    #[must_use]
    pub fn levels(&self, seed: u64, index: usize) -> Option<&[u32]> {
        let given = self.sampling.given.as_ref()?;
        Some(given.conditions.levels(&given.shares, seed, index))
    }

    /// Gives the samples that are drawn from now on conditions from `shares`, a part of those of
    /// [`Sampler::conditions`]; returns what they were drawn from.
    ///
    /// # Panics
    /// If no training record has one of them.
    #[track_caller]
    pub fn draw_from(&mut self, shares: Shares) -> Shares {
        self.sampling.draw_from(shares)
    }

    /// The latents that samples number `first .. first + count` of `seed` are made from, row-major,
    /// each followed by its conditions.
    ///
    /// # Errors
    /// If the device failed.
    pub fn latents(&self, seed: u64, first: usize, count: usize) -> Result<Vec<f32>, BackendError> {
        let backend = &self.sampling.backend;
        let mut draw = self.sampling.drawn(&self.generator, seed, first);
        let mut z = backend.matrix(CHUNK, self.latent());
        let mut latents = Vec::with_capacity(count * self.latent());
        for chunk in (0..count).step_by(CHUNK) {
            let rows = CHUNK.min(count - chunk);
            draw(&mut z, chunk, rows)?;
            latents.extend(to_singles(&backend.read(z.rows(0, rows))?));
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
        self.sampling.generate_from(&self.generator, latents)
    }
}

/// What it takes to draw samples from a generator.
pub(crate) struct Sampling<B: Backend> {
    backend: B,
    prior: Prior,
    /// Room for one chunk of samples.
    tape: Tape<B>,
    /// Where records are mixed, and room for a chunk of them.
    heads: Option<(OutputHeads<B>, Matrix<B>)>,
    given: Option<GivenToSamples>,
}

/// The conditions of samples, of which the host knows what they are.
#[derive(Clone)]
struct GivenToSamples {
    conditions: Conditions,
    /// Those that are drawn from.
    shares: Shares,
}

/// What is read of a chunk of samples.
#[derive(Clone, Copy, PartialEq)]
enum Wanted {
    Records,
    /// Scalars and logits.
    Undecided,
}

impl<B: Backend> Sampling<B> {
    pub(crate) fn new(
        backend: &B,
        generator: &Mlp<B>,
        config: &GeneratorConfig,
        heads: &[Head],
        conditions: Option<Conditions>,
    ) -> Self {
        let cols = generator.units().next_back().unwrap_or(0);
        Self {
            backend: backend.clone(),
            prior: config.prior,
            tape: Tape::new(backend, generator, CHUNK, 0),
            heads: config.heads.map(|config| {
                let heads = OutputHeads::new(backend, heads, config);
                (heads, backend.matrix(CHUNK, cols))
            }),
            given: conditions.map(|conditions| GivenToSamples {
                shares: conditions.shares(|_| true),
                conditions,
            }),
        }
    }

    /// See [`Sampler::draw_from`].
    #[track_caller]
    pub(crate) fn draw_from(&mut self, shares: Shares) -> Shares {
        assert!(shares.records() > 0, "draw_from: no training record");
        match &mut self.given {
            Some(given) => std::mem::replace(&mut given.shares, shares),
            None => shares,
        }
    }

    /// Samples number `first .. first + count` of `seed`.
    pub(crate) fn sample(
        &mut self,
        generator: &Mlp<B>,
        seed: u64,
        first: usize,
        count: usize,
    ) -> Result<Vec<f32>, BackendError> {
        let z = self.drawn(generator, seed, first);
        self.forward(generator, (seed, first), count, z, Wanted::Records)
    }

    /// G(z) for each of `latents`; the levels of mixed records are decided by the noise of the first
    /// samples of seed 0.
    #[track_caller]
    pub(crate) fn generate_from(
        &mut self,
        generator: &Mlp<B>,
        latents: &[f32],
    ) -> Result<Vec<f32>, BackendError> {
        let (backend, cols) = (self.backend.clone(), generator.inputs());
        assert!(
            latents.len().is_multiple_of(cols),
            "generate_from: no whole number of latents"
        );
        let width = self.conditions_width();
        let inputs = |z: &mut Matrix<B>, first: usize, rows: usize| {
            let latents = &latents[first * cols..(first + rows) * cols];
            write_chunk(&backend, z, latents);
            let conditions = latents.chunks_exact(cols);
            Ok(conditions
                .flat_map(|row| &row[cols - width..])
                .copied()
                .collect())
        };
        let count = latents.len() / cols;
        self.forward(generator, (0, 0), count, inputs, Wanted::Records)
    }

    /// Values of the conditions of a sample.
    fn conditions_width(&self) -> usize {
        let given = self.given.as_ref();
        given.map_or(0, |given| given.conditions.width())
    }

    /// Fills the first rows of a chunk with the inputs of the samples of `seed` from number `first`
    /// on; returns their conditions.
    fn drawn(
        &self,
        generator: &Mlp<B>,
        seed: u64,
        first: usize,
    ) -> impl FnMut(&mut Matrix<B>, usize, usize) -> Result<Vec<f32>, BackendError> + use<B> {
        let (backend, prior) = (self.backend.clone(), self.prior);
        let state = evaluation_state(&backend, seed, 0);
        let fill = move |z: &mut Matrix<B>, chunk, rows| {
            backend.fill_latent(FillLatent {
                z: z.rows_mut(0, rows),
                prior,
                stream: Stream::new(Purpose::Evaluation, 0, 0),
                first_row: first + chunk,
                state: &state,
            });
        };
        let latent = generator.inputs() - self.conditions_width();
        let (backend, given) = (self.backend.clone(), self.given.clone());
        move |z, chunk, rows| {
            let Some(GivenToSamples { conditions, shares }) = &given else {
                fill(z, chunk, rows);
                return Ok(Vec::new());
            };
            // They are the host's, so both are put together here.
            let mut latents = backend.matrix(CHUNK, latent);
            fill(&mut latents, chunk, rows);
            let latents = backend.read(latents.rows(0, rows))?;
            let latents: Vec<f32> = to_singles(&latents).collect();
            let given = conditions.of_samples(shares, seed, first + chunk, rows);
            let parts = latents.chunks_exact(latent);
            let rows = parts.zip(given.chunks_exact(conditions.width()));
            let inputs: Vec<f32> = rows.flat_map(|(z, c)| [z, c].concat()).collect();
            write_chunk(&backend, z, &inputs);
            Ok(given)
        }
    }

    /// Runs `count` latents through G; `inputs` writes the chunk from a given latent on, of so many
    /// rows, and returns their conditions. The noise of heads is that of the samples of a seed from
    /// a number on.
    fn forward(
        &mut self,
        generator: &Mlp<B>,
        (seed, first): (u64, usize),
        count: usize,
        mut inputs: impl FnMut(&mut Matrix<B>, usize, usize) -> Result<Vec<f32>, BackendError>,
        wanted: Wanted,
    ) -> Result<Vec<f32>, BackendError> {
        let (backend, tape) = (&self.backend, &mut self.tape);
        // No mask is drawn: a pass needs some state, and any will do.
        let state = evaluation_state(backend, 0, 0);
        let mut z = backend.matrix(CHUNK, generator.inputs());
        let cols = tape.output_mut().cols();
        let mut samples = Vec::with_capacity(count * cols);
        let mut chunk = 0;
        while chunk < count {
            let (block, within) = ((first + chunk) / NOISE_BLOCK, (first + chunk) % NOISE_BLOCK);
            let rows = CHUNK.min(count - chunk).min(NOISE_BLOCK - within);
            let conditions = inputs(&mut z, chunk, rows)?;
            let pass = Pass::without_dropout(backend, &state, rows);
            generator.forward(&pass, z.rows(0, rows), tape);
            let output = tape.output_mut();
            let made = match &mut self.heads {
                Some((heads, records)) if wanted == Wanted::Records => {
                    let state = evaluation_state(backend, seed, block as u64);
                    let noise = (Stream::new(Purpose::Evaluation, 2, 0), within);
                    let (z, x) = (output.rows_mut(0, rows), records.rows_mut(0, rows));
                    heads.forward(backend, &state, noise, z, x);
                    records
                }
                _ => output,
            };
            samples.extend(to_singles(&backend.read(made.rows(0, rows))?));
            if let Some(given) = &self.given {
                let made = &mut samples[chunk * cols..];
                given.conditions.place(&conditions, made, cols);
            }
            chunk += rows;
        }
        Ok(samples)
    }
}

/// Samples whose noise has one step of its address: of as many wide records there are indices.
const NOISE_BLOCK: usize = 1 << 14;

/// Overwrites the first rows of a chunk with `values`, and the others with zeros.
fn write_chunk<B: Backend>(backend: &B, z: &mut Matrix<B>, values: &[f32]) {
    let mut all = vec![B::Elem::ZERO; z.row_count() * z.cols()];
    let pairs = all.iter_mut().zip(values);
    pairs.for_each(|(to, &from)| *to = B::Elem::from_f64(from.into()));
    backend.write(z, &all);
}

fn evaluation_state<B: Backend>(backend: &B, seed: u64, step: u64) -> B::State {
    backend.state(StepState::without_rates(seed, step))
}

fn to_singles<T: Real>(values: &[T]) -> impl Iterator<Item = f32> {
    values.iter().map(|value| value.to_f64() as f32)
}
