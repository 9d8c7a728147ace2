//! Factors of a product, rearranged so that a tile reads them in a row.

use std::ops::Range;

use super::{Operand, Plan, Product};
use crate::Real;
use crate::native::Touched;
use crate::native::shared_rows::{LINE, Level, prefetch};

/// Rows of B whose cache lines are asked for ahead of their packing.
pub(super) const PACK_AHEAD: usize = 12;

/// Packs a panel of A, `rows_of_tile` rows side by side for each depth, missing rows zero.
#[inline(always)]
pub(super) fn pack_rows<T: Real>(
    p: &Product<'_, T>,
    panel: usize,
    rows_of_tile: usize,
    packed: &mut [T],
) {
    match rows_of_tile {
        12 => pack_rows_of::<T, 12>(p, panel, packed),
        6 => pack_rows_of::<T, 6>(p, panel, packed),
        4 => pack_rows_of::<T, 4>(p, panel, packed),
        _ => unreachable!("a tile of {rows_of_tile} rows"),
    }
}

#[inline(always)]
fn pack_rows_of<T: Real, const MR: usize>(p: &Product<'_, T>, panel: usize, packed: &mut [T]) {
    let first = panel * MR;
    let rows = MR.min(p.m - first);
    let Operand {
        data,
        row_stride,
        col_stride,
    } = p.a;
    let packed = packed.as_chunks_mut::<MR>().0;
    if rows == MR && row_stride == 1 {
        for (depth, packed) in packed.iter_mut().enumerate() {
            let source = data[depth * col_stride + first..].first_chunk();
            *packed = *source.expect("product: a row of A ends early");
        }
        return;
    }
    if rows == MR && col_stride == 1 {
        let rows = std::array::from_fn(|row| &data[(first + row) * row_stride..][..p.k]);
        return interleave::<T, MR>(rows, packed);
    }
    packed.fill([T::ZERO; MR]);
    for row in 0..rows {
        let source = &data[(first + row) * row_stride..];
        for (packed, &value) in packed.iter_mut().zip(source.iter().step_by(col_stride)) {
            packed[row] = value;
        }
    }
}

/// Packs MR rows as columns.
#[inline(always)]
pub(super) fn interleave<T: Real, const MR: usize>(rows: [&[T]; MR], packed: &mut [[T; MR]]) {
    const STEP: usize = 4;
    let blocks = rows.map(|row| row.as_chunks::<STEP>().0);
    let (steps, rest) = packed.as_chunks_mut::<STEP>();
    for (index, step) in steps.iter_mut().enumerate() {
        for first in (0..MR).step_by(STEP) {
            // Where MR is no multiple of four the last rows are packed twice.
            let first = first.min(MR - STEP);
            let block = transpose_4x4(std::array::from_fn(|row| &blocks[first + row][index]));
            for (packed, column) in step.iter_mut().zip(&block) {
                packed[first..first + STEP].copy_from_slice(column);
            }
        }
    }
    let done = steps.len() * STEP;
    for (depth, packed) in rest.iter_mut().enumerate() {
        *packed = rows.map(|row| row[done + depth]);
    }
}

/// Packs `depth` × `cols` of B: tile by tile, and within each NR columns side by side for each
/// depth, missing columns zero.
///
/// Tiles are `tile_depth · NR` apart.
/// WIDE says that the code is compiled for AVX-512.
#[inline(always)]
pub(super) fn pack_cols<T: Real, const WIDE: bool>(
    cols_of_tile: usize,
    p: &Product<'_, T>,
    depth: Range<usize>,
    cols: Range<usize>,
    packed: &mut [T],
    tile_depth: usize,
) {
    match cols_of_tile {
        32 => pack_cols_of::<T, 32, WIDE>(p, depth, cols, packed, tile_depth),
        16 => pack_cols_of::<T, 16, WIDE>(p, depth, cols, packed, tile_depth),
        8 => pack_cols_of::<T, 8, WIDE>(p, depth, cols, packed, tile_depth),
        4 => pack_cols_of::<T, 4, WIDE>(p, depth, cols, packed, tile_depth),
        _ => unreachable!("a tile of {cols_of_tile} columns"),
    }
}

