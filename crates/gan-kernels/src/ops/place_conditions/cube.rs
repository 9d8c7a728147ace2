//! The GPU's [`PlaceConditions`]: a unit for each value that is placed.

use cubecl::prelude::*;

use super::PlaceConditions;
use crate::cube::Cube;
use crate::cube::launch::launch;
use crate::cube::operand::{Operand, elements, row_start};

/// Units of a cube.
const UNITS: usize = 64;

#[track_caller]
pub(crate) fn run(cube: &Cube, op: PlaceConditions<'_, Cube>) {
    let (m, given, _) = op.check();
    launch!(place_conditions(
        elements(op.given.layout.all()), op.x.map(elements).into(), elements(op.y.as_rows())
    ) on cube, [(m * given).div_ceil(UNITS), UNITS]);
}

#[cube(launch_unchecked)]
fn place_conditions(places: &Operand<f32>, x: &ComptimeOption<Operand<f32>>, y: &mut Operand<f32>) {
    let given = places.columns as usize;
    let at = CUBE_POS * UNITS + UNIT_POS as usize;
    if at >= given * y.rows as usize {
        terminate!();
    }
    let (row, index) = (at / given, at % given);
    let place = usize::cast_from(places.values[index]);
    let value = condition(x, row, index, given);
    let y_at = row_start(&*y, row) + place;
    y.values[y_at] = value;
}

/// The condition of that number in a row of X; 0 without X.
#[cube]
fn condition(x: &ComptimeOption<Operand<f32>>, row: usize, index: usize, given: usize) -> f32 {
    #[comptime]
    match x {
        ComptimeOption::Some(x) => x.values[row_start(x, row) + x.columns as usize - given + index],
        ComptimeOption::None => 0.0f32,
    }
}
