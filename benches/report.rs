//! `cargo xtask bench`: the program of [`benches::report`].

use benches::memory::Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn main() -> anyhow::Result<()> {
    benches::report::run()
}
