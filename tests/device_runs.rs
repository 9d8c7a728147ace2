//! Whole games on a GPU: against the processor, against themselves replayed, and kernel by kernel.
//!
//! On a machine without a GPU a software Vulkan device serves (Mesa's lavapipe); without that the
//! tests are skipped, or fail where `CI` is set.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // What a test cannot unwrap has failed it.

use gan_data::{DataConfig, Dataset};
use gan_kernels::cube::{Cube, Precision};
use gan_kernels::{Backend, Execution, Native};
use gan_model::{Checkpoint, GameConfig, Metrics, Trainer, TrainingData};
use gan_run::config::presets;

/// The device under test; `None` says that the test is skipped.
fn cube() -> Option<Cube> {
    let name = std::env::var("GAN_DEVICE").unwrap_or_else(|_| "wgpu".into());
    match Cube::open(name.parse().unwrap(), Precision::F32) {
        Ok(cube) => Some(cube),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "{error}");
            println!("skipped: {error}");
            None
        }
    }
}

/// The game and the data of a preset, with some values set.
fn preset(name: &str, set: &str) -> (GameConfig, DataConfig) {
    let mut table: toml::Table = presets::find(name).unwrap().text.parse().unwrap();
    for (key, value) in set.parse::<toml::Table>().unwrap() {
        table.insert(key, value);
    }
    let data = table.remove("data").unwrap().try_into().unwrap();
    table.retain(|key, _| ["generator", "discriminator", "optimizer", "game"].contains(&key));
    (table.try_into().unwrap(), data)
}

/// The authors' game on drawn digits.
fn mnist() -> (GameConfig, Dataset) {
    let (game, mut data) = preset("mnist", "");
    data.source = "digits".into();
    data.count = Some(2000);
    (game, gan_data::load(&data, 7).unwrap())
}

/// A small game with everything that changes from step to step: dropout, a falling η, a rising μ.
fn restless() -> (GameConfig, Dataset) {
    let set = r#"
        optimizer = { kind = "momentum", learning_rate = 0.1, momentum = { initial = 0.2, final = 0.8, from_epoch = 1, to_epoch = 9 }, schedule = { kind = "exponential", decay = 1.01, floor = 0.0001 }, max_column_norm = 1.9365 }
        data = { source = "ring8", count = 301 }
        game = { minibatch = 23 }
        generator = { latent = 3, layers = [{ units = 19, activation = "relu" }, { activation = "identity" }] }
        discriminator = { layers = [{ units = 7, pieces = 5, activation = "maxout", keep = 0.8 }, { units = 9, pieces = 3, activation = "maxout", keep = 0.5 }, { activation = "sigmoid", keep = 0.5 }] }
    "#;
    let (game, data) = preset("ring8", set);
    (game, gan_data::load(&data, 7).unwrap())
}

/// Small games with everything that came after 2014.
fn later() -> Vec<(GameConfig, Dataset)> {
    let pairs =
        r#"loss = "relativistic", pack = 3, penalty = { kind = "zero-centred", gamma = 0.01 }"#;
    let between = r#"loss = "wasserstein", discriminator_steps = 2, penalty = { kind = "unit-norm", weight = 0.5 }"#;
    let both = r#"loss = "hinge", updates = "simultaneous", pack = 3, penalty = { kind = "unit-norm", weight = 0.5 }"#;
    let hidden = r#"{ units = 9, activation = "leaky-relu" }, { units = 7, pieces = 3, activation = "maxout" }"#;
    [pairs, between, both]
        .map(|rules| {
            let set = format!(
                r#"
                optimizer = {{ kind = "adam", learning_rate = 0.003, beta1 = 0.5 }}
                data = {{ source = "ring8", count = 301 }}
                game = {{ minibatch = 24, {rules} }}
                generator = {{ latent = 3, average = 0.9, layers = [{{ units = 19, activation = "relu" }}, {{ activation = "identity" }}] }}
                discriminator = {{ max_spectral_norm = 0.9, layers = [{hidden}, {{ activation = "sigmoid" }}] }}
                "#
            );
            let (game, data) = preset("ring8", &set);
            (game, gan_data::load(&data, 7).unwrap())
        })
        .into()
}

fn trainer<B: Backend>(backend: B, game: &GameConfig, data: &Dataset) -> Trainer<B> {
    let records = data.records.slice(data.splits.train.clone());
    let mean = data.mean();
    Trainer::new(backend, game, 7, TrainingData { records, mean }).unwrap()
}

