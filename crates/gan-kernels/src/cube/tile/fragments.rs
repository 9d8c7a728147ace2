//! A tile by tensor cores whose fragments the runtime fills.

use cubecl::prelude::*;

use super::factors::{Walks, bring, end_step, fetch};
use super::shape::Side;
use super::{Along, ExtraRow, Factor, Fragment, Operand, Product, Stage, Vec4, share_of_plane};

/// The groups' tiles into `stage`, one behind the other; a barrier has yet to follow.
///
/// Operands wait in shared memory as they lie in global memory, and each fragment is read from
/// there by rows or by columns, so that none is transposed.
#[cube]
#[allow(clippy::too_many_arguments)]
pub(super) fn by_fragments(
    a: &Operand<Vec4>,
    extra: &ExtraRow,
    b: &Operand<Vec4>,
    walks: &mut Walks,
    stage: &mut Stage,
    #[comptime] p: Product,
    #[comptime] f: Fragment,
) {
    let t = comptime!(p.tile);
    let groups = comptime!(p.groups());
    let (group, row, col) = share_of_plane(UNIT_POS as usize / f.plane, p);

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
    let begin = walks.begin;
    fetch(a, extra, b, walks, begin, p);
    for step in begin..walks.end {
        let (a_at, b_at) = bring(a, extra, b, walks, stage, step, p);
        // All units of a plane are in one group, and a plane without a share goes on to wait.
        if group < groups {
            #[unroll]
            for share in 0..comptime!(p.share()) {
                let k = (group * comptime!(p.share()) + share) * f.k;
                let rows = fragments(&stage.a, a_at, row, k, p.a(), p, f, true);
                let columns = fragments(&stage.b, b_at, col, k, p.b(), p, f, false);
                multiply(&rows, &columns, &acc, p, f);
            }
        }
        end_step(p);
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
                    &mut stage.c[at..end],
                    acc.index(comptime!(i * (t.pn / f.n) + j)),
                    comptime!(t.bn as u32),
                    cmma::MatrixLayout::RowMajor,
                );
            }
        }
    }
}

/// Adds the products of a plane's fragments to its elements.
///
/// Of factors in two parts the small products come first, and that of both small parts not at all.
#[cube]
fn multiply(
    rows: &Sequence<cmma::Matrix<Factor>>,
    columns: &Sequence<cmma::Matrix<Factor>>,
    acc: &Sequence<cmma::Matrix<f32>>,
    #[comptime] p: Product,
    #[comptime] f: Fragment,
) {
    let (down, across) = comptime!((p.tile.pm / f.m, p.tile.pn / f.n));
    #[unroll]
    for i in 0..down {
        #[unroll]
        for j in 0..across {
            let c = acc.index(comptime!(i * across + j));
            if comptime!(p.precision.parts() > 1) {
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
fn fragments(
    stage: &[Vector<Factor, Const<4>>],
    at: usize,
    free: usize,
    k: usize,
    #[comptime] side: Side,
    #[comptime] p: Product,
    #[comptime] f: Fragment,
    #[comptime] is_a: bool,
) -> Sequence<cmma::Matrix<Factor>> {
    let (count, each) = comptime!(if is_a {
        (p.tile.pm, f.m)
    } else {
        (p.tile.pn, f.n)
    });
    // A's rows and B's columns are what is not summed over.
    let (ident, layout) = comptime!(match (side.along, is_a) {
        (Along::Depth, true) => (cmma::MatrixIdent::A, cmma::MatrixLayout::RowMajor),
        (Along::Free, true) => (cmma::MatrixIdent::A, cmma::MatrixLayout::ColMajor),
        (Along::Depth, false) => (cmma::MatrixIdent::B, cmma::MatrixLayout::ColMajor),
        (Along::Free, false) => (cmma::MatrixIdent::B, cmma::MatrixLayout::RowMajor),
    });
    let mut all = Sequence::<cmma::Matrix<Factor>>::new();
    #[unroll]
    for part in 0..comptime!(p.precision.parts()) {
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
                unsafe { cmma::Matrix::<Factor>::uninitialized(ident, f.m, f.n, f.k, layout) };
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
