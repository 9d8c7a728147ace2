//! A slice that tasks write in disjoint parts.

use std::marker::PhantomData;

/// Bytes of a cache line.
pub(crate) const LINE: usize = 64;

/// Rows of equal length over a mutable slice, shared between threads that keep to their own parts.
pub(crate) struct SharedRows<'a, T> {
    start: *mut T,
    len: usize,
    stride: usize,
    slice: PhantomData<&'a mut [T]>,
}

// SAFETY: the methods that reach the memory are unsafe and ask for disjoint parts.
unsafe impl<T: Send> Sync for SharedRows<'_, T> {}
// SAFETY: as above; this is a `&mut [T]` in another form.
unsafe impl<T: Send> Send for SharedRows<'_, T> {}

impl<'a, T> SharedRows<'a, T> {
    /// Rows `stride` apart.
    pub(crate) fn new(slice: &'a mut [T], stride: usize) -> Self {
        Self {
            start: slice.as_mut_ptr(),
            len: slice.len(),
            stride,
            slice: PhantomData,
        }
    }

    /// One whole row.
    ///
    /// # Safety
    /// No other thread uses this row.
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn row(&self, row: usize) -> &mut [T] {
        // SAFETY: the caller's promise.
        unsafe { self.part(row, 0, self.stride) }
    }

    /// `len` elements of a row from `col` on.
    ///
    /// # Safety
    /// No other thread uses these elements.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn part(&self, row: usize, col: usize, len: usize) -> &mut [T] {
        let first = row * self.stride + col;
        assert!(
            first + len <= self.len,
            "shared rows: {first}+{len} of {}",
            self.len
        );
        // SAFETY: in range by the assertion, unshared by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(first), len) }
    }

    /// The memory of the rows, for hints to the cache.
    pub(crate) fn touched(&self) -> Touched {
        Touched {
            start: self.start.cast(),
            stride: self.stride * size_of::<T>(),
        }
    }
}

/// A row-major matrix as memory, for hints to the cache.
#[derive(Clone, Copy)]
pub(crate) struct Touched {
    start: *const u8,
    /// Bytes from one row to the next.
    stride: usize,
}

impl Touched {
    /// No matrix.
    pub(crate) const NOTHING: Self = Self {
        start: std::ptr::null(),
        stride: 0,
    };

    /// True if there is such a matrix.
    #[inline(always)]
    pub(crate) fn exists(self) -> bool {
        !self.start.is_null()
    }

    /// Asks a cache for the line that holds a byte of a row; harmless wherever it is.
    #[inline(always)]
    pub(crate) fn prefetch(self, row: usize, byte: usize, level: Level) {
        let byte = self.start.wrapping_add(row * self.stride + byte);
        prefetch_at(byte, 1, level);
    }
}

/// The level of the cache that is asked.
#[derive(Clone, Copy)]
pub(crate) enum Level {
    /// For data that is needed within a microsecond.
    First,
    /// For data that is needed soon after.
    Second,
}

/// Asks the cache for `len` elements of `data` from `first` on, which may lie beyond its end.
#[inline(always)]
pub(crate) fn prefetch<T>(data: &[T], first: usize, len: usize, level: Level) {
    prefetch_at(data.as_ptr().wrapping_add(first), len, level);
}

#[inline(always)]
fn prefetch_at<T>(first: *const T, len: usize, level: Level) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _MM_HINT_T1, _mm_prefetch};
        for offset in (0..len).step_by(LINE / size_of::<T>()) {
            let line = first.wrapping_add(offset).cast();
            // SAFETY: SSE is in x86-64's baseline, and a prefetch of any address is harmless.
            unsafe {
                match level {
                    Level::First => _mm_prefetch::<_MM_HINT_T0>(line),
                    Level::Second => _mm_prefetch::<_MM_HINT_T1>(line),
                }
            }
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (first, len, level);
}
