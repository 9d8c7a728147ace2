//! The controls' published numbers, if `GAN_DATA_DIR` says where MNIST is: `mnist/` in it.

#![allow(clippy::unwrap_used, reason = "tests end where they fail")]

use std::path::PathBuf;

use gan_data::{DataConfig, Dataset};
use gan_eval::{Bandwidth, Control, Controls, LogLikelihood, ParzenProtocol, Points, gather};
use gan_kernels::Native;

/// The data set, or a line that says that the test did not run.
#[allow(clippy::print_stdout, reason = "a test that did not run says so")]
fn mnist() -> Option<Dataset> {
    let Some(directory) = std::env::var_os("GAN_DATA_DIR") else {
        println!("skipped: GAN_DATA_DIR is not set, the controls are not tested on MNIST");
        return None;
    };
    let path = PathBuf::from(directory).join("mnist");
    let config = DataConfig::new(path.display().to_string());
    Some(gan_data::load(&config, 0).unwrap())
}

#[track_caller]
fn assert_near(control: Control, found: &LogLikelihood, expected: f64, error: f64, sigma: f64) {
    assert!(
        (found.mean - expected).abs() <= 2.0 * error,
        "{control:?}: {found:?}, expected {expected} ± {error}"
    );
    assert!((found.sigma - sigma).abs() < 5e-5, "{control:?}: {found:?}");
}

#[test]
fn controls_on_mnist_have_the_numbers_measured_with_the_authors_program() {
    let Some(dataset) = mnist() else { return };
    let splits = &dataset.splits;
    let [train, valid, test] = [&splits.train, &splits.valid, &splits.test]
        .map(|split| gather(&dataset.records, split.clone()));
    let [train, valid, test] = [&train, &valid, &test].map(|rows| Points::new(rows, 784));
    let backend = Native::<f32>::new(None).unwrap();
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
        let found = protocol
            .score(Points::new(&points, 784), &mut |_| {})
            .unwrap();
        assert_near(control, &found, expected, error, sigma);
    }
}
