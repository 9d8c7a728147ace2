//! The tiled product that every linear operation is made of, with an epilogue per tile.
//!
//! `C = A·B` with C cut into strips of columns.
//! A task packs its strip of B, unless its thread has it from the task before, multiplies it by one
//! panel of rows of A after the other, and hands each finished tile to the [`Epilogue`] while it is in
//! the first-level cache.
//! C itself is never written by the product: what becomes of a tile is the epilogue's business.
//!
//! Tiles, strips and tasks depend on the shape, the instruction set and zeros alone, never on the
//! number of threads where that could be seen, so results are the same bits for any number of them.

mod pack;
#[cfg(target_arch = "x86_64")]
mod pairs;
mod sparse;
mod task;

use std::ops::Range;

use super::{Isa, Native, SharedRows, Touched};
use crate::Real;
use pack::pack_rows;
#[cfg(test)]
pub(crate) use sparse::Side;
pub(crate) use sparse::{Kept, Zeros};
use task::{Job, Own, select};

/// A factor of a product as strides over a slice: element (i, j) is
/// `data[i · row_stride + j · col_stride]`.
#[derive(Clone, Copy)]
pub(crate) struct Operand<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) row_stride: usize,
    pub(crate) col_stride: usize,
}

impl<'a, T> Operand<'a, T> {
    /// A row-major matrix.
    pub(crate) fn plain(data: &'a [T], stride: usize) -> Self {
        Self {
            data,
            row_stride: stride,
            col_stride: 1,
        }
    }

    /// Its transpose.
    pub(crate) fn transposed(self) -> Self {
        Self {
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            ..self
        }
    }
}

/// `C = A·B`, m × n with depth k.
pub(crate) struct Product<'a, T> {
    pub(crate) a: Operand<'a, T>,
    pub(crate) b: Operand<'a, T>,
    pub(crate) m: usize,
    pub(crate) n: usize,
    pub(crate) k: usize,
}

impl<T: Real> Product<'_, T> {
    /// `Cᵀ = Bᵀ·Aᵀ`.
    fn transposed(&self) -> Self {
        Self {
            a: self.b.transposed(),
            b: self.a.transposed(),
            m: self.n,
            n: self.m,
            k: self.k,
        }
    }
}

/// The use of the tiles of a product.
pub(crate) trait Epilogue<T: Real>: Sync {
    /// Columns that must not be torn apart: a strip is a multiple of them.
    fn columns_together(&self) -> usize {
        1
    }

    /// True if one task must see all rows of its columns.
    fn rows_together(&self) -> bool {
        false
    }

    /// True if tiles may come column by column: a task then has any of C's rows and columns, so
    /// neither may have to be together.
    fn either_way(&self) -> bool {
        false
    }

    /// Terms of a sum that may be added up in a row before they join the others.
    fn depth_at_most(&self) -> usize {
        usize::MAX
    }

    /// True if an element must have the same bits whatever other rows there are, as those of samples
    /// must; only where factors are rounded does a product need to know.
    fn rows_alone(&self) -> bool {
        true
    }

    /// True if factors must not be rounded, whatever precision is asked for.
    fn exact(&self) -> bool {
        false
    }

    /// Values of the task's own that each column needs.
    fn state_per_column(&self) -> usize {
        0
    }

    /// Called once per task, before its first tile.
    fn begin(&self, _task: &TaskInfo, _state: &mut [T]) {}

    /// The memory that `apply` will touch, which the cache is told of a tile earlier.
    fn touched(&self) -> [Touched; 3] {
        [Touched::NOTHING; 3]
    }

    /// Consumes a panel of the task's columns: `tile[r · stride + c]` is C at (`rows.start + r`,
    /// `cols.start + c`).
    fn apply(
        &self,
        rows: Range<usize>,
        cols: Range<usize>,
        tile: &mut [T],
        stride: usize,
        state: &mut [T],
    );

    /// Called once per task, after its last tile.
    fn finish(&self, _task: &TaskInfo, _state: &mut [T]) {}
}

/// The part of C that a task owns.
pub(crate) struct TaskInfo {
    pub(crate) task: usize,
    pub(crate) cols: Range<usize>,
    /// True if this task holds row 0 of its columns: exactly one task per column does.
    pub(crate) first_rows: bool,
}

