//! Drives the real program in a directory of its own.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "tests end where they fail")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A game so small that thousands of iterations take a second.
pub(crate) const TINY: &str = r#"
extends = "ring8"
[data]
count = 700
[run]
steps = 300
log_every = 10
sample_every = 0
checkpoint_every = 100
[game]
minibatch = 7
[optimizer]
schedule = { kind = "constant" }
[generator]
layers = [{ units = 5, activation = "leaky-relu" }, { activation = "identity" }]
[discriminator]
layers = [{ units = 3, pieces = 2, activation = "maxout" }, { keep = 0.5, activation = "sigmoid" }]
"#;

/// Far beyond what the slowest machine needs; only a test that hangs takes so long.
const PATIENCE: Duration = Duration::from_secs(600);

/// A working directory with `tiny.toml` in it.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("tiny.toml", TINY);
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn path_of(&self, name: &Path) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).unwrap()
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The files in the folder `name`, with those in folders within it, in order.
    pub(crate) fn list(&self, name: &str) -> String {
        let root = self.path(name);
        let mut folders = vec![root.clone()];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let path = path.strip_prefix(&root).unwrap();
                    files.push(path.to_str().unwrap().to_owned());
                }
            }
        }
        files.sort();
        files.join(" ")
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gan-cli"));
        let mut words = line.split_whitespace();
        command
            .current_dir(self.0.path())
            .args(words.next())
            // As in a container, where drivers complain of it unless the program sees to it.
            .env_remove("XDG_RUNTIME_DIR")
            // Not the user's own.
            .env("GAN_CACHE_DIR", self.0.path().join("cache"))
            .stdin(Stdio::null());
        // Tests of bits and times mean the processor, unless they say otherwise.
        let computes = ["train", "sweep", "evaluate"].map(|command| line.starts_with(command));
        let computes = computes.contains(&true);
        if computes && !line.contains("--device") {
            command.args(["--device", "cpu"]);
        }
        command.args(words);
        command
    }

    /// Runs `gan-cli <line>`, with arguments behind it, to its end.
    pub(crate) fn run_with(&self, line: &str, arguments: &[&Path]) -> Ran {
        Ran {
            line: format!("{line} {arguments:?}"),
            output: self.command(line).args(arguments).output().unwrap(),
        }
    }

    /// Runs `gan-cli <line>` to its end.
    pub(crate) fn run(&self, line: &str) -> Ran {
        Ran {
            line: line.to_owned(),
            output: self.command(line).output().unwrap(),
        }
    }

    /// Runs `gan-cli <line>` to its end, with `variables` in its environment.
    pub(crate) fn run_under(&self, variables: &[(&str, &str)], line: &str) -> Ran {
        let mut command = self.command(line);
        command.envs(variables.iter().copied());
        Ran {
            line: format!("{line} under {variables:?}"),
            output: command.output().unwrap(),
        }
    }

    /// Runs `gan-cli <line>` with at most `mebibytes` of memory to address.
    #[cfg(target_os = "linux")]
    pub(crate) fn run_within(&self, mebibytes: u64, line: &str) -> Ran {
        let limit = format!("ulimit -v {}; exec \"$0\" \"$@\"", mebibytes << 10);
        self.run_by(&["sh", "-c", &limit], line)
    }

    /// Runs `gan-cli <line>` to its end by another program, whose words are `by`.
    #[cfg(target_os = "linux")]
    pub(crate) fn run_by(&self, by: &[&str], line: &str) -> Ran {
        Ran {
            line: line.to_owned(),
            output: self.command_by(by, line).output().unwrap(),
        }
    }

    #[cfg(target_os = "linux")]
    fn command_by(&self, by: &[&str], line: &str) -> Command {
        let command = self.command(line);
        let mut other = Command::new(by[0]);
        other
            .current_dir(self.0.path())
            .args(&by[1..])
            .arg(command.get_program())
            .args(command.get_args())
            .stdin(Stdio::null());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => other.env(name, value),
                None => other.env_remove(name),
            };
        }
        other
    }

    /// Runs `gan-cli <line>` on a terminal of `columns` columns; what a person sees, line by line,
    /// redrawn ones included.
    pub(crate) fn watch(&self, line: &str, columns: usize) -> Vec<String> {
        let program = env!("CARGO_BIN_EXE_gan-cli");
        let output = Command::new("script")
            .args(["--quiet", "--return", "--command"])
            .arg(format!(
                "stty rows 24 cols {columns}; exec {program} {line}"
            ))
            .arg("/dev/null")
            .current_dir(self.0.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let seen = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{line}: {seen}");
        let plain = console::strip_ansi_codes(&seen);
        plain.split(['\r', '\n']).map(str::to_owned).collect()
    }

    /// Runs the commands of `table`, one in each row, to their ends.
    ///
    /// A row is `CODE COMMAND | PART | PART …`: the exit code, and what stdout has, or where the
    /// command fails what stderr has. A line that begins with `|` continues the row above it.
    #[track_caller]
    pub(crate) fn check(&self, table: &str) {
        let lines: Vec<_> = table.lines().map(str::trim).collect();
        let table = lines.join("\n").replace("\n|", " |");
        for row in table.lines().filter(|row| !row.is_empty()) {
            let mut columns = row.split(" | ");
            let (code, line) = columns.next().unwrap().split_once(' ').unwrap();
            let ran = self.run(line).exits(code.parse().unwrap());
            let parts: Vec<_> = columns.collect();
            match code {
                "0" => ran.says(&parts),
                _ => ran.complains(&parts),
            };
        }
    }

    /// Starts `gan-cli <line>` and waits until the checkpoint of some step from `first` on is there.
    pub(crate) fn start_and_wait(&self, line: &str, run: &str, first: u64) -> Started {
        self.wait_for(self.command(line), run, first)
    }

    /// The same by another program, whose words are `by`.
    #[cfg(target_os = "linux")]
    pub(crate) fn start_by(&self, by: &[&str], line: &str, run: &str, first: u64) -> Started {
        self.wait_for(self.command_by(by, line), run, first)
    }

    fn wait_for(&self, mut command: Command, run: &str, first: u64) -> Started {
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut started = Started(child);
        let patience = Instant::now() + PATIENCE;
        while self.last_checkpoint(run).is_none_or(|step| step < first) {
            let ended = started.0.try_wait().unwrap();
            assert!(ended.is_none(), "{command:?}: ended with {ended:?}");
            assert!(Instant::now() < patience, "{command:?}: no checkpoint");
            std::thread::sleep(Duration::from_millis(2));
        }
        started
    }

    /// Step of the newest checkpoint of a run.
    pub(crate) fn last_checkpoint(&self, run: &str) -> Option<u64> {
        std::fs::read_dir(self.path(run).join("checkpoints"))
            .ok()?
            .filter_map(|entry| {
                let name = entry.ok()?.file_name().into_string().ok()?;
                let step = name.strip_prefix("step-")?.strip_suffix(".safetensors")?;
                step.parse().ok()
            })
            .max()
    }

    /// The lines of `metrics.jsonl` but for the time they took.
    pub(crate) fn metrics(&self, run: &str) -> Vec<serde_json::Value> {
        let text = self.read(&format!("{run}/metrics.jsonl"));
        let parse = |line: &str| {
            let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
            line.as_object_mut().unwrap().remove("seconds").unwrap();
            line
        };
        text.lines().map(parse).collect()
    }
}

