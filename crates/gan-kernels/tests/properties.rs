//! What operations promise beyond one case: addresses, masks, epochs, moments, values by hand.

#![allow(clippy::unwrap_used)]

use gan_kernels::random::{Purpose, Stream};
use gan_kernels::{
    Activation, Backend, Below, Dropout, FillLatent, GatherRows, LinearBwdData, LinearFwd,
    LogitLoss, Monitor, MonitorSums, Native, Objective, Parzen, Prior, Real, Records, SquaredError,
    StepState, Values,
};

fn cpu<T: Real>() -> Native<T> {
    Native::new(Some(2)).unwrap()
}

fn state(step: u64) -> StepState {
    StepState::without_rates(77, step)
}

fn latents<T: Real>(rows: usize, first_row: usize, prior: Prior, step: u64) -> Vec<T> {
    let cpu = cpu::<T>();
    let mut z = cpu.matrix(rows, 37);
    cpu.fill_latent(FillLatent {
        z: z.all_mut(),
        prior,
        stream: Stream::new(Purpose::Noise, 0, 0),
        first_row,
        state: &state(step),
    });
    cpu.read(z.all()).unwrap()
}

#[test]
fn fill_latent_first_rows_do_not_depend_on_how_many_follow() {
    for prior in [Prior::Uniform, Prior::Normal, Prior::Spherical] {
        let many: Vec<f32> = latents(10_000, 0, prior, 5);
        assert_eq!(many[..10 * 37], latents::<f32>(10, 0, prior, 5));
        assert_eq!(many[9990 * 37..], latents::<f32>(10, 9990, prior, 5));
        assert_ne!(many[..10 * 37], latents::<f32>(10, 0, prior, 6));
    }
}

#[test]
fn fill_latent_moments_are_those_of_the_prior() {
    let moments =
        |z: &[f64], power: i32| z.iter().map(|z| z.powi(power)).sum::<f64>() / z.len() as f64;
    // Mean, variance and fourth moment, each with its standard deviation for one value.
    for (prior, fourth, spread) in [
        (Prior::Uniform, 1.8, [1.0, 0.9, 2.7]),
        (Prior::Normal, 3.0, [1.0, 1.5, 9.8]),
    ] {
        let z: Vec<f64> = latents(10_000, 0, prior, 0);
        let root = (z.len() as f64).sqrt();
        for (power, expected, spread) in [
            (1, 0.0, spread[0]),
            (2, 1.0, spread[1]),
            (4, fourth, spread[2]),
        ] {
            let off = (moments(&z, power) - expected).abs() * root / spread;
            assert!(
                off < 5.0,
                "{prior:?}: moment {power} off by {off} deviations"
            );
        }
    }
    for row in latents::<f64>(1000, 0, Prior::Spherical, 0).chunks(37) {
        assert!((moments(row, 2) * 37.0 - 1.0).abs() < 1e-12);
    }
    let bound = 3.0_f32.sqrt();
    let uniform: Vec<f32> = latents(10_000, 0, Prior::Uniform, 0);
    assert!(uniform.iter().all(|z| z.abs() <= bound));
}

const DROPOUT: Dropout = Dropout {
    keep: 0.8,
    scale: 1.25,
    stream: Stream::new(Purpose::Dropout, 2, 1),
    first_row: 0,
};

/// The dropout factors of `rows × 101` elements as a forward pass applies them.
fn forward_mask(rows: usize, dropout: Dropout, step: u64) -> Vec<f32> {
    let cpu = cpu::<f32>();
    let mut ones = cpu.matrix(1, 101);
    cpu.write(&mut ones, &[1.0; 101]);
    let mut y = cpu.matrix(rows, 101);
    cpu.linear_fwd(LinearFwd {
        dropout: Some(dropout),
        ..LinearFwd::affine(
            cpu.matrix(rows, 3).all(),
            &cpu.matrix(3, 101),
            &ones,
            y.all_mut(),
            &state(step),
        )
    });
    cpu.read(y.all()).unwrap()
}

