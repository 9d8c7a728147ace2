//! What this machine can do, measured: the rate of f32 products, of multiply-adds in registers, of
//! copying, and of a word between two threads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::Result;
use gan_kernels::cases::{Checker, Op, Shape, linear_fwd};
use gan_kernels::{Activation, Backend, Native};

use crate::fma;
use crate::results::{Limit, LimitKind};

/// Size of the square product that the limit is measured on.
pub const SIDE: usize = 4096;

/// One library's rate on the product of two 4096 × 4096 matrices.
pub struct Rate {
    /// Whose.
    pub name: &'static str,
    /// FLOP per second, the best of three.
    pub flops: f64,
}

/// Everything that `threads` threads can do at best: products by each library, multiply-adds in
/// registers, and a copy; `quick` leaves the products out, which take a while.
///
/// # Errors
/// If the threads cannot be started.
pub fn limits(threads: usize, quick: bool) -> Result<Vec<Limit>> {
    let limit = |kind, name: &str, rate| Limit {
        kind,
        name: name.into(),
        threads: Some(threads),
        precision: "f32".into(),
        rate: Some(rate),
        skipped: None,
    };
    let products = if quick {
        Vec::new()
    } else {
        product_rates(threads)?
    };
    let mut limits: Vec<Limit> = products
        .iter()
        .map(|rate| limit(LimitKind::Product, rate.name, rate.flops))
        .collect();
    if let Some((name, rate)) = fma::peak(threads) {
        limits.push(limit(LimitKind::Registers, name, rate));
    }
    limits.push(limit(LimitKind::Copy, "copy", copy_rate(threads)));
    Ok(limits)
}

/// Seconds that a word takes from one thread to another and back, the median of nine tries.
///
/// On a virtual machine it tells what two processors are: tens of nanoseconds are two cores under
/// one cache, hundreds two under different ones, and some twenty one core's two threads; and the
/// host may move them meanwhile.
#[must_use]
pub fn round_trip() -> f64 {
    const TIMES: u64 = 20_000;
    let once = || {
        let word = AtomicU64::new(0);
        let say = |said: u64| {
            word.store(said + 1, Ordering::Release);
        };
        let hear = |said: u64| {
            while word.load(Ordering::Acquire) != said {
                std::hint::spin_loop();
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for time in 0..TIMES {
                    hear(2 * time + 1);
                    say(2 * time + 1);
                }
            });
            let start = Instant::now();
            for time in 0..TIMES {
                say(2 * time);
                hear(2 * time + 2);
            }
            start.elapsed().as_secs_f64() / TIMES as f64
        })
    };
    let mut tries: Vec<f64> = (0..9).map(|_| once()).collect();
    tries.sort_by(f64::total_cmp);
    tries[tries.len() / 2]
}

/// Bytes per second, read and written, of copies between buffers far larger than any cache; the
/// best of five.
#[must_use]
pub fn copy_rate(threads: usize) -> f64 {
    const FLOATS: usize = 1 << 26;
    let from = vec![1.0_f32; FLOATS];
    let mut to = vec![0.0_f32; FLOATS];
    let part = FLOATS.div_ceil(threads);
    let mut copy = || {
        let start = Instant::now();
        std::thread::scope(|scope| {
            for (to, from) in to.chunks_mut(part).zip(from.chunks(part)) {
                scope.spawn(|| to.copy_from_slice(from));
            }
        });
        start.elapsed().as_secs_f64()
    };
    let best = (0..5).map(|_| copy()).fold(f64::INFINITY, f64::min);
    (2 * FLOATS * size_of::<f32>()) as f64 / best
}

/// Rates of f32 products with `threads` threads, the best first.
///
/// Each thread multiplies its own columns: the libraries' own threading is slower here.
///
/// # Errors
/// If the threads cannot be started.
pub fn product_rates(threads: usize) -> Result<Vec<Rate>> {
    let flop = 2.0 * (SIDE as f64).powi(3);
    let a: Vec<f32> = (0..SIDE * SIDE).map(|i| (i % 13) as f32 - 6.0).collect();
    let b: Vec<f32> = (0..SIDE * SIDE).map(|i| (i % 7) as f32 - 3.0).collect();
    let mut c = vec![0.0_f32; SIDE * SIDE];
    let mut best = |name, run: &mut dyn FnMut(&mut [f32])| {
        let seconds = (0..3)
            .map(|_| {
                let start = Instant::now();
                run(&mut c);
                start.elapsed().as_secs_f64()
            })
            .fold(f64::INFINITY, f64::min);
        Rate {
            name,
            flops: flop / seconds,
        }
    };
    let mut rates = vec![
        best("gemm 0.19", &mut |c| {
            by_columns(threads, &a, &b, c, gemm_columns)
        }),
        best("matrixmultiply 0.3", &mut |c| {
            by_columns(threads, &a, &b, c, matrixmultiply_columns)
        }),
    ];
    let native = Native::<f32>::new(Some(threads))?;
    let matrix = |rows, cols| native.matrix(rows, cols);
    let checker = Checker::new(&native, &matrix);
    let shape = Shape {
        m: SIDE,
        n: SIDE,
        k: SIDE,
    };
    let op = Op::LinearFwd(linear_fwd::Call {
        shape,
        act: Activation::Identity,
        dropout: None,
    });
    let case = op.case();
    let mut prepared = checker.prepare(&case);
    rates.push(best("this library", &mut |_| {
        // The processor's operations do not fail.
        prepared.run(&native).unwrap_or_default();
    }));
    rates.sort_by(|x, y| y.flops.total_cmp(&x.flops));
    Ok(rates)
}

/// Pointer to the columns of C that a thread writes.
#[derive(Clone, Copy)]
struct Columns(*mut f32);

// SAFETY: every thread writes columns of its own.
unsafe impl Send for Columns {}

impl Columns {
    fn start(self) -> *mut f32 {
        self.0
    }
}

fn by_columns(
    threads: usize,
    a: &[f32],
    b: &[f32],
    c: &mut [f32],
    product: fn(&[f32], &[f32], *mut f32, usize),
) {
    let part = SIDE.div_ceil(threads);
    std::thread::scope(|scope| {
        for first in (0..SIDE).step_by(part) {
            let cols = part.min(SIDE - first);
            let c = Columns(c[first..].as_mut_ptr());
            let b = &b[first..];
            scope.spawn(move || product(a, b, c.start(), cols));
        }
    });
}

fn gemm_columns(a: &[f32], b: &[f32], c: *mut f32, cols: usize) {
    let side = SIDE as isize;
    // SAFETY: the strides stay within the three matrices; threads write disjoint columns.
    unsafe {
        gemm::gemm(
            SIDE,
            cols,
            SIDE,
            c,
            1,
            side,
            false,
            a.as_ptr(),
            1,
            side,
            b.as_ptr(),
            1,
            side,
            0.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

fn matrixmultiply_columns(a: &[f32], b: &[f32], c: *mut f32, cols: usize) {
    let side = SIDE as isize;
    // SAFETY: as above.
    unsafe {
        matrixmultiply::sgemm(
            SIDE,
            SIDE,
            cols,
            1.0,
            a.as_ptr(),
            side,
            1,
            b.as_ptr(),
            side,
            1,
            0.0,
            c,
            side,
            1,
        );
    }
}