/// The tasks that a product is cut into.
struct Plan {
    rows_of_tile: usize,
    panels: usize,
    panels_per_block: usize,
    strip_cols: usize,
    strips: usize,
    blocks: usize,
    /// Terms of a sum that one packed number holds.
    terms: usize,
    /// The depth in packed numbers: all, those that are packed at a time, and those that are added
    /// up in a row.
    depth: usize,
    depth_of_pass: usize,
    depth_of_sum: usize,
}

/// Second-level cache that a packed strip of B may fill, in bytes.
const STRIP_BYTES: usize = 384 * 1024;
/// Depth of one pass over a product, in bytes of one column: longer sums take several passes.
const DEPTH_BYTES: usize = 6 * 1024;
/// Tasks below which rows are split as well, so that a few threads find equal shares.
const ENOUGH_TASKS: usize = 24;
/// Panels that a row block keeps at least, to repay the packing of its strip.
const PANELS_AT_LEAST: usize = 8;
/// FLOP below which waking other threads costs more than they give.
const SERIAL_FLOP: usize = 1 << 20;
/// The work of an epilogue on an element, in terms of its sum.
const EPILOGUE_TERMS: usize = 16;

impl Plan {
    fn new<T: Real, E: Epilogue<T>>(isa: Isa, p: &Product<'_, T>, epilogue: &E) -> Self {
        let (rows_of_tile, cols_of_tile) = isa.tile::<T>();
        let terms = isa.terms();
        let depth = p.k.div_ceil(terms);
        let depth_of_pass = evenly(depth, DEPTH_BYTES / size_of::<T>());
        let depth_of_sum = evenly(depth_of_pass, epilogue.depth_at_most());
        // The smallest strip of whole tiles that is also a whole number of units…
        let together = epilogue.columns_together();
        let unit = cols_of_tile * together / gcd(cols_of_tile, together);
        // …times as many as fit the cache, spread evenly: wide strips touch long runs of memory.
        let units = p.n.div_ceil(unit).max(1);
        let fitting = STRIP_BYTES / (depth_of_pass * unit * size_of::<T>());
        let strips = units.div_ceil(fitting.clamp(1, units));
        let strip_cols = unit * units.div_ceil(strips);
        let panels = p.m.div_ceil(rows_of_tile);
        let strips = p.n.div_ceil(strip_cols);
        let blocks = if epilogue.rows_together() {
            1
        } else {
            let wanted = ENOUGH_TASKS.div_ceil(strips.max(1));
            wanted.min(panels / PANELS_AT_LEAST).max(1)
        };
        let panels_per_block = panels.div_ceil(blocks).max(1);
        Self {
            rows_of_tile,
            panels,
            panels_per_block,
            strip_cols,
            strips,
            blocks: panels.div_ceil(panels_per_block).max(1),
            terms,
            depth,
            depth_of_pass,
            depth_of_sum,
        }
    }

    fn tasks(&self) -> usize {
        self.strips * self.blocks
    }

    /// The strip of a task.
    fn strip(&self, task: usize) -> usize {
        task / self.blocks
    }

    /// True if all of the depth is packed at once.
    fn is_one_pass(&self) -> bool {
        self.depth <= self.depth_of_pass
    }

    /// The columns of a task, of `n`, and which block of rows it has.
    fn part(&self, task: usize, n: usize) -> (Range<usize>, usize) {
        // One strip's after the other: a thread packs what is still in its cache.
        let (strip, block) = (self.strip(task), task % self.blocks);
        let first = strip * self.strip_cols;
        (first..(first + self.strip_cols).min(n), block)
    }

    /// Rows of the tile buffer: one panel, or all of a block's if the depth takes several passes.
    fn buffered_panels(&self) -> usize {
        if self.is_one_pass() {
            1
        } else {
            self.panels_per_block
        }
    }
}

