//! What the tests across crates share: presets with their data, trainers, and the device under test.
#![allow(clippy::missing_panics_doc, clippy::unwrap_used, clippy::print_stdout)] // As in a test.

use gan_data::Dataset;
use gan_kernels::cube::{Cube, Precision};
use gan_kernels::{Backend, Head};
use gan_model::{GameConfig, Trainer, TrainingData};
use gan_run::config::RunConfig;

/// The GPU that `GAN_DEVICE` names, or any; `None` says that the test is skipped.
///
/// On a machine without a GPU a software Vulkan device serves (Mesa's lavapipe); without that the
/// tests are skipped, or fail where `CI` is set.
#[must_use]
pub fn cube() -> Option<Cube> {
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

/// The game of a preset and the first `count` records of its data.
#[must_use]
pub fn preset(name: &str, count: usize) -> (GameConfig, Dataset) {
    let mut config = RunConfig::preset(name).unwrap();
    config.data.count = Some(count);
    (config.game(), gan_data::load(&config.data, 7).unwrap())
}

/// A game that is written out in TOML, on 301 points of a ring.
#[must_use]
pub fn on_a_ring(game: &str) -> (GameConfig, Dataset) {
    (toml::from_str(game).unwrap(), preset("ring8", 301).1)
}

/// A trainer from seed 7 on the records for training; a game with heads takes a record's values for
/// the levels of one column.
#[must_use]
pub fn trainer<B: Backend>(backend: B, game: &GameConfig, data: &Dataset) -> Trainer<B> {
    let records = data.records.slice(data.splits.train.clone());
    let mean = data.mean();
    let levels = Head {
        scalar: false,
        levels: records.cols(),
    };
    let heads = game.generator.heads.map(|_| vec![levels]);
    Trainer::new(
        backend,
        game,
        7,
        TrainingData {
            records,
            mean,
            heads: heads.unwrap_or_default(),
        },
    )
    .unwrap()
}