/// The same as a backward pass applies them.
fn backward_mask(rows: usize, dropout: Dropout, step: u64) -> Vec<f32> {
    let cpu = cpu::<f32>();
    let [mut dz, mut w] = [cpu.matrix(rows, 1), cpu.matrix(101, 1)];
    cpu.write(&mut dz, &vec![1.0; rows]);
    cpu.write(&mut w, &[1.0; 101]);
    let mut dz_below = cpu.matrix(rows, 101);
    cpu.linear_bwd_data(LinearBwdData {
        dz: dz.all(),
        w: &w,
        below: Below {
            dropout: Some(dropout),
            ..Below::linear(cpu.matrix(rows, 101).all())
        },
        dz_below: dz_below.all_mut(),
        state: &state(step),
    });
    cpu.read(dz_below.all()).unwrap()
}

/// The same as a minibatch has them.
fn gather_mask(rows: usize, dropout: Dropout, step: u64) -> Vec<f32> {
    let cpu = cpu::<f32>();
    let mut y = cpu.matrix(rows, 101);
    cpu.gather_rows(GatherRows {
        records: &Records::new(101, Values::Floats(vec![1.0; 101 * 7])),
        y: y.all_mut(),
        rows_per_step: rows,
        first_row: 0,
        groups: None,
        dropout: Some(dropout),
        state: &state(step),
    });
    cpu.read(y.all()).unwrap()
}

#[test]
fn dropout_masks_of_forward_backward_and_gather_are_equal() {
    let forward = forward_mask(211, DROPOUT, 3);
    assert_eq!(forward, backward_mask(211, DROPOUT, 3));
    assert_eq!(forward, gather_mask(211, DROPOUT, 3));
    assert_ne!(forward, forward_mask(211, DROPOUT, 4));
    let below = Dropout {
        first_row: 200,
        ..DROPOUT
    };
    assert_eq!(forward[200 * 101..], forward_mask(11, below, 3));
    assert_eq!(forward[200 * 101..], backward_mask(11, below, 3));
    let other = Dropout {
        stream: Stream::new(Purpose::Dropout, 2, 2),
        ..DROPOUT
    };
    assert_ne!(forward, forward_mask(211, other, 3));
}

#[test]
fn dropout_keeps_its_share_at_its_scale() {
    for keep in [0.1, 0.5, 0.8, 0.99] {
        let dropout = Dropout { keep, ..DROPOUT };
        let mask = forward_mask(1000, dropout, 0);
        assert!(mask.iter().all(|&factor| factor == 0.0 || factor == 1.25));
        let kept = mask.iter().filter(|&&factor| factor > 0.0).count() as f64;
        let n = mask.len() as f64;
        let deviations = (kept - keep * n) / (n * keep * (1.0 - keep)).sqrt();
        assert!(deviations.abs() < 5.0, "{keep}: {deviations} deviations");
    }
}

#[test]
fn linear_fwd_by_hand_matches() {
    // z = (1·2 + 2·(−1) + 0.5, 1·0 + 2·3 − 7) = (0.5, −1).
    let cpu = cpu::<f64>();
    let [mut x, mut w, mut b] = [cpu.matrix(1, 2), cpu.matrix(2, 2), cpu.matrix(1, 2)];
    cpu.write(&mut x, &[1.0, 2.0]);
    cpu.write(&mut w, &[2.0, 0.0, -1.0, 3.0]);
    cpu.write(&mut b, &[0.5, -7.0]);
    for (act, expected) in [
        (Activation::Identity, [0.5, -1.0]),
        (Activation::Relu, [0.5, 0.0]),
        (Activation::LeakyRelu { slope: 0.2 }, [0.5, -0.2]),
        (
            Activation::Sigmoid,
            [0.622_459_331_201_854_6, 0.268_941_421_369_995_1],
        ),
        (
            Activation::Tanh,
            [0.462_117_157_260_009_75, -0.761_594_155_955_764_9],
        ),
    ] {
        let mut y = cpu.matrix(1, 2);
        cpu.linear_fwd(LinearFwd {
            act,
            ..LinearFwd::affine(x.all(), &w, &b, y.all_mut(), &state(0))
        });
        let found = cpu.read(y.all()).unwrap();
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-15, "{act:?}: {found}");
        }
    }
}

