//! Fused operations for training multilayer perceptrons: forward pass, backward pass and update.
//!
//! One layer, trained on a regression:
//!
//! ```
//! use gan_kernels::random::{Address, Purpose, Stream};
//! use gan_kernels::{
//!     Activation, Backend, LinearBwdParams, LinearFwd, Monitor, Native, Rates, SquaredError,
//!     StepState, Update,
//! };
//!
//! # fn main() -> Result<(), gan_kernels::BackendError> {
//! // 64 points, and y = 3·x₁ − 2·x₂ + 1 at each.
//! let address = Address { seed: 1, stream: Stream::new(Purpose::Data, 0, 0), step: 0 };
//! let points: Vec<f32> = address.uniform(1.0, 64 * 2);
//! let values: Vec<f32> = points.chunks(2).map(|x| 3.0 * x[0] - 2.0 * x[1] + 1.0).collect();
//!
//! let backend = Native::<f32>::new(None)?; // Any other back end would do.
//! let [mut x, mut targets, mut y, mut dz] = [2, 1, 1, 1].map(|cols| backend.matrix(64, cols));
//! backend.write(&mut x, &points);
//! backend.write(&mut targets, &values);
//! // W, b and their velocities, which all start at 0.
//! let [[mut w, v_w], [mut b, v_b]] = [2, 1].map(|rows| [(); 2].map(|()| backend.matrix(rows, 1)));
//! let mut moments = [[v_w, v_b]];
//! let rates = vec![Rates::constant(0.1, 0.9)];
//! let state = backend.state(StepState { seed: 1, step: 0, rates });
//! let mut monitors = backend.monitors();
//! for _ in 0..200 {
//!     backend.linear_fwd(LinearFwd::affine(x.all(), &w, &b, y.all_mut(), &state));
//!     backend.squared_error(SquaredError {
//!         y: y.all(),
//!         targets: targets.all(),
//!         act: Activation::Identity,
//!         dz: dz.all_mut(),
//!         monitors: &mut monitors,
//!     });
//!     backend.linear_bwd_params(LinearBwdParams {
//!         moments: &mut moments,
//!         update: Update::Momentum,
//!         ..LinearBwdParams::gradient(x.all(), dz.all(), &mut w, &mut b, &state)
//!     });
//! }
//! let sums = backend.take_monitors(&mut monitors)?;
//! println!("mean squared error over all steps: {}", sums[Monitor::SquaredError] / 200.0);
//! let learned = [backend.read(w.all())?, backend.read(b.all())?].concat();
//! for (found, expected) in learned.iter().zip([3.0, -2.0, 1.0]) {
//!     assert!((found - expected).abs() < 1e-3, "{learned:?}");
//! }
//! # Ok(())
//! # }
//! ```
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
pub use given::{Given, RowGroups};
pub use head::{Head, Heads};
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
