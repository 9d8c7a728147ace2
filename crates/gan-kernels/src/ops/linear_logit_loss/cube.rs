//! The GPU's [`LinearLogitLoss`] and [`LogitLoss`], one kernel: each cube takes a few rows from
//! their logits to the gradient of the layer below.

use cubecl::prelude::*;

use super::{LinearLogitLoss, LogitLoss, Objective};
use crate::ActivationKind;
use crate::cube::launch::{
    PER_ROW, buffer, floats, grid, mask, now, phi_of, place, row_sum, vectors,
};
use crate::cube::philox::{Mask, mask4};
use crate::cube::tile::{Place, Vec4};
use crate::cube::{Cube, Summed};
use crate::ops::linear_bwd_data::cube::slope_from_output;
use crate::ops::logit_loss::cube::{BLOCK, Factors, ROWS, TERMS, describe, factors, judge, watch};

const UNITS: usize = ROWS * PER_ROW;

/// What stands around the objective.
#[derive_cube_comptime]
struct Layers {
    /// Whether the logits are computed here.
    linear: bool,
    below: Lower,
    dropout: bool,
}

/// The layer below.
#[derive_cube_comptime]
enum Lower {
    None,
    Elementwise(ActivationKind),
    Maxout,
}

#[track_caller]
pub(crate) fn run(cube: &Cube, mut op: LinearLogitLoss<'_, Cube>) {
    let (m, k) = op.check();
    let spare = cube.spare();
    let cubes = m.div_ceil(ROWS);
    let sums = op.monitors.partial(cube, Summed::All, cubes);
    let sums = || buffer(&sums, cubes * Summed::All.words());
    let factors = factors(op.objective, op.weight, m);
    let mut layers = Layers {
        linear: true,
        below: Lower::None,
        dropout: false,
    };
    let mut y = (buffer(&spare[0], 1), place(&op.x, k));
    let mut winners = (buffer(&spare[1], 1), 0);
    let mut dz_below = (buffer(&spare[2], 1), place(&op.x, k));
    let (mut pieces, mut slope, mut dropout) = (1, 1.0, None);
    if let Some((below, dz)) = &op.below {
        pieces = below.act.pieces();
        dropout = below.dropout;
        layers.dropout = dropout.is_some();
        dz_below = (floats(dz.matrix), place(&dz.as_rows(), k));
        if let Some(rows) = &below.winners {
            let words = rows.winners.rows * rows.winners.cols;
            winners = (buffer(&rows.winners.bytes, words), rows.first * k);
            layers.below = Lower::Maxout;
        } else {
            let phi;
            (phi, slope) = phi_of(below.act);
            layers.below = Lower::Elementwise(phi);
            y = (vectors(below.y.matrix), place(&below.y, k));
        }
    }
    cube.launch("linear_logit_loss", |client| {
        // SAFETY: the kernel tests every index against the operands' shapes.
        unsafe {
            head::launch_unchecked(
                client,
                grid(cubes),
                CubeDim::new_1d(UNITS as u32),
                vectors(op.x.matrix),
                floats(op.w),
                floats(op.b),
                floats(op.logits.matrix),
                floats(op.dz.matrix),
                y.0,
                winners.0,
                dz_below.0,
                sums(),
                sums(),
                now(op.state),
                place(&op.x, k),
                place(&op.logits.as_rows(), 1),
                place(&op.dz.as_rows(), 1),
                y.1,
                dz_below.1,
                m as u32,
                winners.1 as u32,
                pieces as u32,
                slope,
                factors,
                mask(dropout),
                op.objective,
                layers,
            );
        }
    });
}

/// The objective alone, on logits that are there.
#[track_caller]
pub(crate) fn run_loss(cube: &Cube, op: LogitLoss<'_, Cube>) {
    let m = op.check();
    let spare = cube.spare();
    let cubes = m.div_ceil(ROWS);
    let sums = op.monitors.partial(cube, Summed::All, cubes);
    let sums = || buffer(&sums, cubes * Summed::All.words());
    let factors = factors(op.objective, op.weight, m);
    let none = |at: usize| buffer(&spare[at], 1);
    cube.launch("logit_loss", |client| {
        // SAFETY: the kernel tests every index against the operands' shapes.
        unsafe {
            head::launch_unchecked(
                client,
                grid(cubes),
                CubeDim::new_1d(UNITS as u32),
                vectors(op.logits.matrix),
                none(0),
                none(1),
                none(2),
                floats(op.dz.matrix),
                none(0),
                none(1),
                none(3),
                sums(),
                sums(),
                now(op.state),
                place(&op.logits, 1),
                place(&op.logits, 1),
                place(&op.dz.as_rows(), 1),
                place(&op.logits, 1),
                place(&op.logits, 1),
                m as u32,
                0,
                1,
                1.0,
                factors,
                mask(None),
                op.objective,
                Layers {
                    linear: false,
                    below: Lower::None,
                    dropout: false,
                },
            );
        }
    });
}

