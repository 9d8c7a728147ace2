//! The GPU's [`ColumnParts`]: a unit for each vector that is written.

use cubecl::prelude::*;

use super::ColumnParts;
use crate::cube::Cube;
use crate::cube::launch::launch;
use crate::cube::operand::{Operand, Vec4, elements, row_start, store, vectors};

/// Units of a cube.
const UNITS: usize = 256;

#[track_caller]
pub(crate) fn run(cube: &Cube, op: ColumnParts<'_, Cube>) {
    let (k, n, count) = op.check();
    let cubes = |rows: usize, cols: usize| (rows * cols.div_ceil(4)).div_ceil(UNITS);
    match op {
        ColumnParts::Cut { w, b, parts } => {
            let cubes = cubes(count * (k + 1), parts.cols);
            launch!(cut_columns(
                elements(w.all()), elements(b.all()), vectors(parts.all())
            ) on cube, [cubes, UNITS]);
        }
        ColumnParts::Join { parts, w, b } => {
            let cubes = cubes(k + 1, n);
            launch!(join_columns(
                elements(parts.all()), vectors(w.all()), vectors(b.all())
            ) on cube, [cubes, UNITS]);
        }
    }
}

/// The row and the column of vectors of this unit, in rows of so many columns.
#[cube]
fn place(columns: usize) -> (usize, usize) {
    let columns4 = columns.div_ceil(4);
    let index = CUBE_POS * UNITS + UNIT_POS as usize;
    (index / columns4, index % columns4)
}

#[cube(launch_unchecked)]
fn cut_columns(w: &Operand<f32>, b: &Operand<f32>, parts: &mut Operand<Vec4>) {
    let columns = parts.columns as usize;
    let (at, column4) = place(columns);
    if at < parts.rows as usize {
        let rows = w.rows as usize + 1;
        let row = at % rows;
        let first = at / rows * columns;
        let mut v = Vec4::new(0.0f32);
        #[unroll]
        for lane in 0..4usize {
            let column = column4 * 4 + lane;
            let from = first + column;
            if column < columns && from < w.columns as usize {
                if row < w.rows as usize {
                    v.insert(lane, w.values[row_start(w, row) + from]);
                } else {
                    v.insert(lane, b.values[row_start(b, 0usize) + from]);
                }
            }
        }
        store(parts, at, column4, v);
    }
}

#[cube(launch_unchecked)]
fn join_columns(parts: &Operand<f32>, w: &mut Operand<Vec4>, b: &mut Operand<Vec4>) {
    let columns = w.columns as usize;
    let (row, column4) = place(columns);
    let rows = w.rows as usize + 1;
    if row < rows {
        let cols = parts.columns as usize;
        let mut v = Vec4::new(0.0f32);
        #[unroll]
        for lane in 0..4usize {
            let column = column4 * 4 + lane;
            if column < columns {
                let from = column / cols * rows + row;
                v.insert(lane, parts.values[row_start(parts, from) + column % cols]);
            }
        }
        if row + 1 < rows {
            store(w, row, column4, v);
        } else {
            store(b, 0usize, column4, v);
        }
    }
}
