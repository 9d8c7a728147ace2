//! What the benches share: the paper's MNIST game, its operations, the machine's own limit, and
//! timing in turns.

pub mod game;
pub mod machine;
pub mod peers;
pub mod start;
pub mod timing;
pub mod unfused;
