//! What is compiled into a product: its tile, how its operands lie, and what multiplies them.

use cubecl::ir::{ElemType, FloatKind};
use cubecl::prelude::*;

use crate::cube::Precision;

/// Bytes of shared memory that a kernel, and the runtime beside it, keep for other things than its
/// product.
const OTHER_SHARED: usize = 2 << 10;

/// The shape of a tile, in elements.
#[derive_cube_comptime]
pub(crate) struct Tile {
    /// Rows of C per cube.
    pub(crate) bm: usize,
    /// Columns of C per cube.
    pub(crate) bn: usize,
    /// Depth of one step of all groups.
    pub(crate) step: usize,
    /// Rows per unit, where units multiply.
    pub(crate) tm: usize,
    /// Columns per unit.
    pub(crate) tn: usize,
    /// Groups of units.
    pub(crate) split: usize,
    /// Rows per plane, where tensor cores multiply.
    pub(crate) pm: usize,
    /// Columns per plane.
    pub(crate) pn: usize,
    /// Steps that have room in shared memory: with two, the next is written while one is read.
    pub(crate) buffers: usize,
}

/// The tile of small products, which makes the most cubes out of a small minibatch.
pub(crate) const SMALL: Tile = Tile {
    bm: 32,
    bn: 32,
    step: 32,
    tm: 4,
    tn: 4,
    split: 4,
    pm: 32,
    pn: 32,
    buffers: 2,
};

/// 32 × 64 elements, between [`SMALL`] and [`MEDIUM`].
const WIDE: Tile = Tile {
    bn: 64,
    tn: 8,
    ..SMALL
};

/// The tile of medium products: of 8 × 8 elements a unit reads half as much per multiply-add as of
/// 4 × 4.
pub(crate) const MEDIUM: Tile = Tile {
    bm: 64,
    tm: 8,
    ..WIDE
};

/// The tile of large products, which reads each factor the fewest times.
const LARGE: Tile = Tile {
    bm: 128,
    bn: 128,
    split: 1,
    pm: 64,
    ..MEDIUM
};

/// A tile for cubes that own whole columns, and go through all rows of W.
///
/// Narrow, so that there are many of them; and with as many units as columns of vectors divide, so
/// that each unit stays in its column.
pub(crate) const WHOLE_COLUMNS: Tile = Tile {
    bm: 64,
    tm: 8,
    ..SMALL
};

/// Every tile that a product chooses from.
pub(crate) const TILES: [Tile; 4] = [SMALL, WIDE, MEDIUM, LARGE];

/// The index of an operand that runs along its rows in memory.
#[derive_cube_comptime]
pub(crate) enum Along {
    /// The one that is summed over.
    Depth,
    /// The other.
    Free,
}

/// The part of a device that multiplies.
#[derive_cube_comptime]
pub(crate) enum Cores {
    /// Each unit by itself, in f32.
    Units,
    /// Tensor cores, through fragments that a runtime fills as it likes.
    Fragments(Fragment),
    /// Tensor cores, of 16 × 8 elements, through registers that are filled here: NVIDIA's.
    Registers,
    /// Units in place of tensor cores: 32 of them multiply what stands in the same registers.
    Emulated,
}

/// The elements that a plane's tensor cores multiply at once: `m × k` by `k × n` elements.
#[derive_cube_comptime]
pub(crate) struct Fragment {
    pub(crate) m: usize,
    pub(crate) n: usize,
    pub(crate) k: usize,
    /// Units of a plane.
    pub(crate) plane: usize,
}

/// The compile-time key of a product.
#[derive_cube_comptime]
pub(crate) struct Product {
    pub(crate) tile: Tile,
    pub(crate) a: Along,
    pub(crate) b: Along,
    /// True if A has one more row, see [`super::product_and_row`].
    pub(crate) extra_row: bool,
    /// Cubes among which the depth of a tile is shared out, see [`super::Shares`].
    pub(crate) shares: usize,
    pub(crate) cores: Cores,
    /// Of the factors; [`Precision::F32`] where units multiply.
    pub(crate) precision: Precision,
}

