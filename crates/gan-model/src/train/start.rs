//! The start of a game: its rules, its players, their schedule.

use gan_kernels::random::{Address, Purpose, Stream};
use gan_kernels::{
    ActivationKind, Backend, DirectExchange, Objective, Penalty, Prior, Real, Records, Schedule,
    SlotSchedule, Update,
};

use sha2::{Digest, Sha256};

use super::minibatch::Minibatches;
use super::{Microbatch, Trainer};
use crate::conditions::{Conditions, GameConditions};
use crate::config::{
    ConfigError, GameConfig, Gamma, GeneratorObjective, LossConfig, OptimizerConfig, OutputBias,
    PenaltyConfig, PenaltyOn, Player, Updates,
};
use crate::data::TrainingData;
use crate::heads::OutputHeads;
use crate::mlp::{Loss, Mlp, Optimizer, RunningMean, SpectralLimit, Tangents, Tape};
use crate::parallel::{Communicator, Exchange, Link, ParallelError};
use crate::penalty::auto_gamma;
use crate::sample::Sampling;

impl<B: Backend> Trainer<B> {
    /// Both players at their start, and `data` resident; `seed` is that of every random number.
    ///
    /// # Errors
    /// If the configuration does not fit the data or itself, or the mean of the data does not fit
    /// its records.
    pub fn new(
        backend: B,
        config: &GameConfig,
        seed: u64,
        data: TrainingData,
    ) -> Result<Self, ConfigError> {
        Self::with_link(backend, config, seed, data, Link::alone(), None)
    }

    /// The same in one of several processes that play together: process 0 plays, and the others
    /// [follow](Trainer::follow) it.
    ///
    /// Each starts from the same arguments, and plays `game.microbatches` over the number of processes
    /// of every minibatch. The bits are those of one process.
    ///
    /// # Errors
    /// If the game cannot be played as by [`Trainer::new`], the microbatches cannot be shared evenly,
    /// or another process has other arguments or is gone.
    pub fn parallel(
        backend: B,
        config: &GameConfig,
        seed: u64,
        data: TrainingData,
        communicator: Box<dyn Communicator>,
    ) -> Result<Self, ParallelError> {
        let mut link = Link::new(communicator)?;
        link.agree([
            ("version of the program", hash(env!("CARGO_PKG_VERSION"))),
            ("kind of device", hash(kind(&backend.description()))),
            ("configuration", hash(format!("{config:?}"))),
            ("seed", seed),
            ("data set", sketch(&data.records)),
        ])?;
        ParallelError::check(link.size(), config.game.microbatches)?;
        let direct = link.direct(&backend)?;
        Ok(Self::with_link(backend, config, seed, data, link, direct)?)
    }

