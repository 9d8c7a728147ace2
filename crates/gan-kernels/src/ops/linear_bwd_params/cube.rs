//! The GPU's [`LinearBwdParams`]: a product's tile, consumed by the update.
//!
//! The bias is one more row of W: its gradient is the product's row where X is all ones, or s.

use cubecl::prelude::*;
use cubecl::server::Handle;
use cubecl::tf32;
use half::{bf16, f16};

use super::{LinearBwdParams, Update};
use crate::cube::launch::{add_to_pair, buffer, cube_sum, grid, now, place, vectors};
use crate::cube::philox::RATES;
use crate::cube::tile::{
    ALIGNMENT, Along, Extra, Format, Place, Product, Tile, Vec4, WHOLE_COLUMNS, product_in, within,
};
use crate::cube::{Cube, DeviceMonitors, Summed};
use crate::{Matrix, Monitor};

/// What becomes of a gradient, in the compile-time key.
#[derive_cube_comptime]
enum Rule {
    Store,
    Momentum,
    Adam,
}

/// Numbers of an update that do not change from step to step.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
struct Constants {
    beta1: f32,
    beta2: f32,
    /// 1 − β, taken in f64: in f32 the difference would lose β's last digits.
    others1: f32,
    others2: f32,
    epsilon: f32,
    /// Largest norm of a column.
    limit: f32,
    /// Where the rates of the slot begin in the state.
    rates: u32,
}

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

/// Whether one kernel can step both layers.
fn are_alike(one: &LinearBwdParams<'_, Cube>, other: &LinearBwdParams<'_, Cube>) -> bool {
    let of = |op: &LinearBwdParams<'_, Cube>| {
        let limited = op.max_column_norm.is_some();
        (Rule::of(op.update), limited, op.bias_weights.is_some())
    };
    of(one) == of(other) && std::ptr::eq(one.state, other.state)
}

impl Rule {
    fn of(update: Update) -> Self {
        match update {
            Update::Store => Self::Store,
            Update::Momentum => Self::Momentum,
            Update::Adam(_) => Self::Adam,
        }
    }
}

/// Whether a kernel of so many layers has room for what each of them needs.
fn has_room(cube: &Cube, layers: usize) -> bool {
    // Nine of each, the squares and the state.
    let bindings = 9 * layers + 2;
    let hardware = &cube.client().properties().hardware;
    bindings <= hardware.max_bindings as usize
}

/// One layer, as the kernel takes it.
fn layer(
    cube: &Cube,
    op: LinearBwdParams<'_, Cube>,
    p: &Product,
    first_cube: usize,
) -> (LayerLaunch, usize) {
    let (k, n, m) = op.check();
    let spare = cube.spare();
    let place_of = |matrix: &Matrix<Cube>| buffer(&matrix.storage, matrix.rows * matrix.stride / 4);
    let spare_at = |at: usize| buffer(&spare[at], 1);
    let [mut first_w, mut first_b, mut second_w, mut second_b] = [0, 1, 2, 3].map(spare_at);
    if let Some([w, b]) = op.moments.first() {
        (first_w, first_b) = (place_of(w), place_of(b));
    }
    if let Some([w, b]) = op.moments.get(1) {
        (second_w, second_b) = (place_of(w), place_of(b));
    }
    let (slot, limit) = (op.slot, op.max_column_norm);
    let slots = op.state.slots;
    assert!(
        op.update == Update::Store || slot < slots,
        "linear_bwd_params: slot {slot} of a state with {slots}"
    );
    // Without s its argument is not read.
    let s = op.bias_weights.unwrap_or(op.x);
    let cubes = if limit.is_some() {
        n.div_ceil(p.tile.bn)
    } else {
        p.tile.cover(k + 1, n)
    };
    let layer = LayerLaunch::new(
        vectors(op.x.matrix),
        vectors(op.dz.matrix),
        vectors(s.matrix),
        vectors(op.w),
        vectors(op.b),
        first_w,
        first_b,
        second_w,
        second_b,
        place(&op.x, k),
        place(&op.dz, n),
        place(&s, 1),
        m as u32,
        constants(op.update, limit, slot),
        first_cube as u32,
        cubes as u32,
    );
    (layer, cubes)
}

