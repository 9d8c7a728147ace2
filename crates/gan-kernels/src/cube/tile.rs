//! One tile of a product: the lowest floor of every matrix kernel, which knows nothing of what
//! follows the product.
//!
//! A cube computes `bm × bn` elements of C = A·B.
//! Its units form `split` groups, each of which takes its share of the depth of every step, so that
//! the few tiles of a small minibatch still keep the device busy.
//! Operands are read in vectors of four along their rows, whose stride is a multiple of four and
//! whose padding is zero.

use cubecl::prelude::*;
use cubecl::tf32;
use half::{bf16, f16};

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
    /// Whether A has one more row, of ones.
    pub(crate) ones: bool,
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

/// Vectors that each row of an operand is longer in shared memory, for tensor cores.
///
/// Eight elements keep every row at a multiple of 16 bytes, in other banks than its neighbours.
const CORES_PADDING: usize = 2;

impl Fragment {
    /// Fragments of a tile.
    const fn count(&self, t: Tile) -> usize {
        t.bm / self.m * (t.bn / self.n)
    }

    /// Fragments of one plane.
    const fn per_plane(&self, t: Tile) -> usize {
        self.count(t).div_ceil(t.units() / self.plane)
    }

    /// Groups of planes, each of which takes its share of the depth of every step.
    const fn groups(&self, t: Tile) -> usize {
        let planes = t.units() / self.plane * self.per_plane(t) / self.count(t);
        let shares = t.step() / self.k;
        if planes < shares { planes } else { shares }
    }

