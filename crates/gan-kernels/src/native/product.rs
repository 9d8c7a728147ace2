//! The tiled product that every linear operation is made of, with an epilogue per tile.
//!
//! `C = A·B` with C cut into strips of columns.
//! A task packs its strip of B, multiplies it by one panel of rows of A after the other, and hands
//! each finished tile to the [`Epilogue`] while it is in the first-level cache.
//! C itself is never written by the product: what becomes of a tile is the epilogue's business.
//!
//! Tiles, strips and tasks depend on the shape and the instruction set alone, never on the number
//! of threads, so results are the same bits for any number of threads.

use std::ops::Range;

use super::shared_rows::prefetch;
use super::{Native, SharedRows};
use crate::Real;

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

/// What becomes of the tiles of a product.
pub(crate) trait Epilogue<T: Real>: Sync {
    /// Columns that must not be torn apart: a strip is a multiple of them.
    fn columns_together(&self) -> usize {
        1
    }

    /// Whether one task must see all rows of its columns.
    fn rows_together(&self) -> bool {
        false
    }

    /// Values of the task's own that each column needs.
    fn state_per_column(&self) -> usize {
        0
    }

    /// Called once per task, before its first tile.
    fn begin(&self, _task: &TaskInfo, _state: &mut [T]) {}

    /// Tells the cache which memory the coming tile's `apply` will touch.
    fn prefetch(&self, _rows: Range<usize>, _cols: Range<usize>) {}

    /// Consumes a tile: `tile[r · stride + c]` is C at (`rows.start + r`, `cols.start + c`).
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

/// Which part of C a task owns.
pub(crate) struct TaskInfo {
    pub(crate) task: usize,
    pub(crate) cols: Range<usize>,
    /// Whether this task holds row 0 of its columns: exactly one task per column does.
    pub(crate) first_rows: bool,
}

/// The instruction sets that tiles are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Isa {
    /// What every processor of the target has.
    Baseline,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with AVX-512.
    Avx512,
}

impl Isa {
    /// The best that this processor has.
    pub(crate) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            // Knights Landing has the first of these alone.
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512bw")
            {
                return Self::Avx512;
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                return Self::Avx2;
            }
        }
        Self::Baseline
    }

    /// Rows and columns of a tile: as many accumulators as there are registers to hold them.
    pub(crate) fn tile<T>(self) -> (usize, usize) {
        let doubled = if size_of::<T>() == 4 { 2 } else { 1 };
        match self {
            Self::Baseline => (4, 4 * doubled),
            Self::Avx2 => (6, 8 * doubled),
            Self::Avx512 => (12, 16 * doubled),
        }
    }
}

/// How a product is cut into tasks.
struct Plan {
    rows_of_tile: usize,
    panels: usize,
    panels_per_block: usize,
    strip_cols: usize,
    strips: usize,
    blocks: usize,
    depth_of_pass: usize,
}

/// Second-level cache that a packed strip of B may fill, in bytes.
const STRIP_BYTES: usize = 192 * 1024;
/// Packed rows of A that all strips read before the next are touched, in bytes: a share of the
/// third-level cache.
const BLOCK_BYTES: usize = 2 * 1024 * 1024;
/// Tasks below which rows are split as well, so that a few threads find equal shares.
const ENOUGH_TASKS: usize = 24;
/// Panels that a row block keeps at least, to repay the packing of its strip.
const PANELS_AT_LEAST: usize = 8;
/// Rows of B whose cache lines are asked for ahead of their packing.
const PACK_AHEAD: usize = 12;
/// FLOP below which waking other threads costs more than they give.
const SERIAL_FLOP: usize = 1 << 20;

