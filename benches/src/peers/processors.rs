//! The processors that a comparison runs on.

use anyhow::Result;

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
            linux::keep_to(count)?;
            #[cfg(not(target_os = "linux"))]
            let _ = count;
            body()
        });
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[cfg(target_os = "linux")]
mod linux {
    use anyhow::{Result, ensure};
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    /// Keeps the calling thread, and all that it starts from here on, to `count` processors.
    pub(super) fn keep_to(count: usize) -> Result<()> {
        let allowed = sched_getaffinity(None)?;
        let is_allowed = |&cpu: &usize| allowed.is_set(cpu);
        let allowed: Vec<usize> = (0..CpuSet::MAX_CPU).filter(is_allowed).collect();
        ensure!(
            allowed.len() >= count,
            "{count} threads asked for, found {} processors",
            allowed.len()
        );
        let mut chosen = CpuSet::new();
        for cpu in choose(&allowed, first_sibling, count) {
            chosen.set(cpu);
        }
        Ok(sched_setaffinity(None, &chosen)?)
    }

    /// The first processor of the same core, where the system tells.
    fn first_sibling(cpu: usize) -> Option<usize> {
        let path = format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list");
        let list = std::fs::read_to_string(path).ok()?;
        // Such as `0-1` or `0,64`.
        let first = list.split(|c: char| !c.is_ascii_digit()).next()?;
        first.parse().ok()
    }

    /// The first `count`, one of each core before the second of any.
    fn choose(
        allowed: &[usize],
        first_sibling: impl Fn(usize) -> Option<usize>,
        count: usize,
    ) -> Vec<usize> {
        let core = |cpu: usize| first_sibling(cpu).unwrap_or(cpu);
        let is_second = |index: usize| {
            let earlier = &allowed[..index];
            earlier
                .iter()
                .any(|&other| core(other) == core(allowed[index]))
        };
        let mut order: Vec<_> = (0..allowed.len()).collect();
        order.sort_by_key(|&index| is_second(index));
        order
            .iter()
            .take(count)
            .map(|&index| allowed[index])
            .collect()
    }

    #[cfg(test)]
    mod tests {
        use super::super::on_processors;
        use super::*;

        #[test]
        fn choose_takes_cores_before_their_second_threads() {
            // Processors 0 and 1 are one core, 2 and 3 the next.
            let first_sibling = |cpu: usize| Some(cpu / 2 * 2);
            assert_eq!(choose(&[0, 1, 2, 3], first_sibling, 2), [0, 2]);
            assert_eq!(choose(&[0, 1, 2, 3], first_sibling, 3), [0, 2, 1]);
            // Without its sibling a second thread is a core of its own.
            assert_eq!(choose(&[1, 2, 3], first_sibling, 2), [1, 2]);
            assert_eq!(choose(&[4, 5, 6], |_| None, 2), [4, 5]);
        }

        #[test]
        fn on_processors_holds_for_threads_started_after() {
            let kept = on_processors(1, || {
                let inner = std::thread::spawn(|| sched_getaffinity(None).unwrap().count());
                Ok(inner.join().unwrap())
            });
            assert_eq!(kept.unwrap(), 1);
            let error = on_processors(1 << 20, || Ok(())).unwrap_err().to_string();
            assert!(error.contains("threads asked for"), "{error}");
        }
    }
}
