//! A peer as a process that is asked by the line and answers in JSON.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

/// How long a peer may think about one line; compilers take minutes.
const PATIENCE: Duration = Duration::from_secs(900);

/// An answer of a peer: what was asked for, or that it cannot do it, and why.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer<T> {
    Skip { skip: String },
    Given(T),
}

/// The first line of a peer.
#[derive(Deserialize)]
struct Greeting {
    versions: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Losses {
    losses: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Times {
    ms: Vec<f64>,
}

/// A peer that is ready; it is ended when this value is dropped.
pub(crate) struct Process {
    /// Versions that its speed depends on.
    pub(crate) versions: BTreeMap<String, String>,
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<std::io::Result<String>>,
    log: PathBuf,
    until: Option<Instant>,
}

impl Process {
    /// Starts `command`, whose standard error goes to the file `log`, and reads its first line; if
    /// there is a time limit, it must answer `until` then.
    pub(crate) fn start(command: &mut Command, log: &Path, until: Option<Instant>) -> Result<Self> {
        let stderr = File::create(log).with_context(|| log.display().to_string())?;
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let stdin = child.stdin.take().context("a peer without pipes")?;
        let stdout = child.stdout.take().context("a peer without pipes")?;
        let (send, lines) = channel();
        std::thread::spawn(move || {
            let mut lines = BufReader::new(stdout).lines();
            lines.all(|line| send.send(line).is_ok())
        });
        let mut process = Self {
            versions: BTreeMap::new(),
            child,
            stdin,
            lines,
            log: log.to_path_buf(),
            until,
        };
        process.versions = process.hear::<Greeting>()?.versions;
        Ok(process)
    }

    /// Its values in the iterations that the start gives.
    pub(crate) fn check(&mut self) -> Result<Vec<Vec<f64>>> {
        Ok(self.ask::<Losses>("check")?.losses)
    }

    /// Seconds per iteration, the mean of `count`.
    pub(crate) fn run(&mut self, count: usize) -> Result<f64> {
        let Times { ms } = self.ask(&format!("run {count}"))?;
        let mean = ms.iter().sum::<f64>() / ms.len() as f64;
        ensure!(
            mean.is_finite() && mean > 0.0,
            "found {ms:?} as milliseconds, expected positive numbers"
        );
        Ok(mean / 1e3)
    }

    /// Its answer to `line`.
    pub(crate) fn ask<T: for<'a> Deserialize<'a>>(&mut self, line: &str) -> Result<T> {
        // A peer that is gone says why in its log.
        let asked = writeln!(self.stdin, "{line}").and_then(|()| self.stdin.flush());
        asked.with_context(|| self.end())?;
        self.hear()
    }

    fn hear<T: for<'a> Deserialize<'a>>(&mut self) -> Result<T> {
        let left = self
            .until
            .map(|it| it.saturating_duration_since(Instant::now()));
        let patience = left.map_or(PATIENCE, |left| left.min(PATIENCE));
        let line = match self.lines.recv_timeout(patience) {
            Ok(line) => line?,
            Err(RecvTimeoutError::Timeout) => bail!("no answer within {} s", patience.as_secs()),
            Err(RecvTimeoutError::Disconnected) => bail!(self.end()),
        };
        let answer = serde_json::from_str(&line);
        match answer.with_context(|| format!("the peer said {line:?}"))? {
            Answer::Skip { skip } => bail!("{skip}"),
            Answer::Given(given) => Ok(given),
        }
    }

    /// That it ended, with the last line of its log.
    fn end(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let last = text.lines().rfind(|line| !line.trim().is_empty());
        let last = last.unwrap_or_default();
        format!(
            "the peer ended; its last words are {last:?} ({})",
            self.log.display()
        )
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be in the middle of something, which nobody will read.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
