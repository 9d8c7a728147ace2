//! A factor's rows without their zeros.

use super::super::pack::transpose;
use super::super::{Operand, Product};
use super::{Plan, STEP};
use crate::Real;
use crate::native::Lanes;

/// A's rows without their zeros, group by group; in a group block by block of the depth, and in a
/// block row by row, so that they are read in the order they lie in.
pub(crate) struct Kept<T> {
    pub(super) values: Vec<T>,
    /// Where in its block each of them was.
    pub(super) places: Vec<u16>,
    /// Where each row of a block ends, counted from the beginning of its group.
    pub(super) ends: Vec<u32>,
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
    pub(super) fn group(&self, plan: &Plan, group: usize, depth: usize) -> Group<'_, T> {
        let (entries, ends) = (plan.entries(depth), plan.blocks() * plan.rows_of_group);
        Group {
            values: &self.values[group * entries..][..entries],
            places: &self.places[group * entries..][..entries],
            ends: &self.ends[group * ends..][..ends],
        }
    }
}

/// The same of one group.
pub(super) struct Group<'a, T> {
    pub(super) values: &'a [T],
    pub(super) places: &'a [u16],
    pub(super) ends: &'a [u32],
}

impl<T> Group<'_, T> {
    /// What a row kept of a block, and where in the block it was.
    #[inline(always)]
    pub(super) fn row(&self, plan: &Plan, block: usize, row: usize) -> (&[T], &[u16]) {
        let row = block * plan.rows_of_group + row;
        let start = if row == 0 { 0 } else { self.ends[row - 1] } as usize;
        let end = self.ends[row] as usize;
        (&self.values[start..end], &self.places[start..end])
    }
}

/// One group as it is written.
pub(super) struct GroupMut<'a, T> {
    pub(super) values: &'a mut [T],
    pub(super) places: &'a mut [u16],
    pub(super) ends: &'a mut [u32],
}

/// Copies a group of A's rows without their zeros.
///
/// # Safety
/// The processor has the instructions of `L`, and where WIDE those of AVX-512.
#[inline(always)]
pub(super) unsafe fn keep_group<T: Real, L: Lanes<T>, const WIDE: bool>(
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
    for block in 0..plan.blocks() {
        let depth = plan.of_block(block, p.k);
        let ends = &mut kept.ends[block * plan.rows_of_group..][..plan.rows_of_group];
        if depth.is_empty() {
            ends.fill(end as u32);
            continue;
        }
        // Where rows are columns of memory, all that are whole are turned first.
        let whole = if col_stride != 1 && row_stride == 1 {
            rows.len() / STEP * STEP
        } else {
            0
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
            ends[row] = end as u32;
        }
        ends[rows.len()..].fill(end as u32);
    }
}
