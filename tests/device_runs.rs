//! Whole games on a GPU: against the processor, against themselves replayed, and kernel by kernel.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // What a test cannot unwrap has failed it.

use gan_data::Dataset;
use gan_kernels::cube::Cube;
use gan_kernels::{Backend, Execution, Native, Recorder};
use gan_model::{Checkpoint, GameConfig, Metrics, OptimizerConfig, ScheduleConfig, Trainer};
use gan_run::config::RunConfig;
use gan_tests::{cube, on_a_ring, preset, trainer};

/// The authors' game on drawn digits.
fn mnist() -> (GameConfig, Dataset) {
    let game = RunConfig::preset("mnist").unwrap().game();
    (game, preset("digits", 2000).1)
}

/// A small game with everything that changes from step to step: dropout, a falling η, a rising μ.
fn restless() -> (GameConfig, Dataset) {
    on_a_ring(
        r#"
        game = { minibatch = 23 }
        [optimizer]
        kind = "momentum"
        learning_rate = 0.1
        momentum = { initial = 0.2, final = 0.8, from_epoch = 1, to_epoch = 9 }
        schedule = { kind = "exponential", decay = 1.01, floor = 0.0001 }
        max_column_norm = 1.9365
        [generator]
        latent = 3
        layers = [{ units = 19, activation = "relu" }, { activation = "identity" }]
        [discriminator]
        layers = [
            { units = 7, pieces = 5, activation = "maxout", keep = 0.8 },
            { units = 9, pieces = 3, activation = "maxout", keep = 0.5 },
            { activation = "sigmoid", keep = 0.5 },
        ]
        "#,
    )
}

