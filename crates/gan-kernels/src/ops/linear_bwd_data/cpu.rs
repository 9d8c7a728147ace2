//! The CPU's [`LinearBwdData`]: one product whose epilogue goes back through the layer below.

use std::ops::Range;

use super::LinearBwdData;
use crate::native::{
    Epilogue, Mask, Native, Operand, Product, SharedRows, run as product, slope_from_output,
};
use crate::{Activation, Real, Rows};

#[track_caller]
pub(crate) fn run<T: Real>(native: &Native<T>, mut op: LinearBwdData<'_, Native<T>>) {
    let (m, k, n) = op.check();
    let w = Operand::plain(&op.w.storage, op.w.stride);
    let (a, b) = (op.dz.operand(), w.transposed());
    let mask = op
        .below
        .dropout
        .map(|dropout| Mask::new(dropout, op.state, k));
    let backward = Backward {
        y: op.below.y,
        act: op.below.act,
        winners: op.below.winners.map(|w| &w.winners.bytes[w.first * k..]),
        inverse_scale: Mask::inverse_scale(mask.as_ref()),
        mask,
        units: k,
        dz: op.dz_below.shared(),
    };
    let (n, k) = (k, n);
    product(native, &Product { a, b, m, n, k }, &backward);
}

struct Backward<'a, T: Real> {
    y: Rows<'a, Native<T>>,
    act: Activation,
    winners: Option<&'a [u8]>,
    mask: Option<Mask<T>>,
    inverse_scale: T,
    units: usize,
    dz: SharedRows<'a, T>,
}

impl<T: Real> Epilogue<T> for Backward<'_, T> {
    fn rows_alone(&self) -> bool {
        false
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
        let pieces = self.act.pieces();
        for (row, dx) in rows.zip(tile.chunks_exact_mut(stride)) {
            let dx = &mut dx[..cols.len()];
            if let Some(mask) = &self.mask {
                mask.apply(row, cols.start, dx);
            }
            // SAFETY: each task owns its units of dZ.
            let dz = unsafe { self.dz.part(row, cols.start * pieces, cols.len() * pieces) };
            match self.winners {
                None => {
                    let y = &self.y.row(row)[cols.clone()];
                    slope_from_output(self.act, y, self.inverse_scale, dx, dz);
                }
                Some(winners) => {
                    let winners = &winners[row * self.units..][cols.clone()];
                    dz.fill(T::ZERO);
                    for (unit, (&dx, &winner)) in dx.iter().zip(winners).enumerate() {
                        dz[unit * pieces + usize::from(winner)] = dx;
                    }
                }
            }
        }
    }
}
