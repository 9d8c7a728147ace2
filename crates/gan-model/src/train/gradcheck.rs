//! Gradients of whole players against central differences, in f64.

use gan_kernels::ActivationKind::{self, Identity, LeakyRelu, Maxout, Relu, Sigmoid, Tanh};
use gan_kernels::{Backend, Matrix, Monitor, Native, Prior};

use super::tests::{bare_layers, changed, data_of, game, layer, set_rates, with_heads};
use super::*;
use crate::config::*;

/// Whose gradient is checked.
#[derive(Clone, Copy, Debug)]
enum Who {
    Generator,
    Discriminator,
}

impl Who {
    fn mlp(self, trainer: &mut Trainer<Native<f64>>) -> &mut Mlp<Native<f64>> {
        match self {
            Self::Generator => &mut trainer.generator,
            Self::Discriminator => &mut trainer.discriminator,
        }
    }

    /// What their gradient is that of, added up.
    fn objective(self) -> &'static [Monitor] {
        match self {
            Self::Generator => &[Monitor::GeneratorObjective],
            Self::Discriminator => &[Monitor::DiscriminatorObjective, Monitor::Penalty],
        }
    }

    /// Whether the update in `slot` of an iteration with `steps` discriminator steps is theirs.
    fn owns(self, slot: usize, steps: usize) -> bool {
        matches!(self, Self::Generator) == (slot == steps)
    }
}

fn build(config: &GameConfig) -> Trainer<Native<f64>> {
    Trainer::new(Native::new(Some(1)).unwrap(), config, 23, data_of(config)).unwrap()
}

/// All parameters of a player, layer by layer.
fn parameters(mlp: &mut Mlp<Native<f64>>) -> Vec<&mut Matrix<Native<f64>>> {
    let layers = mlp.layers.iter_mut();
    layers
        .flat_map(|layer| [&mut layer.w, &mut layer.b])
        .collect()
}

fn read(who: Who, trainer: &mut Trainer<Native<f64>>) -> Vec<Vec<f64>> {
    let backend = trainer.backend.clone();
    let parameters = parameters(who.mlp(trainer)).into_iter();
    parameters.map(|p| backend.read(p.all()).unwrap()).collect()
}

/// The gradient of the sum of the player's objectives in one iteration, as training has it: with
/// rate one and no momentum, an update subtracts the gradient.
fn analytic(config: &GameConfig, who: Who) -> Vec<Vec<f64>> {
    let steps = config.game.discriminator_steps;
    let mut start = build(config);
    let theta = read(who, &mut start);
    let mut gradient: Vec<Vec<f64>> = theta.iter().map(|p| vec![0.0; p.len()]).collect();
    for moving in (0..=steps).filter(|&slot| who.owns(slot, steps)) {
        let mut trainer = build(config);
        set_rates(&mut trainer, |slot| if slot == moving { 1.0 } else { 0.0 });
        trainer.step();
        let moved = read(who, &mut trainer);
        for ((sum, theta), moved) in gradient.iter_mut().zip(&theta).zip(&moved) {
            for ((g, t), m) in sum.iter_mut().zip(theta).zip(moved) {
                *g += t - m;
            }
        }
    }
    gradient
}

/// The player's objective, summed over one iteration in which nobody moves.
struct Objective {
    trainer: Trainer<Native<f64>>,
    who: Who,
}

impl Objective {
    fn at(&mut self, matrix: usize, values: &[f64]) -> f64 {
        let backend = self.trainer.backend.clone();
        backend.write(parameters(self.who.mlp(&mut self.trainer))[matrix], values);
        // The same step over and over: same latents, same records, same masks.
        self.trainer.step = 0;
        set_rates(&mut self.trainer, |_| 0.0);
        self.trainer.step();
        let sums = backend
            .take_monitors(&mut self.trainer.microbatches[0].monitors)
            .unwrap();
        let terms = self.who.objective().iter();
        terms.map(|&monitor| sums[monitor]).sum()
    }

    /// Five-point central difference: error of order `width`⁴ away from kinks.
    fn slope(&mut self, matrix: usize, values: &mut [f64], index: usize, width: f64) -> f64 {
        let centre = values[index];
        let mut at = |offset: f64| {
            values[index] = centre + offset * width;
            let objective = self.at(matrix, values);
            values[index] = centre;
            objective
        };
        (at(-2.0) - 8.0 * at(-1.0) + 8.0 * at(1.0) - at(2.0)) / (12.0 * width)
    }
}

