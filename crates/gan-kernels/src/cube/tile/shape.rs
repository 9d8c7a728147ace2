//! What is compiled into a product: its tile, how its operands lie, and what multiplies them.

use cubecl::prelude::*;

/// Bytes at multiples of which shared memory begins that tensor cores read or write.
pub(crate) const ALIGNMENT: usize = 32;

/// Bytes of shared memory that a kernel keeps for other things than its product.
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
    pm: 16,
    pn: 32,
    buffers: 2,
};

/// Between the one before and the one behind.
const WIDE: Tile = Tile {
    bn: 64,
    tn: 8,
    pm: 32,
    ..SMALL
};

/// The tile of medium products, and of all that units multiply themselves: with 8 × 8 elements
/// each they read shared memory an eighth as often as they multiply.
pub(crate) const MEDIUM: Tile = Tile {
    bm: 64,
    tm: 8,
    ..WIDE
};

/// The tile of large products on tensor cores, which outrun the memory on a smaller one.
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
    bn: 16,
    pm: 32,
    pn: 16,
    ..SMALL
};

/// Every tile that a product chooses from.
pub(crate) const TILES: [Tile; 4] = [SMALL, WIDE, MEDIUM, LARGE];

/// Which index of an operand runs along its rows in memory.
#[derive_cube_comptime]
pub(crate) enum Along {
    /// The one that is summed over.
    Depth,
    /// The other.
    Free,
}

/// One more row of A, below its last.
#[derive_cube_comptime]
pub(crate) enum Extra {
    /// There is none.
    None,
    /// Of ones.
    Ones,
    /// A column of its own: see [`super::product_beside`].
    Column,
}

/// How factors are rounded before units multiply them.
#[derive_cube_comptime]
pub(crate) enum Rounding {
    /// Not at all.
    None,
    /// To this many bits of mantissa.
    Bits(u32),
    /// Into a number of so many bits and one of so many of what is left, of whose four products
    /// the smallest is left out.
    Split(u32),
}

/// What multiplies.
#[derive_cube_comptime]
pub(crate) enum Cores {
    /// Each unit by itself, in f32.
    Units,
    /// Tensor cores, on factors of 10 bits of mantissa, summing in f32.
    Tf32(Fragment),
    /// Likewise, on each factor and on what rounding it took away: three products for one, nearly
    /// as exact as f32.
    Tf32x3(Fragment),
    /// Likewise once, of 7 bits.
    Bf16(Fragment),
    /// Likewise, of 10 bits, and 5 of exponent.
    F16(Fragment),
}

/// What a plane's tensor cores multiply at once: `m × k` by `k × n` elements.
#[derive_cube_comptime]
pub(crate) struct Fragment {
    pub(crate) m: usize,
    pub(crate) n: usize,
    pub(crate) k: usize,
    /// Units of a plane.
    pub(crate) plane: usize,
}

/// What is compiled into a product.
#[derive_cube_comptime]
pub(crate) struct Product {
    pub(crate) tile: Tile,
    pub(crate) a: Along,
    pub(crate) b: Along,
    pub(crate) extra: Extra,
    pub(crate) rounding: Rounding,
    pub(crate) cores: Cores,
}

/// One operand in shared memory, in vectors of four.
#[derive_cube_comptime]
pub(crate) struct Side {
    pub(crate) along: Along,
    pub(crate) extra: Extra,
    pub(crate) rows: usize,
    /// Vectors of a row.
    pub(crate) width: usize,
    /// Vectors from row to row.
    pub(crate) pitch: usize,
    /// Whether columns are permuted, see [`super::slot`].
    pub(crate) swizzled: bool,
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

    /// Vectors of C.
    pub(crate) const fn vectors(&self) -> usize {
        self.bm * self.bn / 4
    }
}

impl Fragment {
    /// Parts of a tile that a plane each computes.
    pub(super) const fn regions(&self, t: Tile) -> usize {
        t.bm / t.pm * (t.bn / t.pn)
    }

    /// Groups of planes, each of which takes its share of the depth of every step.
    pub(super) const fn groups(&self, t: Tile) -> usize {
        let planes = t.units() / self.plane / self.regions(t);
        let shares = t.step / self.k;
        if planes < shares { planes } else { shares }
    }

    /// Whether fragments and groups divide the tile, its depth and its units.
    fn divides(&self, t: Tile) -> bool {
        let Self { m, n, k, plane } = *self;
        t.pm.is_multiple_of(m)
            && t.pn.is_multiple_of(n)
            && t.step.is_multiple_of(k)
            && m.is_multiple_of(4)
            && n.is_multiple_of(4)
            && k.is_multiple_of(4)
            && t.units().is_multiple_of(plane)
            && t.units() / plane >= self.regions(t)
            && (t.step / k).is_multiple_of(self.groups(t))
    }
}

impl Cores {
    /// What tensor cores multiply at once.
    const fn fragment(&self) -> Option<Fragment> {
        match *self {
            Self::Units => None,
            Self::Tf32(f) | Self::Tf32x3(f) | Self::Bf16(f) | Self::F16(f) => Some(f),
        }
    }

    /// Numbers that a factor is multiplied as.
    pub(super) const fn parts(&self) -> usize {
        match self {
            Self::Tf32x3(_) => 2,
            _ => 1,
        }
    }

