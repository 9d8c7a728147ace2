//! `cargo xtask bench NAME`: Criterion's benches, which are in [`benches::track`].

fn main() -> anyhow::Result<()> {
    benches::track::run()
}
