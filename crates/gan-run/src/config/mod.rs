//! A run's configuration: files, presets and flags become one [`RunConfig`].

pub mod keys;
mod merge;
pub mod presets;
mod run_config;
mod sources;

pub(crate) use merge::differences;
pub(crate) use run_config::learning_rate;
pub use run_config::{Pace, RunConfig, RunSection};
pub(crate) use sources::read_text;
pub use sources::{Overrides, Sources};
