//! A tile by tensor cores whose fragments the runtime fills.

use cubecl::prelude::*;

use super::{Along, Fragment, Place, Product, Side, Vec4, Walk, fetch, put};

/// The groups' tiles into `stage`, one behind the other; a barrier has yet to follow.
///
/// Operands wait in shared memory as they lie in global memory, and each fragment is read from
/// there by rows or by columns, so that none is transposed.
#[cube]
#[allow(clippy::too_many_arguments)]
pub(super) fn by_fragments<E: Float>(
    a: &[Vec4],
    b: &[Vec4],
    extra: &[Vec4],
    extra_place: &Place,
    a_walk: &mut Walk,
    b_walk: &mut Walk,
    a_stage: &mut [Vector<E, Const<4>>],
    b_stage: &mut [Vector<E, Const<4>>],
    stage: &mut [Vec4],
    depth: usize,
    #[comptime] p: Product,
    #[comptime] f: Fragment,
) {
    let t = comptime!(p.tile);
    let parts = comptime!(p.cores.parts());
    let (a_side, b_side) = comptime!((p.a(), p.b()));
    let groups = comptime!(p.groups());
    let plane = UNIT_POS as usize / f.plane;
    let group = plane / comptime!(p.regions());
    let region = plane % comptime!(p.regions());
    let row = region / comptime!(t.bn / t.pn) * t.pm;
    let col = region % comptime!(t.bn / t.pn) * t.pn;

    let mut acc = Sequence::<cmma::Matrix<f32>>::new();
    #[unroll]
    for _i in 0..comptime!(t.pm / f.m * (t.pn / f.n)) {
        acc.push(cmma::Matrix::<f32>::from_value(
            cmma::MatrixIdent::Accumulator,
            f.m,
            f.n,
            f.k,
            cmma::MatrixLayout::Undefined,
            0.0f32,
        ));
    }
    fetch(a, extra, extra_place, a_walk, 0usize, depth, a_side);
    fetch(b, extra, extra_place, b_walk, 0usize, depth, b_side);
    for step in 0..depth.div_ceil(t.step) {
        let a_at = step % t.buffers * comptime!(a_side.room() * parts);
        let b_at = step % t.buffers * comptime!(b_side.room() * parts);
        put::<E>(&*a_walk, a_stage, a_at, a_side, p);
        put::<E>(&*b_walk, b_stage, b_at, b_side, p);
        sync_cube();
        // Behind the last step it reads nothing.
        fetch(a, extra, extra_place, a_walk, step + 1, depth, a_side);
        fetch(b, extra, extra_place, b_walk, step + 1, depth, b_side);
        // All units of a plane are in one group, and a plane without a share goes on to wait.
        if group < groups {
            #[unroll]
            for share in 0..comptime!(p.share()) {
                let k = (group * comptime!(p.share()) + share) * f.k;
                let rows = fragments::<E>(&*a_stage, a_at, row, k, t.pm, a_side, f, true, parts);
                let columns =
                    fragments::<E>(&*b_stage, b_at, col, k, t.pn, b_side, f, false, parts);
                multiply::<E>(&rows, &columns, &acc, t.pm / f.m, t.pn / f.n, parts);
            }
        }
        // With a buffer more, the next step is written beside what others still read.
        if comptime!(t.buffers == 1) {
            sync_cube();
        }
    }
    let c = comptime!(t.vectors());
    if group < groups {
        #[unroll]
        for i in 0..comptime!(t.pm / f.m) {
            #[unroll]
            for j in 0..comptime!(t.pn / f.n) {
                let at = group * c + ((row + i * f.m) * t.bn + col + j * f.n) / 4;
                let end = comptime!(c * groups);
                cmma::store(
                    &mut stage[at..end],
                    acc.index(comptime!(i * (t.pn / f.n) + j)),
                    comptime!(t.bn as u32),
                    cmma::MatrixLayout::RowMajor,
                );
            }
        }
    }
}

/// Adds the products of a plane's fragments, `down` of A by `across` of B, to its elements.
///
/// Of factors in two parts the small products come first, and that of both small parts not at all.
#[cube]
fn multiply<E: Float>(
    rows: &Sequence<cmma::Matrix<E>>,
    columns: &Sequence<cmma::Matrix<E>>,
    acc: &Sequence<cmma::Matrix<f32>>,
    #[comptime] down: usize,
    #[comptime] across: usize,
    #[comptime] parts: usize,
) {
    #[unroll]
    for i in 0..down {
        #[unroll]
        for j in 0..across {
            let c = acc.index(comptime!(i * across + j));
            if comptime!(parts > 1) {
                let low = rows.index(comptime!(down + i));
                cmma::execute(low, columns.index(j), c, c);
                let low = columns.index(comptime!(across + j));
                cmma::execute(rows.index(i), low, c, c);
            }
            cmma::execute(rows.index(i), columns.index(j), c, c);
        }
    }
}

/// The fragments of a plane's rows of A, or columns of B, from `free` on at depth `k`; of factors
/// in two parts, those of the first and then those of the second.
#[cube]
#[allow(clippy::too_many_arguments)]
fn fragments<E: Float>(
    stage: &[Vector<E, Const<4>>],
    at: usize,
    free: usize,
    k: usize,
    #[comptime] count: usize,
    #[comptime] side: Side,
    #[comptime] f: Fragment,
    #[comptime] is_a: bool,
    #[comptime] parts: usize,
) -> Sequence<cmma::Matrix<E>> {
    let each = comptime!(if is_a { f.m } else { f.n });
    // A's rows and B's columns are what is not summed over.
    let (ident, layout) = comptime!(match (side.along, is_a) {
        (Along::Depth, true) => (cmma::MatrixIdent::A, cmma::MatrixLayout::RowMajor),
        (Along::Free, true) => (cmma::MatrixIdent::A, cmma::MatrixLayout::ColMajor),
        (Along::Depth, false) => (cmma::MatrixIdent::B, cmma::MatrixLayout::ColMajor),
        (Along::Free, false) => (cmma::MatrixIdent::B, cmma::MatrixLayout::RowMajor),
    });
    let mut all = Sequence::<cmma::Matrix<E>>::new();
    #[unroll]
    for part in 0..parts {
        #[unroll]
        for i in 0..comptime!(count / each) {
            let free = free + i * each;
            let at = at + comptime!(part * side.room());
            let first = match side.along {
                Along::Depth => at + free * side.pitch + k / 4,
                Along::Free => at + k * side.pitch + free / 4,
            };
            let end = stage.len();
            // SAFETY: it is loaded before anything reads it.
            let mut fragment =
                unsafe { cmma::Matrix::<E>::uninitialized(ident, f.m, f.n, f.k, layout) };
            cmma::load(
                &mut fragment,
                &stage[first..end],
                comptime!(4 * side.pitch as u32),
            );
            all.push(fragment);
        }
    }
    all
}
