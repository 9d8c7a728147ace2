//! One tile of a product: the lowest floor of every matrix kernel, which knows nothing of what
//! follows the product.
//!
//! A cube computes `bm × bn` elements of C = A·B.
//! Its units form `split` groups, each of which takes its share of the depth of every step, so that
//! the few tiles of a small minibatch still keep the device busy.
//! Operands are read in vectors of four along their rows, whose stride is a multiple of four and
//! whose padding is zero.

mod cores;
mod units;

use cubecl::prelude::*;
use cubecl::tf32;
use half::{bf16, f16};

pub(crate) use cores::Fragment;
use cores::on_cores;
use units::on_units;

/// Four neighbouring elements of a row.
pub(crate) type Vec4 = Vector<f32, Const<4>>;

/// Bytes at multiples of which shared memory begins that tensor cores read or write.
pub(crate) const ALIGNMENT: usize = 32;

/// The shape of a tile, in elements.
#[derive_cube_comptime]
pub(crate) struct Tile {
    /// Rows of C per cube.
    pub(crate) bm: usize,
    /// Columns of C per cube.
    pub(crate) bn: usize,
    /// Depth per step and group.
    pub(crate) bk: usize,
    /// Rows per unit.
    pub(crate) tm: usize,
    /// Columns per unit.
    pub(crate) tn: usize,
    /// Groups of units.
    pub(crate) split: usize,
}

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
    /// A column of its own: see [`product_beside`].
    Column,
}

/// How factors are rounded before they are multiplied.
#[derive_cube_comptime]
pub(crate) enum Rounding {
    /// Not at all.
    None,
    /// To this many bits of mantissa.
    Bits(u32),
}

/// What multiplies.
#[derive_cube_comptime]
pub(crate) enum Cores {
    /// Each unit by itself, in f32.
    Units,
    /// Tensor cores, on factors of 10 bits of mantissa, summing in f32.
    Tf32(Fragment),
    /// Likewise, of 7 bits.
    Bf16(Fragment),
    /// Likewise, of 10 bits, and 5 of exponent.
    F16(Fragment),
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

impl Tile {
    /// Units of one group.
    pub(crate) const fn group(&self) -> usize {
        self.bm / self.tm * (self.bn / self.tn)
    }

    /// Units of a cube.
    pub(crate) const fn units(&self) -> usize {
        self.group() * self.split
    }

    /// Depth of one step of all groups.
    pub(crate) const fn step(&self) -> usize {
        self.bk * self.split
    }

    /// Rows and vectors per row of an operand with `free` rows or columns in shared memory.
    const fn staged(&self, along: Along, free: usize) -> (usize, usize) {
        match along {
            Along::Depth => (free, self.step() / 4),
            Along::Free => (self.step(), free / 4),
        }
    }

    /// Vectors that each row of an operand is longer in shared memory, for units that read it.
    ///
    /// Neighbouring rows along the depth then lie in other banks.
    const fn padding(&self, along: Along) -> usize {
        match along {
            Along::Depth => 1,
            Along::Free => 0,
        }
    }

    /// Vectors of an operand in shared memory, with so much padding.
    const fn room(&self, along: Along, free: usize, padding: usize) -> usize {
        let (rows, width) = self.staged(along, free);
        rows * (width + padding)
    }
}

impl Product {
    /// Vectors of shared memory that [`product`] needs; C stands in the first `bm·bn/4` afterwards.
    pub(crate) fn stage(&self) -> usize {
        let t = self.tile;
        let c = t.bm * t.bn / 4;
        let room = |along, free| t.room(along, free, t.padding(along));
        match self.cores {
            Cores::Units => c.max(room(self.a, t.bm) + room(self.b, t.bn)),
            Cores::Tf32(f) | Cores::Bf16(f) | Cores::F16(f) => c * f.groups(t),
        }
    }
}

/// Where an operand lies: its first vector, vectors from row to row, and how many rows or columns
/// it has.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) first: u32,
    pub(crate) stride: u32,
    pub(crate) free: u32,
}

/// The tile of C whose first element is (`row0`, `col0`), both multiples of four, into the first
/// `bm·bn/4` vectors of `stage`, row by row.
///
/// Every unit of the cube must come here; it ends with a barrier.
#[cube]
#[allow(clippy::too_many_arguments)]
pub(crate) fn product(
    a: &[Vec4],
    b: &[Vec4],
    stage: &mut [Vec4],
    a_place: &Place,
    b_place: &Place,
    depth: u32,
    row0: usize,
    col0: usize,
    #[comptime] p: Product,
) {
    // Without a column of its own A's one more row reads nothing.
    product_beside(
        a, b, a, stage, a_place, b_place, a_place, depth, row0, col0, p,
    );
}

