//! A persistent pool of threads for loops of a few microseconds to milliseconds.
//!
//! An iteration forks and joins some forty times in 10 ms or less and must not allocate, so threads
//! stay, wait a moment in a spin, then sleep (docs/decisions/0003-own-thread-pool.md).

use std::cell::UnsafeCell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::BackendError;

/// The function that one fork runs, of `(worker, task)`.
type Body<'a> = dyn Fn(usize, usize) + Sync + 'a;

/// How long a thread spins for the next fork or join before it sleeps or yields.
///
/// Between two forks of an iteration lie a few microseconds, or what one thread does alone, such as
/// D's last layer; past that another program deserves the core.
const SPIN: Duration = Duration::from_micros(100);

/// How long it spins while the others are still busy with the present fork's last tasks.
///
/// The next fork follows at once. To sleep until then costs more than a task: on a virtual machine
/// a processor that sleeps is given away, and comes back after tens to hundreds of microseconds.
const SPIN_WITHIN_FORK: Duration = Duration::from_millis(2);

/// Threads that run the tasks of one fork after another.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    /// Serialises forks: a pool runs one at a time.
    fork: Mutex<()>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    /// One for each thread.
    shares: Vec<Share>,
    /// The number of forks that there have been; the shares of the last are filled before it counts.
    forks: AtomicU64,
    body: UnsafeCell<Fork>,
    done: AtomicUsize,
    /// 1 while a fork has tasks that are not done.
    busy: AtomicUsize,
    panicked: AtomicBool,
    /// Threads that have begun to look for work.
    started: AtomicUsize,
    sleepers: AtomicUsize,
    lock: Mutex<()>,
    wake: Condvar,
    stop: AtomicBool,
}

/// A thread's tasks of the current fork: successive ones, the same ones of every fork of as many.
///
/// An operation comes back in every iteration, and finds its part of the weights in the caches of
/// the core that had it last; who is done with its own takes from the others.
///
/// Low half: tasks that nobody has claimed; high half: which fork.
/// A claim is a compare-and-swap of the whole word, so a thread that wakes late can only ever
/// claim from the fork that is current, whose body is alive until all its tasks are done.
// On a cache line of its own: a claim should not disturb the others.
#[repr(align(64))]
struct Share(AtomicU64);

#[derive(Clone, Copy)]
struct Fork {
    body: *const Body<'static>,
    tasks: usize,
}

// SAFETY: `body` is written only between forks, by the one thread that holds `Pool::fork`, and read
// only after a successful claim; the claim's acquire pairs with the release store of the share.
unsafe impl Sync for Shared {}
// SAFETY: the raw pointer inside is only dereferenced while the fork that set it waits.
unsafe impl Send for Shared {}

impl Pool {
    /// A pool of `threads` threads, the caller's among them.
    pub(crate) fn new(threads: usize) -> Result<Self, BackendError> {
        fn nothing(_: usize, _: usize) {}
        let shared = Arc::new(Shared {
            shares: (0..threads).map(|_| Share(AtomicU64::new(0))).collect(),
            forks: AtomicU64::new(0),
            body: UnsafeCell::new(Fork {
                body: &nothing,
                tasks: 0,
            }),
            done: AtomicUsize::new(0),
            busy: AtomicUsize::new(0),
            panicked: AtomicBool::new(false),
            started: AtomicUsize::new(0),
            sleepers: AtomicUsize::new(0),
            lock: Mutex::new(()),
            wake: Condvar::new(),
            stop: AtomicBool::new(false),
        });
        let mut pool = Self {
            shared,
            fork: Mutex::new(()),
            threads: Vec::new(),
        };
        for worker in 1..threads {
            let shared = Arc::clone(&pool.shared);
            let thread = std::thread::Builder::new()
                .name(format!("gan-worker-{worker}"))
                .spawn(move || shared.work(worker))
                .map_err(|source| BackendError::Threads {
                    threads,
                    source: source.into(),
                })?;
            pool.threads.push(thread);
        }
        // A thread allocates as it starts, which on a busy machine may be many forks later, and
        // would then be in the middle of an iteration.
        let started = || pool.shared.started.load(Ordering::Acquire) == pool.threads.len();
        pool.shared.wait_until(started);
        Ok(pool)
    }

    /// Number of threads, the caller's among them.
    pub(crate) fn threads(&self) -> usize {
        self.threads.len() + 1
    }

