//! One tile of a product: the lowest floor of every matrix kernel, which knows nothing of what
//! follows the product.
//!
//! A cube computes `bm × bn` elements of C = A·B.
//! Its units form `split` groups, each of which takes its share of the depth of every step, so that
//! the few tiles of a small minibatch still keep the device busy.
//! Operands are read in vectors of four along their rows, whose stride is a multiple of four and
//! whose padding is zero.

use cubecl::prelude::*;

/// Four neighbouring elements of a row.
pub(crate) type Vec4 = Vector<f32, Const<4>>;

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

/// How factors are rounded before they are multiplied.
#[derive_cube_comptime]
pub(crate) enum Rounding {
    /// Not at all.
    None,
    /// To this many bits of mantissa.
    Bits(u32),
}

/// What is compiled into a product.
#[derive_cube_comptime]
pub(crate) struct Product {
    pub(crate) tile: Tile,
    pub(crate) a: Along,
    pub(crate) b: Along,
    /// Whether A has one more row, of ones.
    pub(crate) ones: bool,
    pub(crate) rounding: Rounding,
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

    /// Vectors of an operand with `free` rows or columns that wait in shared memory.
    ///
    /// Rows along the depth are one vector longer, so that neighbouring rows lie in other banks.
    const fn staged(&self, along: Along, free: usize) -> usize {
        match along {
            Along::Depth => free * (self.step() / 4 + 1),
            Along::Free => self.step() * free / 4,
        }
    }
}

impl Product {
    /// Vectors of shared memory that [`product`] needs; C stands in the first `bm·bn/4` afterwards.
    pub(crate) fn stage(&self) -> usize {
        let Tile { bm, bn, .. } = self.tile;
        let operands = self.tile.staged(self.a, bm) + self.tile.staged(self.b, bn);
        operands.max(bm * bn / 4)
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
    let t = comptime!(p.tile);
    let a_len = comptime!(t.staged(p.a, t.bm));
    let per_row = comptime!(t.bn / t.tn);
    let unit = UNIT_POS as usize;
    let group = unit / comptime!(t.group());
    let in_group = unit % comptime!(t.group());
    let tx = in_group % per_row;
    let ty = in_group / per_row;
    let depth = depth as usize;

    let mut acc = Array::<f32>::new(comptime!(t.tm * t.tn));
    #[unroll]
    for i in 0..comptime!(t.tm * t.tn) {
        acc[i] = 0.0f32;
    }
    let steps = depth.div_ceil(comptime!(t.step()));
    for step in 0..steps {
        let depth0 = step * comptime!(t.step());
        load(
            a, stage, 0usize, a_place, row0, depth0, depth, p.a, t.bm, t, p.ones, p.rounding,
        );
        load(
            b, stage, a_len, b_place, col0, depth0, depth, p.b, t.bn, t, false, p.rounding,
        );
        sync_cube();
        for four in 0..comptime!(t.bk / 4) {
            let depth4 = group * comptime!(t.bk / 4) + four;
            multiply(&*stage, &mut acc, a_len, depth4, tx, ty, p);
        }
        sync_cube();
    }
    store(stage, &acc, group, tx, ty, t);
}

/// Copies one step of an operand into `stage` from vector `at` on, zeros where it ends.
#[cube]
#[allow(clippy::too_many_arguments)]
fn load(
    global: &[Vec4],
    stage: &mut [Vec4],
    at: usize,
    place: &Place,
    free0: usize,
    depth0: usize,
    depth: usize,
    #[comptime] along: Along,
    #[comptime] free_size: usize,
    #[comptime] t: Tile,
    #[comptime] ones: bool,
    #[comptime] rounding: Rounding,
) {
    let (width, rows) = comptime!(match along {
        Along::Depth => (t.step() / 4, free_size),
        Along::Free => (free_size / 4, t.step()),
    });
    let pitch = comptime!(match along {
        Along::Depth => width + 1,
        Along::Free => width,
    });
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
            if comptime!(ones) {
                #[unroll]
                for lane in 0..4usize {
                    if row < row_end && col * 4 + lane == free {
                        v.insert(lane, 1.0f32);
                    }
                }
            }
            stage[at + e / width * pitch + e % width] = round(v, rounding);
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

/// Adds the products of four steps of depth to a unit's elements.
#[cube]
fn multiply(
    stage: &[Vec4],
    acc: &mut Array<f32>,
    a_len: usize,
    depth4: usize,
    tx: usize,
    ty: usize,
    #[comptime] p: Product,
) {
    let t = comptime!(p.tile);
    let a = fragment(stage, 0usize, depth4, ty, p.a, t.tm, t.bm, t);
    let b = fragment(stage, a_len, depth4, tx, p.b, t.tn, t.bn, t);
    #[unroll]
    for l in 0..4usize {
        #[unroll]
        for i in 0..t.tm {
            #[unroll]
            for j in 0..t.tn {
                let at = comptime!(i * t.tn + j);
                acc[at] = fma(a[comptime!(i * 4 + l)], b[comptime!(j * 4 + l)], acc[at]);
            }
        }
    }
}

/// A unit's rows or columns of an operand over four steps of depth: element `4·i + l` is row i at
/// depth l.
///
/// Row 4·q + r of unit u is row `4·(q·units + u) + r` of the tile.
#[cube]
#[allow(clippy::too_many_arguments)]
fn fragment(
    stage: &[Vec4],
    at: usize,
    depth4: usize,
    u: usize,
    #[comptime] along: Along,
    #[comptime] mine: usize,
    #[comptime] free_size: usize,
    #[comptime] t: Tile,
) -> Array<f32> {
    let units = comptime!(free_size / mine);
    let mut values = Array::<f32>::new(comptime!(mine * 4));
    #[unroll]
    for q in 0..comptime!(mine / 4) {
        #[unroll]
        for r in 0..4usize {
            match along {
                Along::Depth => {
                    let row = (q * units + u) * 4 + r;
                    let v = stage[at + row * comptime!(t.step() / 4 + 1) + depth4];
                    #[unroll]
                    for l in 0..4usize {
                        values[comptime!((q * 4 + r) * 4 + l)] = v.extract(l);
                    }
                }
                Along::Free => {
                    let v = stage[at + (depth4 * 4 + r) * comptime!(free_size / 4) + q * units + u];
                    #[unroll]
                    for i in 0..4usize {
                        values[comptime!((q * 4 + i) * 4 + r)] = v.extract(i);
                    }
                }
            }
        }
    }
    values
}

/// Sums the groups' elements in `stage`, group after group.
#[cube]
fn store(
    stage: &mut [Vec4],
    acc: &Array<f32>,
    group: usize,
    tx: usize,
    ty: usize,
    #[comptime] t: Tile,
) {
    let rows = comptime!(t.bm / t.tm);
    let columns = comptime!(t.bn / t.tn);
    #[unroll]
    for turn in 0..t.split {
        if group == turn {
            #[unroll]
            for i in 0..t.tm {
                let row = (comptime!(i / 4) * rows + ty) * 4 + comptime!(i % 4);
                #[unroll]
                for q in 0..comptime!(t.tn / 4) {
                    let at = row * comptime!(t.bn / 4) + q * columns + tx;
                    let mut v = Vec4::empty();
                    #[unroll]
                    for j in 0..4usize {
                        v.insert(j, acc[comptime!(i * t.tn + q * 4 + j)]);
                    }
                    if comptime!(turn > 0) {
                        v += stage[at];
                    }
                    stage[at] = v;
                }
            }
        }
        sync_cube();
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
