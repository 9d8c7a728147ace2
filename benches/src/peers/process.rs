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

/// The first line of a peer.
#[derive(Deserialize)]
#[serde(untagged)]
enum Greeting {
    Ready {
        versions: BTreeMap<String, String>,
    },
    /// It cannot run here, and why.
    Skip {
        skip: String,
    },
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
pub(super) struct Process {
    /// Versions that its speed depends on.
    pub(super) versions: BTreeMap<String, String>,
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<std::io::Result<String>>,
    log: PathBuf,
    until: Option<Instant>,
}

impl Process {
    /// Starts `command`, whose standard error goes to the file `log`, and reads its first line; if
    /// there is a time limit, it must answer `until` then.
    pub(super) fn start(command: &mut Command, log: &Path, until: Option<Instant>) -> Result<Self> {
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
        match process.hear()? {
            Greeting::Ready { versions } => process.versions = versions,
            Greeting::Skip { skip } => bail!("{skip}"),
        }
        Ok(process)
    }

    /// Its values in the iterations that the start gives.
    pub(super) fn check(&mut self) -> Result<Vec<Vec<f64>>> {
        Ok(self.ask::<Losses>("check")?.losses)
    }

    /// Seconds per iteration, the mean of `count`.
    pub(super) fn run(&mut self, count: usize) -> Result<f64> {
        let Times { ms } = self.ask(&format!("run {count}"))?;
        let mean = ms.iter().sum::<f64>() / ms.len() as f64;
        ensure!(
            mean.is_finite() && mean > 0.0,
            "found {ms:?} as milliseconds, expected positive numbers"
        );
        Ok(mean / 1e3)
    }

    /// Its answer to `line`.
    pub(super) fn ask<T: for<'a> Deserialize<'a>>(&mut self, line: &str) -> Result<T> {
        // A peer that is gone says why in its log.
        writeln!(self.stdin, "{line}")
            .and_then(|()| self.stdin.flush())
            .with_context(|| {
                format!(
                    "the peer ended; its last words are in {}",
                    self.last_words()
                )
            })?;
        self.hear()
    }

    fn hear<T: for<'a> Deserialize<'a>>(&mut self) -> Result<T> {
        let left = self
            .until
            .map(|it| it.saturating_duration_since(Instant::now()));
        let patience = left.map_or(PATIENCE, |left| left.min(PATIENCE));
        let line = match self.lines.recv_timeout(patience) {
            Ok(line) => line?,
            Err(RecvTimeoutError::Timeout) => {
                bail!("no answer within {} s", patience.as_secs());
            }
            Err(RecvTimeoutError::Disconnected) => {
                bail!("the peer ended; its last words are {}", self.last_words());
            }
        };
        serde_json::from_str(&line).with_context(|| format!("the peer said {line:?}"))
    }

    /// The last line of the log, and where it is.
    fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let last = text.lines().rfind(|line| !line.trim().is_empty());
        format!("{:?} ({})", last.unwrap_or_default(), self.log.display())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be in the middle of something, which nobody will read.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A peer of one line of shell.
    fn process(script: &str, until: Option<Instant>) -> Result<Process> {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Process::start(&mut command, &folder.path().join("log"), until)
    }

    const READY: &str = r#"echo '{"ready": "fake", "versions": {"sh": "1"}}';"#;

    #[test]
    fn process_answers_line_by_line() {
        let script = format!(
            r#"{READY} while read line; do case $line in
            check) echo '{{"losses": [[1.25, 0.5], [1, 0.75]]}}';;
            "run 4") echo '{{"ms": [1, 2, 3, 6], "iterations": 4}}';;
            "run 9") echo '{{"ms": []}}';;
            esac; done"#
        );
        let mut process = process(&script, None).unwrap();
        assert_eq!(process.versions["sh"], "1");
        assert_eq!(process.check().unwrap(), [[1.25, 0.5], [1.0, 0.75]]);
        assert_eq!(process.run(4).unwrap(), 0.003);
        assert!(process.run(9).is_err());
    }

    #[test]
    fn process_that_cannot_run_says_why() {
        for (script, until, expected) in [
            (r#"echo '{"skip": "no fakes here"}'"#, None, "no fakes here"),
            (
                "echo 'no module named fake' >&2",
                None,
                "no module named fake",
            ),
            ("echo hello", None, "the peer said \"hello\""),
            ("read line", Some(Instant::now()), "no answer within 0 s"),
        ] {
            let error = process(script, until).err().unwrap().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert!(process(READY, None).unwrap().check().is_err());
    }
}
