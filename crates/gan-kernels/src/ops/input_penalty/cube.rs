//! The GPU's [`InputPenalty`]: the units of a warp for each row, which read it twice.

use cubecl::prelude::*;

use super::{InputPenalty, Penalty, UNIT_NORM_EPSILON};
use crate::Monitor;
use crate::cube::launch::{PER_ROW, add_to_pair, buffer, floats, grid, place, row_sum, vectors};
use crate::cube::tile::{Place, Vec4, within};
use crate::cube::{Cube, Summed};

/// Rows of a cube.
const ROWS: usize = 8;
const UNITS: usize = ROWS * PER_ROW;

/// P, in the compile-time key.
#[derive_cube_comptime]
enum Kind {
    ZeroCentred,
    UnitNorm,
}

/// Rows of a part, and of each part its factor, γ or λ divided by these rows.
///
/// Taken on the host: not every device divides to the last digit.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
struct Parts {
    rows: u32,
    first: f32,
    second: f32,
    third: f32,
}

#[track_caller]
pub(crate) fn run(cube: &Cube, op: InputPenalty<'_, Cube>) {
    let (m, d) = op.check();
    let part = m / op.penalty.parts();
    let [first, second, third] = op
        .penalty
        .factors()
        .map(|factor| (factor / part as f64) as f32);
    let kind = match op.penalty {
        Penalty::ZeroCentred { .. } => Kind::ZeroCentred,
        Penalty::UnitNorm { .. } => Kind::UnitNorm,
    };
    let cubes = m.div_ceil(ROWS);
    let sums = op.monitors.partial(cube, Summed::All, cubes);
    cube.launch("input_penalty", |client| {
        // SAFETY: the kernel tests every index against the operands' shapes.
        unsafe {
            direction::launch_unchecked(
                client,
                grid(cubes),
                CubeDim::new_1d(UNITS as u32),
                vectors(op.x.matrix),
                vectors(op.q.matrix),
                floats(op.s.matrix),
                vectors(op.c.matrix),
                buffer(&sums, cubes * Summed::All.words()),
                place(&op.x, d),
                place(&op.q, d),
                place(&op.s, 1),
                place(&op.c.as_rows(), d),
                m as u32,
                PartsLaunch::new(part as u32, first, second, third),
                kind,
            );
        }
    });
}

#[cube(launch_unchecked)]
fn direction(
    x: &[Vec4],
    q: &[Vec4],
    s: &[f32],
    c: &mut [Vec4],
    sums: &mut [f32],
    x_place: &Place,
    q_place: &Place,
    s_place: &Place,
    c_place: &Place,
    rows: u32,
    parts: &Parts,
    #[comptime] kind: Kind,
) {
    let rows = rows as usize;
    let columns = x_place.free as usize;
    let columns4 = columns.div_ceil(4);
    let in_cube = UNIT_POS as usize / PER_ROW;
    let lane = UNIT_POS as usize % PER_ROW;
    let row = CUBE_POS * ROWS + in_cube;
    if CUBE_POS * ROWS >= rows {
        terminate!();
    }
    let mut scratch = Shared::<[f32]>::new_slice(UNITS);
    let mut terms = Shared::<[f32]>::new_slice(comptime!(ROWS * TERMS));
    let q_first = q_place.first as usize + row * q_place.stride as usize;

    let mut square = 0.0f32;
    if row < rows {
        let mut column4 = lane;
        while column4 < columns4 {
            let q = within(q[q_first + column4], column4, columns);
            let qq = q * q;
            square += (qq.extract(0usize) + qq.extract(1usize))
                + (qq.extract(2usize) + qq.extract(3usize));
            column4 += PER_ROW;
        }
    }
    let square = row_sum(&mut scratch, square, lane);
    let which = row / parts.rows as usize;
    let mut factor = select(which == 0, parts.first, parts.second);
    factor = select(which == 2, parts.third, factor);
    let mut value = 0.5f32 * factor * square;
    let mut kappa = factor;
    if comptime!(kind == Kind::UnitNorm) {
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
        let mut sum = 0.0f32;
        #[unroll]
        for row in 0..ROWS {
            sum += terms[unit * ROWS + row];
        }
        // The terms stand in the order of their monitors.
        add_to_pair(
            sums,
            CUBE_POS * Summed::All.words() + 2 * (FIRST + unit),
            sum,
        );
    }

    if row < rows {
        let s = s[(s_place.first as usize + row * s_place.stride as usize) * 4];
        let x_first = x_place.first as usize + row * x_place.stride as usize;
        let c_first = c_place.first as usize + row * c_place.stride as usize;
        let mut column4 = lane;
        while column4 < columns4 {
            let v = Vec4::new(s) * x[x_first + column4] + Vec4::new(kappa) * q[q_first + column4];
            c[c_first + column4] = within(v, column4, columns);
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
