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
pub(crate) fn peak(threads: usize) -> Option<(&'static str, f64)> {
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

fn widest() -> Option<(&'static str, Loop)> {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has it.
            return Some(("AVX-512", |steps| unsafe { avx512(steps) }));
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has both.
            return Some(("AVX2", |steps| unsafe { avx2(steps) }));
        }
    }
    // Every aarch64 processor that this builds for has NEON.
    cfg!(target_arch = "aarch64").then_some(("NEON", chains::<4>))
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn avx512(steps: usize) -> f64 {
    chains::<16>(steps)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(steps: usize) -> f64 {
    chains::<8>(steps)
}

/// `steps` multiply-adds in each chain of vectors of `LANES`; the factor keeps every value near 1.
#[inline(always)]
fn chains<const LANES: usize>(steps: usize) -> f64 {
    let [factor, summand] = [black_box([0.5_f32; LANES]), black_box([0.5; LANES])];
    let mut sums = [black_box([1.0_f32; LANES]); CHAINS];
    for _ in 0..steps {
        for sum in &mut sums {
            for lane in 0..LANES {
                sum[lane] = sum[lane].mul_add(factor[lane], summand[lane]);
            }
        }
    }
    black_box(sums);
    (2 * LANES * CHAINS * steps) as f64
}