/// One operand in shared memory, in vectors of four.
#[derive_cube_comptime]
pub(crate) struct Side {
    pub(crate) along: Along,
    pub(crate) extra_row: bool,
    pub(crate) rows: usize,
    /// Vectors of a row.
    pub(crate) width: usize,
    /// Vectors from row to row.
    pub(crate) pitch: usize,
    /// How columns are permuted, see [`super::factors::slot`].
    pub(crate) turns: usize,
    pub(crate) by: usize,
    /// Units that bring it there.
    pub(crate) units: usize,
}

impl Tile {
    /// Units of one group.
    pub(crate) const fn group(&self) -> usize {
        self.bm / self.tm * (self.bn / self.tn)
    }

    /// Units of a cube.
    pub(crate) const fn units(&self) -> usize {
        self.group() * self.split
    }

    /// Tiles that cover `rows × columns` elements.
    pub(crate) const fn cover(&self, rows: usize, columns: usize) -> usize {
        rows.div_ceil(self.bm) * columns.div_ceil(self.bn)
    }

    /// Turns in which the units of a cube go through C, each a value of `width` elements at a time.
    pub(crate) const fn passes(&self, width: usize) -> usize {
        (self.bm * self.bn / width).div_ceil(self.units())
    }

    /// Vectors of C.
    pub(crate) const fn vectors(&self) -> usize {
        self.bm * self.bn / 4
    }
}

impl Precision {
    /// Numbers that a factor is multiplied as.
    pub(super) const fn parts(self) -> usize {
        match self {
            Self::Tf32x3 => 2,
            _ => 1,
        }
    }

    /// Factors in a register of 32 bits.
    pub(crate) const fn packed(self) -> usize {
        match self {
            Self::Bf16 | Self::F16 => 2,
            _ => 1,
        }
    }

    /// Bits of mantissa of a factor.
    pub(super) const fn bits(self) -> u32 {
        match self {
            Self::F32 => 23,
            Self::Tf32x3 | Self::Tf32 | Self::F16 => 10,
            Self::Bf16 => 7,
        }
    }

    /// The type of a factor on tensor cores.
    pub(crate) const fn kind(self) -> FloatKind {
        match self {
            Self::F32 => FloatKind::F32,
            Self::Tf32x3 | Self::Tf32 => FloatKind::TF32,
            Self::Bf16 => FloatKind::BF16,
            Self::F16 => FloatKind::F16,
        }
    }

    /// Multiply-adds of tensor cores per clock and multiprocessor, by whose ratio to [`READ`] a
    /// tile is chosen: about those of NVIDIA's later devices.
    const fn rate(self) -> usize {
        match self {
            Self::Tf32x3 => 512 / 3,
            Self::Bf16 | Self::F16 => 1024,
            Self::F32 | Self::Tf32 => 512,
        }
    }
}

impl Cores {
    /// Units of a plane, and the depth that each takes at once.
    const fn plane(&self) -> (usize, usize) {
        match *self {
            Self::Units => (1, 4),
            Self::Fragments(Fragment { plane, k, .. }) => (plane, k),
            Self::Registers | Self::Emulated => (32, BLOCK_DEPTH),
        }
    }

    /// True if it can multiply on a tile: if what it multiplies at once divides a plane's part
    /// of the tile and the depth.
    fn divides(&self, t: Tile) -> bool {
        let (rows, columns, depth, plane) = match *self {
            Self::Units => return t.step.is_multiple_of(4 * t.split),
            Self::Fragments(Fragment { m, n, k, plane }) => (m, n, k, plane),
            Self::Registers | Self::Emulated => (BLOCK, BLOCK, BLOCK_DEPTH, 32),
        };
        t.pm.is_multiple_of(rows)
            && t.pn.is_multiple_of(columns)
            && t.step.is_multiple_of(depth)
            && t.units().is_multiple_of(plane)
            // Factors lie in vectors of four.
            && [rows, columns, depth].iter().all(|size| size.is_multiple_of(4))
    }
}

/// Rows or columns of an operand that a plane reads into registers at once.
pub(super) const BLOCK: usize = 32;
/// The depth that it reads with them.
pub(super) const BLOCK_DEPTH: usize = 16;

/// Bytes per clock that a multiprocessor reads from what it shares with the others.
const READ: usize = 64;
/// Bytes per clock that its units read from shared memory.
const READ_SHARED: usize = 128;
/// Instructions that bring a vector of a factor from the one to the other, of which four
/// schedulers each issue one per clock for 32 units; counted in what ptxas makes of tf32.
const BRING: usize = 13;

