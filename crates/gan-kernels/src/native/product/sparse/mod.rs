//! A product whose A has many zeros, of which only the rest is multiplied.
//!
//! Rectifiers, dropout and the pieces of maxout that did not win leave zeros in half to nine tenths
//! of what they give on.
//! Leaving a zero out changes no bit of a sum, so results are those of the dense product, but that a
//! zero beside an infinity or NaN hides it, and that a zero which underflowed keeps its sign.
//! Where the dense product rounds its factors to bf16, gradients alone are computed here, unrounded.
//!
//! The tile of a dense product reads a register of B once for twelve rows; here each row reads
//! other parts of B, so a block of it, [`DEPTH_OF_BLOCK`] deep and a few registers wide, stays in
//! the first-level cache while row after row is multiplied by it.
//! A multiply-add then costs a load, and about a third more than a dense one.

mod keep;
mod plan;
mod task;

use std::ops::Range;

use super::pack::pack_cols;
use super::{Epilogue, Operand, Product};
use crate::Real;
use crate::native::{Isa, Lanes, Native, SharedRows};
pub(crate) use keep::Kept;
use keep::{GroupMut, keep_group};
pub(super) use plan::Plan;
use plan::STEP;
use task::run_task;

/// FLOP of the dense product below which zeros are not worth looking for.
const FLOP_AT_LEAST: usize = 1 << 23;
/// Columns that a product must have, since an entry of A costs as much as a few of them.
const COLS_AT_LEAST: usize = 32;
/// The cost of a multiply-add that is left, in terms of a dense one, as measured on Zen 4.
const PRICE: f64 = 1.3;
/// The cost of looking at an entry of A where no instruction moves those that are kept together, in
/// multiply-adds of the dense product, as measured on Zen 3.
const ENTRY_ON_AVX2: f64 = 150.0;
/// The cost of turning the sums on top, for each multiply-add of the dense product.
const PRICE_OF_TURNING: f64 = 0.1;
/// Rows of a factor's memory that are looked at to estimate its share of zeros.
const ROWS_LOOKED_AT: usize = 16;

/// The factor whose zeros are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// `C = A·B`.
    A,
    /// `Cᵀ = Bᵀ·Aᵀ`, so that B's are.
    B,
}

/// When zeros are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Zeros {
    /// Where there seem to be enough of them, by a look at some rows.
    Measured,
    /// Always, and of B where the epilogue takes either way.
    #[cfg(test)]
    SkippedIn(Side),
    /// Never.
    #[cfg(test)]
    Multiplied,
}

/// The side whose zeros to leave out, if that is worth while.
pub(super) fn side<T: Real, E: Epilogue<T>>(
    native: &Native<T>,
    isa: Isa,
    p: &Product<'_, T>,
    epilogue: &E,
) -> Option<Side> {
    // Bits are those of the dense product, unless that one rounds its factors.
    let other_bits = isa.terms() > 1;
    if p.k == 0 || epilogue.depth_at_most() < p.k || (other_bits && epilogue.rows_alone()) {
        return None;
    }
    let either_way = epilogue.either_way();
    match native.zeros {
        Zeros::Measured => {}
        #[cfg(test)]
        Zeros::SkippedIn(side) => return Some(if either_way { side } else { Side::A }),
        #[cfg(test)]
        Zeros::Multiplied => return None,
    }
    if 2 * p.m * p.n * p.k < FLOP_AT_LEAST || p.m.min(p.n) < COLS_AT_LEAST {
        return None;
    }
    // Times in units of a dense multiply-add of unrounded factors.
    let dense = 1.0 / isa.terms() as f64;
    // An update stays as it was, since its sum of squares has the bits of one of the two ways.
    let entry = match isa {
        Isa::Avx2 if !either_way => ENTRY_ON_AVX2,
        _ => 0.0,
    };
    let a = entry / p.n as f64 + PRICE * density(&p.a, p.m, p.k);
    let b = if either_way {
        PRICE_OF_TURNING + PRICE * density(&p.b.transposed(), p.n, p.k)
    } else {
        f64::INFINITY
    };
    if b < a.min(dense) {
        Some(Side::B)
    } else {
        (a < dense).then_some(Side::A)
    }
}

