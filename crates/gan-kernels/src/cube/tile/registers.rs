//! A tile by tensor cores whose registers are filled here, as PTX's `mma` lays them out.
//!
//! One instruction adds the product of 16 rows and 8 columns over a depth of 8 words to a plane of
//! 32 units.
//! Unit 4·g + t holds, of a factor, rows or columns g (and g + 8 of A) at the words of depth t and
//! t + 4; and, of the sum, rows g and g + 8 at columns 2t and 2t + 1.
//!
//! Which row, column or depth of the tile is meant by which of the instruction's is free, as long
//! as both factors and the sum agree.
//! Here unit 4·g + t takes rows and columns `4·g .. 4·g + 4` of a block of 32, and depths
//! `4·t .. 4·t + 4` of a block of 16: vectors of four, however an operand lies, and vectors of four
//! of the sum.
//! Columns of C are the instruction's rows: pairs of words from one row of A are the two registers
//! of its second factor as they are read, where four registers of the first have to be put together.

use cubecl::prelude::*;

use super::factors::{Walks, bring, end_step, fetch, slot};
use super::shape::{BLOCK, BLOCK_DEPTH, Side};
use super::units::zeros;
use super::{Along, Cores, ExtraRow, Factor, Operand, Product, Stage, Vec4, share_of_plane};

/// The groups' tiles into `stage`, one behind the other; a barrier has yet to follow.
#[cube]
pub(super) fn by_registers(
    a: &Operand<Vec4>,
    extra: &ExtraRow,
    b: &Operand<Vec4>,
    walks: &mut Walks,
    stage: &mut Stage,
    #[comptime] p: Product,
) {
    let t = comptime!(p.tile);
    let groups = comptime!(p.groups());
    let (group, row, col) = share_of_plane(UNIT_POS as usize / 32, p);

    let mut acc = zeros(comptime!(t.pm * t.pn / 32));
    let begin = walks.begin;
    fetch(a, extra, b, walks, begin, p);
    for step in begin..walks.end {
        let (a_at, b_at) = bring(a, extra, b, walks, stage, step, p);
        // A plane without a share goes on to wait, unless it has to hand over numbers.
        if comptime!(p.cores == Cores::Emulated) || group < groups {
            #[unroll]
            for share in 0..comptime!(p.share()) {
                let block = group % groups * comptime!(p.share()) + share;
                let rows = blocks(&stage.a, a_at, row, block, t.pm, p.a());
                let columns = blocks(&stage.b, b_at, col, block, t.pn, p.b());
                if comptime!(p.precision.parts() > 1) {
                    let a_at = a_at + comptime!(p.a().room());
                    let b_at = b_at + comptime!(p.b().room());
                    let low = blocks(&stage.a, a_at, row, block, t.pm, p.a());
                    multiply(&low, &columns, &mut acc, &mut stage.exchange, p);
                    let low = blocks(&stage.b, b_at, col, block, t.pn, p.b());
                    multiply(&rows, &low, &mut acc, &mut stage.exchange, p);
                }
                multiply(&rows, &columns, &mut acc, &mut stage.exchange, p);
            }
        }
        end_step(p);
    }
    if group < groups {
        store(&mut stage.c, &acc, group, row, col, p);
    }
}

/// A unit's part of an operand's `count` rows or columns from `free` on, over a block of
/// depth: four vectors of each block, see [`element`].
#[cube]
fn blocks(
    stage: &[Vector<Factor, Const<4>>],
    at: usize,
    free: usize,
    block: usize,
    #[comptime] count: usize,
    #[comptime] side: Side,
) -> Array<Vector<Factor, Const<4>>> {
    let lane = UNIT_POS as usize % 32;
    let (g, t) = (lane / 4, lane % 4);
    let mut values = Array::<Vector<Factor, Const<4>>>::new(comptime!(count / 8));
    #[unroll]
    for i in 0..comptime!(count / BLOCK) {
        let free = free + i * BLOCK;
        #[unroll]
        for q in 0..4usize {
            let slot = match side.along {
                Along::Depth => slot(
                    free + 4 * g + q,
                    block * comptime!(BLOCK_DEPTH / 4) + t,
                    side,
                ),
                Along::Free => slot(block * BLOCK_DEPTH + 4 * t + q, free / 4 + g, side),
            };
            values[comptime!(i * 4 + q)] = stage[at + slot];
        }
    }
    values
}

