//! TBD
use super::LinearBwdData;
use crate::cube::Cube;
pub(crate) fn run(_cube: &Cube, _op: LinearBwdData<'_, Cube>) {
    unimplemented!()
}