/// Launches the kernel of layers that are alike.
#[track_caller]
fn launch(
    cube: &Cube,
    ops: Vec<LinearBwdParams<'_, Cube>>,
    monitor: Option<(&mut DeviceMonitors, Monitor)>,
) {
    let Some(first) = ops.first() else { return };
    let (rule, limit) = (Rule::of(first.update), first.max_column_norm);
    let state = first.state;
    let mut p = if limit.is_some() {
        cube.product_on(Along::Free, Along::Free, WHOLE_COLUMNS)
    } else {
        let shapes: Vec<_> = ops.iter().map(LinearBwdParams::check).collect();
        cube.product(Along::Free, Along::Free, |tile| {
            shapes.iter().map(|&(k, n, _)| tile.cover(k + 1, n)).sum()
        })
    };
    p.extra = match first.bias_weights {
        None => Extra::Ones,
        Some(_) => Extra::Column,
    };
    let mut layers = SequenceArg::new();
    let mut cubes = 0;
    for op in ops {
        let (layer, count) = layer(cube, op, &p, cubes);
        layers.push(layer);
        cubes += count;
    }
    let squares: Option<Handle> =
        monitor.map(|(monitors, monitor)| monitors.partial(cube, Summed::One(monitor), cubes));
    let monitored = squares.is_some();
    let (squares, squares_len) = match squares {
        Some(squares) => (squares, 2 * cubes),
        None => (cube.spare()[4].clone(), 2),
    };
    let kernel = match p.cores.format() {
        None | Some(Format::Emulated { .. }) => update_params::launch_unchecked::<f32>,
        Some(Format::Tf32 | Format::Tf32x3) => update_params::launch_unchecked::<tf32>,
        Some(Format::Bf16) => update_params::launch_unchecked::<bf16>,
        Some(Format::F16) => update_params::launch_unchecked::<f16>,
    };
    cube.launch("linear_bwd_params", |client| {
        // SAFETY: the kernel tests every index against the operands' shapes.
        unsafe {
            kernel(
                client,
                grid(cubes),
                CubeDim::new_1d(p.tile.units() as u32),
                layers,
                buffer(&squares, squares_len),
                now(state),
                p,
                rule,
                limit.is_some(),
                monitored,
            );
        }
    });
}

fn constants(update: Update, limit: Option<f64>, slot: usize) -> ConstantsLaunch {
    let [beta1, beta2, epsilon] = match update {
        Update::Adam(adam) => [adam.beta1, adam.beta2, adam.epsilon],
        Update::Store | Update::Momentum => [0.0; 3],
    };
    ConstantsLaunch::new(
        beta1 as f32,
        beta2 as f32,
        (1.0 - beta1) as f32,
        (1.0 - beta2) as f32,
        epsilon as f32,
        limit.unwrap_or(0.0) as f32,
        (RATES + slot * crate::cube::RATE_WORDS) as u32,
    )
}

/// One layer's operands.
#[derive(CubeType, CubeLaunch)]
struct Layer {
    x: Box<[Vec4]>,
    dz: Box<[Vec4]>,
    s: Box<[Vec4]>,
    w: Box<[Vec4]>,
    b: Box<[Vec4]>,
    first_w: Box<[Vec4]>,
    first_b: Box<[Vec4]>,
    second_w: Box<[Vec4]>,
    second_b: Box<[Vec4]>,
    x_place: Place,
    dz_place: Place,
    s_place: Place,
    depth: u32,
    constants: Constants,
    /// Which of the launch's cubes are this layer's.
    first_cube: u32,
    cubes: u32,
}

#[cube(launch_unchecked)]
fn update_params<E: Float>(
    layers: &mut Sequence<Layer>,
    squares: &mut [f32],
    state: &[u32],
    #[comptime] p: Product,
    #[comptime] rule: Rule,
    #[comptime] limited: bool,
    #[comptime] monitored: bool,
) {
    let mut stage = Shared::<[Vec4]>::new_aligned_slice(comptime!(p.stage()), ALIGNMENT);
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(p.tile.units()));
    let (a_room, b_room) = comptime!(p.room());
    let mut x_stage = Shared::<[Vector<E, Const<4>>]>::new_aligned_slice(a_room, ALIGNMENT);
    let mut dz_stage = Shared::<[Vector<E, Const<4>>]>::new_aligned_slice(b_room, ALIGNMENT);
    let mut exchange = Shared::<[f32]>::new_slice(comptime!(p.exchanged()));
    #[unroll]
    for index in 0..layers.len() {
        let layer = layers.index_mut(index);
        let first = layer.first_cube as usize;
        if CUBE_POS >= first && CUBE_POS < first + layer.cubes as usize {
            update_layer::<E>(
                &layer.x,
                &layer.dz,
                &layer.s,
                &mut layer.w,
                &mut layer.b,
                &mut layer.first_w,
                &mut layer.first_b,
                &mut layer.second_w,
                &mut layer.second_b,
                &mut stage,
                &mut x_stage,
                &mut dz_stage,
                &mut exchange,
                &mut scratch,
                squares,
                state,
                &layer.x_place,
                &layer.dz_place,
                &layer.s_place,
                layer.depth,
                &layer.constants,
                CUBE_POS - first,
                p,
                rule,
                limited,
                monitored,
            );
        }
    }
}

