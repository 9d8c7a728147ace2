//! The game against theory, and against itself.

use gan_kernels::random::{Address, Purpose, Stream};
use gan_kernels::{
    ActivationKind, Backend, LearningRate, Momentum, Native, Prior, Real, Records, Values,
};
use rand::RngExt;

use super::*;
use crate::config::*;
use crate::{Checkpoint, Sampler};

/// A layer with the initial weights that its activation asks for.
pub(super) fn layer(units: usize, activation: ActivationKind) -> LayerConfig {
    let maxout = activation == ActivationKind::Maxout;
    LayerConfig {
        units: Some(units),
        activation,
        pieces: maxout.then_some(3),
        slope: None,
        init: None,
        bias: 0.0,
        keep: 1.0,
        scale: None,
    }
}

pub(super) fn momentum(learning_rate: f64) -> OptimizerConfig {
    OptimizerConfig::Momentum {
        learning_rate,
        schedule: ScheduleConfig::Exponential {
            decay: 1.01,
            floor: 0.0,
        },
        momentum: MomentumConfig {
            initial: 0.5,
            last: 0.7,
            from_epoch: 1,
            to_epoch: 9,
        },
        max_column_norm: None,
    }
}

pub(super) fn adam(learning_rate: f64) -> OptimizerConfig {
    OptimizerConfig::Adam {
        learning_rate,
        schedule: ScheduleConfig::Constant,
        beta1: 0.5,
        beta2: 0.99,
        epsilon: 1e-8,
        max_column_norm: Some(1.5),
    }
}

/// A small game with every kind of layer that the authors have, and dropout.
pub(crate) fn game() -> GameConfig {
    use ActivationKind::{Maxout, Relu, Sigmoid};
    let dropped = |keep, layer| LayerConfig { keep, ..layer };
    GameConfig {
        generator: GeneratorConfig {
            latent: 3,
            prior: Prior::Uniform,
            output_bias: OutputBias::Marginals,
            layers: vec![layer(7, Relu), layer(6, Relu), layer(5, Sigmoid)],
            average: None,
            optimizer: None,
        },
        discriminator: DiscriminatorConfig {
            layers: vec![
                dropped(0.8, layer(6, Maxout)),
                dropped(0.5, layer(4, Maxout)),
                dropped(0.5, layer(1, Sigmoid)),
            ],
            max_spectral_norm: None,
            optimizer: None,
        },
        optimizer: momentum(0.05),
        game: RulesConfig {
            updates: Updates::Alternating,
            discriminator_steps: 1,
            minibatch: 9,
            generator_objective: GeneratorObjective::NonSaturating,
            discriminator_weight: 1.0,
            loss: LossConfig::CrossEntropy,
            penalty: None,
            pack: 1,
        },
    }
}

/// Records of 5 values in (0, 1), no multiple of the minibatch.
pub(super) fn data() -> TrainingData {
    let address = Address {
        seed: 4,
        stream: Stream::new(Purpose::Data, 0, 0),
        step: 0,
    };
    let mut rng = address.rng();
    let values: Vec<f32> = (0..5 * 40).map(|_| rng.random::<f32>()).collect();
    let mean = (0..5)
        .map(|col| values.iter().skip(col).step_by(5).sum::<f32>() / 40.0)
        .collect();
    TrainingData {
        records: Records::new(5, Values::Floats(values)),
        mean,
    }
}

pub(super) fn trainer<T: Real>(config: &GameConfig, threads: usize) -> Trainer<Native<T>> {
    Trainer::new(Native::new(Some(threads)).unwrap(), config, 11, data()).unwrap()
}

fn snapshot<T: Real>(trainer: &Trainer<Native<T>>) -> Checkpoint {
    trainer
        .checkpoint("seed = 11".into(), Default::default())
        .unwrap()
}

fn variants() -> Vec<GameConfig> {
    let mut simultaneous = game();
    simultaneous.game.updates = Updates::Simultaneous;
    let mut several = game();
    several.game.discriminator_steps = 3;
    several.discriminator.optimizer = Some(adam(0.01));
    let mut both = simultaneous.clone();
    both.game.discriminator_steps = 2;
    both.optimizer = adam(0.003);
    vec![game(), simultaneous, several, both, modern(), between()]
}