fn processor() -> Native<f32> {
    Native::new(Some(2)).unwrap()
}

fn checkpoint<B: Backend>(trainer: &Trainer<B>) -> Checkpoint {
    trainer
        .checkpoint(String::new(), Default::default())
        .unwrap()
}

/// Metrics of every `every`-th of `steps` steps.
fn curve<B: Backend>(trainer: &mut Trainer<B>, steps: usize, every: usize) -> Vec<Metrics> {
    let mut curve = Vec::new();
    for step in 1..=steps {
        trainer.step();
        if step % every == 0 {
            curve.push(trainer.take_metrics().unwrap());
        }
    }
    curve
}

/// ‖a − b‖ / ‖b‖ over the tensors whose names have `part` in them.
fn difference(a: &Checkpoint, b: &Checkpoint, part: &str) -> f64 {
    let (mut off, mut size) = (0.0, 0.0);
    for (name, _) in b.tensors().filter(|(name, _)| name.contains(part)) {
        for (a, b) in a.tensor(name).unwrap().iter().zip(b.tensor(name).unwrap()) {
            off += (a - b).powi(2);
            size += b.powi(2);
        }
    }
    (off / size).sqrt()
}

/// The largest difference of two curves, in V, both objectives and the penalty.
fn apart(a: &[Metrics], b: &[Metrics]) -> f64 {
    let numbers = |m: &Metrics| {
        let objectives = [m.discriminator_objective, m.generator_objective];
        [m.value, objectives[0], objectives[1], m.penalty]
    };
    let pairs = a
        .iter()
        .zip(b)
        .flat_map(|(a, b)| numbers(a).into_iter().zip(numbers(b)));
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

fn assert_device_follows_processor(
    (game, data): (GameConfig, Dataset),
    steps: usize,
    bounds: [f64; 2],
) {
    let Some(cube) = cube() else { return };
    let mut device = trainer(cube, &game, &data);
    let mut cpu = trainer(processor(), &game, &data);
    let every = (steps / 20).max(1);
    let found = apart(
        &curve(&mut device, steps, every),
        &curve(&mut cpu, steps, every),
    );
    let weights = difference(&checkpoint(&device), &checkpoint(&cpu), ".w");
    println!("curves apart by {found:.2e} nats, weights by {weights:.2e} of their norm");
    assert!(found <= bounds[0], "curves are apart by {found} nats");
    assert!(
        weights <= bounds[1],
        "weights are apart by {weights} of their norm"
    );
}

// Both round differently, and a game amplifies it; the bounds are some ten times what was measured
// on the software device, and a thousandth of what the curves move.
#[test]
fn device_follows_processor_for_200_iterations_of_ring8() {
    let (game, mut data) = preset("ring8", "");
    data.count = Some(5000);
    let data = gan_data::load(&data, 7).unwrap();
    assert_device_follows_processor((game, data), 200, [1e-3, 1e-3]);
}

#[test]
fn device_follows_processor_for_20_iterations_of_mnist() {
    assert_device_follows_processor(mnist(), 20, [1e-3, 1e-4]);
}

#[test]
fn device_follows_processor_in_games_after_2014() {
    for game in later() {
        assert_device_follows_processor(game, 60, [1e-3, 1e-3]);
    }
}

#[test]
fn gradients_of_whole_players_match_f64() {
    let Some(cube) = cube() else { return };
    for updates in ["alternating", "simultaneous"] {
        for objective in ["non-saturating", "minimax"] {
            let (mut game, data) = restless();
            // From velocities of zero, with μ = 0 and η = 1, the velocity is the gradient.
            let rules = format!(
                "optimizer = {{ kind = \"momentum\", learning_rate = 1.0, momentum = {{ initial = 0.0, final = 0.0, from_epoch = 1, to_epoch = 1 }} }}\n\
                 game = {{ minibatch = 23, updates = \"{updates}\", generator_objective = \"{objective}\" }}"
            );
            let (with_rules, _) = preset("ring8", &rules);
            (game.optimizer, game.game) = (with_rules.optimizer, with_rules.game);
            let mut device = trainer(cube.clone(), &game, &data);
            let mut oracle = trainer(Native::<f64>::new(Some(2)).unwrap(), &game, &data);
            oracle.restore(&checkpoint(&device)).unwrap();
            device.step();
            oracle.step();
            let found = difference(&checkpoint(&device), &checkpoint(&oracle), "moment");
            println!("{updates}, {objective}: gradients apart by {found:.2e} of their norm");
            // No unit of this game stands at a kink within rounding, which would show as 1e-2.
            assert!(found < 1e-5, "{updates}, {objective}: {found}");
        }
    }
}

#[test]
fn replayed_iterations_are_the_eager_ones_bit_for_bit() {
    let Some(cube) = cube() else { return };
    for game in later().into_iter().chain([restless()]) {
        assert_replay_is_eager(cube.clone(), game);
    }
}

fn assert_replay_is_eager(cube: Cube, (game, data): (GameConfig, Dataset)) {
    let mut replayed = trainer(cube.clone(), &game, &data);
    let mut eager = trainer(cube.without_recording(), &game, &data);
    let mut steps = Vec::new();
    for _ in 0..50 {
        let before = checkpoint(&replayed);
        replayed.step();
        eager.step();
        let after = checkpoint(&replayed);
        assert_eq!(after, checkpoint(&eager), "step {}", after.step);
        steps.push(difference(&after, &before, ".w"));
    }
    let launches = |trainer: &Trainer<Cube>| match trainer.execution() {
        Some(Execution::Replayed { launches }) => (true, launches),
        Some(Execution::Eager { launches }) => (false, launches),
        other => panic!("{other:?}"),
    };
    let (of_replayed, of_eager) = (launches(&replayed), launches(&eager));
    assert!(of_replayed.0 && !of_eager.0);
    assert_eq!(of_replayed.1, of_eager.1);
    // Masks, minibatches, latents and rates go on changing: no step repeats another.
    steps.sort_by(f64::total_cmp);
    assert!(steps[0] > 0.0 && steps.windows(2).all(|pair| pair[0] != pair[1]));
}

#[test]
fn replayed_schedule_has_an_effect() {
    let Some(cube) = cube() else { return };
    let (game, data) = restless();
    let mut constant = game.clone();
    let set = "optimizer = { kind = \"momentum\", learning_rate = 0.1, momentum = { initial = 0.2, final = 0.2, from_epoch = 1, to_epoch = 1 }, max_column_norm = 1.9365 }";
    constant.optimizer = preset("ring8", set).0.optimizer;
    let mut changing = trainer(cube.clone(), &game, &data);
    let mut constant = trainer(cube, &constant, &data);
    for step in 0..20 {
        let same = checkpoint(&changing) == checkpoint(&constant);
        assert_eq!(same, step <= 1, "step {step}");
        changing.step();
        constant.step();
    }
}

#[test]
fn checkpoints_move_between_devices() {
    let Some(cube) = cube() else { return };
    let (game, data) = restless();
    let mut device = trainer(cube.clone(), &game, &data);
    let mut cpu = trainer(processor(), &game, &data);
    (0..10).for_each(|_| device.step());
    cpu.restore(&checkpoint(&device)).unwrap();
    assert_eq!(checkpoint(&cpu), checkpoint(&device));
    let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
    assert!(close(
        &cpu.sample(3, 0, 70).unwrap(),
        &device.sample(3, 0, 70).unwrap()
    ));
    (0..10).for_each(|_| cpu.step());
    // A trainer that has already recorded its iteration continues from what another one made.
    device.restore(&checkpoint(&cpu)).unwrap();
    let mut fresh = trainer(cube, &game, &data);
    fresh.restore(&checkpoint(&cpu)).unwrap();
    (0..10).for_each(|_| device.step());
    (0..10).for_each(|_| fresh.step());
    assert_eq!(checkpoint(&device), checkpoint(&fresh));
    assert_eq!(device.steps_done(), 30);
}

#[test]
fn launches_of_the_mnist_iteration_are_known() {
    let Some(cube) = cube() else { return };
    let (game, data) = mnist();
    let mut trainer = trainer(cube.clone().without_recording(), &game, &data);
    trainer.step();
    let launched = cube.launched_by(|| trainer.step());
    // docs/architecture.md has the same list, with what each is for.
    let expected = [
        &["fill_latent"][..],
        &["linear_fwd"; 3],
        &["gather_rows"],
        &["linear_fwd_maxout"; 2],
        &["linear_logit_loss"],
        &["linear_bwd_data_maxout"],
        &["linear_bwd_params"],
        &["linear_fwd_maxout"; 2],
        &["linear_logit_loss"],
        &["linear_bwd_data_maxout"],
        &["linear_bwd_data"; 3],
        &["linear_bwd_params"],
        &["advance"],
    ]
    .concat();
    assert_eq!(launched, expected);
}
