//! The published data sets, if `GAN_DATA_DIR` says where they are: `mnist/` and `cifar10/` in it.

mod common;

use std::path::PathBuf;

use common::{config, load_path, row};
use gan_data::{DataConfig, Split, Transform, load};

/// Where `name` is, or a line that says that the test did not run.
#[allow(clippy::print_stdout, reason = "a test that did not run says so")]
fn data(name: &str) -> Option<PathBuf> {
    match std::env::var_os("GAN_DATA_DIR") {
        Some(directory) => Some(PathBuf::from(directory).join(name)),
        None => {
            println!("skipped: GAN_DATA_DIR is not set, {name} is not tested");
            None
        }
    }
}

#[test]
fn mnist_has_its_published_counts_labels_and_mean() {
    let Some(path) = data("mnist") else { return };
    let dataset = load_path(&path).unwrap();
    assert_eq!(dataset.name, "mnist");
    assert_eq!(
        [dataset.records.rows(), dataset.records.cols()],
        [70_000, 784]
    );
    let splits = dataset.splits.clone();
    let expected = [0..50_000, 50_000..60_000, 60_000..70_000];
    assert_eq!([splits.train, splits.valid, splits.test], expected);
    let labels = dataset.labels.as_ref().unwrap();
    // The first labels of the two files.
    assert_eq!(labels[..5], [5, 0, 4, 1, 9]);
    assert_eq!(labels[60_000..60_005], [7, 2, 1, 0, 4]);
    let values = (0..60_000).flat_map(|index| row(&dataset, index));
    let sum = values.map(f64::from).sum::<f64>();
    // 0.1307 over the 60,000 images of the training file.
    let mean = sum / (60_000.0 * 784.0);
    assert!((mean - 0.1307).abs() < 5e-5, "{mean}");
    assert_eq!(dataset.mean()[0], 0.0);
    assert_eq!(dataset.transform, Transform::Pixels);
}

#[test]
fn cifar_rows_have_norm_55_and_come_back_as_pixels() {
    let Some(path) = data("cifar10/lossless_4000.bin") else {
        return;
    };
    let config = DataConfig {
        split: Some(Split::Tail),
        ..config(&path)
    };
    let dataset = load(&config, 0).unwrap();
    assert_eq!(
        [dataset.records.rows(), dataset.records.cols()],
        [4000, 3072]
    );
    assert_eq!(dataset.splits.test, 3600..4000);
    // The batch begins with a frog, two trucks and a deer.
    assert_eq!(dataset.labels.as_ref().unwrap()[..4], [6, 9, 9, 4]);
    for index in (0..4000).step_by(97) {
        let values = row(&dataset, index);
        let squares = values.iter().map(|&v| f64::from(v).powi(2));
        let norm = squares.sum::<f64>().sqrt();
        assert!((norm - 55.0).abs() < 1e-3, "{norm}");
        let values = dataset.transform.user_row(&values);
        assert!(values.iter().all(|value| (0.0..=255.0).contains(value)));
    }
}
