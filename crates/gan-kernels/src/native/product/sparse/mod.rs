//! A product whose A has many zeros, of which only the rest is multiplied.
//!
//! Rectifiers, dropout and the pieces of maxout that did not win leave zeros in half to nine tenths
//! of what they give on.
//! Leaving a zero out changes no bit of a sum, so results are those of the dense product.
//!
//! The tile of a dense product reads a register of B once for twelve rows; here each row reads
//! other parts of B, so a block of it, [`DEPTH_OF_BLOCK`] deep and a few registers wide, stays in
//! the first-level cache while row after row is multiplied by it.
//! A multiply-add then costs one load, a fifth more than a dense one.

mod keep;
mod task;

use std::ops::Range;

use super::pack::pack_cols;
use super::{DEPTH_BYTES, ENOUGH_TASKS, Epilogue, Operand, Product, evenly, gcd};
use crate::Real;
use crate::native::{Isa, Lanes, Native, SharedRows};
pub(crate) use keep::Kept;
use keep::{GroupMut, keep_group};
use task::run_task;

/// Terms of a sum whose rows of B the first-level cache holds, three tiles wide.
const DEPTH_OF_BLOCK: usize = 100;
/// Numbers that are transposed at a time, and what groups of rows are a multiple of: a cache line.
const STEP: usize = 16;

/// How large the parts of a product are at most.
struct Limits {
    /// Rows of sums that a block of B is read for.
    rows_of_group: usize,
    /// A strip of B, a group of sums and what its epilogue touches: about the second-level cache.
    strip_bytes: usize,
}

const ACTIVATIONS: Limits = Limits {
    rows_of_group: 128,
    strip_bytes: 512 * 1024,
};
/// An update reads and writes as much memory as it multiplies: a strip is as wide as W where it can
/// be, so that W and its moments are passed through in one run.
const PARAMETERS: Limits = Limits {
    rows_of_group: 48,
    strip_bytes: 1400 * 1024,
};
/// Here the rows of a group are columns of W.
const PARAMETERS_TURNED: Limits = Limits {
    rows_of_group: 400,
    strip_bytes: 600 * 1024,
};
/// Groups that a task keeps at least where it packs its own strip.
const GROUPS_AT_LEAST: usize = 3;
/// Tiles that are packed at a time where strips are shared.
const TILES_AT_A_TIME: usize = 4;
/// Strips that few rows are cut into at least, so that a few threads find equal shares.
const STRIPS_AT_LEAST: usize = 8;
/// FLOP of the dense product below which zeros are not worth looking for.
const FLOP_AT_LEAST: usize = 1 << 23;
/// Columns that a product must have, since an entry of A costs as much as a few of them.
const COLS_AT_LEAST: usize = 32;
/// What a multiply-add costs that is left, in terms of a dense one, as measured on Zen 4.
const PRICE: f64 = 1.3;
/// What turning the sums costs on top, for each multiply-add of the dense product.
const PRICE_OF_TURNING: f64 = 0.1;
/// Rows of a factor's memory that are looked at to estimate its share of zeros.
const ROWS_LOOKED_AT: usize = 16;

/// Which factor's zeros are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// `C = A·B`.
    A,
    /// `Cᵀ = Bᵀ·Aᵀ`, so that B's are.
    B,
}

/// When zeros are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Zeros {
    /// Where there are enough of them.
    Measured,
    /// Always, and of which factor.
    #[cfg(test)]
    SkippedIn { b: bool },
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
        Zeros::SkippedIn { b } => {
            return Some(if b && either_way { Side::B } else { Side::A });
        }
        #[cfg(test)]
        Zeros::Multiplied => return None,
    }
    if 2 * p.m * p.n * p.k < FLOP_AT_LEAST || p.m.min(p.n) < COLS_AT_LEAST {
        return None;
    }
    // Times in units of a dense multiply-add of unrounded factors.
    let dense = 1.0 / isa.terms() as f64;
    let a = PRICE * density(&p.a, p.m, p.k);
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

/// How a product is cut into tasks.
struct Plan {
    side: Side,
    /// Rows of A in groups, and how many a task has.
    rows_of_group: usize,
    groups: usize,
    groups_of_task: usize,
    /// The depth in passes, those of the dense product, and each in blocks.
    depth_of_pass: usize,
    passes: usize,
    depth_of_block: usize,
    blocks_of_pass: usize,
    strip_cols: usize,
    strips: usize,
    /// Whether all strips are packed first, for all tasks: B is small, and its tasks many.
    shared: bool,
}