impl Plan {
    fn new<T: Real, E: Epilogue<T>>(isa: Isa, p: &Product<'_, T>, epilogue: &E) -> Self {
        let (rows_of_tile, cols_of_tile) = isa.tile::<T>();
        let depth_of_pass =
            p.k.min(STRIP_BYTES / 2 / (cols_of_tile * size_of::<T>()))
                .max(1);
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
            let for_threads = ENOUGH_TASKS
                .div_ceil(strips.max(1))
                .min(panels / PANELS_AT_LEAST);
            let for_cache = (panels * rows_of_tile * p.k * size_of::<T>()).div_ceil(BLOCK_BYTES);
            for_threads.max(for_cache).max(1)
        };
        let panels_per_block = panels.div_ceil(blocks).max(1);
        Self {
            rows_of_tile,
            panels,
            panels_per_block,
            strip_cols,
            strips,
            blocks: panels.div_ceil(panels_per_block).max(1),
            depth_of_pass,
        }
    }

    fn tasks(&self) -> usize {
        self.strips * self.blocks
    }

    /// Rows of the tile buffer: one panel, or all of a block's if the depth takes several passes.
    fn buffered_panels(&self, k: usize) -> usize {
        if k > self.depth_of_pass {
            self.panels_per_block
        } else {
            1
        }
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Number of tasks that [`run`] will cut this product into.
pub(crate) fn task_count<T: Real, E: Epilogue<T>>(
    native: &Native<T>,
    product: &Product<'_, T>,
    epilogue: &E,
) -> usize {
    Plan::new(native.isa, product, epilogue).tasks()
}

/// Computes the product and feeds its tiles to `epilogue`.
pub(crate) fn run<T: Real, E: Epilogue<T>>(
    native: &Native<T>,
    product: &Product<'_, T>,
    epilogue: &E,
) {
    let plan = Plan::new(native.isa, product, epilogue);
    let serial = 2 * product.m * product.n * product.k < SERIAL_FLOP;
    let state_len = plan.strip_cols * epilogue.state_per_column();
    let tile_len = plan.buffered_panels(product.k) * plan.rows_of_tile * plan.strip_cols;
    let strip_len = plan.depth_of_pass * plan.strip_cols;
    let mut scratch = native.scratch();
    let (packed_a, workers) = scratch.reserve(
        plan.panels * plan.rows_of_tile * product.k,
        native.threads(),
        strip_len + tile_len + state_len,
    );

    let a = SharedRows::new(packed_a, plan.rows_of_tile * product.k);
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
            pack_rows(product, panel, plan.rows_of_tile, unsafe { a.row(panel) });
        }
    });

    let packed_a = &*packed_a;
    let kernel = select::<T, E>(native.isa);
    let job = Job {
        product,
        plan: &plan,
        epilogue,
        packed_a,
    };
    let workers = SharedRows::new(workers, strip_len + tile_len + state_len);
    each(plan.tasks(), &|worker, task| {
        // SAFETY: the pool never runs one worker twice at a time.
        let scratch = unsafe { workers.row(worker) };
        let (strip, rest) = scratch.split_at_mut(strip_len);
        let (tile, state) = rest.split_at_mut(tile_len);
        // SAFETY: `select` returned the code for the instruction set that was detected.
        unsafe { kernel(&job, task, strip, tile, state) };
    });
}

struct Job<'a, T, E> {
    product: &'a Product<'a, T>,
    plan: &'a Plan,
    epilogue: &'a E,
    packed_a: &'a [T],
}

