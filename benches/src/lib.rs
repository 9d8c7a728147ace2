//! What the benches share: the paper's MNIST game, its operations, the machine's own limit, and
//! timing in turns.

pub mod cost;
pub mod fma;
pub mod game;
pub mod machine;
pub mod provenance;
pub mod results;
pub mod timing;
pub mod unfused;