    /// Runs `body(worker, task)` for every task below `tasks`, each once, in any order, and returns
    /// when all are done.
    ///
    /// No two calls at one time have the same `worker`, which is below [`Pool::threads`].
    /// `body` must not call `run` of the same pool: the inner call would wait for the outer.
    ///
    /// Several threads may call `run`; theirs are one fork after another.
    /// What the caller wrote before `run`, every task sees; what the tasks wrote, the caller sees
    /// after it: the store of a share releases, each claim acquires and, being a read-modify-write,
    /// hands the release on; `done` does the same in the other direction.
    pub(crate) fn run(&self, tasks: usize, body: &Body<'_>) {
        let _one_at_a_time = lock(&self.fork);
        if self.threads.is_empty() || tasks <= 1 {
            (0..tasks).for_each(|task| body(0, task));
            return;
        }
        assert!(u32::try_from(tasks).is_ok(), "pool: 2^32 tasks or more");
        let shared = &*self.shared;
        // SAFETY: this erases the lifetime of `body`; the call returns only after every task is
        // done, and no thread dereferences the pointer without having claimed a task of this fork.
        let body = unsafe { std::mem::transmute::<&Body<'_>, &Body<'static>>(body) };
        // SAFETY: all tasks of the previous fork are done, so nobody reads the cell now.
        unsafe { *shared.body.get() = Fork { body, tasks } };
        shared.done.store(0, Ordering::Relaxed);
        shared.busy.store(1, Ordering::Relaxed);
        let fork = shared.forks.load(Ordering::Relaxed).wrapping_add(1);
        for (thread, share) in shared.shares.iter().enumerate() {
            let unclaimed = shared.share(thread, tasks).len() as u64;
            share.0.store(fork << 32 | unclaimed, Ordering::Release);
        }
        shared.forks.store(fork, Ordering::SeqCst);
        if shared.sleepers.load(Ordering::SeqCst) > 0 {
            let _guard = lock(&shared.lock);
            shared.wake.notify_all();
        }
        while shared.claim_and_run(0) {}
        shared.wait_until(|| shared.done.load(Ordering::Acquire) == tasks);
        shared.busy.store(0, Ordering::Release);
        if shared.panicked.swap(false, Ordering::Relaxed) {
            panic!("a worker thread panicked; its message is above");
        }
    }
}

impl Shared {
    /// The tasks that are a thread's own, of so many.
    fn share(&self, thread: usize, tasks: usize) -> Range<usize> {
        let threads = self.shares.len();
        tasks * thread / threads..tasks * (thread + 1) / threads
    }

    /// Runs one task if any is unclaimed, the worker's own first.
    fn claim_and_run(&self, worker: usize) -> bool {
        let threads = self.shares.len();
        (worker..worker + threads).any(|thread| self.claim_and_run_of(thread % threads, worker))
    }

    /// Runs one task of a thread's share if any is unclaimed.
    fn claim_and_run_of(&self, thread: usize, worker: usize) -> bool {
        let share = &self.shares[thread].0;
        let mut ticket = share.load(Ordering::Acquire);
        loop {
            let unclaimed = ticket as u32 as usize;
            if unclaimed == 0 {
                return false;
            }
            let claimed = share.compare_exchange_weak(
                ticket,
                ticket - 1,
                Ordering::AcqRel,
                Ordering::Acquire,
            );
            match claimed {
                Err(current) => ticket = current,
                Ok(_) => {
                    // SAFETY: the claim succeeded, so this fork is current and cannot end before
                    // `done` counts this task; its body is alive and the cell is not written.
                    let (body, task) = unsafe {
                        let fork = *self.body.get();
                        let end = self.share(thread, fork.tasks).end;
                        (&*fork.body, end - unclaimed)
                    };
                    // A panic must not leave the fork waiting for ever.
                    if catch_unwind(AssertUnwindSafe(|| body(worker, task))).is_err() {
                        self.panicked.store(true, Ordering::Relaxed);
                    }
                    self.done.fetch_add(1, Ordering::Release);
                    return true;
                }
            }
        }
    }

    fn work(&self, worker: usize) {
        self.started.fetch_add(1, Ordering::Release);
        loop {
            // Before looking for tasks: a fork that comes meanwhile must not be missed.
            let seen = self.forks.load(Ordering::SeqCst);
            let ready =
                || self.forks.load(Ordering::SeqCst) != seen || self.stop.load(Ordering::Relaxed);
            while self.claim_and_run(worker) {}
            let over = || ready() || self.fork_is_done();
            spin_until(over, SPIN_WITHIN_FORK);
            if !spin_until(ready, SPIN) {
                self.sleepers.fetch_add(1, Ordering::SeqCst);
                let mut guard = lock(&self.lock);
                while !ready() {
                    guard = self
                        .wake
                        .wait(guard)
                        .unwrap_or_else(PoisonError::into_inner);
                }
                drop(guard);
                self.sleepers.fetch_sub(1, Ordering::SeqCst);
            }
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
        }
    }

