//! Tasks that do not depend on each other, over some threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The results of `task(0)` to `task(tasks - 1)`, in this order, on up to `threads` threads.
pub(super) fn each<T: Send>(
    threads: usize,
    tasks: usize,
    task: impl Fn(usize) -> T + Sync,
) -> Vec<T> {
    if threads <= 1 || tasks <= 1 {
        return (0..tasks).map(task).collect();
    }
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(tasks)));
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= tasks {
                return;
            }
            let result = task(index);
            // A thread that panics takes the whole scope with it, so no lock is ever found poisoned.
            if let Ok(mut done) = done.lock() {
                done.push((index, result));
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads.min(tasks) {
            scope.spawn(work);
        }
        work();
    });
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|&(index, _)| index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::each;

    #[test]
    fn results_are_in_the_order_of_tasks_on_any_number_of_threads() {
        for threads in [0, 1, 2, 7] {
            let squares = each(threads, 5, |index| index * index);
            assert_eq!(squares, [0, 1, 4, 9, 16], "{threads} threads");
        }
        assert!(each(3, 0, |index| index).is_empty());
    }
}
