//! The GPU's [`LinearLogitLoss`]: each cube takes a few rows from their logits to the gradient of
//! the layer below, with the units of a warp for each row.

use cubecl::prelude::*;

use super::LinearLogitLoss;
use crate::cube::Cube;
use crate::cube::epilogue::{
    ElementwiseLayer, MaxoutLayer, elementwise_layer, mask, maxout_layer, scatter, through_layer,
};
use crate::cube::launch::launch;
use crate::cube::objective::{Loss, ROWS, UNITS, add_to_monitors, loss, new_terms, row_objective};
use crate::cube::operand::{Operand, Vec4, elements, load, row_start, store, vectors};
use crate::cube::sums::{PER_ROW, row_and_lane, row_sum};

/// An elementwise layer below, and the gradient of its pre-activation.
#[derive(CubeType, CubeLaunch)]
struct ElementwiseBelow {
    layer: ElementwiseLayer,
    dz: Operand<Vec4>,
}

/// A maxout layer below, likewise.
#[derive(CubeType, CubeLaunch)]
struct MaxoutBelow {
    layer: MaxoutLayer,
    dz: Operand<Vec4>,
}

#[track_caller]
pub(crate) fn run(cube: &Cube, mut op: LinearLogitLoss<'_, Cube>) {
    let (m, k) = op.check();
    let loss = loss(cube, op.objective, op.weight, m, op.monitors, op.state);
    // At most one of the two is there.
    let (mut below_elementwise, mut below_maxout) = (None, None);
    if let Some((below, dz)) = &op.below {
        let dropout = mask(below.dropout, k, op.state);
        if let Some(won) = below.winners {
            let layer = maxout_layer(won, below.act.pieces(), dropout);
            below_maxout = Some(MaxoutBelowLaunch::new(layer, vectors(dz.as_rows())));
        } else {
            let layer = elementwise_layer(below.y, below.act, dropout);
            below_elementwise = Some(ElementwiseBelowLaunch::new(layer, vectors(dz.as_rows())));
        }
    }
    launch!(linear_logit_loss(
        vectors(op.x), elements(op.w.all()), elements(op.b.all()), elements(op.logits.as_rows()),
        elements(op.dz.as_rows()), below_elementwise.into(), below_maxout.into(), loss
    ) on cube, [m.div_ceil(ROWS), UNITS]);
}

#[cube(launch_unchecked)]
fn linear_logit_loss(
    x: &Operand<Vec4>,
    w: &Operand<f32>,
    b: &Operand<f32>,
    logits: &mut Operand<f32>,
    dz: &mut Operand<f32>,
    below_elementwise: &mut ComptimeOption<ElementwiseBelow>,
    below_maxout: &mut ComptimeOption<MaxoutBelow>,
    loss: &mut Loss,
) {
    let rows = x.rows as usize;
    let (row, lane) = row_and_lane(ROWS);
    if CUBE_POS * ROWS >= rows {
        terminate!();
    }
    let mut scratch = Shared::<[f32]>::new_slice(UNITS);
    let mut gradient = Shared::<[f32]>::new_slice(ROWS);
    let mut terms = new_terms();

    let l = logit(x, w, b, &mut scratch, row, lane);
    let mut other = l;
    if comptime!(loss.objective.pairs()) {
        // The partner's logit may be another cube's: computed again, it is the same bits.
        sync_cube();
        let partner = (row + loss.data as usize) % rows;
        other = logit(x, w, b, &mut scratch, partner, lane);
    }
    if lane == 0 {
        let g = row_objective(&*loss, &mut terms, l, other, row, row < rows);
        gradient[row % ROWS] = g;
        if row < rows {
            let at = row_start(&*logits, row);
            logits.values[at] = l;
            let at = row_start(&*dz, row);
            dz.values[at] = g;
        }
    }
    sync_cube();
    if row < rows {
        let g = gradient[row % ROWS];
        #[comptime]
        match below_elementwise {
            ComptimeOption::Some(below) => into_elementwise(w, g, below, row, lane),
            ComptimeOption::None => {}
        }
        #[comptime]
        match below_maxout {
            ComptimeOption::Some(below) => into_maxout(w, g, below, row, lane),
            ComptimeOption::None => {}
        }
    }
    // Last, since nobody waits for it.
    add_to_monitors(loss, &terms);
}

/// A row's logit, in each unit of the row; every unit of the cube must come here.
#[cube]
fn logit(
    x: &Operand<Vec4>,
    w: &Operand<f32>,
    b: &Operand<f32>,
    scratch: &mut [f32],
    row: usize,
    lane: usize,
) -> f32 {
    let k = x.columns as usize;
    let mut sum = 0.0f32;
    if row < x.rows as usize {
        let mut column4 = lane;
        while column4 * 4 < k {
            let v = load(x, row, column4);
            #[unroll]
            for e in 0..4usize {
                if column4 * 4 + e < k {
                    sum = fma(v.extract(e), w.values[row_start(w, column4 * 4 + e)], sum);
                }
            }
            column4 += PER_ROW;
        }
    }
    row_sum(scratch, sum, lane) + b.values[0]
}

/// Takes the gradient `g` of a row's logit back through an elementwise layer.
#[cube]
fn into_elementwise(
    w: &Operand<f32>,
    g: f32,
    below: &mut ElementwiseBelow,
    row: usize,
    lane: usize,
) {
    let columns4 = (w.rows as usize).div_ceil(4);
    let mut column4 = lane;
    while column4 < columns4 {
        let v = through_layer(times_weights(w, g, column4), &below.layer, row, column4);
        store(&mut below.dz, row, column4, v);
        column4 += PER_ROW;
    }
}

/// Takes it back through a maxout layer.
#[cube]
fn into_maxout(w: &Operand<f32>, g: f32, below: &mut MaxoutBelow, row: usize, lane: usize) {
    let columns4 = (w.rows as usize).div_ceil(4);
    let mut column4 = lane;
    while column4 < columns4 {
        scatter(
            times_weights(w, g, column4),
            &below.layer,
            &mut below.dz,
            row,
            column4,
        );
        column4 += PER_ROW;
    }
}

/// Four neighbouring elements of g·wᵀ.
#[cube]
fn times_weights(w: &Operand<f32>, g: f32, column4: usize) -> Vec4 {
    let mut v = Vec4::new(0.0f32);
    #[unroll]
    for e in 0..4usize {
        let unit = column4 * 4 + e;
        if unit < w.rows as usize {
            v.insert(e, g * w.values[row_start(w, unit)]);
        }
    }
    v
}