    pub(super) fn with_link(
        backend: B,
        config: &GameConfig,
        seed: u64,
        data: TrainingData,
        link: Link,
        direct: Option<Box<dyn DirectExchange<B>>>,
    ) -> Result<Self, ConfigError> {
        let cols = data.records.cols();
        config.validate(cols)?;
        data.validate(config)?;
        let rules = Rules::new(config, &data.records);
        let [g, d] = [config.generator.optimizer, config.discriminator.optimizer]
            .map(|own| own.unwrap_or(config.optimizer));
        let schedule = schedule(rules, [d, g], data.records.rows());

        let summed = rules.microbatches > 1;
        let conditions = (!data.given.is_empty()).then(|| {
            let by = config.game.condition_by.unwrap_or_default();
            GameConditions::new(&backend, &data.records, &data.given, by)
        });
        let conditions = conditions.transpose()?;
        let of_records = conditions.as_ref().map(|c| c.of_records.clone());
        let given = of_records.as_ref().map_or(0, Conditions::width);
        let layers = config.generator.layer_specs(cols, given, seed);
        // Of gradients that are summed over microbatches the exchange keeps the moments.
        let of_mlp = |optimizer: OptimizerConfig| match summed {
            true => Optimizer::NONE,
            false => optimizer.optimizer(),
        };
        let mut generator = Mlp::new(&backend, layers, of_mlp(g));
        if config.generator.output_bias == OutputBias::Marginals {
            start_from_mean(&backend, &mut generator, config, &data);
        }
        let heads = |config| OutputHeads::new(&backend, &data.heads, config);
        let heads = config.generator.heads.map(heads);
        let average = config.generator.average;
        let average = average.map(|decay| RunningMean::new(&backend, &generator, decay));

        let layers = config.discriminator_specs(cols, seed);
        let mut discriminator = Mlp::new(&backend, layers, of_mlp(d));
        let rows = rules.discriminator_rows();
        if !rules.discriminator_loss.objective.sees_level() {
            discriminator.hold_last_bias(&backend, rows);
        }
        let limit = config.discriminator.max_spectral_norm.map(|limit| {
            let address = |layer| direction_address(seed, layer);
            SpectralLimit::new(&backend, &discriminator, limit, address)
        });
        let in_packs = || {
            let conditions = conditions.as_ref()?;
            Some(conditions.in_packs(&backend, rules.pack, cols))
        };
        let tangents = |penalty: Penalty| {
            let share = penalty.scaled(rules.share());
            Tangents::new(&backend, &discriminator, rows, share, in_packs())
        };
        let exchange = summed.then(|| {
            let players = [(&generator, g), (&discriminator, d)];
            let players = players.map(|(mlp, config)| (mlp, config.optimizer()));
            Exchange::new(&backend, link, direct, rules.microbatches, players)
        });
        let local = exchange.as_ref().map_or((0..1).step_by(1), Exchange::local);
        let microbatch = |number| {
            let (samples, latent) = (rules.samples(), config.generator.latent);
            let tape = Tape::new(&backend, &generator, samples, rules.microbatch);
            Microbatch {
                number,
                z: backend.matrix(samples, latent),
                given: (given > 0).then(|| backend.matrix(samples, latent + given)),
                minibatches: Minibatches::new(&backend, &rules, cols),
                // G's samples go into what D sees; heads make them of G's output.
                generator_tape: match &heads {
                    None => tape.without_output(),
                    Some(_) => tape,
                },
                monitors: backend.monitors(),
            }
        };
        Ok(Self {
            microbatches: local.map(microbatch).collect(),
            discriminator_tape: Tape::new(&backend, &discriminator, rows, rows),
            tangents: rules.penalty.map(tangents),
            sampling: {
                let config = &config.generator;
                Sampling::new(&backend, &generator, config, &data.heads, of_records)
            },
            heads,
            conditions,
            generator,
            average,
            discriminator,
            spectral_limit: limit,
            rules,
            moves: Moves::Both,
            state: backend.state(schedule.state(seed, 0)),
            schedule,
            step: 0,
            phases_done: 0,
            seed,
            exchange,
            data: backend.resident(data.records),
            recording: B::Recording::default(),
            backend,
        })
    }
}

/// A device as far as bits depend on it: neither its threads nor its number matter.
pub(super) fn kind(description: &str) -> String {
    let parts = description.split(", ");
    let parts = parts.filter(|part| !part.contains(" thread"));
    let unnumbered = parts.map(|part| part.split(':').next().unwrap_or(part));
    unnumbered.collect::<Vec<_>>().join(", ")
}

/// The first bytes of a text's SHA-256.
fn hash(text: impl AsRef<[u8]>) -> u64 {
    let digest = Sha256::digest(text);
    digest
        .iter()
        .take(8)
        .fold(0, |hash, &byte| hash << 8 | u64::from(byte))
}

/// A hash of how many records there are, and of some of them.
fn sketch(records: &Records) -> u64 {
    const ROWS: usize = 64;
    let mut bytes = format!("{} {}", records.rows(), records.cols()).into_bytes();
    let mut row = vec![0.0_f32; records.cols()];
    for index in (0..records.rows()).step_by(records.rows().div_ceil(ROWS).max(1)) {
        records.copy_row(index, &mut row);
        bytes.extend(row.iter().flat_map(|value| value.to_le_bytes()));
    }
    hash(bytes)
}

/// Address of the direction that power iteration starts from in a layer of D.
fn direction_address(seed: u64, layer: usize) -> Address {
    // Beside the streams of the weights, of which there are at most 256.
    let (player, layer) = (Player::Discriminator as usize, 256 + layer);
    let stream = Stream::new(Purpose::Weights, player, layer);
    Address {
        seed,
        stream,
        step: 0,
    }
}

