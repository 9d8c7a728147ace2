//! A game as a configuration file describes it.

mod build;
mod kernels;
mod validate;

use gan_kernels::{ActivationKind, Momentum, Prior};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use kernels::Player;
pub use validate::{ConfigError, MOST_DISCRIMINATOR_STEPS};

/// Both players and the rules of their game.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GameConfig {
    /// G.
    pub generator: GeneratorConfig,
    /// D.
    pub discriminator: DiscriminatorConfig,
    /// The optimiser of both players, unless a player has one of its own.
    pub optimizer: OptimizerConfig,
    /// The rules.
    pub game: RulesConfig,
}

/// The generator G: latents to records.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GeneratorConfig {
    /// Dimension of the latent z.
    pub latent: usize,
    /// The prior p_z.
    #[serde(default)]
    pub prior: Prior,
    /// Start of the last layer's bias.
    #[serde(default)]
    pub output_bias: OutputBias,
    /// The layers, from the latent up; the last one makes the records, and its `units` may be left
    /// out.
    pub layers: Vec<LayerConfig>,
    /// How mixed records are made of what the last layer gives: those of a table with categories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heads: Option<HeadsConfig>,
    /// β of the exponential moving average of G's parameters, from which samples are then drawn;
    /// without it samples come from the parameters as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average: Option<f64>,
    /// G's own optimiser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optimizer: Option<OptimizerConfig>,
}

/// G's heads: each column of a mixed record is a scalar, one of several levels, or both in one (see
/// [`HeadsFwd`](gan_kernels::HeadsFwd)).
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeadsConfig {
    /// τ of the relaxed levels.
    #[serde(default = "default_temperature")]
    pub temperature: f64,
    /// True if D sees levels that are decided, and G the gradient of the relaxed ones; false if
    /// both see relaxed levels.
    #[serde(default = "yes")]
    pub straight_through: bool,
}

impl Default for HeadsConfig {
    fn default() -> Self {
        Self {
            temperature: default_temperature(),
            straight_through: true,
        }
    }
}

fn default_temperature() -> f64 {
    0.5
}

fn yes() -> bool {
    true
}

/// The discriminator D: records to the probability that they are data.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiscriminatorConfig {
    /// The layers, from the record up; the last one is one sigmoid unit.
    pub layers: Vec<LayerConfig>,
    /// Largest singular value of each layer's weights, estimated by one step of power iteration
    /// per update (see [`LimitSpectrum`](gan_kernels::LimitSpectrum)).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_spectral_norm: Option<f64>,
    /// D's own optimiser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optimizer: Option<OptimizerConfig>,
}

/// One layer of a player.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LayerConfig {
    /// Outputs; a maxout unit counts once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<usize>,
    /// φ.
    pub activation: ActivationKind,
    /// Linear maps per maxout unit, for maxout alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pieces: Option<usize>,
    /// Slope on the negative side, for leaky relu alone; 0.2 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slope: Option<f64>,
    /// Weights start uniform on ±`init`; if left out on ±√(6 / fan-in) for relu, leaky relu and
    /// maxout (He et al. 2015), else ±√(6 / (fan-in + fan-out)) (Glorot and Bengio 2010).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<f64>,
    /// Start of the bias.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bias: f64,
    /// Dropout of this layer's input: probability of keeping an element; 1 is no dropout.
    #[serde(default = "one::<f64>", skip_serializing_if = "is_one")]
    pub keep: f64,
    /// Factor of what dropout keeps; 1 / `keep` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
}

fn one<T: From<u8>>() -> T {
    T::from(1)
}

fn is_one<T: From<u8> + PartialEq>(value: &T) -> bool {
    *value == one()
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

/// Start of the bias of G's last layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum OutputBias {
    /// The layer's `bias`.
    #[default]
    Constant,
    /// φ⁻¹ of the data's mean: G begins by making the mean record. Of heads the levels begin with
    /// the shares that they have in the data.
    Marginals,
}

/// The rule by which a player's parameters follow their gradient.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum OptimizerConfig {
    /// v ← μ·v − η·g, θ ← θ + v.
    Momentum {
        /// η before the first update.
        learning_rate: f64,
        /// Schedule of the learning rate η.
        #[serde(default)]
        schedule: ScheduleConfig,
        /// Schedule of the momentum μ.
        #[serde(default = "default_momentum")]
        momentum: Momentum,
        /// Largest norm of the weights into one unit (of each piece, for maxout).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_column_norm: Option<f64>,
    },
    /// Adam (Kingma and Ba 2015).
    Adam {
        /// η before the first update.
        learning_rate: f64,
        /// Schedule of the learning rate η.
        #[serde(default)]
        schedule: ScheduleConfig,
        /// β₁.
        #[serde(default = "default_beta1")]
        beta1: f64,
        /// β₂.
        #[serde(default = "default_beta2")]
        beta2: f64,
        /// ε.
        #[serde(default = "default_epsilon")]
        epsilon: f64,
        /// Largest norm of the weights into one unit (of each piece, for maxout).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_column_norm: Option<f64>,
    },
}

fn default_momentum() -> Momentum {
    Momentum::constant(0.5)
}

fn default_beta1() -> f64 {
    0.5
}

