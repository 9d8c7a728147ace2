//! The games that are timed, their data and trainers, and the duration of their iterations.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use gan_kernels::cases::Case;
use gan_kernels::random::{Address, Purpose, Stream};
use gan_kernels::{Affine, Backend, ByteScale, Native, Records, Values};
use gan_model::{GameConfig, Trainer, TrainingData};
use gan_run::config::RunConfig;
use rand::Rng;

use crate::cost::{self, Cost};
use crate::results::Row;
use crate::timing::{Effort, turn};

/// Values of an MNIST image.
pub(crate) const PIXELS: usize = 784;
/// Images that the game is played on.
pub(crate) const IMAGES: usize = 50_000;
/// Seed of the game and of its images.
pub(crate) const SEED: u64 = 1;

/// The game of a preset.
pub(crate) fn preset(name: &str) -> Result<GameConfig> {
    Ok(RunConfig::preset(name)?.game())
}

/// The operations of an iteration of the MNIST game on 50,000 images, as a GPU runs them.
pub(crate) fn mnist_operations() -> Result<Vec<Case>> {
    cost::operations(&preset("mnist")?, images(IMAGES, PIXELS))
}

/// The precisions of this processor's back end.
pub(crate) fn precisions() -> Vec<&'static str> {
    let known = ["f32", "bf16"].into_iter();
    known.filter(|known| native(1, known).is_ok()).collect()
}

/// The repository: where this was built, or the current folder on a machine that it was carried to.
pub(crate) fn root() -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if built.join("benches").is_dir() {
        built
    } else {
        PathBuf::from(".")
    }
}

/// The processor with `threads` threads, multiplying in `precision`.
pub(crate) fn native(threads: usize, precision: &str) -> Result<Native<f32>> {
    let native = Native::new(Some(threads))?;
    match precision {
        "f32" => Ok(native),
        "bf16" => Ok(native.with_bf16()?),
        _ => bail!("precision {precision} is not offered on cpu, expected f32 or bf16"),
    }
}

/// A game that is timed, and the size of its data.
pub(crate) struct Game {
    /// Name of the preset.
    pub name: &'static str,
    /// Values of a record.
    pub cols: usize,
    records: usize,
    /// Whether an iteration takes about a second on a processor.
    pub is_heavy: bool,
}

/// The games whose iterations are timed.
pub(crate) const GAMES: [Game; 3] = [
    game("mnist", PIXELS, IMAGES, false),
    game("cifar10-fc", 3072, 10_000, true),
    game("ring8", 2, 50_000, false),
];

const fn game(name: &'static str, cols: usize, records: usize, is_heavy: bool) -> Game {
    Game {
        name,
        cols,
        records,
        is_heavy,
    }
}

impl Game {
    /// A trainer of it on a processor.
    pub(crate) fn trainer(&self, threads: usize, precision: &str) -> Result<Trainer<Native<f32>>> {
        let native = native(threads, precision)?;
        let data = data(self.records, self.cols);
        Ok(Trainer::new(native, &preset(self.name)?, SEED, data)?)
    }

    /// The cost of an iteration.
    pub(crate) fn cost(&self) -> Result<Cost> {
        cost::iteration(&preset(self.name)?, self.cols)
    }

    /// The duration of its iteration in each of `precisions`, in turn.
    pub(crate) fn rows(
        &self,
        threads: usize,
        precisions: &[&str],
        effort: Effort,
    ) -> Result<Vec<Row>> {
        let turns = precisions.iter().map(|precision| {
            let mut trainer = self.trainer(threads, precision)?;
            Ok(turn(move || trainer.step()))
        });
        let times = effort.each(turns.collect::<Result<_>>()?)?;
        let cost = self.cost()?;
        let name = format!("train_step/{}", self.name);
        let row = |(times, precision): (_, &&str)| {
            Row::new(&name, Some(threads), precision, &times).with(cost)
        };
        Ok(times.into_iter().zip(precisions).map(row).collect())
    }
}

/// Records of two values as floats, as mixtures have them, and longer ones as bytes.
pub(crate) fn data(records: usize, cols: usize) -> TrainingData {
    if cols > 2 {
        return images(records, cols);
    }
    let values = (0..records * cols).map(|i| (i as f32).sin()).collect();
    TrainingData {
        records: Records::new(cols, Values::Floats(values)),
        mean: vec![0.0; cols],
        heads: Vec::new(),
        given: Vec::new(),
    }
}

/// Images of [`noise`].
pub(crate) fn images(rows: usize, cols: usize) -> TrainingData {
    let values = Values::Bytes {
        data: noise(rows * cols),
        scale: ByteScale::Uniform(Affine::PIXELS),
    };
    TrainingData {
        records: Records::new(cols, values),
        mean: vec![0.5; cols],
        heads: Vec::new(),
        given: Vec::new(),
    }
}

/// Uniform bytes, of which hardly any is a zero, which would make an iteration faster.
pub(crate) fn noise(count: usize) -> Vec<u8> {
    let address = Address {
        seed: SEED,
        stream: Stream::new(Purpose::Data, 0, 0),
        step: 0,
    };
    let mut data = vec![0; count];
    address.rng().fill_bytes(&mut data);
    data
}

/// A trainer of the MNIST game on 50,000 images of noise.
pub(crate) fn mnist_trainer<B: Backend>(backend: B) -> Result<Trainer<B>> {
    Ok(Trainer::new(
        backend,
        &preset("mnist")?,
        SEED,
        images(IMAGES, PIXELS),
    )?)
}