#[inline(always)]
fn pack_cols_of<T: Real, const NR: usize, const WIDE: bool>(
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
            prefetch(data, ahead, cols.len(), Level::First);
            let source = &data[depth * row_stride + cols.start..][..whole * NR];
            for (tile, source) in source.as_chunks::<NR>().0.iter().enumerate() {
                packed[(tile * tile_depth + index) * NR..][..NR].copy_from_slice(source);
            }
        }
    } else if row_stride == 1 {
        for tile in 0..whole {
            let source = &data[(cols.start + tile * NR) * col_stride + depth.start..];
            let packed = &mut packed[tile * tile_depth * NR..][..depth.len() * NR];
            transpose::<T, NR, WIDE>(source, col_stride, packed);
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
pub(super) fn transpose<T: Real, const NR: usize, const WIDE: bool>(
    data: &[T],
    stride: usize,
    packed: &mut [T],
) {
    let packed = packed.as_chunks_mut::<NR>().0;
    let depth = packed.len();
    #[cfg_attr(
        not(target_arch = "x86_64"),
        allow(unused_mut, reason = "vectors are of x86-64")
    )]
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if WIDE && size_of::<T>() == size_of::<f32>() && NR.is_multiple_of(16) {
        let (steps, _) = packed.as_chunks_mut::<16>();
        for (index, step) in steps.iter_mut().enumerate() {
            for first in (0..NR).step_by(16) {
                let mut rows = [std::ptr::null(); 16];
                for (row, pointer) in rows.iter_mut().enumerate() {
                    let row = &data[(first + row) * stride..][..depth];
                    *pointer = row.as_chunks::<16>().0[index].as_ptr().cast::<f32>();
                }
                // SAFETY: AVX-512 by WIDE; T is f32, the only `Real` of four bytes; each of the 16
                // steps has NR columns, from `first` on at least 16.
                unsafe {
                    let columns = &mut step.as_flattened_mut()[first..];
                    transpose_16x16(rows, columns.as_mut_ptr().cast(), NR);
                }
            }
        }
        done = steps.len() * 16;
    }
    const STEP: usize = 4;
    let (steps, rest) = packed[done..].as_chunks_mut::<STEP>();
    let end = done + steps.len() * STEP;
    for first in (0..NR).step_by(STEP) {
        let rows: [&[T]; STEP] =
            std::array::from_fn(|row| &data[(first + row) * stride..][..depth]);
        let blocks = rows.map(|row| row[done..].as_chunks::<STEP>().0);
        for (index, step) in steps.iter_mut().enumerate() {
            let block = transpose_4x4(blocks.map(|blocks| &blocks[index]));
            for (packed, column) in step.iter_mut().zip(&block) {
                packed[first..first + STEP].copy_from_slice(column);
            }
        }
        for (depth, packed) in rest.iter_mut().enumerate() {
            for (packed, row) in packed[first..].iter_mut().zip(&rows) {
                *packed = row[end + depth];
            }
        }
    }
}

/// The first sixteen columns of `rows` rows as sixteen rows; `rows` is a multiple of sixteen.
#[inline(always)]
pub(super) fn transpose_rows<T: Real, const WIDE: bool>(
    data: &[T],
    stride: usize,
    rows: usize,
    turned: &mut [T],
) {
    #[cfg(target_arch = "x86_64")]
    if WIDE && size_of::<T>() == size_of::<f32>() {
        for first in (0..rows).step_by(16) {
            let mut pointers = [std::ptr::null(); 16];
            for (row, pointer) in pointers.iter_mut().enumerate() {
                let row = &data[(first + row) * stride..][..16];
                *pointer = row.as_ptr().cast::<f32>();
            }
            let columns = &mut turned[first..][..15 * rows + 16];
            // SAFETY: AVX-512 by WIDE; T is f32, the only `Real` of four bytes; sixteen columns
            // of sixteen fit what was cut out.
            unsafe { transpose_16x16(pointers, columns.as_mut_ptr().cast(), rows) };
        }
        return;
    }
    for first in (0..rows).step_by(4) {
        for part in (0..16).step_by(4) {
            let four = |row: usize| {
                let four = data[(first + row) * stride + part..].first_chunk();
                four.expect("product: a row of sums ends early")
            };
            let block = transpose_4x4([four(0), four(1), four(2), four(3)]);
            for (column, values) in block.iter().enumerate() {
                turned[(part + column) * rows + first..][..4].copy_from_slice(values);
            }
        }
    }
}