/// Parts of equal length, `longest` at most: the last one should not be a stub.
fn evenly(len: usize, longest: usize) -> usize {
    len.div_ceil(len.div_ceil(longest).max(1)).max(1)
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The instructions that the tiles of this product are compiled for.
fn isa<T: Real, E: Epilogue<T>>(native: &Native<T>, epilogue: &E) -> Isa {
    if epilogue.exact() {
        native.isa.exact()
    } else {
        native.isa
    }
}

/// The way in which a product is computed, decided once: code, tasks, zeros left out or not.
pub(crate) struct Cut {
    isa: Isa,
    way: Way,
}

enum Way {
    Dense(Plan),
    Sparse(sparse::Plan),
}

impl Cut {
    pub(crate) fn new<T: Real, E: Epilogue<T>>(
        native: &Native<T>,
        product: &Product<'_, T>,
        epilogue: &E,
    ) -> Self {
        let isa = isa(native, epilogue);
        let way = match sparse::side(native, isa, product, epilogue) {
            Some(side) => Way::Sparse(sparse::plan(isa, side, product, epilogue, native.threads())),
            None => Way::Dense(Plan::new(isa, product, epilogue)),
        };
        Self { isa, way }
    }

    pub(crate) fn tasks(&self) -> usize {
        match &self.way {
            Way::Dense(plan) => plan.tasks(),
            Way::Sparse(plan) => plan.tasks(),
        }
    }

    /// Computes the product that was cut and feeds its tiles to `epilogue`.
    pub(crate) fn run<T: Real, E: Epilogue<T>>(
        &self,
        native: &Native<T>,
        product: &Product<'_, T>,
        epilogue: &E,
    ) {
        match &self.way {
            Way::Dense(plan) => run_dense(native, self.isa, plan, product, epilogue),
            Way::Sparse(plan) => sparse::run(native, self.isa, plan, product, epilogue),
        }
    }
}

/// Computes the product and feeds its tiles to `epilogue`.
pub(crate) fn run<T: Real, E: Epilogue<T>>(
    native: &Native<T>,
    product: &Product<'_, T>,
    epilogue: &E,
) {
    Cut::new(native, product, epilogue).run(native, product, epilogue);
}

fn run_dense<T: Real, E: Epilogue<T>>(
    native: &Native<T>,
    isa: Isa,
    plan: &Plan,
    product: &Product<'_, T>,
    epilogue: &E,
) {
    let flop = 2 * product.m * product.n * (product.k + EPILOGUE_TERMS);
    let serial = flop < SERIAL_FLOP;
    let state_len = plan.strip_cols * epilogue.state_per_column();
    let tile_len = plan.buffered_panels() * plan.rows_of_tile * plan.strip_cols;
    let strip_len = plan.depth_of_pass * plan.strip_cols;
    let mut scratch = native.scratch();
    let mut held = std::mem::take(&mut scratch.held);
    held.clear();
    held.resize(native.threads(), None);
    let worker_len = strip_len + tile_len + state_len;
    let (packed_a, workers, apart) = scratch.reserve(
        plan.panels * plan.rows_of_tile * plan.depth,
        native.threads(),
        worker_len,
    );

    let a = SharedRows::new(packed_a, plan.rows_of_tile * plan.depth);
    let each = |tasks: usize, body: &(dyn Fn(usize, usize) + Sync)| {
        if serial {
            (0..tasks).for_each(|task| body(0, task))
        } else {
            native.pool.run(tasks, body)
        }
    };
    // Several panels a task: packing one takes a microsecond.
    const PANELS_PER_TASK: usize = 4;
    each(plan.panels.div_ceil(PANELS_PER_TASK), &|_, task| {
        for panel in task * PANELS_PER_TASK..((task + 1) * PANELS_PER_TASK).min(plan.panels) {
            // SAFETY: each panel is packed by one task.
            let packed = unsafe { a.row(panel) };
            match isa {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: this instruction set was detected.
                Isa::Avx512Bf16 => unsafe { pairs::pack_rows(product, panel, packed) },
                _ => pack_rows(product, panel, plan.rows_of_tile, packed),
            }
        }
    });

    let packed_a = &*packed_a;
    let run_task = select::<T, E>(isa);
    let job = Job {
        product,
        plan,
        epilogue,
        packed_a,
    };
    let workers = SharedRows::new(workers, apart);
    let strips = SharedRows::new(&mut held, 1);
    each(plan.tasks(), &|worker, task| {
        // SAFETY: the pool never runs one worker twice at a time.
        let (scratch, held) = unsafe { (workers.part(worker, 0, worker_len), strips.row(worker)) };
        let (strip, rest) = scratch.split_at_mut(strip_len);
        let (tile, state) = rest.split_at_mut(tile_len);
        let own = Own {
            strip,
            held: &mut held[0],
            tile,
            state,
        };
        // SAFETY: `select` returned the code for the instruction set that was detected.
        unsafe { run_task(&job, task, own) };
    });
    scratch.held = held;
}