/// Clocks of a cube before its first step, for each of a unit's vectors of C after the last, and
/// for each cube and vector where a depth is shared; measured on an H200.
const AROUND: usize = 2500;
const PASS: usize = 800;
const SUM: usize = 900;

/// Vectors of a step that a unit brings at most: they wait in its registers.
const PASSES: usize = 8;

impl Product {
    /// True if every product can be made by `cores` in `shared` bytes of shared memory.
    pub(crate) fn is_possible(cores: Cores, precision: Precision, shared: usize) -> bool {
        let mut all = Self::LAYOUTS
            .into_iter()
            .flat_map(|lies| [SMALL, WHOLE_COLUMNS].map(|tile| (lies, tile)));
        all.all(|((a, b), tile)| {
            let p = Self {
                tile,
                a,
                b,
                extra_row: false,
                shares: 1,
                cores,
                precision,
            };
            p.fitted(shared).is_some()
        })
    }

    /// Every way in which the operands can lie.
    pub(crate) const LAYOUTS: [(Along, Along); 4] = [
        (Along::Depth, Along::Depth),
        (Along::Depth, Along::Free),
        (Along::Free, Along::Depth),
        (Along::Free, Along::Free),
    ];

    /// A, as it lies in shared memory.
    pub(super) const fn a(&self) -> Side {
        self.side(self.a, self.tile.bm, self.extra_row)
    }

    /// B, likewise.
    pub(super) const fn b(&self) -> Side {
        self.side(self.b, self.tile.bn, false)
    }

    const fn side(&self, along: Along, free: usize, extra_row: bool) -> Side {
        let t = self.tile;
        let (rows, width) = match along {
            Along::Depth => (free, t.step / 4),
            Along::Free => (t.step, free / 4),
        };
        let (turns, by) = self.permuted(along, width);
        Side {
            along,
            extra_row,
            rows,
            width,
            pitch: width + self.padding(along),
            turns,
            by,
            units: t.units(),
        }
    }

    /// Vectors that each row of an operand is longer in shared memory.
    ///
    /// The vectors that the units of a plane read at once then lie in different banks: of a fragment
    /// eight rows of four words or four rows of eight, for registers eight fours of rows or four of
    /// them.
    const fn padding(&self, along: Along) -> usize {
        match (self.cores, along) {
            (Cores::Units, _) => 0,
            (Cores::Fragments(_), Along::Depth) if self.bytes() == 4 => 1,
            (Cores::Fragments(_), _) => 2,
            (Cores::Registers | Cores::Emulated, Along::Free) if self.bytes() == 4 => 0,
            (Cores::Registers | Cores::Emulated, _) => 1,
        }
    }

    /// How the columns of an operand of `width` vectors are permuted, see [`super::factors::slot`].
    ///
    /// Units read neighbouring fours of rows at one depth. Registers of four bytes a factor are
    /// read from four fours of depths, two vectors of each at once, which no padding parts.
    const fn permuted(&self, along: Along, width: usize) -> (usize, usize) {
        match (self.cores, along) {
            (Cores::Units, Along::Depth) => (if width < 8 { width } else { 8 }, 1),
            (Cores::Registers | Cores::Emulated, Along::Free) if self.bytes() == 4 => (4, 2),
            _ => (1, 0),
        }
    }

    /// The type of a factor in shared memory.
    pub(super) const fn factor(&self) -> ElemType {
        ElemType::Float(match self.cores {
            Cores::Units | Cores::Emulated => FloatKind::F32,
            Cores::Fragments(_) | Cores::Registers => self.precision.kind(),
        })
    }

    /// Bytes of a factor in shared memory.
    const fn bytes(&self) -> usize {
        match self.factor() {
            ElemType::Float(FloatKind::BF16 | FloatKind::F16) => 2,
            _ => 4,
        }
    }

    /// Parts of the tile of which a plane's tensor cores compute one each.
    pub(super) const fn regions(&self) -> usize {
        let t = self.tile;
        t.bm / t.pm * (t.bn / t.pn)
    }

    /// Groups of planes, each of which takes its share of the depth of every step.
    pub(super) const fn groups(&self) -> usize {
        let (plane, depth) = self.cores.plane();
        let groups = self.tile.units() / plane / self.regions();
        let shares = self.tile.step / depth;
        if groups < shares { groups } else { shares }
    }