#[test]
fn maxout_tie_sends_the_gradient_to_the_first_piece() {
    let cpu = cpu::<f32>();
    let mut b = cpu.matrix(1, 6);
    cpu.write(&mut b, &[1.0, 1.0, 0.0, -2.0, 4.0, 4.0]);
    let mut winners = cpu.winners(1, 2);
    let mut y = cpu.matrix(1, 2);
    let act = Activation::Maxout { pieces: 3 };
    cpu.linear_fwd(LinearFwd {
        act,
        winners: Some(winners.from_row_mut(0)),
        ..LinearFwd::affine(
            cpu.matrix(1, 1).all(),
            &cpu.matrix(1, 6),
            &b,
            y.all_mut(),
            &state(0),
        )
    });
    assert_eq!(cpu.read(y.all()).unwrap(), [1.0, 4.0]);
    let [mut dz, mut w, mut dz_below] = [cpu.matrix(1, 1), cpu.matrix(2, 1), cpu.matrix(1, 6)];
    cpu.write(&mut dz, &[3.0]);
    cpu.write(&mut w, &[1.0, 10.0]);
    cpu.linear_bwd_data(LinearBwdData {
        dz: dz.all(),
        w: &w,
        below: Below {
            y: y.all(),
            act,
            winners: Some(winners.from_row(0)),
            dropout: None,
        },
        dz_below: dz_below.all_mut(),
        state: &state(0),
    });
    let expected = [3.0, 0.0, 0.0, 0.0, 30.0, 0.0];
    assert_eq!(cpu.read(dz_below.all()).unwrap(), expected);
}

#[test]
fn activations_of_nan_are_nan() {
    let cpu = cpu::<f32>();
    let mut b = cpu.matrix(1, 5);
    cpu.write(&mut b, &[f32::NAN; 5]);
    for act in [
        Activation::Identity,
        Activation::Relu,
        Activation::LeakyRelu { slope: 0.2 },
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Maxout { pieces: 5 },
    ] {
        let units = 5 / act.pieces();
        let mut winners = (units == 1).then(|| cpu.winners(1, 1));
        let mut y = cpu.matrix(1, units);
        cpu.linear_fwd(LinearFwd {
            act,
            winners: winners.as_mut().map(|winners| winners.from_row_mut(0)),
            ..LinearFwd::affine(
                cpu.matrix(1, 1).all(),
                &cpu.matrix(1, 5),
                &b,
                y.all_mut(),
                &state(0),
            )
        });
        let y = cpu.read(y.all()).unwrap();
        assert!(y.iter().all(|y| y.is_nan()), "{act:?}: {y:?}");
    }
}

fn loss(objective: Objective, logits: &[f64]) -> (Vec<f64>, MonitorSums) {
    let cpu = cpu::<f64>();
    let [mut l, mut dz] = [(); 2].map(|()| cpu.matrix(logits.len(), 1));
    cpu.write(&mut l, logits);
    let mut monitors = cpu.monitors();
    cpu.logit_loss(LogitLoss {
        logits: l.all(),
        objective,
        weight: 1.0,
        dz: dz.all_mut(),
        monitors: &mut monitors,
        state: &state(0),
    });
    let dz = cpu.read(dz.all()).unwrap();
    (dz, cpu.take_monitors(&mut monitors).unwrap())
}

/// E, and dZ, of outputs of two columns.
fn squared_error(act: Activation, y: &[f64], targets: &[f64]) -> (f64, Vec<f64>) {
    let cpu = cpu::<f64>();
    let [mut outputs, mut wanted, mut dz] = [(); 3].map(|()| cpu.matrix(y.len() / 2, 2));
    cpu.write(&mut outputs, y);
    cpu.write(&mut wanted, targets);
    let mut monitors = cpu.monitors();
    cpu.squared_error(SquaredError {
        y: outputs.all(),
        targets: wanted.all(),
        act,
        dz: dz.all_mut(),
        monitors: &mut monitors,
    });
    let sums = cpu.take_monitors(&mut monitors).unwrap();
    (sums[Monitor::SquaredError], cpu.read(dz.all()).unwrap())
}

