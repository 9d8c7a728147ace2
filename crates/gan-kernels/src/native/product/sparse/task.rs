//! One task of a product without zeros: a strip of columns times some groups of rows.

use std::ops::Range;

use super::super::pack::{Ahead, Coming, pack_cols, transpose_rows};
use super::super::{Epilogue, TaskInfo};
use super::keep::Group;
use super::plan::{Plan, STEP};
use super::{Job, Own, Side};
use crate::Real;
use crate::native::shared_rows::Level;
use crate::native::{Lanes, Touched};

/// One strip of columns times some groups of rows.
///
/// A row is multiplied by TILES tiles at a time.
///
/// # Safety
/// The processor has the instructions of `L`, and where WIDE those of AVX-512.
#[inline(always)]
pub(super) unsafe fn run_task<
    T: Real,
    E: Epilogue<T>,
    L: Lanes<T>,
    const TILES: usize,
    const WIDE: bool,
>(
    job: &Job<'_, T, E>,
    task: usize,
    own: Own<'_, T>,
) {
    let Job {
        product: p,
        plan,
        epilogue,
        ..
    } = job;
    let (cols, groups) = plan.part(task, p.n);
    let (info, state_len) = match plan.side {
        Side::A => {
            let info = TaskInfo {
                task,
                cols: cols.clone(),
                first_rows: groups.start == 0,
            };
            (info, own.state.len())
        }
        Side::B => {
            let info = TaskInfo {
                task,
                cols: plan.rows_of(groups.start, p.m),
                first_rows: cols.start == 0,
            };
            let len = epilogue.state_per_column() * info.cols.len();
            (info, len)
        }
    };
    let state = &mut own.state[..state_len];
    epilogue.begin(&info, state);
    let tile_cols = 2 * L::LEN;
    let tiles = cols.len().div_ceil(tile_cols);
    // How often a row meets a block.
    let visits = tiles.div_ceil(TILES) * plan.blocks_of_pass;
    for pass in 0..plan.passes {
        let (first, last) = (pass == 0, pass + 1 == plan.passes);
        let strip: &[T] = if plan.shared {
            &job.strips[cols.start / plan.strip_cols * plan.strip()..][..plan.strip()]
        } else {
            let depth = plan.of_pass(pass, p.k);
            let strip = &mut *own.strip;
            pack_cols::<T, WIDE>(tile_cols, p, depth, cols.clone(), strip, plan.depth_of_pass);
            strip
        };
        // What is packed next comes into the second-level cache during the last third of the work.
        let mut ahead = if !last {
            Ahead::new(p, 1, plan.of_pass(pass + 1, p.k), cols.clone())
        } else if !plan.shared && task + 1 < plan.tasks() {
            Ahead::new(p, 1, plan.of_pass(0, p.k), plan.part(task + 1, p.n).0)
        } else {
            Ahead::new(p, 1, 0..0, 0..0)
        };
        let calm = groups.end - groups.len().div_ceil(3);
        let loud = plan.rows_of(calm, p.m).start..plan.rows_of(groups.end - 1, p.m).end;
        let ahead_of_row = ahead.lines().div_ceil(visits * loud.len());
        for group in groups.clone() {
            let rows = plan.rows_of(group, p.m);
            let of_c = match plan.side {
                Side::A => (rows.clone(), cols.clone()),
                Side::B => (cols.clone(), rows.clone()),
            };
            // What the epilogue touches comes meanwhile.
            let touched = if last {
                epilogue.touched()
            } else {
                [Touched::NOTHING; 3]
            };
            let mut coming = Coming::new::<T>(touched, of_c.0, of_c.1);
            let mut work = Work {
                plan,
                group: job.kept.group(plan, group, p.k),
                rows: rows.len(),
                strip,
                sums: own.sums,
                ahead: &mut ahead,
                ahead_of_row: if group < calm { 0 } else { ahead_of_row },
                coming_of_row: coming.lines().div_ceil(visits * rows.len()),
                coming: &mut coming,
            };
            // SAFETY: the caller's promise.
            unsafe { sum_group::<T, L, TILES>(&mut work, pass, tiles) };
            let sums = if plan.passes == 1 {
                &mut *own.sums
            } else {
                let totals = &mut own.totals[(group - groups.start) * plan.sums()..];
                add(&mut totals[..plan.sums()], own.sums, first)
            };
            if last {
                let turned = &mut *own.turned;
                hand_over::<T, E, WIDE>(epilogue, plan, (rows, cols.clone()), sums, turned, state);
            }
        }
    }
    epilogue.finish(&info, state);
}

