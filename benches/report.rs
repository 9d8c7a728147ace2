//! `cargo xtask bench`: the program behind [`benches::report`].

use anyhow::Result;
use benches::arguments::Arguments;
use benches::memory::Counting;
use clap::Parser;

#[global_allocator]
static COUNTING: Counting = Counting;

fn main() -> Result<()> {
    benches::report::run(&Arguments::parse())
}