    /// Whether fragments and groups divide the tile, its depth and its units.
    pub(crate) const fn divides(&self, t: Tile) -> bool {
        let Self { m, n, k, plane } = *self;
        t.bm.is_multiple_of(m)
            && t.bn.is_multiple_of(n)
            && t.step().is_multiple_of(k)
            && m.is_multiple_of(4)
            && n.is_multiple_of(4)
            && k.is_multiple_of(4)
            && t.units().is_multiple_of(plane)
            && self.count(t).is_multiple_of(self.per_plane(t))
            && (t.step() / k).is_multiple_of(self.groups(t))
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
    let depth = depth as usize;
    match p.cores {
        Cores::Units => on_units(a, b, stage, a_place, b_place, depth, row0, col0, p),
        Cores::Tf32(f) => {
            on_cores::<tf32>(a, b, stage, a_place, b_place, depth, row0, col0, p, f);
        }
        Cores::Bf16(f) => {
            on_cores::<bf16>(a, b, stage, a_place, b_place, depth, row0, col0, p, f);
        }
        Cores::F16(f) => {
            on_cores::<f16>(a, b, stage, a_place, b_place, depth, row0, col0, p, f);
        }
    }
}

/// [`product`] by each unit's own arithmetic.
#[cube]
#[allow(clippy::too_many_arguments)]
fn on_units(
    a: &[Vec4],
    b: &[Vec4],
    stage: &mut [Vec4],
    a_place: &Place,
    b_place: &Place,
    depth: usize,
    row0: usize,
    col0: usize,
    #[comptime] p: Product,
) {
    let t = comptime!(p.tile);
    let a_len = comptime!(t.room(p.a, t.bm, t.padding(p.a)));
    let per_row = comptime!(t.bn / t.tn);
    let unit = UNIT_POS as usize;
    let group = unit / comptime!(t.group());
    let in_group = unit % comptime!(t.group());
    let tx = in_group % per_row;
    let ty = in_group / per_row;

    let mut acc = Array::<f32>::new(comptime!(t.tm * t.tn));
    #[unroll]
    for i in 0..comptime!(t.tm * t.tn) {
        acc[i] = 0.0f32;
    }
    let steps = depth.div_ceil(comptime!(t.step()));
    for step in 0..steps {
        let depth0 = step * comptime!(t.step());
        let (a_padding, b_padding) = comptime!((t.padding(p.a), t.padding(p.b)));
        load::<f32>(
            a, stage, 0usize, a_place, row0, depth0, depth, p.a, t.bm, a_padding, t, p.ones,
            p.rounding,
        );
        load::<f32>(
            b, stage, a_len, b_place, col0, depth0, depth, p.b, t.bn, b_padding, t, false,
            p.rounding,
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

/// [`product`] by tensor cores, on factors rounded to `E`.
///
/// Operands wait in shared memory as they lie in global memory, and each fragment is read from
/// there by rows or by columns, so that none is transposed.
#[cube]
#[allow(clippy::too_many_arguments)]
fn on_cores<E: Float>(
    a: &[Vec4],
    b: &[Vec4],
    stage: &mut [Vec4],
    a_place: &Place,
    b_place: &Place,
    depth: usize,
    row0: usize,
    col0: usize,
    #[comptime] p: Product,
    #[comptime] f: Fragment,
) {
    let t = comptime!(p.tile);
    let groups = comptime!(f.groups(t));
    let per_plane = comptime!(f.per_plane(t));
    let across = comptime!(t.bn / f.n);
    let plane = UNIT_POS as usize / f.plane;
    let group = plane / comptime!(f.count(t) / per_plane);
    let first = plane % comptime!(f.count(t) / per_plane) * per_plane;
    let mut a_stage =
        Shared::<[Vector<E, Const<4>>]>::new_slice(comptime!(t.room(p.a, t.bm, CORES_PADDING)));
    let mut b_stage =
        Shared::<[Vector<E, Const<4>>]>::new_slice(comptime!(t.room(p.b, t.bn, CORES_PADDING)));

    let mut acc = Sequence::<cmma::Matrix<f32>>::new();
    #[unroll]
    for _i in 0..per_plane {
        acc.push(cmma::Matrix::<f32>::from_value(
            cmma::MatrixIdent::Accumulator,
            f.m,
            f.n,
            f.k,
            cmma::MatrixLayout::Undefined,
            0.0f32,
        ));
    }
    let steps = depth.div_ceil(comptime!(t.step()));
    for step in 0..steps {
        let depth0 = step * comptime!(t.step());
        load::<E>(
            a,
            &mut a_stage,
            0usize,
            a_place,
            row0,
            depth0,
            depth,
            p.a,
            t.bm,
            CORES_PADDING,
            t,
            p.ones,
            Rounding::None,
        );
        load::<E>(
            b,
            &mut b_stage,
            0usize,
            b_place,
            col0,
            depth0,
            depth,
            p.b,
            t.bn,
            CORES_PADDING,
            t,
            false,
            Rounding::None,
        );
        sync_cube();
        // All units of a plane are in one group, and a plane without a share goes on to wait.
        if group < groups {
            #[unroll]
            for share in 0..comptime!(t.step() / f.k / groups) {
                let k4 = (group * comptime!(t.step() / f.k / groups) + share) * comptime!(f.k / 4);
                #[unroll]
                for i in 0..per_plane {
                    let row4 = (first + i) / across * comptime!(f.m / 4);
                    let col4 = (first + i) % across * comptime!(f.n / 4);
                    let a =
                        fragment_of::<E>(&a_stage, row4, k4, t.bm, t, f, p.a, cmma::MatrixIdent::A);
                    let b =
                        fragment_of::<E>(&b_stage, col4, k4, t.bn, t, f, p.b, cmma::MatrixIdent::B);
                    let c = acc.index(i);
                    cmma::execute(&a, &b, c, c);
                }
            }
        }
        sync_cube();
    }
    let c = comptime!(t.bm * t.bn / 4);
    if group < groups {
        #[unroll]
        for i in 0..per_plane {
            let row = (first + i) / across * f.m;
            let col4 = (first + i) % across * comptime!(f.n / 4);
            let at = group * c + row * comptime!(t.bn / 4) + col4;
            let end = comptime!(c * groups);
            cmma::store(
                &mut stage[at..end],
                acc.index(i),
                comptime!(t.bn as u32),
                cmma::MatrixLayout::RowMajor,
            );
        }
    }
    sync_cube();
    if comptime!(groups > 1) {
        #[unroll]
        for pass in 0..comptime!(c.div_ceil(t.units())) {
            let e = UNIT_POS as usize + pass * comptime!(t.units());
            if e < c {
                let mut sum = stage[e];
                #[unroll]
                for other in 1..groups {
                    sum += stage[e + other * c];
                }
                stage[e] = sum;
            }
        }
        sync_cube();
    }
}

/// The fragment of an operand in shared memory that begins at row or column `free4` and depth
/// `k4`, both in fours.
#[cube]
#[allow(clippy::too_many_arguments)]
fn fragment_of<E: Float>(
    stage: &[Vector<E, Const<4>>],
    free4: usize,
    k4: usize,
    #[comptime] free_size: usize,
    #[comptime] t: Tile,
    #[comptime] f: Fragment,
    #[comptime] along: Along,
    #[comptime] ident: cmma::MatrixIdent,
) -> cmma::Matrix<E> {
    let (rows, width) = comptime!(t.staged(along, free_size));
    let pitch = comptime!(width + CORES_PADDING);
    let at = match along {
        Along::Depth => free4 * 4 * pitch + k4,
        Along::Free => k4 * 4 * pitch + free4,
    };
    // A's rows and B's columns are what is not summed over.
    let layout = comptime!(match (along, ident == cmma::MatrixIdent::A) {
        (Along::Depth, true) | (Along::Free, false) => cmma::MatrixLayout::RowMajor,
        (Along::Depth, false) | (Along::Free, true) => cmma::MatrixLayout::ColMajor,
    });
    let end = comptime!(rows * pitch);
    // SAFETY: it is loaded before anything reads it.
    let mut fragment = unsafe { cmma::Matrix::<E>::uninitialized(ident, f.m, f.n, f.k, layout) };
    let rest = &stage[at..end];
    cmma::load(&mut fragment, rest, comptime!(4 * pitch as u32));
    fragment
}

/// Copies one step of an operand into `stage` from vector `at` on, zeros where it ends.
#[cube]
#[allow(clippy::too_many_arguments)]
fn load<E: Float>(
    global: &[Vec4],
    stage: &mut [Vector<E, Const<4>>],
    at: usize,
    place: &Place,
    free0: usize,
    depth0: usize,
    depth: usize,
    #[comptime] along: Along,
    #[comptime] free_size: usize,
    #[comptime] padding: usize,
    #[comptime] t: Tile,
    #[comptime] ones: bool,
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
            if comptime!(ones) {
                #[unroll]
                for lane in 0..4usize {
                    if row < row_end && col * 4 + lane == free {
                        v.insert(lane, 1.0f32);
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
                    let pitch = comptime!(t.step() / 4 + t.padding(along));
                    let v = stage[at + row * pitch + depth4];
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
