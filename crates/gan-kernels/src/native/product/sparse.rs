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

use std::ops::Range;

use super::pack::{Ahead, Coming, pack_cols, transpose, transpose_rows};
use super::{DEPTH_BYTES, ENOUGH_TASKS, Epilogue, Operand, Product, TaskInfo, evenly, gcd};
use crate::Real;
use crate::native::shared_rows::Level;
use crate::native::{Isa, Lanes, Native, SharedRows, Touched};

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
/// Groups that a task keeps at least, to repay the packing of its strip.
const GROUPS_AT_LEAST: usize = 3;
/// Strips that few rows are cut into at least, so that a few threads find equal shares.
const STRIPS_AT_LEAST: usize = 8;
/// FLOP of the dense product below which zeros are not worth looking for.
const FLOP_AT_LEAST: usize = 1 << 23;
/// Columns that a product must have, since an entry of A costs as much as a few of them.
const COLS_AT_LEAST: usize = 32;
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
    if epilogue.depth_at_most() < p.k || p.k == 0 {
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
    // The price of a multiply-add that is left, dense ones cost 1: measured on Zen 4.
    let dense = 1.0 / isa.terms() as f64;
    let a = 1.3 * density(&p.a, p.m, p.k);
    let b = if either_way {
        0.1 + 1.3 * density(&p.b.transposed(), p.n, p.k)
    } else {
        f64::INFINITY
    };
    match (a < dense, b < a.min(dense)) {
        (_, true) => Some(Side::B),
        (true, false) => Some(Side::A),
        (false, false) => None,
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
    /// The depth in blocks, and how many are packed at a time.
    depth_of_block: usize,
    blocks: usize,
    blocks_of_pass: usize,
    strip_cols: usize,
    strips: usize,
}

impl Plan {
    fn new<T: Real, E: Epilogue<T>>(
        isa: Isa,
        side: Side,
        p: &Product<'_, T>,
        epilogue: &E,
    ) -> Self {
        let (_, cols_of_tile) = isa.tile::<T>();
        let depth_of_block = evenly(p.k, DEPTH_OF_BLOCK);
        let blocks = p.k.div_ceil(depth_of_block);
        let blocks_of_pass = evenly(blocks, DEPTH_BYTES / size_of::<T>() / DEPTH_OF_BLOCK);
        let touched = epilogue.touched().iter().filter(|m| m.exists()).count();
        let limits = match side {
            Side::A if touched == 0 => ACTIVATIONS,
            Side::A => PARAMETERS,
            Side::B => PARAMETERS_TURNED,
        };
        let rows_of_group = evenly(p.m, limits.rows_of_group).next_multiple_of(STEP);
        let groups = p.m.div_ceil(rows_of_group);
        let together = match side {
            Side::A => epilogue.columns_together(),
            // What is turned is whole.
            Side::B => STEP,
        };
        let unit = cols_of_tile * together / gcd(cols_of_tile, together);
        let units = p.n.div_ceil(unit).max(1);
        let rows = blocks_of_pass * depth_of_block + (1 + touched) * rows_of_group;
        let fitting = limits.strip_bytes / (rows * unit * size_of::<T>());
        let fitting = fitting.min(units * groups.div_ceil(GROUPS_AT_LEAST) / STRIPS_AT_LEAST);
        let strip_cols = unit * evenly(units, fitting.clamp(1, units));
        let strips = p.n.div_ceil(strip_cols);
        let groups_of_task = match side {
            Side::A if epilogue.rows_together() => groups,
            Side::A => (groups / ENOUGH_TASKS.div_ceil(strips))
                .clamp(1, groups)
                .max(GROUPS_AT_LEAST.min(groups)),
            // The state of a task is that of its columns, which here are a group.
            Side::B => 1,
        };
        Self {
            side,
            rows_of_group,
            groups,
            groups_of_task,
            depth_of_block,
            blocks,
            blocks_of_pass,
            strip_cols,
            strips,
        }
    }

    fn tasks(&self) -> usize {
        self.strips * self.groups.div_ceil(self.groups_of_task)
    }

    /// The columns of a task, of `n`, and its groups of rows.
    fn part(&self, task: usize, n: usize) -> (Range<usize>, Range<usize>) {
        let (strip, part) = (task % self.strips, task / self.strips);
        let (col, group) = (strip * self.strip_cols, part * self.groups_of_task);
        let groups = group..(group + self.groups_of_task).min(self.groups);
        (col..(col + self.strip_cols).min(n), groups)
    }

    fn depth_of_pass(&self) -> usize {
        self.blocks_of_pass * self.depth_of_block
    }

    fn rows_of(&self, group: usize, m: usize) -> Range<usize> {
        group * self.rows_of_group..((group + 1) * self.rows_of_group).min(m)
    }

    /// Groups whose sums are kept at a time: all of a task's if the depth takes several passes.
    fn buffered_groups(&self) -> usize {
        if self.blocks > self.blocks_of_pass {
            self.groups_of_task
        } else {
            1
        }
    }

    /// Room for the entries of a group. One number more than there are may be written.
    fn entries(&self, depth: usize) -> usize {
        self.rows_of_group * depth + STEP
    }
}

/// A's rows without their zeros, group by group; in a group block by block of the depth, and in a
/// block row by row, so that they are read in the order they lie in.
pub(crate) struct Kept<T> {
    values: Vec<T>,
    /// Where in its block each of them was.
    places: Vec<u16>,
    /// Where each row of a block ends, counted from the beginning of its group.
    ends: Vec<u32>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            places: Vec::new(),
            ends: Vec::new(),
        }
    }
}

