//! The GPU's [`HeadsFwd`]: a unit for each head of each row, which goes over its levels three times.

use cubecl::prelude::*;

use super::HeadsFwd;
use crate::cube::Cube;
use crate::cube::launch::launch;
use crate::cube::math::{exp, ln};
use crate::cube::operand::{Operand, Vec4, elements, lane_of, load, now, row_start, vectors};
use crate::cube::philox::{block, unit_open};

/// Units of a cube.
const UNITS: usize = 64;

#[track_caller]
pub(crate) fn run(cube: &Cube, op: HeadsFwd<'_, Cube>) {
    let (m, _) = op.check();
    let heads = op.heads.spans.len();
    launch!(heads_fwd(
        vectors(op.heads.layout.all()), elements(op.z.as_rows()), elements(op.x.as_rows()),
        now(op.state), op.stream.word(), op.first_row as u32,
        (1.0 / op.temperature) as f32, op.decided
    ) on cube, [(m * heads).div_ceil(UNITS), UNITS]);
}

#[cube(launch_unchecked)]
fn heads_fwd(
    layout: &Operand<Vec4>,
    z: &mut Operand<f32>,
    x: &mut Operand<f32>,
    state: &[u32],
    stream: u32,
    first_row: u32,
    inverse_temperature: f32,
    #[comptime] decided: bool,
) {
    let heads = layout.rows as usize;
    let at = CUBE_POS * UNITS + UNIT_POS as usize;
    if at >= heads * z.rows as usize {
        terminate!();
    }
    let (row, head) = (at / heads, at % heads);
    let of_head = load(layout, head, 0usize);
    let scalars = usize::cast_from(of_head.extract(1usize));
    let levels = usize::cast_from(of_head.extract(2usize));
    let begin = usize::cast_from(of_head.extract(0usize));
    let first = begin + scalars;
    let z_row = row_start(&*z, row);
    let x_row = row_start(&*x, row);

    // X is scratch until it is decided.
    let row_blocks = z.columns.div_ceil(4);
    let row_block = (first_row + row as u32) * row_blocks;
    let mut words = block(state, stream, row_block + first as u32 / 4);
    let mut largest = f32::new(-3.0e38);
    for level in 0..levels {
        let column = first + level;
        if column % 4 == 0 && level > 0 {
            words = block(state, stream, row_block + column as u32 / 4);
        }
        let u = unit_open(lane_of(words, column % 4));
        let t = (z.values[z_row + column] - ln(-ln(u))) * inverse_temperature;
        x.values[x_row + column] = t;
        largest = select(t > largest, t, largest);
    }
    let mut sum = 0.0f32;
    let mut best = 0usize;
    let mut best_value = f32::new(-1.0);
    for level in 0..levels {
        let e = exp(x.values[x_row + first + level] - largest);
        x.values[x_row + first + level] = e;
        sum += e;
        if e > best_value {
            best = level;
            best_value = e;
        }
    }
    let mut is_scalar = 1.0f32;
    for level in 0..levels {
        let p = x.values[x_row + first + level] / sum;
        z.values[z_row + first + level] = p;
        let mut v = p;
        if comptime!(decided) {
            v = select(level == best, 1.0f32, 0.0f32);
        }
        x.values[x_row + first + level] = v;
        if level == 0 {
            is_scalar = v;
        }
    }
    if scalars == 1 {
        x.values[x_row + begin] = z.values[z_row + begin] * is_scalar;
    }
}