/// A game with what came after 2014: pairs of packed records, a penalty, averages.
fn modern() -> GameConfig {
    use ActivationKind::{LeakyRelu, Sigmoid};
    let mut config = game();
    config.generator.average = Some(0.7);
    config.discriminator.layers = vec![layer(8, LeakyRelu), layer(6, LeakyRelu), layer(1, Sigmoid)];
    config.optimizer = adam(0.01);
    config.game.loss = LossConfig::Relativistic;
    config.game.penalty = Some(PenaltyConfig::ZeroCentred {
        gamma: Gamma::Auto(AutoGamma::Auto),
        on: PenaltyOn::Both,
    });
    config.game.pack = 3;
    config
}

/// A game of distances, whose D is held by a penalty between data and samples and by a limit.
fn between() -> GameConfig {
    let mut config = modern();
    config.game.loss = LossConfig::Wasserstein;
    config.game.penalty = Some(PenaltyConfig::UnitNorm { weight: 0.5 });
    config.game.discriminator_steps = 2;
    config.game.pack = 1;
    config.discriminator.max_spectral_norm = Some(0.8);
    config
}

#[test]
fn samples_come_from_the_running_mean_of_the_parameters() {
    let config = modern();
    let mut trainer = trainer::<f64>(&config, 1);
    let mut mean = snapshot(&trainer).tensor("generator.0.w").unwrap();
    for _ in 0..6 {
        trainer.step();
        let now = snapshot(&trainer).tensor("generator.0.w").unwrap();
        let parts = mean.iter_mut().zip(now);
        parts.for_each(|(mean, now)| *mean += 0.3 * (now - *mean));
    }
    let checkpoint = snapshot(&trainer);
    let kept = checkpoint.tensor("generator.0.average.w").unwrap();
    assert!(kept.iter().zip(&mean).all(|(a, b)| (a - b).abs() < 1e-14));
    assert_ne!(checkpoint.tensor("generator.0.w").unwrap(), kept);

    let native = Native::<f64>::new(Some(1)).unwrap();
    let mut sampler = Sampler::new(native.clone(), &config.generator, &checkpoint).unwrap();
    let averaged = sampler.sample(5, 0, 4).unwrap();
    assert_eq!(trainer.sample(5, 0, 4).unwrap(), averaged);
    let mut raw = config.generator;
    raw.average = None;
    let mut sampler = Sampler::new(native, &raw, &checkpoint).unwrap();
    assert_ne!(sampler.sample(5, 0, 4).unwrap(), averaged);
}

#[test]
fn spectral_norms_of_the_discriminator_stay_within_their_limit() {
    let mut config = between();
    let limit = 0.8;
    config.discriminator.optimizer = Some(adam(0.02));
    let mut trainer = trainer::<f64>(&config, 1);
    (0..60).for_each(|_| trainer.step());
    let checkpoint = snapshot(&trainer);
    for (index, [rows, cols]) in [[5, 8], [8, 6], [6, 1]].into_iter().enumerate() {
        let w = checkpoint
            .tensor(&format!("discriminator.{index}.w"))
            .unwrap();
        let sigma = largest_singular_value(&w, rows, cols);
        // One step of power iteration an update lags a little behind.
        assert!(sigma < 1.02 * limit, "layer {index}: {sigma}");
        assert!(
            sigma > 0.5 * limit,
            "layer {index} is not at its limit: {sigma}"
        );
    }
}

/// By many steps of power iteration.
fn largest_singular_value(w: &[f64], rows: usize, cols: usize) -> f64 {
    let mut u: Vec<f64> = (0..cols).map(|col| 1.0 + 0.1 * col as f64).collect();
    let mut sigma = 0.0;
    for _ in 0..500 {
        let t: Vec<f64> = (0..rows)
            .map(|row| (0..cols).map(|col| w[row * cols + col] * u[col]).sum())
            .collect();
        u = (0..cols)
            .map(|col| (0..rows).map(|row| w[row * cols + col] * t[row]).sum())
            .collect();
        let length = u.iter().map(|u| u * u).sum::<f64>().sqrt();
        sigma = length.sqrt();
        u.iter_mut().for_each(|u| *u /= length);
    }
    sigma
}