/// The rules of the game, as the step needs them.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    pub(super) updates: Updates,
    /// The paper's k.
    pub(super) discriminator_steps: usize,
    /// Records, and samples, of a microbatch: the paper's m, if there is one.
    pub(super) microbatch: usize,
    /// Microbatches of a minibatch.
    pub(super) microbatches: usize,
    pub(super) discriminator_loss: Loss,
    pub(super) generator_loss: Loss,
    pub(super) prior: Prior,
    /// The penalty on D's gradient by its input.
    pub(super) penalty: Option<Penalty>,
    /// Records that D sees at once.
    pub(super) pack: usize,
}

impl Rules {
    pub(super) fn new(config: &GameConfig, records: &Records) -> Self {
        let microbatches = config.game.microbatches;
        let [discriminator_loss, generator_loss] = losses(config);
        Self {
            updates: config.game.updates,
            discriminator_steps: config.game.discriminator_steps,
            microbatch: config.game.minibatch / microbatches,
            microbatches,
            discriminator_loss,
            generator_loss,
            prior: config.generator.prior,
            penalty: config.game.penalty.map(|p| penalty_of(p, records)),
            pack: config.game.pack,
        }
    }

    /// Minibatches of data that one iteration takes.
    pub(super) fn data_minibatches(self) -> usize {
        data_minibatches(self.updates, self.discriminator_steps, self.generator_loss)
    }

    /// Parts of what D sees in its update, of one minibatch each: data, samples, and perhaps
    /// points between them.
    pub(super) fn parts(self) -> usize {
        self.penalty.map_or(2, Penalty::parts)
    }

    /// The share of a microbatch's mean in that of the minibatch.
    pub(super) fn share(self) -> f64 {
        1.0 / self.microbatches as f64
    }

    /// Rows of data that one iteration takes.
    pub(super) fn rows_per_step(self) -> usize {
        self.data_minibatches() * self.microbatches * self.microbatch
    }

    /// The first row of microbatch `number` of a minibatch among those of an iteration.
    pub(super) fn row_of_step(self, minibatch: usize, number: usize) -> usize {
        (minibatch * self.microbatches + number) * self.microbatch
    }

    /// Samples of a microbatch that G makes in one iteration.
    pub(super) fn samples(self) -> usize {
        self.sample_minibatches() * self.microbatch
    }

    /// Rows of D's largest pass over a microbatch.
    pub(super) fn discriminator_rows(self) -> usize {
        self.parts() * self.microbatch / self.pack
    }

    /// Minibatches of samples that G makes in one iteration.
    pub(super) fn sample_minibatches(self) -> usize {
        self.updates.sample_minibatches(self.discriminator_steps)
    }
}

/// The losses of D and of G.
fn losses(config: &GameConfig) -> [Loss; 2] {
    use Objective as O;
    let [d, g] = match (config.game.loss, config.game.generator_objective) {
        (LossConfig::CrossEntropy, GeneratorObjective::Minimax) => [O::Discriminator, O::Minimax],
        (LossConfig::CrossEntropy, _) => [O::Discriminator, O::NonSaturating],
        (LossConfig::Relativistic, _) => [O::RelativisticDiscriminator, O::RelativisticGenerator],
        (LossConfig::Hinge, _) => [O::HingeDiscriminator, O::WassersteinGenerator],
        (LossConfig::LeastSquares, _) => [O::LeastSquaresDiscriminator, O::LeastSquaresGenerator],
        (LossConfig::Wasserstein, _) => [O::WassersteinDiscriminator, O::WassersteinGenerator],
    };
    [(d, config.game.discriminator_weight), (g, 1.0)]
        .map(|(objective, weight)| Loss { objective, weight })
}

