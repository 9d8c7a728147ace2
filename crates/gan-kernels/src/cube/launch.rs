//! From an operation's matrices to a kernel's arguments.

use cubecl::prelude::*;
use cubecl::server::Handle;

use super::philox::MaskLaunch;
use super::tile::{Along, Cores, Extra, MEDIUM, PlaceLaunch, Product, SMALL, TILES, Tile};
use super::{Cube, DeviceState};
use crate::ops::Dropout;
use crate::random::keep_threshold;
use crate::{Activation, ActivationKind, Matrix, Rows};

/// Cubes along one axis of a grid, below what every runtime takes.
const LONGEST: usize = 1 << 15;

/// A grid of at least `cubes` cubes; kernels leave those that are too many.
pub(crate) fn grid(cubes: usize) -> CubeCount {
    let x = cubes.clamp(1, LONGEST);
    let y = cubes.div_ceil(x).clamp(1, LONGEST);
    let z = cubes.div_ceil(x * y).max(1);
    CubeCount::Static(x as u32, y as u32, z as u32)
}

/// A buffer of `len` elements of the kernel's type.
pub(crate) fn buffer(handle: &Handle, len: usize) -> BufferArg {
    // SAFETY: the length is that of the allocation, in the caller's element type.
    unsafe { BufferArg::from_raw_parts(handle.clone(), len) }
}

impl Cube {
    /// A product, as kernels compile it: on the tile of which the fastest multiprocessors are done
    /// first, where `cubes` says how many of one the product takes.
    pub(crate) fn product(&self, a: Along, b: Along, cubes: impl Fn(&Tile) -> usize) -> Product {
        let on = |tile: &Tile| self.fitted(self.unfitted(a, b, *tile));
        if let Some((only, step)) = self.only_tile {
            let p = self.unfitted(a, b, TILES[only]);
            let pinned = [2, 1].into_iter();
            let mut pinned = pinned.filter_map(|buffers| p.with(step, buffers, self.shared()));
            if let Some(p) = pinned.next() {
                return p;
            }
        }
        let best = Product::fastest(TILES.iter().filter_map(on), cubes, self.multiprocessors());
        best.unwrap_or_else(|| self.product_on(a, b, SMALL))
    }

    /// A product on a given tile.
    ///
    /// A device without room for it refuses the launch, and reads say so.
    pub(crate) fn product_on(&self, a: Along, b: Along, tile: Tile) -> Product {
        let p = self.unfitted(a, b, tile);
        self.fitted(p).unwrap_or(p)
    }

    /// A product of exact f32 factors, in whatever precision the device multiplies, in whose groups
    /// a quarter of the depth each is summed.
    pub(crate) fn exact_product(&self, a: Along, b: Along) -> Product {
        let on = |tile| Product {
            cores: Cores::Units,
            ..self.unfitted(a, b, tile)
        };
        let fitting = self.fitted(on(MEDIUM)).or_else(|| self.fitted(on(SMALL)));
        fitting.unwrap_or_else(|| on(SMALL))
    }

    fn unfitted(&self, a: Along, b: Along, tile: Tile) -> Product {
        Product {
            tile,
            a,
            b,
            extra: Extra::None,
            cores: self.device.cores,
        }
    }

    /// With steps for which there is room.
    fn fitted(&self, p: Product) -> Option<Product> {
        p.fitted(self.shared())
    }

    /// Bytes of shared memory of a cube.
    fn shared(&self) -> usize {
        let hardware = &self.device.client.properties().hardware;
        hardware.max_shared_memory_size
    }
}

/// The rows of a matrix as one factor of a product, of which `free` rows or columns are not summed
/// over.
pub(crate) fn place(rows: &Rows<'_, Cube>, free: usize) -> PlaceLaunch {
    let stride = rows.matrix.stride / 4;
    PlaceLaunch::new((rows.first * stride) as u32, stride as u32, free as u32)
}

/// A whole matrix, likewise.
pub(crate) fn place_all(matrix: &Matrix<Cube>, free: usize) -> PlaceLaunch {
    PlaceLaunch::new(0, (matrix.stride / 4) as u32, free as u32)
}

/// A matrix's elements, in vectors of four.
pub(crate) fn vectors(matrix: &Matrix<Cube>) -> BufferArg {
    buffer(&matrix.storage, matrix.rows * matrix.stride / 4)
}

/// A matrix's elements, one by one.
pub(crate) fn floats(matrix: &Matrix<Cube>) -> BufferArg {
    buffer(&matrix.storage, matrix.rows * matrix.stride)
}

/// The current state.
pub(crate) fn now(state: &DeviceState) -> BufferArg {
    buffer(&state.now, state.now_len())
}

/// Dropout as kernels take it; without, numbers that no kernel reads.
pub(crate) fn mask(dropout: Option<Dropout>) -> MaskLaunch {
    match dropout {
        None => MaskLaunch::new(0, 0, 1.0, 0),
        Some(dropout) => MaskLaunch::new(
            dropout.stream.word(),
            keep_threshold(dropout.keep),
            dropout.scale as f32,
            dropout.first_row as u32,
        ),
    }
}

/// φ of a kernel's compile-time key and its slope on the negative side; maxout, which is not
/// elementwise, counts as the identity.
pub(crate) fn phi_of(act: Activation) -> (ActivationKind, f32) {
    match act {
        Activation::Maxout { .. } => (ActivationKind::Identity, 1.0),
        Activation::LeakyRelu { slope } => (ActivationKind::LeakyRelu, slope as f32),
        Activation::Identity => (ActivationKind::Identity, 1.0),
        _ => (act.kind(), 0.0),
    }
}

/// The sum of `value` over the units of a cube, the same in each of them; `units` is a power of
/// two.
#[cube]
pub(crate) fn cube_sum(scratch: &mut [f32], value: f32, #[comptime] units: usize) -> f32 {
    let unit = UNIT_POS as usize;
    scratch[unit] = value;
    sync_cube();
    #[unroll]
    for level in 0..comptime!(units.ilog2()) {
        let half = comptime!(units >> (level + 1));
        if unit < half {
            let other = scratch[unit + half];
            scratch[unit] += other;
        }
        sync_cube();
    }
    let sum = scratch[0];
    // Before somebody overwrites it.
    sync_cube();
    sum
}

/// Units that share a row where each row has its own: those of a warp.
pub(crate) const PER_ROW: usize = 32;

/// The sum of `value` over the [`PER_ROW`] units of a row, the same in each of them, of which this
/// one is `lane`; every unit of the cube must come here.
#[cube]
pub(crate) fn row_sum(scratch: &mut [f32], value: f32, lane: usize) -> f32 {
    let unit = UNIT_POS as usize;
    scratch[unit] = value;
    sync_cube();
    #[unroll]
    for level in 0..comptime!(PER_ROW.ilog2()) {
        let half = comptime!(PER_ROW >> (level + 1));
        if lane < half {
            let other = scratch[unit + half];
            scratch[unit] += other;
        }
        sync_cube();
    }
    scratch[unit - lane]
}

/// Adds to a sum whose second float keeps what the first rounds away (Knuth's two-sum).
#[cube]
pub(crate) fn add_to_pair(pairs: &mut [f32], at: usize, value: f32) {
    let high = pairs[at];
    let sum = high + value;
    let added = sum - high;
    let error = (high - (sum - added)) + (value - added);
    pairs[at] = sum;
    pairs[at + 1] += error;
}
