//! Fused operations for training multilayer perceptrons.

mod records;

pub mod random;

pub use records::{Affine, ByteScale, Records, Values};
