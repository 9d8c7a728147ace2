//! The measurements behind `docs/benchmarks.md`: games and operations with their costs, the limits of
//! the machine, timing in turns, other frameworks, and the document that is rendered from the results.

mod arguments;
mod cost;
mod fma;
mod game;
#[cfg(feature = "gpu")]
mod gpu;
mod machine;
mod mapped;
pub mod memory;
mod operations;
mod peers;
mod products;
mod provenance;
mod render;
pub mod report;
mod results;
mod scaling;
mod spawn;
mod start;
mod targets;
mod tasks;
mod timing;
pub mod track;
mod unfused;
