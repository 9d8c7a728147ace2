//! The GPU's [`LinearBwdParams`]: a product's tile, consumed by the update.
//!
//! The bias is one more row of W: its gradient is the product's row where X is all ones, or s.

use cubecl::prelude::*;

use super::cube_rule::{
    Constants, Parameters, ParametersLaunch, Rule, constants, fetch, new_fetched, store, updated,
};
use super::{KernelKey, LinearBwdParams};
use crate::Monitor;
use crate::cube::launch::launch;
use crate::cube::operand::{Operand, Vec4, buffer, now, vectors, whole, within};
use crate::cube::sums::{add_to_pair, cube_sum, lane_sum};
use crate::cube::tile::{
    Along, ExtraRow, Product, Stage, Tile, WHOLE_COLUMNS, product_and_row, spot,
};
use crate::cube::{Cube, DeviceMonitors, Summed};

#[track_caller]
pub(crate) fn run(cube: &Cube, mut op: LinearBwdParams<'_, Cube>) {
    let monitor = op.monitor.take();
    launch(cube, vec![op], monitor);
}

/// The same of several layers, in one launch where the device has room for it.
#[track_caller]
pub(crate) fn run_each<'a>(
    cube: &Cube,
    ops: impl Iterator<Item = LinearBwdParams<'a, Cube>>,
    mut monitor: Option<(&mut DeviceMonitors, Monitor)>,
) {
    let mut together: Vec<LinearBwdParams<'a, Cube>> = Vec::new();
    for op in ops {
        let fits = together
            .first()
            .is_none_or(|first| are_alike(first, &op) && has_room(cube, together.len() + 1));
        if !fits {
            let monitor = monitor.as_mut().map(|(sums, which)| (&mut **sums, *which));
            launch(cube, std::mem::take(&mut together), monitor);
        }
        together.push(op);
    }
    if !together.is_empty() {
        launch(cube, together, monitor);
    }
}

/// True if one kernel can update both layers.
fn are_alike(one: &LinearBwdParams<'_, Cube>, other: &LinearBwdParams<'_, Cube>) -> bool {
    let key = |op: &LinearBwdParams<'_, Cube>| {
        KernelKey::new(op.update, op.max_column_norm, op.bias_weights.is_some())
    };
    key(one) == key(other) && std::ptr::eq(one.state, other.state)
}

/// True if a kernel of so many layers has room for what each of them needs.
fn has_room(cube: &Cube, layers: usize) -> bool {
    // Nine of each at most, the squares and the state.
    let bindings = 9 * layers + 2;
    let hardware = &cube.client().properties().hardware;
    bindings <= hardware.max_bindings as usize
}

/// Launches the kernel of layers that are alike.
#[track_caller]
fn launch(
    cube: &Cube,
    ops: Vec<LinearBwdParams<'_, Cube>>,
    monitor: Option<(&mut DeviceMonitors, Monitor)>,
) {
    let Some(first) = ops.first() else { return };
    let state = first.state;
    let whole_columns = first.max_column_norm.is_some();
    let rule = Rule::of(first.update);
    let shapes: Vec<_> = ops.iter().map(LinearBwdParams::check).collect();
    // The same of all layers: the rows of a minibatch.
    let depth = shapes.first().map_or(1, |&(_, _, m)| m);
    let mut p = if whole_columns {
        cube.product_on(Along::Free, Along::Free, WHOLE_COLUMNS)
    } else {
        cube.product(Along::Free, Along::Free, depth, |tile| {
            shapes.iter().map(|&(k, n, _)| tile.cover(k + 1, n)).sum()
        })
    };
    p.extra_row = true;
    let mut layers = SequenceArg::new();
    let mut cubes = 0;
    for (op, (k, n, _)) in ops.iter().zip(shapes) {
        let count = if whole_columns {
            n.div_ceil(p.tile.bn)
        } else {
            p.tile.cover(k + 1, n)
        };
        layers.push(layer(op, cubes, count));
        cubes += count;
    }
    let squares = monitor.map(|(monitors, monitor)| {
        let squares = monitors.partial(cube, Summed::One(monitor), cubes);
        buffer(&squares, 2 * cubes)
    });
    launch!(linear_bwd_params(
        layers, squares.into(), now(state), p, rule
    ) on cube, [cubes, p.tile.units()]);
}

/// One layer, as the kernel takes it, of which `cubes` cubes from `first_cube` on take care.
#[track_caller]
fn layer(op: &LinearBwdParams<'_, Cube>, first_cube: usize, cubes: usize) -> LayerLaunch {
    let limit = op.max_column_norm.map(|limit| limit as f32);
    LayerLaunch::new(
        vectors(op.x),
        op.bias_weights.map(vectors).into(),
        vectors(op.dz),
        ParametersLaunch::new(whole(op.w), moments(op, 0)),
        ParametersLaunch::new(whole(op.b), moments(op, 1)),
        limit.into(),
        constants("linear_bwd_params", op.update, op.state, op.slot),
        first_cube as u32,
        cubes as u32,
    )
}

/// The numbers that an update keeps of the weights (`at` 0) or of the bias (`at` 1).
fn moments(op: &LinearBwdParams<'_, Cube>, at: usize) -> SequenceArg<Box<[Vec4]>> {
    let mut kept = SequenceArg::new();
    for pair in &*op.moments {
        kept.push(whole(&pair[at]));
    }
    kept
}