/// The share of a factor that is other than zero, estimated.
fn density<T: Real>(a: &Operand<'_, T>, rows: usize, depth: usize) -> f64 {
    let (lines, len, stride) = if a.col_stride == 1 {
        (rows, depth, a.row_stride)
    } else {
        (depth, rows, a.col_stride)
    };
    let looked_at = lines.min(ROWS_LOOKED_AT);
    let kept = |line: usize| {
        let line = &a.data[line * lines / looked_at * stride..][..len];
        line.iter().filter(|&&x| x != T::ZERO).count()
    };
    (0..looked_at).map(kept).sum::<usize>() as f64 / (looked_at * len) as f64
}

/// The data that all tasks of a product share.
struct Job<'a, T, E> {
    product: &'a Product<'a, T>,
    plan: &'a Plan,
    epilogue: &'a E,
    kept: &'a Kept<T>,
    /// All strips, one after the other, where they are shared.
    strips: &'a [T],
}

/// A task's own memory.
struct Own<'a, T> {
    strip: &'a mut [T],
    sums: &'a mut [T],
    totals: &'a mut [T],
    turned: &'a mut [T],
    state: &'a mut [T],
}

impl<'a, T: Real> Own<'a, T> {
    /// The lengths of the parts, in their order.
    fn lengths<E: Epilogue<T>>(plan: &Plan, epilogue: &E) -> [usize; 5] {
        let strip = if plan.shared { 0 } else { plan.strip() };
        let turned = STEP.max(plan.depth_of_block.next_multiple_of(STEP));
        let columns = match plan.side {
            Side::A => plan.strip_cols,
            Side::B => plan.rows_of_group,
        };
        [
            strip,
            plan.sums(),
            plan.totals(),
            plan.rows_of_group * turned,
            epilogue.state_per_column() * columns,
        ]
    }

    fn cut(all: &'a mut [T], [strip, sums, totals, turned, _]: [usize; 5]) -> Self {
        let (strip, rest) = all.split_at_mut(strip);
        let (sums, rest) = rest.split_at_mut(sums);
        let (totals, rest) = rest.split_at_mut(totals);
        let (turned, state) = rest.split_at_mut(turned);
        Self {
            strip,
            sums,
            totals,
            turned,
            state,
        }
    }
}

/// The functions that are compiled for each instruction set.
struct Code<T, E> {
    keep: unsafe fn(&Product<'_, T>, &Plan, usize, GroupMut<'_, T>, &mut [T]),
    pack: unsafe fn(&Product<'_, T>, &Plan, Range<usize>, &mut [T]),
    run: unsafe fn(&Job<'_, T, E>, usize, Own<'_, T>),
}

/// The code for an instruction set; how many tiles a row is multiplied by at a time is as many as
/// their sums have registers, and a block of B about the first-level cache.
fn select<T: Real, E: Epilogue<T>>(isa: Isa) -> Code<T, E> {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 | Isa::Avx512Bf16 => Code {
            keep: keep_avx512::<T>,
            pack: pack_avx512::<T>,
            run: run_avx512::<T, E>,
        },
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => Code {
            keep: keep_avx2::<T>,
            pack: pack_avx2::<T>,
            run: run_avx2::<T, E>,
        },
        #[cfg(test)]
        Isa::WideTile => Code {
            keep: keep_group::<T, T::Wide, false>,
            pack: pack::<T, T::Wide, false>,
            run: run_task::<T, E, T::Wide, 3, false>,
        },
        _ => Code {
            keep: keep_group::<T, T::Baseline, false>,
            pack: pack::<T, T::Baseline, false>,
            run: run_task::<T, E, T::Baseline, 4, false>,
        },
    }
}

macro_rules! compiled_for {
    ($features:literal, $lanes:ident, $tiles:literal, $wide:literal, $keep:ident, $pack:ident, $run:ident) => {
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $features)]
        unsafe fn $keep<T: Real>(
            p: &Product<'_, T>,
            plan: &Plan,
            group: usize,
            kept: GroupMut<'_, T>,
            turned: &mut [T],
        ) {
            // SAFETY: compiled for the instructions, which the caller has found.
            unsafe { keep_group::<T, T::$lanes, $wide>(p, plan, group, kept, turned) };
        }

        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $features)]
        unsafe fn $pack<T: Real>(
            p: &Product<'_, T>,
            plan: &Plan,
            cols: Range<usize>,
            packed: &mut [T],
        ) {
            // SAFETY: as above.
            unsafe { pack::<T, T::$lanes, $wide>(p, plan, cols, packed) };
        }

        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $features)]
        unsafe fn $run<T: Real, E: Epilogue<T>>(job: &Job<'_, T, E>, task: usize, own: Own<'_, T>) {
            // SAFETY: as above.
            unsafe { run_task::<T, E, T::$lanes, $tiles, $wide>(job, task, own) };
        }
    };
}