/// A Python that has `packages`, by commas; none if there is none, which is a failure where everything
/// must be checked.
#[track_caller]
pub(crate) fn python_with(packages: &str) -> Option<String> {
    let python = std::env::var("GAN_PYTHON").unwrap_or_else(|_| "python3".into());
    let has_them = Command::new(&python)
        .args(["-c", &format!("import {packages}")])
        .output()
        .is_ok_and(|output| output.status.success());
    assert!(
        has_them || std::env::var_os("CI").is_none(),
        "{python} lacks one of {packages}: set GAN_PYTHON to one that has them"
    );
    has_them.then_some(python)
}

/// Runs a script that lies beside the tests.
#[track_caller]
pub(crate) fn run_script(python: &str, name: &str, arguments: &[PathBuf]) {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let output = Command::new(python)
        .arg(tests.join(name))
        .args(arguments)
        .output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {arguments:?}: {said}");
}

/// The bytes of a checkpoint with other metadata and tensors, and without hashes: as older programs
/// wrote it, and as a stranger might.
pub(crate) fn edited(
    checkpoint: &[u8],
    edit: impl FnOnce(&mut serde_json::Value, &mut Vec<u8>),
) -> Vec<u8> {
    let length = u64::from_le_bytes(checkpoint[..8].try_into().unwrap()) as usize;
    let (head, tensors) = checkpoint[8..].split_at(length);
    let mut tensors = tensors.to_vec();
    let mut head: serde_json::Value = serde_json::from_slice(head).unwrap();
    let about = head["__metadata__"]["gan_checkpoint"].as_str().unwrap();
    let mut about: serde_json::Value = serde_json::from_str(about).unwrap();
    for hash in ["header_sha256", "tensors_sha256"] {
        assert!(about.as_object_mut().unwrap().remove(hash).is_some());
    }
    edit(&mut about, &mut tensors);
    head["__metadata__"]["gan_checkpoint"] = about.to_string().into();
    let head = head.to_string();
    let mut file = (head.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(head.as_bytes());
    file.extend_from_slice(&tensors);
    file
}

/// A command that has ended, with all that it wrote.
pub(crate) struct Ran {
    line: String,
    output: Output,
}

impl Ran {
    pub(crate) fn stdout(&self) -> String {
        String::from_utf8(self.output.stdout.clone()).unwrap()
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8(self.output.stderr.clone()).unwrap()
    }

    /// True if it has come to its own end, and done what it should.
    pub(crate) fn is_done(&self) -> bool {
        self.output.status.success()
    }

    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(
            self.output.status.code(),
            Some(code),
            "gan-cli {}\n{}{}",
            self.line,
            self.stdout(),
            self.stderr()
        );
        self
    }

    /// Asserts that stdout has each of `parts`.
    #[track_caller]
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        assert_contains(&self.stdout(), parts);
        self
    }

    /// Asserts that stderr is an error that has each of `parts`.
    #[track_caller]
    pub(crate) fn complains(self, parts: &[&str]) -> Self {
        let stderr = self.stderr();
        assert!(stderr.starts_with("error: "), "{stderr}");
        // What clap refuses is followed by the command's usage.
        let is_helped = stderr.contains("\nhint: ") || stderr.contains("--help");
        assert!(is_helped, "no hint: {stderr}");
        assert_contains(&stderr, parts);
        self
    }

    /// The JSON documents on stdout, one in each line.
    pub(crate) fn json(&self) -> Vec<serde_json::Value> {
        let stdout = self.stdout();
        let parse = |line| serde_json::from_str(line).unwrap();
        stdout.lines().map(parse).collect()
    }
}

#[track_caller]
pub(crate) fn assert_contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

/// A program that runs until it is stopped, at the latest when this is dropped.
pub(crate) struct Started(Child);

impl Started {
    /// Ends it without a word.
    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        assert!(!self.0.wait().unwrap().success());
    }

    /// Number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Waits for the end, and returns the exit code.
    pub(crate) fn end(&mut self) -> Option<i32> {
        self.0.wait().unwrap().code()
    }

    /// Sends a signal by name, waits for the end, and returns the exit code.
    pub(crate) fn signal(&mut self, name: &str) -> Option<i32> {
        self.send(name);
        self.0.wait().unwrap().code()
    }

    /// Sends a signal by name, and returns the next line on stderr.
    pub(crate) fn signal_and_listen(&mut self, name: &str) -> String {
        self.send(name);
        let mut line = String::new();
        let stderr = self.0.stderr.as_mut().unwrap();
        BufReader::new(stderr).read_line(&mut line).unwrap();
        line
    }

    fn send(&self, name: &str) {
        let status = Command::new("kill")
            .args([name, &self.0.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended already, and a test that failed has said why.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
