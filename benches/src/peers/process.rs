//! A peer as a process that is asked by the line and answers in JSON.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use serde::Deserialize;

/// How long a peer may think about one line; compilers take minutes.
const PATIENCE: Duration = Duration::from_secs(900);

/// What a peer says of itself.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(untagged)]
pub(super) enum Hello {
    /// It plays.
    Ready {
        /// Its name.
        ready: String,
        /// Of what its speed depends on.
        versions: BTreeMap<String, String>,
    },
    /// It cannot, and why.
    Skip {
        /// In one line.
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

/// A peer that has said hello; it ends with this value.
pub(super) struct Peer {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<std::io::Result<String>>,
    log: PathBuf,
    until: Option<Instant>,
}

impl Peer {
    /// Starts `command`, whose standard error goes to the file `log`, and hears its first line.
    ///
    /// It may answer until then, where there is such a time.
    ///
    /// # Errors
    /// If it cannot be started, ends, or says something else.
    pub(super) fn start(
        command: &mut Command,
        log: &Path,
        until: Option<Instant>,
    ) -> Result<(Self, Hello)> {
        let stderr = File::create(log).with_context(|| log.display().to_string())?;
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(anyhow!("a peer without pipes"));
        };
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        let log = log.to_path_buf();
        let mut peer = Self {
            child,
            stdin,
            lines,
            log,
            until,
        };
        let hello = peer.hear()?;
        Ok((peer, hello))
    }

    /// Its values in the iterations that the start gives.
    ///
    /// # Errors
    /// If it ends or says something else.
    pub(super) fn check(&mut self) -> Result<Vec<Vec<f64>>> {
        Ok(self.ask::<Losses>("check")?.losses)
    }

    /// Milliseconds per iteration, the mean of `count`.
    ///
    /// # Errors
    /// If it ends or says something else.
    pub(super) fn run(&mut self, count: usize) -> Result<f64> {
        let Times { ms } = self.ask(&format!("run {count}"))?;
        let mean = ms.iter().sum::<f64>() / ms.len() as f64;
        if mean.is_finite() && mean > 0.0 {
            Ok(mean)
        } else {
            Err(anyhow!(
                "found {ms:?} as milliseconds, expected positive numbers"
            ))
        }
    }

    /// Its answer to `line`.
    ///
    /// # Errors
    /// If it ends or says something else.
    pub(super) fn ask<T: for<'a> Deserialize<'a>>(&mut self, line: &str) -> Result<T> {
        // A peer that is gone says why in its log.
        writeln!(self.stdin, "{line}")
            .and_then(|()| self.stdin.flush())
            .with_context(|| format!("the peer ended; its last words are in {}", self.words()))?;
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
                let seconds = patience.as_secs();
                return Err(anyhow!("no answer within {seconds} s"));
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err(anyhow!(
                    "the peer ended; its last words are {}",
                    self.words()
                ));
            }
        };
        serde_json::from_str(&line).with_context(|| format!("the peer said {line:?}"))
    }

    /// The last line of the log, and where it is.
    fn words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let last = text.lines().rfind(|line| !line.trim().is_empty());
        format!("{:?} ({})", last.unwrap_or_default(), self.log.display())
    }
}

impl Drop for Peer {
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
    fn peer(script: &str) -> Result<(Peer, Hello)> {
        let folder = tempfile::tempdir().unwrap();
        Peer::start(
            Command::new("sh").args(["-c", script]),
            &folder.path().join("log"),
            None,
        )
    }

    const READY: &str = r#"echo '{"ready": "fake", "versions": {"sh": "1"}}';"#;

    #[test]
    fn peer_answers_line_by_line() {
        let script = format!(
            r#"{READY} while read line; do case $line in
            check) echo '{{"losses": [[1.25, 0.5], [1, 0.75]]}}';;
            "run 4") echo '{{"ms": [1, 2, 3, 6], "iterations": 4}}';;
            "run 9") echo '{{"ms": [7.5], "iterations": 9}}';;
            esac; done"#
        );
        let (mut peer, hello) = peer(&script).unwrap();
        let versions = BTreeMap::from([("sh".to_owned(), "1".to_owned())]);
        let ready = "fake".to_owned();
        assert_eq!(hello, Hello::Ready { ready, versions });
        assert_eq!(peer.check().unwrap(), [[1.25, 0.5], [1.0, 0.75]]);
        assert_eq!(peer.run(4).unwrap(), 3.0);
        assert_eq!(peer.run(9).unwrap(), 7.5);
    }

    #[test]
    fn peer_that_skips_says_why() {
        let (_, hello) = peer(r#"echo '{"skip": "no fakes here"}'"#).unwrap();
        let skip = "no fakes here".to_owned();
        assert_eq!(hello, Hello::Skip { skip });
    }

    #[test]
    fn peer_that_ends_leaves_its_last_words() {
        let error = peer("echo 'no module named fake' >&2").err().unwrap();
        assert!(
            error.to_string().contains("no module named fake"),
            "{error:#}"
        );
        let (mut peer, _) = peer(READY).unwrap();
        assert!(peer.check().is_err());
    }

    #[test]
    fn peer_that_is_late_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "read line"]);
        let until = Some(Instant::now());
        let started = Peer::start(&mut command, &folder.path().join("log"), until);
        let error = started.err().unwrap().to_string();
        assert_eq!(error, "no answer within 0 s");
    }

    #[test]
    fn peer_that_babbles_or_counts_no_time_is_an_error() {
        assert!(peer("echo hello").is_err());
        let script = format!(r#"{READY} read line; echo '{{"ms": []}}'; read line"#);
        assert!(peer(&script).unwrap().0.run(3).is_err());
    }
}
