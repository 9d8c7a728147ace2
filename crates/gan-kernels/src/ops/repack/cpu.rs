//! The CPU's [`Repack`]: copies of what overlaps of each pair of rows.

use super::Repack;
use crate::Real;
use crate::native::Native;

#[track_caller]
pub(crate) fn run<T: Real>(_native: &Native<T>, mut op: Repack<'_, Native<T>>) {
    let values = op.check();
    let (from, to) = (op.x.shape().1, op.y.shape().1);
    let mut at = 0;
    while at < values {
        let (x, y) = (at % from, at % to);
        let len = (from - x).min(to - y);
        let x = &op.x.row(at / from)[x..x + len];
        op.y.row(at / to)[y..y + len].copy_from_slice(x);
        at += len;
    }
}