#[cube(launch_unchecked)]
fn head(
    x: &[Vec4],
    w: &[f32],
    b: &[f32],
    logits: &mut [f32],
    dz: &mut [f32],
    y: &[Vec4],
    winners: &[u32],
    dz_below: &mut [f32],
    sums: &mut [f32],
    words: &mut [u32],
    state: &[u32],
    x_place: &Place,
    logits_place: &Place,
    dz_place: &Place,
    y_place: &Place,
    below_place: &Place,
    rows: u32,
    winners_first: u32,
    pieces: u32,
    slope: f32,
    factors: &Factors,
    mask: &Mask,
    #[comptime] objective: Objective,
    #[comptime] layers: Layers,
) {
    let rows = rows as usize;
    let k = x_place.free as usize;
    let k4 = k.div_ceil(4);
    let in_cube = UNIT_POS as usize / PER_ROW;
    let lane = UNIT_POS as usize % PER_ROW;
    let row = CUBE_POS * ROWS + in_cube;
    if CUBE_POS * ROWS >= rows {
        terminate!();
    }
    let mut scratch = Shared::<[f32]>::new_slice(UNITS);
    let mut terms = Shared::<[f32]>::new_slice(comptime!(ROWS * (TERMS + 1)));
    let mut gradient = Shared::<[f32]>::new_slice(ROWS);

    let l = logit(
        x,
        w,
        b,
        &mut scratch,
        x_place,
        row,
        rows,
        lane,
        layers.linear,
    );
    let mut other = l;
    if comptime!(objective.pairs()) {
        // The partner's logit may be another cube's: computed again, it is the same bits.
        sync_cube();
        let partner = (row + factors.data as usize) % rows;
        other = logit(
            x,
            w,
            b,
            &mut scratch,
            x_place,
            partner,
            rows,
            lane,
            layers.linear,
        );
    }
    if lane == 0 {
        #[unroll]
        for term in 0..comptime!(TERMS + 1) {
            terms[term * ROWS + in_cube] = 0.0f32;
        }
        if row < rows {
            if comptime!(layers.linear) {
                let at = logits_place.first as usize + row * logits_place.stride as usize;
                logits[at * 4] = l;
            }
            let is_data = row < factors.data as usize;
            if comptime!(objective.is_discriminator()) {
                describe(&mut terms, l, in_cube, is_data);
            }
            let (term, slope) = judge(l, other, is_data, objective);
            terms[TERMS * ROWS + in_cube] = term;
            let g = slope * factors.share;
            gradient[in_cube] = g;
            let at = dz_place.first as usize + row * dz_place.stride as usize;
            dz[at * 4] = g;
        }
    }
    sync_cube();
    let block = CUBE_POS * BLOCK;
    watch(sums, words, state, &terms, block, factors, objective);

    if comptime!(layers.below != Lower::None) && row < rows {
        let g = gradient[in_cube];
        let inverse_scale = 1.0f32 / mask.scale;
        let pieces = pieces as usize;
        let at = below_place.first as usize + row * below_place.stride as usize;
        let mut four = lane;
        while four < k4 {
            let mut v = Vec4::new(0.0f32);
            #[unroll]
            for e in 0..4usize {
                if four * 4 + e < k {
                    v.insert(e, g * w[(four * 4 + e) * 4]);
                }
            }
            if comptime!(layers.dropout) {
                v *= mask4(state, mask, row, four, k4);
            }
            match layers.below {
                Lower::None => {}
                Lower::Elementwise(phi) => {
                    let y = y[y_place.first as usize + row * y_place.stride as usize + four];
                    v = slope_from_output(v, y, slope, inverse_scale, phi);
                    #[unroll]
                    for e in 0..4usize {
                        if four * 4 + e < k {
                            dz_below[(at + four) * 4 + e] = v.extract(e);
                        }
                    }
                }
                Lower::Maxout =>
                {
                    #[unroll]
                    for e in 0..4usize {
                        let unit = four * 4 + e;
                        if unit < k {
                            let winner = winners[winners_first as usize + row * k + unit] as usize;
                            for piece in 0..pieces {
                                dz_below[at * 4 + unit * pieces + piece] =
                                    select(piece == winner, v.extract(e), 0.0f32);
                            }
                        }
                    }
                }
            }
            four += PER_ROW;
        }
    }
}

/// A row's logit, in each unit of the row: computed, or read where it is there.
#[cube]
#[allow(clippy::too_many_arguments)]
fn logit(
    x: &[Vec4],
    w: &[f32],
    b: &[f32],
    scratch: &mut [f32],
    x_place: &Place,
    row: usize,
    rows: usize,
    lane: usize,
    #[comptime] linear: bool,
) -> f32 {
    let mut l = 0.0f32;
    if comptime!(linear) {
        let part = part_of_logit(x, w, x_place, row, rows, x_place.free as usize, lane);
        l = row_sum(scratch, part, lane) + b[0];
    } else if row < rows {
        l = x[x_place.first as usize + row * x_place.stride as usize].extract(0usize);
    }
    l
}

/// A unit's part of Σ x·w in its row.
#[cube]
fn part_of_logit(
    x: &[Vec4],
    w: &[f32],
    x_place: &Place,
    row: usize,
    rows: usize,
    k: usize,
    lane: usize,
) -> f32 {
    let mut sum = 0.0f32;
    if row < rows {
        let mut four = lane;
        while four * 4 < k {
            let v = x[x_place.first as usize + row * x_place.stride as usize + four];
            #[unroll]
            for e in 0..4usize {
                if four * 4 + e < k {
                    sum = fma(v.extract(e), w[(four * 4 + e) * 4], sum);
                }
            }
            four += PER_ROW;
        }
    }
    sum
}
