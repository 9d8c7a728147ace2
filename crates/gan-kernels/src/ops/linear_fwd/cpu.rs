//! The CPU's [`LinearFwd`]: one product whose epilogue does the rest.

use std::ops::Range;

use super::LinearFwd;
use crate::native::{
    Epilogue, Mask, Native, Operand, Product, SharedRows, activate, run as product,
};
use crate::{Activation, Real};

#[track_caller]
pub(crate) fn run<T: Real>(native: &Native<T>, mut op: LinearFwd<'_, Native<T>>) {
    let (m, n, k) = op.check();
    let units = n / op.act.pieces();
    let (a, b) = (op.x.operand(), Operand::plain(&op.w.storage, op.w.stride));
    let forward = Forward {
        bias: &op.b.storage[..n],
        act: op.act,
        y: op.y.shared(),
        winners: op
            .winners
            .map(|w| SharedRows::new(&mut w.winners.bytes[w.first * units..], units)),
        mask: op
            .dropout
            .map(|dropout| Mask::new(dropout, op.state, units)),
    };
    product(native, &Product { a, b, m, n, k }, &forward);
}

struct Forward<'a, T> {
    bias: &'a [T],
    act: Activation,
    y: SharedRows<'a, T>,
    winners: Option<SharedRows<'a, u8>>,
    mask: Option<Mask<T>>,
}

impl<T: Real> Epilogue<T> for Forward<'_, T> {
    fn columns_together(&self) -> usize {
        self.act.pieces()
    }

    #[inline(always)]
    fn apply(
        &self,
        rows: Range<usize>,
        cols: Range<usize>,
        tile: &mut [T],
        stride: usize,
        _state: &mut [T],
    ) {
        let bias = &self.bias[cols.clone()];
        let pieces = self.act.pieces();
        let (unit, units) = (cols.start / pieces, cols.len() / pieces);
        for (row, z) in rows.zip(tile.chunks_exact_mut(stride)) {
            let z = &mut z[..cols.len()];
            // SAFETY: each task owns its tiles of Y, and of the winners.
            let y = unsafe { self.y.part(row, unit, units) };
            match &self.winners {
                None => activate(self.act, z, bias, y),
                Some(winners) => {
                    z.iter_mut().zip(bias).for_each(|(z, &b)| *z += b);
                    // SAFETY: as above.
                    maxout(z, pieces, y, unsafe { winners.part(row, unit, units) });
                }
            }
            if let Some(mask) = &self.mask {
                mask.apply(row, unit, y);
            }
        }
    }
}

/// The largest of each unit's pieces, and which it was; the first of equals.
#[inline(always)]
fn maxout<T: Real>(z: &[T], pieces: usize, y: &mut [T], winners: &mut [u8]) {
    // The usual numbers have code of their own, unrolled.
    match pieces {
        2 => maxout_of::<T, 2>(z, y, winners),
        3 => maxout_of::<T, 3>(z, y, winners),
        4 => maxout_of::<T, 4>(z, y, winners),
        5 => maxout_of::<T, 5>(z, y, winners),
        _ => {
            for ((z, y), winner) in z.chunks_exact(pieces).zip(y).zip(winners) {
                (*y, *winner) = largest(z);
            }
        }
    }
}

#[inline(always)]
fn maxout_of<T: Real, const PIECES: usize>(z: &[T], y: &mut [T], winners: &mut [u8]) {
    for ((z, y), winner) in z.as_chunks::<PIECES>().0.iter().zip(y).zip(winners) {
        (*y, *winner) = largest(z);
    }
}

/// Without branches: which piece wins is as good as random.
#[inline(always)]
fn largest<T: Real>(z: &[T]) -> (T, u8) {
    let (mut best, mut winner) = (z[0], 0);
    for (piece, &z) in z.iter().enumerate().skip(1) {
        let better = z > best;
        best = if better { z } else { best };
        winner = if better { piece as u8 } else { winner };
    }
    (best, winner)
}
