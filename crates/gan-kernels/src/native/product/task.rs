//! One task of a product: a strip of columns times a block of rows, tile by tile.

use super::pack::{Ahead, Coming, pack_cols};
#[cfg(target_arch = "x86_64")]
use super::pairs;
use super::{Epilogue, Plan, Product, TaskInfo};
use crate::Real;
use crate::native::shared_rows::Level;
use crate::native::{Isa, Lanes, Touched};

/// The data that all tasks of a product share.
pub(super) struct Job<'a, T, E> {
    pub(super) product: &'a Product<'a, T>,
    pub(super) plan: &'a Plan,
    pub(super) epilogue: &'a E,
    pub(super) packed_a: &'a [T],
}

/// A worker's own memory.
pub(super) struct Own<'a, T> {
    /// Packed columns of B.
    pub(super) strip: &'a mut [T],
    /// The strip that is packed there, if it is one of this product with all of its depth.
    pub(super) held: &'a mut Option<usize>,
    pub(super) tile: &'a mut [T],
    pub(super) state: &'a mut [T],
}

pub(super) type Task<T, E> = unsafe fn(&Job<'_, T, E>, usize, Own<'_, T>);

/// The task's code for an instruction set; the tile sizes repeat [`Isa::tile`].
pub(super) fn select<T: Real, E: Epilogue<T>>(isa: Isa) -> Task<T, E> {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => task_avx512::<T, E>,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Bf16 => task_avx512_bf16::<T, E>,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => task_avx2::<T, E>,
        #[cfg(test)]
        Isa::WideTile => run_task::<T, E, T::Wide, 12, 8, 4, false, false>,
        _ => run_task::<T, E, T::Baseline, 4, 2, 1, false, false>,
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
unsafe fn task_avx512<T: Real, E: Epilogue<T>>(job: &Job<'_, T, E>, task: usize, own: Own<'_, T>) {
    // SAFETY: compiled for the instructions, which the caller has found.
    unsafe { run_task::<T, E, T::Avx512, 12, 8, 4, true, false>(job, task, own) };
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx512bf16,avx2,fma")]
unsafe fn task_avx512_bf16<T: Real, E: Epilogue<T>>(
    job: &Job<'_, T, E>,
    task: usize,
    own: Own<'_, T>,
) {
    // SAFETY: as above.
    unsafe { run_task::<T, E, T::Avx512Bf16, 12, 8, 4, true, true>(job, task, own) };
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn task_avx2<T: Real, E: Epilogue<T>>(job: &Job<'_, T, E>, task: usize, own: Own<'_, T>) {
    // SAFETY: as above.
    unsafe { run_task::<T, E, T::Avx2, 6, 4, 2, false, false>(job, task, own) };
}

/// One strip of columns times one block of rows.
///
/// A tile has MR rows and two registers of columns; at the edges of C smaller ones are computed,
/// of `MR_2` or `MR_1` rows and one register of columns.
///
/// # Safety
/// The processor has the instructions of `L`, and where WIDE those of AVX-512; where PAIRS, `T` is
/// f32 and `L` multiplies pairs.
#[inline(always)]
unsafe fn run_task<
    T: Real,
    E: Epilogue<T>,
    L: Lanes<T>,
    const MR: usize,
    const MR_2: usize,
    const MR_1: usize,
    const WIDE: bool,
    const PAIRS: bool,
>(
    job: &Job<'_, T, E>,
    task: usize,
    own: Own<'_, T>,
) {
    let tile_cols = 2 * L::LEN;
    let Job {
        product: p,
        plan,
        epilogue,
        packed_a,
        ..
    } = job;
    let Own {
        strip,
        held,
        tile,
        state,
    } = own;
    let (cols, block) = plan.part(task, p.n);
    let panels =
        block * plan.panels_per_block..((block + 1) * plan.panels_per_block).min(plan.panels);
    let info = TaskInfo {
        task,
        cols: cols.clone(),
        first_rows: block == 0,
    };
    epilogue.begin(&info, state);
    let touched = epilogue.touched();
    let touches = touched.iter().any(|matrix| matrix.exists());
    let mut depth = 0;
    while depth < plan.depth || (p.k == 0 && depth == 0) {
        let pass = (plan.depth - depth).min(plan.depth_of_pass);
        let last = depth + pass == plan.depth;
        let packed_depth = depth..depth + pass;
        let is_held = plan.is_one_pass() && *held == Some(plan.strip(task));
        #[cfg(target_arch = "x86_64")]
        if PAIRS && !is_held {
            let depth = packed_depth.clone();
            // SAFETY: PAIRS, so this is compiled for them, and the caller's promise.
            unsafe { pairs::pack_cols(p, depth, cols.clone(), strip, plan.depth_of_pass) };
        }
        if !PAIRS && !is_held {
            pack_cols::<T, WIDE>(
                tile_cols,
                p,
                packed_depth,
                cols.clone(),
                strip,
                plan.depth_of_pass,
            );
        }
        *held = Some(plan.strip(task));
        // What is packed next comes into the second-level cache during the last of the panels, not
        // earlier, since the panels themselves pass through it.
        let mut ahead = if last {
            Ahead::after_task(p, plan, task)
        } else {
            Ahead::new(
                p,
                plan.terms,
                depth + pass..(depth + 2 * pass).min(plan.depth),
                cols.clone(),
            )
        };
        let chunks = pass.div_ceil(DEPTH_OF_CHUNK).max(1);
        let calm = panels.end - panels.len().div_ceil(3);
        let tiles = cols.len().div_ceil(tile_cols);
        let per_chunk = ahead
            .lines()
            .div_ceil(((panels.end - calm) * tiles * chunks).max(1));
        for panel in panels.clone() {
            let rows = panel * MR..((panel + 1) * MR).min(p.m);
            let a = &packed_a[panel * MR * plan.depth + depth * MR..][..pass * MR];
            // With several passes over the depth each panel has its own buffer for partial sums.
            let buffered = if plan.is_one_pass() {
                0
            } else {
                panel - panels.start
            };
            let tile = &mut tile[buffered * MR * plan.strip_cols..][..MR * plan.strip_cols];
            let per_chunk = if panel < calm { 0 } else { per_chunk };
            for (tile_col, b) in strip
                .chunks_exact(tile_cols * plan.depth_of_pass)
                .take(tiles)
                .enumerate()
            {
                let first = cols.start + tile_col * tile_cols;
                let of_tile = first..(first + tile_cols).min(cols.end);
                // While this tile is computed the next one's memory comes into the first cache.
                let (next_rows, next) = if of_tile.end < cols.end {
                    (rows.clone(), of_tile.end)
                } else {
                    (
                        (panel + 1) * MR..((panel + 2) * MR).min(p.m).max((panel + 1) * MR),
                        cols.start,
                    )
                };
                let coming = if last { touched } else { [Touched::NOTHING; 3] };
                let next_cols = next..(next + tile_cols).min(cols.end);
                let coming = Coming::new::<T>(coming, next_rows, next_cols);
                let mut sums = Sums {
                    out: &mut tile[tile_col * tile_cols..],
                    stride: plan.strip_cols,
                    add: depth > 0,
                    ahead: &mut ahead,
                    per_chunk,
                    coming_per_chunk: match touches {
                        true => coming.lines().div_ceil(chunks),
                        false => 0,
                    },
                    coming,
                };
                let b = &b[..pass * tile_cols];
                let narrow = of_tile.len() <= L::LEN;
                let sums_of = a
                    .chunks(MR * plan.depth_of_sum)
                    .zip(b.chunks(tile_cols * plan.depth_of_sum));
                for (a, b) in sums_of {
                    // SAFETY: the caller's promise.
                    unsafe {
                        match (rows.len(), narrow) {
                            (rows, false) if rows <= MR_1 => {
                                multiply::<T, L, MR, MR_1, 2>(a, b, &mut sums)
                            }
                            (rows, false) if rows <= MR_2 => {
                                multiply::<T, L, MR, MR_2, 2>(a, b, &mut sums)
                            }
                            (_, false) => multiply::<T, L, MR, MR, 2>(a, b, &mut sums),
                            (rows, true) if rows <= MR_1 => {
                                multiply::<T, L, MR, MR_1, 1>(a, b, &mut sums)
                            }
                            (_, true) => multiply::<T, L, MR, MR, 1>(a, b, &mut sums),
                        }
                    }
                    sums.add = true;
                }
                if p.k == 0 {
                    tile.fill(T::ZERO);
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

/// The place of a tile's sums, and the lines that are fetched meanwhile.
struct Sums<'a, 'b, T> {
    out: &'a mut [T],
    /// From one row of `out` to the next.
    stride: usize,
    /// True if the sums are added to earlier ones.
    add: bool,
    ahead: &'a mut Ahead<'b, T>,
    /// Cache lines to fetch in each chunk of the depth.
    per_chunk: usize,
    coming: Coming,
    coming_per_chunk: usize,
}

/// Terms of a sum between two looks at what is to be fetched.
const DEPTH_OF_CHUNK: usize = 32;

/// The first ROWS rows and VECTORS registers of columns of the product of a packed panel of A and a
/// packed panel of B, in registers.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn multiply<
    T: Real,
    L: Lanes<T>,
    const MR: usize,
    const ROWS: usize,
    const VECTORS: usize,
>(
    a: &[T],
    b: &[T],
    sums: &mut Sums<'_, '_, T>,
) {
    let tile_cols = 2 * L::LEN;
    let mut tile = [[L::zero(); VECTORS]; ROWS];
    let chunks = a
        .chunks(MR * DEPTH_OF_CHUNK)
        .zip(b.chunks(tile_cols * DEPTH_OF_CHUNK));
    for (a, b) in chunks {
        if sums.per_chunk > 0 {
            sums.ahead.fetch(sums.per_chunk);
        }
        if sums.coming_per_chunk > 0 {
            sums.coming.fetch(sums.coming_per_chunk, Level::First);
        }
        for (a, b) in a.as_chunks::<MR>().0.iter().zip(b.chunks_exact(tile_cols)) {
            // SAFETY: b has two registers of numbers; the instructions by the caller's promise.
            unsafe {
                let b: [L; VECTORS] =
                    std::array::from_fn(|vector| L::load(b.as_ptr().add(vector * L::LEN)));
                for (tile, &a) in tile.iter_mut().zip(a) {
                    let a = L::splat(a);
                    for (sum, &b) in tile.iter_mut().zip(&b) {
                        *sum = sum.add_product(a, b);
                    }
                }
            }
        }
    }
    for (row, tile) in tile.iter().enumerate() {
        let out = &mut sums.out[row * sums.stride..][..VECTORS * L::LEN];
        for (out, &sum) in out.chunks_exact_mut(L::LEN).zip(tile) {
            // SAFETY: out has one register of numbers; the instructions by the caller's promise.
            unsafe {
                let sum = if sums.add {
                    L::load(out.as_ptr()).add(sum)
                } else {
                    sum
                };
                sum.store(out.as_mut_ptr());
            }
        }
    }
}
