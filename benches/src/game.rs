//! The paper's MNIST game and the operations of one of its iterations.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use gan_kernels::cases::gather_rows::Kept;
use gan_kernels::cases::linear_bwd_params::{BiasRows, Norm};
use gan_kernels::cases::{
    Case, Inputs, Op, Role, Shape, fill_latent, gather_rows, linear_bwd_data, linear_bwd_params,
    linear_fwd, logit_loss,
};
use gan_kernels::random::{Address, Purpose, Stream};
use gan_kernels::{
    Activation, Affine, Backend, ByteScale, Dropout, Native, Objective, Prior, Records, Update,
    Values,
};
use gan_model::{GameConfig, Trainer, TrainingData};
use rand::Rng;

/// Values of an MNIST image.
pub const PIXELS: usize = 784;
/// Images that the game is played on.
pub const IMAGES: usize = 50_000;
/// Seed of the game and of its images.
pub const SEED: u64 = 1;

/// The game of `configs/mnist.toml`, or of another preset.
///
/// # Errors
/// If the preset cannot be read.
pub fn preset(name: &str) -> Result<GameConfig> {
    let path = root().join(format!("configs/{name}.toml"));
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let mut table: toml::Table = text.parse()?;
    // The rest of a preset says where data comes from and how long to train.
    table.retain(|key, _| ["generator", "discriminator", "optimizer", "game"].contains(&key));
    Ok(table.try_into()?)
}

/// What this processor's back end rounds factors of products to.
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
pub fn points(rows: usize, cols: usize) -> TrainingData {
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

/// The operations of one iteration of the MNIST game, alternating, k = 1, m = 100, in their order.
#[must_use]
pub fn mnist_iteration() -> Vec<Case> {
    const MAXOUT: Activation = Activation::Maxout { pieces: 5 };
    use Activation::{Identity, Relu, Sigmoid};
    let dropout = |keep: f64| {
        let stream = Stream::new(Purpose::Dropout, 0, 0);
        Some(Dropout {
            keep,
            scale: 1.0 / keep,
            stream,
            first_row: 0,
        })
    };
    let (most, half) = (dropout(0.8), dropout(0.5));
    let shape = |m, n, k| Shape { m, n, k };
    // n of a forward case counts units, of a backward case columns of dZ.
    let fwd = |m, n, k, act, dropout| {
        Op::LinearFwd(linear_fwd::Call {
            shape: shape(m, n, k),
            act,
            dropout,
        })
    };
    let data = |m, n, k, act, dropout| {
        Op::LinearBwdData(linear_bwd_data::Call {
            shape: shape(m, n, k),
            act,
            dropout,
        })
    };
    let params = |m, n, k| {
        Op::LinearBwdParams(linear_bwd_params::Call {
            shape: shape(m, n, k),
            update: Update::Momentum,
            from_zero: false,
            max_column_norm: None,
            norm: Norm::Watched,
            bias: BiasRows::Alike,
        })
    };
    let latent = Op::FillLatent(fill_latent::Call {
        rows: 200,
        cols: 100,
        prior: Prior::Uniform,
        first_row: 0,
    });
    let gather = Op::GatherRows(gather_rows::Call {
        rows: 100,
        records: IMAGES,
        cols: PIXELS,
        kept: Kept::Bytes,
        step: 0,
        dropout: most,
    });
    let loss = |rows, objective| {
        Op::LogitLoss(logit_loss::Call {
            rows,
            objective,
            weight: 1.0,
        })
    };
    // Of a layer's input and of dZ so many of a hundred values are other than zero, as rectifiers,
    // dropout and maxout leave them, and images without zeros.
    let ops = [
        // G's samples for both players.
        (latent, 100, 100),
        (fwd(200, 1200, 100, Relu, None), 100, 100),
        (fwd(200, 1200, 1200, Relu, None), 50, 100),
        (fwd(200, PIXELS, 1200, Sigmoid, most), 50, 100),
        // D's step.
        (gather, 100, 100),
        (fwd(200, 240, PIXELS, MAXOUT, half), 80, 100),
        (fwd(200, 240, 240, MAXOUT, half), 50, 100),
        (fwd(200, 1, 240, Identity, None), 50, 100),
        (loss(200, Objective::Discriminator), 100, 100),
        (data(200, 1, 240, MAXOUT, half), 100, 100),
        (data(200, 1200, 240, MAXOUT, half), 100, 10),
        (params(200, 1200, PIXELS), 80, 10),
        (params(200, 1200, 240), 50, 10),
        (params(200, 1, 240), 50, 100),
        // G's step, through D.
        (fwd(100, 240, PIXELS, MAXOUT, half), 80, 100),
        (fwd(100, 240, 240, MAXOUT, half), 50, 100),
        (fwd(100, 1, 240, Identity, None), 50, 100),
        (loss(100, Objective::NonSaturating), 100, 100),
        (data(100, 1, 240, MAXOUT, half), 100, 100),
        (data(100, 1200, 240, MAXOUT, half), 100, 10),
        (data(100, 1200, PIXELS, Sigmoid, most), 100, 10),
        (data(100, PIXELS, 1200, Relu, None), 100, 100),
        (data(100, 1200, 1200, Relu, None), 100, 50),
        (params(100, 1200, 100), 100, 50),
        (params(100, 1200, 1200), 50, 50),
        (params(100, PIXELS, 1200), 50, 100),
    ];
    ops.map(|(op, x, dz)| Case {
        inputs: Inputs::Sparse { x, dz },
        role: Role::Paper,
        ..op.case()
    })
    .into()
}
