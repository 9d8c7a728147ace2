//! What the benches share: the games and their operations, what they must cost, the machine's own
//! limits, timing in turns, results and what is made of them.

pub mod arguments;
pub mod bars;
pub mod cost;
pub mod fma;
pub mod game;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod iterations;
pub mod machine;
pub mod memory;
pub mod peers;
pub mod products;
pub mod provenance;
pub mod render;
pub mod results;
pub mod scaling;
pub mod spawn;
pub mod start;
pub mod tasks;
pub mod timing;
pub mod unfused;
