//! Nothing that an iteration consists of allocates once it has run at its largest shape.

#![allow(clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use gan_kernels::cases::{CASES, Checker, Op};
use gan_kernels::{Native, Real};

/// Counts the allocations of all threads.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator; only a counter is added.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(start, layout, size) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(start, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations_after_warm_up<T: Real>(rounds: usize, is_large: fn(&Op) -> bool) -> usize {
    let native = Native::<T>::new(Some(3)).unwrap();
    let matrix = |rows, cols| gan_kernels::Backend::matrix(&native, rows, cols);
    let checker = Checker::new(&native, &matrix);
    // A log-likelihood is no part of an iteration, and returns its result in a new vector.
    let iteration = |op: &Op| !matches!(op, Op::Parzen { .. }) && !is_large(op);
    let mut prepared: Vec<_> = CASES
        .iter()
        .filter(|case| iteration(&case.op))
        .map(|case| checker.prepare(case))
        .collect();
    let mut round = || {
        for prepared in &mut prepared {
            prepared.run(&native).unwrap();
        }
    };
    round();
    let before = ALLOCATIONS.load(Ordering::SeqCst);
    (0..rounds).for_each(|_| round());
    ALLOCATIONS.load(Ordering::SeqCst) - before
}

/// The only test of this file: another test's allocations would be counted as well.
#[test]
fn iteration_operations_after_warm_up_allocate_nothing() {
    let large = |op: &Op| match op {
        Op::LinearFwd { shape, .. }
        | Op::LinearBwdData { shape, .. }
        | Op::LinearBwdParams { shape, .. } => shape.m * shape.n * shape.k > 4_000_000,
        _ => false,
    };
    assert_eq!(allocations_after_warm_up::<f32>(100, large), 0);
    assert_eq!(allocations_after_warm_up::<f64>(2, |_| false), 0);
}