impl Plan {
    fn new<T: Real, E: Epilogue<T>>(
        isa: Isa,
        side: Side,
        p: &Product<'_, T>,
        epilogue: &E,
    ) -> Self {
        let (_, cols_of_tile) = isa.tile::<T>();
        let depth_of_pass = evenly(p.k, DEPTH_BYTES / size_of::<T>());
        let depth_of_block = evenly(depth_of_pass, DEPTH_OF_BLOCK);
        let touched = epilogue.touched().iter().filter(|m| m.exists()).count();
        let limits = match side {
            Side::A if touched == 0 => ACTIVATIONS,
            Side::A => PARAMETERS,
            Side::B => PARAMETERS_TURNED,
        };
        // Two groups at least, so that two threads leave the zeros out.
        let rows_at_most = limits.rows_of_group.min(p.m.div_ceil(2));
        let rows_of_group = evenly(p.m, rows_at_most).next_multiple_of(STEP);
        let groups = p.m.div_ceil(rows_of_group);
        let together = match side {
            Side::A => epilogue.columns_together(),
            // What is turned is whole.
            Side::B => STEP,
        };
        let unit = cols_of_tile * together / gcd(cols_of_tile, together);
        let units = p.n.div_ceil(unit).max(1);
        let rows = depth_of_pass + (1 + touched) * rows_of_group;
        let fitting = limits.strip_bytes / (rows * unit * size_of::<T>());
        let passes = p.k.div_ceil(depth_of_pass);
        let shared = (touched > 0 || side == Side::B) && passes == 1;
        let groups_at_least = if epilogue.rows_together() {
            groups
        } else if shared {
            1
        } else {
            GROUPS_AT_LEAST.min(groups)
        };
        // Into how many tasks rows can be cut.
        let parts = groups.div_ceil(groups_at_least);
        let fitting = fitting.min(units * parts / STRIPS_AT_LEAST);
        let strip_cols = unit * evenly(units, fitting.clamp(1, units));
        let strips = p.n.div_ceil(strip_cols);
        let groups_of_task = match side {
            Side::A => (groups / ENOUGH_TASKS.div_ceil(strips)).max(groups_at_least),
            // The state of a task is that of its columns, which here are a group.
            Side::B => 1,
        };
        Self {
            side,
            rows_of_group,
            groups,
            groups_of_task,
            depth_of_pass,
            passes,
            depth_of_block,
            blocks_of_pass: depth_of_pass.div_ceil(depth_of_block),
            strip_cols,
            strips,
            shared,
        }
    }

    fn tasks(&self) -> usize {
        self.strips * self.groups.div_ceil(self.groups_of_task)
    }

    /// The columns of a task, of `n`, and its groups of rows.
    fn part(&self, task: usize, n: usize) -> (Range<usize>, Range<usize>) {
        let parts = self.groups.div_ceil(self.groups_of_task);
        let (strip, part) = match self.side {
            // One strip's after the other: a thread packs what is still in its cache.
            Side::A => (task / parts, task % parts),
            // Columns of W side by side, as the forward pass reads them.
            Side::B => (task % self.strips, task / self.strips),
        };
        let (col, group) = (strip * self.strip_cols, part * self.groups_of_task);
        let groups = group..(group + self.groups_of_task).min(self.groups);
        (col..(col + self.strip_cols).min(n), groups)
    }

    fn blocks(&self) -> usize {
        self.passes * self.blocks_of_pass
    }

    /// The depth of a pass, of `depth` in all.
    fn of_pass(&self, pass: usize, depth: usize) -> Range<usize> {
        pass * self.depth_of_pass..((pass + 1) * self.depth_of_pass).min(depth)
    }

    /// The depth of a block; those of the last pass may be short or empty.
    fn of_block(&self, block: usize, depth: usize) -> Range<usize> {
        let pass = self.of_pass(block / self.blocks_of_pass, depth);
        let first = pass.start + block % self.blocks_of_pass * self.depth_of_block;
        first.min(pass.end)..(first + self.depth_of_block).min(pass.end)
    }

    fn rows_of(&self, group: usize, m: usize) -> Range<usize> {
        group * self.rows_of_group..((group + 1) * self.rows_of_group).min(m)
    }

    /// Numbers of a packed strip.
    fn strip(&self) -> usize {
        self.depth_of_pass * self.strip_cols
    }

    /// Sums of a group.
    fn sums(&self) -> usize {
        self.rows_of_group * self.strip_cols
    }

    /// Sums of a task that wait for a later pass.
    fn totals(&self) -> usize {
        if self.passes > 1 {
            self.groups_of_task * self.sums()
        } else {
            0
        }
    }

    /// Room for the entries of a group. One number more than there are may be written.
    fn entries(&self, depth: usize) -> usize {
        self.rows_of_group * depth + STEP
    }
}

/// What all tasks of a product share.
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

