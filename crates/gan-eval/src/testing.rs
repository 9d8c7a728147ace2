//! Points whose distribution is known, for the tests of every metric.

use gan_data::{DataConfig, Dataset, Mixture};
use gan_kernels::Native;
use gan_kernels::random::{Address, Purpose, Stream};
use rand_distr::{Distribution, StandardNormal};

/// The back end that the metrics run on.
pub(crate) fn backend() -> Native<f32> {
    Native::new(Some(2)).unwrap()
}

/// `rows` draws from N(`mean`·1, I) in `cols` dimensions; other seeds, other draws.
pub(crate) fn normal(rows: usize, cols: usize, seed: u64, mean: f32) -> Vec<f32> {
    let address = Address {
        seed,
        stream: Stream::new(Purpose::Data, 0, 0),
        step: 0,
    };
    let mut rng = address.rng();
    (0..rows * cols)
        .map(|_| {
            let noise: f32 = StandardNormal.sample(&mut rng);
            mean + noise
        })
        .collect()
}

/// `count` records of a source that needs no download, with what is known of them.
pub(crate) fn drawn(source: &str, count: usize, seed: u64) -> (Vec<f32>, Dataset) {
    let config = DataConfig {
        count: Some(count),
        ..DataConfig::new(source)
    };
    let dataset = gan_data::load(&config, seed).unwrap();
    let cols = dataset.records.cols();
    let mut values = vec![0.0; count * cols];
    for (row, out) in values.chunks_exact_mut(cols).enumerate() {
        dataset.records.copy_row(row, out);
    }
    (values, dataset)
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