impl<T> Kept<T> {
    fn group(&self, plan: &Plan, group: usize, depth: usize) -> Group<'_, T> {
        let (entries, ends) = (plan.entries(depth), plan.blocks * plan.rows_of_group);
        Group {
            values: &self.values[group * entries..][..entries],
            places: &self.places[group * entries..][..entries],
            ends: &self.ends[group * ends..][..ends],
        }
    }
}

/// The same of one group.
struct Group<'a, T> {
    values: &'a [T],
    places: &'a [u16],
    ends: &'a [u32],
}

/// One group as it is written.
struct GroupMut<'a, T> {
    values: &'a mut [T],
    places: &'a mut [u16],
    ends: &'a mut [u32],
}

/// What all tasks of a product share.
struct Job<'a, T, E> {
    product: &'a Product<'a, T>,
    plan: &'a Plan,
    epilogue: &'a E,
    kept: &'a Kept<T>,
    /// How many tasks run side by side.
    threads: usize,
}

/// A task's own memory.
struct Own<'a, T> {
    strip: &'a mut [T],
    sums: &'a mut [T],
    turned: &'a mut [T],
    state: &'a mut [T],
}

/// What is compiled for each instruction set.
struct Code<T, E> {
    keep: unsafe fn(&Product<'_, T>, &Plan, usize, GroupMut<'_, T>, &mut [T]),
    run: unsafe fn(&Job<'_, T, E>, usize, Own<'_, T>),
}

/// Numbers in the registers of baseline code, and of wide ones in a test.
fn select<T: Real, E: Epilogue<T>>(isa: Isa) -> Code<T, E> {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 | Isa::Avx512Bf16 => Code {
            keep: keep_avx512::<T>,
            run: run_avx512::<T, E>,
        },
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => Code {
            keep: keep_avx2::<T>,
            run: run_avx2::<T, E>,
        },
        #[cfg(test)]
        Isa::WideTile => Code {
            keep: keep_group::<T, T::Wide, false>,
            run: run_task::<T, E, T::Wide, 3, false>,
        },
        _ => Code {
            keep: keep_group::<T, T::Baseline, false>,
            run: run_task::<T, E, T::Baseline, 4, false>,
        },
    }
}

