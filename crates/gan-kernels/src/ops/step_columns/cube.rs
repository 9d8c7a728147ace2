//! The GPU's [`StepColumns`]: cubes of two vectors' width, over all rows where columns have a limit.

use cubecl::prelude::*;

use super::StepColumns;
use crate::cube::launch::launch;
use crate::cube::operand::{Operand, Vec4, buffer, load, now, vectors, whole, within};
use crate::cube::sums::{add_to_pair, cube_sum, lane_sum};
use crate::cube::{Cube, Summed};
use crate::ops::linear_bwd_params::cube_rule::{
    Constants, Parameters, ParametersLaunch, Rule, constants, fetch, new_fetched, store, updated,
};

/// Vectors of a row that a cube takes: as many bytes as memory moves at least.
const WIDTH: usize = 2;
/// Rows that it takes at once.
const ROWS: usize = 128;
/// Units of a cube.
const UNITS: usize = WIDTH * ROWS;

#[track_caller]
pub(crate) fn run(cube: &Cube, op: StepColumns<'_, Cube>) {
    let (rows, n, _) = op.check();
    let (matrix, first) = (&*op.parameters.matrix, op.parameters.first);
    let rows_of_cube = match op.max_column_norm {
        Some(_) => rows,
        None => 4 * ROWS,
    };
    let cubes = n.div_ceil(4 * WIDTH) * rows.div_ceil(rows_of_cube);
    let squares = op.monitor.map(|(monitors, monitor)| {
        let squares = monitors.partial(cube, Summed::One(monitor), cubes);
        buffer(&squares, 2 * cubes)
    });
    let mut moments = SequenceArg::new();
    for moment in &*op.moments {
        moments.push(whole(moment));
    }
    launch!(step_columns(
        op.before.map(vectors).into(), vectors(op.gradients),
        ParametersLaunch::new(whole(matrix), moments), squares.into(),
        op.max_column_norm.map(|limit| limit as f32).into(), constants("step_columns", op.update, op.state, op.slot),
        now(op.state), (first * matrix.stride / 4) as u32, rows as u32, rows_of_cube as u32,
        Rule::of(op.update)
    ) on cube, [cubes, UNITS]);
}

/// `first` is the place of the parameters' first row in vectors.
#[cube(launch_unchecked)]
fn step_columns(
    before: &ComptimeOption<Operand<Vec4>>,
    gradients: &Operand<Vec4>,
    parameters: &mut Parameters,
    squares: &mut ComptimeOption<Box<[f32]>>,
    max_column_norm: &ComptimeOption<f32>,
    constants: &Constants,
    state: &[u32],
    first: u32,
    rows: u32,
    rows_of_cube: u32,
    #[comptime] rule: Rule,
) {
    let mut scratch = Shared::<[f32]>::new_slice(UNITS);
    let rows = rows as usize;
    let columns = gradients.columns as usize;
    let stride = gradients.stride as usize;
    let count = gradients.rows as usize / rows;
    let across = columns.div_ceil(4 * WIDTH);
    let unit = UNIT_POS as usize;
    let column4 = CUBE_POS % across * WIDTH + unit % WIDTH;
    let first_row = CUBE_POS / across * rows_of_cube as usize;
    let mut end = first_row + rows_of_cube as usize;
    if end > rows {
        end = rows;
    }
    // A row's last vectors may be fewer than a cube takes.
    if column4 >= columns.div_ceil(4) {
        end = 0usize;
    }
    let mut square = 0.0f32;
    // Squares of the updated weights of this unit's four columns.
    let mut length = Vec4::new(0.0f32);
    let mut row = first_row + unit / WIDTH;
    while row < end {
        let at = first as usize + row * stride + column4;
        let mut fetched = new_fetched(1usize);
        fetch(&*parameters, at, &mut fetched, 0usize, rule);
        let mut g = load(gradients, row, column4);
        #[comptime]
        match before {
            ComptimeOption::Some(before) => {
                g = load(before, row, column4) + g;
            }
            ComptimeOption::None => {}
        }
        for index in 1..count {
            g += load(gradients, index * rows + row, column4);
        }
        square += lane_sum(g * g);
        let after = updated(&fetched, 0usize, g, state, constants, rule);
        let w = within(after.w, column4, columns);
        store(parameters, at, w, &after, rule);
        if row + 1 < rows {
            length += w * w;
        }
        row += ROWS;
    }
    #[comptime]
    match squares {
        ComptimeOption::Some(squares) => {
            let sum = cube_sum(&mut scratch, square, UNITS);
            if unit == 0 && first_row < rows {
                add_to_pair(squares, 2 * CUBE_POS, sum);
            }
        }
        ComptimeOption::None => {}
    }
    #[comptime]
    match max_column_norm {
        ComptimeOption::Some(limit) => {
            let limit = *limit;
            let mut factors = Vec4::new(1.0f32);
            #[unroll]
            for lane in 0..4usize {
                scratch[unit] = length.extract(lane);
                sync_cube();
                let mut sum = 0.0f32;
                for other in 0..ROWS {
                    sum += scratch[unit % WIDTH + other * WIDTH];
                }
                sync_cube();
                let norm = sum.sqrt();
                if norm > limit {
                    factors.insert(lane, limit / norm);
                }
            }
            // Every unit goes back to the weights that it wrote itself.
            let mut row = first_row + unit / WIDTH;
            while row < end && row + 1 < rows {
                parameters.values[first as usize + row * stride + column4] *= factors;
                row += ROWS;
            }
        }
        ComptimeOption::None => {}
    }
}