/// Adds the sums of a pass to those of the passes before.
#[inline(always)]
fn add<'a, T: Real>(totals: &'a mut [T], sums: &[T], first: bool) -> &'a mut [T] {
    if first {
        totals.copy_from_slice(sums);
    } else {
        totals
            .iter_mut()
            .zip(sums)
            .for_each(|(total, &sum)| *total += sum);
    }
    totals
}

/// Hands the sums of a group, `rows` × `cols` of the product, to the epilogue.
#[inline(always)]
fn hand_over<T: Real, E: Epilogue<T>, const WIDE: bool>(
    epilogue: &E,
    plan: &Plan,
    (rows, cols): (Range<usize>, Range<usize>),
    sums: &mut [T],
    turned: &mut [T],
    state: &mut [T],
) {
    let along = match plan.side {
        Side::A => rows.len(),
        Side::B => cols.len(),
    };
    for from in (0..along).step_by(STEP) {
        let to = (from + STEP).min(along);
        let part = |all: &Range<usize>| all.start + from..all.start + to;
        let (rows, cols, tile, stride) = match plan.side {
            Side::A => {
                let tile = &mut sums[from * plan.strip_cols..];
                (part(&rows), cols.clone(), tile, plan.strip_cols)
            }
            Side::B => {
                let stride = plan.rows_of_group;
                transpose_rows::<T, WIDE>(&sums[from..], plan.strip_cols, stride, turned);
                (part(&cols), rows.clone(), &mut *turned, stride)
            }
        };
        epilogue.apply(rows, cols, tile, stride, state);
    }
}

/// A group of rows, the strip that they are multiplied by, and what is fetched meanwhile.
struct Work<'a, 'b, T> {
    plan: &'a Plan,
    group: Group<'a, T>,
    rows: usize,
    /// Packed tiles.
    strip: &'a [T],
    sums: &'a mut [T],
    ahead: &'a mut Ahead<'b, T>,
    /// Cache lines to fetch with each row of each block.
    ahead_of_row: usize,
    coming: &'a mut Coming,
    coming_of_row: usize,
}

/// The sums of a group over one pass of the depth.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn sum_group<T: Real, L: Lanes<T>, const TILES: usize>(
    work: &mut Work<'_, '_, T>,
    pass: usize,
    tiles: usize,
) {
    let mut first = 0;
    while first < tiles {
        let left = tiles - first;
        let now = left.div_ceil(left.div_ceil(TILES));
        for block in 0..work.plan.blocks_of_pass {
            let at = At {
                pass,
                block,
                tile: first,
            };
            // SAFETY: the caller's promise.
            unsafe {
                match now {
                    1 => multiply::<T, L, 1>(work, &at),
                    2 => multiply::<T, L, 2>(work, &at),
                    3 => multiply::<T, L, 3>(work, &at),
                    4 if TILES > 3 => multiply::<T, L, 4>(work, &at),
                    _ if TILES > 4 => multiply::<T, L, 5>(work, &at),
                    _ => unreachable!("{now} tiles at a time"),
                }
            }
        }
        first += now;
    }
}

/// A block of a pass, and the first of the tiles that rows are multiplied by.
struct At {
    pass: usize,
    block: usize,
    tile: usize,
}

/// Adds the products of a block of B, TILES wide, to the sums of a group's rows.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn multiply<T: Real, L: Lanes<T>, const TILES: usize>(work: &mut Work<'_, '_, T>, at: &At) {
    let tile_cols = 2 * L::LEN;
    let plan = work.plan;
    let tile_stride = plan.depth_of_pass * tile_cols;
    let tiles = &work.strip[at.tile * tile_stride..][..TILES * tile_stride];
    let b = tiles[at.block * plan.depth_of_block * tile_cols..].as_ptr();
    for row in 0..work.rows {
        let (values, places) = work
            .group
            .row(plan, at.pass * plan.blocks_of_pass + at.block, row);
        let sums = &mut work.sums[row * plan.strip_cols + at.tile * tile_cols..];
        let sums = &mut sums[..TILES * tile_cols];
        let mut tile = [[L::zero(); 2]; TILES];
        if at.block > 0 {
            for (tile, sums) in tile.iter_mut().zip(sums.chunks_exact(tile_cols)) {
                for (register, sums) in tile.iter_mut().zip(sums.chunks_exact(L::LEN)) {
                    // SAFETY: as long as a register; the instructions by the caller's promise.
                    *register = unsafe { L::load(sums.as_ptr()) };
                }
            }
        }
        for (&value, &place) in values.iter().zip(places) {
            // SAFETY: `keep_group` wrote places within a block, which all tiles have; the
            // instructions by the caller's promise.
            unsafe {
                let value = L::splat(value);
                let b = b.add(usize::from(place) * tile_cols);
                for (index, tile) in tile.iter_mut().enumerate() {
                    let b = b.add(index * tile_stride);
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