macro_rules! compiled_for {
    ($features:literal, $lanes:ident, $tiles:literal, $wide:literal, $keep:ident, $run:ident) => {
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
    run_avx512
);
compiled_for!("avx2,fma", Avx2, 5, false, keep_avx2, run_avx2);

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
    let strip_len = plan.depth_of_pass() * plan.strip_cols;
    let sums_len = plan.buffered_groups() * plan.rows_of_group * plan.strip_cols;
    let turned_len = plan.rows_of_group * STEP.max(plan.depth_of_block.next_multiple_of(STEP));
    let state_len = epilogue.state_per_column()
        * match side {
            Side::A => plan.strip_cols,
            Side::B => plan.rows_of_group,
        };
    let entries = plan.entries(product.k);
    let ends = plan.blocks * plan.rows_of_group;

    let mut scratch = native.scratch();
    let mut kept = std::mem::take(&mut scratch.kept);
    if kept.values.len() < plan.groups * entries {
        kept.values.resize(plan.groups * entries, T::ZERO);
        kept.places.resize(plan.groups * entries, 0);
    }
    if kept.ends.len() < plan.groups * ends {
        kept.ends.resize(plan.groups * ends, 0);
    }
    let own_len = strip_len + sums_len + turned_len + state_len;
    let (_, workers, apart) = scratch.reserve(0, native.threads(), own_len);
    let workers = SharedRows::new(workers, apart);
    // SAFETY: in both forks below: the pool never runs one worker twice at a time.
    let own = |worker: usize| {
        let own = unsafe { workers.part(worker, 0, own_len) };
        let (strip, rest) = own.split_at_mut(strip_len);
        let (sums, rest) = rest.split_at_mut(sums_len);
        let (turned, state) = rest.split_at_mut(turned_len);
        Own {
            strip,
            sums,
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
    let job = Job {
        product,
        plan: &plan,
        epilogue,
        kept: &kept,
        threads: native.threads(),
    };
    native.pool.run(plan.tasks(), &|worker, task| {
        // SAFETY: as above.
        unsafe { (code.run)(&job, task, own(worker)) };
    });
    scratch.kept = kept;
}

/// Copies a group of A's rows without their zeros.
///
/// # Safety
/// The processor has the instructions of `L`, and where WIDE those of AVX-512.
#[inline(always)]
unsafe fn keep_group<T: Real, L: Lanes<T>, const WIDE: bool>(
    p: &Product<'_, T>,
    plan: &Plan,
    group: usize,
    kept: GroupMut<'_, T>,
    turned: &mut [T],
) {
    let rows = plan.rows_of(group, p.m);
    let Operand {
        data,
        row_stride,
        col_stride,
    } = p.a;
    let mut end = 0;
    for block in 0..plan.blocks {
        let depth = block * plan.depth_of_block..((block + 1) * plan.depth_of_block).min(p.k);
        // Where rows are columns of memory, all that are whole are turned first.
        let whole = if col_stride == 1 {
            0
        } else {
            rows.len() / STEP * STEP
        };
        let steps = if whole == 0 { 0 } else { depth.len() / STEP };
        for step in 0..steps {
            let source = &data[(depth.start + step * STEP) * col_stride + rows.start..];
            let turned = &mut turned[step * whole * STEP..][..whole * STEP];
            transpose::<T, STEP, WIDE>(source, col_stride, turned);
        }
        for row in 0..rows.len() {
            let source = &data[(rows.start + row) * row_stride + depth.start * col_stride..];
            let mut done = 0;
            if row < whole || col_stride == 1 {
                let (from, each, steps) = if col_stride == 1 {
                    (source, STEP, depth.len() / STEP)
                } else {
                    (&turned[row * STEP..], whole * STEP, steps)
                };
                for step in 0..steps {
                    for part in (0..STEP).step_by(L::LEN) {
                        let from = &from[step * each + part..][..L::LEN];
                        let place = (step * STEP + part) as u16;
                        let values = &mut kept.values[end..][..L::LEN];
                        let places = &mut kept.places[end..][..L::LEN];
                        // SAFETY: as long as a register; the instructions by the caller's promise.
                        end += unsafe {
                            L::keep(
                                from.as_ptr(),
                                place,
                                values.as_mut_ptr(),
                                places.as_mut_ptr(),
                            )
                        };
                    }
                }
                done = steps * STEP;
            }
            let terms = source.iter().step_by(col_stride).take(depth.len());
            for (place, &value) in terms.enumerate().skip(done) {
                kept.values[end] = value;
                kept.places[end] = place as u16;
                end += usize::from(value != T::ZERO);
            }
            kept.ends[block * plan.rows_of_group + row] = end as u32;
        }
        let last = end as u32;
        kept.ends[block * plan.rows_of_group..][rows.len()..plan.rows_of_group].fill(last);
    }
}

/// One strip of columns times some groups of rows.
///
/// # Safety
/// As [`keep_group`].
#[inline(always)]
unsafe fn run_task<T: Real, E: Epilogue<T>, L: Lanes<T>, const TILES: usize, const WIDE: bool>(
    job: &Job<'_, T, E>,
    task: usize,
    own: Own<'_, T>,
) {
    let tile_cols = 2 * L::LEN;
    let Job {
        product: p,
        plan,
        epilogue,
        ..
    } = job;
    let (cols, groups) = plan.part(task, p.n);
    let info = match plan.side {
        Side::A => TaskInfo {
            task,
            cols: cols.clone(),
            first_rows: groups.start == 0,
        },
        Side::B => TaskInfo {
            task,
            cols: plan.rows_of(groups.start, p.m),
            first_rows: cols.start == 0,
        },
    };
    let state_len = match plan.side {
        Side::A => own.state.len(),
        Side::B => epilogue.state_per_column() * info.cols.len(),
    };
    let state = &mut own.state[..state_len];
    epilogue.begin(&info, state);
    let tile_stride = plan.depth_of_pass() * tile_cols;
    let tiles = cols.len().div_ceil(tile_cols);
    for first_block in (0..plan.blocks).step_by(plan.blocks_of_pass) {
        let blocks = first_block..(first_block + plan.blocks_of_pass).min(plan.blocks);
        let last = blocks.end == plan.blocks;
        let depth = |blocks: Range<usize>| {
            blocks.start * plan.depth_of_block..(blocks.end * plan.depth_of_block).min(p.k)
        };
        pack_cols::<T, WIDE>(
            tile_cols,
            p,
            depth(blocks.clone()),
            cols.clone(),
            own.strip,
            plan.depth_of_pass(),
        );
        // What is packed next comes into the second-level cache during the last third of the work.
        let mut ahead = if !last {
            let next = blocks.end..(blocks.end + plan.blocks_of_pass).min(plan.blocks);
            Ahead::new(p, 1, depth(next), cols.clone())
        } else if task + job.threads < plan.tasks() {
            let (cols, _) = plan.part(task + job.threads, p.n);
            Ahead::new(p, 1, depth(0..plan.blocks_of_pass), cols)
        } else {
            Ahead::new(p, 1, 0..0, 0..0)
        };
        let visits = tiles.div_ceil(TILES) * blocks.len();
        let visits_of_task = visits
            * (plan.rows_of(groups.end - 1, p.m).end - plan.rows_of(groups.start, p.m).start);
        let calm = visits_of_task - visits_of_task.div_ceil(3);
        let ahead_of_visit = ahead.lines().div_ceil((visits_of_task - calm).max(1));
        let mut visited = 0;
        for group in groups.clone() {
            let rows = plan.rows_of(group, p.m);
            let buffered = if plan.blocks > plan.blocks_of_pass {
                group - groups.start
            } else {
                0
            };
            let sums_len = plan.rows_of_group * plan.strip_cols;
            let sums = &mut own.sums[buffered * sums_len..][..sums_len];
            let (rows_of_c, cols_of_c) = match plan.side {
                Side::A => (rows.clone(), cols.clone()),
                Side::B => (cols.clone(), rows.clone()),
            };
            // What the epilogue touches comes meanwhile.
            let mut coming = if last {
                Coming::new::<T>(epilogue.touched(), rows_of_c, cols_of_c)
            } else {
                Coming::new::<T>([Touched::NOTHING; 3], 0..0, 0..0)
            };
            let coming_of_visit = coming.lines().div_ceil(visits * rows.len());
            let kept = job.kept.group(plan, group, p.k);
            let mut first = 0;
            while first < tiles {
                let left = tiles - first;
                let now = left.div_ceil(left.div_ceil(TILES));
                for block in blocks.clone() {
                    let mut work = Block {
                        kept: &kept,
                        block,
                        rows: rows.len(),
                        rows_of_group: plan.rows_of_group,
                        b: &own.strip[first * tile_stride..][..now * tile_stride],
                        b_first: (block - first_block) * plan.depth_of_block * tile_cols,
                        tile_stride,
                        sums: &mut sums[first * tile_cols..],
                        sums_stride: plan.strip_cols,
                        ahead: &mut ahead,
                        ahead_of_row: if visited >= calm { ahead_of_visit } else { 0 },
                        coming: &mut coming,
                        coming_of_row: coming_of_visit,
                    };
                    // SAFETY: the caller's promise.
                    unsafe {
                        match now {
                            1 => multiply::<T, L, 1>(&mut work),
                            2 => multiply::<T, L, 2>(&mut work),
                            3 => multiply::<T, L, 3>(&mut work),
                            4 if TILES > 3 => multiply::<T, L, 4>(&mut work),
                            _ if TILES > 4 => multiply::<T, L, 5>(&mut work),
                            _ => unreachable!("{now} tiles at a time"),
                        }
                    }
                    visited += rows.len();
                }
                first += now;
            }
            if !last {
                continue;
            }
            let along = match plan.side {
                Side::A => rows.len(),
                Side::B => cols.len(),
            };
            for from in (0..along).step_by(STEP) {
                let part = from..(from + STEP).min(along);
                let of = |all: &Range<usize>| all.start + part.start..all.start + part.end;
                let (rows, cols, tile, stride) = match plan.side {
                    Side::A => {
                        let tile = &mut sums[from * plan.strip_cols..];
                        (of(&rows), cols.clone(), tile, plan.strip_cols)
                    }
                    Side::B => {
                        let (stride, turned) = (plan.rows_of_group, &mut *own.turned);
                        transpose_rows::<T, WIDE>(&sums[from..], plan.strip_cols, stride, turned);
                        (of(&cols), rows.clone(), turned, stride)
                    }
                };
                epilogue.apply(rows, cols, tile, stride, state);
            }
        }
    }
    epilogue.finish(&info, state);
}

/// A block of B, rows to multiply by it, and what is fetched meanwhile.
struct Block<'a, 'b, T> {
    kept: &'a Group<'a, T>,
    block: usize,
    rows: usize,
    rows_of_group: usize,
    /// Packed tiles, `tile_stride` apart, and where in each the block begins.
    b: &'a [T],
    b_first: usize,
    tile_stride: usize,
    sums: &'a mut [T],
    sums_stride: usize,
    ahead: &'a mut Ahead<'b, T>,
    /// Cache lines to fetch with each row.
    ahead_of_row: usize,
    coming: &'a mut Coming,
    coming_of_row: usize,
}

/// Adds the products of a block of B, TILES wide, to the sums of its rows.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn multiply<T: Real, L: Lanes<T>, const TILES: usize>(work: &mut Block<'_, '_, T>) {
    let tile_cols = 2 * L::LEN;
    assert!(work.b.len() >= TILES * work.tile_stride);
    let b = work.b[work.b_first..].as_ptr();
    for row in 0..work.rows {
        let at = work.block * work.rows_of_group + row;
        let start = if at == 0 { 0 } else { work.kept.ends[at - 1] } as usize;
        let end = work.kept.ends[at] as usize;
        let sums = &mut work.sums[row * work.sums_stride..][..TILES * tile_cols];
        let mut tile = [[L::zero(); 2]; TILES];
        if work.block > 0 {
            for (tile, sums) in tile.iter_mut().zip(sums.chunks_exact(tile_cols)) {
                for (register, sums) in tile.iter_mut().zip(sums.chunks_exact(L::LEN)) {
                    // SAFETY: as long as a register; the instructions by the caller's promise.
                    *register = unsafe { L::load(sums.as_ptr()) };
                }
            }
        }
        let entries = work.kept.values[start..end]
            .iter()
            .zip(&work.kept.places[start..end]);
        for (&value, &place) in entries {
            // SAFETY: `keep_group` wrote places within a block, which all tiles have; the
            // instructions by the caller's promise.
            unsafe {
                let value = L::splat(value);
                let b = b.add(usize::from(place) * tile_cols);
                for (index, tile) in tile.iter_mut().enumerate() {
                    let b = b.add(index * work.tile_stride);
                    for (half, register) in tile.iter_mut().enumerate() {
                        *register = register.add_product(value, L::load(b.add(half * L::LEN)));
                    }
                }
            }
        }
        for (tile, sums) in tile.iter().zip(sums.chunks_exact_mut(tile_cols)) {
            for (register, sums) in tile.iter().zip(sums.chunks_exact_mut(L::LEN)) {
                // SAFETY: as above.
                unsafe { register.store(sums.as_mut_ptr()) };
            }
        }
        work.ahead.fetch(work.ahead_of_row);
        work.coming.fetch(work.coming_of_row, Level::Second);
    }
}
