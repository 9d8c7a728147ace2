//! Which processors a comparison runs on.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Keeps the calling thread, and all threads and processes that it starts from here on, on `count`
/// processors, of different cores while there are enough.
///
/// By `taskset`; on systems without it nothing is kept anywhere, which the answer says.
///
/// # Errors
/// If fewer processors are allowed, or the system refuses.
pub(super) fn keep_to(count: usize) -> Result<Option<Vec<usize>>> {
    let Ok(thread) = fs::read_link("/proc/thread-self") else {
        return Ok(None);
    };
    let status = fs::read_to_string("/proc/thread-self/status")?;
    let allowed = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
        .and_then(list)
        .context("/proc/thread-self/status: no list of processors")?;
    ensure!(
        allowed.len() >= count,
        "{count} threads asked for, found {} processors",
        allowed.len()
    );
    let siblings = |cpu: usize| {
        let path = format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list");
        let text = fs::read_to_string(path).ok()?;
        list(&text)
    };
    let chosen = choose(&allowed, siblings, count);
    let id = thread.file_name().unwrap_or_default();
    let names: Vec<String> = chosen.iter().map(usize::to_string).collect();
    let taskset = Command::new("taskset")
        .args(["-p", "-c", &names.join(",")])
        .arg(id)
        .output();
    match taskset {
        Err(_) => Ok(None),
        Ok(output) => {
            let words = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.success(), "taskset: {}", words.trim());
            Ok(Some(chosen))
        }
    }
}

/// The first `count`, one of each core before the second of any.
fn choose(
    allowed: &[usize],
    siblings: impl Fn(usize) -> Option<Vec<usize>>,
    count: usize,
) -> Vec<usize> {
    let is_first = |cpu: &usize| {
        let siblings = siblings(*cpu).unwrap_or_default();
        !siblings
            .iter()
            .any(|other| other < cpu && allowed.contains(other))
    };
    let (mut order, rest): (Vec<_>, Vec<_>) = allowed.iter().copied().partition(is_first);
    order.extend(rest);
    order.truncate(count);
    order.sort_unstable();
    order
}

/// `0-3,8` as numbers.
fn list(text: &str) -> Option<Vec<usize>> {
    let mut numbers = Vec::new();
    for part in text.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        numbers.extend(first.parse::<usize>().ok()?..=last.parse().ok()?);
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_reads_ranges_and_single_processors() {
        assert_eq!(list("\t0-3,8,10-11\n"), Some(vec![0, 1, 2, 3, 8, 10, 11]));
        assert_eq!(list("0-x"), None);
    }

    #[test]
    fn choose_takes_cores_before_their_second_threads() {
        // Processors 0 and 1 are one core, 2 and 3 the next.
        let siblings = |cpu: usize| Some(vec![cpu / 2 * 2, cpu / 2 * 2 + 1]);
        assert_eq!(choose(&[0, 1, 2, 3], siblings, 2), [0, 2]);
        assert_eq!(choose(&[0, 1, 2, 3], siblings, 3), [0, 1, 2]);
        // Without its sibling a second thread is a core of its own.
        assert_eq!(choose(&[1, 2, 3], siblings, 2), [1, 2]);
        assert_eq!(choose(&[4, 5, 6], |_| None, 2), [4, 5]);
    }

    #[test]
    fn keep_to_holds_for_threads_and_processes_started_after() {
        let kept = std::thread::spawn(|| {
            let chosen = keep_to(1).unwrap();
            let inner = std::thread::spawn(|| fs::read_to_string("/proc/thread-self/status"));
            (chosen, inner.join().unwrap())
        });
        let (chosen, status) = kept.join().unwrap();
        if let (Some(chosen), Ok(status)) = (chosen, status) {
            let line = format!("Cpus_allowed_list:\t{}\n", chosen[0]);
            assert!(status.contains(&line), "{line:?} is not in {status}");
        }
    }

    #[test]
    fn keep_to_more_processors_than_there_are_is_an_error() {
        let kept = std::thread::spawn(|| keep_to(1 << 20)).join().unwrap();
        assert!(!matches!(kept, Ok(Some(_))));
    }
}