#[test]
fn squared_error_by_hand_matches() {
    let (y, targets) = ([1.0, 2.0, 3.0, -4.0], [0.0, 2.0, 5.0, -4.5]);
    let (error, dz) = squared_error(Activation::Identity, &y, &targets);
    assert_eq!(error, (1.0 + 0.0 + 4.0 + 0.25) / 4.0);
    assert_eq!(dz, [0.5, 0.0, -1.0, 0.25]);
    let (_, dz) = squared_error(Activation::Relu, &[0.0, 2.0], &[1.0, 1.0]);
    assert_eq!(dz, [0.0, 1.0]);
}

#[test]
fn squared_error_gradient_is_the_difference_quotient_by_the_pre_activation() {
    const STEP: f64 = 1e-5;
    // None within a step of a kink.
    let z = [0.7, -0.4, 1.3, -2.1, 0.1, -0.9];
    let targets = [0.5, 0.2, -0.3, 0.9, 0.0, -1.0];
    for act in [
        Activation::Identity,
        Activation::Relu,
        Activation::LeakyRelu { slope: 0.2 },
        Activation::Sigmoid,
        Activation::Tanh,
    ] {
        let at = |z: &[f64]| {
            let y: Vec<_> = z.iter().map(|&z| act.define(&[z]).0).collect();
            squared_error(act, &y, &targets)
        };
        let (_, dz) = at(&z);
        for (index, dz) in dz.into_iter().enumerate() {
            let moved = |by: f64| {
                let mut z = z;
                z[index] += by;
                at(&z).0
            };
            let quotient = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
            assert!(
                (dz - quotient).abs() < 1e-9,
                "{act:?}: {dz}, not {quotient}"
            );
        }
    }
}

#[test]
fn logit_loss_at_plus_minus_1000_is_finite_and_right() {
    let near = |found: &[f64], expected: [f64; 4]| {
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                (found - expected).abs() <= 1e-15 * expected.abs(),
                "{found:e}"
            );
        }
    };
    let logits = [1000.0, -1000.0, 100.0, -100.0];
    let (dz, sums) = loss(Objective::Discriminator, &logits);
    near(&dz, [0.0, -0.5, 0.5, 0.5 * (-100.0_f64).exp()]);
    assert_eq!(sums[Monitor::LogData], -1000.0);
    assert_eq!(sums[Monitor::LogSamples], -100.0 - (-100.0_f64).exp());
    assert_eq!(sums[Monitor::DiscriminatorObjective], 550.0);
    assert_eq!(sums[Monitor::FalseNegatives], 1.0);
    assert_eq!(sums[Monitor::FalsePositives], 1.0);
    let (dz, sums) = loss(Objective::NonSaturating, &logits);
    near(&dz, [0.0, -0.25, -0.25 * (-100.0_f64).exp(), -0.25]);
    assert_eq!(sums[Monitor::GeneratorObjective], 275.0);
    let (dz, sums) = loss(Objective::Minimax, &logits);
    near(&dz, [-0.25, 0.0, -0.25, -0.25 * (-100.0_f64).exp()]);
    assert_eq!(sums[Monitor::GeneratorObjective], -275.0);
}

#[test]
fn logit_loss_value_is_minus_log_4_where_d_is_one_half() {
    let (dz, sums) = loss(Objective::Discriminator, &[0.0; 6]);
    assert_eq!(dz, [-1.0, -1.0, -1.0, 1.0, 1.0, 1.0].map(|sign| sign / 6.0));
    let objective = sums[Monitor::DiscriminatorObjective];
    assert!((objective - 4.0_f64.ln()).abs() < 1e-15);
    // D = 1/2 is neither kind of error.
    assert_eq!(
        sums[Monitor::FalseNegatives] + sums[Monitor::FalsePositives],
        0.0
    );
}

