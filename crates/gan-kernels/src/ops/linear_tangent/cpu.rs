//! The CPU's [`LinearTangent`]: one product whose epilogue takes the slope where the layer was.

use std::ops::Range;

use super::LinearTangent;
use crate::native::{
    Epilogue, Native, Operand, Product, SharedRows, run as product, slope_from_output,
};
use crate::{Activation, Real, Rows};

#[track_caller]
pub(crate) fn run<T: Real>(native: &Native<T>, mut op: LinearTangent<'_, Native<T>>) {
    let (m, n, k) = op.check();
    let units = n / op.act.pieces();
    let tangent = Tangent {
        s: op.s,
        bias: &op.b.storage[..n],
        y: op.y,
        act: op.act,
        winners: op.winners.map(|w| &w.winners.bytes[w.first * units..]),
        units,
        c: op.c_above.shared(),
    };
    let (a, b) = (op.c.operand(), Operand::plain(&op.w.storage, op.w.stride));
    product(native, &Product { a, b, m, n, k }, &tangent);
}

struct Tangent<'a, T: Real> {
    s: Rows<'a, Native<T>>,
    bias: &'a [T],
    y: Rows<'a, Native<T>>,
    act: Activation,
    winners: Option<&'a [u8]>,
    units: usize,
    c: SharedRows<'a, T>,
}

impl<T: Real> Epilogue<T> for Tangent<'_, T> {
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
            let s = self.s.row(row)[0];
            z.iter_mut().zip(bias).for_each(|(z, &b)| *z += s * b);
            // SAFETY: each task owns its tiles of C′.
            let c = unsafe { self.c.part(row, unit, units) };
            match self.winners {
                None => {
                    let y = &self.y.row(row)[cols.clone()];
                    slope_from_output(self.act, y, T::ONE, z, c);
                }
                Some(winners) => {
                    let winners = &winners[row * self.units..][unit..unit + units];
                    let units = c.iter_mut().zip(z.chunks_exact(pieces)).zip(winners);
                    units.for_each(|((c, z), &winner)| *c = z[usize::from(winner)]);
                }
            }
        }
    }
}
