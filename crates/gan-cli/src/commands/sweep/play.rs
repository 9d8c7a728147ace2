//! The processes of a sweep: this program itself, one for each run.
//!
//! A run ends, saved, when its standard input does, so that none outlives the sweep, however that
//! ends. A run that another process trains is waited for, so that several sweeps may share a folder.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use gan_run::device::DeviceChoice;
use gan_run::problem::Problem;
use gan_run::report::is_done;
use gan_run::run_dir;
use serde_json::Value;

use crate::interrupt;

/// Between two looks at whether the user wants to stop, and at runs that others train.
const LOOK: Duration = Duration::from_millis(100);

/// A run that is to be trained.
pub(super) struct Job {
    /// The directory of the run.
    pub(super) dir: PathBuf,
    /// What follows the name of the program to begin it.
    pub(super) begin: Vec<OsString>,
}

/// Where runs are trained, and by how many threads each.
pub(super) struct Slots {
    pub(super) devices: Vec<DeviceChoice>,
    pub(super) threads: usize,
    pub(super) precision: String,
}

/// What happens to the run of a number.
pub(super) enum Message {
    /// This share of its iterations is done.
    Progress(f64),
    /// Another process trains it.
    Waits,
    /// It warns of this, and goes on.
    Warning(String),
    /// It is done.
    Done,
    /// It was stopped, and saved.
    Stopped,
    /// It failed, for this reason.
    Failed(Problem),
}

/// What the threads that wait for processes share.
struct Shared<'a> {
    jobs: &'a [Job],
    queue: Mutex<VecDeque<usize>>,
    /// The standard inputs of the processes that run.
    inputs: Mutex<Vec<Option<ChildStdin>>>,
    stopping: AtomicBool,
}

/// Trains all `jobs`, one at a time in each slot, and tells of each; ends early, with what runs saved,
/// if the user wants to stop.
pub(super) fn play(jobs: &[Job], slots: &Slots, mut tell: impl FnMut(usize, Message)) {
    let shared = Shared {
        jobs,
        queue: Mutex::new((0..jobs.len()).collect()),
        inputs: Mutex::new(slots.devices.iter().map(|_| None).collect()),
        stopping: AtomicBool::new(false),
    };
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        for (slot, device) in slots.devices.iter().enumerate() {
            let (shared, sender) = (&shared, sender.clone());
            scope.spawn(move || {
                while let Some(index) = shared.next(&sender) {
                    let ended = shared.train(index, slot, *device, slots, &sender);
                    // The other end lives as long as this thread.
                    let _ = sender.send((index, ended));
                }
            });
        }
        drop(sender);
        loop {
            match receiver.recv_timeout(LOOK) {
                Ok((index, message)) => tell(index, message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if interrupt::requested() {
                shared.stop();
            }
        }
    });
}

/// Takes a lock; a thread that panicked has left nothing half-done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared<'_> {
    /// The next run that nobody else trains; waits for one if there are only such, and ends when none
    /// is left or the sweep stops.
    fn next(&self, sender: &Sender<(usize, Message)>) -> Option<usize> {
        loop {
            if self.stopping.load(Ordering::SeqCst) {
                return None;
            }
            let index = lock(&self.queue).pop_front()?;
            if !run_dir::is_training(&self.jobs[index].dir) {
                return Some(index);
            }
            lock(&self.queue).push_back(index);
            let _ = sender.send((index, Message::Waits));
            thread::sleep(LOOK);
        }
    }

    /// Begins a run or goes on with it, until its process ends.
    fn train(
        &self,
        index: usize,
        slot: usize,
        device: DeviceChoice,
        slots: &Slots,
        sender: &Sender<(usize, Message)>,
    ) -> Message {
        let job = &self.jobs[index];
        // Since it was planned, another process may have trained it.
        if is_done(&job.dir) {
            return Message::Done;
        }
        let mut child = match spawn(job, device, slots) {
            Ok(child) => child,
            Err(error) => {
                let text = format!("cannot start a process: {error}");
                let hint = "start fewer at once: --jobs 1";
                return Message::Failed(Problem::failed(text).hint(hint));
            }
        };
        lock(&self.inputs)[slot] = child.stdin.take();
        if self.stopping.load(Ordering::SeqCst) {
            self.stop();
        }
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (has_begun, said) = thread::scope(|scope| {
            let said = scope.spawn(|| {
                listen(stderr, |warning| {
                    let _ = sender.send((index, Message::Warning(warning)));
                })
            });
            let has_begun = follow(stdout, |share| {
                let _ = sender.send((index, Message::Progress(share)));
            });
            (has_begun, said.join().unwrap_or_default())
        });
        let status = child.wait();
        lock(&self.inputs)[slot] = None;
        match status {
            Ok(status) if status.success() => Message::Done,
            Ok(status) if status.code() == Some(i32::from(interrupt::EXIT_CODE)) => {
                Message::Stopped
            }
            // Another process has taken it since it was looked at.
            Ok(_) if !has_begun && (run_dir::is_training(&job.dir) || is_done(&job.dir)) => {
                lock(&self.queue).push_back(index);
                Message::Waits
            }
            Ok(status) => Message::Failed(failure(&said, &status.to_string())),
            Err(error) => Message::Failed(failure(&said, &error.to_string())),
        }
    }

    /// Ends all processes, saved, and begins no other.
    fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        lock(&self.inputs)
            .iter_mut()
            .for_each(|input| *input = None);
    }
}