#[test]
fn gather_rows_each_epoch_visits_every_record_once() {
    let cpu = cpu::<f64>();
    const RECORDS: usize = 37;
    let records = Records::new(1, Values::Floats((0..RECORDS).map(|i| i as f32).collect()));
    // 5 rows, two minibatches a step: epochs end inside minibatches; 60 rows exceed the data.
    for (m, of, steps) in [(5, 2, 40), (60, 1, 7)] {
        let mut visited = Vec::new();
        for step in 0..steps {
            for minibatch in 0..of {
                let mut y = cpu.matrix(m, 1);
                cpu.gather_rows(GatherRows {
                    records: &records,
                    y: y.all_mut(),
                    rows_per_step: of * m,
                    first_row: minibatch * m,
                    groups: None,
                    dropout: None,
                    state: &state(step),
                });
                visited.extend(cpu.read(y.all()).unwrap());
            }
        }
        let epochs: Vec<_> = visited.chunks_exact(RECORDS).collect();
        for epoch in &epochs {
            let mut sorted = epoch.to_vec();
            sorted.sort_by(f64::total_cmp);
            assert!(
                sorted
                    .iter()
                    .enumerate()
                    .all(|(i, &record)| record == i as f64)
            );
        }
        assert!(epochs.windows(2).all(|pair| pair[0] != pair[1]));
    }
}

/// Images of a stroke's width on black, 784 pixels, with neighbours alike.
fn digits(count: usize, stream: usize) -> Vec<f32> {
    let z = latents::<f32>(count, 1000 * stream, Prior::Normal, 9);
    let pixel = |z: &[f32], i: usize| {
        let (x, y) = ((i % 28) as f32 / 28.0, (i / 28) as f32 / 28.0);
        let curve = z[0] * 0.2 + z[1] * 0.3 * (6.0 * y + z[2]).sin() + 0.5;
        let ink = 1.4 - 9.0 * (x - curve).abs();
        if (0.12..0.88).contains(&y) {
            ink.clamp(0.0, 1.0)
        } else {
            0.0
        }
    };
    let images = z
        .chunks(37)
        .flat_map(|z| (0..784).map(move |i| pixel(z, i)));
    images.collect()
}

fn parzen<T: Real>(points: &[f32], samples: &[f32], d: usize, sigmas: &[f64]) -> Vec<f64> {
    let cpu = cpu::<T>();
    let [points, samples] = [points, samples].map(|values| {
        let mut matrix = cpu.matrix(values.len() / d, d);
        let values: Vec<_> = values.iter().map(|&x| T::from_f64(f64::from(x))).collect();
        cpu.write(&mut matrix, &values);
        matrix
    });
    let op = Parzen {
        points: points.all(),
        samples: samples.all(),
        sigmas,
    };
    cpu.parzen(op).unwrap()
}

#[test]
fn parzen_f32_on_images_is_within_1e_3_nats() {
    let (points, samples) = (digits(60, 1), digits(2000, 2));
    let sigma = 0.1667_f64;
    let found = parzen::<f32>(&points, &samples, 784, &[sigma]);
    let normaliser = 784.0 * (sigma * std::f64::consts::TAU.sqrt()).ln();
    for (point, found) in points.chunks(784).zip(found) {
        let square = |sample: &[f32]| -> f64 {
            let pairs = point.iter().zip(sample);
            pairs
                .map(|(&x, &s)| (f64::from(x) - f64::from(s)).powi(2))
                .sum()
        };
        let exponents: Vec<_> = samples
            .chunks(784)
            .map(|sample| -square(sample) / (2.0 * sigma * sigma))
            .collect();
        let largest = exponents.iter().copied().fold(f64::MIN, f64::max);
        let sum: f64 = exponents.iter().map(|e| (e - largest).exp()).sum();
        let expected = largest + (sum / 2000.0).ln() - normaliser;
        assert!(
            (found - expected).abs() < 1e-3,
            "{found}, expected {expected}"
        );
    }
}

#[test]
fn parzen_of_a_sample_that_is_no_number_is_no_number() {
    for likelihood in parzen::<f32>(&[0.5; 14], &[0.5, f32::NAN], 2, &[0.2, 0.5]) {
        assert!(likelihood.is_nan(), "{likelihood}");
    }
}

#[test]
fn parzen_one_sample_one_point_is_a_gaussian_density() {
    let found = parzen::<f64>(&[1.5], &[1.0], 1, &[0.5]);
    // log N(1.5; 1, 0.5²).
    let expected = -0.5 - (0.5 * std::f64::consts::TAU.sqrt()).ln();
    assert!((found[0] - expected).abs() < 1e-14);
}
