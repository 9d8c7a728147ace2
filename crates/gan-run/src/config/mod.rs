//! A run's configuration: files, presets and flags become one [`RunConfig`].

pub mod keys;
mod merge;
pub mod presets;
mod run_config;
mod sources;

pub use run_config::{Pace, RunConfig, RunSection};
pub use sources::{Overrides, Sources};
pub(crate) use sources::{not_text, read_text};