    /// Steps in depth of one group's share of a step.
    pub(super) const fn share(&self) -> usize {
        self.tile.step / self.cores.plane().1 / self.groups()
    }

    /// Numbers that units hand to each other in place of tensor cores' registers; one where they
    /// hand over none.
    pub(super) const fn exchanged(&self) -> usize {
        match self.cores {
            Cores::Emulated => self.tile.units() * 6 * self.precision.packed(),
            _ => 1,
        }
    }

    /// Vectors of A's factors and of B's that tensor cores read from shared memory of their own;
    /// one where units multiply, since no room is none.
    pub(super) const fn room(&self) -> (usize, usize) {
        if matches!(self.cores, Cores::Units) {
            return (1, 1);
        }
        let times = self.precision.parts() * self.tile.buffers;
        (self.a().room() * times, self.b().room() * times)
    }

    /// Vectors of shared memory that [`super::product`] needs; C stands in the first `bm·bn/4`
    /// afterwards.
    pub(super) fn stage(&self) -> usize {
        let c = self.tile.vectors();
        match self.cores {
            Cores::Units => c.max(self.tile.buffers * (self.a().room() + self.b().room())),
            _ => c * self.groups(),
        }
    }

    /// Bytes of shared memory that it takes in all.
    fn shared(&self) -> usize {
        let factors = match self.cores {
            // They lie where C will.
            Cores::Units => 0,
            _ => {
                let (a, b) = self.room();
                (a + b) * 4 * self.bytes()
            }
        };
        factors + self.stage() * 16 + self.exchanged() * 4
    }

    /// True if the tile suits what multiplies, and the units that bring factors.
    fn is_whole(&self) -> bool {
        let t = self.tile;
        let sides = [self.a(), self.b()];
        let brought = |side: &Side| {
            let passes: usize = sides.iter().map(Side::passes).sum();
            side.units.is_multiple_of(side.width) && passes <= PASSES
        };
        let (plane, depth) = self.cores.plane();
        sides.iter().all(brought)
            && self.cores.divides(t)
            && (self.cores == Cores::Units
                || t.units() / plane >= self.regions()
                    && (t.step / depth).is_multiple_of(self.groups()))
    }

    /// The same with the longest steps that leave room for another cube in `shared` bytes, or else
    /// with those that have room at all, for two of them if possible.
    pub(crate) fn fitted(self, shared: usize) -> Option<Self> {
        // Longer ones waste more where the depth ends, and were never faster.
        let (long, all) = ([64, 32], [64, 32, 16]);
        [
            (shared / 2, 2, &long[..]),
            (shared, 2, &all),
            (shared, 1, &all),
        ]
        .into_iter()
        .find_map(|(room, buffers, steps)| {
            let mut steps = steps.iter();
            steps.find_map(|&step| self.with(step, buffers, room))
        })
    }

    /// The same with steps of that depth, if they have room in `shared` bytes.
    pub(crate) fn with(self, step: usize, buffers: usize, shared: usize) -> Option<Self> {
        let tile = Tile {
            step,
            buffers,
            ..self.tile
        };
        let p = Self { tile, ..self };
        let fits = p.is_whole() && p.shared() + OTHER_SHARED <= shared;
        fits.then_some(p)
    }

    /// That of which the busiest of so many multiprocessors is done first with tiles of `depth`,
    /// where `cubes` says how many of a tile there are.
    pub(crate) fn fastest(
        all: impl Iterator<Item = Self>,
        cubes: impl Fn(&Tile) -> usize,
        depth: usize,
        multiprocessors: usize,
    ) -> Option<Self> {
        all.min_by_key(|p| p.clocks(cubes(&p.tile), depth, multiprocessors))
    }

    /// Clocks until the busiest of so many multiprocessors is done with `tiles` of `depth`.
    fn clocks(&self, tiles: usize, depth: usize, multiprocessors: usize) -> usize {
        let steps = depth.div_ceil(self.tile.step).div_ceil(self.shares);
        let cubes = (tiles * self.shares).div_ceil(multiprocessors);
        // A cube alone waits for half of its time, in some of which a second one works.
        let (pairs, single) = (cubes / 2, cubes % 2);
        let passes = self.tile.passes(4);
        let sum = if self.shares > 1 {
            SUM * passes * self.shares
        } else {
            0
        };
        let (pairs, single) = if self.overlaps() {
            (pairs, single)
        } else {
            (0, cubes)
        };
        let waits = pairs * 15 + single * 9;
        let around = AROUND + PASS * passes + sum;
        waits * steps * self.clocks_of_step() / 4 + (pairs + single) * around
    }

