//! What peers start in: their folders, their programs and variables, and the processors they share
//! with us.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::Program;

/// The repository, and the number of threads that peers are given.
pub(crate) struct Environment {
    root: PathBuf,
    threads: usize,
    /// Why there is no program of the Rust peers, where it does not build.
    unbuilt: Option<String>,
}

impl Environment {
    pub(crate) fn new(root: &Path, threads: usize) -> Result<Self> {
        let found = root.canonicalize();
        Ok(Self {
            root: found.with_context(|| root.display().to_string())?,
            threads,
            unbuilt: None,
        })
    }

    /// A folder under `target/peers`, made if it is not there.
    pub(super) fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.root.join("target/peers").join(name);
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        Ok(folder)
    }

    pub(crate) fn log(&self, name: &str) -> Result<PathBuf> {
        Ok(self.folder("logs")?.join(name.replace(' ', "-") + ".log"))
    }

    /// Starts a script of `benches/peers`, or the peers in Rust.
    pub(super) fn command(&self, program: Program) -> Result<Command> {
        let mut command = match (program, &self.unbuilt) {
            (Program::Python(script), _) => self.python(script)?,
            (Program::Rust, Some(reason)) => bail!("{reason}"),
            (Program::Rust, None) => {
                Command::new(self.root.join("target/peers/rust/release/peers"))
            }
        };
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
        Ok(command)
    }

    fn python(&self, script: &str) -> Result<Command> {
        let given = std::env::var_os("PEERS_VENV").map(PathBuf::from);
        let folder = given.unwrap_or_else(|| self.root.join("target/peers/venv"));
        let python = folder.join("bin/python");
        ensure!(
            python.exists(),
            "{} is missing; `sh benches/peers/setup.sh` installs it",
            python.display()
        );
        let mut command = Command::new(python);
        command.arg(self.root.join("benches/peers").join(script));
        Ok(command)
    }

    /// PyTorch's products on its device `device`, such as `cuda:0`.
    #[cfg(feature = "gpu")]
    pub(crate) fn products(&self, device: &str) -> Result<Command> {
        let mut command = self.command(Program::Python("products_gpu.py"))?;
        command.arg(device);
        Ok(command)
    }

    /// Builds burn's and candle's peer, for this processor.
    pub(super) fn build_rust(&mut self) {
        let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["build", "--release", "--locked", "--manifest-path"])
            .arg(self.root.join("benches/peers/rust/Cargo.toml"))
            .arg("--target-dir")
            .arg(self.root.join("target/peers/rust"))
            .env("RUSTFLAGS", "-C target-cpu=native")
            .output();
        self.unbuilt = match output {
            Err(error) => Some(format!("cannot start cargo: {error}")),
            Ok(output) if output.status.success() => None,
            Ok(output) => {
                let words = String::from_utf8_lossy(&output.stderr);
                let error = words.lines().find(|line| line.starts_with("error"));
                let error = error.unwrap_or("cargo failed");
                Some(format!("benches/peers/rust does not build: {error}"))
            }
        };
    }
}

/// Runs `body` in a thread that is kept to `count` processors, with all threads and processes that it
/// starts; of different cores while there are enough.
///
/// On systems other than Linux nothing is kept anywhere.
pub(super) fn on_processors<T: Send>(
    count: usize,
    body: impl FnOnce() -> Result<T> + Send,
) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            #[cfg(target_os = "linux")]
            keep_to(count)?;
            #[cfg(not(target_os = "linux"))]
            let _ = count;
            body()
        });
        let result = thread.join();
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Keeps the calling thread, and all that it starts from here on, to `count` processors.
#[cfg(target_os = "linux")]
fn keep_to(count: usize) -> Result<()> {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    let allowed = sched_getaffinity(None)?;
    let is_allowed = |&cpu: &usize| allowed.is_set(cpu);
    let allowed: Vec<usize> = (0..CpuSet::MAX_CPU).filter(is_allowed).collect();
    let found = allowed.len();
    ensure!(
        found >= count,
        "{count} threads asked for, found {found} processors"
    );
    let mut chosen = CpuSet::new();
    let cpus = cores_first(allowed, first_sibling).into_iter();
    cpus.take(count).for_each(|cpu| chosen.set(cpu));
    Ok(sched_setaffinity(None, &chosen)?)
}

/// The first processor of the same core, where the system tells.
#[cfg(target_os = "linux")]
fn first_sibling(cpu: usize) -> Option<usize> {
    let path = format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list");
    let list = std::fs::read_to_string(path).ok()?;
    // Such as `0-1` or `0,64`.
    let first = list.split(|c: char| !c.is_ascii_digit()).next()?;
    first.parse().ok()
}

/// One processor of each core before the second of any.
#[cfg(target_os = "linux")]
fn cores_first(cpus: Vec<usize>, first_sibling: fn(usize) -> Option<usize>) -> Vec<usize> {
    let mut cores = std::collections::BTreeSet::new();
    let is_first = |&cpu: &usize| cores.insert(first_sibling(cpu).unwrap_or(cpu));
    let (first, second): (Vec<_>, Vec<_>) = cpus.into_iter().partition(is_first);
    [first, second].concat()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn cores_come_before_their_second_threads() {
        // Processors 0 and 1 are one core, 2 and 3 the next.
        let paired = |cpu| Some(cpu / 2 * 2);
        assert_eq!(cores_first(vec![0, 1, 2, 3], paired), [0, 2, 1, 3]);
        // Without its sibling a second thread is a core of its own.
        assert_eq!(cores_first(vec![1, 2, 3], paired), [1, 2, 3]);
        assert_eq!(cores_first(vec![4, 5, 6], |_| None), [4, 5, 6]);
    }

    #[test]
    fn on_processors_holds_for_threads_started_after() {
        let kept = on_processors(1, || {
            let count = || rustix::thread::sched_getaffinity(None).unwrap().count();
            Ok(std::thread::spawn(count).join().unwrap())
        });
        assert_eq!(kept.unwrap(), 1);
        let error = on_processors(1 << 20, || Ok(())).unwrap_err().to_string();
        assert!(error.contains("threads asked for"), "{error}");
    }
}
