//! TBD
use super::LinearBwdParams;
use crate::cube::Cube;
pub(crate) fn run(_cube: &Cube, _op: LinearBwdParams<'_, Cube>) {
    unimplemented!()
}