/// The penalty with the numbers that the data give it.
fn penalty_of(config: PenaltyConfig, records: &Records) -> Penalty {
    match config {
        PenaltyConfig::ZeroCentred { gamma, on } => {
            let gamma = match gamma {
                Gamma::Fixed(gamma) => gamma,
                Gamma::Auto(_) => auto_gamma(records),
            };
            let at = |off: PenaltyOn| if on == off { 0.0 } else { gamma };
            Penalty::ZeroCentred {
                data: at(PenaltyOn::Samples),
                samples: at(PenaltyOn::Data),
            }
        }
        PenaltyConfig::UnitNorm { weight } => Penalty::UnitNorm { weight },
    }
}

/// The players that move in an iteration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Moves {
    /// Both: Algorithm 1.
    #[default]
    Both,
    /// D alone, against a G that stays as it is: the inner loop of Algorithm 1, in which D converges
    /// to the optimum of Proposition 1.
    Discriminator,
    /// G alone, against a D that stays as it is.
    Generator,
}

impl GameConfig {
    /// Iterations that visit each of `records` records once, rounded up.
    #[must_use]
    pub fn steps_per_epoch(&self, records: usize) -> u64 {
        let [_, generator_loss] = losses(self);
        let rules = &self.game;
        let minibatches =
            data_minibatches(rules.updates, rules.discriminator_steps, generator_loss);
        records.div_ceil((minibatches * rules.minibatch).max(1)) as u64
    }
}

/// Minibatches of data that one iteration takes: D's, and G's own where its loss sees data.
fn data_minibatches(updates: Updates, discriminator_steps: usize, generator_loss: Loss) -> usize {
    let fresh = updates == Updates::Alternating && generator_loss.objective.sees_data();
    discriminator_steps + usize::from(fresh)
}

/// Rates of D's k updates, then of G's.
fn schedule(rules: Rules, [d, g]: [OptimizerConfig; 2], records: usize) -> Schedule {
    let slot = |optimizer: OptimizerConfig, updates_per_step: usize, position: usize| {
        let betas = match optimizer.update() {
            Update::Adam(adam) => [adam.beta1, adam.beta2],
            _ => [0.0, 0.0],
        };
        SlotSchedule {
            learning_rate: optimizer.learning_rate(),
            momentum: optimizer.momentum_schedule(),
            betas,
            updates_per_step: updates_per_step as u64,
            position: position as u64,
        }
    };
    let k = rules.discriminator_steps;
    Schedule {
        slots: (0..k)
            .map(|i| slot(d, k, i))
            .chain([slot(g, 1, 0)])
            .collect(),
        records_per_step: rules.rows_per_step() as u64,
        records: records as u64,
    }
}

/// Sets the bias of G's last layer so that φ(b) is the data's mean.
fn start_from_mean<B: Backend>(
    backend: &B,
    generator: &mut Mlp<B>,
    config: &GameConfig,
    data: &TrainingData,
) {
    // The authors' clip, which keeps a pixel that is always black within reach.
    const EDGE: f64 = 1e-7;
    const SMALLEST_SHARE: f64 = 1e-4;
    let Some(output) = config.generator.layers.last() else {
        return;
    };
    let inverse = |mean: f64| match output.activation {
        ActivationKind::Sigmoid => {
            let p = mean.clamp(EDGE, 1.0 - EDGE);
            (p / (1.0 - p)).ln()
        }
        ActivationKind::LeakyRelu if mean < 0.0 => mean / output.slope_or_default(),
        // As near as φ comes.
        ActivationKind::Relu => mean.max(0.0),
        ActivationKind::Tanh => mean.clamp(-1.0 + EDGE, 1.0 - EDGE).atanh(),
        _ => mean,
    };
    let mut bias: Vec<f64> = data.mean.iter().map(|&mean| inverse(mean.into())).collect();
    let mut values = bias.iter_mut().zip(&data.mean);
    for head in &data.heads {
        // Scalars are normal scores; a level that is in no record begins at a small share.
        values
            .by_ref()
            .take(head.scalar.into())
            .for_each(|(bias, _)| *bias = 0.0);
        let levels = values.by_ref().take(head.levels);
        levels.for_each(|(bias, &share)| *bias = f64::from(share).max(SMALLEST_SHARE).ln());
    }
    let bias = bias.into_iter().map(Real::from_f64);
    if let Some(layer) = generator.layers.last_mut() {
        backend.write(&mut layer.b, &bias.collect::<Vec<_>>());
    }
}