/// Small games with everything that came after 2014.
fn later() -> Vec<(GameConfig, Dataset)> {
    let pairs =
        r#"loss = "relativistic", pack = 3, penalty = { kind = "zero-centred", gamma = 0.01 }"#;
    let unit_norm = r#"penalty = { kind = "unit-norm", weight = 0.5 }"#;
    let between = format!(r#"loss = "wasserstein", discriminator_steps = 2, {unit_norm}"#);
    let both = format!(r#"loss = "hinge", updates = "simultaneous", pack = 3, {unit_norm}"#);
    [pairs, &between, &both]
        .map(|rules| {
            on_a_ring(&format!(
                r#"
                game = {{ minibatch = 24, {rules} }}
                optimizer = {{ kind = "adam", learning_rate = 0.003, beta1 = 0.5 }}
                [generator]
                latent = 3
                average = 0.9
                layers = [{{ units = 19, activation = "relu" }}, {{ activation = "identity" }}]
                [discriminator]
                max_spectral_norm = 0.9
                layers = [
                    {{ units = 9, activation = "leaky-relu" }},
                    {{ units = 7, pieces = 3, activation = "maxout" }},
                    {{ activation = "sigmoid" }},
                ]
                "#
            ))
        })
        .into()
}

/// A small game whose records are one of two levels.
fn of_levels() -> (GameConfig, Dataset) {
    on_a_ring(
        r#"
        game = { minibatch = 24, loss = "relativistic", penalty = { kind = "zero-centred", gamma = 0.1 } }
        optimizer = { kind = "adam", learning_rate = 0.003, beta1 = 0.5 }
        [generator]
        latent = 3
        heads = {}
        layers = [{ units = 19, activation = "relu" }, { activation = "identity" }]
        [discriminator]
        layers = [{ units = 9, activation = "leaky-relu" }, { activation = "sigmoid" }]
        "#,
    )
}

/// Small games of points of a ring that are given their mode: as numbers by share, and as levels by
/// log-frequency.
fn given() -> [(GameConfig, Dataset); 2] {
    let levels = r#"condition_by = "log-frequency", discriminator_steps = 2"#;
    let relativistic = r#"loss = "relativistic", penalty = { kind = "zero-centred", gamma = 0.1 }"#;
    [(relativistic, ""), (levels, "heads = {}")].map(|(rules, heads)| {
        on_a_ring(&format!(
            r#"
            game = {{ minibatch = 23, condition = ["label"], {rules} }}
            optimizer = {{ kind = "adam", learning_rate = 0.003, beta1 = 0.5 }}
            [generator]
            latent = 3
            {heads}
            layers = [{{ units = 19, activation = "relu" }}, {{ activation = "identity" }}]
            [discriminator]
            layers = [{{ units = 9, activation = "leaky-relu" }}, {{ activation = "sigmoid" }}]
            "#
        ))
    })
}

fn processor() -> Native<f32> {
    Native::new(Some(2)).unwrap()
}

fn checkpoint<B: Backend>(trainer: &mut Trainer<B>) -> Checkpoint {
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
    let weights = difference(&checkpoint(&mut device), &checkpoint(&mut cpu), ".w");
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
    assert_device_follows_processor(preset("ring8", 5000), 200, [1e-3, 1e-3]);
}

#[test]
fn device_follows_processor_for_5_iterations_of_mnist() {
    assert_device_follows_processor(mnist(), 5, [1e-3, 1e-4]);
}

#[test]
fn device_follows_processor_in_games_after_2014() {
    for game in later() {
        assert_device_follows_processor(game, 60, [1e-3, 1e-3]);
    }
}

/// Gradients that are summed over microbatches go through the host, whatever computes them.
#[test]
fn device_follows_processor_in_games_of_microbatches() {
    let [(numbers, ring), _] = given();
    let cut = |(mut game, data): (GameConfig, Dataset)| {
        game.game.minibatch = 24;
        game.game.microbatches = 4;
        (game, data)
    };
    let all = later().into_iter().chain([restless(), (numbers, ring)]);
    for game in all.map(cut) {
        assert_device_follows_processor(game, 40, [1e-3, 1e-3]);
    }
}

#[test]
fn device_follows_processor_in_games_of_conditions() {
    // Levels that are decided under noise may be decided otherwise after a rounding.
    let [numbers, _] = given();
    assert_device_follows_processor(numbers, 60, [1e-3, 1e-3]);
}

#[test]
fn replayed_iterations_are_the_eager_ones_bit_for_bit() {
    let Some(cube) = cube() else { return };
    let others = [restless(), of_levels()].into_iter().chain(given());
    for game in later().into_iter().chain(others) {
        assert_replay_is_eager(cube.clone(), game);
    }
}

fn assert_replay_is_eager(cube: Cube, (game, data): (GameConfig, Dataset)) {
    let mut replayed = trainer(cube.clone(), &game, &data);
    let mut eager = trainer(cube.without_recording(), &game, &data);
    let mut steps = Vec::new();
    for _ in 0..50 {
        let before = checkpoint(&mut replayed);
        replayed.step();
        eager.step();
        let after = checkpoint(&mut replayed);
        assert_eq!(after, checkpoint(&mut eager), "step {}", after.step);
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
    let OptimizerConfig::Momentum {
        schedule, momentum, ..
    } = &mut constant.optimizer
    else {
        panic!("{:?}", game.optimizer);
    };
    *schedule = ScheduleConfig::Constant;
    momentum.r#final = momentum.initial;
    let mut changing = trainer(cube.clone(), &game, &data);
    let mut constant = trainer(cube, &constant, &data);
    for step in 0..20 {
        let same = checkpoint(&mut changing) == checkpoint(&mut constant);
        assert_eq!(same, step <= 1, "step {step}");
        changing.step();
        constant.step();
    }
}

/// A reading of a run that was stopped in it is the reading of one that was not. On a GPU it is but
/// for a rounding in f32 where the driver leaves sums one float alone (`add_to_pair`): 5·10⁻⁸ on the
/// software device.
#[test]
fn sums_given_back_are_in_the_next_reading() {
    let Some(cube) = cube() else { return };
    let (game, data) = restless();
    let mut whole = trainer(cube.clone(), &game, &data);
    let mut stopped = trainer(cube.clone(), &game, &data);
    let expected = curve(&mut whole, 10, 5);
    curve(&mut stopped, 7, 5);
    let sums = stopped.sums().unwrap();
    let mut resumed = trainer(cube, &game, &data);
    resumed.restore(&checkpoint(&mut stopped)).unwrap();
    resumed.give_back_sums(&sums);
    let found = curve(&mut resumed, 3, 3);
    let off = apart(&found, &expected[1..]);
    assert!(off <= 1e-6, "apart by {off}");
    // Without them it would be a reading of three iterations.
    let mut without = trainer(processor(), &game, &data);
    without.restore(&checkpoint(&mut stopped)).unwrap();
    assert!(apart(&curve(&mut without, 3, 3), &expected[1..]) > 1e-3);
}

#[test]
fn checkpoints_move_between_devices() {
    let Some(cube) = cube() else { return };
    let (game, data) = restless();
    let mut device = trainer(cube.clone(), &game, &data);
    let mut cpu = trainer(processor(), &game, &data);
    (0..10).for_each(|_| device.step());
    cpu.restore(&checkpoint(&mut device)).unwrap();
    assert_eq!(checkpoint(&mut cpu), checkpoint(&mut device));
    let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
    assert!(close(
        &cpu.sample(3, 0, 70).unwrap(),
        &device.sample(3, 0, 70).unwrap()
    ));
    (0..10).for_each(|_| cpu.step());
    // A trainer that has already recorded its iteration continues from what another one made.
    device.restore(&checkpoint(&mut cpu)).unwrap();
    let mut fresh = trainer(cube, &game, &data);
    fresh.restore(&checkpoint(&mut cpu)).unwrap();
    (0..10).for_each(|_| device.step());
    (0..10).for_each(|_| fresh.step());
    assert_eq!(checkpoint(&mut device), checkpoint(&mut fresh));
    assert_eq!(device.steps_done(), 30);
}

/// The kernels of an iteration, each of which must be a recorded operation's.
fn launches(game: &GameConfig, data: &Dataset) -> Option<Vec<&'static str>> {
    let cube = cube()?;
    let recorder = Recorder::default();
    let mut recorded = trainer(recorder.clone(), game, data);
    let mut device = trainer(cube.clone().without_recording(), game, data);
    recorded.step();
    device.step();
    let calls = recorder.calls_of(|| recorded.step()).into_iter();
    let names =
        calls.flat_map(|call| std::iter::repeat_n(call.cases[0].op.operation(), call.launches()));
    let expected: Vec<&str> = names.collect();
    let launched = cube.launched_by(|| device.step());
    let mut pairs = launched.iter().zip(&expected);
    assert!(
        launched.len() == expected.len() && pairs.all(|(kernel, name)| kernel.starts_with(name)),
        "{launched:?} are launched for {expected:?}"
    );
    Some(launched)
}

#[test]
fn launches_are_the_operations_of_the_iteration() {
    let (game, data) = mnist();
    // docs/architecture.md has the list, with what each is for.
    if let Some(launched) = launches(&game, &data) {
        let maxout = launched.iter().filter(|kernel| kernel.ends_with("_maxout"));
        assert_eq!((launched.len(), maxout.count()), (19, 6), "{launched:?}");
    }
    let others = [restless()].into_iter().chain(given());
    for (game, data) in later().into_iter().chain(others) {
        launches(&game, &data);
    }
}
