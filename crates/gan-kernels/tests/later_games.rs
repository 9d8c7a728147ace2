//! What the operations of games after 2014 promise beyond one case: values by hand, differences,
//! what power iteration converges to.

#![allow(clippy::unwrap_used)]

use gan_kernels::random::{Purpose, Stream};
use gan_kernels::{
    Activation, Average, Backend, InputPenalty, Interpolate, LimitSpectrum, LinearFwd,
    LinearTangent, Matrix, Monitor, Native, Penalty, StepState,
};

fn cpu() -> Native<f64> {
    Native::new(Some(2)).unwrap()
}

fn state(step: u64) -> StepState {
    StepState::without_rates(77, step)
}

/// A matrix of `values`, in f64.
fn matrix(rows: usize, cols: usize, values: &[f64]) -> Matrix<Native<f64>> {
    let mut matrix = cpu().matrix(rows, cols);
    cpu().write(&mut matrix, values);
    matrix
}

fn read(matrix: &Matrix<Native<f64>>) -> Vec<f64> {
    cpu().read(matrix.all()).unwrap()
}

/// Values of size 1 without a pattern.
fn scattered(len: usize) -> Vec<f64> {
    (0..len).map(|i| (i as f64 * 1.7).sin()).collect()
}

/// A layer's output with its tangent along `c` and, in the bias, s·b.
fn layer_and_tangent(act: Activation, x: &[f64], c: &[f64], s: f64) -> [Vec<f64>; 2] {
    let (n, k) = (6, 5);
    let columns = n * act.pieces();
    let (w, b) = (scattered(k * columns), scattered(columns));
    let (w, b) = (matrix(k, columns, &w), matrix(1, columns, &b));
    let (x, c, s) = (matrix(1, k, x), matrix(1, k, c), matrix(1, 1, &[s]));
    let [mut y, mut c_above] = [cpu().matrix(1, n), cpu().matrix(1, n)];
    let mut winners = (act.pieces() > 1).then(|| cpu().winners(1, n));
    cpu().linear_fwd(LinearFwd {
        act,
        winners: winners.as_mut().map(|winners| winners.from_row_mut(0)),
        ..LinearFwd::affine(x.all(), &w, &b, y.all_mut(), &state(0))
    });
    cpu().linear_tangent(LinearTangent {
        c: c.all(),
        s: s.all(),
        w: &w,
        b: &b,
        y: y.all(),
        act,
        winners: winners.as_ref().map(|winners| winners.from_row(0)),
        c_above: c_above.all_mut(),
    });
    [read(&y), read(&c_above)]
}

#[test]
fn tangent_of_a_linear_layer_is_the_layer() {
    let c = scattered(5);
    let [y, c_above] = layer_and_tangent(Activation::Identity, &c, &c, 1.0);
    assert_eq!(y, c_above);
}

#[test]
fn tangent_is_the_difference_of_the_layer_along_its_direction() {
    let (x, c, h) = (scattered(5), [0.4, -0.3, 0.2, 0.9, -0.7], 1e-5);
    let moved = |t: f64| -> Vec<_> { x.iter().zip(&c).map(|(x, c)| x + t * c).collect() };
    for act in [
        Activation::LeakyRelu { slope: 0.2 },
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Maxout { pieces: 3 },
    ] {
        // Without the bias's part, which a difference of inputs does not move.
        let [_, tangent] = layer_and_tangent(act, &x, &c, 0.0);
        let [above, _] = layer_and_tangent(act, &moved(h), &c, 0.0);
        let [below, _] = layer_and_tangent(act, &moved(-h), &c, 0.0);
        for ((above, below), tangent) in above.iter().zip(&below).zip(tangent) {
            let difference = (above - below) / (2.0 * h);
            assert!((difference - tangent).abs() < 1e-9, "{act:?}");
        }
    }
}

#[test]
fn interpolate_draws_one_number_a_row_and_stays_between() {
    let (rows, cols) = (1000, 3);
    let (a, b) = (vec![1.0; rows * cols], vec![0.0; rows * cols]);
    let (a, b) = (matrix(rows, cols, &a), matrix(rows, cols, &b));
    let mut y = cpu().matrix(rows, cols);
    cpu().interpolate(Interpolate {
        a: a.all(),
        b: b.all(),
        y: y.all_mut(),
        stream: Stream::new(Purpose::Data, 1, 2),
        state: &state(4),
    });
    let y = read(&y);
    for row in y.chunks(cols) {
        assert!(row.iter().all(|&y| y == row[0] && y > 0.0 && y < 1.0));
    }
    let mean = y.iter().sum::<f64>() / y.len() as f64;
    // Five standard deviations of the mean of 1,000 uniform numbers.
    assert!((mean - 0.5).abs() < 5.0 / 12.0_f64.sqrt() / 1000.0_f64.sqrt());
    assert_ne!(y[0], y[cols]);
}