/// One cube's share of a layer.
#[cube]
#[allow(clippy::too_many_arguments)]
fn update_layer<E: Float>(
    x: &[Vec4],
    dz: &[Vec4],
    s: &[Vec4],
    w: &mut [Vec4],
    b: &mut [Vec4],
    first_w: &mut [Vec4],
    first_b: &mut [Vec4],
    second_w: &mut [Vec4],
    second_b: &mut [Vec4],
    stage: &mut [Vec4],
    x_stage: &mut [Vector<E, Const<4>>],
    dz_stage: &mut [Vector<E, Const<4>>],
    exchange: &mut [f32],
    scratch: &mut [f32],
    squares: &mut [f32],
    state: &[u32],
    x_place: &Place,
    dz_place: &Place,
    s_place: &Place,
    depth: u32,
    constants: &Constants,
    cube: usize,
    #[comptime] p: Product,
    #[comptime] rule: Rule,
    #[comptime] limited: bool,
    #[comptime] monitored: bool,
) {
    let t = comptime!(p.tile);
    let rows = x_place.free as usize;
    let columns = dz_place.free as usize;
    let stride = columns.div_ceil(4);
    let across = columns.div_ceil(t.bn);
    let row_tiles = (rows + 1).div_ceil(t.bm);
    let mut first_tile = cube / across;
    let mut tiles = 1usize;
    if comptime!(limited) {
        first_tile = 0usize;
        tiles = row_tiles;
    }
    let col0 = cube % across * t.bn;
    let mut square = 0.0f32;
    // Squares of the updated weights of this unit's four columns.
    let mut length = Vec4::new(0.0f32);
    let passes = comptime!((t.bm * t.bn / 4).div_ceil(t.units()));
    for tile in 0..tiles {
        let row0 = (first_tile + tile) * t.bm;
        product_in::<E>(
            x, dz, s, stage, x_stage, dz_stage, exchange, x_place, dz_place, s_place, depth, row0,
            col0, p,
        );
        for pass in 0..passes {
            let e = UNIT_POS as usize + pass * comptime!(t.units());
            let row = row0 + e / comptime!(t.bn / 4);
            let column4 = col0 / 4 + e % comptime!(t.bn / 4);
            if e < comptime!(t.bm * t.bn / 4) && row <= rows && column4 < stride {
                let g = stage[e];
                if comptime!(monitored) {
                    let gg = g * g;
                    square += (gg.extract(0usize) + gg.extract(1usize))
                        + (gg.extract(2usize) + gg.extract(3usize));
                }
                if row < rows {
                    let at = row * stride + column4;
                    let v = step(w[at], first_w, second_w, at, g, state, constants, rule);
                    let v = within(v, column4, columns);
                    w[at] = v;
                    length += v * v;
                } else {
                    let v = step(
                        b[column4], first_b, second_b, column4, g, state, constants, rule,
                    );
                    b[column4] = within(v, column4, columns);
                }
            }
        }
        // The next tile overwrites the stage.
        sync_cube();
    }
    if comptime!(monitored) {
        let sum = cube_sum(scratch, square, comptime!(t.units()));
        if UNIT_POS == 0 {
            add_to_pair(squares, 2 * CUBE_POS, sum);
        }
    }
    if comptime!(limited) {
        let mut factors = Vec4::new(1.0f32);
        #[unroll]
        for lane in 0..4usize {
            let sum = column_sum(scratch, length.extract(lane), comptime!(t.bn / 4), t);
            let norm = sum.sqrt();
            if norm > constants.limit {
                factors.insert(lane, constants.limit / norm);
            }
        }
        // Every unit goes back to the elements that it wrote itself.
        for tile in 0..tiles {
            for pass in 0..passes {
                let e = UNIT_POS as usize + pass * comptime!(t.units());
                let row = tile * t.bm + e / comptime!(t.bn / 4);
                let column4 = col0 / 4 + e % comptime!(t.bn / 4);
                if e < comptime!(t.bm * t.bn / 4) && row < rows && column4 < stride {
                    let at = row * stride + column4;
                    w[at] *= factors;
                }
            }
        }
    }
}

/// The updated parameters, by their gradient; their moments, at `at`, are updated in place.
#[cube]
#[allow(clippy::too_many_arguments)]
fn step(
    theta: Vec4,
    first: &mut [Vec4],
    second: &mut [Vec4],
    at: usize,
    g: Vec4,
    state: &[u32],
    constants: &Constants,
    #[comptime] rule: Rule,
) -> Vec4 {
    let rates = constants.rates as usize;
    match rule {
        Rule::Store => g,
        Rule::Momentum => {
            let eta = f32::reinterpret(state[rates]);
            let mu = f32::reinterpret(state[rates + 1]);
            let v = Vec4::new(mu) * first[at] - Vec4::new(eta) * g;
            first[at] = v;
            theta + v
        }
        Rule::Adam => {
            let eta = f32::reinterpret(state[rates + 2]);
            let correction = f32::reinterpret(state[rates + 3]);
            let m = Vec4::new(constants.beta1) * first[at] + Vec4::new(constants.others1) * g;
            let v = Vec4::new(constants.beta2) * second[at] + Vec4::new(constants.others2) * g * g;
            first[at] = m;
            second[at] = v;
            let mut after = theta;
            #[unroll]
            for lane in 0..4usize {
                let below = (v.extract(lane) * correction).sqrt() + constants.epsilon;
                after.insert(lane, after.extract(lane) - eta * m.extract(lane) / below);
            }
            after
        }
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