#[test]
fn last_bias_stays_where_the_loss_does_not_see_the_level() {
    use LossConfig::{CrossEntropy, Hinge, LeastSquares, Relativistic, Wasserstein};
    for (loss, moves) in [
        (CrossEntropy, true),
        (Hinge, true),
        (LeastSquares, true),
        (Relativistic, false),
        (Wasserstein, false),
    ] {
        for penalty in [modern().game.penalty, None] {
            let mut config = modern();
            config.game.loss = loss;
            config.game.penalty = penalty;
            let mut trainer = trainer::<f32>(&config, 1);
            let bias = |trainer: &_| snapshot(trainer).tensor("discriminator.2.b").unwrap()[0];
            let before = bias(&trainer);
            (0..5).for_each(|_| trainer.step());
            assert_eq!(bias(&trainer) != before, moves, "{loss:?}, {penalty:?}");
        }
    }
}

#[test]
fn penalty_and_its_gradient_are_reported() {
    let mut config = modern();
    config.game.penalty = Some(PenaltyConfig::ZeroCentred {
        gamma: Gamma::Fixed(0.5),
        on: PenaltyOn::Both,
    });
    let mut trainer = trainer::<f64>(&config, 1);
    trainer.step();
    let metrics = trainer.take_metrics().unwrap();
    // Both halves have the same γ, so P = γ/2 · 2 · mean ‖q‖².
    let expected = 0.5 * metrics.input_gradient.powi(2);
    assert!(metrics.penalty > 0.0);
    assert!(
        (metrics.penalty - expected).abs() < 1e-12 * expected,
        "{metrics:?}"
    );
}

#[test]
fn value_is_minus_log_4_when_discriminator_is_half() {
    let mut config = game();
    config
        .discriminator
        .layers
        .iter_mut()
        .for_each(|layer| layer.init = Some(0.0));
    config.discriminator.optimizer = Some(momentum(0.0));
    let mut trainer = trainer::<f64>(&config, 1);
    (0..5).for_each(|_| trainer.step());
    let metrics = trainer.take_metrics().unwrap();
    assert!((metrics.value + 4.0_f64.ln()).abs() < 1e-14, "{metrics:?}");
    assert_eq!([metrics.d_data, metrics.d_samples], [0.5, 0.5]);
    assert!((metrics.generator_objective - 2.0_f64.ln()).abs() < 1e-14);
}

/// Proposition 1 and Theorem 1 on records 0 and 1, with p_data(1) = 3/4 and p_g(1) = 1/4.
#[test]
fn discriminator_of_fixed_generator_converges_to_optimum_on_two_points() {
    let mut config = game();
    config.generator.latent = 1;
    config.generator.output_bias = OutputBias::Constant;
    config.generator.layers = vec![layer(1, ActivationKind::Sigmoid)];
    config.discriminator.layers = vec![layer(1, ActivationKind::Sigmoid)];
    config.generator.optimizer = Some(momentum(0.0));
    config.optimizer = OptimizerConfig::Momentum {
        learning_rate: 1.0,
        schedule: ScheduleConfig::Linear {
            floor: 0.01,
            updates: 400,
        },
        momentum: MomentumConfig::default(),
        max_column_norm: None,
    };
    config.game.minibatch = 1000;
    let values = [1.0, 1.0, 1.0, 0.0].repeat(1000);
    let data = TrainingData {
        records: Records::new(1, Values::Floats(values)),
        mean: vec![0.75],
    };
    let backend = Native::<f64>::new(Some(1)).unwrap();
    let mut trainer = Trainer::new(backend.clone(), &config, 3, data).unwrap();
    // z is uniform on ±√3, so z > √3/2 has probability 1/4; the slope makes a step of the sigmoid.
    let generator = &mut trainer.generator.layers[0];
    backend.write(&mut generator.w, &[1e6]);
    backend.write(&mut generator.b, &[-1e6 * 3.0_f64.sqrt() / 2.0]);
    (0..400).for_each(|_| trainer.step());
    trainer.take_metrics().unwrap();
    (0..50).for_each(|_| trainer.step());

    // D*(x) = p_data(x) / (p_data(x) + p_g(x)).
    let d = trainer.discriminate(&[0.0, 1.0]).unwrap();
    assert!(
        (d[0] - 0.25).abs() < 0.01 && (d[1] - 0.75).abs() < 0.01,
        "{d:?}"
    );
    // V(D*, G) = −log 4 + 2·JSD, here Σ p_data·log D* + Σ p_g·log(1 − D*).
    let expected = 2.0 * (0.25 * 0.25_f64.ln() + 0.75 * 0.75_f64.ln());
    let value = trainer.take_metrics().unwrap().value;
    assert!(
        (value - expected).abs() < 0.01,
        "{value} instead of {expected}"
    );
}

