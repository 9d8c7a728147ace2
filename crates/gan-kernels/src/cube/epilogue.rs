//! What becomes of a product's elements before they are written: the second floor of the matrix
//! kernels, elementwise functions that know nothing of products.
//!
//! The objectives, which are the epilogue of D's output layer, are in [`super::objective`].

use cubecl::prelude::*;

use super::math::{sigmoid, tanh};
use super::operand::{Operand, Vec4, lane_of, load, now, row_start, store, vectors, winners};
use super::philox::block;
use super::{Cube, DeviceState};
use crate::random::keep_threshold;
use crate::{Activation, ActivationKind, Dropout, Rows, WinnersRows};

/// An activation that works on each element by itself, which all but maxout do.
#[derive(CubeType, CubeLaunch)]
pub(crate) struct Elementwise {
    #[cube(comptime)]
    kind: ActivationKind,
    /// On the negative side.
    slope: f32,
}

/// `act` as kernels take it; maxout, which is not elementwise, counts as the identity.
pub(crate) fn elementwise(act: Activation) -> ElementwiseLaunch {
    let slope = match act {
        Activation::LeakyRelu { slope } => slope as f32,
        _ => 0.0,
    };
    ElementwiseLaunch::new(act.kind(), slope)
}

/// `φ(z)`.
#[cube]
pub(crate) fn activate(z: Vec4, activation: &Elementwise) -> Vec4 {
    let mut y = z;
    #[unroll]
    for lane in 0..4usize {
        y.insert(lane, activate_one(z.extract(lane), activation));
    }
    y
}

#[cube]
fn activate_one(z: f32, activation: &Elementwise) -> f32 {
    match comptime!(activation.kind) {
        ActivationKind::Identity | ActivationKind::Maxout => z,
        // NaN stays NaN, so that a run that has diverged shows it.
        ActivationKind::Relu => select(z < 0.0f32, 0.0f32, z),
        ActivationKind::LeakyRelu => select(z > 0.0f32, z, z * activation.slope),
        ActivationKind::Sigmoid => sigmoid(z),
        ActivationKind::Tanh => tanh(z),
    }
}

/// An elementwise layer, as its forward pass left it.
#[derive(CubeType, CubeLaunch)]
pub(crate) struct ElementwiseLayer {
    /// The output that it handed on, dropout applied.
    pub(crate) y: Operand<Vec4>,
    activation: Elementwise,
    dropout: ComptimeOption<Mask>,
}

/// A layer that handed on `y`, as kernels take it.
pub(crate) fn elementwise_layer(
    y: Rows<'_, Cube>,
    act: Activation,
    dropout: ComptimeOptionArgs<Mask>,
) -> ElementwiseLayerLaunch {
    ElementwiseLayerLaunch::new(vectors(y), elementwise(act), dropout)
}

/// `g ⊙ φ′ ⊙ mask`: the gradient of the layer's pre-activation by that of what it handed on.
///
/// φ′ is taken from φ's output, of which dropout's factor is taken back.
#[cube]
pub(crate) fn through_layer(g: Vec4, layer: &ElementwiseLayer, row: usize, column4: usize) -> Vec4 {
    let g = drop_out(g, &layer.dropout, row, column4);
    let y = load(&layer.y, row, column4);
    let inverse_scale = inverse_scale(&layer.dropout);
    let mut dz = g;
    #[unroll]
    for lane in 0..4usize {
        let (g, y) = (g.extract(lane), y.extract(lane));
        dz.insert(lane, times_slope(g, y, inverse_scale, &layer.activation));
    }
    dz
}

/// `g · φ′`, with φ′ from φ's output `y · inverse_scale`.
#[cube]
fn times_slope(g: f32, y: f32, inverse_scale: f32, activation: &Elementwise) -> f32 {
    match comptime!(activation.kind) {
        ActivationKind::Identity | ActivationKind::Maxout => g,
        ActivationKind::Relu => select(y > 0.0f32, g, 0.0f32),
        ActivationKind::LeakyRelu => select(y > 0.0f32, g, g * activation.slope),
        ActivationKind::Sigmoid => {
            let y = y * inverse_scale;
            g * y * (1.0f32 - y)
        }
        ActivationKind::Tanh => {
            let y = y * inverse_scale;
            g * (1.0f32 - y * y)
        }
    }
}

/// A maxout layer, as its forward pass left it.
#[derive(CubeType, CubeLaunch)]
pub(crate) struct MaxoutLayer {
    /// The piece of each unit that won.
    winners: Operand<u32>,
    dropout: ComptimeOption<Mask>,
    /// Pieces of a unit.
    #[cube(comptime)]
    pieces: usize,
}

