//! Whatever system call a run is killed at, what is left goes on and ends with the same bytes; and
//! what reaches the disk does so in the order that this takes when the whole machine fails.
//!
//! A sample of the calls, or all of them with `GAN_KILLS=all`.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stderr)] // What a test cannot unwrap has failed it.

mod common;

use std::collections::BTreeMap;
use std::fs;

use common::Folder;

/// A run with every kind of file, several times.
const LINE: &str = "train tiny.toml --out run --steps 30 --threads 1 --set data.count=300 \
                    --set run.log_every=5 --set run.sample_every=15 --set run.checkpoint_every=10";
const RESUME: &str = "train --resume run --threads 1";
/// Kills in a sample, each of which takes a fifth of a second.
const SAMPLE: usize = 40;
/// The calls that change what is on the disk, of which the sample is.
const CHANGES: [&str; 12] = [
    "fdatasync",
    "fsync",
    "ftruncate",
    "mkdir",
    "openat",
    "rename",
    "renameat",
    "renameat2",
    "rmdir",
    "unlink",
    "unlinkat",
    "write",
];

/// False, with a word, where there is no strace or it may not trace.
fn can_trace() -> bool {
    let traced = std::process::Command::new("strace")
        .args(["-o", "/dev/null", "true"])
        .output();
    let can = traced.is_ok_and(|traced| traced.status.success());
    if !can {
        assert!(std::env::var_os("CI").is_none(), "strace does not run");
        eprintln!("skipped: strace does not run");
    }
    can
}

/// What strace saw of the run, one call after the other: thread, name, and arguments with results.
struct Trace(String);

impl Trace {
    /// Of [`LINE`] in `folder`, with the paths of open files.
    fn of_run(folder: &Folder) -> Self {
        folder
            .run_by(&["strace", "-f", "-y", "-qq", "-o", "trace"], LINE)
            .exits(0);
        Self(folder.read("trace"))
    }

    fn calls(&self) -> impl Iterator<Item = [&str; 3]> {
        self.0.lines().filter_map(|line| {
            let (thread, rest) = line.split_once(char::is_whitespace)?;
            let (name, arguments) = rest.trim_start().split_once('(')?;
            // A call that another thread's interrupts has a second line, that says so.
            let is_call = name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            is_call.then_some([thread, name, arguments])
        })
    }
}

/// Every call of the run as the name of a system call and its number among those of its thread.
fn places(trace: &Trace) -> Vec<(String, usize)> {
    let mut counts = BTreeMap::<_, usize>::new();
    for [thread, name, _] in trace.calls() {
        *counts.entry((name, thread)).or_default() += 1;
    }
    let mut most = BTreeMap::<_, usize>::new();
    for ((name, _), count) in counts {
        // The program begins after it.
        if name != "execve" {
            let most = most.entry(name).or_default();
            *most = count.max(*most);
        }
    }
    let places = most.into_iter();
    places
        .flat_map(|(name, most)| (1..=most).map(move |n| (name.to_owned(), n)))
        .collect()
}

/// The files of the run with their contents, but for the log, the time that readings took, and what
/// the report says of both.
fn contents(folder: &Folder) -> Vec<(String, Vec<u8>)> {
    let files = folder.list("run");
    let files = files.split(' ').filter(|file| *file != "run.log");
    let content = |file: &str| match file {
        "metrics.jsonl" => format!("{:?}", folder.metrics("run")).into_bytes(),
        "report.html" => {
            let report = folder.read("run/report.html");
            assert!(report.contains("done after 30 steps"), "{report}");
            Vec::new()
        }
        _ => folder.bytes(&format!("run/{file}")),
    };
    files.map(|file| (file.to_owned(), content(file))).collect()
}

