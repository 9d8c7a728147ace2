//! Points whose distribution is known, for the tests of every metric.

use gan_data::{DataConfig, Dataset, Mixture};
use gan_kernels::Native;
use gan_kernels::random::{Address, Purpose, Stream};
use rand_distr::{Distribution, StandardNormal};

use crate::points::{OwnedPoints, gather};

/// The back end that the metrics run on.
pub(crate) fn backend() -> Native<f32> {
    Native::new(Some(2)).unwrap()
}

/// Asserts that the numbers differ by less than `tolerance`.
#[track_caller]
pub(crate) fn close(found: f64, expected: f64, tolerance: f64) {
    let off = (found - expected).abs();
    assert!(
        off < tolerance,
        "found {found}, expected {expected} ± {tolerance}"
    );
}

/// `rows` draws from N(`mean`·1, I) in `cols` dimensions; other seeds, other draws.
pub(crate) fn normal(rows: usize, cols: usize, seed: u64, mean: f32) -> Vec<f32> {
    let address = Address {
        seed,
        stream: Stream::new(Purpose::Data, 0, 0),
        step: 0,
    };
    let mut rng = address.rng();
    let mut noise = || -> f32 { StandardNormal.sample(&mut rng) };
    (0..rows * cols).map(|_| mean + noise()).collect()
}

/// `count` records of a source that needs no download, with what is known of them.
pub(crate) fn drawn(source: &str, count: usize, seed: u64) -> (Vec<f32>, Dataset) {
    let config = DataConfig {
        count: Some(count),
        ..DataConfig::new(source)
    };
    let dataset = gan_data::load(&config, seed).unwrap();
    (gather(&dataset.records, 0..count), dataset)
}

/// MNIST and its three splits, if `GAN_DATA_DIR` says where it is: `mnist/` in it; else a line that
/// says that the test did not run.
#[allow(clippy::print_stdout, reason = "a test that did not run says so")]
pub(crate) fn mnist() -> Option<(Dataset, [OwnedPoints; 3])> {
    let Some(directory) = std::env::var_os("GAN_DATA_DIR") else {
        println!("skipped: GAN_DATA_DIR is not set, nothing is tested on MNIST");
        return None;
    };
    let path = std::path::PathBuf::from(directory).join("mnist");
    let config = DataConfig::new(path.display().to_string());
    let dataset = gan_data::load(&config, 0).unwrap();
    let splits = &dataset.splits;
    let points = [&splits.train, &splits.valid, &splits.test]
        .map(|split| OwnedPoints::new(gather(&dataset.records, split.clone()), 784));
    Some((dataset, points))
}

/// `count` records of a mixture of which only the components that `keep` allows.
pub(crate) fn drawn_modes(
    source: &str,
    count: usize,
    seed: u64,
    keep: impl Fn(usize) -> bool,
) -> (Vec<f32>, Mixture) {
    let (values, dataset) = drawn(source, 8 * count, seed);
    let mixture = dataset.mixture.unwrap();
    let labels = dataset.labels.unwrap();
    let rows = values.chunks_exact(mixture.cols).zip(labels);
    let kept: Vec<f32> = rows
        .filter(|(_, label)| keep(usize::from(*label)))
        .flat_map(|(row, _)| row.iter().copied())
        .take(count * mixture.cols)
        .collect();
    assert_eq!(kept.len(), count * mixture.cols);
    (kept, mixture)
}

/// Means of `parts` consecutive rows: blur, of which no record is like the data.
pub(crate) fn blurred(values: &[f32], cols: usize, parts: usize) -> Vec<f32> {
    let groups = values.chunks_exact(cols * parts);
    groups
        .flat_map(|group| {
            (0..cols).map(move |col| {
                let column = group.iter().skip(col).step_by(cols);
                column.sum::<f32>() / parts as f32
            })
        })
        .collect()
}