    /// True if the present fork has been joined, as far as this thread can tell.
    fn fork_is_done(&self) -> bool {
        self.busy.load(Ordering::Acquire) == 0
    }

    fn wait_until(&self, done: impl Fn() -> bool) {
        while !spin_until(&done, SPIN) {
            // The thread that has the last task may wait for this core.
            std::thread::yield_now();
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        {
            let _guard = lock(&self.shared.lock);
            self.shared.wake.notify_all();
        }
        for thread in self.threads.drain(..) {
            // A worker catches the panics of its tasks, so there is nothing to hear.
            let _ = thread.join();
        }
    }
}

fn spin_until(ready: impl Fn() -> bool, longest: Duration) -> bool {
    // Not every platform has a clock, and one without threads waits for nothing.
    if ready() {
        return true;
    }
    let start = Instant::now();
    loop {
        for _ in 0..64 {
            if ready() {
                return true;
            }
            std::hint::spin_loop();
        }
        if start.elapsed() > longest {
            return false;
        }
    }
}

fn lock(mutex: &Mutex<()>) -> MutexGuard<'_, ()> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many rounds, or fewer under Miri, where each takes a thousand times as long.
    const fn rounds(rounds: u64) -> u64 {
        if cfg!(miri) { rounds / 20 } else { rounds }
    }

    #[test]
    fn run_executes_every_task_once_for_any_number_of_threads() {
        for threads in [1, 2, 3, 7] {
            let pool = Pool::new(threads).unwrap();
            for tasks in [0, 1, 2, 5, 64, 1000] {
                let counts: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                pool.run(tasks, &|worker, task| {
                    assert!(worker < threads);
                    counts[task].fetch_add(1, Ordering::Relaxed);
                });
                assert!(
                    counts
                        .iter()
                        .all(|count| count.load(Ordering::Relaxed) == 1)
                );
            }
        }
    }

    #[test]
    fn run_survives_sleeping_workers_and_many_forks() {
        let pool = Pool::new(3).unwrap();
        let sum = AtomicUsize::new(0);
        for round in 0..rounds(3000) {
            if round % rounds(1000) == 0 {
                std::thread::sleep(Duration::from_millis(5));
            }
            pool.run(7, &|_, task| {
                sum.fetch_add(task, Ordering::Relaxed);
            });
        }
        assert_eq!(sum.into_inner() as u64, rounds(3000) * 21);
    }

    /// Plain, unsynchronised writes before, in and after forks: what orders them is the pool alone.
    #[test]
    fn run_orders_plain_memory_under_contention_sleep_and_panics() {
        const TASKS: usize = 13;
        let pool = Pool::new(4).unwrap();
        let done = std::thread::scope(|scope| {
            let callers: Vec<_> = (0..3_u64)
                .map(|caller| {
                    let pool = &pool;
                    scope.spawn(move || {
                        let mut cells = vec![0_u64; TASKS];
                        for round in 1..=rounds(400) {
                            let rows = crate::native::SharedRows::new(&mut cells, 1);
                            let fails = round % 50 == caller;
                            let outcome = catch_unwind(AssertUnwindSafe(|| {
                                pool.run(TASKS, &|_, task| {
                                    // SAFETY: each task has its own cell.
                                    unsafe { rows.row(task)[0] += round };
                                    assert!(!(fails && task == 7), "on purpose");
                                });
                            }));
                            assert_eq!(outcome.is_err(), fails);
                            if round % 100 == 0 {
                                // Longer than the spin: workers fall asleep.
                                std::thread::sleep(Duration::from_millis(1));
                            }
                            let sum = round * (round + 1) / 2;
                            assert!(cells.iter().all(|&cell| cell == sum));
                        }
                        rounds(400)
                    })
                })
                .collect();
            let done = callers.into_iter().map(|caller| caller.join().unwrap());
            done.sum::<u64>()
        });
        assert_eq!(done, 3 * rounds(400));
    }

    #[test]
    fn drop_reaches_workers_that_spin_sleep_or_have_not_begun() {
        for wait in [0, 0, 20, 40, 100, 1000] {
            for _ in 0..rounds(20) {
                let pool = Pool::new(3).unwrap();
                std::thread::sleep(Duration::from_micros(wait));
                pool.run(2, &|_, _| {});
                drop(pool);
            }
        }
    }

    #[test]
    fn run_reports_a_panic_of_a_task_and_works_afterwards() {
        let pool = Pool::new(2).unwrap();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            pool.run(8, &|_, task| assert!(task != 5, "on purpose"));
        }));
        assert!(outcome.is_err());
        let sum = AtomicUsize::new(0);
        pool.run(4, &|_, task| {
            sum.fetch_add(task, Ordering::Relaxed);
        });
        assert_eq!(sum.into_inner(), 6);
    }
}
