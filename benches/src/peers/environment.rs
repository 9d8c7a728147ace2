//! The peers' environment: their folders, the interpreter, and the variables they start with.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{Peer, Program};

/// The repository, and the number of threads that peers are given.
pub(super) struct Environment {
    root: PathBuf,
    threads: usize,
}

impl Environment {
    pub(super) fn new(root: &Path, threads: usize) -> Result<Self> {
        let root = root
            .canonicalize()
            .with_context(|| root.display().to_string())?;
        Ok(Self { root, threads })
    }

    /// A folder under `target/peers`, made if it is not there.
    pub(super) fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.root.join("target/peers").join(name);
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        Ok(folder)
    }

    pub(super) fn log(&self, peer: &Peer) -> Result<PathBuf> {
        let name = format!("{}-{}.log", peer.name, peer.variant).replace(' ', "-");
        Ok(self.folder("logs")?.join(name))
    }

    fn interpreter(&self) -> PathBuf {
        let given = std::env::var_os("PEERS_VENV").map(PathBuf::from);
        let folder = given.unwrap_or_else(|| self.root.join("target/peers/venv"));
        folder.join("bin/python")
    }

    /// The reason to skip every peer in Python, where the interpreter is missing.
    pub(super) fn without_python(&self) -> Option<String> {
        let python = self.interpreter();
        let missing = python.display();
        let reason = format!("{missing} is missing; `sh benches/peers/setup.sh` installs it");
        (!python.exists()).then_some(reason)
    }

    pub(super) fn python(&self, script: &str) -> Command {
        let mut command = Command::new(self.interpreter());
        command.arg(self.root.join("benches/peers").join(script));
        self.prepare(&mut command);
        command
    }

    pub(super) fn command(&self, peer: &Peer) -> Command {
        match peer.program {
            Program::Python(script) => self.python(script),
            Program::Rust => {
                let mut command = Command::new(self.root.join("target/peers/rust/release/peers"));
                self.prepare(&mut command);
                command
            }
        }
    }

    /// Threads, and memory that is kept from one iteration to the next.
    fn prepare(&self, command: &mut Command) {
        let threads = self.threads.to_string();
        for name in [
            "OMP_NUM_THREADS",
            "MKL_NUM_THREADS",
            "OPENBLAS_NUM_THREADS",
            "RAYON_NUM_THREADS",
        ] {
            command.env(name, &threads);
        }
        // glibc would give large tensors back to the system, and touch their pages anew.
        for name in [
            "MALLOC_MMAP_THRESHOLD_",
            "MALLOC_TRIM_THRESHOLD_",
            "MALLOC_TOP_PAD_",
        ] {
            command.env(name, "268435456");
        }
        // Idle threads of OpenBLAS spin for 2²⁰ cycles in place of 2²⁶, which would meet our turn.
        command.env("OPENBLAS_THREAD_TIMEOUT", "20");
        // A machine may set these for older processors.
        command.env_remove("OPENBLAS_CORETYPE");
        command.env_remove("OPENBLAS_L2_SIZE");
    }

    /// Builds burn's and candle's peer, for this processor.
    pub(super) fn build_rust(&self) -> Result<()> {
        let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["build", "--release", "--locked", "--manifest-path"])
            .arg(self.root.join("benches/peers/rust/Cargo.toml"))
            .arg("--target-dir")
            .arg(self.root.join("target/peers/rust"))
            .env("RUSTFLAGS", "-C target-cpu=native")
            .output()
            .context("cannot start cargo")?;
        if output.status.success() {
            return Ok(());
        }
        let words = String::from_utf8_lossy(&output.stderr);
        let error = words.lines().find(|line| line.starts_with("error"));
        bail!(
            "benches/peers/rust does not build: {}",
            error.unwrap_or("cargo failed")
        )
    }
}