fn default_beta2() -> f64 {
    0.999
}

fn default_epsilon() -> f64 {
    1e-8
}

/// Schedule of the learning rate η.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum ScheduleConfig {
    /// η stays as it is.
    #[default]
    Constant,
    /// Divided by `decay` after each update, not below `floor`.
    Exponential {
        /// Divisor.
        decay: f64,
        /// Smallest η.
        floor: f64,
    },
    /// In a straight line to `floor` after `updates` updates.
    Linear {
        /// Smallest η.
        floor: f64,
        /// Length of the fall.
        updates: u64,
    },
}

/// The rules of the game.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RulesConfig {
    /// The order in which the players move.
    #[serde(default)]
    pub updates: Updates,
    /// The paper's k: updates of D per update of G.
    #[serde(default = "one::<usize>")]
    pub discriminator_steps: usize,
    /// The paper's m: records, and samples, per update.
    pub minibatch: usize,
    /// The loss that both players play for.
    #[serde(default)]
    pub loss: LossConfig,
    /// G's objective under [`LossConfig::CrossEntropy`].
    #[serde(default)]
    pub generator_objective: GeneratorObjective,
    /// Factor of D's objective: 1 as in eq. 1, 0.5 as in the authors' code.
    #[serde(default = "one::<f64>")]
    pub discriminator_weight: f64,
    /// The penalty on D's gradient by its input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub penalty: Option<PenaltyConfig>,
    /// Records that D sees at once, as one (Lin et al. 2018).
    #[serde(default = "one::<usize>", skip_serializing_if = "is_one")]
    pub pack: usize,
    /// Equal parts of each minibatch whose gradients are computed apart and then added in their
    /// order. Processes that play together share them evenly, and give the same bits however many
    /// they are: their number divides this one.
    #[serde(default = "one::<usize>", skip_serializing_if = "is_one")]
    pub microbatches: usize,
    /// Columns that are inputs of both players (Mirza and Osindero 2014): by name those of a table
    /// whose values are levels, and `label` of records that have a class.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub condition: Vec<String>,
    /// The law by which minibatches have the levels of conditions: by share unless it is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition_by: Option<ConditionBy>,
}

/// The law by which minibatches, of records as of samples, have the levels of conditions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ConditionBy {
    /// By their shares: every record is visited once per epoch.
    #[default]
    Share,
    /// By the logarithms of their numbers of records, so that rare ones come more often (Xu et al.
    /// 2019): a condition, one of its levels by log(1 + records), one of these records.
    LogFrequency,
}

/// The loss that both players play for; l is D's output before its sigmoid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LossConfig {
    /// Eq. 1 for D, and for G what [`GeneratorObjective`] says.
    #[default]
    CrossEntropy,
    /// Each record against a sample: D minimises mean s(−(l_data − l_sample)) with
    /// s(t) = log(1 + eᵗ), G the same with the two exchanged.
    Relativistic,
    /// D: mean max(0, 1 − l_data) + mean max(0, 1 + l_sample); G: −mean l_sample.
    Hinge,
    /// D: (mean (l_data − 1)² + mean l_sample²) / 2; G: mean (l_sample − 1)² / 2.
    LeastSquares,
    /// D: mean l_sample − mean l_data; G: −mean l_sample.
    Wasserstein,
}

/// A penalty on D's gradient q by its input, which D minimises beside its loss.
///
/// It needs the gradient of q, which is simple where D is piecewise linear, so D's hidden layers
/// must be (identity, relu, leaky relu or maxout), and without dropout.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum PenaltyConfig {
    /// γ/2 · mean ‖q‖² on data (R1), on samples (R2), or on both.
    ZeroCentred {
        /// γ.
        gamma: Gamma,
        /// The records that it is taken at.
        #[serde(default)]
        on: PenaltyOn,
    },
    /// λ · mean (‖q‖ − 1)² at points between data and samples (WGAN-GP).
    UnitNorm {
        /// λ.
        weight: f64,
    },
}

/// γ, which has the unit of the data squared.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Gamma {
    /// A number.
    Fixed(f64),
    /// From the distances between records.
    Auto(AutoGamma),
}

/// `"auto"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AutoGamma {
    /// From the distances between records.
    Auto,
}

/// The records at which D's gradient is penalised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PenaltyOn {
    /// R1 and R2.
    #[default]
    Both,
    /// R1.
    Data,
    /// R2.
    Samples,
}

/// The order in which the players move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Updates {
    /// Algorithm 1: D moves k times, then G moves against the new D, from fresh latents.
    #[default]
    Alternating,
    /// The authors' code: both move at once, from the same samples and the same parameters.
    Simultaneous,
}

impl Updates {
    /// Minibatches of samples that G makes in one iteration with so many updates of D.
    pub(crate) fn sample_minibatches(self, discriminator_steps: usize) -> usize {
        match self {
            Self::Alternating => discriminator_steps + 1,
            Self::Simultaneous => discriminator_steps,
        }
    }
}

/// G's objective (§3 of the paper).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum GeneratorObjective {
    /// mean log(1 − D(G(z))).
    Minimax,
    /// −mean log D(G(z)): same fixed point, stronger gradients early in learning.
    #[default]
    NonSaturating,
}