/// Row or column `q` of a unit's four of a block, at its depth `d`.
#[cube]
fn element(
    values: &Array<Vector<Factor, Const<4>>>,
    #[comptime] block: usize,
    #[comptime] q: usize,
    #[comptime] d: usize,
    #[comptime] along: Along,
) -> Factor {
    match along {
        Along::Depth => values[comptime!(block * 4 + q)].extract(d),
        Along::Free => values[comptime!(block * 4 + d)].extract(q),
    }
}

/// Adds the products of a plane's rows of A and columns of B over a block of depth.
#[cube]
fn multiply(
    rows: &Array<Vector<Factor, Const<4>>>,
    columns: &Array<Vector<Factor, Const<4>>>,
    acc: &mut Array<f32>,
    exchange: &mut [f32],
    #[comptime] p: Product,
) {
    let packed = comptime!(p.precision.packed());
    let size!(N) = packed;
    let a = registers::<N>(columns, true, p);
    let b = registers::<N>(rows, false, p);
    if comptime!(p.cores == Cores::Emulated) {
        emulate::<N>(&a, &b, acc, exchange, p);
    } else {
        let (down, across) = comptime!((p.tile.pn / 16, p.tile.pm / 8));
        let instruction =
            cmma::MmaDefinition::<Factor, Factor, f32>::new(16usize, 8usize, 8 * packed);
        #[unroll]
        for s in 0..comptime!(2 / packed) {
            #[unroll]
            for i in 0..down {
                let a = some::<Vector<Factor, N>>(&a, comptime!((s * down + i) * 4), 4usize);
                #[unroll]
                for j in 0..across {
                    let b = some::<Vector<Factor, N>>(&b, comptime!((s * across + j) * 2), 2usize);
                    let at = comptime!((i * across + j) * 4);
                    let mut c = Array::<Vector<f32, Const<2>>>::new(2usize);
                    #[unroll]
                    for r in 0..2usize {
                        let mut pair = Vector::<f32, Const<2>>::empty();
                        pair.insert(0usize, acc[comptime!(at + 2 * r)]);
                        pair.insert(1usize, acc[comptime!(at + 2 * r + 1)]);
                        c[r] = pair;
                    }
                    let c = instruction.execute(&a, &b, &c);
                    #[unroll]
                    for r in 0..2usize {
                        acc[comptime!(at + 2 * r)] = c[r].extract(0usize);
                        acc[comptime!(at + 2 * r + 1)] = c[r].extract(1usize);
                    }
                }
            }
        }
    }
}

/// The registers of a unit's part of a block: of an instruction's first factor, our B, rows g and
/// g + 8, then both again four words deeper; of its second, our A, a column, and again.
#[cube]
fn registers<N: Size>(
    values: &Array<Vector<Factor, Const<4>>>,
    #[comptime] is_a: bool,
    #[comptime] p: Product,
) -> Array<Vector<Factor, N>> {
    let packed = comptime!(p.precision.packed());
    // Instructions side by side, registers of each, and how many of those lie at one depth.
    let (count, each, flat) = comptime!(if is_a {
        (p.tile.pn / 16, 4, 2)
    } else {
        (p.tile.pm / 8, 2, 1)
    });
    let along = comptime!(if is_a { p.b } else { p.a });
    let mut all = Array::<Vector<Factor, N>>::new(comptime!(2 / packed * count * each));
    #[unroll]
    for s in 0..comptime!(2 / packed) {
        #[unroll]
        for i in 0..count {
            #[unroll]
            for r in 0..each {
                // Of the four rows or columns of block i · flat / 4.
                let free = comptime!(i * flat + r % flat);
                let mut register = Vector::<Factor, N>::empty();
                #[unroll]
                for e in 0..packed {
                    let d = comptime!((s * 2 + r / flat) * packed + e);
                    let (block, q) = comptime!((free / 4, free % 4));
                    register.insert(e, element(values, block, q, d, along));
                }
                all[comptime!((s * count + i) * each + r)] = register;
            }
        }
    }
    all
}

