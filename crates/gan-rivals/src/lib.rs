//! The generative models that Goodfellow et al. 2014 compare adversarial nets with, on the operations of
//! `gan-kernels`.
//!
//! Each model is one file that reads like its paper: the restricted Boltzmann machine, the deep belief
//! net ([`DbnConfig`], with one layer an RBM), the deep Boltzmann machine ([`DbmConfig`]), the stacked
//! contractive auto-encoder ([`CaeConfig`]) and the deep generative stochastic network ([`GsnConfig`]).
//! All of them draw samples by a Markov chain, which is what the paper's generator does without.
//!
//! ```
//! use gan_kernels::{Native, Records, Values};
//! use gan_rivals::{ChainSampler, RivalConfig, Training};
//!
//! # fn main() -> Result<(), gan_rivals::RivalError> {
//! let backend = Native::<f32>::new(Some(1))?;
//! let mut config = RivalConfig::of_kind("rbm").expect("a kind");
//! config.set_size(8); // Few hidden units, a short chain.
//! let pattern = [1.0, 1.0, 0.0, 0.0];
//! let records = Records::new(4, Values::Floats(pattern.repeat(500)));
//! let mut training = Training::new(backend.clone(), &config, records, &[0.5; 4], 1);
//! while training.steps_done() < training.steps() {
//!     training.step()?;
//! }
//! let mut sampler = ChainSampler::new(training.into_rival());
//! let samples = sampler.sample(1, 0, 10)?;
//! assert_eq!(samples.len(), 10 * 4);
//! # Ok(())
//! # }
//! ```
//!
//! A record is a row of values from 0 to 1, which are taken for probabilities of units that are on.
//! Nothing here prints, reads a clock, or touches a file.

mod bond;
mod cae;
mod config;
mod dbm;
mod dbn;
#[cfg(test)]
mod exact;
mod gsn;
mod learning;
mod rbm;
mod rival;
mod sampler;
mod training;
mod units;

pub use cae::CaeConfig;
pub use config::{RivalConfig, RivalError};
pub use dbm::DbmConfig;
pub use dbn::DbnConfig;
pub use gsn::GsnConfig;
pub use learning::{Chains, Learning};
pub use rbm::Negative;
pub use rival::{Rival, Tensor};
pub use sampler::ChainSampler;
pub use training::Training;

/// What fails with the device alone.
type Result<T> = std::result::Result<T, gan_kernels::BackendError>;
