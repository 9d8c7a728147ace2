//! The limits of this machine, measured: the rate of f32 products, of multiply-adds in registers, of
//! copying, and of a word between two threads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use gan_kernels::Native;

use crate::fma;
use crate::products::{OwnProduct, Product};
use crate::results::{Limit, LimitKind};
use crate::timing::{Effort, Times, Turn, turn};

/// Size of the square product that the limit is measured on.
const SIDE: usize = 4096;

/// Everything that `threads` threads can do at best: products by each library, multiply-adds in
/// registers, and a copy; `quick` leaves the products out, which take a while.
pub(crate) fn limits(threads: usize, quick: bool) -> Result<Vec<Limit>> {
    let mut rates = Vec::new();
    if !quick {
        for (name, rate) in product_rates(threads)? {
            rates.push((LimitKind::Product, name, rate));
        }
    }
    if let Some((name, rate)) = fma::peak(threads) {
        rates.push((LimitKind::Registers, name, rate));
    }
    rates.push((LimitKind::Copy, "copy", copy_rate(threads)?));
    let limit =
        |(kind, name, rate): (_, &str, _)| Limit::new(kind, name, Some(threads), "f32", Ok(rate));
    Ok(rates.into_iter().map(limit).collect())
}

/// Seconds of the best of some runs.
fn best_of(rounds: usize, run: Turn<'_>) -> Result<f64> {
    let effort = Effort {
        budget: Duration::ZERO,
        rounds,
        warm_up: 0,
    };
    Ok(effort.alone(run)?.best())
}

/// Seconds that a word takes from one thread to another and back, the median of nine tries.
///
/// On a virtual machine it tells what two processors are: tens of nanoseconds are two cores under
/// one cache, hundreds two under different ones, and some twenty one core's two threads; and the
/// host may move them meanwhile.
pub(crate) fn round_trip() -> f64 {
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
    Times::new((0..9).map(|_| once()).collect()).median()
}

/// Bytes per second, read and written, of copies between buffers far larger than any cache; the
/// best of five.
fn copy_rate(threads: usize) -> Result<f64> {
    const FLOATS: usize = 1 << 26;
    let from = vec![1.0_f32; FLOATS];
    let mut to = vec![0.0_f32; FLOATS];
    let part = FLOATS.div_ceil(threads);
    let copy = turn(|| {
        thread::scope(|scope| {
            for (to, from) in to.chunks_mut(part).zip(from.chunks(part)) {
                scope.spawn(|| to.copy_from_slice(from));
            }
        });
    });
    Ok((2 * FLOATS * size_of::<f32>()) as f64 / best_of(5, copy)?)
}

/// Libraries, and FLOP per second of their f32 product of two square matrices with `threads`
/// threads, the fastest first; the best of three runs of each.
///
/// In the other libraries each thread multiplies its own rows: their own threading is slower here.
fn product_rates(threads: usize) -> Result<Vec<(&'static str, f64)>> {
    let whole = Product::square(SIDE);
    let [a, b] = whole.values();
    let mut c = vec![0.0; SIDE * SIDE];
    let part = SIDE.div_ceil(threads) * SIDE;
    let mut of_others = |multiply: fn(&Product, &[f32], &[f32], &mut [f32])| {
        let run = turn(|| {
            thread::scope(|scope| {
                for (a, c) in a.chunks(part).zip(c.chunks_mut(part)) {
                    let m = c.len() / SIDE;
                    let b = &b;
                    scope.spawn(move || multiply(&Product { m, ..whole }, a, b, c));
                }
            });
        });
        best_of(3, run)
    };
    let mut own = OwnProduct::square(Native::<f32>::new(Some(threads))?, SIDE);
    let mut rates = [
        ("gemm 0.19", of_others(Product::by_gemm)?),
        ("matrixmultiply 0.3", of_others(Product::by_matrixmultiply)?),
        ("this library", best_of(3, turn(|| own.run()))?),
    ]
    .map(|(name, seconds)| (name, whole.flop() / seconds));
    rates.sort_by(|x, y| y.1.total_cmp(&x.1));
    Ok(rates.into())
}