/// Compares every parameter of both players in the game after `change`; `name` is for the reader of
/// a failure.
fn check(name: &str, config: GameConfig, change: impl Fn(&mut GameConfig)) {
    let config = &changed(config, change);
    for who in [Who::Generator, Who::Discriminator] {
        let gradient = analytic(config, who);
        let largest = gradient
            .iter()
            .flatten()
            .fold(0.0_f64, |a, g| a.max(g.abs()));
        assert!(largest > 1e-6, "{name}: {who:?} has no gradient to check");
        let mut objective = Objective {
            trainer: build(config),
            who,
        };
        let theta = read(who, &mut objective.trainer);
        let (mut checked, mut skipped) = (0, 0);
        for (matrix, (gradient, theta)) in gradient.iter().zip(&theta).enumerate() {
            let mut values = theta.clone();
            for (index, &expected) in gradient.iter().enumerate() {
                let wide = objective.slope(matrix, &mut values, index, 2e-4);
                let narrow = objective.slope(matrix, &mut values, index, 1e-4);
                // Relative to the gradient itself, or where that is tiny to its player's largest.
                let scale = expected.abs().max(1e-3 * largest);
                checked += 1;
                // Where two widths disagree the objective has a kink between them (a relu at 0, two
                // maxout pieces tied) and no derivative; what the kernels say plays no part here.
                if (wide - narrow).abs() > 3e-7 * narrow.abs().max(1e-3 * largest) {
                    skipped += 1;
                    continue;
                }
                let error = (narrow - expected).abs() / scale;
                assert!(
                    error <= 1e-6,
                    "{name}: {who:?}, matrix {matrix}, element {index}: \
                     {expected} by backpropagation, {narrow} by differences"
                );
            }
            objective.at(matrix, theta);
        }
        assert!(
            20 * skipped <= checked,
            "{name}: {who:?}: {skipped} of {checked} beside a kink"
        );
        println!("{name}: {who:?}: {checked} parameters, {skipped} beside a kink");
    }
}

#[test]
fn gradcheck_authors_game_with_dropout_and_maxout() {
    check("authors", game(), |_| {});
}

#[test]
fn gradcheck_both_objectives_and_k() {
    use GeneratorObjective::{Minimax, NonSaturating};
    for (objective, steps) in [
        (Minimax, 1),
        (Minimax, 3),
        (NonSaturating, 1),
        (NonSaturating, 3),
    ] {
        check(&format!("{objective:?}, k = {steps}"), game(), |c| {
            c.game.generator_objective = objective;
            c.game.discriminator_steps = steps;
        });
    }
}

#[test]
fn gradcheck_simultaneous_updates_and_half_weight() {
    for steps in [1, 2] {
        check(&format!("simultaneous, k = {steps}"), game(), |c| {
            c.game.updates = Updates::Simultaneous;
            c.game.discriminator_weight = 0.5;
            c.game.discriminator_steps = steps;
        });
    }
}

#[test]
fn gradcheck_every_activation_in_both_players() {
    for activation in [Identity, Relu, LeakyRelu, Sigmoid, Tanh, Maxout] {
        check(&format!("{activation:?}"), game(), |c| {
            c.generator.layers[1] = layer(6, activation);
            // Dropout inside G as well, and a scale that is not 1 / keep.
            c.generator.layers[2].keep = 0.7;
            c.discriminator.layers[1] = LayerConfig {
                keep: 0.6,
                scale: Some(1.3),
                ..layer(4, activation)
            };
        });
    }
}

#[test]
fn gradcheck_every_output_of_generator_and_every_prior() {
    let priors = [Prior::Uniform, Prior::Normal, Prior::Spherical];
    let outputs = [Identity, LeakyRelu, Relu, Sigmoid, Tanh];
    for (activation, prior) in outputs.into_iter().zip(priors.into_iter().cycle()) {
        let name = format!("G's output {activation:?}, {prior:?} prior");
        check(&name, game(), |c| {
            c.generator.prior = prior;
            c.generator.layers[2] = layer(5, activation);
            c.generator.output_bias = OutputBias::Constant;
        });
    }
}

#[test]
fn gradcheck_maxout_pieces_2_and_5() {
    for pieces in [2, 5] {
        check(&format!("{pieces} pieces"), game(), |c| {
            c.discriminator.layers[0].pieces = Some(pieces);
        });
    }
}

/// The game with a D of linear pieces, without dropout, whose hidden layers have `activation`.
fn bare(activation: ActivationKind) -> GameConfig {
    changed(game(), |c| {
        c.discriminator.layers = bare_layers([6, 4], activation);
    })
}

/// Strong enough to count as much as the objective.
const ZERO_CENTRED: PenaltyConfig = PenaltyConfig::ZeroCentred {
    gamma: Gamma::Fixed(3.0),
    on: PenaltyOn::Both,
};

const BOTH_ORDERS: [Updates; 2] = [Updates::Alternating, Updates::Simultaneous];

#[test]
fn gradcheck_every_loss() {
    use LossConfig::{Hinge, LeastSquares, Relativistic, Wasserstein};
    for loss in [Relativistic, Hinge, LeastSquares, Wasserstein] {
        for updates in BOTH_ORDERS {
            // Without dropout: where it leaves nothing of a row all pieces are tied, and a loss of
            // straight lines has the same difference at either width there.
            check(&format!("{loss:?}, {updates:?}"), bare(Maxout), |c| {
                c.game.loss = loss;
                c.game.updates = updates;
                c.game.discriminator_steps = 2;
            });
        }
    }
}

