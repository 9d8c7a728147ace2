//! The measurements behind `docs/benchmarks.md`: games and operations with their costs, the limits of
//! the machine, timing in turns, other frameworks, and the document that is rendered from the results.

pub mod arguments;
pub mod cost;
pub mod fma;
pub mod game;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod machine;
pub mod memory;
pub mod operations;
pub mod peers;
pub mod products;
pub mod provenance;
pub mod render;
pub mod report;
pub mod results;
pub mod scaling;
pub mod spawn;
pub mod start;
pub mod targets;
pub mod tasks;
pub mod timing;
pub mod unfused;
