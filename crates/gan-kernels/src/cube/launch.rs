//! The product and the grid that an operation is launched with.

use cubecl::prelude::*;

use super::operand::buffer;
use super::tile::{Along, Cores, MEDIUM, Product, SMALL, Shares, SharesLaunch, TILES, Tile};
use super::{Cube, Precision};

/// Enqueues a kernel on a device, with so many cubes in its grid and units in a cube:
/// `launch!(kernel(arguments…) on device, [cubes, units])`.
macro_rules! launch {
    ($kernel:ident($($argument:expr),+) on $on:expr, [$cubes:expr, $units:expr]) => {
        $on.launch(stringify!($kernel), |client| {
            let grid = $crate::cube::launch::grid($cubes);
            let units = ::cubecl::prelude::CubeDim::new_1d($units as u32);
            // SAFETY: the kernels test every index against their operands' shapes, and their loops
            // end.
            unsafe { $kernel::launch_unchecked(client, grid, units, $($argument),+) }
        })
    };
}
pub(crate) use launch;

/// Cubes that share a depth at most.
const MOST_SHARES: usize = 8;

/// Cubes along one axis of a grid, below what every runtime takes.
const LONGEST: usize = 1 << 15;

/// A grid of at least `cubes` cubes; kernels leave those that are too many.
pub(crate) fn grid(cubes: usize) -> CubeCount {
    let x = cubes.clamp(1, LONGEST);
    let y = cubes.div_ceil(x).clamp(1, LONGEST);
    let z = cubes.div_ceil(x * y).max(1);
    CubeCount::Static(x as u32, y as u32, z as u32)
}

impl Cube {
    /// A product over `depth`, as kernels compile it: on the tile of which the fastest
    /// multiprocessors are done first, where `cubes` says how many of one the product takes.
    pub(crate) fn product(
        &self,
        a: Along,
        b: Along,
        depth: usize,
        cubes: impl Fn(&Tile) -> usize,
    ) -> Product {
        self.fastest(a, b, depth, cubes, 1)
    }

    /// The same, where several cubes may share the depth of a tile, for kernels that take
    /// [`Shares`].
    pub(crate) fn shared_product(
        &self,
        a: Along,
        b: Along,
        depth: usize,
        cubes: impl Fn(&Tile) -> usize,
    ) -> Product {
        let most = if self.shows_writes() { MOST_SHARES } else { 1 };
        let p = self.fastest(a, b, depth, cubes, most);
        Product {
            shares: self.only_shares.unwrap_or(p.shares),
            ..p
        }
    }

    fn fastest(
        &self,
        a: Along,
        b: Along,
        depth: usize,
        cubes: impl Fn(&Tile) -> usize,
        most_shares: usize,
    ) -> Product {
        if let Some((only, step)) = self.only_tile {
            let p = self.unfitted(a, b, TILES[only]);
            let pinned = [2, 1].into_iter();
            let mut pinned = pinned.filter_map(|buffers| p.with(step, buffers, self.shared()));
            if let Some(p) = pinned.next() {
                return p;
            }
        }
        let fitted = TILES.iter();
        let fitted = fitted.filter_map(|tile| self.fitted(self.unfitted(a, b, *tile)));
        let shared = |p: Product| (1..=most_shares).map(move |shares| Product { shares, ..p });
        let all = fitted.flat_map(shared);
        let best = Product::fastest(all, cubes, depth, self.multiprocessors());
        best.unwrap_or_else(|| self.product_on(a, b, SMALL))
    }

    /// What the cubes of `tiles` tiles of `p` need to share a depth.
    pub(crate) fn shares(&self, p: &Product, tiles: usize) -> ComptimeOptionArgs<Shares> {
        let shares = (p.shares > 1).then(|| {
            let vectors = tiles * p.shares * p.tile.vectors();
            let partial = self.scratch(4 * vectors);
            let arrived = self.arrived(tiles);
            SharesLaunch::new(buffer(&partial, vectors), buffer(&arrived, tiles))
        });
        shares.into()
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
            precision: Precision::F32,
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
            extra_row: false,
            shares: 1,
            cores: self.device.cores,
            precision: self.device.precision,
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