#[test]
fn gradcheck_zero_centred_penalty_under_every_linear_piece() {
    for activation in [Identity, Relu, LeakyRelu, Maxout] {
        for loss in [LossConfig::CrossEntropy, LossConfig::Relativistic] {
            let name = format!("penalty, {loss:?}, {activation:?}");
            check(&name, bare(activation), |c| {
                c.game.loss = loss;
                c.game.penalty = Some(ZERO_CENTRED);
            });
        }
    }
}

#[test]
fn gradcheck_penalty_on_one_side_in_both_orders_and_k() {
    for (on, updates) in [
        (PenaltyOn::Data, Updates::Simultaneous),
        (PenaltyOn::Samples, Updates::Alternating),
    ] {
        let gamma = Gamma::Fixed(2.0);
        check(
            &format!("penalty on {on:?}, {updates:?}"),
            bare(LeakyRelu),
            |c| {
                c.game.updates = updates;
                c.game.discriminator_steps = 3;
                c.game.penalty = Some(PenaltyConfig::ZeroCentred { gamma, on });
            },
        );
    }
}

#[test]
fn gradcheck_unit_norm_penalty_between_data_and_samples() {
    for (pack, updates) in [
        (1, Updates::Alternating),
        (3, Updates::Alternating),
        (1, Updates::Simultaneous),
    ] {
        check(
            &format!("unit norm, {pack} at once, {updates:?}"),
            bare(Maxout),
            |c| {
                c.game.loss = LossConfig::Wasserstein;
                c.game.updates = updates;
                c.game.discriminator_steps = 2;
                c.game.pack = pack;
                c.game.penalty = Some(PenaltyConfig::UnitNorm { weight: 4.0 });
            },
        );
    }
}

#[test]
fn gradcheck_packed_records() {
    for loss in [LossConfig::CrossEntropy, LossConfig::Relativistic] {
        for updates in BOTH_ORDERS {
            let packed = |c: &mut GameConfig| {
                c.discriminator.layers[0].keep = 1.0;
                c.game.loss = loss;
                c.game.updates = updates;
                c.game.pack = 3;
            };
            check(&format!("{loss:?}, 3 at once, {updates:?}"), game(), packed);
            check(
                &format!("penalty, 3 at once, {updates:?}"),
                bare(LeakyRelu),
                |c| {
                    packed(c);
                    c.game.penalty = Some(ZERO_CENTRED);
                },
            );
        }
    }
}

/// Of relaxed levels, since a decision has no gradient; the straight-through estimator takes that
/// of the relaxed ones.
#[test]
fn gradcheck_heads_of_relaxed_levels() {
    for (pack, updates) in [(1, Updates::Alternating), (3, Updates::Simultaneous)] {
        let relaxed = |c: &mut GameConfig| {
            with_heads(c);
            c.generator.heads = Some(HeadsConfig {
                temperature: 0.7,
                straight_through: false,
            });
            c.game.pack = pack;
            c.game.updates = updates;
        };
        let name = format!("heads, {pack} at once, {updates:?}");
        check(&name, bare(LeakyRelu), relaxed);
        check(&format!("{name}, penalty"), bare(Maxout), |c| {
            relaxed(c);
            c.game.loss = LossConfig::Relativistic;
            c.game.penalty = Some(ZERO_CENTRED);
        });
    }
}

/// In records without heads under every output of G, and in those with heads.
#[test]
fn gradcheck_conditions() {
    use ConditionBy::LogFrequency;
    for (index, output) in [Identity, LeakyRelu, Sigmoid, Tanh].into_iter().enumerate() {
        check(&format!("conditions, {output:?}"), bare(LeakyRelu), |c| {
            c.generator.layers[2] = layer(5, output);
            c.generator.output_bias = OutputBias::Constant;
            c.game.condition = vec!["a".into(), "b".into()];
            c.game.condition_by = [None, Some(LogFrequency)][index % 2];
            c.game.updates = BOTH_ORDERS[index / 2];
            c.game.discriminator_steps = 1 + index % 2;
        });
    }
    for pack in [1, 3] {
        check(
            &format!("a head given, {pack} at once"),
            bare(Maxout),
            |c| {
                with_heads(c);
                c.generator.heads = Some(HeadsConfig {
                    temperature: 0.7,
                    straight_through: false,
                });
                c.game.condition = vec!["b".into()];
                c.game.loss = LossConfig::Relativistic;
                c.game.penalty = Some(ZERO_CENTRED);
                c.game.pack = pack;
            },
        );
    }
}

#[test]
fn gradcheck_penalty_on_a_discriminator_of_one_layer() {
    check("penalty, one layer", bare(Relu), |c| {
        c.discriminator.layers.drain(..2);
        c.game.penalty = Some(ZERO_CENTRED);
    });
}
