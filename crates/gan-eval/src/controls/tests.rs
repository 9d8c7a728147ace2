//! Controls of records whose distribution is known.

use std::f64::consts::TAU;

use super::*;
use crate::parzen::{Bandwidth, LogLikelihood, ParzenProtocol};
use crate::testing::{backend, close, mnist, normal};

/// Deviations of the columns of [`records`] before they are mixed.
const DEVIATIONS: [f64; 3] = [2.0, 0.5, 0.1];

/// Rows of N(μ, R·diag(DEVIATIONS²)·Rᵀ) with μ = (1, −2, 3) and R a turn in the first two axes.
fn records(count: usize, seed: u64) -> Vec<f32> {
    let (sin, cos) = 0.6f32.sin_cos();
    let [a, b, c] = DEVIATIONS.map(|deviation| deviation as f32);
    let turned = |x: &[f32]| {
        let [x, y, z] = [a * x[0], b * x[1], c * x[2]];
        [1.0 + cos * x - sin * y, -2.0 + sin * x + cos * y, 3.0 + z]
    };
    normal(count, 3, seed, 0.0)
        .chunks_exact(3)
        .flat_map(turned)
        .collect()
}

fn covariance(points: Points<'_>) -> [[f64; 3]; 3] {
    let mean = points.mean();
    let off = |row: &[f32], i| f64::from(row[i]) - mean[i];
    let of = |i, j| {
        points
            .iter()
            .map(|row| off(row, i) * off(row, j))
            .sum::<f64>()
    };
    [0, 1, 2].map(|i| [0, 1, 2].map(|j| of(i, j) / points.rows() as f64))
}

#[test]
fn draws_have_the_mean_and_covariance_of_the_records() {
    let train = records(5000, 0);
    let train = Points::new(&train, 3);
    let backend = backend();
    let moments = Moments::of(&backend, train).unwrap();
    let draw = |components| {
        let address = Address {
            seed: 1,
            stream: Stream::new(Purpose::Evaluation, 8, 99),
            step: 0,
        };
        moments.draw(&backend, components, 20_000, address).unwrap()
    };
    let all = draw(3);
    let all = Points::new(&all, 3);
    let (found, expected) = (covariance(all), covariance(train));
    for i in 0..3 {
        // Four standard errors of 20,000 draws.
        let tolerance = 4.0 * (expected[i][i] / 20_000.0).sqrt();
        close(all.mean()[i], train.mean()[i], tolerance);
        for j in 0..3 {
            let scale = (expected[i][i] * expected[j][j]).sqrt();
            close(found[i][j] / scale, expected[i][j] / scale, 0.04);
        }
    }
    // The third axis is the smallest component, but for the chance of 5,000 records.
    let two = draw(2);
    let flat = covariance(Points::new(&two, 3));
    assert!(flat[2][2] < 1e-2 * expected[2][2], "{flat:?}");
    close(flat[0][0] / expected[0][0], 1.0, 0.04);
}

/// The score at `sigma` of a control of 4,000 records on 3,000 others.
fn scored(control: Control, sigma: f64) -> LogLikelihood {
    let [train, test] = [(4000, 0), (3000, 1)].map(|(count, seed)| records(count, seed));
    let [train, test] = [&train, &test].map(|rows| Points::new(rows, 3));
    let backend = backend();
    let protocol = ParzenProtocol::new(&backend, test, test, Bandwidth::Fixed(sigma));
    let mut controls = Controls::new(&backend, train, 6000, None);
    let points = controls.draw(control, &mut |_| {}).unwrap();
    assert_eq!(points.len(), 3 * controls.count(control));
    protocol
        .score(Points::new(&points, 3), &mut |_| {})
        .unwrap()
}

#[test]
fn gaussian_control_scores_as_the_gaussian_of_the_records() {
    // As in the protocol's own test, along each axis of the covariance: windows on draws of
    // variance λ make λ + σ², and records of variance λ are scored under that.
    let sigma = 0.5;
    let found = scored(Control::Gaussian, sigma);
    let along = |deviation: &f64| {
        let (lambda, sum) = (deviation.powi(2), deviation.powi(2) + sigma * sigma);
        -0.5 * ((TAU * sum).ln() + lambda / sum)
    };
    let expected = DEVIATIONS.iter().map(along).sum();
    close(found.mean, expected, 3.0 * found.standard_error + 0.03);
}

#[test]
fn mean_control_scores_as_one_window() {
    let sigma = 1.2;
    let found = scored(Control::Mean, sigma);
    let variance: f64 = DEVIATIONS.iter().map(|deviation| deviation.powi(2)).sum();
    let expected = -3.0 * (sigma * TAU.sqrt()).ln() - variance / (2.0 * sigma * sigma);
    close(found.mean, expected, 3.0 * found.standard_error + 1e-3);
}

#[test]
fn records_control_takes_no_record_twice_and_is_the_same_every_time() {
    let train: Vec<f32> = (0..103).map(|i| i as f32).collect();
    let train = Points::new(&train, 1);
    let backend = backend();
    let mut controls = Controls::new(&backend, train, 40, None);
    let first = controls.draw(Control::Records, &mut |_| {}).unwrap();
    assert_eq!(first, controls.draw(Control::Records, &mut |_| {}).unwrap());
    let mut sorted = first.clone();
    sorted.sort_by(f32::total_cmp);
    sorted.dedup();
    assert_eq!((first.len(), sorted.len()), (40, 40));
    assert_ne!(first, sorted);
    assert_eq!(controls.count(Control::Centroids), 20);
    assert_eq!(controls.count(Control::PrincipalGaussian), 0);
    let all = Controls::new(&backend, train, 500, None);
    assert_eq!(all.count(Control::Records), 103);
}

#[test]
fn draws_stay_within_the_range_of_the_values() {
    let train = records(500, 0);
    let backend = backend();
    let range = Some([0.0, 1.0]);
    let mut controls = Controls::new(&backend, Points::new(&train, 3), 200, range);
    let draws = controls.draw(Control::Gaussian, &mut |_| {}).unwrap();
    assert_eq!(draws.len(), 600);
    assert!(draws.iter().all(|x| (0.0..=1.0).contains(x)));
}

#[test]
fn controls_on_mnist_have_the_numbers_measured_with_the_authors_program() {
    let Some((_, points)) = mnist() else { return };
    let [train, valid, test] = points.each_ref().map(|points| points.view());
    let backend = gan_kernels::Native::<f32>::new(None).unwrap();
    let protocol = ParzenProtocol::new(&backend, valid, test, Bandwidth::Authors);
    let mut controls = Controls::new(&backend, train, 10_000, Some([0.0, 1.0]));
    for (control, expected, error, sigma) in [
        (Control::Records, 243.3, 2.1, 0.1668),
        (Control::Mean, -59.1, 1.0, 0.2783),
        // Four draws of a program of its own, in f64, have 63.9 to 64.9.
        (Control::Gaussian, 64.5, 1.0, 0.2154),
        (Control::PrincipalGaussian, 114.2, 1.0, 0.2154),
    ] {
        let points = controls.draw(control, &mut |_| {}).unwrap();
        let points = Points::new(&points, 784);
        let found = protocol.score(points, &mut |_| {}).unwrap();
        close(found.mean, expected, 2.0 * error);
        close(found.sigma, sigma, 5e-5);
    }
}
