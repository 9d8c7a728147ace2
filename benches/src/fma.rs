//! Fused multiply-adds that touch no memory: what the arithmetic units alone can do.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

/// Chains of multiply-adds that do not wait for each other: two units with a latency of four or
/// five cycles need ten at most, and sixteen registers hold twelve and their operands.
const CHAINS: usize = 12;
/// Steps of every chain, some tens of milliseconds.
const STEPS: usize = 16_000_000;

/// One instruction set's loop; returns the FLOP done.
type Loop = fn(steps: usize) -> f64;

/// The widest vectors that there is a loop for here: their name and FLOP per second with so many
/// threads, the best of three; `None` where there is none.
#[must_use]
pub fn peak(threads: usize) -> Option<(&'static str, f64)> {
    let (name, run) = widest()?;
    // Cores take a moment to reach their clock.
    run(STEPS / 4);
    let best = (0..3).map(|_| once(threads, run)).fold(0.0, f64::max);
    Some((name, best))
}

fn once(threads: usize, run: Loop) -> f64 {
    let ready = Barrier::new(threads);
    let work = || {
        ready.wait();
        let start = Instant::now();
        run(STEPS) / start.elapsed().as_secs_f64()
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let own = work();
        let others = others.into_iter().filter_map(|other| other.join().ok());
        own + others.sum::<f64>()
    })
}

#[cfg(target_arch = "x86_64")]
fn widest() -> Option<(&'static str, Loop)> {
    if is_x86_feature_detected!("avx512f") {
        // SAFETY: the processor has it.
        return Some(("AVX-512", |steps| unsafe { avx512(steps) }));
    }
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: the processor has both.
        return Some(("AVX2", |steps| unsafe { avx2(steps) }));
    }
    None
}

#[cfg(target_arch = "aarch64")]
fn widest() -> Option<(&'static str, Loop)> {
    Some(("NEON", neon))
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn widest() -> Option<(&'static str, Loop)> {
    None
}

/// `STEPS` multiply-adds in each of the chains; the factor keeps every value near 1.
macro_rules! chains {
    ($steps:expr, $lanes:expr, $set:path, $fma:expr) => {{
        let (factor, summand) = ($set(black_box(0.5)), $set(black_box(0.5)));
        let mut sums = [$set(black_box(1.0)); CHAINS];
        for _ in 0..$steps {
            for sum in &mut sums {
                *sum = $fma(*sum, factor, summand);
            }
        }
        black_box(sums);
        (2 * $lanes * CHAINS * $steps) as f64
    }};
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn avx512(steps: usize) -> f64 {
    use std::arch::x86_64::{_mm512_fmadd_ps, _mm512_set1_ps};
    chains!(steps, 16, _mm512_set1_ps, |a, b, c| _mm512_fmadd_ps(
        a, b, c
    ))
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(steps: usize) -> f64 {
    use std::arch::x86_64::{_mm256_fmadd_ps, _mm256_set1_ps};
    chains!(steps, 8, _mm256_set1_ps, |a, b, c| _mm256_fmadd_ps(a, b, c))
}

#[cfg(target_arch = "aarch64")]
fn neon(steps: usize) -> f64 {
    use std::arch::aarch64::{vdupq_n_f32, vfmaq_f32};
    // SAFETY: every aarch64 processor that this builds for has NEON.
    unsafe { chains!(steps, 4, vdupq_n_f32, |a, b, c| vfmaq_f32(c, a, b)) }
}