/// One layer's operands.
#[derive(CubeType, CubeLaunch)]
struct Layer {
    x: Operand<Vec4>,
    /// The row of X that makes the bias's gradient; without, all ones.
    bias_weights: ExtraRow,
    dz: Operand<Vec4>,
    w: Parameters,
    b: Parameters,
    max_column_norm: ComptimeOption<f32>,
    constants: Constants,
    /// The first of the launch's cubes that are this layer's, and their number.
    first_cube: u32,
    cubes: u32,
}

#[cube(launch_unchecked)]
fn linear_bwd_params(
    layers: &mut Sequence<Layer>,
    squares: &mut ComptimeOption<Box<[f32]>>,
    state: &[u32],
    #[comptime] p: Product,
    #[comptime] rule: Rule,
) {
    let mut stage = Stage::new(p);
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(p.tile.units()));
    #[unroll]
    for index in 0..layers.len() {
        let layer = layers.index_mut(index);
        let first = layer.first_cube as usize;
        if CUBE_POS >= first && CUBE_POS < first + layer.cubes as usize {
            update_layer(
                layer,
                &mut stage,
                &mut scratch,
                squares,
                state,
                CUBE_POS - first,
                p,
                rule,
            );
        }
    }
}

/// One cube's share of a layer.
#[cube]
fn update_layer(
    layer: &mut Layer,
    stage: &mut Stage,
    scratch: &mut [f32],
    squares: &mut ComptimeOption<Box<[f32]>>,
    state: &[u32],
    cube: usize,
    #[comptime] p: Product,
    #[comptime] rule: Rule,
) {
    let t = comptime!(p.tile);
    let (rows, columns) = (layer.x.columns as usize, layer.dz.columns as usize);
    let stride = columns.div_ceil(4);
    let across = columns.div_ceil(t.bn);
    let mut first_tile = cube / across;
    let mut tiles = 1usize;
    if comptime!(layer.max_column_norm.is_some()) {
        first_tile = 0usize;
        tiles = (rows + 1).div_ceil(t.bm);
    }
    let col0 = cube % across * t.bn;
    let mut square = 0.0f32;
    // Squares of the updated weights of this unit's four columns.
    let mut length = Vec4::new(0.0f32);
    for tile in 0..tiles {
        let row0 = (first_tile + tile) * t.bm;
        product_and_row(
            &layer.x,
            &layer.bias_weights,
            &layer.dz,
            stage,
            row0,
            col0,
            p,
        );
        // All of a unit's parameters are on their way before the first is waited for.
        let mut before = new_fetched(comptime!(t.passes(4)));
        #[unroll]
        for pass in 0..comptime!(t.passes(4)) {
            let here = spot(pass, row0, col0, rows + 1, stride, 4usize, t);
            if here.inside && here.row < rows {
                let at = here.row * stride + here.column;
                fetch(&layer.w, at, &mut before, pass, rule);
            }
            if here.inside && here.row == rows {
                fetch(&layer.b, here.column, &mut before, pass, rule);
            }
        }
        #[unroll]
        for pass in 0..comptime!(t.passes(4)) {
            let here = spot(pass, row0, col0, rows + 1, stride, 4usize, t);
            if here.inside {
                let g = stage.c[here.at];
                if comptime!(squares.is_some()) {
                    square += lane_sum(g * g);
                }
                let after = updated(&before, pass, g, state, &layer.constants, rule);
                let w = within(after.w, here.column, columns);
                if here.row < rows {
                    store(
                        &mut layer.w,
                        here.row * stride + here.column,
                        w,
                        &after,
                        rule,
                    );
                    length += w * w;
                } else {
                    store(&mut layer.b, here.column, w, &after, rule);
                }
            }
        }
        // The next tile overwrites the stage.
        sync_cube();
    }
    #[comptime]
    match squares {
        ComptimeOption::Some(squares) => {
            let sum = cube_sum(scratch, square, comptime!(t.units()));
            if UNIT_POS == 0 {
                add_to_pair(squares, 2 * CUBE_POS, sum);
            }
        }
        ComptimeOption::None => {}
    }
    #[comptime]
    match &layer.max_column_norm {
        ComptimeOption::Some(limit) => {
            let limit = *limit;
            let mut factors = Vec4::new(1.0f32);
            #[unroll]
            for lane in 0..4usize {
                let sum = column_sum(scratch, length.extract(lane), comptime!(t.bn / 4), t);
                let norm = sum.sqrt();
                if norm > limit {
                    factors.insert(lane, limit / norm);
                }
            }
            // Every unit goes back to the elements that it wrote itself.
            for tile in 0..tiles {
                for pass in 0..comptime!(t.passes(4)) {
                    let here = spot(pass, tile * t.bm, col0, rows, stride, 4usize, t);
                    if here.inside {
                        layer.w.values[here.row * stride + here.column] *= factors;
                    }
                }
            }
        }
        ComptimeOption::None => {}
    }
}

/// The sum over the units that stay in this unit's column of vectors, of which there are `columns`.
#[cube]
fn column_sum(
    scratch: &mut [f32],
    value: f32,
    #[comptime] columns: usize,
    #[comptime] t: Tile,
) -> f32 {
    scratch[UNIT_POS as usize] = value;
    sync_cube();
    let mut sum = 0.0f32;
    for other in 0..comptime!(t.units() / columns) {
        sum += scratch[UNIT_POS as usize % columns + other * columns];
    }
    sync_cube();
    sum
}
