//! The GPU's [`HeadsBwd`]: a unit for each head of each row.

use cubecl::prelude::*;

use super::HeadsBwd;
use crate::cube::Cube;
use crate::cube::launch::launch;
use crate::cube::operand::{Operand, Vec4, elements, load, row_start, vectors};

/// Units of a cube.
const UNITS: usize = 64;

#[track_caller]
pub(crate) fn run(cube: &Cube, op: HeadsBwd<'_, Cube>) {
    let (m, _) = op.check();
    let heads = op.heads.spans.len();
    launch!(heads_bwd(
        vectors(op.heads.layout.all()), elements(op.p), elements(op.x),
        elements(op.dz.as_rows()), (1.0 / op.temperature) as f32
    ) on cube, [(m * heads).div_ceil(UNITS), UNITS]);
}

#[cube(launch_unchecked)]
fn heads_bwd(
    layout: &Operand<Vec4>,
    p: &Operand<f32>,
    x: &Operand<f32>,
    dz: &mut Operand<f32>,
    inverse_temperature: f32,
) {
    let heads = layout.rows as usize;
    let at = CUBE_POS * UNITS + UNIT_POS as usize;
    if at >= heads * dz.rows as usize {
        terminate!();
    }
    let (row, head) = (at / heads, at % heads);
    let of_head = load(layout, head, 0usize);
    let scalars = usize::cast_from(of_head.extract(1usize));
    let levels = usize::cast_from(of_head.extract(2usize));
    let begin = usize::cast_from(of_head.extract(0usize));
    let p_row = row_start(p, row) + begin;
    let x_row = row_start(x, row) + begin;
    let dz_row = row_start(&*dz, row) + begin;

    if scalars == 1 && levels > 0 {
        let by_product = dz.values[dz_row];
        dz.values[dz_row + 1] += p.values[p_row] * by_product;
        dz.values[dz_row] = by_product * x.values[x_row + 1];
    }
    let mut mean = 0.0f32;
    for level in 0..levels {
        mean += p.values[p_row + scalars + level] * dz.values[dz_row + scalars + level];
    }
    for level in 0..levels {
        let value = dz_row + scalars + level;
        let off = dz.values[value] - mean;
        dz.values[value] = p.values[p_row + scalars + level] * off * inverse_temperature;
    }
}
