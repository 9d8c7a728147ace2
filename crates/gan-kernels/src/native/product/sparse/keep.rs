//! A factor's rows without their zeros.

use super::super::pack::transpose;
use super::super::{Operand, Product};
use super::plan::{Plan, STEP};
use crate::Real;
use crate::native::{Lanes, SharedRows};

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

impl<T: Real> Kept<T> {
    /// Grows to what a product needs.
    pub(super) fn reserve(&mut self, plan: &Plan, depth: usize) {
        let entries = plan.groups * plan.entries(depth);
        if self.values.len() < entries {
            self.values.resize(entries, T::ZERO);
            self.places.resize(entries, 0);
        }
        let ends = plan.groups * plan.ends();
        if self.ends.len() < ends {
            self.ends.resize(ends, 0);
        }
    }

    /// All groups, for tasks that write one each.
    pub(super) fn groups(&mut self, plan: &Plan, depth: usize) -> GroupsMut<'_, T> {
        GroupsMut {
            values: SharedRows::new(&mut self.values, plan.entries(depth)),
            places: SharedRows::new(&mut self.places, plan.entries(depth)),
            ends: SharedRows::new(&mut self.ends, plan.ends()),
        }
    }

    pub(super) fn group(&self, plan: &Plan, group: usize, depth: usize) -> Group<'_, T> {
        let (entries, ends) = (plan.entries(depth), plan.ends());
        Group {
            values: &self.values[group * entries..][..entries],
            places: &self.places[group * entries..][..entries],
            ends: &self.ends[group * ends..][..ends],
        }
    }
}

/// The same of one group.
pub(super) struct Group<'a, T> {
    values: &'a [T],
    places: &'a [u16],
    ends: &'a [u32],
}

impl<T> Group<'_, T> {
    /// The values that a row kept of a block, and where in the block they were.
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
    values: &'a mut [T],
    places: &'a mut [u16],
    ends: &'a mut [u32],
}

/// All groups as they are written.
pub(super) struct GroupsMut<'a, T> {
    values: SharedRows<'a, T>,
    places: SharedRows<'a, u16>,
    ends: SharedRows<'a, u32>,
}

impl<T> GroupsMut<'_, T> {
    /// One of them.
    ///
    /// # Safety
    /// No other thread uses this group.
    pub(super) unsafe fn get(&self, group: usize) -> GroupMut<'_, T> {
        // SAFETY: the caller's promise.
        unsafe {
            GroupMut {
                values: self.values.row(group),
                places: self.places.row(group),
                ends: self.ends.row(group),
            }
        }
    }
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