    /// True if a multiprocessor has registers for two cubes: each takes those of the elements that a
    /// unit sums up, and about as many again for factors.
    fn overlaps(&self) -> bool {
        let t = self.tile;
        let sums = match self.cores {
            Cores::Units => t.tm * t.tn,
            _ => t.pm * t.pn / 32,
        };
        sums <= 32
    }

    /// Clocks of a step of one cube that never waits: of the slowest of what it reads from global
    /// memory, from shared memory, and multiplies, and of bringing factors from the one to the
    /// other.
    fn clocks_of_step(&self) -> usize {
        let t = self.tile;
        let (factors, products) = (t.bm + t.bn, t.bm * t.bn);
        let read = factors * 4 * 1000 / READ;
        let (rate, again) = match self.cores {
            Cores::Units => (128, products / (t.tm * t.tn) * (t.tm + t.tn) * 4),
            _ => {
                let of_planes = self.regions() * (t.pm + t.pn);
                let again = of_planes * self.bytes() * self.precision.parts();
                let rate = match self.cores {
                    Cores::Emulated => Precision::Tf32.rate(),
                    _ => self.precision.rate(),
                };
                (rate, again)
            }
        };
        let multiplied = products * 1000 / rate;
        let brought = factors * BRING * 1000 / (4 * 32 * 4);
        let clocks = read.max(again * 1000 / READ_SHARED).max(multiplied) + brought;
        clocks * t.step / 1000
    }
}

impl Side {
    /// Depth of a step.
    pub(super) const fn depth(&self) -> usize {
        match self.along {
            Along::Depth => self.width * 4,
            Along::Free => self.rows,
        }
    }

    /// Vectors that each unit brings of a step.
    pub(super) const fn passes(&self) -> usize {
        (self.rows * self.width).div_ceil(self.units)
    }

    /// Rows from one of them to the next.
    pub(super) const fn rows_per_pass(&self) -> usize {
        self.units / self.width
    }

    /// True if every unit brings as many.
    pub(super) const fn is_exact(&self) -> bool {
        (self.rows * self.width).is_multiple_of(self.units)
    }

    /// Vectors of a step in shared memory.
    pub(super) const fn room(&self) -> usize {
        self.rows * self.pitch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tile on which an H100 multiplies `m × n` elements.
    fn chosen(precision: Precision, m: usize, n: usize) -> (usize, usize) {
        let cores = match precision {
            Precision::F32 => Cores::Units,
            _ => Cores::Registers,
        };
        let on = |tile| {
            let p = Product {
                tile,
                a: Along::Depth,
                b: Along::Free,
                extra_row: false,
                shares: 1,
                cores,
                precision,
            };
            p.fitted(227 << 10)
        };
        let all = TILES.into_iter().filter_map(on);
        let best = Product::fastest(all, |tile| tile.cover(m, n), 1200, 132).unwrap();
        (best.tile.bm, best.tile.bn)
    }

    #[test]
    fn small_minibatches_spread_over_multiprocessors_and_large_ones_read_little() {
        for (precision, of_100, of_200, of_8192) in [
            (Precision::F32, (32, 64), (64, 64), (128, 128)),
            // Where shared memory is read so often, a second cube hides more than a larger tile saves.
            (Precision::Tf32x3, (32, 32), (32, 32), (64, 64)),
            (Precision::Tf32, (32, 64), (64, 64), (64, 64)),
            (Precision::Bf16, (32, 64), (64, 64), (128, 128)),
        ] {
            assert_eq!(chosen(precision, 100, 1200), of_100, "{precision}");
            assert_eq!(chosen(precision, 200, 1200), of_200, "{precision}");
            assert_eq!(chosen(precision, 8192, 8192), of_8192, "{precision}");
        }
    }

    #[test]
    fn products_have_room_where_shared_memory_is_small() {
        for shared in [16 << 10, 32 << 10, 48 << 10, 99 << 10, 227 << 10] {
            let possible = Product::is_possible(Cores::Units, Precision::F32, shared);
            assert!(possible, "{shared}");
        }
    }
}