/// Sixteen rows of sixteen as columns `stride` apart.
///
/// # Safety
/// Each of `rows` can be read, and each column of `columns` written, for sixteen numbers.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn transpose_16x16(rows: [*const f32; 16], columns: *mut f32, stride: usize) {
    use std::arch::x86_64::{
        __m512, _mm512_castpd_ps, _mm512_castps_pd, _mm512_loadu_ps, _mm512_setzero_ps,
        _mm512_shuffle_f32x4, _mm512_storeu_ps, _mm512_unpackhi_pd, _mm512_unpackhi_ps,
        _mm512_unpacklo_pd, _mm512_unpacklo_ps,
    };
    // No closures here: they would be compiled without the instructions that this function has.
    // Fours of rows as columns within each 128 bits…
    let mut fours = [_mm512_setzero_ps(); 16];
    for row in (0..16).step_by(4) {
        // SAFETY: the caller's promise.
        let [a, b, c, d]: [__m512; 4] = unsafe {
            [
                _mm512_loadu_ps(rows[row]),
                _mm512_loadu_ps(rows[row + 1]),
                _mm512_loadu_ps(rows[row + 2]),
                _mm512_loadu_ps(rows[row + 3]),
            ]
        };
        let low_ab = _mm512_castps_pd(_mm512_unpacklo_ps(a, b));
        let low_cd = _mm512_castps_pd(_mm512_unpacklo_ps(c, d));
        let high_ab = _mm512_castps_pd(_mm512_unpackhi_ps(a, b));
        let high_cd = _mm512_castps_pd(_mm512_unpackhi_ps(c, d));
        fours[row] = _mm512_castpd_ps(_mm512_unpacklo_pd(low_ab, low_cd));
        fours[row + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low_ab, low_cd));
        fours[row + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(high_ab, high_cd));
        fours[row + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(high_ab, high_cd));
    }
    // …then the 128 bits of four such as a 4 × 4 of their own.
    for column in 0..4 {
        let a = fours[column];
        let b = fours[4 + column];
        let c = fours[8 + column];
        let d = fours[12 + column];
        let even = [
            _mm512_shuffle_f32x4::<0x88>(a, b),
            _mm512_shuffle_f32x4::<0x88>(c, d),
        ];
        let odd = [
            _mm512_shuffle_f32x4::<0xDD>(a, b),
            _mm512_shuffle_f32x4::<0xDD>(c, d),
        ];
        let parts = [
            _mm512_shuffle_f32x4::<0x88>(even[0], even[1]),
            _mm512_shuffle_f32x4::<0x88>(odd[0], odd[1]),
            _mm512_shuffle_f32x4::<0xDD>(even[0], even[1]),
            _mm512_shuffle_f32x4::<0xDD>(odd[0], odd[1]),
        ];
        for (quarter, part) in parts.into_iter().enumerate() {
            // SAFETY: the caller's promise.
            unsafe { _mm512_storeu_ps(columns.add((4 * quarter + column) * stride), part) };
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

/// Cache lines of B that a coming strip will be packed from, one after the other.
pub(super) struct Ahead<'a, T> {
    data: &'a [T],
    /// Element that the current run of memory begins with.
    first: usize,
    /// From one run to the next, in elements.
    stride: usize,
    /// Runs that are left, the current one among them.
    runs: usize,
    /// Lines of a run, and of the current one that are done.
    of_run: usize,
    done: usize,
}

impl<'a, T: Real> Ahead<'a, T> {
    /// The lines that packing `depth` × `cols` of B reads, where a number holds `terms` of the depth.
    #[inline(always)]
    pub(super) fn new(
        p: &Product<'a, T>,
        terms: usize,
        depth: Range<usize>,
        cols: Range<usize>,
    ) -> Self {
        let depth = terms * depth.start..(terms * depth.end).min(p.k);
        let Operand {
            data,
            row_stride,
            col_stride,
        } = p.b;
        let (stride, runs, len) = if col_stride == 1 {
            (row_stride, depth.len(), cols.len())
        } else {
            (col_stride, cols.len(), depth.len())
        };
        Self {
            data,
            first: depth.start * row_stride + cols.start * col_stride,
            stride,
            runs,
            of_run: (len * size_of::<T>()).div_ceil(LINE),
            done: 0,
        }
    }

    /// The lines that the task after `task` packs first; nothing if there is no such task, or if it
    /// needs what is packed.
    #[inline(always)]
    pub(super) fn after_task(p: &Product<'a, T>, plan: &Plan, task: usize) -> Self {
        let same = plan.is_one_pass() && plan.strip(task) == plan.strip(task + 1);
        let task = task + 1;
        if task >= plan.tasks() || same {
            return Self::new(p, plan.terms, 0..0, 0..0);
        }
        let (cols, _) = plan.part(task, p.n);
        Self::new(p, plan.terms, 0..plan.depth_of_pass.min(plan.depth), cols)
    }

    /// Lines that are left.
    #[inline(always)]
    pub(super) fn lines(&self) -> usize {
        self.runs * self.of_run - self.done
    }

    /// Asks the second-level cache for up to `lines` of them.
    #[inline(always)]
    pub(super) fn fetch(&mut self, lines: usize) {
        for _ in 0..lines {
            if self.runs == 0 {
                return;
            }
            let at = self.first + self.done * (LINE / size_of::<T>());
            prefetch(self.data, at, 1, Level::Second);
            self.done += 1;
            if self.done >= self.of_run {
                self.done = 0;
                self.runs -= 1;
                self.first += self.stride;
            }
        }
    }
}

/// Cache lines that an epilogue will touch at a tile, matrix by matrix and row by row.
pub(super) struct Coming {
    matrices: [Touched; 3],
    count: usize,
    rows: Range<usize>,
    /// Bytes of a row.
    bytes: Range<usize>,
    matrix: usize,
    row: usize,
    byte: usize,
}

impl Coming {
    /// The lines of `rows` × `cols`.
    #[inline(always)]
    pub(super) fn new<T>(matrices: [Touched; 3], rows: Range<usize>, cols: Range<usize>) -> Self {
        let bytes = cols.start * size_of::<T>()..cols.end * size_of::<T>();
        Self {
            matrices,
            count: matrices.iter().filter(|matrix| matrix.exists()).count(),
            matrix: 0,
            row: rows.start,
            byte: bytes.start,
            rows,
            bytes,
        }
    }

    /// The number of them in all.
    #[inline(always)]
    pub(super) fn lines(&self) -> usize {
        self.count * self.rows.len() * self.bytes.len().div_ceil(LINE)
    }

    /// Asks a cache for up to `lines` of them.
    #[inline(always)]
    pub(super) fn fetch(&mut self, lines: usize, level: Level) {
        for _ in 0..lines {
            if self.matrix >= self.count || self.rows.is_empty() {
                return;
            }
            self.matrices[self.matrix].prefetch(self.row, self.byte, level);
            self.byte += LINE;
            if self.byte >= self.bytes.end {
                self.byte = self.bytes.start;
                self.row += 1;
                if self.row >= self.rows.end {
                    self.row = self.rows.start;
                    self.matrix += 1;
                }
            }
        }
    }
}
