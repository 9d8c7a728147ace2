//! Fused operations for training multilayer perceptrons: forward pass, backward pass and update.
//!
//! One layer, trained on a regression, on the CPU and, with the feature `wgpu` or another one of a
//! runtime, on a GPU:
//!
//! ```
//! use gan_kernels::random::{Address, Purpose, Stream};
//! use gan_kernels::{
//!     Activation, Backend, BackendError, LinearBwdParams, LinearFwd, Native, Rates, SquaredError,
//!     StepState, Update,
//! };
//!
//! /// W and b of y = x·W + b, learnt from 64 points at which y = 3·x₁ − 2·x₂ + 1.
//! fn learn<B: Backend<Elem = f32>>(backend: &B) -> Result<Vec<f32>, BackendError> {
//!     let address = Address { seed: 1, stream: Stream::new(Purpose::Data, 0, 0), step: 0 };
//!     let points: Vec<f32> = address.uniform(1.0, 64 * 2);
//!     let values: Vec<f32> = points.chunks(2).map(|x| 3.0 * x[0] - 2.0 * x[1] + 1.0).collect();
//!     let [mut x, mut targets, mut y, mut dz] = [2, 1, 1, 1].map(|cols| backend.matrix(64, cols));
//!     backend.write(&mut x, &points);
//!     backend.write(&mut targets, &values);
//!     // W, b and their velocities, which all start at 0.
//!     let [[mut w, v_w], [mut b, v_b]] = [2, 1].map(|rows| [(); 2].map(|()| backend.matrix(rows, 1)));
//!     let mut moments = [[v_w, v_b]];
//!     let rates = vec![Rates::constant(0.1, 0.9)];
//!     let state = backend.state(StepState { seed: 1, step: 0, rates });
//!     let mut monitors = backend.monitors();
//!     for _ in 0..200 {
//!         backend.linear_fwd(LinearFwd::affine(x.all(), &w, &b, y.all_mut(), &state));
//!         backend.squared_error(SquaredError {
//!             y: y.all(),
//!             targets: targets.all(),
//!             act: Activation::Identity,
//!             dz: dz.all_mut(),
//!             monitors: &mut monitors,
//!         });
//!         backend.linear_bwd_params(LinearBwdParams {
//!             moments: &mut moments,
//!             update: Update::Momentum,
//!             ..LinearBwdParams::gradient(x.all(), dz.all(), &mut w, &mut b, &state)
//!         });
//!     }
//!     Ok([backend.read(w.all())?, backend.read(b.all())?].concat())
//! }
//!
//! # fn main() -> Result<(), BackendError> {
//! let learnt = learn(&Native::<f32>::new(None)?)?;
//! # let near = |learnt: &[f32]| learnt.iter().zip([3.0, -2.0, 1.0]).all(|(a, b)| (a - b).abs() < 1e-3);
//! # assert!(near(&learnt), "{learnt:?}");
//! println!("on the CPU: {learnt:?}");
//! # #[cfg(feature = "cube")]
//! if let Some(device) = gan_kernels::cube::best_device() {
//!     use gan_kernels::cube::{Cube, Precision};
//!     let learnt = learn(&Cube::open(device, Precision::F32)?)?;
//! #   assert!(near(&learnt), "{learnt:?}");
//!     println!("on a GPU: {learnt:?}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! | feature | adds |
//! |---|---|
//! | `cube` | the back end `cube::Cube`; turned on by any of the others |
//! | `wgpu` | GPUs through Vulkan, Metal, DX12 or WebGPU |
//! | `vulkan`, `metal` | the same by SPIR-V or Metal's own language, where the device takes it |
//! | `cuda`, `hip` | NVIDIA's and AMD's GPUs; both link LLVM when they are built |
//!
//! One trait, [`Backend`], of fused operations over row-major matrices, with two implementors:
//! [`Native`] for the CPU, in f32 to train and in f64 to check against, and `cube::Cube` for GPUs,
//! behind the feature `cube`.
//! Seven of the operations play the game of Goodfellow et al. 2014, where [`LogitLoss`] is a part of
//! one of them; [`Parzen`] evaluates it, [`SquaredError`] is the objective of a regression, and the
//! others serve the games that came later: penalties on D's gradient by its input, packed records,
//! averages of parameters, limits on singular values.
//! Elementwise work (bias, activation, maxout, dropout, derivatives, the update itself) is the
//! epilogue of the matrix product it belongs to and is done while a tile is in cache.
//! Random numbers are addressed, not drawn: see [`random`].

mod activation;
mod backend;
mod computed;
#[cfg(feature = "cube")]
pub mod cube;
mod direct;
mod given;
mod head;
mod init;
mod native;
mod ops;
mod real;
mod recorder;
mod records;
mod state;

pub mod cases;
pub mod random;

pub use activation::{Activation, ActivationKind};
pub use backend::{
    Backend, BackendError, Execution, Matrix, Monitor, MonitorSums, Rows, RowsMut, Winners,
    WinnersRows, WinnersRowsMut,
};
pub use computed::{Computed, Pass};
pub use direct::{DirectExchange, DirectName, Moved};
pub use given::{Given, RowGroups};
pub use head::{Head, HeadSpan, Heads};
pub use native::{INSTRUCTIONS, Native, free_memory, instructions};
pub use ops::{Adam, Below, Dropout, Objective, Penalty, Prior, Update};
pub use real::Real;
pub use recorder::{RecordedCall, Recorder};
pub use records::{Affine, ByteScale, Mean, RecordFormat, Records, RecordsError, Values};
pub use state::{LearningRate, Momentum, Rates, Schedule, SlotSchedule, StepState};

macro_rules! export {
    ($($module:ident: $Arguments:ident $(-> $Result:ty)?,)*) => {
        $(pub use ops::$Arguments;)*
    };
}
ops::for_each_operation!(export);
