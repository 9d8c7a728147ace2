//! The protocol against plain loops in f64, and against integrals.

use std::f64::consts::TAU;

use super::*;
use crate::testing::{backend, close, normal};

/// Normal numbers of standard deviation `scale`.
fn normals(count: usize, seed: u64, scale: f32) -> Vec<f32> {
    let normals = normal(count, 1, seed, 0.0);
    normals.into_iter().map(|x| scale * x).collect()
}

/// log p(x) by the formula, without a thought for overflow.
fn log_density(x: &[f32], samples: Points<'_>, sigma: f64) -> f64 {
    let window = |s: &[f32]| {
        let squares = x.iter().zip(s).map(|(&x, &s)| f64::from(x - s).powi(2));
        (-squares.sum::<f64>() / (2.0 * sigma * sigma)).exp()
    };
    let density: f64 = samples.iter().map(window).sum();
    let normaliser = x.len() as f64 * (sigma * TAU.sqrt()).ln();
    (density / samples.rows() as f64).ln() - normaliser
}

fn mean_log_density(points: Points<'_>, samples: Points<'_>, sigma: f64) -> f64 {
    let logs = points.iter().map(|x| log_density(x, samples, sigma));
    logs.sum::<f64>() / points.rows() as f64
}

fn score(
    bandwidth: Bandwidth,
    valid: Points<'_>,
    test: Points<'_>,
    samples: Points<'_>,
) -> LogLikelihood {
    let backend = backend();
    ParzenProtocol::new(&backend, valid, test, bandwidth)
        .score(samples, &mut |_| {})
        .unwrap()
}

#[test]
fn score_equals_plain_loops_in_f64() {
    let cols = 5;
    let [valid, test, samples] = [(37, 1), (1203, 2), (61, 3)]
        .map(|(rows, seed)| normals(rows * cols, seed, 0.3))
        .map(|x| x.leak() as &[f32])
        .map(|values| Points::new(values, cols));
    let found = score(Bandwidth::Authors, valid, test, samples);
    let mean = |sigma: &f64| mean_log_density(valid, samples, *sigma);
    let sigmas = authors_sigmas().into_iter();
    let best = sigmas.max_by(|a, b| mean(a).total_cmp(&mean(b))).unwrap();
    assert_eq!(found.sigma, best);
    assert_eq!(found.grid, Some([0.1, 1.0]));
    let logs: Vec<f64> = test.iter().map(|x| log_density(x, samples, best)).collect();
    let mean = logs.iter().sum::<f64>() / 1203.0;
    let squares: f64 = logs.iter().map(|x| x * x).sum::<f64>() / 1203.0;
    let standard_error = ((squares - mean * mean) / 1203.0).sqrt();
    close(found.mean, mean, 1e-4);
    close(found.standard_error, standard_error, 1e-4);
}

#[test]
fn sigma_is_chosen_on_the_first_1000_validation_records_alone() {
    let near = normals(1000, 4, 0.2);
    let mut both = near.clone();
    // Records that would ask for a wide window, if they were looked at.
    both.extend(normals(500, 5, 40.0));
    let samples = normals(300, 6, 0.2);
    let choose = |valid: &[f32]| {
        let (valid, samples) = (Points::new(valid, 1), Points::new(&samples, 1));
        score(Bandwidth::Authors, valid, valid.first(10), samples).sigma
    };
    assert_eq!(choose(&both), choose(&near));
    assert!(choose(&normals(500, 5, 40.0)) > choose(&near));
}

#[test]
fn grid_grows_to_the_best_sigma_of_data_in_other_units() {
    for (scale, seed) in [(1e-3, 10), (300.0, 20)] {
        let [valid, test, samples] = [0, 1, 2].map(|part| normals(2 * 400, seed + part, scale));
        let [valid, test, samples] = [&valid, &test, &samples].map(|values| Points::new(values, 2));
        let stays = score(Bandwidth::Authors, valid, test, samples);
        assert!(stays.at_edge(), "{stays:?}");
        let grows = score(Bandwidth::Growing, valid, test, samples);
        assert!(!grows.at_edge() && grows.mean > stays.mean, "{grows:?}");
        // The neighbours on the grid are worse.
        let mean = |factor: f64| mean_log_density(valid, samples, factor * grows.sigma);
        let step = 10f64.powf(1.0 / 9.0);
        assert!(mean(1.0) > mean(step).max(mean(1.0 / step)), "{grows:?}");
    }
}

#[test]
fn grid_stops_growing_where_records_coincide() {
    // Every record is a sample too: the narrower, the better, without end.
    let points: Vec<f32> = (0..50).map(|i| (i % 5) as f32).collect();
    let points = Points::new(&points, 1);
    let found = score(Bandwidth::Growing, points, points, points);
    assert!(found.at_edge() && found.sigma < 2e-3, "{found:?}");
    let constant = Points::new(&[3.0; 8], 1);
    assert!(score(Bandwidth::Growing, constant, constant, constant).at_edge());
}

#[test]
fn gaussian_under_gaussian_windows_is_the_integral() {
    // Windows of width σ on draws of N(0, s²) make N(0, s² + σ²) when there are many; the mean of
    // its logarithm over N(0, t²) is −d/2·(log 2π(s² + σ²) + t²/(s² + σ²)).
    let (d, s, t, sigma) = (2, 0.7, 0.5, 0.4);
    let samples = normals(d * 6000, 30, s as f32);
    let test = normals(d * 3000, 31, t as f32);
    let [samples, test] = [&samples, &test].map(|values| Points::new(values, d));
    let found = score(Bandwidth::Fixed(sigma), test, test, samples);
    let variance = s * s + sigma * sigma;
    let expected = -(d as f64) / 2.0 * ((TAU * variance).ln() + t * t / variance);
    close(found.mean, expected, 3.0 * found.standard_error + 0.01);
    assert_eq!((found.sigma, found.grid), (sigma, None));
}

#[test]
fn mean_and_standard_error_are_those_of_a_hand_computation() {
    // Deviations −3, −1, 1, 3: variance 5 and not 20/3.
    let (mean, error) = mean_and_standard_error(&[1.0, 3.0, 5.0, 7.0]);
    assert_eq!(mean, 4.0);
    close(error, (5.0f64 / 4.0).sqrt(), 1e-15);
}

#[test]
fn samples_that_are_no_numbers_are_an_error() {
    let backend = backend();
    let points = Points::new(&[0.0, 1.0], 1);
    let refused = |bandwidth, samples: &[f32]| {
        let protocol = ParzenProtocol::new(&backend, points, points, bandwidth);
        let samples = Points::new(samples, 1);
        protocol.score(samples, &mut |_| {}).unwrap_err()
    };
    let error = refused(Bandwidth::Authors, &[0.0, f32::NAN]);
    assert!(error.to_string().contains("row 2: found NaN"), "{error}");
    let error = refused(Bandwidth::Authors, &[3e38, 3e38]);
    assert!(error.to_string().contains("row 1"), "{error}");
    let error = refused(Bandwidth::Fixed(1e-30), &[0.5]);
    assert!(matches!(error, EvalError::Overflow { .. }), "{error}");
}