#[test]
fn generator_step_leaves_discriminator_bits_unchanged() {
    let mut trainer = trainer::<f32>(&game(), 1);
    trainer.sample_latents(0);
    trainer.sample_data(0);
    let pass = trainer.run_discriminator(0, Over::Update);
    let before = snapshot(&trainer);
    trainer.ascend_discriminator(pass);
    let between = snapshot(&trainer);
    let pass = trainer.run_discriminator(1, Over::Samples);
    trainer.descend_generator(pass);
    let after = snapshot(&trainer);
    assert!(before.same_tensors(&between, "generator"));
    assert!(!before.same_tensors(&between, "discriminator"));
    assert!(between.same_tensors(&after, "discriminator"));
    assert!(!between.same_tensors(&after, "generator"));
}

#[test]
fn players_that_do_not_move_keep_their_bits_and_moments() {
    for config in variants() {
        let mut trainer = trainer::<f32>(&config, 1);
        (0..3).for_each(|_| trainer.step());
        for (moves, stays, goes) in [
            (Moves::Discriminator, "generator", "discriminator"),
            (Moves::Generator, "discriminator", "generator"),
        ] {
            let before = snapshot(&trainer);
            trainer.set_moves(moves);
            (0..2).for_each(|_| trainer.step());
            let after = snapshot(&trainer);
            assert!(before.same_tensors(&after, stays), "{moves:?}");
            assert!(!before.same_tensors(&after, goes), "{moves:?}");
        }
        trainer.set_moves(Moves::Both);
        let before = snapshot(&trainer);
        trainer.step();
        let after = snapshot(&trainer);
        assert!(!before.same_tensors(&after, "generator"));
        assert!(!before.same_tensors(&after, "discriminator"));
    }
}

#[test]
fn resume_at_step_7_equals_uninterrupted_run() {
    for config in variants() {
        let mut whole = trainer::<f32>(&config, 2);
        (0..7).for_each(|_| whole.step());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("step.safetensors");
        snapshot(&whole).save(&path).unwrap();
        let mut resumed = trainer::<f32>(&config, 1);
        resumed.restore(&Checkpoint::load(&path).unwrap()).unwrap();
        for _ in 0..9 {
            whole.step();
            resumed.step();
        }
        assert_eq!(snapshot(&whole), snapshot(&resumed));
        assert_eq!(
            whole.sample(5, 0, 3).unwrap(),
            resumed.sample(5, 0, 3).unwrap()
        );
    }
}

#[test]
fn step_gives_the_same_bits_for_any_number_of_threads() {
    // Wide enough that every product is cut into tasks for several threads.
    let mut config = game();
    config.game.minibatch = 90;
    config.generator.layers[0].units = Some(170);
    config.generator.layers[1].units = Some(230);
    config.discriminator.layers[0].units = Some(130);
    config.discriminator.layers[1].units = Some(110);
    let run = |threads| {
        let mut trainer = trainer::<f32>(&config, threads);
        (0..4).for_each(|_| trainer.step());
        (
            snapshot(&trainer),
            trainer.take_metrics().unwrap().value.to_bits(),
        )
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(3));
}