/// `count` elements from `first` on.
#[cube]
fn some<T: CubePrimitive>(
    all: &Array<T>,
    #[comptime] first: usize,
    #[comptime] count: usize,
) -> Array<T> {
    let mut some = Array::<T>::new(count);
    #[unroll]
    for i in 0..count {
        some[i] = all[comptime!(first + i)];
    }
    some
}

/// The work of the instructions on a plane's registers, by its units; every unit of the cube
/// must come here.
#[cube]
fn emulate<N: Size>(
    a: &Array<Vector<Factor, N>>,
    b: &Array<Vector<Factor, N>>,
    acc: &mut Array<f32>,
    exchange: &mut [f32],
    #[comptime] p: Product,
) {
    let packed = comptime!(p.precision.packed());
    let (down, across) = comptime!((p.tile.pn / 16, p.tile.pm / 8));
    let unit = UNIT_POS as usize;
    let lane = unit % 32;
    let (plane, g, t) = (unit - lane, lane / 4, lane % 4);
    // Four registers of the first factor, then two of the second.
    let each = comptime!(6 * packed);
    for instruction in 0..comptime!(2 / packed * down * across) {
        let (i, j) = (instruction / across, instruction % across);
        let s = i / down;
        for r in 0..6usize {
            let register = if r < 4 {
                a[i * 4 + r]
            } else {
                b[(s * across + j) * 2 + r - 4]
            };
            #[unroll]
            for e in 0..packed {
                exchange[unit * each + r * packed + e] = f32::cast_from(register.extract(e));
            }
        }
        sync_cube();
        for c in 0..4usize {
            let (r, half) = (c / 2, c % 2);
            let mut sum = 0.0f32;
            for k in 0..comptime!(8 * packed) {
                let (word, e) = (k / packed, k % packed);
                let holder = plane + 4 * g + word % 4;
                let x = exchange[holder * each + (word / 4 * 2 + r) * packed + e];
                let holder = plane + 4 * (2 * t + half) + word % 4;
                let y = exchange[holder * each + (4 + word / 4) * packed + e];
                sum += x * y;
            }
            acc[(i % down * across + j) * 4 + c] += sum;
        }
        sync_cube();
    }
}

/// A plane's sums into its group's tile.
#[cube]
fn store(
    stage: &mut [Vec4],
    acc: &Array<f32>,
    group: usize,
    row: usize,
    col: usize,
    #[comptime] p: Product,
) {
    let t = comptime!(p.tile);
    let lane = UNIT_POS as usize % 32;
    let first = group * comptime!(t.vectors());
    let across = comptime!(t.pm / 8);
    #[unroll]
    for j in 0..across {
        #[unroll]
        for half in 0..2usize {
            let row = row + comptime!(j / 4 * BLOCK + j % 4) + 4 * (2 * (lane % 4) + half);
            #[unroll]
            for block in 0..comptime!(t.pn / BLOCK) {
                // The instruction's rows g and g + 8, of two instructions.
                let mut v = Vec4::empty();
                #[unroll]
                for q in 0..4usize {
                    let tile = comptime!((block * 2 + q / 2) * across + j);
                    v.insert(q, acc[comptime!(tile * 4 + q % 2 * 2 + half)]);
                }
                let col4 = (col + block * BLOCK) / 4 + lane / 4;
                stage[first + row * comptime!(t.bn / 4) + col4] = v;
            }
        }
    }
}
