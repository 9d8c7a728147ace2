//! The GPU's [`GatherConditions`]: a cube for each row, whose record its position names.

use cubecl::prelude::*;

use super::GatherConditions;
use crate::RecordFormat;
use crate::cube::Cube;
use crate::cube::launch::launch;
use crate::cube::operand::{Operand, buffer, elements, row_start};
use crate::cube::visits::{Visits, map_of, record_of, value_at, visits};

/// Units of a cube: latents and conditions are a hundred or two.
const UNITS: usize = 64;

#[track_caller]
pub(crate) fn run(cube: &Cube, op: GatherConditions<'_, Cube>) {
    let records = op.records;
    let (m, _) = op.check(records.rows, records.cols);
    let rows = [op.rows_per_step, op.first_row];
    let visits = visits(op.state, records.rows, rows, op.groups);
    launch!(gather_conditions(
        buffer(&records.data, records.words), buffer(&records.maps, records.map_words),
        elements(op.given.layout.all()), elements(op.z), elements(op.y.as_rows()), visits,
        records.cols as u32, records.format
    ) on cube, [m, UNITS]);
}

#[cube(launch_unchecked)]
fn gather_conditions(
    data: &[u32],
    maps: &[f32],
    places: &Operand<f32>,
    z: &Operand<f32>,
    y: &mut Operand<f32>,
    visits: &Visits,
    columns: u32,
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
    let (scale, offset) = map_of(maps, record, format);
    let latents = z.columns as usize;
    let all = y.columns as usize;
    let z_row = row_start(z, row);
    let y_row = row_start(&*y, row);
    for pass in 0..all.div_ceil(UNITS) {
        let column = pass * UNITS + UNIT_POS as usize;
        if column < latents {
            y.values[y_row + column] = z.values[z_row + column];
        } else if column < all {
            let place = usize::cast_from(places.values[column - latents]);
            let at = record * columns as usize + place;
            y.values[y_row + column] = value_at(data, at, scale, offset, format);
        }
    }
}