#[test]
fn samples_do_not_depend_on_how_many_are_drawn() {
    let mut trainer = trainer::<f32>(&game(), 1);
    let all = trainer.sample(9, 0, 600).unwrap();
    assert_eq!(trainer.sample(9, 0, 10).unwrap(), all[..50]);
    assert_eq!(trainer.sample(9, 590, 10).unwrap(), all[590 * 5..]);
    let mut sampler = Sampler::new(
        Native::<f32>::new(Some(1)).unwrap(),
        &game().generator,
        &snapshot(&trainer),
    )
    .unwrap();
    assert_eq!(sampler.sample(9, 0, 600).unwrap(), all);
}

#[test]
fn samples_are_generated_from_the_latents_of_their_seed() {
    use Prior::{Normal, Spherical, Uniform};
    for prior in [Uniform, Normal, Spherical] {
        let mut config = game();
        config.generator.prior = prior;
        let mut trainer = trainer::<f32>(&config, 1);
        trainer.step();
        let mut sampler = Sampler::new(
            Native::<f32>::new(Some(2)).unwrap(),
            &config.generator,
            &snapshot(&trainer),
        )
        .unwrap();
        // More than one chunk, and from the middle of one on.
        let samples = sampler.sample(9, 5, 301).unwrap();
        let latents = sampler.latents(9, 5, 301).unwrap();
        assert_eq!(latents.len(), 301 * sampler.latent());
        assert_eq!(sampler.generate_from(&latents).unwrap(), samples);
        assert_eq!(trainer.generate_from(&latents).unwrap(), samples);
        assert_eq!(sampler.latents(9, 300, 6).unwrap(), latents[295 * 3..]);
        assert!(sampler.generate_from(&[]).unwrap().is_empty());
    }
}

#[test]
fn marginal_bias_makes_the_mean_record_from_zero_weights() {
    let mut config = game();
    config.generator.layers[2].init = Some(0.0);
    let mut trainer = trainer::<f64>(&config, 1);
    let sample = trainer.sample(0, 0, 1).unwrap();
    for (sample, mean) in sample.iter().zip(data().mean) {
        assert!((sample - mean).abs() < 1e-6);
    }
}

#[test]
fn non_finite_objective_is_named_by_its_first_step() {
    let mut config = game();
    config.optimizer = momentum(1e38);
    let mut trainer = trainer::<f32>(&config, 1);
    (0..3).for_each(|_| trainer.step());
    let first = trainer.take_metrics().unwrap().first_non_finite.unwrap();
    assert!((1..=2).contains(&first), "{first}");
    assert!(!snapshot(&trainer).is_finite());
}

#[test]
fn column_norm_stays_within_its_limit() {
    let mut config = game();
    config.optimizer = adam(0.2);
    let mut trainer = trainer::<f64>(&config, 1);
    (0..20).for_each(|_| trainer.step());
    for layer in trainer
        .generator
        .layers
        .iter()
        .chain(&trainer.discriminator.layers)
    {
        let w = trainer.backend.read(layer.w.all()).unwrap();
        let cols = layer.w.cols();
        for col in 0..cols {
            let norm = w
                .iter()
                .skip(col)
                .step_by(cols)
                .map(|w| w * w)
                .sum::<f64>()
                .sqrt();
            assert!(norm <= 1.5 + 1e-12, "{norm}");
        }
    }
}

/// Puts every rate of the coming step at `rate(slot)`, without momentum.
pub(super) fn set_rates<T: Real>(trainer: &mut Trainer<Native<T>>, rate: impl Fn(usize) -> f64) {
    for (slot, schedule) in trainer.schedule.slots.iter_mut().enumerate() {
        schedule.learning_rate = LearningRate::Constant {
            initial: rate(slot),
        };
        schedule.momentum = Momentum::constant(0.0);
    }
    trainer.state = trainer
        .backend
        .state(trainer.schedule.state(trainer.seed, trainer.step));
}
