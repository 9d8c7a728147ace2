//! The GPU's [`GatherRows`]: a cube for each row, whose record its position names.

use cubecl::prelude::*;

use super::GatherRows;
use crate::RecordFormat;
use crate::cube::Cube;
use crate::cube::epilogue::{Mask, drop_out, mask};
use crate::cube::launch::launch;
use crate::cube::operand::{Operand, Vec4, buffer, store, vectors};
use crate::cube::visits::{Visits, map_of, record_of, value_at, visits};

/// Units of a cube: an image of MNIST takes 196.
const UNITS: usize = 256;

#[track_caller]
pub(crate) fn run(cube: &Cube, op: GatherRows<'_, Cube>) {
    let records = op.records;
    op.check(records.rows, records.cols);
    let (m, _) = op.y.shape();
    let rows = [op.rows_per_step, op.first_row];
    let visits = visits(op.state, records.rows, rows, op.groups);
    launch!(gather_rows(
        buffer(&records.data, records.words), buffer(&records.maps, records.map_words),
        vectors(op.y.as_rows()), visits, mask(op.dropout, records.cols, op.state), records.format
    ) on cube, [m, UNITS]);
}

#[cube(launch_unchecked)]
fn gather_rows(
    data: &[u32],
    maps: &[f32],
    y: &mut Operand<Vec4>,
    visits: &Visits,
    dropout: &ComptimeOption<Mask>,
    #[comptime] format: RecordFormat,
) {
    let row = CUBE_POS;
    if row >= y.rows as usize {
        terminate!();
    }
    let mut shared = Shared::<[u32]>::new_slice(1usize);
    if UNIT_POS == 0 {
        shared[0] = record_of(visits, row as u32);
    }
    sync_cube();
    let record = shared[0] as usize;
    let columns = y.columns as usize;
    let columns4 = columns.div_ceil(4);
    let (scale, offset) = map_of(maps, record, format);
    for pass in 0..columns4.div_ceil(UNITS) {
        let column4 = pass * UNITS + UNIT_POS as usize;
        if column4 < columns4 {
            let mut v = Vec4::new(0.0f32);
            #[unroll]
            for lane in 0..4usize {
                let column = column4 * 4 + lane;
                if column < columns {
                    let at = record * columns + column;
                    v.insert(lane, value_at(data, at, scale, offset, format));
                }
            }
            let v = drop_out(v, dropout, row, column4);
            store(y, row, column4, v);
        }
    }
}