/// The same where A has one more row, the first element of each row of `extra`.
#[cube]
#[allow(clippy::too_many_arguments)]
pub(crate) fn product_beside(
    a: &[Vec4],
    b: &[Vec4],
    extra: &[Vec4],
    stage: &mut [Vec4],
    a_place: &Place,
    b_place: &Place,
    extra_place: &Place,
    depth: u32,
    row0: usize,
    col0: usize,
    #[comptime] p: Product,
) {
    let depth = depth as usize;
    match p.cores {
        Cores::Units => on_units(
            a,
            b,
            extra,
            stage,
            a_place,
            b_place,
            extra_place,
            depth,
            row0,
            col0,
            p,
        ),
        Cores::Tf32(f) => {
            on_cores::<tf32>(
                a,
                b,
                extra,
                stage,
                a_place,
                b_place,
                extra_place,
                depth,
                row0,
                col0,
                p,
                f,
            );
        }
        Cores::Bf16(f) => {
            on_cores::<bf16>(
                a,
                b,
                extra,
                stage,
                a_place,
                b_place,
                extra_place,
                depth,
                row0,
                col0,
                p,
                f,
            );
        }
        Cores::F16(f) => {
            on_cores::<f16>(
                a,
                b,
                extra,
                stage,
                a_place,
                b_place,
                extra_place,
                depth,
                row0,
                col0,
                p,
                f,
            );
        }
    }
}

/// Copies one step of an operand into `stage` from vector `at` on, zeros where it ends.
#[cube]
#[allow(clippy::too_many_arguments)]
fn load<E: Float>(
    global: &[Vec4],
    extra: &[Vec4],
    stage: &mut [Vector<E, Const<4>>],
    at: usize,
    place: &Place,
    extra_place: &Place,
    free0: usize,
    depth0: usize,
    depth: usize,
    #[comptime] along: Along,
    #[comptime] free_size: usize,
    #[comptime] padding: usize,
    #[comptime] t: Tile,
    #[comptime] kind: Extra,
    #[comptime] rounding: Rounding,
) {
    let (rows, width) = comptime!(t.staged(along, free_size));
    let pitch = comptime!(width + padding);
    let free = place.free as usize;
    let (row0, row_end, col0, cols) = match along {
        Along::Depth => (free0, free, depth0 / 4, depth.div_ceil(4)),
        Along::Free => (depth0, depth, free0 / 4, free.div_ceil(4)),
    };
    let units = comptime!(t.units());
    #[unroll]
    for pass in 0..comptime!((width * rows).div_ceil(units)) {
        let e = UNIT_POS as usize + pass * units;
        if comptime!((width * rows) % units == 0) || e < width * rows {
            let row = row0 + e / width;
            let col = col0 + e % width;
            let mut v = Vec4::new(0.0f32);
            if row < row_end && col < cols {
                v = global[place.first as usize + row * place.stride as usize + col];
            }
            if comptime!(kind != Extra::None) {
                let here = row < row_end && col == free / 4;
                if here {
                    let mut one = 1.0f32;
                    if comptime!(kind == Extra::Column) {
                        let at = extra_place.first as usize + row * extra_place.stride as usize;
                        one = extra[at].extract(0usize);
                    }
                    #[unroll]
                    for lane in 0..4usize {
                        if lane == free % 4 {
                            v.insert(lane, one);
                        }
                    }
                }
            }
            let v = round(v, rounding);
            stage[at + e / width * pitch + e % width] = Vector::<E, Const<4>>::cast_from(v);
        }
    }
}

/// Rounds to the nearest, ties to even.
#[cube]
fn round(v: Vec4, #[comptime] rounding: Rounding) -> Vec4 {
    match rounding {
        Rounding::None => v,
        Rounding::Bits(bits) => {
            let dropped = comptime!(23 - bits);
            let words = Vector::<u32, Const<4>>::reinterpret(v);
            let odd = (words >> Vector::new(dropped)) & Vector::new(1u32);
            let half = Vector::new(comptime!((1u32 << (dropped - 1)) - 1));
            let kept = Vector::new(comptime!(!((1u32 << dropped) - 1)));
            Vec4::reinterpret((words + half + odd) & kept)
        }
    }
}

/// Zeros beyond the last column: padding stays zero.
#[cube]
pub(crate) fn within(v: Vec4, column4: usize, columns: usize) -> Vec4 {
    let mut kept = v;
    if column4 * 4 + 4 > columns {
        #[unroll]
        for lane in 0..4usize {
            if column4 * 4 + lane >= columns {
                kept.insert(lane, 0.0f32);
            }
        }
    }
    kept
}

/// Element `at` of vectors.
#[cube]
pub(crate) fn element(vectors: &[Vec4], at: usize) -> f32 {
    let v = vectors[at / 4];
    let lane = at % 4;
    let mut value = v.extract(0usize);
    #[unroll]
    for other in 1..4usize {
        value = select(lane == other, v.extract(other), value);
    }
    value
}