compiled_for!(
    "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma",
    Avx512,
    3,
    true,
    keep_avx512,
    pack_avx512,
    run_avx512
);
compiled_for!("avx2,fma", Avx2, 5, false, keep_avx2, pack_avx2, run_avx2);

/// Packs some columns of B, all of the depth.
///
/// # Safety
/// As [`run_task`].
#[inline(always)]
unsafe fn pack<T: Real, L: Lanes<T>, const WIDE: bool>(
    p: &Product<'_, T>,
    plan: &Plan,
    cols: Range<usize>,
    packed: &mut [T],
) {
    pack_cols::<T, WIDE>(2 * L::LEN, p, 0..p.k, cols, packed, plan.depth_of_pass);
}

/// How [`run`] will cut this product.
pub(super) fn plan<T: Real, E: Epilogue<T>>(
    isa: Isa,
    side: Side,
    product: &Product<'_, T>,
    epilogue: &E,
    threads: usize,
) -> Plan {
    match side {
        Side::A => Plan::new(isa, side, product, epilogue, threads),
        Side::B => Plan::new(isa, side, &product.transposed(), epilogue, threads),
    }
}

/// Computes the product and feeds its tiles to `epilogue`.
pub(super) fn run<T: Real, E: Epilogue<T>>(
    native: &Native<T>,
    isa: Isa,
    plan: &Plan,
    product: &Product<'_, T>,
    epilogue: &E,
) {
    let turned;
    let product = match plan.side {
        Side::A => product,
        Side::B => {
            turned = product.transposed();
            &turned
        }
    };
    let code = select::<T, E>(isa);
    let of_task = Own::lengths(plan, epilogue);
    let own_len = of_task.iter().sum();
    let strips_len = if plan.shared {
        plan.strips * plan.strip()
    } else {
        0
    };

    let mut scratch = native.scratch();
    let mut kept = std::mem::take(&mut scratch.kept);
    kept.reserve(plan, product.k);
    let (strips, workers, apart) = scratch.reserve(strips_len, native.threads(), own_len);
    let workers = SharedRows::new(workers, apart);
    let own = |worker: usize| {
        // SAFETY: in every fork below the pool never runs one worker twice at a time.
        Own::cut(unsafe { workers.part(worker, 0, own_len) }, of_task)
    };

    let groups = kept.groups(plan, product.k);
    native.pool.run(plan.groups, &|worker, group| {
        // SAFETY: each group has one task; `select` returned the code for the instructions that
        // were detected.
        unsafe { (code.keep)(product, plan, group, groups.get(group), own(worker).turned) };
    });
    if plan.shared {
        pack_strips(native, isa, &code, product, plan, strips);
    }
    let job = Job {
        product,
        plan,
        epilogue,
        kept: &kept,
        strips,
    };
    native.pool.run(plan.tasks(), &|worker, task| {
        // SAFETY: as above.
        unsafe { (code.run)(&job, task, own(worker)) };
    });
    scratch.kept = kept;
}

/// Packs all strips, some tiles at a time.
fn pack_strips<T: Real, E>(
    native: &Native<T>,
    isa: Isa,
    code: &Code<T, E>,
    product: &Product<'_, T>,
    plan: &Plan,
    strips: &mut [T],
) {
    const TILES: usize = 4;
    let (_, cols_of_tile) = isa.tile::<T>();
    let at_a_time = TILES * cols_of_tile;
    let of_strip = plan.strip_cols.div_ceil(at_a_time);
    let packed = SharedRows::new(strips, plan.depth_of_pass);
    native.pool.run(plan.strips * of_strip, &|_, part| {
        let (strip, part) = (part / of_strip, part % of_strip);
        let first = strip * plan.strip_cols;
        let (from, to) = (
            part * at_a_time,
            plan.strip_cols.min((part + 1) * at_a_time),
        );
        let cols = first + from..product.n.min(first + to);
        if !cols.is_empty() {
            let len = (to - from) * plan.depth_of_pass;
            // SAFETY: each part has columns of its own, whole tiles; `select` returned the code for
            // the instructions that were detected.
            unsafe { (code.pack)(product, plan, cols, packed.part(first + from, 0, len)) };
        }
    });
}
