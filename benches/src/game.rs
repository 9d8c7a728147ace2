//! The games that are timed, their data and trainers, and the duration of their iterations.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use gan_kernels::cases::Case;
use gan_kernels::random::{Address, Purpose, Stream};
use gan_kernels::{Affine, Backend, ByteScale, Native, Records, Values};
use gan_model::{GameConfig, Trainer, TrainingData};
use gan_run::config::RunConfig;
use rand::Rng;

use crate::cost::{self, Cost};
use crate::results::Row;
use crate::timing::{Effort, Times, turn};

/// Values of an MNIST image.
pub const PIXELS: usize = 784;
/// Images that the game is played on.
pub const IMAGES: usize = 50_000;
/// Seed of the game and of its images.
pub const SEED: u64 = 1;

/// The game of a preset.
///
/// # Errors
/// If there is none of this name.
pub fn preset(name: &str) -> Result<GameConfig> {
    Ok(RunConfig::preset(name)?.game())
}

/// The operations of an iteration of the MNIST game on 50,000 images, as a GPU runs them.
///
/// # Errors
/// If the preset is missing.
pub fn mnist_operations() -> Result<Vec<Case>> {
    cost::operations(&preset("mnist")?, images(IMAGES, PIXELS))
}

/// The precisions of this processor's back end.
#[must_use]
pub fn precisions() -> Vec<&'static str> {
    let known = ["f32", "bf16"].into_iter();
    known.filter(|known| native(1, known).is_ok()).collect()
}

/// The repository: where this was built, or the current folder on a machine that it was carried to.
#[must_use]
pub fn root() -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if built.join("configs").is_dir() {
        built
    } else {
        PathBuf::from(".")
    }
}

/// The processor with `threads` threads, multiplying in `precision`.
///
/// # Errors
/// If the threads cannot be started or the processor's back end has no such precision.
pub fn native(threads: usize, precision: &str) -> Result<Native<f32>> {
    let native = Native::new(Some(threads))?;
    match precision {
        "f32" => Ok(native),
        "bf16" => Ok(native.with_bf16()?),
        _ => bail!("precision {precision} is not offered on cpu, expected f32 or bf16"),
    }
}

/// A game that is timed, and the size of its data.
pub struct Game {
    /// Name of the preset.
    pub name: &'static str,
    /// Values of a record.
    pub cols: usize,
    records: usize,
    /// Whether an iteration takes about a second on a processor.
    pub is_heavy: bool,
}

/// The games whose iterations are timed.
pub const GAMES: [Game; 3] = [
    Game {
        name: "mnist",
        cols: PIXELS,
        records: IMAGES,
        is_heavy: false,
    },
    Game {
        name: "cifar10-fc",
        cols: 3072,
        records: 10_000,
        is_heavy: true,
    },
    Game {
        name: "ring8",
        cols: 2,
        records: 50_000,
        is_heavy: false,
    },
];

impl Game {
    /// A trainer of it on a processor.
    ///
    /// # Errors
    /// If the preset cannot be read or the back end has no such precision.
    pub fn trainer(&self, threads: usize, precision: &str) -> Result<Trainer<Native<f32>>> {
        let native = native(threads, precision)?;
        let data = data(self.records, self.cols);
        Ok(Trainer::new(native, &preset(self.name)?, SEED, data)?)
    }

    /// The cost of an iteration.
    ///
    /// # Errors
    /// If the preset cannot be read.
    pub fn cost(&self) -> Result<Cost> {
        cost::iteration(&preset(self.name)?, self.cols)
    }

    /// The duration of its iteration in each of `precisions`, in turn.
    ///
    /// # Errors
    /// As [`Game::trainer`].
    pub fn rows(&self, threads: usize, precisions: &[&str], effort: Effort) -> Result<Vec<Row>> {
        let (mut names, mut turns) = (Vec::new(), Vec::new());
        for precision in precisions {
            let mut trainer = self.trainer(threads, precision)?;
            names.push(*precision);
            turns.push(turn(move || trainer.step()));
        }
        let mut turns = turns.into_iter();
        let first = turns.next().context("no precision")?;
        let (first, others) = effort.in_turn(first, turns.map(Ok).collect())?;
        let others = others.into_iter().map(|other| Ok(other?.times));
        let all: Vec<Times> = std::iter::once(Ok(first))
            .chain(others)
            .collect::<Result<_>>()?;
        let Cost { flop, bytes } = self.cost()?;
        let row = |(precision, times): (&str, Times)| Row {
            flop,
            bytes,
            ..Row::new(
                format!("train_step/{}", self.name),
                Some(threads),
                precision,
                &times,
            )
        };
        Ok(names.into_iter().zip(all).map(row).collect())
    }
}

/// The duration of an iteration of any game, on a processor.
///
/// # Errors
/// If the configuration does not fit the data.
pub fn iteration_row(
    name: &str,
    config: &GameConfig,
    data: TrainingData,
    threads: usize,
    effort: Effort,
) -> Result<Row> {
    let Cost { flop, bytes } = cost::iteration(config, data.records.cols())?;
    let mut trainer = Trainer::new(native(threads, "f32")?, config, SEED, data)?;
    let times = effort.alone(turn(|| trainer.step()))?;
    Ok(Row {
        flop,
        bytes,
        ..Row::new(name, Some(threads), "f32", &times)
    })
}

/// Records of two values as floats, as mixtures have them, and longer ones as bytes.
#[must_use]
pub fn data(records: usize, cols: usize) -> TrainingData {
    if cols == 2 {
        points(records, cols)
    } else {
        images(records, cols)
    }
}

/// Images that show nothing and have hardly a zero, which would make an iteration faster.
#[must_use]
pub fn images(rows: usize, cols: usize) -> TrainingData {
    // A pattern longer than a record, rather than random words, which would take seconds.
    let data = (0..rows * cols).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8);
    let values = Values::Bytes {
        data: data.collect(),
        scale: ByteScale::Uniform(Affine::PIXELS),
    };
    TrainingData {
        records: Records::new(cols, values),
        mean: vec![0.5; cols],
    }
}

/// Records of floats, as mixtures have.
#[must_use]
fn points(rows: usize, cols: usize) -> TrainingData {
    let values = (0..rows * cols).map(|i| (i as f32).sin()).collect();
    TrainingData {
        records: Records::new(cols, Values::Floats(values)),
        mean: vec![0.0; cols],
    }
}

/// A trainer of the MNIST game on 50,000 images of noise.
///
/// # Errors
/// If the preset cannot be read or the threads not be started.
pub fn mnist_trainer(threads: usize) -> Result<Trainer<Native<f32>>> {
    mnist_trainer_on(Native::new(Some(threads))?)
}

/// The same on any back end.
///
/// # Errors
/// If the preset cannot be read.
pub fn mnist_trainer_on<B: Backend>(backend: B) -> Result<Trainer<B>> {
    let scale = ByteScale::Uniform(Affine::PIXELS);
    let data = noise_images();
    let records = Records::new(PIXELS, Values::Bytes { data, scale });
    let data = TrainingData {
        records,
        mean: vec![0.5; PIXELS],
    };
    Ok(Trainer::new(backend, &preset("mnist")?, SEED, data)?)
}

/// 50,000 images of 784 bytes, each byte uniform.
#[must_use]
pub fn noise_images() -> Vec<u8> {
    let address = Address {
        seed: SEED,
        stream: Stream::new(Purpose::Data, 0, 0),
        step: 0,
    };
    let mut data = vec![0; IMAGES * PIXELS];
    address.rng().fill_bytes(&mut data);
    data
}
