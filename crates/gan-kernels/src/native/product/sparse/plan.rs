//! How a product without zeros is cut into tasks.

use std::ops::Range;

use super::super::{DEPTH_BYTES, ENOUGH_TASKS, Epilogue, Product, evenly, gcd};
use super::Side;
use crate::Real;
use crate::native::Isa;

/// Terms of a sum that a row is multiplied by at a time: their rows of B, two to three tiles wide,
/// are 26 to 38 KB, about the first-level cache; 80 and 120 were no better where that is 32 KiB.
const DEPTH_OF_BLOCK: usize = 100;
/// Numbers that are transposed at a time, and what groups of rows are a multiple of: a cache line.
pub(super) const STEP: usize = 16;

/// The largest sizes of the parts of a product.
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
/// Tasks that a product is cut into at least, so that a few threads find equal shares; where there
/// are more threads it is two for each, if an operation's bits allow it.
const TASKS_AT_LEAST: usize = 8;

/// The tasks that a product is cut into.
pub(crate) struct Plan {
    pub(super) side: Side,
    /// Rows of A in groups, and how many a task has.
    pub(super) rows_of_group: usize,
    pub(super) groups: usize,
    pub(super) groups_of_task: usize,
    /// The depth in passes, those of the dense product, and each in blocks.
    pub(super) depth_of_pass: usize,
    pub(super) passes: usize,
    pub(super) depth_of_block: usize,
    pub(super) blocks_of_pass: usize,
    pub(super) strip_cols: usize,
    pub(super) strips: usize,
    /// True if all strips are packed first, for all tasks: a parameter's gradient has a factor of
    /// few rows, which its many tasks would pack again and again.
    pub(super) shared: bool,
}

impl Plan {
    pub(super) fn new<T: Real, E: Epilogue<T>>(
        isa: Isa,
        side: Side,
        p: &Product<'_, T>,
        epilogue: &E,
        threads: usize,
    ) -> Self {
        let torn = epilogue.columns_together() > 1 || epilogue.rows_together();
        assert!(
            side == Side::A || !torn,
            "product: what must not be torn is turned"
        );
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
        let rows_at_most = limits.rows_of_group.min(p.m.div_ceil(2)).max(1);
        let rows_of_group = evenly(p.m, rows_at_most).next_multiple_of(STEP);
        let groups = p.m.div_ceil(rows_of_group);
        let together = match side {
            Side::A => epilogue.columns_together(),
            // Sums are turned so many columns at a time.
            Side::B => STEP,
        };
        let unit = cols_of_tile * together / gcd(cols_of_tile, together);
        let units = p.n.div_ceil(unit).max(1);
        let rows = depth_of_pass + (1 + touched) * rows_of_group;
        let fitting = limits.strip_bytes / (rows * unit * size_of::<T>());
        let passes = p.k.div_ceil(depth_of_pass);
        let shared = touched > 0 && passes == 1;
        // Sums over a task's elements must not depend on threads; elements do not anyway.
        let has_sums = epilogue.state_per_column() > 0;
        let (tasks_at_least, many) = if has_sums {
            (TASKS_AT_LEAST, false)
        } else {
            let many = threads > TASKS_AT_LEAST / 2;
            (TASKS_AT_LEAST.max(2 * threads), many)
        };
        let groups_at_least = if epilogue.rows_together() {
            groups
        } else if shared || many {
            1
        } else {
            GROUPS_AT_LEAST.min(groups)
        };
        // Into how many tasks rows can be cut.
        let parts = groups.div_ceil(groups_at_least);
        let fitting = fitting.min(units * parts / tasks_at_least);
        let strip_cols = unit * evenly(units, fitting.clamp(1, units));
        let strips = p.n.div_ceil(strip_cols);
        let groups_of_task = match side {
            Side::A => {
                let enough = ENOUGH_TASKS.max(tasks_at_least);
                (groups / enough.div_ceil(strips)).max(groups_at_least)
            }
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

    pub(crate) fn tasks(&self) -> usize {
        self.strips * self.groups.div_ceil(self.groups_of_task)
    }

    /// The columns of a task, of `n`, and its groups of rows.
    pub(super) fn part(&self, task: usize, n: usize) -> (Range<usize>, Range<usize>) {
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

    pub(super) fn blocks(&self) -> usize {
        self.passes * self.blocks_of_pass
    }

    /// The depth of a pass, of `depth` in all.
    pub(super) fn of_pass(&self, pass: usize, depth: usize) -> Range<usize> {
        pass * self.depth_of_pass..((pass + 1) * self.depth_of_pass).min(depth)
    }

    /// The depth of a block; those of the last pass may be short or empty.
    pub(super) fn of_block(&self, block: usize, depth: usize) -> Range<usize> {
        let pass = self.of_pass(block / self.blocks_of_pass, depth);
        let first = pass.start + block % self.blocks_of_pass * self.depth_of_block;
        first.min(pass.end)..(first + self.depth_of_block).min(pass.end)
    }

    pub(super) fn rows_of(&self, group: usize, m: usize) -> Range<usize> {
        group * self.rows_of_group..((group + 1) * self.rows_of_group).min(m)
    }

    /// Numbers of a packed strip.
    pub(super) fn strip(&self) -> usize {
        self.depth_of_pass * self.strip_cols
    }

    /// Sums of a group.
    pub(super) fn sums(&self) -> usize {
        self.rows_of_group * self.strip_cols
    }

    /// Sums of a task that wait for a later pass.
    pub(super) fn totals(&self) -> usize {
        if self.passes > 1 {
            self.groups_of_task * self.sums()
        } else {
            0
        }
    }

    /// Room for what a group keeps.
    pub(super) fn entries(&self, depth: usize) -> usize {
        self.rows_of_group * depth
    }

    /// Where each row of each block ends.
    pub(super) fn ends(&self) -> usize {
        self.blocks() * self.rows_of_group
    }
}