type Kernel<T, E> = unsafe fn(&Job<'_, T, E>, usize, &mut [T], &mut [T], &mut [T]);

/// The task's code for an instruction set; the tile sizes repeat [`Isa::tile`].
fn select<T: Real, E: Epilogue<T>>(isa: Isa) -> Kernel<T, E> {
    let single = size_of::<T>() == 4;
    match (isa, single) {
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512, true) => task_avx512::<T, E, 12, 32>,
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512, false) => task_avx512::<T, E, 12, 16>,
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2, true) => task_avx2::<T, E, 6, 16>,
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2, false) => task_avx2::<T, E, 6, 8>,
        (_, true) => task_baseline::<T, E, 4, 8>,
        (_, false) => task_baseline::<T, E, 4, 4>,
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
unsafe fn task_avx512<T: Real, E: Epilogue<T>, const MR: usize, const NR: usize>(
    job: &Job<'_, T, E>,
    task: usize,
    strip: &mut [T],
    tile: &mut [T],
    state: &mut [T],
) {
    run_task::<T, E, MR, NR, true>(job, task, strip, tile, state);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn task_avx2<T: Real, E: Epilogue<T>, const MR: usize, const NR: usize>(
    job: &Job<'_, T, E>,
    task: usize,
    strip: &mut [T],
    tile: &mut [T],
    state: &mut [T],
) {
    run_task::<T, E, MR, NR, true>(job, task, strip, tile, state);
}

/// # Safety
/// None needed; unsafe only to have the type of its siblings.
unsafe fn task_baseline<T: Real, E: Epilogue<T>, const MR: usize, const NR: usize>(
    job: &Job<'_, T, E>,
    task: usize,
    strip: &mut [T],
    tile: &mut [T],
    state: &mut [T],
) {
    // aarch64 has fused multiply-add in its baseline; x86-64's would be a call of the C library.
    run_task::<T, E, MR, NR, { cfg!(target_arch = "aarch64") }>(job, task, strip, tile, state);
}

/// One strip of columns times one block of rows.
#[inline(always)]
fn run_task<T: Real, E: Epilogue<T>, const MR: usize, const NR: usize, const FUSED: bool>(
    job: &Job<'_, T, E>,
    task: usize,
    strip: &mut [T],
    tile: &mut [T],
    state: &mut [T],
) {
    let Job {
        product: p,
        plan,
        epilogue,
        packed_a,
    } = job;
    // One block of rows after the other: what all its strips read of A stays in the cache.
    let (strip_index, block) = (task % plan.strips, task / plan.strips);
    let first_col = strip_index * plan.strip_cols;
    let cols = first_col..(first_col + plan.strip_cols).min(p.n);
    let panels =
        block * plan.panels_per_block..((block + 1) * plan.panels_per_block).min(plan.panels);
    let info = TaskInfo {
        task,
        cols: cols.clone(),
        first_rows: block == 0,
    };
    epilogue.begin(&info, state);
    let mut depth = 0;
    while depth < p.k || (p.k == 0 && depth == 0) {
        let pass = (p.k - depth).min(plan.depth_of_pass);
        let last = depth + pass == p.k;
        let packed_cols = first_col..(first_col + plan.strip_cols).min(p.n);
        pack_cols::<T, NR>(
            p,
            depth..depth + pass,
            packed_cols,
            strip,
            plan.depth_of_pass,
        );
        for panel in panels.clone() {
            let rows = panel * MR..((panel + 1) * MR).min(p.m);
            let a = &packed_a[panel * MR * p.k + depth * MR..][..pass * MR];
            // With several passes over the depth each panel has its own buffer for partial sums.
            let buffered = if p.k > plan.depth_of_pass {
                panel - panels.start
            } else {
                0
            };
            let tile = &mut tile[buffered * MR * plan.strip_cols..][..MR * plan.strip_cols];
            for (tile_col, b) in strip.chunks_exact(NR * plan.depth_of_pass).enumerate() {
                if first_col + tile_col * NR >= p.n {
                    break;
                }
                if last {
                    let first = first_col + tile_col * NR;
                    epilogue.prefetch(rows.clone(), first..(first + NR).min(p.n));
                }
                let sums = multiply::<T, MR, NR, FUSED>(a, &b[..pass * NR]);
                for (row, sums) in sums.iter().enumerate() {
                    let out = &mut tile[row * plan.strip_cols + tile_col * NR..][..NR];
                    if depth == 0 {
                        out.copy_from_slice(sums);
                    } else {
                        out.iter_mut().zip(sums).for_each(|(out, &sum)| *out += sum);
                    }
                }
            }
            if last {
                epilogue.apply(rows, cols.clone(), tile, plan.strip_cols, state);
            }
        }
        depth += pass.max(1);
    }
    epilogue.finish(&info, state);
}

/// The product of a packed panel of A and a packed panel of B, in registers.
#[inline(always)]
fn multiply<T: Real, const MR: usize, const NR: usize, const FUSED: bool>(
    a: &[T],
    b: &[T],
) -> [[T; NR]; MR] {
    let mut sums = [[T::ZERO; NR]; MR];
    for (a, b) in a.as_chunks::<MR>().0.iter().zip(b.as_chunks::<NR>().0) {
        for (sums, &a) in sums.iter_mut().zip(a) {
            for (sum, &b) in sums.iter_mut().zip(b) {
                *sum = if FUSED {
                    a.mul_add(b, *sum)
                } else {
                    a * b + *sum
                };
            }
        }
    }
    sums
}

/// Packs a panel of A, `rows_of_tile` rows side by side for each depth, missing rows zero.
fn pack_rows<T: Real>(p: &Product<'_, T>, panel: usize, rows_of_tile: usize, packed: &mut [T]) {
    let first = panel * rows_of_tile;
    let rows = rows_of_tile.min(p.m - first);
    if rows < rows_of_tile {
        packed.fill(T::ZERO);
    }
    let Operand {
        data,
        row_stride,
        col_stride,
    } = p.a;
    if row_stride == 1 {
        for (depth, packed) in packed.chunks_exact_mut(rows_of_tile).enumerate() {
            packed[..rows].copy_from_slice(&data[depth * col_stride + first..][..rows]);
        }
    } else {
        for row in 0..rows {
            let source = &data[(first + row) * row_stride..];
            for (packed, &value) in packed[row..]
                .iter_mut()
                .step_by(rows_of_tile)
                .zip(source.iter().step_by(col_stride))
            {
                *packed = value;
            }
        }
    }
}

/// Packs `depth` × `cols` of B: tile by tile, and within each NR columns side by side for each
/// depth, missing columns zero.
///
/// Tiles are `tile_depth · NR` apart.
#[inline(always)]
fn pack_cols<T: Real, const NR: usize>(
    p: &Product<'_, T>,
    depth: Range<usize>,
    cols: Range<usize>,
    packed: &mut [T],
    tile_depth: usize,
) {
    let Operand {
        data,
        row_stride,
        col_stride,
    } = p.b;
    let whole = cols.len() / NR;
    if col_stride == 1 {
        // Row by row, so that memory is read in runs as long as the strip is wide.
        for (index, depth) in depth.clone().enumerate() {
            let ahead = (depth + PACK_AHEAD) * row_stride + cols.start;
            prefetch(data, ahead, cols.len());
            let source = &data[depth * row_stride + cols.start..][..whole * NR];
            for (tile, source) in source.as_chunks::<NR>().0.iter().enumerate() {
                packed[(tile * tile_depth + index) * NR..][..NR].copy_from_slice(source);
            }
        }
    } else if row_stride == 1 {
        for tile in 0..whole {
            let source = &data[(cols.start + tile * NR) * col_stride + depth.start..];
            let packed = &mut packed[tile * tile_depth * NR..][..depth.len() * NR];
            transpose::<T, NR>(source, col_stride, packed);
        }
    }
    let done = if col_stride == 1 || row_stride == 1 {
        whole
    } else {
        0
    };
    for tile in done..cols.len().div_ceil(NR) {
        let packed = &mut packed[tile * tile_depth * NR..][..depth.len() * NR];
        let cols = cols.start + tile * NR..(cols.start + (tile + 1) * NR).min(cols.end);
        if cols.len() < NR {
            packed.fill(T::ZERO);
        }
        for (column, source) in cols.enumerate() {
            let source = &data[source * col_stride + depth.start * row_stride..];
            for (packed, &value) in packed[column..]
                .iter_mut()
                .step_by(NR)
                .zip(source.iter().step_by(row_stride))
            {
                *packed = value;
            }
        }
    }
}

/// Packs NR rows of `data` as columns.
#[inline(always)]
fn transpose<T: Real, const NR: usize>(data: &[T], stride: usize, packed: &mut [T]) {
    const STEP: usize = 4;
    let packed = packed.as_chunks_mut::<NR>().0;
    let (steps, rest) = packed.as_chunks_mut::<STEP>();
    let done = steps.len() * STEP;
    for first in (0..NR).step_by(STEP) {
        let rows: [&[T]; STEP] =
            std::array::from_fn(|row| &data[(first + row) * stride..][..done + rest.len()]);
        let blocks = rows.map(|row| row.as_chunks::<STEP>().0);
        for (index, step) in steps.iter_mut().enumerate() {
            let block = transpose_4x4(blocks.map(|blocks| &blocks[index]));
            for (packed, column) in step.iter_mut().zip(&block) {
                packed[first..first + STEP].copy_from_slice(column);
            }
        }
        for (depth, packed) in rest.iter_mut().enumerate() {
            for (packed, row) in packed[first..].iter_mut().zip(&rows) {
                *packed = row[done + depth];
            }
        }
    }
}

/// Four rows of four as four columns, in registers where the processor can.
#[inline(always)]
fn transpose_4x4<T: Real>(rows: [&[T; 4]; 4]) -> [[T; 4]; 4] {
    #[cfg(target_arch = "x86_64")]
    if size_of::<T>() == size_of::<f32>() {
        use std::arch::x86_64::{_MM_TRANSPOSE4_PS, _mm_loadu_ps, _mm_storeu_ps};
        let mut columns = [[T::ZERO; 4]; 4];
        // SAFETY: the only `Real` of four bytes is f32; SSE is in x86-64's baseline.
        unsafe {
            let [mut a, mut b, mut c, mut d] =
                rows.map(|row| _mm_loadu_ps(row.as_ptr().cast::<f32>()));
            _MM_TRANSPOSE4_PS(&mut a, &mut b, &mut c, &mut d);
            for (column, value) in columns.iter_mut().zip([a, b, c, d]) {
                _mm_storeu_ps(column.as_mut_ptr().cast::<f32>(), value);
            }
        }
        return columns;
    }
    std::array::from_fn(|column| rows.map(|row| row[column]))
}