/// Starts this program on a run.
fn spawn(job: &Job, device: DeviceChoice, slots: &Slots) -> std::io::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    match run_dir::checkpoints(&job.dir).is_empty() {
        true => command.args(&job.begin),
        false => command.arg("train").arg("--resume").arg(&job.dir),
    };
    command
        .args(["--device", &device.to_string()])
        .args(["--precision", &slots.precision])
        .args(["--threads", &slots.threads.to_string()])
        .args(["--json", "--until-input-ends"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

/// Reads the events of a run until they end; tells which share of its iterations is done. Returns true
/// if it began.
fn follow(stdout: Option<impl Read>, mut tell: impl FnMut(f64)) -> bool {
    let mut steps = None;
    let lines = stdout.map(|stdout| BufReader::new(stdout).lines());
    for line in lines.into_iter().flatten() {
        // An error would come again at the next line.
        let Ok(line) = line else { break };
        let event: Value = serde_json::from_str(&line).unwrap_or_default();
        if event["event"] == "start" {
            steps = event["steps"].as_f64();
        }
        if let (Some(step), Some(steps)) = (event["step"].as_f64(), steps) {
            tell((step / steps.max(1.0)).min(1.0));
        }
    }
    steps.is_some()
}

/// Reads what a run says on stderr until it ends, and tells its warnings; what it has said.
fn listen(stderr: Option<impl Read>, mut tell: impl FnMut(String)) -> String {
    let mut said = String::new();
    let lines = stderr.map(|stderr| BufReader::new(stderr).split(b'\n'));
    // What could be read is enough.
    for line in lines.into_iter().flatten().map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        if let Some(warning) = line.strip_prefix("warning: ") {
            tell(warning.to_owned());
        }
        said = said + &line + "\n";
    }
    said
}

/// Why a run failed, by what it said on stderr; `status` is how its process ended.
fn failure(said: &str, status: &str) -> Problem {
    let with = |mark: &str| {
        let mut lines = said.lines();
        lines
            .find_map(|line| line.strip_prefix(mark))
            .map(str::to_owned)
    };
    let message = with("error: ").unwrap_or_else(|| {
        let last = said.lines().rev().find(|line| !line.trim().is_empty());
        match last {
            Some(last) => format!("its process ended with {status}: {last}"),
            None => format!("its process ended with {status}"),
        }
    });
    Problem::failed(message).maybe_hint(with("hint: "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_the_share_of_steps_that_are_done() {
        let lines = "{\"event\":\"start\",\"step\":50,\"steps\":200}\n\
                     no event\n\
                     {\"event\":\"metrics\",\"step\":100}\n\
                     {\"event\":\"done\",\"step\":150,\"seconds\":1}\n";
        let mut shares = Vec::new();
        assert!(follow(Some(lines.as_bytes()), |share| shares.push(share)));
        assert_eq!(shares, [0.25, 0.5, 0.75]);
        assert!(!follow(Some(&b"no event\n"[..]), |_| {}));
    }

    #[test]
    fn warnings_are_told_and_all_that_was_said_is_kept() {
        let said = "warning: a\nb\nwarning: c: d\nerror: warning: e";
        let mut warnings = Vec::new();
        let heard = listen(Some(said.as_bytes()), |warning| warnings.push(warning));
        assert_eq!(heard, said.to_owned() + "\n");
        assert_eq!(warnings, ["a", "c: d"]);
    }

    #[test]
    fn failure_is_the_error_or_how_the_process_ended() {
        let told = failure("warning: a\nerror: b: c\nhint: d\n", "exit status: 1");
        assert_eq!(
            (told.message.as_str(), told.hint.as_deref()),
            ("b: c", Some("d"))
        );
        let panic = failure("thread main panicked\n\n", "exit status: 101");
        let expected = "its process ended with exit status: 101: thread main panicked";
        assert_eq!(panic.message, expected);
        let killed = failure("", "signal: 9 (SIGKILL)");
        assert_eq!(killed.message, "its process ended with signal: 9 (SIGKILL)");
    }
}