#[test]
fn average_without_decay_copies_and_of_what_it_equals_stays() {
    let values = scattered(35);
    let (w, mut average) = (matrix(5, 7, &values), cpu().matrix(5, 7));
    let decay = |average: &mut Matrix<Native<f64>>, decay| {
        let w = &w;
        cpu().average(Average { w, average, decay });
    };
    decay(&mut average, 0.0);
    assert_eq!(read(&average), values);
    decay(&mut average, 0.3);
    assert_eq!(read(&average), values);
    // From zeros, n steps reach 1 − βⁿ of the way.
    let mut average = cpu().matrix(5, 7);
    (0..20).for_each(|_| decay(&mut average, 0.9));
    for (found, value) in read(&average).iter().zip(&values) {
        assert!((found - value * (1.0 - 0.9_f64.powi(20))).abs() < 1e-14);
    }
}

/// W = Σ σᵢ·aᵢ·bᵢᵀ with the orthogonal rows of a Hadamard matrix: singular values 3, 2 and 0.5.
fn known_spectrum() -> Vec<f64> {
    let sign = |i: usize, j: usize| f64::from(1 - 2 * ((i & j).count_ones() as i32 % 2));
    let of = |row: usize, col: usize| {
        let terms = [(3.0, 1, 2), (2.0, 2, 3), (0.5, 3, 1)];
        let terms = terms.map(|(sigma, a, b)| sigma * sign(a, row) * sign(b, col));
        // Rows of length 8 and 4.
        terms.iter().sum::<f64>() / (8.0_f64 * 4.0).sqrt()
    };
    (0..32).map(|i| of(i / 4, i % 4)).collect()
}

#[test]
fn limit_spectrum_closes_in_on_the_largest_singular_value() {
    let (before, limit) = (known_spectrum(), 1.5);
    let [mut w, mut direction] = [matrix(8, 4, &before), matrix(1, 4, &[0.9, -0.2, 0.4, 0.1])];
    let mut limited = |calls: usize, w: &mut Matrix<Native<f64>>| {
        for _ in 0..calls {
            cpu().limit_spectrum(LimitSpectrum {
                w,
                direction: &mut direction,
                limit,
            });
        }
        read(w)
    };
    // The estimate is low at first, so that W is scaled by too little and then by the rest.
    let first = limited(1, &mut w);
    assert!(first[0].abs() > before[0].abs() * limit / 3.0);
    let after = limited(60, &mut w);
    for (after, before) in after.iter().zip(&before) {
        assert!((after - before * limit / 3.0).abs() < 1e-12);
    }
    // Up to its sign the direction is b₁ / ‖b₁‖.
    let direction = read(&direction);
    let sign = direction[0].signum();
    for (found, expected) in direction.iter().zip([0.5, 0.5, -0.5, -0.5]) {
        assert!((sign * found - expected).abs() < 1e-10, "{direction:?}");
    }
}

#[test]
fn limit_spectrum_of_zero_weights_changes_nothing() {
    let [mut w, mut direction] = [matrix(3, 2, &[0.0; 6]), matrix(1, 2, &[0.6, 0.8])];
    cpu().limit_spectrum(LimitSpectrum {
        w: &mut w,
        direction: &mut direction,
        limit: 0.5,
    });
    assert_eq!(read(&w), [0.0; 6]);
    assert_eq!(read(&direction), [0.6, 0.8]);
}

#[test]
fn input_penalty_by_hand_matches() {
    // ‖q‖ is 5 and 13; R1 on the first row with γ = 2, R2 on the second with γ = 1.
    let (x, q) = ([1.0, -1.0, 2.0, 0.5], [3.0, 4.0, 5.0, -12.0]);
    let (x, q, s) = (
        matrix(2, 2, &x),
        matrix(2, 2, &q),
        matrix(2, 1, &[10.0, 20.0]),
    );
    let (mut c, mut monitors) = (cpu().matrix(2, 2), cpu().monitors());
    cpu().input_penalty(InputPenalty {
        x: x.all(),
        q: q.all(),
        s: s.all(),
        c: c.all_mut(),
        penalty: Penalty::ZeroCentred {
            data: 2.0,
            samples: 1.0,
        },
        monitors: &mut monitors,
    });
    assert_eq!(read(&c), [16.0, -2.0, 45.0, -2.0]);
    assert_eq!(monitors[Monitor::Penalty], 25.0 + 0.5 * 169.0);
    assert_eq!(monitors[Monitor::InputGradient], 25.0 + 169.0);
    assert_eq!(monitors[Monitor::PenalisedRows], 2.0);
    // (‖q‖ − 1)² of the last third alone, and its slope 2·(1 − 1/5)·q.
    let (x, q) = (
        cpu().matrix(3, 2),
        matrix(3, 2, &[9.0, 9.0, 9.0, 9.0, 3.0, 4.0]),
    );
    let (s, mut c) = (cpu().matrix(3, 1), cpu().matrix(3, 2));
    let mut monitors = cpu().monitors();
    cpu().input_penalty(InputPenalty {
        x: x.all(),
        q: q.all(),
        s: s.all(),
        c: c.all_mut(),
        penalty: Penalty::UnitNorm { weight: 0.5 },
        monitors: &mut monitors,
    });
    for (found, expected) in read(&c).iter().zip([0.0, 0.0, 0.0, 0.0, 2.4, 3.2]) {
        assert!((found - expected).abs() < 1e-12);
    }
    assert!((monitors[Monitor::Penalty] - 8.0).abs() < 1e-11);
    assert_eq!(monitors[Monitor::PenalisedRows], 1.0);
}
