//! What the tests across crates share: presets with their data, trainers, and the device under test.
#![allow(clippy::missing_panics_doc, clippy::unwrap_used, clippy::print_stdout)] // As in a test.

use gan_data::Dataset;
use gan_kernels::cube::{Cube, Precision};
use gan_kernels::{Backend, Head, Records, Values};
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
/// the levels of one column, and one with a condition has the class of a record behind them.
#[must_use]
pub fn trainer<B: Backend>(backend: B, game: &GameConfig, data: &Dataset) -> Trainer<B> {
    let mut records = data.records.slice(data.splits.train.clone());
    let mut mean = data.mean();
    let levels = Head {
        scalar: false,
        levels: records.cols(),
    };
    let mut heads = game.generator.heads.map(|_| vec![levels]);
    let mut given = Vec::new();
    if !game.game.condition.is_empty() {
        let (labels, classes) = (data.labels.as_ref().unwrap(), data.classes.unwrap());
        let cols = records.cols();
        let mut values = vec![0.0; records.rows() * (cols + classes)];
        let rows = values.chunks_exact_mut(cols + classes).zip(labels);
        for (index, (row, &label)) in rows.enumerate() {
            records.copy_row(index, &mut row[..cols]);
            row[cols + usize::from(label)] = 1.0;
        }
        records = Records::new(cols + classes, Values::Floats(values));
        mean = TrainingData::new(records.clone()).mean;
        heads.iter_mut().for_each(|heads| {
            heads.push(Head {
                scalar: false,
                levels: classes,
            });
        });
        given.push(cols..cols + classes);
    }
    Trainer::new(
        backend,
        game,
        7,
        TrainingData {
            records,
            mean,
            heads: heads.unwrap_or_default(),
            given,
        },
    )
    .unwrap()
}
