//! The CPU's [`LinearLogitLoss`]: its three operations one after the other.

use super::LinearLogitLoss;
use crate::native::Native;
use crate::{Backend, Real};

#[track_caller]
pub(crate) fn run<T: Real>(native: &Native<T>, mut op: LinearLogitLoss<'_, Native<T>>) {
    native.linear_fwd(op.forward());
    native.logit_loss(op.loss());
    if let Some(backward) = op.backward() {
        native.linear_bwd_data(backward);
    }
}
