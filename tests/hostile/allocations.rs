//! An allocator that counts per thread: how much memory a single-threaded piece of work takes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, counted; a test program makes it its `#[global_allocator]`.
pub struct Counting;

thread_local! {
    static NOW: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
    static TOTAL: Cell<usize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    let now = NOW.get() + bytes;
    NOW.set(now);
    PEAK.set(PEAK.get().max(now));
}

// SAFETY: every call is handed to the system's allocator as it came; counting neither allocates,
// since the cells are constant and need no destructor, nor touches the memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        TOTAL.set(TOTAL.get() + layout.size());
        // SAFETY: the caller's promise is the one that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: `pointer` came from `System` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// The most memory that `work` holds at one time beyond what there was before, in bytes; 0 where
/// [`Counting`] is not the allocator.
pub fn peak(work: impl FnOnce()) -> usize {
    let before = NOW.get();
    PEAK.set(before);
    work();
    (PEAK.get() - before) as usize
}

/// The bytes that `work` allocates in all, those that it gives back included; 0 where [`Counting`] is
/// not the allocator.
pub fn total(work: impl FnOnce()) -> usize {
    let before = TOTAL.get();
    work();
    TOTAL.get() - before
}