#[test]
fn run_that_is_killed_at_any_system_call_goes_on_and_ends_with_the_same_bytes() {
    if !can_trace() {
        return;
    }
    let whole = Folder::new();
    let mut places = places(&Trace::of_run(&whole));
    let expected = contents(&whole);
    assert!(places.len() > 100, "{places:?}");
    if std::env::var("GAN_KILLS").as_deref() != Ok("all") {
        places.retain(|(name, _)| CHANGES.contains(&name.as_str()));
        let every = places.len().div_ceil(SAMPLE).max(1);
        places = places.into_iter().step_by(every).collect();
    }
    let folder = Folder::new();
    let (mut killed, mut resumed) = (0, 0);
    for (name, n) in &places {
        let inject = format!("inject={name}:signal=KILL:when={n}");
        let ran = folder.run_by(
            &["strace", "-f", "-qq", "-o", "/dev/null", "-e", &inject],
            LINE,
        );
        killed += usize::from(!ran.is_done());
        if folder.last_checkpoint("run").is_some() {
            resumed += 1;
            let resumed = folder.run(RESUME);
            if !resumed.is_done() {
                // Unless it was killed on its way out.
                resumed.complains(&["is done"]);
            }
        } else if !ran.is_done() {
            folder.run(LINE).exits(0);
        }
        let found = contents(&folder);
        let names = |files: &[(String, Vec<u8>)]| -> Vec<_> {
            files.iter().map(|(file, _)| file.clone()).collect()
        };
        assert_eq!(names(&found), names(&expected), "killed at {name} {n}");
        for ((file, found), (_, expected)) in found.iter().zip(&expected) {
            assert!(found == expected, "killed at {name} {n}: {file}");
        }
        fs::remove_dir_all(folder.path("run")).unwrap();
    }
    eprintln!(
        "{} calls, killed at {killed}, resumed after {resumed}",
        places.len()
    );
    assert!(killed > places.len() / 2 && resumed > places.len() / 4);
}

#[test]
fn checkpoint_takes_its_place_after_all_that_it_counts_on_is_on_the_disk() {
    if !can_trace() {
        return;
    }
    let folder = Folder::new();
    let trace = Trace::of_run(&folder);
    let root = fs::canonicalize(folder.path("")).unwrap();
    let root = root.to_str().unwrap().trim_end_matches('/');
    // What happens to files in order: what is done, to which path from the folder on.
    let events: Vec<(&str, String)> = trace
        .calls()
        .filter_map(|[_, name, arguments]| {
            let path = match name {
                "write" | "fsync" | "fdatasync" => {
                    let path = arguments.split_once('<')?.1.split_once('>')?.0;
                    let path = path.strip_prefix(root)?;
                    path.strip_prefix('/').unwrap_or(path)
                }
                // From the first name to the second.
                "rename" | "renameat" | "renameat2" => arguments.rsplit('"').nth(1)?,
                "unlink" | "unlinkat" => arguments.split('"').nth(1)?,
                _ => return None,
            };
            let what = match name {
                "fsync" | "fdatasync" => "sync",
                _ => name.trim_end_matches("at2").trim_end_matches("at"),
            };
            Some((what, path.to_owned()))
        })
        .collect();
    let is = |event: &(&str, String), what: &str, path: &str| event.0 == what && event.1 == path;
    let mut checkpoints = 0;
    let mut begin = 0;
    for (at, (what, path)) in events.iter().enumerate() {
        if *what != "rename" || !path.ends_with(".safetensors") {
            continue;
        }
        checkpoints += 1;
        let before = &events[begin..at];
        // Its own bytes, under the name that they have until then.
        let written = before.iter().rposition(|(what, path)| {
            *what == "write" && path.starts_with("run/checkpoints/.step-")
        });
        let written = written.unwrap();
        let own = &before[written].1;
        assert!(
            before[written..].iter().any(|event| is(event, "sync", own)),
            "{path}"
        );
        // The readings, and the names of the files in the run and of the run itself.
        let read = before
            .iter()
            .rposition(|event| is(event, "write", "run/metrics.jsonl"));
        assert_eq!(read.is_some(), checkpoints > 1, "{path}");
        let since = &before[read.unwrap_or(0)..];
        for counted_on in ["run/metrics.jsonl", "run", ""] {
            let mut since = since.iter();
            assert!(
                since.any(|event| is(event, "sync", counted_on)),
                "{path}: {counted_on}"
            );
        }
        // Its name, before an older one goes.
        assert!(
            is(&events[at + 1], "sync", "run/checkpoints"),
            "{path}: {:?}",
            events[at + 1]
        );
        begin = at + 1;
    }
    assert_eq!(checkpoints, 4);
}
