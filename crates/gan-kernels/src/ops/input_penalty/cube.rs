//! The GPU's [`InputPenalty`]: the units of a warp for each row, which read it twice.

use cubecl::prelude::*;

use super::{InputPenalty, Penalty, UNIT_NORM_EPSILON};
use crate::Monitor;
use crate::cube::launch::launch;
use crate::cube::objective::{ROWS, UNITS, over_rows};
use crate::cube::operand::{
    Operand, Vec4, buffer, elements, load, row_start, store, vectors, within,
};
use crate::cube::sums::{PER_ROW, add_to_pair, lane_sum, row_and_lane, row_sum};
use crate::cube::{Cube, Summed};

/// Rows of a part, and of each part its factor, γ or λ divided by these rows.
///
/// Taken on the host: not every device divides to the last digit.
#[derive(CubeType, CubeLaunch)]
struct Parts {
    rows: u32,
    first: f32,
    second: f32,
    third: f32,
}

#[track_caller]
pub(crate) fn run(cube: &Cube, op: InputPenalty<'_, Cube>) {
    let (m, _) = op.check();
    let part = m / op.penalty.parts();
    let [first, second, third] = op
        .penalty
        .factors()
        .map(|factor| (factor / part as f64) as f32);
    let cubes = m.div_ceil(ROWS);
    let sums = op.monitors.partial(cube, Summed::All, cubes);
    launch!(input_penalty(
        vectors(op.x), vectors(op.q), elements(op.s), vectors(op.c.as_rows()),
        buffer(&sums, cubes * Summed::All.words()),
        PartsLaunch::new(part as u32, first, second, third),
        matches!(op.penalty, Penalty::UnitNorm { .. })
    ) on cube, [cubes, UNITS]);
}

#[cube(launch_unchecked)]
fn input_penalty(
    x: &Operand<Vec4>,
    q: &Operand<Vec4>,
    s: &Operand<f32>,
    c: &mut Operand<Vec4>,
    sums: &mut [f32],
    parts: &Parts,
    #[comptime] unit_norm: bool,
) {
    let (rows, columns) = (x.rows as usize, x.columns as usize);
    let columns4 = columns.div_ceil(4);
    let (row, lane) = row_and_lane(ROWS);
    let in_cube = row % ROWS;
    if CUBE_POS * ROWS >= rows {
        terminate!();
    }
    let mut scratch = Shared::<[f32]>::new_slice(UNITS);
    let mut terms = Shared::<[f32]>::new_slice(comptime!(ROWS * TERMS));

    let mut square = 0.0f32;
    if row < rows {
        let mut column4 = lane;
        while column4 < columns4 {
            let q = within(load(q, row, column4), column4, columns);
            square += lane_sum(q * q);
            column4 += PER_ROW;
        }
    }
    let square = row_sum(&mut scratch, square, lane);
    let which = row / parts.rows as usize;
    let mut factor = select(which == 0, parts.first, parts.second);
    factor = select(which == 2, parts.third, factor);
    let mut value = 0.5f32 * factor * square;
    let mut kappa = factor;
    if comptime!(unit_norm) {
        let norm = (square + EPSILON).sqrt();
        let off = norm - 1.0f32;
        value = factor * off * off;
        kappa = 2.0f32 * factor * off / norm;
    }
    if lane == 0 {
        let penalised = row < rows && factor != 0.0f32;
        terms[PENALTY * ROWS + in_cube] = select(penalised, value, 0.0f32);
        terms[SQUARE * ROWS + in_cube] = select(penalised, square, 0.0f32);
        terms[COUNT * ROWS + in_cube] = select(penalised, 1.0f32, 0.0f32);
    }
    sync_cube();
    let unit = UNIT_POS as usize;
    if unit < TERMS {
        // The terms stand in the order of their monitors.
        add_to_pair(
            sums,
            CUBE_POS * Summed::All.words() + 2 * (FIRST + unit),
            over_rows(&terms, unit),
        );
    }

    if row < rows {
        let s = Vec4::new(s.values[row_start(s, row)]);
        let kappa = Vec4::new(kappa);
        let mut column4 = lane;
        while column4 < columns4 {
            let v = s * load(x, row, column4) + kappa * load(q, row, column4);
            store(c, row, column4, v);
            column4 += PER_ROW;
        }
    }
}

const EPSILON: f32 = UNIT_NORM_EPSILON as f32;

/// Terms of a row, and their monitors.
const TERMS: usize = 3;
const PENALTY: usize = 0;
const SQUARE: usize = 1;
const COUNT: usize = 2;
const FIRST: usize = Monitor::Penalty as usize;

const _: () = assert!(Monitor::InputGradient as usize == FIRST + SQUARE);
const _: () = assert!(Monitor::PenalisedRows as usize == FIRST + COUNT);
