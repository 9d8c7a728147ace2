//! `cargo xtask outside`: a crate of somebody else, built against the crates as they are published.
//!
//! In the workspace everything finds everything. Here `cargo package` packs what crates.io would have,
//! and `tests/outside` is built against that and nothing else, in a folder of its own.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::archive;

/// What `tests/outside` depends on, in the order in which they would be published.
const CRATES: [&str; 2] = ["gan-kernels", "gan-model"];

/// Packs the crates, builds the one outside and runs it.
///
/// # Errors
/// If a crate cannot be packed, or the one outside does not build or fails.
pub(crate) fn run(root: &Path) -> Result<()> {
    let folder = super::target(root).join("outside");
    let packed = folder.join("packed");
    let mut package = super::cargo(root);
    package.args(["package", "--no-verify", "--allow-dirty", "--quiet"]);
    package.arg("--target-dir").arg(&packed);
    package.args(CRATES.iter().flat_map(|name| ["--package", name]));
    super::succeed(package)?;
    for name in CRATES {
        let file = format!("{name}-{}.crate", env!("CARGO_PKG_VERSION"));
        let file = archive::open(&packed.join("package").join(file))?;
        let into = folder.join(name);
        // A file that is no longer packed must not be found.
        let _ = fs::remove_dir_all(&into);
        archive::unpack(file, &into)?;
    }
    let outside = folder.join("crate");
    fs::create_dir_all(outside.join("src")).with_context(|| outside.display().to_string())?;
    for file in ["Cargo.toml", "src/main.rs"] {
        let from = root.join("tests/outside").join(file);
        fs::copy(&from, outside.join(file)).with_context(|| from.display().to_string())?;
    }
    // The versions that everything else is tested with.
    let lock = root.join("Cargo.lock");
    fs::copy(&lock, outside.join("Cargo.lock")).with_context(|| lock.display().to_string())?;
    let mut run = super::cargo(root);
    run.args(["run", "--quiet", "--manifest-path"]);
    run.arg(outside.join("Cargo.toml"));
    run.arg("--target-dir").arg(folder.join("target"));
    super::succeed(run)
}
