//! A run as a library: its configuration and presets, its directory, what is recorded in it, and the loop
//! that trains and writes.
//!
//! `gan-cli`, the benches, the tests and the examples stand on it.
//! Nothing here prints, reads a command line or listens to signals: what happens is told to the
//! caller, and what goes wrong is a [`Problem`](problem::Problem).

pub mod config;
pub mod device;
pub mod diagnosis;
pub mod evaluation;
pub mod event;
pub mod model;
pub mod pictures;
pub mod plan;
pub mod players;
mod probe;
pub mod problem;
mod reading;
pub mod record;
pub mod run_data;
pub mod run_dir;
pub mod text;
pub mod training;