/// What is compiled for each instruction set.
struct Code<T, E> {
    keep: unsafe fn(&Product<'_, T>, &Plan, usize, GroupMut<'_, T>, &mut [T]),
    pack: unsafe fn(&Product<'_, T>, &Plan, Range<usize>, &mut [T]),
    run: unsafe fn(&Job<'_, T, E>, usize, Own<'_, T>),
}

/// Numbers in the registers of baseline code, and of wide ones in a test.
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

// How many tiles a row is multiplied by at a time: as many as their sums have registers, and a
// block of B the first-level cache.
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

/// Number of tasks that [`run`] will cut this product into.
pub(super) fn task_count<T: Real, E: Epilogue<T>>(
    isa: Isa,
    side: Side,
    product: &Product<'_, T>,
    epilogue: &E,
) -> usize {
    match side {
        Side::A => Plan::new(isa, side, product, epilogue).tasks(),
        Side::B => Plan::new(isa, side, &product.transposed(), epilogue).tasks(),
    }
}

/// Computes the product and feeds its tiles to `epilogue`.
pub(super) fn run<T: Real, E: Epilogue<T>>(
    native: &Native<T>,
    isa: Isa,
    side: Side,
    product: &Product<'_, T>,
    epilogue: &E,
) {
    let turned;
    let product = match side {
        Side::A => product,
        Side::B => {
            turned = product.transposed();
            &turned
        }
    };
    let plan = Plan::new(isa, side, product, epilogue);
    let code = select::<T, E>(isa);
    let (strips_len, strip_len) = if plan.shared {
        (plan.strips * plan.strip(), 0)
    } else {
        (0, plan.strip())
    };
    let (sums_len, totals_len) = (plan.sums(), plan.totals());
    let turned_len = plan.rows_of_group * STEP.max(plan.depth_of_block.next_multiple_of(STEP));
    let state_len = epilogue.state_per_column()
        * match side {
            Side::A => plan.strip_cols,
            Side::B => plan.rows_of_group,
        };
    let entries = plan.entries(product.k);
    let ends = plan.blocks() * plan.rows_of_group;

    let mut scratch = native.scratch();
    let mut kept = std::mem::take(&mut scratch.kept);
    if kept.values.len() < plan.groups * entries {
        kept.values.resize(plan.groups * entries, T::ZERO);
        kept.places.resize(plan.groups * entries, 0);
    }
    if kept.ends.len() < plan.groups * ends {
        kept.ends.resize(plan.groups * ends, 0);
    }
    let own_len = strip_len + sums_len + totals_len + turned_len + state_len;
    let (strips, workers, apart) = scratch.reserve(strips_len, native.threads(), own_len);
    let workers = SharedRows::new(workers, apart);
    let own = |worker: usize| {
        // SAFETY: in both forks below the pool never runs one worker twice at a time.
        let own = unsafe { workers.part(worker, 0, own_len) };
        let (strip, rest) = own.split_at_mut(strip_len);
        let (sums, rest) = rest.split_at_mut(sums_len);
        let (totals, rest) = rest.split_at_mut(totals_len);
        let (turned, state) = rest.split_at_mut(turned_len);
        Own {
            strip,
            sums,
            totals,
            turned,
            state,
        }
    };

    let (values_of, places_of, ends_of) = (
        SharedRows::new(&mut kept.values, entries),
        SharedRows::new(&mut kept.places, entries),
        SharedRows::new(&mut kept.ends, ends),
    );
    native.pool.run(plan.groups, &|worker, group| {
        // SAFETY: each group has one task; `select` returned the code for the instructions that
        // were detected.
        unsafe {
            let group_of = GroupMut {
                values: values_of.row(group),
                places: places_of.row(group),
                ends: ends_of.row(group),
            };
            (code.keep)(product, &plan, group, group_of, own(worker).turned);
        }
    });
    if plan.shared {
        // Parts of strips, as many columns as are packed at a time but for the last of a strip.
        let (_, cols_of_tile) = isa.tile::<T>();
        let at_a_time = TILES_AT_A_TIME * cols_of_tile;
        let of_strip = plan.strip_cols.div_ceil(at_a_time);
        let packed_of = SharedRows::new(strips, plan.depth_of_pass);
        native.pool.run(plan.strips * of_strip, &|_, part| {
            let (strip, part) = (part / of_strip, part % of_strip);
            let first = strip * plan.strip_cols;
            let (from, to) = (
                part * at_a_time,
                plan.strip_cols.min((part + 1) * at_a_time),
            );
            let cols = first + from..product.n.min(first + to);
            if !cols.is_empty() {
                // SAFETY: each part has its own columns of the strips, whole tiles; `select` as
                // above.
                unsafe {
                    let len = (to - from) * plan.depth_of_pass;
                    (code.pack)(product, &plan, cols, packed_of.part(first + from, 0, len));
                }
            }
        });
    }
    let job = Job {
        product,
        plan: &plan,
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
