//! Matrices as kernels take them: a buffer, and which of its rows are meant.

use cubecl::prelude::*;
use cubecl::server::Handle;

use super::{Cube, DeviceState};
use crate::{Matrix, Rows, WinnersRows};

/// Four neighbouring elements of a row.
pub(crate) type Vec4 = Vector<f32, Const<4>>;

/// Some rows of a matrix, read and written as vectors of four or as single elements.
#[derive(CubeType, CubeLaunch)]
pub(crate) struct Operand<T: CubePrimitive> {
    /// The whole matrix.
    pub(crate) values: Box<[T]>,
    /// Where the first of the rows begins, in values.
    pub(crate) first: u32,
    /// Values from row to row.
    pub(crate) stride: u32,
    /// Number of rows.
    pub(crate) rows: u32,
    /// Number of columns: of elements, also where a value is a vector.
    pub(crate) columns: u32,
}

/// Where a row of `operand` begins.
#[cube]
pub(crate) fn row_start<T: CubePrimitive>(operand: &Operand<T>, row: usize) -> usize {
    operand.first as usize + row * operand.stride as usize
}

/// The vector in a row and a column of vectors.
#[cube]
pub(crate) fn load(operand: &Operand<Vec4>, row: usize, column4: usize) -> Vec4 {
    operand.values[row_start(operand, row) + column4]
}

/// Writes the vector in a row and a column of vectors, with zeros in the row's padding.
#[cube]
pub(crate) fn store(operand: &mut Operand<Vec4>, row: usize, column4: usize, v: Vec4) {
    let at = row_start(&*operand, row) + column4;
    operand.values[at] = within(v, column4, operand.columns as usize);
}

/// The vector with zeros beyond the last of `columns`, because padding stays zero.
#[cube]
pub(crate) fn within(v: Vec4, column4: usize, columns: usize) -> Vec4 {
    let mut kept = v;
    if column4 * 4 + 4 > columns {
        #[unroll]
        for lane in 0..4usize {
            if column4 * 4 + lane >= columns {
                kept.insert(lane, 0.0f32);
            }
        }
    }
    kept
}

/// Element `at` of vectors.
#[cube]
pub(crate) fn element(vectors: &[Vec4], at: usize) -> f32 {
    lane_of(vectors[at / 4], at % 4)
}

/// The element in a lane that is not known when the kernel is compiled.
#[cube]
pub(crate) fn lane_of<T: Scalar>(v: Vector<T, Const<4>>, lane: usize) -> T {
    let mut value = v.extract(0usize);
    #[unroll]
    for other in 1..4usize {
        value = select(lane == other, v.extract(other), value);
    }
    value
}

/// Rows of a matrix, in vectors of four.
pub(crate) fn vectors(rows: Rows<'_, Cube>) -> OperandLaunch<Vec4> {
    operand(rows, 4)
}

/// Rows of a matrix, element by element.
pub(crate) fn elements(rows: Rows<'_, Cube>) -> OperandLaunch<f32> {
    operand(rows, 1)
}

fn operand<T: CubePrimitive>(rows: Rows<'_, Cube>, width: usize) -> OperandLaunch<T> {
    let matrix = rows.matrix;
    let stride = matrix.stride / width;
    OperandLaunch::new(
        buffer(&matrix.storage, matrix.rows * stride),
        (rows.first * stride) as u32,
        stride as u32,
        rows.count as u32,
        matrix.cols as u32,
    )
}

/// The winning pieces of a layer's units, from a row on.
pub(crate) fn winners(rows: WinnersRows<'_, Cube>) -> OperandLaunch<u32> {
    let (all, units) = (rows.winners, rows.winners.cols);
    OperandLaunch::new(
        buffer(&all.bytes, all.rows * units),
        (rows.first * units) as u32,
        units as u32,
        (all.rows - rows.first) as u32,
        units as u32,
    )
}

/// All vectors of a matrix.
pub(crate) fn whole(matrix: &Matrix<Cube>) -> BufferArg {
    buffer(&matrix.storage, matrix.rows * matrix.stride / 4)
}

/// A buffer of `len` elements of the kernel's type.
pub(crate) fn buffer(handle: &Handle, len: usize) -> BufferArg {
    // SAFETY: the length is that of the allocation, in the caller's element type.
    unsafe { BufferArg::from_raw_parts(handle.clone(), len) }
}

/// The current state.
pub(crate) fn now(state: &DeviceState) -> BufferArg {
    buffer(&state.now, state.now_len())
}