    /// Bytes of a factor in shared memory.
    const fn bytes(&self) -> usize {
        match self {
            Self::Bf16(_) | Self::F16(_) => 2,
            Self::Units | Self::Tf32(_) | Self::Tf32x3(_) => 4,
        }
    }

    /// Multiply-adds per clock and multiprocessor, by whose ratio to [`READ`] a tile is chosen:
    /// about those of NVIDIA's later devices.
    const fn rate(&self) -> usize {
        match self {
            Self::Units => 128,
            Self::Tf32(_) => 512,
            Self::Tf32x3(_) => 512 / 3,
            Self::Bf16(_) | Self::F16(_) => 1024,
        }
    }

    /// Vectors that each row of an operand is longer in shared memory.
    ///
    /// What the units of a plane read at once of a fragment then lies in different banks: eight
    /// rows of four words, or four rows of eight.
    const fn padding(&self, along: Along) -> usize {
        match (self, along) {
            (Self::Units, _) => 0,
            (Self::Tf32(_) | Self::Tf32x3(_), Along::Depth) => 1,
            _ => 2,
        }
    }
}

/// Bytes per clock that a multiprocessor reads from what it shares with the others.
const READ: usize = 64;

impl Product {
    /// Whether every product can be made by `cores` in `shared` bytes of shared memory.
    pub(crate) fn is_possible(cores: Cores, shared: usize) -> bool {
        let lies = [Along::Depth, Along::Free];
        let pairs = lies.into_iter().flat_map(|a| lies.map(|b| (a, b)));
        let mut all = pairs.flat_map(|(a, b)| [SMALL, WHOLE_COLUMNS].map(|tile| (a, b, tile)));
        all.all(|(a, b, tile)| {
            let p = Self {
                tile,
                a,
                b,
                extra: Extra::None,
                rounding: Rounding::None,
                cores,
            };
            p.fitted(shared).is_some()
        })
    }

    /// A, as it lies in shared memory.
    pub(super) const fn a(&self) -> Side {
        self.side(self.a, self.tile.bm, self.extra)
    }

    /// B, likewise.
    pub(super) const fn b(&self) -> Side {
        self.side(self.b, self.tile.bn, Extra::None)
    }

    const fn side(&self, along: Along, free: usize, extra: Extra) -> Side {
        let t = self.tile;
        let (rows, width) = match along {
            Along::Depth => (free, t.step / 4),
            Along::Free => (t.step, free / 4),
        };
        Side {
            along,
            extra,
            rows,
            width,
            pitch: width + self.cores.padding(along),
            swizzled: matches!((self.cores, along), (Cores::Units, Along::Depth)),
            units: t.units(),
        }
    }

    /// Vectors of shared memory that [`super::product`] needs; C stands in the first `bm·bn/4`
    /// afterwards.
    pub(crate) fn stage(&self) -> usize {
        let c = self.tile.vectors();
        match self.cores.fragment() {
            None => c.max(self.tile.buffers * (self.a().room() + self.b().room())),
            Some(fragment) => c * fragment.groups(self.tile),
        }
    }

    /// Bytes of shared memory that it takes in all.
    fn shared(&self) -> usize {
        let factors = match self.cores {
            // They lie where C will.
            Cores::Units => 0,
            cores => {
                let vectors = self.a().room() + self.b().room();
                vectors * 4 * cores.bytes() * cores.parts() * self.tile.buffers
            }
        };
        factors + self.stage() * 16
    }

    /// The same with the longest steps that leave room for another cube in `shared` bytes, or else
    /// with those that have room at all.
    pub(crate) fn fitted(self, shared: usize) -> Option<Self> {
        let steps = [(64, 2), (32, 2), (16, 2), (32, 1), (16, 1)];
        let with = |(step, buffers)| Self {
            tile: Tile {
                step,
                buffers,
                ..self.tile
            },
            ..self
        };
        let fragment = self.cores.fragment();
        let divides = |p: &Self| {
            let t = p.tile;
            t.step.is_multiple_of(4 * t.split)
                && fragment.is_none_or(|fragment| fragment.divides(t))
        };
        [shared / 2, shared.saturating_sub(OTHER_SHARED)]
            .into_iter()
            .find_map(|room| {
                let mut all = steps.into_iter().map(with);
                all.find(|p| divides(p) && p.shared() <= room)
            })
    }

    /// Clocks per unit of depth of one cube, by what it reads and by what it multiplies, in
    /// thousandths.
    pub(crate) fn clocks(&self) -> usize {
        let Tile { bm, bn, .. } = self.tile;
        let read = (bm + bn) * 4 * 1000 / READ;
        let multiplied = bm * bn * 1000 / self.cores.rate();
        read.max(multiplied)
    }
}

impl Side {
    /// Vectors that each unit brings of a step.
    pub(super) const fn passes(&self) -> usize {
        (self.rows * self.width).div_ceil(self.units)
    }

    /// Whether every unit brings as many.
    pub(super) const fn is_exact(&self) -> bool {
        (self.rows * self.width).is_multiple_of(self.units)
    }

    /// Vectors of a step in shared memory.
    pub(super) const fn room(&self) -> usize {
        self.rows * self.pitch
    }
}
