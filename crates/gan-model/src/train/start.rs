//! What a game starts from: its rules, who moves, its schedule, G's first bias.

use gan_kernels::{Backend, Objective, Penalty, Prior, Real, Records, Schedule, SlotSchedule};

use crate::config::{
    ActivationConfig, GameConfig, Gamma, GeneratorObjective, LossConfig, OptimizerConfig,
    PenaltyConfig, PenaltyOn, Updates,
};
use crate::mlp::Mlp;
use crate::penalty::auto_gamma;

/// The rules of the game, as the step needs them.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    pub(super) updates: Updates,
    /// The paper's k.
    pub(super) discriminator_steps: usize,
    /// The paper's m.
    pub(super) minibatch: usize,
    pub(super) discriminator: Objective,
    pub(super) generator: Objective,
    pub(super) prior: Prior,
    /// What D's gradient by its input costs D.
    pub(super) penalty: Option<Penalty>,
    /// Records that D sees at once.
    pub(super) pack: usize,
    /// β of the running mean of G's parameters.
    pub(super) average: Option<f64>,
}

impl Rules {
    pub(super) fn new(config: &GameConfig, records: &Records) -> Self {
        let [discriminator, generator] = objectives(config);
        Self {
            updates: config.game.updates,
            discriminator_steps: config.game.discriminator_steps,
            minibatch: config.game.minibatch,
            discriminator,
            generator,
            prior: config.generator.prior.kernel_prior(),
            penalty: config
                .game
                .penalty
                .map(|penalty| penalty_of(penalty, records)),
            pack: config.game.pack,
            average: config.generator.average,
        }
    }

    /// Minibatches of data that one iteration takes.
    pub(super) fn data_minibatches(self) -> usize {
        let fresh = self.updates == Updates::Alternating && self.generator.sees_data();
        self.discriminator_steps + usize::from(fresh)
    }

    /// Whether D sees a copy of the data and samples, packed or with points between them.
    pub(super) fn sees_copy(self) -> bool {
        self.pack > 1 || self.parts() > 2
    }

    /// Parts of what D sees in its update, of one minibatch each: data, samples, and perhaps
    /// points between them.
    pub(super) fn parts(self) -> usize {
        self.penalty.map_or(2, Penalty::parts)
    }

    /// Minibatches of samples that G makes in one iteration.
    pub(super) fn sample_minibatches(self) -> usize {
        match self.updates {
            Updates::Alternating => self.discriminator_steps + 1,
            Updates::Simultaneous => self.discriminator_steps,
        }
    }
}

/// What D and G minimise.
fn objectives(config: &GameConfig) -> [Objective; 2] {
    match config.game.loss {
        LossConfig::CrossEntropy => [
            Objective::Discriminator {
                weight: config.game.discriminator_weight,
            },
            match config.game.generator_objective {
                GeneratorObjective::Minimax => Objective::Minimax,
                GeneratorObjective::NonSaturating => Objective::NonSaturating,
            },
        ],
        LossConfig::Relativistic => [
            Objective::RelativisticDiscriminator,
            Objective::RelativisticGenerator,
        ],
        LossConfig::Hinge => [
            Objective::HingeDiscriminator,
            Objective::WassersteinGenerator,
        ],
        LossConfig::LeastSquares => [
            Objective::LeastSquaresDiscriminator,
            Objective::LeastSquaresGenerator,
        ],
        LossConfig::Wasserstein => [
            Objective::WassersteinDiscriminator,
            Objective::WassersteinGenerator,
        ],
    }
}

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

/// Which players move in an iteration.
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

/// Rates of D's k updates, then of G's.
pub(super) fn schedule(rules: Rules, [d, g]: [OptimizerConfig; 2], records: usize) -> Schedule {
    let slot = |optimizer: OptimizerConfig, updates_per_step: usize, position: usize| {
        let adam = optimizer.adam();
        SlotSchedule {
            learning_rate: optimizer.learning_rate(),
            momentum: optimizer.momentum(),
            betas: adam.map_or([0.0, 0.0], |adam| [adam.beta1, adam.beta2]),
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
        records_per_step: (rules.data_minibatches() * rules.minibatch) as u64,
        records: records as u64,
    }
}

/// Sets the bias of G's last layer so that φ(b) is the data's mean.
pub(super) fn start_from_mean<B: Backend>(
    backend: &B,
    generator: &mut Mlp<B>,
    config: &GameConfig,
    mean: &[f32],
) {
    // The authors' clip, which keeps a pixel that is always black within reach.
    const EDGE: f64 = 1e-7;
    let Some(output) = config.generator.layers.last() else {
        return;
    };
    let inverse = |mean: f64| match output.activation {
        ActivationConfig::Sigmoid => {
            let p = mean.clamp(EDGE, 1.0 - EDGE);
            (p / (1.0 - p)).ln()
        }
        ActivationConfig::LeakyRelu if mean < 0.0 => mean / output.slope_or_default(),
        // As near as φ comes.
        ActivationConfig::Relu => mean.max(0.0),
        ActivationConfig::Tanh => mean.clamp(-1.0 + EDGE, 1.0 - EDGE).atanh(),
        _ => mean,
    };
    let bias: Vec<B::Elem> = mean
        .iter()
        .map(|&mean| B::Elem::from_f64(inverse(f64::from(mean))))
        .collect();
    if let Some(layer) = generator.layers.last_mut() {
        backend.write(&mut layer.b, &bias);
    }
}