/// A layer of which `won` won, as kernels take it.
pub(crate) fn maxout_layer(
    won: WinnersRows<'_, Cube>,
    pieces: usize,
    dropout: ComptimeOptionArgs<Mask>,
) -> MaxoutLayerLaunch {
    MaxoutLayerLaunch::new(winners(won), dropout, pieces)
}

/// Takes the gradients `g` of what four neighbouring maxout units handed on to the pieces that won;
/// the other pieces get zeros.
#[cube]
pub(crate) fn scatter(
    g: Vec4,
    layer: &MaxoutLayer,
    dz: &mut Operand<Vec4>,
    row: usize,
    unit4: usize,
) {
    let g = drop_out(g, &layer.dropout, row, unit4);
    let first = row_start(&layer.winners, row);
    let mut won = Vector::<u32, Const<4>>::new(0u32);
    #[unroll]
    for lane in 0..4usize {
        let unit = unit4 * 4 + lane;
        if unit < layer.winners.columns as usize {
            won.insert(lane, layer.winners.values[first + unit]);
        }
    }
    let pieces = comptime!(layer.pieces);
    #[unroll]
    for vector in 0..pieces {
        let mut v = Vec4::empty();
        #[unroll]
        for lane in 0..4usize {
            let (unit, piece) = comptime!((
                (vector * 4 + lane) / pieces,
                ((vector * 4 + lane) % pieces) as u32
            ));
            let has_won = won.extract(unit) == piece;
            v.insert(lane, select(has_won, g.extract(unit), 0.0f32));
        }
        let column4 = unit4 * pieces + vector;
        if column4 * 4 < dz.columns as usize {
            store(dz, row, column4, v);
        }
    }
}

/// A dropout mask, which is computed and not read.
#[derive(CubeType, CubeLaunch)]
pub(crate) struct Mask {
    state: Box<[u32]>,
    /// Word of the stream.
    stream: u32,
    /// Words below this one are kept.
    threshold: u32,
    /// Factor of what is kept.
    scale: f32,
    /// Row of the mask that belongs to the first row of the operand.
    first_row: u32,
    columns: u32,
}

/// Dropout of an operand with so many columns, as kernels take it.
pub(crate) fn mask(
    dropout: Option<Dropout>,
    columns: usize,
    state: &DeviceState,
) -> ComptimeOptionArgs<Mask> {
    let mask = dropout.map(|dropout| {
        MaskLaunch::new(
            now(state),
            dropout.stream.word(),
            keep_threshold(dropout.keep),
            dropout.scale as f32,
            dropout.first_row as u32,
            columns as u32,
        )
    });
    mask.into()
}

/// No dropout, as kernels take it.
pub(crate) fn no_mask() -> ComptimeOptionArgs<Mask> {
    None::<MaskLaunch>.into()
}

/// Four neighbouring elements after dropout.
#[cube]
pub(crate) fn drop_out(
    v: Vec4,
    dropout: &ComptimeOption<Mask>,
    row: usize,
    column4: usize,
) -> Vec4 {
    #[comptime]
    match dropout {
        ComptimeOption::Some(mask) => v * factors(mask, row, column4),
        ComptimeOption::None => v,
    }
}

/// One element after dropout.
#[cube]
pub(crate) fn drop_out_one(
    value: f32,
    dropout: &ComptimeOption<Mask>,
    row: usize,
    column: usize,
) -> f32 {
    #[comptime]
    match dropout {
        ComptimeOption::Some(mask) => value * lane_of(factors(mask, row, column / 4), column % 4),
        ComptimeOption::None => value,
    }
}

/// The factor that takes dropout's back from an element that was kept.
#[cube]
fn inverse_scale(dropout: &ComptimeOption<Mask>) -> f32 {
    #[comptime]
    match dropout {
        ComptimeOption::Some(mask) => 1.0f32 / mask.scale,
        ComptimeOption::None => 1.0f32.runtime(),
    }
}

/// The factors, `scale` or 0, of four neighbouring columns.
#[cube]
fn factors(mask: &Mask, row: usize, column4: usize) -> Vec4 {
    let index = (mask.first_row + row as u32) * mask.columns.div_ceil(4) + column4 as u32;
    let words = block(&mask.state, mask.stream, index);
    let mut factors = Vec4::empty();
    #[unroll]
    for lane in 0..4usize {
        let kept = words.extract(lane) < mask.threshold;
        factors.insert(lane, select(kept, mask.scale, 0.0f32));
    }
    factors
}
